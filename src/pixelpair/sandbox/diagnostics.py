"""A catalog's diagnostics, of its items and of the events that should match them. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .event_matches import DAY, match, sightings
from .item_flags import FLAGS
from .paging import page
from .vocabulary import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .asks import Ask
    from .catalogs import Catalog, Catalogs
    from .item_flags import Flag

TYPES = words(
    "AR_VISIBILITY_ISSUES ATTRIBUTES_INVALID ATTRIBUTES_MISSING CATEGORY CHECKOUT "
    "DA_VISIBILITY_ISSUES EVENT_SOURCE_ISSUES IMAGE_QUALITY LOW_QUALITY_TITLE_AND_DESCRIPTION "
    "POLICY_VIOLATION SHOPS_VISIBILITY_ISSUES"
)
CHANNELS = words(
    "b2c_marketplace c2c_marketplace da daily_deals daily_deals_legacy ig_product_tagging "
    "marketplace marketplace_ads_deprecated marketplace_shops mini_shops offline_conversions shops "
    "universal_checkout whatsapp"
)
# Which parameter filters by which field, and what it may say.
FILTERS = {
    "types": ("type", TYPES),
    "severities": ("severity", ("MUST_FIX", "OPPORTUNITY")),
    "affected_channels": ("affected_channels", CHANNELS),
    "affected_entities": (
        "affected_entity",
        ("product_item", "product_catalog", "product_set", "product_event"),
    ),
    "affected_features": ("affected_features", ("checkout", "augmented_reality")),
}
FIELDS = (
    "type",
    "severity",
    "title",
    "subtitle",
    "error_code",
    "number_of_affected_items",
    "number_of_affected_entities",
    "affected_channels",
    "affected_entity",
    "affected_features",
    "diagnostics",
)
MANAGER = "https://business.facebook.com/commerce/catalogs/{}/"
SAMPLE = 10


@dataclass(slots=True)
class Events:
    """What the events of one pixel lack. Counted once per call, for all diagnoses."""

    pixel: str
    names: Counter[str] = field(default_factory=Counter)
    nameless: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    bought: bool = False


def diagnostics(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    wanted = {
        key: (name, params.names(ask.given, key, known)) for key, (name, known) in FILTERS.items()
    }
    every = [*_of_items(catalog), *_of_events(world, catalog, ask.now)]
    found = [one for one in every if all(_fits(one, *pair) for pair in wanted.values())]
    tree = fields(ask, FIELDS, FIELDS)
    return page(found, len(found), ask, lambda one: select(one, tree))


def _fits(group: dict[str, Any], name: str, wanted: set[str]) -> bool:
    have = group[name]
    return not wanted or bool(wanted & set(have if isinstance(have, list) else [have]))


def _of_items(catalog: Catalog) -> Iterator[dict[str, Any]]:
    counts: Counter[int] = Counter()
    samples: dict[int, list[str]] = {}
    for item in catalog.items:
        if item.flags:
            for at in range(len(FLAGS)):
                if item.flags >> at & 1:
                    counts[at] += 1
                    if counts[at] <= SAMPLE:
                        samples.setdefault(at, []).append(str(item.number))
    for at, count in sorted(counts.items()):
        yield _item_group(catalog, FLAGS[at], count, samples[at])


def _item_group(catalog: Catalog, flag: Flag, count: int, sample: list[str]) -> dict[str, Any]:
    inner = {
        "type": flag.name,
        "description": flag.title,
        "call_to_action": flag.hint,
        "action_uri": MANAGER.format(catalog.id),
        "number_of_affected_items": count,
        "sample_affected_items": [{"id": one} for one in sample],
    }
    channels = ["da", "shops", "ig_product_tagging"]
    return _group(flag.type, flag.severity, flag.title, "product_item", channels, count, [inner])


def _of_events(world: Catalogs, catalog: Catalog, now: float) -> Iterator[dict[str, Any]]:
    found = list(_event_diagnoses(world, catalog, now))
    for kind, title in TITLES.items():
        inner = [one for one in found if one["type"] == kind]
        if inner:
            count = sum(one["number_of_affected_items"] for one in inner)
            entity = "product_event"
            yield _group("EVENT_SOURCE_ISSUES", "MUST_FIX", title, entity, ["da"], count, inner)


TITLES = {
    "CATALOG_NOT_CONNECTED_TO_EVENT_SOURCE": "No pixel is linked to this catalog",
    "INVALID_CONTENT_ID": "Events name products that this catalog does not have",
    "DELETED_ITEM": "Events name products that were deleted",
    "NO_CONTENT_ID": "Events name no product",
    "MISSING_EVENT": "No purchase within seven days",
}
ACTIONS = {
    "CATALOG_NOT_CONNECTED_TO_EVENT_SOURCE": "Link the shop's pixel",
    "INVALID_CONTENT_ID": "Send the ids of the catalog, or add the products",
    "DELETED_ITEM": "Say out of stock instead of deleting",
    "NO_CONTENT_ID": "Send content_ids or contents",
    "MISSING_EVENT": "Send Purchase events",
}


def _event_diagnoses(world: Catalogs, catalog: Catalog, now: float) -> Iterator[dict[str, Any]]:
    if not catalog.sources:
        yield _inner(catalog, "CATALOG_NOT_CONNECTED_TO_EVENT_SOURCE", "", 0, [])
    for events in _counted(world, catalog, now):
        for kind in ("INVALID_CONTENT_ID", "DELETED_ITEM"):
            ids = events.unknown if kind == "INVALID_CONTENT_ID" else events.deleted
            if ids:
                sample = [
                    {"content_id": one, "num_events": n} for one, n in ids.most_common(SAMPLE)
                ]
                yield _inner(catalog, kind, events.pixel, len(ids), sample)
        for name, count in sorted(events.nameless.items()):
            yield {
                **_inner(catalog, "NO_CONTENT_ID", events.pixel, count, []),
                "event_name": name,
            }
        if events.names and not events.bought:
            inner = _inner(catalog, "MISSING_EVENT", events.pixel, 0, [])
            yield {**inner, "event_name": "Purchase"}


def _counted(world: Catalogs, catalog: Catalog, now: float) -> list[Events]:
    found = {pixel: Events(pixel) for pixel in catalog.sources}
    for seen in sightings(world, catalog, now):
        events = found[seen.pixel]
        events.names[seen.name] += 1
        events.bought |= seen.name == "Purchase" and now - seen.at <= 7 * DAY
        if not seen.ids and seen.name in ("ViewContent", "AddToCart", "Purchase"):
            events.nameless[seen.name] += 1
        for one in seen.ids:
            if match(world, catalog, one, seen.content_type) != "matched":
                gone = catalog.items.was_deleted(one)
                (events.deleted if gone else events.unknown)[one] += 1
    return list(found.values())


def _inner(
    catalog: Catalog, kind: str, pixel: str, count: int, sample: list[dict[str, Any]]
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": kind,
        "description": TITLES[kind],
        "call_to_action": ACTIONS[kind],
        "action_uri": MANAGER.format(catalog.id),
        "number_of_affected_items": count,
        "sample_affected_items": sample,
    }
    return {**told, "event_source_id": pixel, "event_source_type": "Pixel"} if pixel else told


def _group(
    kind: str,
    severity: str,
    title: str,
    entity: str,
    channels: list[str],
    count: int,
    inner: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "type": kind,
        "severity": severity,
        "title": title,
        "subtitle": inner[0]["call_to_action"],
        "number_of_affected_items": count,
        "number_of_affected_entities": max(1, count),
        "affected_channels": channels,
        "affected_entity": entity,
        "affected_features": [],
        "diagnostics": inner,
    }
