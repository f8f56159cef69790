"""An outbox in memory: for tests, and where nothing can be written."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Withdrawal
from pixelpair.delivery.ledger import (
    DEAD,
    DELIVERED,
    KEEP_PURCHASES,
    PURCHASE,
    WAITING,
    WITHDRAWN,
    purchase_of,
)
from pixelpair.delivery.outbox import (
    KEEP_DEAD,
    REMEMBER_WITHDRAWAL,
    WITHDRAWALS,
    DeadLetter,
    Room,
    Row,
    Stats,
    Tally,
    Trouble,
    borne_fbp,
    digest,
    remember_for,
    sought_fbp,
)
from pixelpair.delivery.retry import Dead, Delivered, RetryAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pixelpair.core.events import Twin
    from pixelpair.delivery.ledger import Purchase, State
    from pixelpair.delivery.outbox import Key, Verdict

SWEEP_EVERY: Final = 60.0
# Their number, beyond which the oldest are deleted: nobody looks at them here.
LETTERS: Final = 10_000


class MemoryOutbox:
    """An outbox that lives as long as its process: for tests, and where nothing can be written."""

    def __init__(
        self, clock: Callable[[], float] = time.time, *, keep_dead: float = KEEP_DEAD
    ) -> None:
        self.size = 0  # the bytes of what is queued
        self._clock = clock
        self._keep_dead = keep_dead
        self._sweep_at = 0.0
        self._keys = itertools.count(1)
        self._rows: dict[Key, Row] = {}
        self._due: dict[Key, float] = {}
        self._claimed: set[Key] = set()
        self._seen: dict[bytes, float] = {}
        self._dead: dict[bytes, DeadLetter] = {}
        self._offsets: dict[str, int] = {}
        self._sent: Counter[tuple[str, str]] = Counter()
        self._troubles: dict[str, Trouble] = {}
        self._ended: dict[tuple[str, bytes | None], tuple[int, float]] = {}
        self._withdrawn = 0
        self._bought: dict[bytes, Purchase] = {}
        self._began = clock()

    def put_many(
        self,
        records: Iterable[Twin | Withdrawal],
        source: str | None = None,
        offset: int | None = None,
    ) -> int:
        now = self._clock()
        records = list(records)
        self._seen = {known: until for known, until in self._seen.items() if until > now}
        self._ended = {whose: end for whose, end in self._ended.items() if end[1] > now}
        if withdrawals := [record for record in records if isinstance(record, Withdrawal)]:
            self._withdraw(withdrawals, now)
        new = sum([self._put(twin, now) for twin in records if not isinstance(twin, Withdrawal)])
        if source is not None and offset is not None:
            self._offsets[source] = offset
        self._sweep(now)
        return new

    def _sweep(self, now: float) -> None:
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            old = itertools.takewhile(
                lambda known: self._dead[known].died <= now - self._keep_dead, self._dead
            )
            for known in list(old):
                del self._dead[known]
            ends = now - KEEP_PURCHASES
            self._bought = {k: p for k, p in self._bought.items() if p.event_time > ends}

    def make_room(self) -> Room:
        return Room()

    def _withdraw(self, withdrawals: list[Withdrawal], now: float) -> None:
        for withdrawal in withdrawals:
            whose: tuple[str, bytes | None] = (withdrawal.pixel_id, sought_fbp(withdrawal))
            before, _ = self._ended.pop(whose, (withdrawal.time, now))
            self._ended[whose] = (max(before, withdrawal.time), now + REMEMBER_WITHDRAWAL)
        for row in [row for row in self._rows.values() if self._may_not_leave(row.twin)]:
            self._drop(row.key)
            del self._seen[digest(row.twin)]
            self._forgo(row.twin, now)
        for known, letter in list(self._dead.items()):
            if self._may_not_leave(letter.twin):
                del self._dead[known]
                self._forgo(letter.twin, now)
        for whose in list(self._ended)[:-WITHDRAWALS]:
            del self._ended[whose]

    def _may_not_leave(self, twin: Twin) -> bool:
        whose = (twin.pixel_id, borne_fbp(twin.body))
        met = twin.met or twin.event_time
        return whose in self._ended and met <= self._ended[whose][0]

    def _forgo(self, twin: Twin, now: float) -> None:
        self._withdrawn += 1
        known = digest(twin)
        self._book(known, twin, WITHDRAWN)
        self._seen[known] = max(self._seen.get(known, now), now + remember_for(twin.lasting))

    def _put(self, twin: Twin, now: float) -> bool:
        known = digest(twin)
        if known in self._seen:
            return False
        if self._may_not_leave(twin):
            self._forgo(twin, now)
            return False
        if twin.fault is not None:
            fresh = known not in self._dead
            self._book(known, twin, DEAD)
            self._bury(known, DeadLetter(next(self._keys), twin, twin.fault, now))
            return fresh
        self._seen[known] = math.inf
        self._book(known, twin, WAITING)
        key = next(self._keys)
        self._rows[key] = Row(key, twin)
        self.size += len(twin.body)
        return True

    def _bury(self, known: bytes, letter: DeadLetter) -> None:
        self._dead.pop(known, None)
        self._dead[known] = letter
        for oldest in list(itertools.islice(self._dead, max(0, len(self._dead) - LETTERS))):
            del self._dead[oldest]

    def offset(self, source: str) -> int:
        return self._offsets.get(source, 0)

    def forget(self, source: str) -> None:
        self._offsets.pop(source, None)

    def sources(self) -> list[str]:
        return list(self._offsets)

    def lanes(self) -> list[str]:
        return sorted({row.twin.pixel_id for row in self._rows.values()})

    def claim(self, limit: int, now: float, pixel_id: str | None = None) -> list[Row]:
        due = (
            row
            for key, row in self._rows.items()
            if key not in self._claimed
            and self._due.get(key, 0.0) <= now
            and pixel_id in (None, row.twin.pixel_id)
        )
        rows = list(itertools.islice(due, limit))
        self._claimed.update(row.key for row in rows)
        return rows

    def settle(self, verdicts: Iterable[tuple[Key, Verdict]], now: float) -> None:
        for key, verdict in verdicts:
            self._claimed.discard(key)
            if (row := self._rows.get(key)) is not None:
                self._obey(row, verdict, now)

    def _obey(self, row: Row, verdict: Verdict, now: float) -> None:
        known = digest(row.twin)
        match verdict:
            case RetryAt(when, _, counted):
                self._rows[row.key] = row._replace(attempts=row.attempts + counted)
                self._due[row.key] = when
            case Delivered():
                self._drop(row.key)
                self._sent[row.twin.pixel_id, row.twin.event_name] += 1
                self._seen[known] = now + remember_for(row.twin.lasting)
                self._book(known, row.twin, DELIVERED)
            case Dead(reason):
                self._drop(row.key)
                del self._seen[known]
                self._book(known, row.twin, DEAD)
                self._bury(known, DeadLetter(row.key, row.twin, reason, now))

    def _drop(self, key: Key) -> None:
        self.size -= len(self._rows.pop(key).twin.body)
        self._due.pop(key, None)

    def take_back(self) -> Twin | None:
        """The oldest event that is queued and not claimed, which is the caller's from here on."""
        row = next((row for key, row in self._rows.items() if key not in self._claimed), None)
        if row is None:
            return None
        self._drop(row.key)
        del self._seen[digest(row.twin)]
        return row.twin

    def known(self, twins: Sequence[Twin], digests: Sequence[bytes]) -> set[bytes]:
        """See `outbox.Bypass`."""
        now = self._clock()
        return {
            known
            for twin, known in zip(twins, digests, strict=True)
            if self._seen.get(known, now) > now or self._may_not_leave(twin)
        }

    def settle_new(
        self, sent: Sequence[Row], kept: Sequence[tuple[Row, RetryAt | Dead]], now: float
    ) -> None:
        """See `outbox.Bypass`."""
        found: list[tuple[Row, Verdict]] = [*((row, Delivered()) for row in sent), *kept]
        for row, verdict in found:
            if self._put(row.twin, now):
                self.settle([(next(reversed(self._rows)), verdict)], now)

    def stats(self) -> Stats:
        oldest = next((row.twin.event_time for row in self._rows.values()), None)
        return Stats(
            queued=len(self._rows),
            dead=len(self._dead),
            delivered=self._sent.total(),
            oldest=oldest,
            withdrawn=self._withdrawn,
            in_flight=len(self._claimed & self._rows.keys()),
        )

    def tallies(self) -> list[Tally]:
        queued = Counter(_kind(row.twin) for row in self._rows.values())
        dead = Counter(_kind(letter.twin) for letter in self._dead.values())
        oldest: dict[tuple[str, str], int] = {}
        for row in self._rows.values():
            at = row.twin.event_time
            oldest[_kind(row.twin)] = min(at, oldest.get(_kind(row.twin), at))
        return [
            Tally(*kind, queued[kind], dead[kind], self._sent[kind], oldest.get(kind))
            for kind in sorted(queued.keys() | dead.keys() | self._sent.keys())
        ]

    def queued(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def letters(self) -> Iterator[DeadLetter]:
        return iter(self.dead(len(self._dead)))

    def _book(self, known: bytes, twin: Twin, state: State) -> None:
        if twin.event_name == PURCHASE:
            self._bought[known] = purchase_of(twin, state)

    def purchases(self) -> Iterator[Purchase]:
        return iter(list(self._bought.values()))

    def purchases_since(self) -> float:
        return max(self._began, self._clock() - KEEP_PURCHASES)

    def erase(self, keys: Iterable[Key]) -> int:
        found = [self._rows[key] for key in dict.fromkeys(keys) if key in self._rows]
        for row in found:
            self._drop(row.key)
            del self._seen[digest(row.twin)]
            self._forgo(row.twin, self._clock())
        return len(found)

    def note(self, pixel_id: str, trouble: Trouble | None) -> None:
        self._troubles.pop(pixel_id, None)
        if trouble is not None:
            self._troubles[pixel_id] = trouble

    def troubles(self) -> list[Trouble]:
        return [self._troubles[pixel_id] for pixel_id in sorted(self._troubles)]

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        return list(self._dead.values())[::-1][:limit]

    def replay(self, keys: Iterable[Key] | None = None) -> int:
        letters = self._chosen(keys)
        sendable = {known: letter for known, letter in letters if letter.twin.fault is None}
        for known in sendable:
            del self._dead[known]
        return self.put_many([letter.twin for letter in sendable.values()])

    def purge(self, keys: Iterable[Key] | None = None) -> int:
        letters = self._chosen(keys)
        for known, _ in letters:
            del self._dead[known]
        return len(letters)

    def _chosen(self, keys: Iterable[Key] | None) -> Sequence[tuple[bytes, DeadLetter]]:
        wanted = None if keys is None else set(keys)
        return [
            (known, letter)
            for known, letter in self._dead.items()
            if wanted is None or letter.key in wanted
        ]

    def sync(self) -> None:
        pass

    def close(self) -> None:
        self._claimed.clear()


def _kind(twin: Twin) -> tuple[str, str]:
    return twin.pixel_id, twin.event_name
