"""What the operating system lends: file locks that die with their process, and data syncs.

Where `fcntl` is missing (Windows) every lock is granted and one sending process is assumed;
where `fdatasync` is missing (macOS) `fsync` does its work.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

from pixelpair.delivery import forks

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("pixelpair")

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

_SIGNATURE = 1000

_sync = getattr(os, "fdatasync", os.fsync)
_said: set[str] = set()


def say_once(message: str) -> None:
    """Log at INFO, once in the life of the process."""
    if message not in _said:
        _said.add(message)
        log.info(message)


def is_there(path: Path) -> bool:
    """Whether something bears this name; raises OSError where that cannot be told.

    `Path.exists()` says no there since Python 3.14: a spool that belongs to another user would
    look like one that is not made yet.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def can_lock() -> bool:
    """Whether a file lock can tell a living owner from a dead one here."""
    if fcntl is None:
        say_once("no file locks on this system: let one process only send (SENDER=none elsewhere)")
    return fcntl is not None


def take(fd: int) -> bool | None:
    """Whether the exclusive lock on this open file is now ours (None: nobody can tell).

    Never waits. It is freed by closing the last copy of the descriptor, never by LOCK_UN, with
    which a forked child would free its parent's lock.
    """
    if not can_lock():
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # NFS without a lock daemon answers ENOLCK: the same as having no locks at all.
        say_once("the spool's file system has no locks: let one process only send")
        return None
    return True


def owner_gone(fd: int, path: Path) -> bool:
    """Whether nobody will write to this journal any more; its lock is ours then, until `fd` is
    closed."""
    taken = take(fd)
    if taken is not None:
        return taken
    return not _is_ours(path) and not _runs(path.name)


def _is_ours(path: Path) -> bool:
    """Whether a journal of this very process is writing to this file."""
    return any(getattr(thing, "path", None) == path for thing in forks.watched())


def _runs(name: str) -> bool:
    """Without locks: whether the process in a journal's name runs. Unknown counts as running."""
    if os.name == "nt":
        # There os.kill(pid, 0) is no question; and an open journal cannot be removed anyway.
        return True
    try:
        pid = int(name.split("-")[1])
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (ValueError, IndexError, OSError, OverflowError):
        return True
    return pid != os.getpid()


def holder(path: Path) -> tuple[bool | None, str]:
    """Whether somebody holds this lock now (None: nobody can tell), and how the last one signed.

    For people who ask: the lock is neither waited for nor, where the file is missing, made.
    """
    try:
        with path.open("rb") as file:
            return _is_held(file.fileno()), file.read(_SIGNATURE).decode(errors="replace")
    except FileNotFoundError:
        return (False if can_lock() else None), ""


def _is_held(fd: int) -> bool | None:
    if not can_lock():
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def datasync(fd: int) -> None:
    """Put the file's bytes where a power cut cannot reach them."""
    if _sync is os.fsync:
        say_once("no fdatasync on this system: fsync is used")
    _sync(fd)


def close_quietly(fd: int | None) -> None:
    """Close a descriptor that may be none, or gone already."""
    if fd is not None:
        with contextlib.suppress(OSError):
            os.close(fd)


class Lock:
    """One exclusive lock file, held from `acquire()` to `close()` or the process's death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fork_lock = threading.RLock()
        self._fd: int | None = None
        forks.watch(self)

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self) -> bool:
        """Whether we hold the lock now; without locks, always. Raises OSError if the file
        cannot be opened."""
        with self.fork_lock:
            if self._fd is None:
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
                if take(fd) is False:
                    os.close(fd)
                else:
                    self._fd = fd
            return self.held

    def sign(self, words: str) -> None:
        """Write into the file who holds it; see `holder`."""
        with self.fork_lock, contextlib.suppress(OSError):
            if self._fd is not None:
                os.ftruncate(self._fd, 0)
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.write(self._fd, words.encode(errors="replace")[:_SIGNATURE])

    def close(self) -> None:
        """Free the lock, if it is ours."""
        with self.fork_lock:
            fd, self._fd = self._fd, None
            close_quietly(fd)

    def after_fork(self) -> None:
        """In a child: close our copy. LOCK_UN would free the parent's lock."""
        self.fork_lock = threading.RLock()
        self.close()
