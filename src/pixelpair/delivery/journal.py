"""The acceptor: this process's own append-only file of framed records, safe under kill -9.

Knows files and forks; knows neither events nor who reads them. `append` never raises.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING
from zlib import crc32

from pixelpair.delivery import forks, locks
from pixelpair.delivery.bounds import SUFFIX, Ring, make_room
from pixelpair.delivery.frames import HEADER, MARK, MAX_RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pixelpair.delivery.bounds import Full

log = logging.getLogger("pixelpair")

ROTATE_AT = 16 * 1024 * 1024
# Then a journal with anything in it is handed over too, in seconds: what Meta has of it, and what
# may be dropped of it, goes only as a whole. Asked at each sync, and without a thread whenever so
# many bytes have been written, which one append in about 200 pays for.
ROTATE_AFTER = 600.0
LOOK_EVERY = 256 * 1024
_NOT_WRITABLE = (
    "the spool %s cannot be written (%s): up to %d events wait in memory, and are lost with this"
    " process; check PIXELPAIR_SPOOL, its owner and the disk"
)
_LIMIT = "its journals hold what PIXELPAIR_SPOOL_LIMIT allows"
_DROPPED = (
    "the journals in %s held more than PIXELPAIR_SPOOL_LIMIT allows: the oldest were deleted, with"
    " up to %d events; what goes from now on is counted only"
)
_RING_FULL = {
    "drop_newest": "memory for events is full too: newer ones are dropped and counted",
    "drop_oldest": "memory for events is full too: the oldest are dropped and counted",
}
# How long a journal that could not be written is left alone, in seconds.
REST = 1.0
# Records brought back from memory by one append, which a request waits for: 0.1 ms.
AT_ONCE = 50


def _write_parts(fd: int, parts: tuple[bytes, ...]) -> int:
    """One write, where there is no `writev` (Windows)."""
    return os.write(fd, b"".join(parts))


_pack = HEADER.pack
_getpid = os.getpid
_HEAD = HEADER.size
_writev = getattr(os, "writev", _write_parts)


class Journal:
    """Accepts records: one write each to a file that belongs to this process alone.

    The file is made at the first append and again in a forked child. What cannot be written
    waits in memory (`held`), bounded by `memory_rows` and `memory_bytes`, and follows with later
    appends once the spool takes them again. `limit` bounds the bytes of all journals of the
    spool, by a file for each process; it is looked at when a file is made. `full` says what goes
    when there is no room in memory or in the spool.
    """

    def __init__(
        self,
        spool: Path,
        *,
        memory_rows: int = 10_000,
        memory_bytes: int = 32_000_000,
        limit: int | None = None,
        full: Full = "drop_newest",
    ) -> None:
        self.spool = spool
        self.memory_rows = memory_rows
        self.memory_bytes = memory_bytes
        self.limit = limit
        self.full: Full = full
        self._counts: Counter[tuple[str, str]] = Counter()
        self.path: Path | None = None
        self._fd: int | None = None
        self._size = 0
        self._look_at = 0
        self._since: float | None = None
        self._synced = 0
        self._pid = os.getpid()
        self._resting: int | None = None
        self._rest_until = 0.0
        self._syncing: int | None = None
        self._memory = Ring(full)
        self._warned: set[str] = set()
        # Reentrant: a signal handler may append in the middle of an append.
        self.fork_lock = threading.RLock()
        forks.watch(self)

    def append(self, record: bytes) -> None:
        """Accept a record, durably when this returns unless the spool cannot be written."""
        try:
            size = len(record)
            fd = self._fd
            if (
                fd is None
                or self._size >= self._look_at
                or size > MAX_RECORD
                or self._pid != _getpid()  # 30 ns, for a fork that ran no hooks
            ):
                fd = self._prepare(record)
                if fd is None:
                    return
            # No lock: O_APPEND keeps the writes of threads apart, and a descriptor that was
            # handed out is never closed while its journal lives (see `_put_in_place`).
            written = _writev(fd, (_pack(MARK, size, crc32(record)), record))
            self._size += written
            if written != size + _HEAD:
                # Half a frame stays behind, as another thread may have written behind it already:
                # to cut it off could cut that off. No more follows, so that no reader waits there.
                self._size = ROTATE_AT
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._keep(record, error)
        except Exception:
            self._drop("failed")
            self._warn("append", "an event could not be accepted", exc_info=True)

    @property
    def dropped(self) -> int:
        """How many records were given up."""
        return self._counts.total()

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many records were "dropped", by reason."""
        return self._counts

    @property
    def held(self) -> int:
        """How many records wait in memory."""
        with self.fork_lock:
            return len(self._memory)

    @property
    def ready(self) -> bool:
        """Whether the next record may go to the file: nothing waits, nothing failed just now."""
        return not self.held and not self._resting_now()

    def take_held(self, rows: int, size: int = sys.maxsize) -> list[bytes]:
        """The oldest records in memory, up to so many rows and bytes, which are the caller's from
        here on."""
        with self.fork_lock:
            return self._memory.take_many(rows, size)

    def recover(self, *, at_once: bool = False) -> None:
        """Write the records in memory to the file, as far as it takes them again.

        With `at_once` a spool that failed a moment ago is tried too.
        """
        with self.fork_lock:
            self._say_if_well()
            if at_once:
                self._rest_until = min(self._rest_until, time.monotonic())
        # In portions: a request that appends meanwhile waits for one of them only.
        while self._recover_some():
            pass

    def _recover_some(self) -> bool:
        with self.fork_lock:
            if not self._memory or self._resting_now():
                return False
            before = len(self._memory)
            try:
                self._open()
                self._bring_back()
            except OSError as error:
                self._rest(error)
            return len(self._memory) < before

    def sync(self) -> None:
        """Make what was appended survive a power cut, and hand over a file that is old; the
        worker calls this, never a request."""
        self._sync()
        with self.fork_lock, contextlib.suppress(OSError):
            if self._fd is not None and self._is_old():
                self._put_in_place()

    def _sync(self) -> None:
        with self.fork_lock:
            if self._fd is None or self._size == self._synced:
                return
            if os.fstat(self._fd).st_nlink == 0:
                # Somebody emptied the spool under us: what is written from now on has a name.
                self._put_in_place()
                return
            self._synced = self._size
            # A copy, because the file may be handed over meanwhile.
            fd = self._syncing = os.dup(self._fd)
        try:
            locks.datasync(fd)
        finally:
            with self.fork_lock:
                if self._syncing == fd:
                    self._syncing = None
                    os.close(fd)

    def close(self) -> None:
        """Hand over what was written to whoever reads it. A late append still finds a file."""
        self.recover(at_once=True)
        with self.fork_lock, contextlib.suppress(OSError):
            if self._fd is not None and self._size:
                self._put_in_place()

    def after_fork(self) -> None:
        """In a child: the file, its lock and what waits in memory are the parent's."""
        inherited = (self._fd, self._resting, self._syncing)
        self.fork_lock = threading.RLock()
        self._pid = os.getpid()
        self._fd = self._resting = self._syncing = self.path = None
        self._memory, self._counts = Ring(self.full), Counter()
        self._rest_until, self._size, self._synced, self._look_at = 0.0, 0, 0, 0
        self._since = None
        for fd in inherited:
            locks.close_quietly(fd)

    def __del__(self) -> None:
        for name in ("_fd", "_resting"):
            locks.close_quietly(getattr(self, name, None))

    def _prepare(self, record: bytes) -> int | None:
        """The file to write this record to, or None when that is settled otherwise."""
        if len(record) > MAX_RECORD:
            self._drop("too_large")
            self._warn("size", "an event of %d bytes is too large and was dropped", len(record))
            return None
        with self.fork_lock:
            if self._pid != os.getpid():
                self.after_fork()
            if not self._resting_now():
                fd = self._open()
                self._bring_back()
                if not self._resting_now():
                    return fd
            self._hold(record)
            return None

    def _resting_now(self) -> bool:
        return time.monotonic() < self._rest_until

    def _open(self) -> int:
        """The file in use, or a new one where there is none yet or it is full or old."""
        if self._fd is None:
            self._fd, self._resting = self._resting, None
        fd = self._fd
        if fd is None or self._size >= ROTATE_AT or self._is_old():
            fd = self._put_in_place()
        if not self._look_at:
            self._see_to_room()
        self._look_at = min(ROTATE_AT, self._size + LOOK_EVERY)
        return fd

    def _is_old(self) -> bool:
        """Whether the first record was noticed in the file so long ago."""
        if not self._size:
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now >= self._since + ROTATE_AFTER

    def _see_to_room(self) -> None:
        """For a file that is new. Full journals are handed over in any case, or nobody could
        remove them once they are read."""
        if self.limit is None:
            return
        fits, dropped = make_room(self.spool, self.limit, self.full)
        if dropped:
            self._drop("spool_full", dropped)
            self._warn("limit", _DROPPED, self.spool, dropped)
        if not fits:
            raise OSError(errno.ENOSPC, _LIMIT)

    def _bring_back(self) -> None:
        """Write some of the records in memory to the file, which is open."""
        if not self._memory:
            return
        waiting, self._memory = self._memory, Ring(self.full)
        for _ in range(min(AT_ONCE, len(waiting))):
            if not self._memory:
                self.append(waiting.take())
        self._memory.follow(waiting)
        if self._memory and self._fd is not None:
            # The next append comes by here again.
            self._fd, self._resting = None, self._fd
        self._say_if_well()

    def _say_if_well(self) -> None:
        if self._rest_until and self._fd is not None and not self._memory:
            self._rest_until = 0.0
            self._warned.clear()
            log.info("the spool %s can be written again", self.spool)

    def _put_in_place(self) -> int:
        """A new file under the descriptor that is in use, so that no thread, however late, can
        write to a closed one, whose number may be a socket or a database by then."""
        fd, path = _create(self.spool)
        if self._fd is None:
            self._fd = fd
        else:
            os.dup2(fd, self._fd, inheritable=False)
            os.close(fd)
        # Looked at anew by the next append.
        self._look_at, self._since = 0, None
        self.path, self._size, self._synced = path, 0, 0
        return self._fd

    def _keep(self, record: bytes, error: OSError) -> None:
        with self.fork_lock:
            self._rest(error)
            self._hold(record)

    def _rest(self, error: OSError) -> None:
        """The file is left alone for a while: a full disk is not asked for every event."""
        if self._fd is not None:
            self._fd, self._resting = None, self._fd
        self._rest_until = time.monotonic() + REST
        self._warn("write", _NOT_WRITABLE, self.spool, error.strerror, self.memory_rows)

    def _hold(self, record: bytes) -> None:
        if gone := self._memory.put(record, self.memory_rows, self.memory_bytes):
            self._drop("memory_full", gone)
            self._warn("full", _RING_FULL[self.full])

    def _drop(self, reason: str, number: int = 1) -> None:
        # Not told to anybody: who counts has a lock of its own, and two of them meet at a fork.
        self._counts["dropped", reason] += number

    def _warn(self, kind: str, message: str, *args: object, exc_info: bool = False) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            log.warning(message, *args, exc_info=exc_info)


def _create(spool: Path) -> tuple[int, Path]:
    """A new journal of this process: locked before it bears a journal's name.

    Made under its final name it could be taken for a dead one before the lock is on it.
    """
    spool.mkdir(mode=locks.PRIVATE_FOLDER, parents=True, exist_ok=True)
    name = f"journal-{os.getpid()}-{secrets.token_hex(8)}"
    path = spool / f"{name}{SUFFIX}"
    # An open file cannot be renamed on Windows, where there is no lock to wait for either.
    first = spool / f".{name}.tmp" if locks.can_lock() else path
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
    fd = os.open(first, flags, locks.PRIVATE_FILE)
    try:
        locks.take(fd)
        if first != path:
            first.rename(path)
    except OSError:
        os.close(fd)
        raise
    return fd, path
