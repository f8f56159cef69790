"""Undoes a body's content coding in a stream, lets the plain bytes be changed, and codes again.

Knows gzip and deflate, and Brotli and zstd where this process has loaded a library for them;
nothing of what is changed or why.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from pixelpair.core import coded_brotli, coded_zstd
from pixelpair.core.coded_zlib import Inflated
from pixelpair.core.html import MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.coded import Packer, Unpacker

Coded = Literal["gzip", "deflate", "br", "zstd"]
Coding = Literal["plain"] | Coded
_CODINGS: Final[dict[bytes, Coding]] = {
    b"": "plain",
    b"identity": "plain",
    b"gzip": "gzip",
    b"x-gzip": "gzip",
    b"deflate": "deflate",
    b"br": "br",
    b"zstd": "zstd",
}
# Whoever compresses pages in this process has loaded what undoes it: nothing is imported here.
_LIBRARIES: Final[dict[str | None, Callable[[], object]]] = {
    "br": coded_brotli.library,
    "zstd": coded_zstd.library,
}
_UNPACKERS: Final[dict[Coded, Callable[[], Unpacker]]] = {
    "gzip": partial(Inflated, "gzip"),
    "deflate": partial(Inflated, "deflate"),
    "br": coded_brotli.unpacker,
    "zstd": coded_zstd.unpacker,
}

# Where no head has ended in so many bytes, none is looked for.
MOST_HELD = 2 * MAX_HEAD


def coding_of(content_encoding: bytes | None) -> Coding | None:
    """The coding of a body if we can undo it; a list of codings is none."""
    if not content_encoding:
        return "plain"
    coding = _CODINGS.get(content_encoding.strip().lower())
    return None if coding in _LIBRARIES and _LIBRARIES[coding]() is None else coding


def unpacker(coding: Coded) -> Unpacker:
    """What undoes a coding that coding_of gave."""
    return _UNPACKERS[coding]()


class Recoded:
    """Coded bytes in, coded bytes out; `change` gets all plain bytes in between.

    `changes` says after each piece whether the body is changed at all, or None while that is open.
    Until then the body is "held", unless it grows beyond MOST_HELD or the app flushes: it is
    "changed" then, and `changes` is asked once more, for False. Left "alone" it goes out as it
    came, to the byte. "changed" it keeps its wrapping, is flushed where a chunk ends in a flush,
    and has a fault, or breaks off, behind the same plain bytes.

    When `change` raises, `release` goes on with what it has kept, the current piece included.
    """

    __slots__ = (
        "_came",
        "_change",
        "_changes",
        "_out",
        "_packer",
        "_pieces",
        "_plain",
        "_size",
        "state",
    )

    def __init__(
        self,
        coding: Coded,
        change: Callable[[bytes], bytes],
        changes: Callable[[], bool | None],
    ) -> None:
        self.state: Literal["held", "alone", "changed"] = "held"
        self._change = change
        self._changes = changes
        self._pieces = unpacker(coding)
        self._came: list[bytes] = []  # while held
        self._plain: list[bytes] = []  # the same, changed
        self._size = 0  # of both
        self._packer: Packer | None = None
        self._out: list[bytes] = []

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send now."""
        if self.state == "alone" or not chunk:
            return chunk
        if self.state == "held":
            self._came.append(chunk)
            self._size += len(chunk)
        self._pieces.push(chunk)
        return self._run()

    def finish(self, last: bytes) -> bytes:
        """The last bytes; `last` are the plain ones that `change` had kept, or that follow."""
        if self.state == "held":
            self.state = "changed" if self._changes() else "alone"
        if self.state == "alone":
            return self._as_it_came()
        self._plain.append(last)
        fault, packer = self._pieces.fault, self._packed()
        at_end = self._pieces.complete or fault == "check"
        self._out.append(packer.finish() if at_end else packer.flush())
        if fault == "data":
            self._out.append(self._pieces.broken)
        elif fault == "check":
            whole = self._out.pop()
            self._out += (whole[:-1], bytes([whole[-1] ^ 1]))
        return self._sent()

    def release(self, kept: bytes) -> bytes:
        """The bytes to send now; nothing is changed any more, and more may be fed."""
        self._change = bytes
        if self._packer is None:
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
                self._judge(must=self._size > MOST_HELD)
            if self.state == "alone":
                return self._as_it_came()
            if self.state == "changed":
                self._packed()
        flushed = pieces.flushed
        if self.state == "held":
            if pieces.fault:
                return self._as_it_came()
            if (flushed and self._plain) or self._size > MOST_HELD:
                self._judge(must=True)
        if self.state == "alone":
            return self._as_it_came()
        if self.state == "changed":
            packer = self._packed()
            if flushed or pieces.fault:
                self._out.append(packer.flush())
        return self._sent()

    def _judge(self, *, must: bool) -> None:
        changes = self._changes()
        if changes is None and must:
            self.state = "changed"
            changes = self._changes() is not False
        if changes is not None:
            self.state = "changed" if changes else "alone"

    def _as_it_came(self) -> bytes:
        self.state = "alone"
        self._plain.clear()
        came, self._came = self._came, []
        return b"".join(came)

    def _packed(self) -> Packer:
        """The packer, once it has all plain bytes."""
        if self._packer is None:
            self._packer = self._pieces.packer()
            self._came.clear()
        plain, self._plain = self._plain, []
        self._out += [self._packer.compress(piece) for piece in plain]
        return self._packer

    def _sent(self) -> bytes:
        out, self._out = self._out, []
        return b"".join(out)
