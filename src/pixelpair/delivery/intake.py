"""From the journals of this host into the outbox: living ones to their last whole frame, dead
ones to the end. Knows files and offsets; what an event says does not matter here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Withdrawal, unpacked
from pixelpair.delivery import bounds, frames, locks, sources
from pixelpair.delivery.dispatch import Round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair.core.events import Twin
    from pixelpair.delivery.express import Express
    from pixelpair.delivery.meters import Meters
    from pixelpair.delivery.outbox import Outbox
    from pixelpair.delivery.sources import Chunk, Source

log = logging.getLogger("pixelpair")

# How many chunks are put in the outbox before that has its turn again.
PER_TURN: Final = 4
# How often a journal that does not grow is asked for its owner, in seconds.
ASK_EVERY: Final = 1.0
# A journal under its temporary name lives for microseconds; this one's maker was killed.
STILLBORN: Final = 60.0


class Intake:
    """Reads every journal of a spool into an outbox; a dead process's journal is then removed.

    Withdrawals also go to `other`, which may hold events of the same visitors. `meters` counts
    events that are "accepted", and a "duplicate" of what is known or withdrawn already. What
    `express` can send does not go into the outbox; `sent` is what it has done. `rest` comes after
    every piece that was read.
    """

    def __init__(
        self,
        spool: Path,
        outbox: Outbox,
        other: Outbox | None = None,
        *,
        meters: Meters | None = None,
        express: Express | None = None,
        rest: Callable[[], object] = sources.go_on,
    ) -> None:
        self.spool = spool
        self.sent = Round()
        self._express = express
        self._rest = rest
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
        left, at_once = self._share if has_room else (0, 0)
        names = self._listing()
        self._tidy(names)
        grown = [name for name, size in names.items() if size > self._offset(name)]
        asked = [name for name in names if name not in grown and self._shall_ask(name)]
        with contextlib.ExitStack() as files:
            read: list[Source] = []
            chunks = chain.from_iterable(
                source.chunks() for name in grown for source in self._open(files, name, read)
            )
            while left and (group := list(islice(chunks, at_once))):
                self._accept(group)
                left -= len(group)
            more = not left and (len(read) < len(grown) or bool(read and not read[-1].read_up))
            for name in asked:
                self._open(files, name, read)
            for source in read:
                self._see_off(source)
        return has_room and more

    @property
    def _share(self) -> tuple[int, int]:
        """How many chunks a turn has, and how many of them go together."""
        width = 0 if self._express is None else self._express.width
        return (width, width) if width else (PER_TURN, 1)

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

    def _open(self, files: contextlib.ExitStack, name: str, read: list[Source]) -> list[Source]:
        """Open a journal, if it is still there, until `files` are closed."""
        self._ask_at[name] = time.monotonic() + ASK_EVERY
        try:
            journal = sources.opened(self.spool / name, self._offset(name), self._rest)
            source = files.enter_context(journal)
        except FileNotFoundError:
            return []
        read.append(source)
        return [source]

    def _accept(self, group: list[Chunk]) -> None:
        """Send or put what was read; only then it counts as read."""
        records = [record for chunk in group for record in chunk.records]
        rest = records if self._express is None else self._express.send(records, self.sent)
        withdrawals = [record for record in records if isinstance(record, Withdrawal)]
        new = len(records) - len(rest)
        for chunk in group:
            # All of it with the first: the offsets follow.
            new += self._outbox.put_many(rest, chunk.source, chunk.end)
            self._offsets[chunk.source] = chunk.end
            rest = []
            self._count_torn(chunk.skipped)
            self._count_unreadable(chunk.unreadable)
        self._count(len(records) - len(withdrawals), new)
        if self._other is not None and withdrawals:
            self._other.put_many(withdrawals)

    def _see_off(self, source: Source) -> None:
        """Remove a journal that nobody writes to and that was read to its end."""
        if source.read_up and (source.gone or os.name == "nt"):
            self._remove(source.path)

    def _count(self, events: int, new: int) -> None:
        if self._meters is not None:
            self._meters.add("accepted", new)
            self._meters.add("duplicate", events - new)

    def _count_unreadable(self, number: int) -> None:
        if number and not self.unreadable:
            log.error("a journal in %s holds a record that is no event", self.spool)
        self.unreadable += number

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
            if source not in names and not locks.is_there(self.spool / source):
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
