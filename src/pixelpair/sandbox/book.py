"""The record of what arrived, paired by Meta's deduplication rule. Pure: the clock comes in.

Two halves are one event when pixel, name and event_id agree and the second came within 48 hours of
the first. A half that comes again on its own channel is counted on it (`repeats`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Channel = Literal["browser", "server"]
Half = dict[str, Any]
Key = tuple[str, str, str]

WINDOW = 48 * 3600
CAPACITY = 10_000
STATUS = {
    (True, True): "paired",
    (True, False): "browser_only",
    (False, True): "server_only",
}


@dataclass(slots=True)
class Entry:
    """One event and its halves so far. `revision` is the book's when it last changed."""

    pixel_id: str
    name: str
    event_id: str
    first: float
    number: int = 0
    revision: int = 0
    halves: dict[Channel, Half] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return STATUS["browser" in self.halves, "server" in self.halves]

    def add(self, channel: Channel, half: Half) -> None:
        known = self.halves.get(channel)
        if known:
            known["repeats"] += 1
        else:
            self.halves[channel] = half

    def row(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "event_id": self.event_id or None,
            "pixel_id": self.pixel_id,
            "status": self.status,
            "browser": self.halves.get("browser"),
            "server": self.halves.get("server"),
        }


class Book:
    """Every event of this sandbox, oldest first; when full, the oldest makes room."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.revision = 0
        self.cleared = 0
        self._capacity = capacity
        self._entries: dict[int, Entry] = {}
        self._changed: dict[int, None] = {}  # numbers, the latest changed last
        self._open: dict[Key, int] = {}
        self._next = 0

    def record(self, channel: Channel, key: Key, half: Half, now: float) -> None:
        """Add one half under (pixel id, name, event id); an empty id never pairs."""
        self.revision += 1
        entry = self._entry(key, now)
        entry.add(channel, {**half, "received": now, "repeats": 0})
        entry.revision = self.revision
        self._changed.pop(entry.number, None)
        self._changed[entry.number] = None

    def rows(self) -> list[dict[str, Any]]:
        return [entry.row() for entry in self._entries.values()]

    def entries(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def entry(self, number: int) -> Entry | None:
        return self._entries.get(number)

    @property
    def oldest(self) -> int:
        """The lowest number that is still known; of an empty book, the next one."""
        return next(iter(self._entries), self._next)

    def changed_since(self, revision: int) -> list[Entry]:
        """What is not as it was at that revision, the earliest change first."""
        latest = (self._entries[number] for number in reversed(self._changed))
        return list(takewhile(lambda entry: entry.revision > revision, latest))[::-1]

    def clear(self) -> None:
        self.revision += 1
        self.cleared = self.revision
        self._entries.clear()
        self._changed.clear()
        self._open.clear()

    def _entry(self, key: Key, now: float) -> Entry:
        number = self._open.get(key)
        if number is not None and now - self._entries[number].first <= WINDOW:
            return self._entries[number]
        return self._open_entry(key, now)

    def _open_entry(self, key: Key, now: float) -> Entry:
        if len(self._entries) >= self._capacity:
            self._forget(next(iter(self._entries)))
        number, self._next = self._next, self._next + 1
        entry = self._entries[number] = Entry(*key, first=now, number=number)
        if entry.event_id:
            self._open[key] = number
        return entry

    def _forget(self, number: int) -> None:
        entry = self._entries.pop(number)
        self._changed.pop(number, None)
        key = (entry.pixel_id, entry.name, entry.event_id)
        if self._open.get(key) == number:
            del self._open[key]
