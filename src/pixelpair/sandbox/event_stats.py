"""event_stats: how many products of the received events a catalog has, by day and source. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .event_matches import match, sightings
from .event_sources import source
from .paging import page

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalog, Catalogs
    from .event_matches import Match, Sighting

NAMES: dict[Match, str] = {
    "matched": "matched_content_ids",
    "unmatched": "unmatched_content_ids",
    "elsewhere": "content_ids_matched_other_catalogs",
}
FIELDS = (
    "date_start",
    "date_stop",
    "event",
    "event_source",
    "device_type",
    *(f"total_{name}" for name in NAMES.values()),
    *(f"unique_{name}" for name in NAMES.values()),
)


@dataclass(slots=True)
class Count:
    """What one row counts: `total` is not de-duplicated, `unique` is."""

    total: dict[Match, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    unique: dict[Match, set[str]] = field(default_factory=lambda: {name: set() for name in NAMES})

    def add(self, kind: Match, one: str) -> None:
        self.total[kind] += 1
        self.unique[kind].add(one)

    def shown(self) -> dict[str, int]:
        totals = {f"total_{name}": self.total[kind] for kind, name in NAMES.items()}
        uniques = {f"unique_{name}": len(self.unique[kind]) for kind, name in NAMES.items()}
        return totals | uniques


def stats(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    by_device = bool(params.names(ask.given, "breakdowns", ("device_type", "DEVICE_TYPE")))
    counts: dict[tuple[str, ...], Count] = defaultdict(Count)
    for seen in sightings(world, catalog, ask.now):
        count = counts[_key(seen, by_device)]
        for one in seen.ids:
            count.add(match(world, catalog, one, seen.content_type), one)
    tree = fields(ask, FIELDS, FIELDS)
    found = sorted(counts.items(), key=lambda pair: pair[0])
    return page(found, len(found), ask, lambda pair: select(_row(*pair), tree))


def _key(seen: Sighting, by_device: bool) -> tuple[str, ...]:
    day = datetime.fromtimestamp(seen.at, UTC).strftime("%Y-%m-%d")
    return (day, seen.name, seen.pixel, *([seen.device] if by_device else []))


def _row(key: tuple[str, ...], count: Count) -> dict[str, Any]:
    day, event, pixel, *device = key
    told = {"date_start": day, "date_stop": day, "event": event, "event_source": source(pixel)}
    return {**told, **dict(zip(("device_type",), device, strict=False)), **count.shown()}
