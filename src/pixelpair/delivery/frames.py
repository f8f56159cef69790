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


def read_frames(data: bytes, final: bool) -> Frames:
    """The whole frames in `data`, stepping over torn ones, and how far reading has come.

    Of a living writer's file (`final` false) a last frame that is not whole yet is waited for.
    """
    payloads: list[bytes] = []
    position, whole = 0, 0
    while True:
        start = data.find(MARK, position)
        if start < 0:
            consumed = len(data) if final else max(position, _partial_mark(data, position))
            break
        end = _frame_end(data, start)
        if end > len(data) and not final:
            consumed = start
            break
        if end < 0 or end > len(data):
            position = start + len(MARK)
            continue
        payloads.append(data[start + _HEAD : end])
        whole += end - start
        position = end
    return Frames(payloads, consumed, consumed - whole)


def _frame_end(data: bytes, start: int) -> int:
    """Where the frame at `start` ends: past the data if it is not all there, -1 if damaged."""
    if start + _HEAD > len(data):
        return start + _HEAD
    _, length, check = HEADER.unpack_from(data, start)
    end: int = start + _HEAD + length
    if length > MAX_RECORD:
        return -1
    if end <= len(data) and crc32(memoryview(data)[start + _HEAD : end]) != check:
        return -1
    return end


def _partial_mark(data: bytes, position: int) -> int:
    """Where a marker may have begun at the very end of the data, else the end."""
    for size in range(len(MARK) - 1, 0, -1):
        if data.endswith(MARK[:size], position):
            return len(data) - size
    return len(data)
