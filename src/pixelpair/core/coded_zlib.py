"""gzip and deflate (RFC 1950 to 1952), undone a piece at a time and made again."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pixelpair.core.coded import PIECE

if TYPE_CHECKING:
    from zlib import _Decompress

    from pixelpair.core.coded import Fault

# bench/bench_codings.py, 50 KB of varied text: level 1 takes 0.52 ms for 19.3 KB, 3 0.59 for 19.2,
# 4 0.83 for 18.4, 5 0.99 for 18.2, 6 (the usual one) 1.06 for 18.1, 9 1.14 for 18.1.
LEVEL = 4
# Coded bytes at a time: zlib copies what it has not used.
_STEP = 16 * 1024

_GZIP, _ZLIB, _RAW = 31, 15, -15  # what zlib calls the wrappings
_MEMBER = b"\x1f\x8b\x08"
# A flush ends on a whole byte, with an empty block that is stored.
_FLUSHED = b"\x00\x00\xff\xff"
# Behind the last plain byte. Chromium never looks at gzip's, other clients do.
_CHECKS = ("incorrect data check", "incorrect length check")


class Deflated:
    """A Packer of gzip or deflate."""

    __slots__ = ("_flush", "compress")

    def __init__(self, wrapping: int) -> None:
        deflate = zlib.compressobj(LEVEL, wbits=wrapping)
        self.compress, self._flush = deflate.compress, deflate.flush

    def flush(self) -> bytes:
        return self._flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._flush(zlib.Z_FINISH)


class Inflated:
    """An Unpacker of gzip or deflate."""

    __slots__ = (
        "_data",
        "_end",
        "_full",
        "_gzip",
        "_inflate",
        "_wrapping",
        "complete",
        "fault",
        "over",
    )
    # Final, and of the type that RFC 1951 (3.2.3) reserves.
    broken = b"\x07"

    def __init__(self, coding: Literal["gzip", "deflate"]) -> None:
        self._gzip = coding == "gzip"
        self._wrapping = _GZIP if self._gzip else _ZLIB
        self._data = memoryview(b"")  # not read yet
        self._end = b""  # of what came: maybe a flush
        self._inflate: _Decompress | None = None
        self._full = False  # the last piece: zlib may have more of it
        self.complete = False
        self.fault: Fault | None = None
        self.over = False  # nothing that comes is read

    @property
    def flushed(self) -> bool:
        return self._end == _FLUSHED and not self.complete

    def packer(self) -> Deflated:
        return Deflated(self._wrapping)

    def push(self, chunk: bytes) -> None:
        """Give it more; what it had is taken, but for the first bytes of a member."""
        self._end = (self._end + chunk[-4:])[-4:]
        self._data = memoryview(bytes(self._data) + chunk if self._data else chunk)

    def take(self) -> bytes:
        while not self.over and (self._data or self._full):
            if self._inflate is None:
                self._inflate = self._begun()
            if self._inflate is None:
                break
            if plain := self._inflated(self._inflate):
                return plain
        return b""

    def _begun(self) -> _Decompress | None:
        """A member's reader, if one begins here."""
        start = bytes(self._data[:3])
        if self.complete:
            self.over = not self._gzip or not _MEMBER.startswith(start)
            if self.over or len(start) < len(_MEMBER):
                return None
        elif not self._gzip:
            if len(start) < 2:
                return None
            # Some servers send it bare, and browsers take it.
            self._wrapping = _ZLIB if _is_zlib(start[0], start[1]) else _RAW
        self.complete = False
        return zlib.decompressobj(self._wrapping)

    def _inflated(self, inflate: _Decompress) -> bytes:
        step, before = bytes(self._data[:_STEP]), inflate.copy()  # 1.6 µs
        try:
            plain = inflate.decompress(step, PIECE)
        except zlib.error as error:  # and the plain bytes of this step are lost
            self.over = True
            self.fault = "check" if str(error).endswith(_CHECKS) else "data"
            return _before_fault(before, step)
        # At the end, zlib tells the same bytes in both where it had some unconsumed before.
        unread = len(inflate.unused_data if inflate.eof else inflate.unconsumed_tail)
        self._data = self._data[len(step) - unread :]
        self._full = len(plain) == PIECE and not inflate.eof
        if inflate.eof:
            self._inflate, self.complete = None, True
        return plain


def _is_zlib(first: int, second: int) -> bool:
    return first & 0x8F == 0x08 and (first << 8 | second) % 31 == 0


def _before_fault(inflate: _Decompress, coded: bytes) -> bytes:
    plain = []
    with suppress(zlib.error):
        for at in range(len(coded)):
            plain.append(inflate.decompress(coded[at : at + 1]))  # noqa: PERF401
    return b"".join(plain)
