"""How many calls each catalog had within an hour, and what Meta's usage header says of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

import orjson

from .catalogs import Catalog, Node, Product
from .vocabulary import words

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalogs, Found

HEADER = "X-Business-Use-Case-Usage"
BATCH, MANAGEMENT = "catalog_batch", "catalog_management"
# Documented: so many plus as many times log2(unique users). A sandbox has no users.
BUDGETS = {BATCH: 200, MANAGEMENT: 20_000}
CODES = {BATCH: 80014, MANAGEMENT: 80009}
BATCHES = words("items_batch localized_items_batch batch")
HOUR = 60  # in minutes, as the header counts


@dataclass(slots=True)
class Calls:
    """The calls of one kind to one catalog, by minute: what is older than an hour is forgotten."""

    _minutes: dict[int, int] = field(default_factory=dict)

    def count(self, now: float) -> int:
        """One more; how many there are within the hour."""
        minute = int(now // 60)
        self._minutes[minute] = self._minutes.get(minute, 0) + 1
        for old in [one for one in self._minutes if one <= minute - HOUR]:
            del self._minutes[old]
        return sum(self._minutes.values())

    def minutes_until_below(self, budget: int, now: float) -> int:
        """When fewer than the budget lie within the hour, if no more come."""
        minute, left = int(now // 60), sum(self._minutes.values())
        for at, calls in sorted(self._minutes.items()):
            left -= calls
            if left < budget:
                return at + HOUR - minute
        return HOUR


@dataclass(frozen=True, slots=True)
class Spent:
    """A kind's calls against its budget, this call counted. `minutes` are those to wait."""

    business: str
    kind: str
    calls: int
    budget: int
    minutes: int = 0

    def header(self) -> dict[str, str]:
        """Percentages; of computing time the sandbox measures nothing."""
        told = {
            "type": self.kind,
            "call_count": self.calls * 100 // self.budget,
            "total_cputime": 0,
            "total_time": 0,
            "estimated_time_to_regain_access": self.minutes,
        }
        return {HEADER: orjson.dumps({self.business: [told]}).decode()}


def spend(
    world: Catalogs, ask: Ask, limit: int | None = None, until: float | None = None
) -> Spent | None:
    """Count the call; None where it is no catalog's.

    With a limit, which may end before the hour does, `minutes` say that the call is beyond it:
    such calls count too, so that who goes on asking waits longer.
    """
    catalog = _catalog(world, world.find(ask.node))
    if catalog is None:
        return None
    kind = BATCH if ask.method == "POST" and ask.edge in BATCHES else MANAGEMENT
    mine = catalog.calls.setdefault(kind, Calls())
    count = mine.count(ask.now)
    told = Spent(catalog.business, kind, count, limit or BUDGETS[kind])
    if limit is None or count <= limit:
        return told
    wait = mine.minutes_until_below(limit, ask.now)
    if until is not None:
        wait = min(wait, ceil((until - ask.now) / 60))
    return Spent(told.business, kind, count, limit, max(1, wait))


def _catalog(world: Catalogs, found: Found) -> Catalog | None:
    """The catalog that an object is or hangs on."""
    if isinstance(found, Product):
        return found.catalog
    return world.get(found.owner) if isinstance(found, Node) else found
