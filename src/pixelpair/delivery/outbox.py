"""The queue between the journals and Meta: what every outbox promises, and one in memory.

An outbox knows which events wait, which are dead and which were delivered lately; it knows
neither Graph nor journals, only how far each journal has been taken in.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pixelpair.core.events import Twin

Key = int | str
Verdict = Delivered | RetryAt | Hold | Dead

# A webhook or a second device repeats a derived or given id within Meta's own 7 days; any other
# id can only come again from a record that was read twice.
REMEMBER_LASTING: Final = 8 * 86400.0
REMEMBER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Row:
    """One queued event, and how many counted tries it has behind it."""

    key: Key
    twin: Twin
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that will not be delivered, why, and since when."""

    key: Key
    twin: Twin
    reason: str
    died: float


@dataclass(frozen=True, slots=True)
class Stats:
    """Where the events are; `oldest` is the event_time of the one that is queued longest."""

    queued: int = 0
    dead: int = 0
    delivered: int = 0
    oldest: int | None = None


class Outbox(Protocol):
    """At least once, and once as far as ids can tell.

    An event is known by (pixel, name, id). While one waits, and for a while after its delivery,
    another of the same identity is not taken in. One with a `fault` becomes a dead letter at
    once; of the dead letters of one identity the newest is kept.
    """

    def put_many(
        self, twins: Iterable[Twin], source: str | None = None, offset: int | None = None
    ) -> int:
        """Take events in, and note in the same transaction how far `source` has been read.

        Gives how many were new."""

    def offset(self, source: str) -> int:
        """How far this journal has been taken in."""

    def forget(self, source: str) -> None:
        """The journal is gone."""

    def sources(self) -> list[str]:
        """The journals that an offset is kept for."""

    def claim(self, limit: int, now: float, skip: Collection[str] = ()) -> list[Row]:
        """Due events, oldest first, of pixels not in `skip`; given again only after `settle`
        or when the outbox is opened anew, as after a crash."""

    def settle(self, verdicts: Iterable[tuple[Key, Verdict]], now: float) -> None:
        """Obey the verdicts on claimed events."""

    def stats(self) -> Stats: ...

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""

    def replay(self, keys: Iterable[Key] | None = None) -> int:
        """Queue dead letters (None: all) again, and give how many. One that carries a fault
        stays dead, one that was delivered meanwhile is let go."""

    def purge(self, keys: Iterable[Key] | None = None) -> int:
        """Delete dead letters (None: all) for good, and give how many."""

    def sync(self) -> None:
        """What was put or settled survives a power cut from here on."""

    def close(self) -> None: ...


def digest(twin: Twin) -> bytes:
    """An event's identity in 16 bytes."""
    identity = f"{twin.pixel_id}\0{twin.event_name}\0{twin.event_id}"
    return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def remember_for(lasting: bool) -> float:
    """How long a delivered event's identity is kept, in seconds."""
    return REMEMBER_LASTING if lasting else REMEMBER


class MemoryOutbox:
    """An outbox that lives as long as its process: for tests, and where nothing can be written."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys = itertools.count(1)
        self._rows: dict[Key, Row] = {}
        self._due: dict[Key, float] = {}
        self._claimed: set[Key] = set()
        self._seen: dict[bytes, float] = {}
        self._dead: dict[bytes, DeadLetter] = {}
        self._offsets: dict[str, int] = {}
        self._delivered = 0

    def put_many(
        self, twins: Iterable[Twin], source: str | None = None, offset: int | None = None
    ) -> int:
        now = self._clock()
        self._seen = {known: until for known, until in self._seen.items() if until > now}
        new = sum([self._put(twin, now) for twin in twins])
        if source is not None and offset is not None:
            self._offsets[source] = offset
        return new

    def _put(self, twin: Twin, now: float) -> bool:
        known = digest(twin)
        if known in self._seen:
            return False
        if twin.fault is not None:
            fresh = known not in self._dead
            self._bury(known, DeadLetter(next(self._keys), twin, twin.fault, now))
            return fresh
        self._seen[known] = math.inf
        key = next(self._keys)
        self._rows[key] = Row(key, twin)
        return True

    def _bury(self, known: bytes, letter: DeadLetter) -> None:
        self._dead.pop(known, None)
        self._dead[known] = letter

    def offset(self, source: str) -> int:
        return self._offsets.get(source, 0)

    def forget(self, source: str) -> None:
        self._offsets.pop(source, None)

    def sources(self) -> list[str]:
        return list(self._offsets)

    def claim(self, limit: int, now: float, skip: Collection[str] = ()) -> list[Row]:
        due = (
            row
            for key, row in self._rows.items()
            if key not in self._claimed
            and self._due.get(key, 0.0) <= now
            and row.twin.pixel_id not in skip
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
                self._rows[row.key] = replace(row, attempts=row.attempts + counted)
                self._due[row.key] = when
            case Delivered():
                self._drop(row.key)
                self._delivered += 1
                self._seen[known] = now + remember_for(row.twin.lasting)
            case Dead(reason):
                self._drop(row.key)
                del self._seen[known]
                self._bury(known, DeadLetter(row.key, row.twin, reason, now))

    def _drop(self, key: Key) -> None:
        del self._rows[key]
        self._due.pop(key, None)

    def take_back(self) -> Twin | None:
        """The oldest event that is queued and not claimed, which is the caller's from here on."""
        row = next((row for key, row in self._rows.items() if key not in self._claimed), None)
        if row is None:
            return None
        self._drop(row.key)
        del self._seen[digest(row.twin)]
        return row.twin

    def stats(self) -> Stats:
        oldest = next((row.twin.event_time for row in self._rows.values()), None)
        return Stats(len(self._rows), len(self._dead), self._delivered, oldest)

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
