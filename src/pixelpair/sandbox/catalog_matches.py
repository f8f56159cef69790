"""Which products the visitors looked at, whether a catalog has them, and why not. Pure.

What the sandbox's own page shows; Graph tells numbers, never a cause.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .event_matches import has, match, sightings
from .summary import short

if TYPE_CHECKING:
    from .catalogs import Catalog, Catalogs
    from .event_matches import Match

MAX_ROWS = 500


@dataclass(slots=True)
class Seen:
    """One product as the events name it."""

    id: str
    kind: str
    match: Match
    last: float = 0.0
    events: Counter[str] = field(default_factory=Counter)


def matches(world: Catalogs, catalog: Catalog, now: float) -> dict[str, Any]:
    """Rows by product, what is amiss first, and how many there are of each."""
    found = _seen(world, catalog, now)
    order = {"unmatched": 0, "elsewhere": 1, "matched": 2}
    rows = sorted(found, key=lambda seen: (order[seen.match], -seen.events.total(), seen.id))
    likely = _likely(catalog) if any(seen.match != "matched" for seen in rows) else {}
    return {
        "counts": {kind: sum(seen.match == kind for seen in rows) for kind in order},
        "products": [_row(world, catalog, seen, likely) for seen in rows[:MAX_ROWS]],
        "more": max(0, len(rows) - MAX_ROWS),
    }


def _seen(world: Catalogs, catalog: Catalog, now: float) -> list[Seen]:
    found: dict[tuple[str, str], Seen] = {}
    for event in sightings(world, catalog, now):
        for one in event.ids:
            key = (one, event.content_type)
            if key not in found:
                found[key] = Seen(*key, match(world, catalog, one, event.content_type))
            found[key].events[event.name] += 1
            found[key].last = max(found[key].last, event.at)
    return list(found.values())


def _row(world: Catalogs, catalog: Catalog, seen: Seen, likely: dict[str, str]) -> dict[str, Any]:
    item = catalog.items.get(seen.id)
    return {
        "id": short(seen.id),
        "kind": short(seen.kind),
        "match": seen.match,
        "title": short(str(item.read().get("title") or "")) if item else "",
        "why": "" if seen.match == "matched" else short(_why(world, catalog, seen, likely)),
        "events": dict(seen.events.most_common()),
        "last": seen.last,
    }


def _why(world: Catalogs, catalog: Catalog, seen: Seen, likely: dict[str, str]) -> str:
    items, one = catalog.items, seen.id
    if items.get(one) is not None:
        return "It is an item; the event says content_type product_group"
    if items.has_group(one):
        return "It is a group of variants; the event says content_type product"
    if items.was_deleted(one):
        return "It was deleted from this catalog"
    if seen.match == "elsewhere":
        other = next(o for o in world if o is not catalog and has(o, one, ""))
        return f"The catalog {other.name} has it"
    if near := likely.get(_bare(one)):
        return f"The catalog calls it {near}"
    return "The catalog has nothing like it"


def _likely(catalog: Catalog) -> dict[str, str]:
    """Each item by its id without case, spaces and marks."""
    return {_bare(item.id): item.id for item in catalog.items}


def _bare(text: str) -> str:
    kept = "".join(filter(str.isalnum, text.casefold()))
    return kept.lstrip("0") or kept
