"""How well a catalog and its events fit: diagnostics, the stats of 28 days, a pixel's checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.catalog import edge
from pixelpair.graph.client import as_text
from pixelpair.graph.paging import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph

TYPES: Final = (
    *("AR_VISIBILITY_ISSUES", "ATTRIBUTES_INVALID", "ATTRIBUTES_MISSING", "CATEGORY", "CHECKOUT"),
    *("DA_VISIBILITY_ISSUES", "EVENT_SOURCE_ISSUES", "IMAGE_QUALITY"),
    *("LOW_QUALITY_TITLE_AND_DESCRIPTION", "POLICY_VIOLATION", "SHOPS_VISIBILITY_ISSUES"),
)
SEVERITIES: Final = ("MUST_FIX", "OPPORTUNITY")
CHANNELS: Final = (
    *("b2c_marketplace", "c2c_marketplace", "da", "daily_deals", "daily_deals_legacy"),
    *("ig_product_tagging", "marketplace", "marketplace_ads_deprecated", "marketplace_shops"),
    *("mini_shops", "offline_conversions", "shops", "universal_checkout", "whatsapp"),
)
ENTITIES: Final = ("product_item", "product_catalog", "product_set", "product_event")
FEATURES: Final = ("checkout", "augmented_reality")
CONNECTIONS: Final = ("ALL", "APP", "BROWSER", "SERVER")
CHECKS: Final = ("pixel_missing_dpa_event", "pixel_missing_param_in_events", "pixel_decline")

_COUNTS: Final = (
    "total_matched_content_ids",
    "total_unmatched_content_ids",
    "total_content_ids_matched_other_catalogs",
)
# Below this share of matched ids somebody should look. Ours: Meta names no goal.
GOOD_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """One of Meta's diagnostics: what is wrong, how many items it touches, and where to go.
    `event` and `source`: whose ids they are, where it is about events; `samples`: the content ids,
    Meta's ids or the addresses of some of these items."""

    type: str
    severity: str
    title: str
    subtitle: str
    items: int
    action: str
    link: str
    instructions: tuple[str, ...]
    samples: tuple[str, ...]
    event: str
    source: str
    details: Mapping[str, Any]

    @property
    def blocks(self) -> bool:
        """Whether it has to be fixed. Other severities, those we do not know too, may wait."""
        return self.severity == "MUST_FIX"


@dataclass(frozen=True, slots=True)
class Match:
    """Of one event and source over 28 days: how many content ids matched. Not deduplicated."""

    event: str
    source_id: str
    source_type: str
    device: str
    matched: int
    unmatched: int
    elsewhere: int

    @property
    def share(self) -> float | None:
        """Matched of matched and unmatched. Whether `unmatched` holds those that matched another
        catalog, no document says: they stand beside it."""
        known = self.matched + self.unmatched
        return self.matched / known if known else None


def diagnostics(
    graph: Graph, access: Access, catalog_id: str, **filters: Sequence[str]
) -> Iterator[Finding]:
    """Meta's findings, one for each diagnostic of each group; the filters as Meta names them."""
    chosen = {name: as_text(list(values)) for name, values in filters.items() if values}
    for group in edge(graph, access, catalog_id, "diagnostics", chosen):
        details = [d for d in _list(group.get("diagnostics")) if isinstance(d, dict)]
        yield from (_finding(group, detail) for detail in details or [{}])


def _finding(group: Mapping[str, Any], detail: Mapping[str, Any]) -> Finding:
    both = {**group, **{key: value for key, value in detail.items() if value}}
    return Finding(
        type=str(both.get("type", "")),
        severity=str(group.get("severity", "")),
        title=str(group.get("title") or both.get("description") or both.get("type", "")),
        subtitle=str(group.get("subtitle") or detail.get("description") or ""),
        items=_whole(detail.get("number_of_affected_items", group.get("number_of_affected_items"))),
        action=str(both.get("call_to_action") or ""),
        link=str(both.get("action_uri") or both.get("action_url") or ""),
        instructions=tuple(str(word) for word in _list(detail.get("instructions"))),
        event=str(detail.get("event_name") or ""),
        source=" ".join(str(detail[key]) for key in _SOURCE if detail.get(key)),
        samples=tuple(filter(None, map(_sample, _list(detail.get("sample_affected_items"))))),
        details={**group, "diagnostics": detail} if detail else group,
    )


_SOURCE: Final = ("event_source_type", "event_source_id")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _sample(item: object) -> str:
    known = item if isinstance(item, dict) else {}
    return str(known.get("content_id") or known.get("id") or known.get("content_url") or "")


def stats(graph: Graph, access: Access, catalog_id: str, *, by_device: bool = False) -> list[Match]:
    """The last 28 days by event and source. Empty: no events, or no right to see the pixel."""
    params = {"breakdowns": '["device_type"]'} if by_device else {}  # lower case, as in samples
    fields = {"fields": _stat_fields(by_device)}
    return summed(edge(graph, access, catalog_id, "event_stats", {**params, **fields}))


def _stat_fields(by_device: bool) -> str:
    names = ("date_start", "date_stop", "event", "event_source{id,name,source_type}", *_COUNTS)
    return ",".join((*names, "device_type") if by_device else names)


def summed(found: Iterable[Mapping[str, Any]]) -> list[Match]:
    """Days added up: totals can be, distinct counts cannot."""
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    for row in found:
        source = row.get("event_source")
        source = source if isinstance(source, dict) else {}
        named = (row.get("event"), source.get("id"), source.get("source_type"))
        event, source_id, kind = (str(name or "") for name in named)
        key = (event, source_id, kind, str(row.get("device_type") or ""))
        counts = sums.setdefault(key, [0, 0, 0])
        for place, name in enumerate(_COUNTS):
            counts[place] += _whole(row.get(name))
    return [Match(*key, *counts) for key, counts in sums.items()]


def cause(match: Match) -> str:
    """What the counts suggest, or "" where they are good."""
    if match.elsewhere > match.matched:
        return "the ids are in another catalog: link the pixel to that one, or sync this one"
    if match.share is None:
        return "its events have no content ids"
    if match.share == 0:
        return (
            "no id is known: the shop's ids and the feed's differ in form, or the sync is not done"
        )
    if match.share < GOOD_SHARE:
        return "some ids are unknown: new or deleted items, or variants where the feed has groups"
    return ""


def checks(
    graph: Graph,
    access: Access,
    pixel_id: str,
    *,
    names: Sequence[str] = (),
    connection: str | None = None,
) -> list[Mapping[str, Any]]:
    """A pixel's checks for dynamic ads: key, title, result (passed, failed or unavailable)."""
    fields = "key,title,description,result,action_uri,user_message"
    given = {"checks": list(names) or None, "connection_method": connection, "fields": fields}
    return list(rows(graph, access.query(pixel_id, "da_checks", **given)))


def _whole(value: object) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
