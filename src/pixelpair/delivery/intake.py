"""From the journals of this host into the outbox: living ones to their last whole frame, dead
ones to the end. Knows files and offsets; what an event says does not matter here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Withdrawal, unpacked
from pixelpair.delivery import bounds, frames, locks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelpair.core.events import Twin
    from pixelpair.delivery.meters import Meters
    from pixelpair.delivery.outbox import Outbox

log = logging.getLogger("pixelpair")

# More than the longest frame, so that every read gets on; one transaction each.
CHUNK: Final = 2 * frames.MAX_RECORD
# How many of them are taken in before sending has its turn again.
PER_TURN: Final = 4
# How often a journal that does not grow is asked for its owner, in seconds.
ASK_EVERY: Final = 1.0
# A journal under its temporary name lives for microseconds; this one's maker was killed.
STILLBORN: Final = 60.0

_O_READ = os.O_RDWR | getattr(os, "O_BINARY", 0)


class Intake:
    """Reads every journal of a spool into an outbox; a dead process's journal is then removed.

    Withdrawals also go to `other`, which may hold events of the same visitors. `meters` counts
    events that are "accepted", and a "duplicate" of what is known or withdrawn already.
    """

    def __init__(
        self,
        spool: Path,
        outbox: Outbox,
        other: Outbox | None = None,
        *,
        meters: Meters | None = None,
    ) -> None:
        self.spool = spool
        self._meters = meters
        self.torn = 0
        self.unreadable = 0
        self._outbox = outbox
        self._other = other
        self._offsets: dict[str, int] = {}
        self._ask_at: dict[str, float] = {}
        self._tidied = False

    def take(self) -> bool:
        """Take in what is there, up to a turn's worth; whether there is more.

        Where the outbox has no room, what was not read waits in the journals, which have a limit
        of their own.
        """
        has_room = self._has_room()
        chunks = PER_TURN if has_room else 0
        names = self._listing()
        self._tidy(names)
        for name, size in names.items():
            grown = size > self._offset(name)
            if (chunks and grown) or (not grown and self._shall_ask(name)):
                chunks = self._take_one(self.spool / name, chunks)
        return has_room and not chunks

    def _has_room(self) -> bool:
        room = self._outbox.make_room()
        if room.dropped and self._meters is not None:
            self._meters.add("dropped", room.dropped, "dead_letters")
        return room.enough

    def unread(self) -> int:
        """How many whole frames wait in the journals."""
        return sum(len(self._unread(name)) for name in self._listing())

    def waiting(self) -> Iterator[Twin | Withdrawal]:
        """What waits in the journals, to be looked at only: one journal after the other."""
        for name in self._listing():
            for payload in self._unread(name):
                with contextlib.suppress(ValueError, TypeError):
                    yield unpacked(payload)

    def _listing(self) -> dict[str, int]:
        try:
            with os.scandir(self.spool) as entries:
                found = [entry for entry in entries if entry.name.endswith(bounds.SUFFIX)]
        except FileNotFoundError:
            return {}
        sizes = {}
        for entry in found:
            with contextlib.suppress(FileNotFoundError):
                sizes[entry.name] = Path(entry.path).stat().st_size
        return sizes

    def _offset(self, name: str) -> int:
        if name not in self._offsets:
            self._offsets[name] = self._outbox.offset(name)
        return self._offsets[name]

    def _shall_ask(self, name: str) -> bool:
        return time.monotonic() >= self._ask_at.get(name, 0.0)

    def _take_one(self, path: Path, chunks: int) -> int:
        """Take in one journal, at most so many chunks; gives how many may follow."""
        try:
            fd = os.open(path, _O_READ)
        except FileNotFoundError:
            return chunks
        try:
            self._ask_at[path.name] = time.monotonic() + ASK_EVERY
            # Asked before reading: what a dead owner wrote is all there.
            gone = locks.owner_gone(fd, path)
            while chunks and self._read(fd, path.name, gone):
                chunks -= 1
            if (gone or os.name == "nt") and self._offset(path.name) >= os.fstat(fd).st_size:
                self._remove(path)
            return chunks
        finally:
            os.close(fd)

    def _read(self, fd: int, name: str, gone: bool) -> bool:
        """Read one chunk on from the known offset; whether there may be another."""
        offset = self._offset(name)
        data = _read_at(fd, CHUNK, offset)
        last = len(data) < CHUNK
        found = frames.read_frames(data, final=gone and last)
        if found.consumed:
            records = self._unpack(found.payloads)
            new = self._outbox.put_many(records, name, offset + found.consumed)
            self._offsets[name] = offset + found.consumed
            self._count(records, new)
            self._count_torn(found.skipped)
            self._tell_other(records)
        return not last

    def _count(self, records: list[Twin | Withdrawal], new: int) -> None:
        if self._meters is not None:
            events = sum(not isinstance(record, Withdrawal) for record in records)
            self._meters.add("accepted", new)
            self._meters.add("duplicate", events - new)

    def _tell_other(self, records: list[Twin | Withdrawal]) -> None:
        withdrawals = [record for record in records if isinstance(record, Withdrawal)]
        if self._other is not None and withdrawals:
            self._other.put_many(withdrawals)

    def _unpack(self, payloads: list[bytes]) -> list[Twin | Withdrawal]:
        records = []
        for payload in payloads:
            try:
                records.append(unpacked(payload))
            except (ValueError, TypeError):
                self.unreadable += 1
                if self.unreadable == 1:
                    log.error("a journal in %s holds a record that is no event", self.spool)
        return records

    def _count_torn(self, skipped: int) -> None:
        if skipped and not self.torn:
            log.warning("a torn record in a journal of %s was skipped", self.spool)
        self.torn += skipped

    def _remove(self, path: Path) -> None:
        if self._offset(path.name):
            self._outbox.sync()
        with contextlib.suppress(FileNotFoundError, PermissionError):
            path.unlink()
            self._outbox.forget(path.name)
            self._offsets.pop(path.name, None)
            self._ask_at.pop(path.name, None)

    def _tidy(self, names: dict[str, int]) -> None:
        """Once: drop what a predecessor left when it was killed between two steps."""
        if self._tidied:
            return
        self._tidied = True
        for source in self._outbox.sources():
            if source not in names and not (self.spool / source).exists():
                self._outbox.forget(source)
        for path in self.spool.glob(".journal-*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STILLBORN:
                    path.unlink()

    def _unread(self, name: str) -> list[bytes]:
        with contextlib.suppress(FileNotFoundError):
            data = (self.spool / name).read_bytes()[self._outbox.offset(name) :]
            return frames.read_frames(data, final=True).payloads
        return []


def _read_at(fd: int, size: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)
