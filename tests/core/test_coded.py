"""Brotli and zstd by each library: in every cut, streamed, broken and bombs; and none is loaded."""

from __future__ import annotations

import sys
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core import coded_brotli, coded_zstd
from pixelpair.core.coded import PIECE
from pixelpair.core.coded_brotli import BrotliUnpacked
from pixelpair.core.coded_zlib import Inflated
from pixelpair.core.coded_zstd import MOST_WINDOW, ZstdUnpacked
from pixelpair.core.codings import MOST_HELD, Recoded, coding_of
from tests.core.test_codings import Page, cut, each_cut, play
from tests.zstds import NAME, zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pixelpair.core.coded import Unpacker

PAGE = b"<!doctype html><html><head><title>Tea</title></head><body><p>Tea</p></body></html>"
SEEN = PAGE.replace(b"</head>", b"[H]</head>")
FRAGMENT = b"<li>1 tea</li>"
BLOCK = 128 * 1024  # zstd's

# What loads a coding: the module that alone is there, and the coding that it undoes.
LIBRARIES = {"brotli": "br", NAME: "zstd", "zstandard": "zstd"}
ALL = {*LIBRARIES, "brotlicffi", "backports.zstd", "compression.zstd"}


@pytest.fixture(params=LIBRARIES)
def coding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A coding, and one library for it."""
    for name in ALL - {request.param}:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return LIBRARIES[request.param]


class Packed:
    """A compressor of a middleware: what it gives at each flush, and at the end."""

    def __init__(self, coding: str, **options: Any) -> None:
        if coding == "br":
            self._made = brotli.Compressor(**{"quality": 5, **options})
            self._compress, self._flush = self._made.process, self._made.flush
            self._finish = self._made.finish
        else:
            self._made = zstd.ZstdCompressor(**options)
            self._compress = self._made.compress
            self._flush = lambda: self._made.flush(zstd.ZstdCompressor.FLUSH_BLOCK)
            self._finish = self._made.flush

    def flushed(self, plain: bytes) -> bytes:
        return bytes(self._compress(plain) + self._flush())

    def end(self, plain: bytes = b"") -> bytes:
        return bytes(self._compress(plain) + self._finish())


def coded(coding: str, plain: bytes, **options: Any) -> bytes:
    return Packed(coding, **options).end(plain)


# Frames of the reader's own data, which is no part of the body (RFC 8878, 3.1.2).
SKIPPED, EMPTY = b"\x53\x2a\x4d\x18\x05\0\0\0hello", b"\x50\x2a\x4d\x18" + bytes(4)
CHECKED = {zstd.CompressionParameter.checksum_flag: 1}


class Reader:
    """A client: what it could read so far, byte by byte, and how the body ended for it."""

    def __init__(self, coding: str) -> None:
        self._brotli = brotli.Decompressor() if coding == "br" else None
        self._zstd = zstd.ZstdDecompressor()
        self.plain, self.end = bytearray(), "open"

    def feed(self, sent: bytes) -> None:
        for at in range(len(sent)):
            if self.end != "open":
                break
            try:
                self._read(sent[at : at + 1])
            except (brotli.error, zstd.ZstdError):
                self.end = "fault"

    def _read(self, byte: bytes) -> None:
        if self._brotli is not None:
            self.plain += self._brotli.process(byte)
            ended = self._brotli.is_finished()
        else:
            self.plain += self._zstd.decompress(byte)
            ended = self._zstd.eof
        self.end = "whole" if ended else "open"


def read(coding: str, sent: bytes) -> tuple[bytes, str]:
    reader = Reader(coding)
    reader.feed(sent)
    return bytes(reader.plain), reader.end


def unpacked(unpacker: Unpacker, chunks: Iterable[bytes]) -> bytes:
    plain = []
    for chunk in chunks:
        unpacker.push(chunk)
        plain += iter(unpacker.take, b"")
    return b"".join(plain)


# --- what is loaded --------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_undoes_no_coding_that_nothing_here_is_loaded_for(
    coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ALL:
        monkeypatch.delitem(sys.modules, name, raising=False)

    assert coding_of(coding.encode()) is None
    assert not sys.modules.keys() & ALL  # and imports nothing


def test_undoes_what_a_library_is_loaded_for(coding: str) -> None:
    assert coding_of(coding.encode()) == coding


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_undoes_nothing_by_a_library_that_is_half_loaded_or_has_no_bound(
    coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brotli before 1.2 gives all that a few bytes say, at once."""

    class Unbounded:
        class Decompressor:
            def process(self, data: bytes) -> bytes: ...

    for name in ALL:
        monkeypatch.setitem(sys.modules, name, Unbounded)

    assert coding_of(coding.encode()) is None


