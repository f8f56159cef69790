"""Zstandard (RFC 8878) by the library that the app's own compressor has loaded; imports none.

Frames are told apart here, and the library gets a block at a time: so it never gives more than
128 KB, loses nothing before a fault, and a chunk that ends with a block is known for a flush.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.coded import Fault, Packer

# bench/bench_codings.py, 50 KB of varied text: level 1 takes 0.33 ms for 17.9 KB, 2 0.32 for 17.3,
# 3 (the usual one) 0.41 for 17.2, 5 0.95 for 17.1, 8 1.46 for 17.1.
LEVEL: Final = 3
# 256 KB, not the 2 MB of this level, which each page that streams would hold.
WINDOW_LOG: Final = 18
# What RFC 9659 allows as a content coding; a frame may ask for 2 TB.
MOST_WINDOW: Final = 8 << 20

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPED: Final = b"\x2a\x4d\x18"  # behind any byte of 0x50 to 0x5F (RFC 8878, 3.1.2)
_DICTIONARY, _CONTENT = (0, 1, 2, 4), (0, 2, 4, 8)  # sizes of a header's fields, by their flags
_RLE: Final = 1


class Library(NamedTuple):
    """A loaded one: makes what decompresses one frame, and a Packer."""

    unpacks: Callable[[], Callable[[bytes], bytes]]
    packs: Callable[[bool], Packer]
    error: type[Exception]


def library() -> Library | None:
    """The first one that is loaded."""
    for name, adapt in _LIBRARIES.items():
        module = sys.modules.get(name)
        if hasattr(module, "ZstdDecompressor") and hasattr(module, "ZstdError"):
            return adapt(module)
    return None


def _of_python(zstd: Any) -> Library:
    """Python's own, and its backport."""
    window = {zstd.DecompressionParameter.window_log_max: MOST_WINDOW.bit_length() - 1}
    return Library(
        lambda: zstd.ZstdDecompressor(options=window).decompress,
        lambda checked: _PythonPacked(zstd, checked),
        zstd.ZstdError,
    )


def _of_zstandard(zstandard: Any) -> Library:
    def unpacks() -> Callable[[bytes], bytes]:
        made = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW).decompressobj()
        decompress: Callable[[bytes], bytes] = made.decompress
        return decompress

    return Library(
        unpacks, lambda checked: _ZstandardPacked(zstandard, checked), zstandard.ZstdError
    )


_LIBRARIES: Final = {
    "compression.zstd": _of_python,
    "backports.zstd": _of_python,
    "zstandard": _of_zstandard,
}


class _PythonPacked:
    __slots__ = ("_zstd", "compress")

    def __init__(self, zstd: Any, checked: bool) -> None:
        names = zstd.CompressionParameter
        options = {
            names.compression_level: LEVEL,
            names.window_log: WINDOW_LOG,
            names.checksum_flag: checked,
        }
        self._zstd = zstd.ZstdCompressor(options=options)
        self.compress = self._zstd.compress

    def flush(self) -> bytes:
        flushed: bytes = self._zstd.flush(self._zstd.FLUSH_BLOCK)
        return flushed

    def finish(self) -> bytes:
        finished: bytes = self._zstd.flush(self._zstd.FLUSH_FRAME)
        return finished


class _ZstandardPacked:
    __slots__ = ("_flush", "_flush_block", "compress", "finish")

    def __init__(self, zstandard: Any, checked: bool) -> None:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL, window_log=WINDOW_LOG, write_checksum=checked
        )
        made = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        self.compress, self.finish, self._flush = made.compress, made.flush, made.flush
        self._flush_block = zstandard.COMPRESSOBJ_FLUSH_BLOCK

    def flush(self) -> bytes:
        flushed: bytes = self._flush(self._flush_block)
        return flushed


