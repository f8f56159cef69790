"""The faults on order, edge by edge, one after the other: which is next, what is left. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .faults import ANY, EVENTS

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
            "edge": self.fault.edge,
            "budget": self.fault.budget,
            "left": self.fault.count,
            "until": self.until,
            "seconds": self.fault.seconds,
            "hits": self.hits,
        }


class Rehearsals:
    """The queues of one sandbox: one for each edge that faults were ordered of."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Order]] = {}
        self._next = 1

    def order(self, faults: Iterable[Fault], now: float) -> None:
        """ValueError when more wait than anyone can mean."""
        wanted = list(faults)
        if sum(map(len, self._queues.values())) + len(wanted) > MAX_WAITING:
            raise ValueError(f"more than {MAX_WAITING} faults would wait")
        for fault in wanted:
            self._queues.setdefault(fault.edge, deque()).append(Order(self._next, fault))
            self._next += 1
        self._advance(now)

    def take(self, now: float, edge: str = EVENTS) -> Fault | None:
        """The fault of this call, if one is on order: of its edge, or else of all edges."""
        self._advance(now)
        waiting = self._waiting(edge)
        if not waiting:
            return None
        first = waiting[0]
        fault, first.fault = first.fault, first.fault.less_one()
        first.hits += 1
        if first.fault.count == 0:
            waiting.popleft()
            self._advance(now)
        return fault

    def until(self, edge: str) -> float | None:
        """When the order that is in force on this edge ends, if its end is known."""
        waiting = self._waiting(edge)
        return waiting[0].until if waiting else None

    def call_off(self, number: int | None = None) -> bool:
        """All of them, or one; False where that one is not there."""
        found = len(self._orders())
        for edge, queue in self._queues.items():
            kept = (order for order in queue if number not in (None, order.number))
            self._queues[edge] = deque(kept)
        return number is None or len(self._orders()) < found

    def rows(self, now: float) -> list[dict[str, Any]]:
        self._advance(now)
        return [order.shown() for order in self._orders()]

    def _waiting(self, edge: str) -> deque[Order] | None:
        return next((q for name in (edge, ANY) if (q := self._queues.get(name))), None)

    def _orders(self) -> list[Order]:
        every = (order for queue in self._queues.values() for order in queue)
        return sorted(every, key=lambda order: order.number)

    def _advance(self, now: float) -> None:
        for queue in self._queues.values():
            _drop_what_is_over(queue, now)


def _drop_what_is_over(queue: deque[Order], now: float) -> None:
    """The next one's seconds run from that moment, not from this."""
    start = now
    while queue:
        first = queue[0]
        if first.fault.seconds is None:
            return
        if first.until is None:
            first.until = start + first.fault.seconds
        if first.until > now:
            return
        start = first.until
        queue.popleft()
