"""Undoes a body's content coding in a stream, lets the plain bytes be changed, and codes again.

Knows gzip and deflate (RFC 1950 to 1952), and nothing of what is changed or why.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pixelpair.core.html import MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from zlib import _Compress, _Decompress

Coding = Literal["plain", "gzip", "deflate"]
_CODINGS: dict[bytes, Coding] = {
    b"": "plain",
    b"identity": "plain",
    b"gzip": "gzip",
    b"x-gzip": "gzip",
    b"deflate": "deflate",
}

# bench/bench_codings.py, 50 KB of varied text: level 1 takes 0.52 ms for 19.3 KB, 3 0.59 for 19.2,
# 4 0.83 for 18.4, 5 0.99 for 18.2, 6 (the usual one) 1.06 for 18.1, 9 1.14 for 18.1.
LEVEL = 4
# Plain bytes at a time: 1 MB of gzip can be 1 GB of zeros.
PIECE = 64 * 1024
# Where no head has ended in so many bytes, none is looked for.
MOST_HELD = 2 * MAX_HEAD
# Coded bytes at a time: zlib copies what it has not used.
_STEP = 16 * 1024

_GZIP, _ZLIB, _RAW = 31, 15, -15  # what zlib calls the wrappings
_MEMBER = b"\x1f\x8b\x08"
# A flush ends on a whole byte, with an empty block that is stored.
_FLUSHED = b"\x00\x00\xff\xff"
# Final, and of the type that RFC 1951 (3.2.3) reserves: an error to every reader.
_NO_BLOCK = b"\x07"
# Behind the last plain byte. Chromium never looks at gzip's, other clients do.
_CHECKS = ("incorrect data check", "incorrect length check")


def coding_of(content_encoding: bytes | None) -> Coding | None:
    """The coding of a body if we can undo it; a list of codings is none."""
    return _CODINGS.get((content_encoding or b"").strip().lower())


class Recoded:
    """Coded bytes in, coded bytes out; `change` gets all plain bytes in between.

    `changes` says after each piece whether the body is changed at all, or None while that is open.
    Until then the body is "held", unless it grows beyond MOST_HELD or the app flushes. Left
    "alone" it goes out as it came, to the byte. "changed" it keeps its wrapping, is flushed where
    a chunk ends in a flush, and has a fault, or breaks off, behind the same plain bytes.

    When `change` raises, `release` goes on with what it has kept, the current piece included.
    """

    __slots__ = (
        "_came",
        "_change",
        "_changes",
        "_deflate",
        "_end",
        "_out",
        "_pieces",
        "_plain",
        "_size",
        "state",
    )

    def __init__(
        self,
        coding: Literal["gzip", "deflate"],
        change: Callable[[bytes], bytes],
        changes: Callable[[], bool | None],
    ) -> None:
        self.state: Literal["held", "alone", "changed"] = "held"
        self._change = change
        self._changes = changes
        self._pieces = _Pieces(coding)
        self._came: list[bytes] = []  # while held
        self._plain: list[bytes] = []  # the same, changed
        self._size = 0  # of both
        self._deflate: _Compress | None = None
        self._out: list[bytes] = []
        self._end = b""  # of what came: maybe a flush

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send now."""
        if self.state == "alone" or not chunk:
            return chunk
        if self.state == "held":
            self._came.append(chunk)
            self._size += len(chunk)
        self._end = (self._end + chunk[-4:])[-4:]
        self._pieces.push(chunk)
        return self._run()

    def finish(self, last: bytes) -> bytes:
        """The last bytes; `last` are the plain ones that `change` had kept, or that follow."""
        if self.state == "held":
            self.state = "changed" if self._changes() else "alone"
        if self.state == "alone":
            return self._as_it_came()
        self._plain.append(last)
        fault = self._pieces.fault
        at_end = self._pieces.complete or fault == "check"
        self._encode(zlib.Z_FINISH if at_end else zlib.Z_SYNC_FLUSH)
        if fault == "data":
            self._out.append(_NO_BLOCK)
        elif fault == "check":
            whole = self._out.pop()
            self._out += (whole[:-1], bytes([whole[-1] ^ 1]))
        return self._sent()

    def release(self, kept: bytes) -> bytes:
        """The bytes to send now; nothing is changed any more, and more may be fed."""
        self._change = bytes
        if self.state != "changed":
            return self._as_it_came()
        self._plain.append(kept)
        return self._run()

    def _run(self) -> bytes:
        """Take what came, piece by piece."""
        pieces = self._pieces
        while piece := pieces.take():
            self._plain.append(self._change(piece))
            if self.state == "held":
                self._size += len(piece)
                self._judge()
            if self.state == "alone":
                return self._as_it_came()
            if self.state == "changed":
                self._encode(zlib.Z_NO_FLUSH)
        flushed = self._end == _FLUSHED and not pieces.complete
        if self.state == "held":
            if pieces.fault:
                return self._as_it_came()
            if (flushed and self._plain) or self._size > MOST_HELD:
                self.state = "changed"
        if self.state == "changed":
            self._encode(zlib.Z_SYNC_FLUSH if flushed or pieces.fault else zlib.Z_NO_FLUSH)
        return self._sent()

    def _judge(self) -> None:
        changes = self._changes()
        if changes is None and self._size > MOST_HELD:
            changes = True
        if changes is not None:
            self.state = "changed" if changes else "alone"

    def _as_it_came(self) -> bytes:
        self.state = "alone"
        self._plain.clear()
        came, self._came = self._came, []
        return b"".join(came)

    def _encode(self, flush: int) -> None:
        if self._deflate is None:
            self._deflate = zlib.compressobj(LEVEL, wbits=self._pieces.wrapping)
            self._came.clear()
        plain, self._plain = self._plain, []
        self._out += [self._deflate.compress(piece) for piece in plain]
        self._out.append(self._deflate.flush(flush))

    def _sent(self) -> bytes:
        out, self._out = self._out, []
        return b"".join(out)


class _Pieces:
    """Coded bytes in, plain bytes out, a piece at a time.

    `complete` says that what came is whole: more is another gzip member, or nothing of the body.
    At a fault all plain bytes before it were taken.
    """

    __slots__ = ("_data", "_full", "_gzip", "_inflate", "complete", "fault", "over", "wrapping")

    def __init__(self, coding: Literal["gzip", "deflate"]) -> None:
        self._gzip = coding == "gzip"
        self.wrapping = _GZIP if self._gzip else _ZLIB
        self._data = memoryview(b"")  # not read yet
        self._inflate: _Decompress | None = None
        self._full = False  # the last piece: zlib may have more of it
        self.complete = False
        self.fault: Literal["data", "check"] | None = None
        self.over = False  # nothing that comes is read

    def push(self, chunk: bytes) -> None:
        """Give it more; what it had is taken, but for the first bytes of a member."""
        self._data = memoryview(bytes(self._data) + chunk if self._data else chunk)

    def take(self) -> bytes:
        """The next plain bytes, b"" where there are none without more input."""
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
            self.wrapping = _ZLIB if _is_zlib(start[0], start[1]) else _RAW
        self.complete = False
        return zlib.decompressobj(self.wrapping)

    def _inflated(self, inflate: _Decompress) -> bytes:
        step, before = bytes(self._data[:_STEP]), inflate.copy()  # 1.6 µs
        try:
            plain = inflate.decompress(step, PIECE)
        except zlib.error as error:  # and the plain bytes of this step are lost
            self.over = True
            self.fault = "check" if str(error).endswith(_CHECKS) else "data"
            return _before_fault(before, step)
        unread = len(inflate.unconsumed_tail) + len(inflate.unused_data)
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