# --- every form and every cut ----------------------------------------------------------------


def forms(coding: str) -> list[bytes]:
    if coding == "br":
        one = Packed("br")
        return [
            coded("br", PAGE),
            coded("br", PAGE, quality=0, lgwin=10),
            coded("br", PAGE, quality=4, lgwin=24),
            one.flushed(PAGE[:30]) + one.flushed(b"") + one.end(PAGE[30:]),
            coded("br", PAGE) + b"garbage",
            coded("br", PAGE) + coded("br", b"no more"),
        ]
    one = Packed("zstd", options=CHECKED)
    dictionary = coded("zstd", PAGE[:30], options={zstd.CompressionParameter.content_size_flag: 0})
    return [
        coded("zstd", PAGE),
        coded("zstd", PAGE, options=CHECKED),
        zstd.compress(PAGE, 19),
        zstandard.ZstdCompressor(level=1, write_content_size=False).compress(PAGE),
        one.flushed(PAGE[:30]) + one.flushed(b"") + one.end(PAGE[30:]),
        dictionary + zstd.compress(PAGE[30:], options=CHECKED),  # two frames
        coded("zstd", PAGE) + b"garbage",
        coded("zstd", PAGE) + b"\x28\xb5",
        coded("zstd", b"") + coded("zstd", PAGE),
        SKIPPED + coded("zstd", PAGE),
        dictionary + SKIPPED + EMPTY + coded("zstd", PAGE[30:]) + SKIPPED + SKIPPED[:3],
    ]


def test_changes_the_page_in_any_form_and_cut(coding: str) -> None:
    for body in forms(coding):
        for chunks in each_cut(body):
            assert read(coding, play(chunks, coding)) == (SEEN, "whole")


def test_what_is_left_alone_goes_out_as_it_came(coding: str) -> None:
    for body in forms(coding):
        assert play([body], coding, insertion=b"") == body
        for size in (1, 7, 20):  # what could be read before the head ended is on its way
            chunks = cut(body, *range(size, len(body), size))
            sent = play(chunks, coding, insertion=b"")
            assert sent == body or read(coding, sent) == (PAGE, "whole")


@given(st.binary(max_size=3000), st.lists(st.integers(0, 4000)), st.sampled_from(["br", "zstd"]))
def test_any_bytes_come_through(plain: bytes, cuts: list[int], coding: str) -> None:
    body = coded(coding, plain)
    chunks = cut(body, *sorted(at for at in cuts if at < len(body)))
    recoded = Recoded(coding, bytes.swapcase, lambda: True)  # type: ignore[arg-type]

    sent = b"".join(map(recoded.feed, chunks)) + recoded.finish(b"<END>")

    assert read(coding, sent) == (plain.swapcase() + b"<END>", "whole")


READERS: dict[str, Callable[[], Unpacker]] = {
    "br": lambda: BrotliUnpacked(brotli),
    "zstd": lambda: ZstdUnpacked(coded_zstd._of_python(zstd)),
    "zstandard": lambda: ZstdUnpacked(coded_zstd._of_zstandard(zstandard)),
    "gzip": lambda: Inflated("gzip"),
}
BODIES = {
    "br": coded("br", PAGE),
    "zstd": coded("zstd", PAGE, options=CHECKED),
    "gzip": zlib.compress(PAGE, wbits=31),
}
BODIES["zstandard"] = BODIES["zstd"]


