"""What would have left, written down instead: both halves of each event, and what was held back."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson

from pixelpair.core.events import Twin, unpacked
from pixelpair.sandbox.book import Book

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pixelpair.core.notes import Notes
    from pixelpair.shops import Shops
    from pixelpair.testing.events import Row


class Tape:
    """Records halves. A Tracker takes it for its journal."""

    def __init__(self) -> None:
        self.requests = 0
        self.faults: list[str] = []  # in words; the tracker counts them
        self.blocked = 0  # pages whose policy lets no pixel in
        self._book = Book()
        self._counts: list[Callable[[], Iterable[Counter[str]]]] = []
        self._held: Counter[str] = Counter()
        self._waiting: list[Callable[[], bool]] = []
        self._places = count()
        self._place: float | None = None  # where what a page plays now belongs

    # --- what a Tracker wants of a Journal -------------------------------------------------

    counts: Mapping[tuple[str, str], int] = {}

    def append(self, record: bytes) -> None:
        """Record the server half that would have been written to the spool."""
        twin = unpacked(record)
        if not isinstance(twin, Twin):
            self._held["withdrawn"] += 1
        elif twin.fault:
            self.faults.append(twin.fault)
        else:
            # A sealed visitor was met before the act, and no page of theirs is told of it.
            half = {**orjson.loads(twin.body), "alone": bool(twin.met)}
            self._record("server", twin.pixel_id, twin.event_name, twin.event_id, half)

    def close(self) -> None:
        """Nothing: what was recorded stays."""

    # --- what a page did -------------------------------------------------------------------

    def fired(self, pixel_id: str, call: list[Any], by: str, *, alone: bool = False) -> None:
        """Record the browser half of a call: name, data, id. `by` says what carried it."""
        name, data, event_id = call[:3]
        half = {"custom_data": data, "carrier": by, "alone": alone}
        self._record("browser", pixel_id, name, event_id, half)

    def hold(self, reason: str, number: int) -> None:
        """Count what waits in a page that may not tell of it."""
        if number:
            self._held[reason] += number

    def later(self, act: Callable[[], bool]) -> None:
        """Do this each time somebody looks, until it says that it has ended.

        A page reports when it is shown, not while it is made; what it does then has its place among
        the events here and now.
        """
        self._waiting.append(partial(self._placed, next(self._places), act))

    def _placed(self, place: float, act: Callable[[], bool]) -> bool:
        self._place = place
        try:
            return act()
        finally:
            self._place = None

    def follow(self, notes: Notes, shops: Shops | None) -> None:
        """Tell of what a tracker holds back too, and its shops, if it has many."""
        self._counts.append(lambda: [notes.counts, *(shops.counts.values() if shops else ())])

    # --- what was seen ---------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Each event, as the sandbox shows it, in the order of the requests."""
        waiting, self._waiting = self._waiting, []
        self._waiting += [act for act in waiting if not act()]
        return sorted(self._book.rows(), key=_place_of)

    def held(self) -> Mapping[str, int]:
        """How many events did not leave, by reason."""
        noted = sum((count for counts in self._counts for count in counts()), Counter())
        return noted + self._held

    def _record(self, channel: Any, pixel_id: str, name: str, event_id: str, half: Row) -> None:
        place = next(self._places) if self._place is None else self._place
        self._book.record(channel, (pixel_id, name, event_id), half, place)


def _place_of(row: Row) -> float:
    found: float = min(row[side]["received"] for side in ("browser", "server") if row[side])
    return found