class ZstdUnpacked:
    """An Unpacker of zstd."""

    __slots__ = (
        "_checked",
        "_data",
        "_decompress",
        "_last",
        "_left",
        "_library",
        "_over",
        "_stage",
        "_sums",
        "complete",
        "fault",
    )
    # The last block, and of the type that RFC 8878 (3.1.1.2.2) reserves.
    broken = b"\x07\x00\x00"

    def __init__(self, library: Library) -> None:
        self._library = library
        self._data = memoryview(b"")  # not read yet
        self._decompress: Callable[[bytes], bytes] = bytes
        self._stage: Literal["frame", "block", "check", "skip"] = "frame"
        self._left = 0  # bytes of a block or a checksum that are still to come
        self._last = False  # this block is its frame's last
        self._checked = False  # the frame ends in a checksum
        self._sums = True  # so do all up to here
        self._over = False  # nothing that comes is read
        self.complete = False
        self.fault: Fault | None = None

    @property
    def flushed(self) -> bool:
        return self._stage == "block" and not (self._left or self._data or self.fault)

    def packer(self) -> Packer:
        return self._library.packs(self._sums)

    def push(self, chunk: bytes) -> None:
        """Give it more; what it had is taken, but for the first bytes of a header."""
        self._data = memoryview(bytes(self._data) + chunk if self._data else chunk)

    def take(self) -> bytes:
        while self._data and not self._over and (self._left or self._begins()):
            if plain := self._read():
                return plain
        return b""

    def _begins(self) -> bool:
        """Whether the header of what comes next is there."""
        return self._frame_begins() if self._stage == "frame" else self._block_begins()

    def _frame_begins(self) -> bool:
        start = bytes(self._data[:8])
        if start[0] & 0xF0 == 0x50 and _SKIPPED.startswith(start[1:4]):
            return self._skip_begins(start)
        if not start.startswith(_MAGIC[: len(start)]):
            self._over = True
            self.fault = None if self.complete else "data"
        size = _header_size(start[4]) if len(start) > 4 else 0
        if self._over or not size or len(self._data) < size:
            return False
        self._decompress, self.complete = self._library.unpacks(), False
        self._stage, self._checked, self._left = "block", bool(start[4] & 4), size
        self._last, self._sums = False, self._sums and self._checked
        return True

    def _skip_begins(self, start: bytes) -> bool:
        if len(start) < 8:
            return False
        self._decompress, self.complete = _nothing, False
        self._stage, self._checked, self._last = "skip", False, True
        self._left = 8 + int.from_bytes(start[4:], "little")
        return True

    def _block_begins(self) -> bool:
        if len(self._data) < 3:
            return False
        header = int.from_bytes(self._data[:3], "little")
        kind, size = header >> 1 & 3, header >> 3
        self._last, self._left = bool(header & 1), 3 + (1 if kind == _RLE else size)
        return True

    def _read(self) -> bytes:
        """What can be read of the block, up to its end."""
        part, self._data = bytes(self._data[: self._left]), self._data[self._left :]
        try:
            plain = self._decompress(part)
        except self._library.error:
            sum_is_wrong = self._stage == "check" and self._sums
            self._over, self.fault = True, "check" if sum_is_wrong else "data"
            return b""
        self._left -= len(part)
        if self._last and not self._left:
            self._ended()
        return plain

    def _ended(self) -> None:
        """The last block, or the checksum behind it, is read."""
        if self._checked and self._stage == "block":
            self._stage, self._left = "check", 4
        else:
            self._stage, self.complete = "frame", True


def _nothing(_skipped: bytes) -> bytes:
    return b""


def unpacker() -> ZstdUnpacked:
    """Where a library is loaded."""
    found = library()
    if found is None:
        raise LookupError("no library for zstd is loaded")
    return ZstdUnpacked(found)


def _header_size(flags: int) -> int:
    """Of a frame's header with its magic number, as its fifth byte tells (RFC 8878, 3.1.1.1)."""
    single, content = flags >> 5 & 1, _CONTENT[flags >> 6]
    return 5 + (not single) + _DICTIONARY[flags & 3] + (content or single)