@given(
    st.sampled_from(list(READERS)),
    st.integers(0, 100),
    st.binary(max_size=40),
    st.lists(st.integers(0, 150), max_size=8),
)
def test_no_cut_matters_to_what_is_no_such_body(
    name: str, at: int, other: bytes, cuts: list[int]
) -> None:
    """What is read before a fault, and whether there is one."""
    body = BODIES[name][:at] + other + BODIES[name][at + len(other) :]
    chunks = cut(body, *sorted(at for at in cuts if at < len(body)))
    whole, parts = READERS[name](), READERS[name]()

    assert unpacked(whole, [body]) == unpacked(parts, chunks)
    assert (whole.fault, whole.complete) == (parts.fault, parts.complete)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.sampled_from(["br", "zstd"]))
def test_what_is_not_coded_goes_out_as_it_came(body: bytes, cuts: list[int], coding: str) -> None:
    """Of Brotli nearly all bytes are the beginning of something."""
    if unpacked(READERS[coding](), [body]):
        return
    chunks = cut(body, *sorted(at for at in cuts if at < len(body)))

    assert play(chunks, coding, insertion=b"") == body


def test_leaves_an_empty_body_and_a_fragment_alone(coding: str) -> None:
    for body in (b"", coded(coding, b""), coded(coding, FRAGMENT)):
        page = Page(coding)
        assert page.feed(body) + page.finish() == body
        assert page.recoded.state == "alone"


