"""One pixel's way to Meta, and one turn of it: what is claimed, what may leave now, what waits.

Knows batches and how a refused one is taken apart; who sends them and what is said is elsewhere.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pixelpair.delivery import mend
from pixelpair.delivery.outbox import Trouble
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt, too_old
from pixelpair.graph import conversions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.events import Twin
    from pixelpair.delivery.dispatch import Round
    from pixelpair.delivery.meters import Meters
    from pixelpair.delivery.outbox import Key, Queue, Row, Verdict
    from pixelpair.graph.client import Reply

# So long may one pixel keep the others waiting while its bad events are looked for: a thousand of
# them would take 2000 calls. As long as a call that is not answered.
PATIENCE: Final = 10.0
# So often an answer may name the bad event before the batch is halved all the same: where every
# event is bad in the same way, each answer costs a post of all that are left.
BLAMES: Final = 8
# An answer that comes sooner is a neighbour's: more than two calls at once only take each other's
# CPU (measured on loopback: 0.15 of an SDK's CPU per event with four, 0.13 with two). Graph
# itself takes 50 to 600 ms.
NEAR: Final = 0.03


@dataclass(slots=True)
class Lane:
    """One pixel's way to Meta: closed by which verdict, and how often it failed in a row.

    `well`: its last call went through, so several may be under way at once; it took `seconds`.
    `ahead`: by how many seconds our clock is ahead of Graph's, which refused an event for it.
    `first` is the size of the next call (0: what fits), where a search for bad events broke off.
    `noted` is the trouble that the outbox knows of (None: what it knows is a predecessor's).
    """

    closed: RetryAt | Hold | None = None
    failures: int = 0
    well: bool = False
    seconds: float = 0.0
    ahead: float = 0.0
    trouble: str = ""
    noted: str | None = None
    first: int = 0

    def close(self, verdict: RetryAt | Hold) -> None:
        """Of calls that were under way together, the longest wait holds."""
        if self.closed is None or self.closed.when < verdict.when:
            self.closed = verdict
        self.well = False

    def open(self) -> None:
        """A call went through."""
        self.failures, self.closed, self.trouble, self.well = 0, None, "", True


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one call, and what leaves of them. `dropped` names the fields that were left out,
    `blames` is how many answers have named one of its events, `clamped` whether all times were
    held against Graph's own clock."""

    rows: list[Row]
    twins: list[Twin]
    dropped: tuple[str, ...] = ()
    blames: int = 0
    clamped: bool = False

    def part(self, chosen: slice) -> Batch:
        return replace(self, rows=self.rows[chosen], twins=self.twins[chosen])

    def halves(self) -> list[Batch]:
        """The first last: that is who leaves next."""
        middle = len(self.rows) // 2
        halves = [self.part(slice(middle, None)), self.part(slice(middle))]
        return [replace(half, blames=0) for half in halves]

    def cured(self, reply: Reply) -> list[Batch]:
        """What to send in its place, once, for what the refusal says; nothing if it helps not."""
        if mend.is_future(reply) and reply.date is not None and not self.clamped:
            twins = [mend.clamped(twin, int(reply.date)) for twin in self.twins]
            if twins != self.twins:
                return [replace(self, twins=twins, clamped=True)]
        if self.dropped or self.blames >= BLAMES:
            return []
        named = mend.blamed(reply, len(self.rows))
        alone = [self._mended(index, fields) for index, fields in named.items()]
        if len(self.rows) == 1:
            return [batch for batch in alone if batch.dropped]
        others = [n for n in range(len(self.rows)) if n not in named]
        return [*alone, self._rest(others)] if alone and others else []

    def _mended(self, index: int, fields: list[mend.Path]) -> Batch:
        twin, dropped = mend.without(self.twins[index], fields)
        return Batch([self.rows[index]], [twin], tuple(dropped), clamped=self.clamped)

    def _rest(self, others: list[int]) -> Batch:
        rows, twins = [self.rows[n] for n in others], [self.twins[n] for n in others]
        return replace(self, rows=rows, twins=twins, blames=self.blames + 1)


@dataclass(slots=True)
class Job:
    """A lane's turn. Each claimed row gets its verdict, or is given back for the next claim.

    `claims` are the batches it may still claim, `width` is how many calls may be under way.
    """

    outbox: Queue
    lane: Lane
    pixel_id: str
    clock: Callable[[], float]
    tally: Round
    meters: Meters
    all_due: bool
    claims: int
    width: int = 1
    under_way: int = 0
    closed: bool = False
    _waiting: list[Batch] = field(default_factory=list)
    _open: set[Key] = field(default_factory=set)
    _searching: bool = False
    _end: float = math.inf

    def __post_init__(self) -> None:
        # One that fails, or is not known to be well, is asked by one call at a time.
        if not self.lane.well or self.lane.first:
            self.claims = 1
        self.width = min(self.claims, 2) if self.lane.seconds < NEAR else self.claims

    def next(self) -> Batch | None:
        """What may leave now, beside what is under way."""
        if self.closed or self.under_way >= self.width or self.clock() >= self._end:
            return None
        while not self._waiting and self.claims:
            self._claim()
        return self._waiting.pop() if self._waiting else None

    def search(self, batches: list[Batch]) -> None:
        """Send these in place of one that was refused, one after the other."""
        self._waiting += batches
        self.width, self.claims, self._searching = 1, 0, True

    def judge(self, rows: list[Row], verdict: Verdict, now: float) -> None:
        """Settle them; after a failure nothing more of this pixel leaves."""
        self.closed = self.closed or isinstance(verdict, RetryAt | Hold)
        self._open.difference_update([row.key for row in rows])
        self.outbox.settle([(row.key, verdict) for row in rows], now)
        self.tally.delivered += len(rows) * isinstance(verdict, Delivered)
        self.tally.dead += len(rows) * isinstance(verdict, Dead)

    def tell(self, now: float) -> None:
        """Note the lane's trouble for people. Where that fails, nothing else needs to."""
        lane = self.lane
        if lane.noted == lane.trouble:
            return
        held = isinstance(lane.closed, Hold)
        with suppress(Exception):
            trouble = Trouble(self.pixel_id, lane.trouble, now, held) if lane.trouble else None
            self.outbox.note(self.pixel_id, trouble)
        lane.noted = lane.trouble

    def release(self) -> None:
        """Give back what was not tried, and remember where a search broke off."""
        self.lane.first = len(self._waiting[-1].rows) if self._waiting and self._searching else 0
        if self._open:
            now = self.clock()
            idle = Hold(now, "not tried")
            self.outbox.settle([(key, idle) for key in self._open], now)

    def _claim(self) -> None:
        now = self.clock()
        self._end = min(self._end, now + PATIENCE)
        due = math.inf if self.all_due else now
        rows = self.outbox.claim(conversions.MAX_EVENTS, due, self.pixel_id)
        self.claims = self.claims - 1 if len(rows) == conversions.MAX_EVENTS else 0
        self.tally.claimed += len(rows)
        self._open.update([row.key for row in rows])
        young = self._set_old_aside(rows, now)
        twins = self._twins(young, int(now - self.lane.ahead))
        self._waiting = _portions(Batch(young, twins), self.lane.first)[::-1]

    def _set_old_aside(self, rows: list[Row], now: float) -> list[Row]:
        """The rows that are young enough; one older than 7 days would sink its whole batch."""
        if not too_old(min([row.twin.event_time for row in rows], default=now), now):
            return rows
        old = {row.key: dead for row in rows if (dead := too_old(row.twin.event_time, now))}
        for dead in set(old.values()):
            self.judge([row for row in rows if row.key in old], dead, now)
            self.meters.add("dead", len(old), dead.reason)
        return [row for row in rows if row.key not in old]

    def _twins(self, rows: list[Row], latest: int) -> list[Twin]:
        twins = [row.twin for row in rows]
        if max([twin.event_time for twin in twins], default=latest) <= latest:
            return twins
        return [mend.clamped(twin, latest) for twin in twins]


def _portions(batch: Batch, first: int) -> list[Batch]:
    """Portions that fit one call each; the first is no larger than `first`."""
    whole = 0 < first < len(batch.rows)
    heads = [batch.part(slice(first)), batch.part(slice(first, None))] if whole else [batch]
    return [
        head.part(part)
        for head in heads
        for part in conversions.portions([len(twin.body) for twin in head.twins])
    ]
