"""What the processes of a host counted together: each keeps its numbers in a file of the spool,
and the files of dead ones become one total. Knows files and locks; numbers are told elsewhere.

A scrape reaches any process of a host: what it is shown must be the same from all, and never less
than before, whoever has died.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from pixelpair.delivery import locks
from pixelpair.delivery.numbers import Numbers

if TYPE_CHECKING:
    from pathlib import Path

TOTAL: Final = "meters-total.json"
_OURS: Final = re.compile(r"meters-.*\.json")
# A file under its temporary name lives for microseconds; this one's maker was killed.
STILLBORN: Final = 60.0
# A reader that met a fold looks again.
TRIES: Final = 5

_BINARY: Final = getattr(os, "O_BINARY", 0)


class Own:
    """This process's file: locked as long as it lives, and written whole or not at all.

    Whoever has it lets no two threads save at once, and `begin` again after a fork.
    """

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self._fd: int | None = None
        self.begin()

    def begin(self) -> None:
        """Another file from here on: the one before is somebody else's, or ended."""
        self.close()
        self.name = f"meters-{os.getpid()}-{secrets.token_hex(8)}.json"
        self._last = b""

    def __del__(self) -> None:
        locks.close_quietly(getattr(self, "_fd", None))

    def save(self, numbers: Numbers, *, ended: bool = False) -> None:
        """Write the numbers, if they have changed; makes no folder. Raises OSError.

        `ended`: this process counts no more, which also tells where there are no locks.
        """
        text = orjson.dumps(numbers.document() | ({"ended": True} if ended else {}))
        if text != self._last and self.spool.is_dir():
            # A new file, locked before it bears this name: whoever meets the name meets a whole
            # document and a held lock.
            fd = _write(self.spool / self.name, text)
            self.close()
            self._fd, self._last = fd, text

    def close(self) -> None:
        """Leave the file to whoever adds up the dead."""
        fd, self._fd = self._fd, None
        locks.close_quietly(fd)


def _write(path: Path, text: bytes, *, sync: bool = False) -> int | None:
    """Put a document in place, whole; gives its locked descriptor, where there are locks."""
    first = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY
    fd = os.open(first, flags, locks.PRIVATE_FILE)
    kept: int | None = fd
    try:
        locked = locks.take(fd) is not None
        if os.write(fd, text) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if sync:
            locks.datasync(fd)
        if not locked:  # an open file cannot be renamed on Windows
            os.close(fd)
            kept = None
        first.replace(path)
    except OSError:
        locks.close_quietly(kept)
        with suppress(OSError):
            first.unlink()
        raise
    return kept


@dataclass(slots=True)
class _Total:
    """What the dead counted. `folded`: whose files are in it and may still be there."""

    fold: int = 0
    numbers: Numbers = field(default_factory=Numbers)
    folded: frozenset[str] = frozenset()


def host(spool: Path, but: str = "") -> Numbers:
    """What all processes of this spool counted, dead or alive, without the file named `but`."""
    for _ in range(TRIES):
        before = _total(spool)
        # Twice: a folder may hide a name from one listing while it is replaced.
        names = _names(spool) | _names(spool)
        found = {name: _document(spool / name) for name in names}
        total = _total(spool)
        if total.fold == before.fold:
            break
    numbers = total.numbers
    for name, document in found.items():
        if name not in total.folded and name != but:
            numbers.merge(Numbers.of(document))
    return numbers


def fold(spool: Path) -> None:
    """Add the files of dead processes to the total; for the host's one sender. Raises OSError.

    The total names what it holds before any of that is removed: killed between the two, it knows
    what not to add again.
    """
    total, names = _total(spool), _names(spool)
    left = total.folded & names
    dead = {n: d for n in names - left if (d := _of_the_dead(spool / n)) is not None}
    if dead:
        for document in dead.values():
            total.numbers.merge(Numbers.of(document))
        left |= dead.keys()
        body = {"fold": total.fold + 1, "folded": sorted(left), **total.numbers.document()}
        locks.close_quietly(_write(spool / TOTAL, orjson.dumps(body), sync=True))
    for name in left:
        (spool / name).unlink(missing_ok=True)
    _tidy(spool)


def _tidy(spool: Path) -> None:
    for path in spool.glob(".meters-*.tmp"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STILLBORN:
                path.unlink()


def _names(spool: Path) -> frozenset[str]:
    try:
        with os.scandir(spool) as entries:
            found = frozenset(entry.name for entry in entries)
    except FileNotFoundError:
        return frozenset()
    return frozenset(filter(_OURS.fullmatch, found)) - {TOTAL}


def _total(spool: Path) -> _Total:
    document = _document(spool / TOTAL)
    if not isinstance(document, dict):
        return _Total()
    number, folded = document.get("fold"), document.get("folded")
    return _Total(
        number if isinstance(number, int) else 0,
        Numbers.of(document),
        frozenset(map(str, folded)) if isinstance(folded, list) else frozenset(),
    )


def _of_the_dead(path: Path) -> object | None:
    """The document of a process that will write no more; None while it may."""
    try:
        fd = os.open(path, os.O_RDWR | _BINARY)
    except FileNotFoundError:
        return None
    try:
        gone = locks.owner_gone(fd, path)
        if os.fstat(fd).st_ino != path.stat().st_ino:  # replaced just now
            return None
        document = _document(path)
        ended = isinstance(document, dict) and document.get("ended")
        return (document or {}) if gone or ended else None
    except FileNotFoundError:
        return None
    finally:
        os.close(fd)


def _document(path: Path) -> Any:
    """What stands in a file; None where there is none, or no JSON in it."""
    try:
        return orjson.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
