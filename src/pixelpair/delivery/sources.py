"""One journal, opened to be read on: chunk by chunk, each what one call to Meta carries at most.

Knows frames and records; where a chunk goes, and when its journal may go, is the intake's business.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from types import NoneType
from typing import TYPE_CHECKING, Final

import orjson

from pixelpair.core.events import Twin, Withdrawal, unpacked
from pixelpair.delivery import frames, locks
from pixelpair.graph.conversions import MAX_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

# More than the longest frame, so that every read gets on.
CHUNK: Final = 2 * frames.MAX_RECORD
# What is looked at in one go, 0.3 ms of Python for a hundred events: so long a request waits.
PIECE: Final = 128 * 1024

_O_READ = os.O_RDWR | getattr(os, "O_BINARY", 0)
# What stands in the line of an event that may be sent, as most are.
_USUAL: Final = (str, str, str, int, bool, NoneType, str)


def go_on() -> None:
    """Nobody waits for the interpreter."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was read of a journal up to `end`, and how much of it was damaged."""

    source: str
    end: int
    records: list[Twin | Withdrawal] = field(repr=False)
    skipped: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class Source:
    """A journal that is read from `offset` on. `gone`: nobody writes to it any more, and its lock
    is ours while it is open."""

    path: Path
    fd: int
    offset: int
    gone: bool
    rest: Callable[[], object] = go_on

    def chunks(self) -> Iterator[Chunk]:
        """What is there, of so many events or bytes each."""
        while (chunk := self._chunk()) is not None:
            yield chunk

    def _chunk(self) -> Chunk | None:
        start, number, skipped = self.offset, 0, 0
        records: list[Twin | Withdrawal] = []
        while number < MAX_EVENTS and self.offset - start < CHUNK:
            found = self._piece(MAX_EVENTS - number)
            if not found.consumed:
                break
            self.offset += found.consumed
            number += len(found.payloads)
            skipped += found.skipped
            records += unpack(found.payloads)
            self.rest()
        if self.offset == start:
            return None
        return Chunk(self.path.name, self.offset, records, skipped, number - len(records))

    def _piece(self, most: int) -> frames.Frames:
        for size in (PIECE, CHUNK):
            data = _read_at(self.fd, size, self.offset)
            last = len(data) < size
            found = frames.read_frames(data, self.gone and last, most)
            if found.consumed or last:
                break
        return found

    @property
    def read_up(self) -> bool:
        """Whether there is nothing behind what was read."""
        return self.offset >= os.fstat(self.fd).st_size


@contextmanager
def opened(path: Path, offset: int, rest: Callable[[], object] = go_on) -> Iterator[Source]:
    """A journal while it is read, with a rest after each piece. Raises FileNotFoundError."""
    fd = os.open(path, _O_READ)
    try:
        # Asked before reading: what a dead owner wrote is all there.
        yield Source(path, fd, offset, locks.owner_gone(fd, path), rest)
    finally:
        os.close(fd)


def unpack(payloads: Sequence[bytes]) -> list[Twin | Withdrawal]:
    """The records in these payloads, without those that are none."""
    # All lines at once take half as long as one by one. Where any is special, each is looked at.
    parts = [payload.partition(b"\n") for payload in payloads]
    try:
        lines = orjson.loads(b"[%b]" % b",".join([line for line, _, _ in parts]))
        columns = list(zip(*lines, strict=True))
    except (ValueError, TypeError):
        columns = []
    kinds = [set(map(type, column)) for column in columns]
    if kinds != [{kind} for kind in _USUAL] or len(lines) != len(parts):
        return [record for payload in payloads if (record := _unpacked(payload)) is not None]
    *names, times, lasting, faults, consents = columns
    bodies = [body for _, _, body in parts]
    cells = zip(*names, times, bodies, lasting, faults, consents, repeat(0), strict=False)
    # As `Twin(*cells)` would, in a third of the time.
    return list(map(tuple.__new__, repeat(Twin), cells))


def _unpacked(payload: bytes) -> Twin | Withdrawal | None:
    try:
        return unpacked(payload)
    except (ValueError, TypeError):
        return None


def _read_at(fd: int, size: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)
