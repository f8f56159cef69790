"""How much may wait in memory and in the journals of a spool, and what goes when it is more.

Knows files and counts; what is written to them, and what is told of it, is the journal's.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, NamedTuple

from pixelpair.delivery import locks
from pixelpair.delivery.frames import MARK

if TYPE_CHECKING:
    from pathlib import Path

Full = Literal["drop_newest", "drop_oldest"]

SUFFIX: Final = ".pxj"
_PIECE: Final = 1024 * 1024


class Ring:
    """Records that wait in memory, the oldest first, bounded by their number and their bytes."""

    def __init__(self, full: Full) -> None:
        self._full = full
        self._records: deque[bytes] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: bytes, rows: int, size: int) -> int:
        """Add a record, if so many rows and bytes have room for it; gives how many had to go."""
        gone = 0
        while not self._fits(record, rows, size):
            gone += 1
            if self._full == "drop_newest" or not self._records:
                return gone
            self.take()
        self._add(record)
        return gone

    def take(self) -> bytes:
        """The oldest record, which is the caller's from here on."""
        record = self._records.popleft()
        self._size -= len(record)
        return record

    def take_many(self, rows: int, size: int) -> list[bytes]:
        """The oldest records, up to so many rows and bytes."""
        found: list[bytes] = []
        while len(found) < rows and self._records and len(self._records[0]) <= size:
            found.append(self.take())
            size -= len(found[-1])
        return found

    def follow(self, others: Ring) -> None:
        """Put the others, which are known to fit, behind these."""
        for record in others._records:
            self._add(record)

    def _fits(self, record: bytes, rows: int, size: int) -> bool:
        return len(self._records) < rows and self._size + len(record) <= size

    def _add(self, record: bytes) -> None:
        self._records.append(record)
        self._size += len(record)


class _Found(NamedTuple):
    written: int
    size: int
    path: Path


def make_room(spool: Path, limit: int, full: Full) -> tuple[bool, int]:
    """Whether the journals of this spool are below the limit, and how many records went for that.

    Only whole journals go, the oldest first, and none that its owner still writes or somebody
    reads. Counted is what stood in them, though some of it may have been read already. To count
    and delete 16 MB takes 20 ms.
    """
    journals = _journals(spool)
    size, dropped = sum(found.size for found in journals), 0
    for found in sorted(journals) if full == "drop_oldest" else ():
        if size < limit:
            break
        if (records := _drop(found.path)) is not None:
            size -= found.size
            dropped += records
    return size < limit, dropped


def _journals(spool: Path) -> list[_Found]:
    with os.scandir(spool) as entries:
        journals = [entry for entry in entries if entry.name.endswith(SUFFIX)]
    found = []
    for entry in journals:
        with suppress(FileNotFoundError):
            state = entry.stat()
            found.append(_Found(state.st_mtime_ns, state.st_size, spool / entry.name))
    return found


def _drop(path: Path) -> int | None:
    """Delete a journal that nobody holds; gives how many records it had, None if it stays."""
    try:
        with path.open("rb+") as file:
            if not locks.owner_gone(file.fileno(), path):
                return None
            records = _frames_in(file)
            path.unlink()
            return records
    except FileNotFoundError:
        return 0
    except OSError:
        return None


def _frames_in(file: BinaryIO) -> int:
    """How many frames begin in a file, without looking whether they are whole."""
    count, end = 0, b""
    while piece := file.read(_PIECE):
        data = end + piece
        count += data.count(MARK)
        end = data[1 - len(MARK) :]
    return count
