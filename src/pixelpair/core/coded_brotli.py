"""Brotli (RFC 7932) by the library that the app's own compressor has loaded; imports none."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pixelpair.core.coded import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelpair.core.coded import Fault

_LIBRARIES = ("brotli", "brotlicffi")
# bench/bench_codings.py, 50 KB of varied text: quality 0 takes 0.29 ms for 19.4 KB, 2 0.65 for
# 17.5, 4 (that of most middlewares) 1.30 for 17.2, 5 1.90 for 17.1, 7 2.60 for 17.1.
QUALITY = 4
# 256 KB: no page above gets longer for 2 to the 22nd, the usual one.
WINDOW = 18
_STEP = 16 * 1024
# Coded bytes that are kept to be read again at a fault.
_MOST_KEPT = 1 << 20


def library() -> Any:
    """The loaded one that bounds what it gives (both do since 1.2), or None."""
    for name in _LIBRARIES:
        decompressor = getattr(sys.modules.get(name), "Decompressor", None)
        if hasattr(decompressor, "can_accept_more_data"):
            return sys.modules[name]
    return None


class BrotliPacked:
    """A Packer of Brotli."""

    __slots__ = ("compress", "finish", "flush")

    def __init__(self, brotli: Any) -> None:
        compressor = brotli.Compressor(quality=QUALITY, lgwin=WINDOW)
        self.compress = compressor.process
        self.flush = compressor.flush
        self.finish = compressor.finish


class BrotliUnpacked:
    """An Unpacker of Brotli. Its window is 16 MB at most: larger ones are no Brotli of RFC 7932.

    A flush leaves no mark that is always there, so what can be read of a chunk goes out with it.
    Beyond _MOST_KEPT a fault takes the plain bytes of up to _STEP before it along.
    """

    __slots__ = (
        "_brotli",
        "_data",
        "_decompressor",
        "_full",
        "_gave",
        "_given",
        "_kept",
        "_kept_size",
        "_over",
        "complete",
        "fault",
    )
    # The header of a block of metadata whose reserved bit (RFC 7932, 9.2) is set.
    broken = b"\x0e"

    def __init__(self, brotli: Any) -> None:
        self._brotli = brotli
        self._decompressor = brotli.Decompressor()
        self._data = memoryview(b"")  # not read yet
        self._full = False  # the last piece: there may be more of it
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._given = 0  # plain bytes, and of this chunk
        self._gave = False
        self._over = False  # nothing that comes is read
        self.complete = False
        self.fault: Fault | None = None

    @property
    def flushed(self) -> bool:
        return self._gave and not self.complete

    def packer(self) -> BrotliPacked:
        return BrotliPacked(self._brotli)

    def push(self, chunk: bytes) -> None:
        self._data = memoryview(chunk)  # all before it was read
        self._gave = False

    def take(self) -> bytes:
        while not self._over and (self._data or self._full):
            if plain := self._step():
                self._given += len(plain)
                self._gave = True
                return plain
        return b""

    def _step(self) -> bytes:
        step = b""
        if not self._full:
            step, self._data = bytes(self._data[:_STEP]), self._data[_STEP:]
            self._keep(step)
        try:
            plain: bytes = self._decompressor.process(step, output_buffer_limit=PIECE)
        except self._brotli.error:  # and the plain bytes of this call are lost
            self._over = True
            return self._read_again()
        self._over = self.complete = self._decompressor.is_finished()
        self._full = _has_more(self._decompressor, plain)
        return plain

    def _keep(self, step: bytes) -> None:
        self._kept_size += len(step)
        if self._kept_size <= _MOST_KEPT:
            self._kept.append(step)
        else:
            self._kept.clear()

    def _read_again(self) -> bytes:
        """The plain bytes before the fault that were not given yet.

        There is none where the library only minds what follows a whole body.
        """
        skip, plain, self.fault = self._given, bytearray(), "data"
        with suppress(self._brotli.error):
            for piece in self._all_again():
                plain += piece[skip:]
                skip = max(0, skip - len(piece))
        return bytes(plain)

    def _all_again(self) -> Iterator[bytes]:
        decompressor, kept = self._brotli.Decompressor(), self._kept
        last = kept[-1] if kept else b""
        for step in (*kept[:-1], *(last[at : at + 1] for at in range(len(last)))):
            yield (plain := decompressor.process(step, output_buffer_limit=PIECE))
            while _has_more(decompressor, plain):
                yield (plain := decompressor.process(b"", output_buffer_limit=PIECE))
            if decompressor.is_finished():
                self.complete, self.fault = True, None
                return


def _has_more(decompressor: Any, plain: bytes) -> bool:
    """Whether it may give more without more input.

    brotli 1.2.1 gives 32752 bytes, says that it wants input, and has 57001 bytes more.
    """
    asks = not decompressor.can_accept_more_data()
    return (bool(plain) or asks) and not decompressor.is_finished()


def unpacker() -> BrotliUnpacked:
    """Where a library is loaded."""
    return BrotliUnpacked(library())
