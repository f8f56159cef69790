"""The faults on order, one after the other: which is next, and what is left of each. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .faults import Fault

MAX_WAITING = 1000


@dataclass(slots=True)
class Order:
    """A fault in the queue. Its seconds run from when it is the first."""

    number: int
    fault: Fault
    hits: int = 0
    until: float | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "title": self.fault.title(),
            "preset": self.fault.preset,
            "left": self.fault.count,
            "until": self.until,
            "seconds": self.fault.seconds,
            "hits": self.hits,
        }


class Rehearsals:
    """The queue of one sandbox."""

    def __init__(self) -> None:
        self._orders: deque[Order] = deque()
        self._next = 1

    def order(self, faults: Iterable[Fault], now: float) -> None:
        """ValueError when more wait than anyone can mean."""
        wanted = list(faults)
        if len(self._orders) + len(wanted) > MAX_WAITING:
            raise ValueError(f"more than {MAX_WAITING} faults would wait")
        for fault in wanted:
            self._orders.append(Order(self._next, fault))
            self._next += 1
        self._advance(now)

    def take(self, now: float) -> Fault | None:
        """The fault of this call, if one is on order."""
        self._advance(now)
        if not self._orders:
            return None
        first = self._orders[0]
        fault, first.fault = first.fault, first.fault.less_one()
        first.hits += 1
        if first.fault.count == 0:
            self._orders.popleft()
            self._advance(now)
        return fault

    def call_off(self, number: int | None = None) -> bool:
        """All of them, or one; False where that one is not there."""
        kept = [order for order in self._orders if number not in (None, order.number)]
        gone = len(self._orders) - len(kept)
        self._orders = deque(kept)
        return number is None or gone > 0

    def rows(self, now: float) -> list[dict[str, Any]]:
        self._advance(now)
        return [order.shown() for order in self._orders]

    def _advance(self, now: float) -> None:
        """Drop what is over. The next one's seconds run from that moment, not from this."""
        start = now
        while self._orders:
            first = self._orders[0]
            if first.fault.seconds is None:
                return
            if first.until is None:
                first.until = start + first.fault.seconds
            if first.until > now:
                return
            start = first.until
            self._orders.popleft()
