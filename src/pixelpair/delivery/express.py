"""Straight from the journals to Meta: what can leave at once does not pass through the outbox.

Knows which events those are, and that each is either with Meta and remembered, or given back; how
they are sent, and what an answer means, is the dispatch's business.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from itertools import repeat
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Withdrawal
from pixelpair.delivery.callers import CALLS
from pixelpair.delivery.outbox import Row, digests
from pixelpair.delivery.retry import MAX_AGE, Dead, Delivered, RetryAt
from pixelpair.delivery.sources import go_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pixelpair.core.events import Twin
    from pixelpair.delivery.dispatch import Dispatch, Round
    from pixelpair.delivery.outbox import Bypass, Key, Trouble, Verdict

    Note = Callable[[str, Trouble | None], None]
    Record = Twin | Withdrawal

# After a call that broke (not: that failed), everything takes the long way for so long: there it
# breaks again, and that is seen to.
REST: Final = 60.0
# So many events are looked at in one go: requests run while the outbox is asked.
AT_ONCE: Final = 100


class Express:
    """Sends what was read before it is put anywhere. `outbox` learns what became of it, and `note`
    of the lanes' troubles.

    Only what nothing speaks against leaves like this: whatever was refused, has to wait or was
    seen before ends in the outbox, where that is seen to. `rest` lets others have the interpreter.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        outbox: Bypass,
        note: Note,
        clock: Callable[[], float],
        rest: Callable[[], object] = go_on,
    ) -> None:
        self._dispatch = dispatch
        self._outbox = outbox
        self._note = note
        self._clock = clock
        self._rest = rest
        self._late: tuple[list[Row], list[tuple[Row, RetryAt | Dead]]] = ([], [])
        self._rest_until = -math.inf

    @property
    def width(self) -> int:
        """How many calls' worth of events to bring at once: one until a call went through."""
        return CALLS if self._dispatch.goes_well else 1

    def send(self, records: Sequence[Record], tally: Round) -> list[Record]:
        """Send what may leave; gives what did not, which is to be put in the outbox before it is
        forgotten where it comes from."""
        self._write()
        if self._clock() < self._rest_until:
            return list(records)
        held, rest = self._chosen(records)
        if held:
            box = _Held(held, self._take_down, self._note)
            self._rest()
            self._post(box, tally)
            rest += box.left()
        return rest

    def _chosen(self, records: Sequence[Record]) -> tuple[list[Row], list[Record]]:
        """The events that may leave at once, whose keys are their identities; and the rest."""
        twins: list[Twin] = [record for record in records if not isinstance(record, Withdrawal)]
        if not twins or len(twins) < len(records):
            # A withdrawal goes for what stands beside it: the outbox sees to that.
            return [], list(records)
        now = self._clock()
        clear = {p for p in {twin.pixel_id for twin in twins} if self._dispatch.is_clear(p)}
        held: dict[bytes, Row] = {}
        rest: list[Record] = []
        for start in range(0, len(twins), AT_ONCE):
            part = twins[start : start + AT_ONCE]
            known = digests(part)
            self._rest()
            met = self._outbox.known(part, known)
            rows = map(tuple.__new__, repeat(Row), zip(known, part, repeat(0), strict=False))
            new = dict(zip(known, rows, strict=True))
            usual = len(new) == len(part) and not met and held.keys().isdisjoint(new)
            if usual and _fit(part, clear, now):
                held |= new  # as below, in a fifth of the time
                continue
            for twin, identity in zip(part, known, strict=True):
                seen = identity in met or identity in held
                if not seen and _fit([twin], clear, now):
                    held[identity] = Row(identity, twin)
                else:
                    rest.append(twin)
        return list(held.values()), rest

    def _post(self, box: _Held, tally: Round) -> None:
        try:
            tally.add(self._dispatch.turn(box, all_due=True))
        except Exception:
            if any(self._late):
                raise  # it cannot be written
            # In the outbox they meet the same again, and there it is said.
            self._rest_until = self._clock() + REST

    def _take_down(self, sent: list[Row], kept: list[tuple[Row, RetryAt | Dead]]) -> None:
        self._rest()
        self._late[0].extend(sent)
        self._late[1].extend(kept)
        self._write()

    def _write(self) -> None:
        # What could not be written (a full disk) is kept, and nothing leaves before it is: what
        # is forgotten would be sent again.
        if any(self._late):
            self._outbox.settle_new(*self._late, self._clock())
            self._late = ([], [])


def _fit(twins: list[Twin], clear: set[str], now: float) -> bool:
    """Whether all of these may be sent as they are."""
    pixels, _, _, times, _, _, faults, *_ = zip(*twins, strict=True)
    young = now - MAX_AGE < min(times) and max(times) <= now
    return young and clear.issuperset(pixels) and faults.count(None) == len(faults)


class _Held:
    """Events in hand, for one turn of the dispatch."""

    def __init__(
        self,
        held: list[Row],
        take_down: Callable[[list[Row], list[tuple[Row, RetryAt | Dead]]], None],
        note: Note,
    ) -> None:
        self._open: dict[Key, Row] = {row.key: row for row in held}
        self._lanes: dict[str, deque[Row]] = defaultdict(deque)
        self._take_down = take_down
        self.note = note
        for row in held:
            self._lanes[row.twin.pixel_id].append(row)

    def lanes(self) -> list[str]:
        return list(self._lanes)

    def claim(self, limit: int, now: float, pixel_id: str | None = None) -> list[Row]:
        lane = self._lanes[pixel_id or ""]
        return [lane.popleft() for _ in range(min(limit, len(lane)))]

    def settle(self, verdicts: Iterable[tuple[Key, Verdict]], now: float) -> None:
        """What is held back stays open, and is given back."""
        found = list(verdicts)
        delivered = [key for key, verdict in found if isinstance(verdict, Delivered)]
        sent = list(map(self._open.pop, delivered))
        kept = [(self._open.pop(k), v) for k, v in found if isinstance(v, RetryAt | Dead)]
        if sent or kept:
            self._take_down(sent, kept)

    def left(self) -> list[Twin]:
        """What got no verdict."""
        return [row.twin for row in self._open.values()]