def test_every_byte_is_changed_once_in_bounded_pieces(coding: str) -> None:
    for size in (PIECE - 1, PIECE, BLOCK, BLOCK + 1, 5 * BLOCK + 7):
        plain, pieces = (b"<p>%08d" * (size // 11) % (*range(size // 11),)), []
        recoded = Recoded(coding, lambda piece: pieces.append(piece) or piece, lambda: True)  # type: ignore  # noqa: B023

        sent = recoded.feed(coded(coding, plain)) + recoded.finish(b"")

        assert unpacked(READERS[coding](), [sent]) == plain == b"".join(pieces)
        assert max(map(len, pieces)) <= BLOCK


# --- streams ---------------------------------------------------------------------------------

PARTS = [PAGE[:27], PAGE[27:52], PAGE[52:58], b"", PAGE[58:63], PAGE[63:]]


def test_a_client_reads_as_early_as_before(coding: str) -> None:
    packed, page, before, after = Packed(coding), Page(coding), Reader(coding), Reader(coding)

    for chunk in [*map(packed.flushed, PARTS), packed.end()]:
        before.feed(chunk)
        after.feed(page.feed(chunk))
        assert after.plain.replace(b"[H]", b"") == before.plain
    after.feed(page.finish())

    assert (after.plain, after.end) == (SEEN, "whole")


def test_flushes_no_body_that_comes_in_one_chunk(coding: str) -> None:
    packed, reader = Packed(coding), READERS[coding]()
    body = b"".join(map(packed.flushed, PARTS)) + packed.end()
    sent = play([body], coding)
    assert unpacked(reader, [body]) == PAGE
    packer = reader.packer()

    assert sent == packer.compress(SEEN) + packer.finish()


def test_left_alone_after_a_flush_it_is_coded_to_its_end(coding: str) -> None:
    parts = [b"<!doctype html>", b"<title>a</title>", b"</head><p>b"]
    packed, page, reader = Packed(coding), Page(coding, insertion=b""), Reader(coding)

    for chunk in [*map(packed.flushed, parts), packed.end()]:
        reader.feed(page.feed(chunk))
    reader.feed(page.finish())

    assert page.recoded.state == "changed"
    assert (reader.plain, reader.end) == (b"".join(parts), "whole")


def test_holds_no_more_than_its_bound(coding: str) -> None:
    held = Recoded(coding, bytes, lambda: None)  # type: ignore[arg-type]
    sent = held.feed(coded(coding, bytes(2 * MOST_HELD)))
    assert held.state == "changed"
    assert unpacked(READERS[coding](), [sent, held.finish(b"")]) == bytes(2 * MOST_HELD)


# --- broken bodies ---------------------------------------------------------------------------

BIG = PAGE + b"".join(b"<p>%d</p>" % (n * n) for n in range(12_000))
BIG_SEEN = SEEN + BIG[len(PAGE) :]


def broken_bodies(coding: str) -> Iterator[bytes]:
    """A page's body that ends too early, or has a byte that no reader takes."""
    whole = coded(coding, BIG)
    yield from (whole[:at] for at in (len(whole) // 2, len(whole) - 9, len(whole) - 1))
    part = Packed(coding).flushed(BIG)
    yield part
    yield part + READERS[coding]().broken + bytes(100)


def test_a_broken_body_breaks_behind_the_same_bytes(coding: str) -> None:
    """What came before the fault was changed already: no way leads back."""
    for body in broken_bodies(coding):
        expected = read(coding, body)
        size = max(1, len(body) // 20)
        for chunks in ([body], cut(body, *range(size, len(body), size))):
            plain, end = read(coding, play(chunks, coding))
            assert (plain.replace(b"[H]", b"", 1), end) == expected


def test_a_broken_body_that_is_left_alone_goes_out_as_it_came(coding: str) -> None:
    for body in (coded(coding, BIG)[:-1000], Packed(coding).flushed(FRAGMENT) + b"\xff" * 9):
        assert play([body], coding, insertion=b"") == body


def test_a_body_with_a_fault_before_the_head_ends_goes_out_as_it_came(coding: str) -> None:
    body = Packed(coding).flushed(PAGE[:40])[:-1] + b"\xff" * 30
    page = Page(coding)

    assert page.feed(body) + page.feed(b"more") + page.finish() == body + b"more"


def test_a_wrong_checksum_stays_one_behind_the_whole_page() -> None:
    body = coded("zstd", BIG, options=CHECKED)
    body = body[:-1] + bytes([body[-1] ^ 1])
    for chunks in ([body], cut(body, 500, len(body) - 2)):
        sent = play(chunks, "zstd")
        assert read("zstd", sent) == (BIG_SEEN, "fault")
        assert read("zstd", sent[:-4]) == (BIG_SEEN, "open")


def test_a_second_frame_with_a_wrong_checksum_is_a_fault_behind_the_page() -> None:
    """The first frame had none, so the page's one frame has no place for it."""
    body = coded("zstd", PAGE) + coded("zstd", FRAGMENT, options=CHECKED)
    body = body[:-1] + bytes([body[-1] ^ 1])

    assert read("zstd", play([body], "zstd")) == (SEEN + FRAGMENT, "fault")


def test_reads_brotli_again_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a longer body a fault takes the last step along."""
    monkeypatch.setattr(coded_brotli, "_MOST_KEPT", 10)
    body = Packed("br").flushed(BIG) + b"\x0e"
    unpacker = BrotliUnpacked(brotli)

    plain = unpacked(unpacker, cut(body, 1000, len(body) - 1))

    assert (plain, unpacker.fault) == (BIG, "data")


def test_a_frame_that_asks_for_a_large_window_is_left_alone(coding: str) -> None:
    """RFC 9659: 8 MB, and browsers take no more. Brotli's has 16 MB."""
    if coding == "br":
        body = coded("br", PAGE, lgwin=24)
        assert read("br", play([body], "br")) == (SEEN, "whole")
        return
    large = {zstd.CompressionParameter.window_log: MOST_WINDOW.bit_length()}
    usual = {zstd.CompressionParameter.window_log: MOST_WINDOW.bit_length() - 1}
    body = Packed("zstd", options=large).flushed(PAGE)
    assert play([body], "zstd") == body
    body = Packed("zstd", options=usual).flushed(PAGE)
    assert read("zstd", play([body], "zstd")) == (SEEN, "open")


# --- bombs -----------------------------------------------------------------------------------


def test_a_bomb_costs_little_memory(coding: str) -> None:
    """64 MB of zeros behind a page, in one chunk."""
    packed = Packed(coding)
    parts = [packed.flushed(PAGE)] + [packed._compress(bytes(1 << 20)) for _ in range(64)]
    bomb = b"".join(parts) + packed.end()
    assert len(bomb) < 10_000
    page = Page(coding)

    tracemalloc.start()
    try:
        sent = page.feed(bomb) + page.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 << 20
    assert len(sent) < 50_000
    assert unpacked(READERS[coding](), [sent]) == SEEN + bytes(64 << 20)
