"""How a record stands in a journal, and how records are found again in damaged bytes. Pure."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple
from zlib import crc32

# No byte of it occurs in UTF-8 text, and no start of it is also its end: the search for the
# next frame can neither stop inside a record of JSON nor step over a frame.
MARK = b"\xf5\xfaPX"
HEADER = Struct("<4sII")
# A twin is 1-3 KB, a cart of 200 lines 20 KB; a length beyond this is damage, not data.
MAX_RECORD = 512 * 1024

_HEAD = HEADER.size


class Frames(NamedTuple):
    """What `read_frames` found; `skipped` counts the bytes that belonged to no whole frame."""

    payloads: list[bytes]
    consumed: int
    skipped: int


def frame(record: bytes) -> bytes:
    """The record as it stands in a journal: marker, length, CRC-32, payload."""
    return HEADER.pack(MARK, len(record), crc32(record)) + record


def read_frames(data: bytes, final: bool, most: int | None = None) -> Frames:
    """The whole frames in `data`, at most so many, stepping over torn ones, and how far reading
    has come.

    Of a living writer's file (`final` false) a last frame that is not whole yet is waited for.
    """
    payloads: list[bytes] = []
    position, whole, size = 0, 0, len(data)
    while len(payloads) != most:
        start = data.find(MARK, position)
        if start < 0:
            consumed = size if final else max(position, _partial_mark(data, position))
            break
        begin = start + _HEAD
        _, length, check = HEADER.unpack_from(data, start) if begin <= size else (MARK, 0, -1)
        end = begin + length
        if end > size and length <= MAX_RECORD and not final:
            consumed = start
            break
        payload = data[begin:end]
        if end > size or length > MAX_RECORD or crc32(payload) != check:
            position = start + len(MARK)
            continue
        payloads.append(payload)
        whole += end - start
        position = end
    else:
        consumed = position
    return Frames(payloads, consumed, consumed - whole)


def _partial_mark(data: bytes, position: int) -> int:
    """Where a marker may have begun at the very end of the data, else the end."""
    for size in range(len(MARK) - 1, 0, -1):
        if data.endswith(MARK[:size], position):
            return len(data) - size
    return len(data)
