"""A night of the documented schedule against a catalog that counts calls as Graph's limits page
does: in any hour, and 200 for a shop without visitors.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.catalog.book import Book
from pixelpair.catalog.plan import Plan
from pixelpair.catalog.sync import Sync
from pixelpair.graph.access import Access
from pixelpair.graph.client import Graph

from .conftest import TOKEN, Clock, product, rows
from .shelf import CATALOG, Shelf, throttled

if TYPE_CHECKING:
    from pathlib import Path

    from pixelpair.catalog.plan import Mode, Report

HOUR, HOURS = 3600.0, 5
# A hundredth of 100,000 items, and of a batch: as many calls.
ITEMS, BATCH = 1000, 30
BUDGET, MANAGEMENT = 200, 20_000
LIMIT_CODE = 80014


class Counted(Shelf):
    """Refuses what is too much, as Graph does."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(keep_bodies=False)
        self.clock, self.times, self.looked = clock, list[float](), list[float]()
        self.refused = 0

    def _post(self, body: Any) -> Any:
        if in_the_hour(self.times, self.clock()) >= BUDGET:
            self.refused += 1
            return throttled(60, LIMIT_CODE)
        self.times.append(self.clock())
        return super()._post(body)

    def _status(self, handle: str) -> Any:
        self.looked.append(self.clock())
        return super()._status(handle)


def in_the_hour(times: list[float], end: float) -> int:
    return len(times) - bisect_right(times, end - HOUR)


def fullest(times: list[float]) -> int:
    return max(in_the_hour(times[: n + 1], at) for n, at in enumerate(times))


def schedule() -> list[tuple[float, Mode]]:
    """As docs/sync.md has it: the day at 3:10, the hours at :40, the quarters."""
    found: list[tuple[float, Mode]] = [(HOUR + 600.0, "full")]
    found += [(hour * HOUR + 2400, "delta") for hour in range(HOURS)]
    found += [(quarter * 900.0, "volatile") for quarter in range(HOURS * 4)]
    return sorted(found)


@pytest.mark.parametrize(
    ("changing", "calls"),
    [
        ({"volatile": 50, "delta": 100, "full": ITEMS}, 8 + 4 + 34),
        ({"volatile": ITEMS, "delta": ITEMS, "full": ITEMS}, BUDGET),
    ],
    ids=["a busy shop", "everything, always"],
)
def test_the_three_runs_together_stay_inside_the_budget(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changing: dict[Mode, int],
    calls: int,
) -> None:
    monkeypatch.setattr("pixelpair.catalog.batches.MAX_ITEMS", BATCH)
    clock, access = Clock(), Access("https://graph.example", "v25.0", TOKEN)
    goods = [product(n) for n in range(ITEMS)]
    meta, start, late = Counted(clock), clock.now, 0.0

    with Graph(transport=meta.transport()) as graph, closing(Book(tmp_path / "a.db")) as book:

        def run(mode: Mode) -> Report:
            sync = Sync(Plan(CATALOG, mode), access, graph, book, clock=clock, rest=clock.rest)
            return sync.run(rows(goods))

        assert run("full").complete
        clock.now = start = start + HOUR
        meta.times.clear()
        for turn, (due, mode) in enumerate(schedule()):
            late = max(late, clock.now - start - due)
            clock.now = max(clock.now, start + due)
            for item in goods[: changing[mode]]:
                item["price"] = f"{turn + 1}.00 EUR"
                item["title"] = f"{item['title'].split(',')[0]}, {turn}"
            assert run(mode).complete
        assert run("delta").complete
    assert meta.items == {item["id"]: item for item in goods}
    assert meta.refused == 0
    assert (fullest(meta.times), fullest(meta.looked) <= MANAGEMENT) == (calls, True)
    assert late < (1 if calls < BUDGET else HOUR)
