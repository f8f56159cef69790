"""Coded bodies in every cut, flushed, broken and bombs; zlib reads what comes out."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import brotli  # noqa: F401  # undoes what says "br" where it is loaded
import pytest
import zstandard  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.coded import PIECE
from pixelpair.core.coded_zlib import Inflated
from pixelpair.core.codings import MOST_HELD, Recoded, coding_of
from pixelpair.core.html import HtmlStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RAW, ZLIB, GZIP = -15, 15, 31
PAGE = b"<!doctype html><html><head><title>Tea</title></head><body><p>Tea</p></body></html>"
SEEN = PAGE.replace(b"</head>", b"[H]</head>")
FRAGMENT = b"<li>1 tea</li>"


def coded(plain: bytes, wbits: int = GZIP, level: int = 6) -> bytes:
    deflate = zlib.compressobj(level, wbits=wbits)
    return deflate.compress(plain) + deflate.flush()


def with_header_fields(plain: bytes) -> bytes:
    """A gzip member with all that RFC 1952 allows in its header."""
    extra, name, comment = b"AB\x02\x00xy", b"tea.html\0", b"a comment\0"
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + struct.pack("<H", len(extra)) + extra + name + comment
    checked = header + struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    return checked + coded(plain, RAW) + struct.pack("<II", zlib.crc32(plain), len(plain))


class Reader:
    """A client: what it could read so far, and how the body ended for it."""

    def __init__(self, wbits: int) -> None:
        self._inflate = zlib.decompressobj(wbits)
        self.plain = b""
        self._fault = False

    def feed(self, sent: bytes) -> None:
        for byte in sent:
            if self.end != "open":
                break
            try:
                self.plain += self._inflate.decompress(bytes([byte]))
            except zlib.error:
                self._fault = True

    @property
    def end(self) -> str:
        return "fault" if self._fault else "whole" if self._inflate.eof else "open"

    @property
    def rest(self) -> bytes:
        return self._inflate.unused_data


def read(sent: bytes, wbits: int = GZIP) -> tuple[bytes, str]:
    reader = Reader(wbits)
    reader.feed(sent)
    assert reader.rest == b""
    return reader.plain, reader.end


class Page:
    """What an exchange does with a page: one insertion, or the page is left alone."""

    def __init__(self, coding: str = "gzip", insertion: bytes = b"[H]") -> None:
        self._insertion = insertion
        self._inserted = False
        self._html = HtmlStream(self._insert, lambda: b"")
        self.recoded = Recoded(coding, self._html.feed, self._changes)  # type: ignore[arg-type]

    def _insert(self, _: memoryview) -> bytes:
        self._inserted = bool(self._insertion)
        return self._insertion

    def _changes(self) -> bool | None:
        return True if self._inserted else False if self._html.done else None

    def feed(self, chunk: bytes) -> bytes:
        return self.recoded.feed(chunk)

    def finish(self) -> bytes:
        return self.recoded.finish(self._html.finish())


def play(chunks: Iterable[bytes], coding: str = "gzip", insertion: bytes = b"[H]") -> bytes:
    page = Page(coding, insertion)
    return b"".join([page.feed(chunk) for chunk in chunks]) + page.finish()


def cut(body: bytes, *cuts: int) -> list[bytes]:
    return [body[start:stop] for start, stop in pairwise([0, *cuts, len(body)])]


def each_cut(body: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and in two anywhere."""
    yield [body]
    yield cut(body, *range(1, len(body)))
    yield from (cut(body, at) for at in range(1, len(body)))


# --- which codings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, "plain"),
        (b"", "plain"),
        (b"identity", "plain"),
        (b"gzip", "gzip"),
        (b" GZip ", "gzip"),
        (b"x-gzip", "gzip"),
        (b"deflate", "deflate"),
        (b"br", "br"),
        (b" ZStd ", "zstd"),
        (b"compress", None),
        (b"gzip, gzip", None),
        (b"br, gzip", None),
        (b"identity, gzip", None),
        (b"gzip;q=1", None),
        (b"aes128gcm", None),
    ],
)
def test_undoes_one_coding_and_no_list(header: bytes | None, coding: str | None) -> None:
    assert coding_of(header) == coding


# --- every form and every cut ----------------------------------------------------------------

FORMS = [
    ("gzip", GZIP, coded(PAGE)),
    ("gzip", GZIP, gzip.compress(PAGE)),
    ("gzip", GZIP, with_header_fields(PAGE)),
    ("gzip", GZIP, coded(PAGE[:30]) + coded(b"") + coded(PAGE[30:])),
    ("gzip", GZIP, coded(PAGE) + bytes(40)),
    ("gzip", GZIP, coded(PAGE) + b"\x1f\x8b and no member" + coded(b"no more")),
    ("gzip", GZIP, coded(PAGE) + b"\x1f"),
    ("gzip", GZIP, coded(PAGE, level=0)),
    ("deflate", ZLIB, coded(PAGE, ZLIB)),
    ("deflate", ZLIB, zlib.compress(PAGE, 1)),
    ("deflate", ZLIB, coded(PAGE, ZLIB) + b"\x1f\x8b\x08"),
    ("deflate", ZLIB, coded(PAGE, 9)),
    ("deflate", RAW, coded(PAGE, RAW)),
    ("deflate", RAW, coded(PAGE, RAW, level=0)),
    ("deflate", RAW, coded(PAGE, RAW) + b"garbage"),
]


@pytest.mark.parametrize(("coding", "wbits", "body"), FORMS, ids=range(len(FORMS)))
def test_changes_the_page_in_any_wrapping_and_cut(coding: str, wbits: int, body: bytes) -> None:
    for chunks in each_cut(body):
        assert read(play(chunks, coding), wbits) == (SEEN, "whole")


@pytest.mark.parametrize(("coding", "wbits", "body"), FORMS, ids=range(len(FORMS)))
def test_what_is_left_alone_goes_out_as_it_came(coding: str, wbits: int, body: bytes) -> None:
    for chunks in each_cut(body):
        assert play(chunks, coding, insertion=b"") == body


@given(st.binary(max_size=3000), st.lists(st.integers(0, 4000)), st.sampled_from(FORMS[::4]))
def test_any_bytes_come_through(
    plain: bytes, cuts: list[int], form: tuple[str, int, bytes]
) -> None:
    coding, wbits, _ = form
    body = coded(plain, wbits)
    chunks = cut(body, *sorted(at for at in cuts if at < len(body)))
    recoded = Recoded(coding, bytes.swapcase, lambda: True)  # type: ignore[arg-type]

    sent = b"".join(map(recoded.feed, chunks)) + recoded.finish(b"<END>")

    assert read(sent, wbits) == (plain.swapcase() + b"<END>", "whole")


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.sampled_from(["gzip", "deflate"]))
def test_what_is_not_coded_goes_out_as_it_came(body: bytes, cuts: list[int], coding: str) -> None:
    chunks = cut(body, *sorted(at for at in cuts if at < len(body)))

    assert play(chunks, coding, insertion=b"") == body


@pytest.mark.parametrize("body", [b"", coded(b""), coded(b"") * 2, b"\x1f\x8b"])
def test_leaves_an_empty_body_alone(body: bytes) -> None:
    for chunks in each_cut(body):
        assert play(chunks) == body


def test_leaves_a_fragment_alone() -> None:
    page = Page()

    assert page.feed(coded(FRAGMENT)) == coded(FRAGMENT)
    assert page.recoded.state == "alone"
    assert page.feed(b"more") == b"more"
    assert page.finish() == b""


def test_changes_a_page_that_ends_in_its_head() -> None:
    assert read(play([coded(b"<!doctype html><title>a</title>")])) == (
        b"<!doctype html><title>a</title>[H]",
        "whole",
    )


def test_every_byte_is_changed_once_in_pieces_of_64_kb() -> None:
    """zlib may have read all its input and still have bytes to give."""
    for size in (PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 7):
        pieces: list[bytes] = []
        recoded = Recoded("gzip", lambda piece: pieces.append(piece) or piece, lambda: True)  # noqa: B023

        sent = recoded.feed(coded(bytes(size))) + recoded.finish(b"")

        assert zlib.decompress(sent, GZIP) == bytes(size) == b"".join(pieces)
        assert max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 5 * PIECE])
def test_reads_the_member_behind_one_of_many_pieces(size: int) -> None:
    """Seen: where a member's end came with the last of several pieces, the next was not found."""
    body = coded(bytes(size)) + coded(PAGE) + b"garbage"
    for chunks in ([body], cut(body, 10), cut(body, len(body) - 100)):
        recoded = Recoded("gzip", bytes, lambda: True)
        sent = b"".join(map(recoded.feed, chunks)) + recoded.finish(b"")
        assert read(sent) == (bytes(size) + PAGE, "whole")


# --- flushes ---------------------------------------------------------------------------------


def flushed(parts: list[bytes], wbits: int, mode: int = zlib.Z_SYNC_FLUSH) -> list[bytes]:
    """A chunk for each part, flushed, and one that ends the body."""
    deflate = zlib.compressobj(wbits=wbits)
    return [deflate.compress(part) + deflate.flush(mode) for part in parts] + [deflate.flush()]


PARTS = [PAGE[:27], PAGE[27:52], PAGE[52:58], b"", PAGE[58:63], PAGE[63:]]


@pytest.mark.parametrize("mode", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH])
@pytest.mark.parametrize(("coding", "wbits"), [("gzip", GZIP), ("deflate", ZLIB), ("deflate", RAW)])
def test_a_client_reads_as_early_as_before(coding: str, wbits: int, mode: int) -> None:
    page, before, after = Page(coding), Reader(wbits), Reader(wbits)

    for chunk in flushed(PARTS, wbits, mode):
        before.feed(chunk)
        after.feed(page.feed(chunk))
        assert after.plain.replace(b"[H]", b"") == before.plain
    after.feed(page.finish())

    assert (after.plain, after.end) == (SEEN, "whole")


def test_a_flush_arrives_though_it_is_cut() -> None:
    chunk = flushed([PAGE], GZIP)[0]
    page, reader = Page(), Reader(GZIP)

    for part in cut(chunk, *range(len(chunk) - 5, len(chunk))):
        reader.feed(page.feed(part))

    assert (reader.plain, reader.end) == (SEEN, "open")


def test_keeps_what_the_page_may_still_change_at_a_flush() -> None:
    """A chunk that ends in "</he" may be where the insertion goes."""
    page, reader = Page(), Reader(GZIP)

    reader.feed(page.feed(flushed([PAGE[:49]], GZIP)[0]))

    assert PAGE[45:49] == b"</he"
    assert reader.plain == PAGE[:45]


def test_flushes_no_body_that_comes_in_one_chunk() -> None:
    sent = play([b"".join(flushed(PARTS, GZIP))])

    assert read(sent) == (SEEN, "whole")
    assert b"\x00\x00\xff\xff" not in sent


def test_holds_a_page_until_it_is_known_without_a_flush() -> None:
    body = coded(PAGE, level=0)
    page = Page()

    assert [page.feed(part) for part in cut(body, 10, 40)[:2]] == [b"", b""]
    assert page.recoded.state == "held"


def test_left_alone_after_a_flush_it_is_coded_to_its_end() -> None:
    parts = [b"<!doctype html>", b"<title>a</title>", b"</head><p>b"]
    page, reader = Page(insertion=b""), Reader(GZIP)

    for chunk in flushed(parts, GZIP):
        reader.feed(page.feed(chunk))
    reader.feed(page.finish())

    assert page.recoded.state == "changed"
    assert (reader.plain, reader.end) == (b"".join(parts), "whole")


def test_a_flush_asks_once_more_before_the_body_is_coded_anew() -> None:
    deflate, answers = zlib.compressobj(wbits=GZIP), [None, None, False]
    first = deflate.compress(PAGE[:30]) + deflate.flush(zlib.Z_SYNC_FLUSH)
    rest = deflate.compress(PAGE[30:]) + deflate.flush()
    recoded = Recoded("gzip", bytes, iter(answers).__next__)

    assert (recoded.feed(first), recoded.state) == (first, "alone")
    assert (recoded.feed(rest), recoded.finish(b"")) == (rest, b"")


def test_holds_no_more_than_its_bound() -> None:
    held = Recoded("gzip", bytes, lambda: None)
    body = coded(b"")
    empty = b"\x00\x00\x00\xff\xff" * 2000  # blocks with nothing in them
    sent = held.feed(body[:10]) + b"".join([held.feed(empty) for _ in range(MOST_HELD // 9000)])
    assert held.state == "changed"
    assert read(sent + held.feed(body[10:]) + held.finish(b"")) == (b"", "whole")

    held = Recoded("gzip", bytes, lambda: None)
    body = coded(bytes(2 * MOST_HELD))
    sent = held.feed(body)
    assert held.state == "changed"
    assert zlib.decompress(sent + held.finish(b""), GZIP) == bytes(2 * MOST_HELD)


# --- broken bodies ---------------------------------------------------------------------------

BIG = PAGE + bytes(range(256)) * 400
BIG_SEEN = SEEN + bytes(range(256)) * 400


def wrong(body: bytes, at: int) -> bytes:
    """With another byte so far from its end."""
    return body[:-at] + bytes([body[-at] ^ 0x10]) + body[len(body) - at + 1 :]


def _broken_bodies() -> Iterator[tuple[bytes, int]]:
    """A page's body that ends too early, or has a byte that no reader takes."""
    whole = coded(BIG, level=1)
    yield from ((whole[:at], GZIP) for at in (150, 400, len(whole) - 8, len(whole) - 1))
    yield from ((wrong(whole, at), GZIP) for at in (1, 5))  # its length, its checksum
    part = flushed([BIG], RAW)[0]
    yield part + b"\x07" + bytes(100), RAW
    yield coded(PAGE) + b"\x1f\x8b\x08\xff\xff", GZIP


BROKEN = list(_broken_bodies())


@pytest.mark.parametrize(("body", "wbits"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_body_breaks_behind_the_same_bytes(body: bytes, wbits: int) -> None:
    """What came before the fault was changed already: no way leads back."""
    coding = "deflate" if wbits == RAW else "gzip"
    size = max(1, len(body) // 50)
    expected = Reader(wbits)
    expected.feed(body)
    if expected.end == "whole":  # its second member has the fault
        expected = Reader(wbits)
        expected.feed(coded(PAGE)[:-8])
        expected._fault = True

    for chunks in ([body], cut(body, *range(size, len(body), size)), cut(body, 130, len(body) - 1)):
        sent = play(chunks, coding)
        plain, end = read(sent, wbits)
        assert (plain.replace(b"[H]", b"", 1), end) == (expected.plain, expected.end)
        assert b"[H]</head>" in plain


@pytest.mark.parametrize(("body", "wbits"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_body_that_is_left_alone_goes_out_as_it_came(body: bytes, wbits: int) -> None:
    coding = "deflate" if wbits == RAW else "gzip"
    for chunks in ([body], cut(body, 9, 20, 40)):
        assert play(chunks, coding, insertion=b"") == body


def test_a_body_with_a_fault_before_the_head_ends_goes_out_as_it_came() -> None:
    body = flushed([PAGE[:30]], GZIP)[0][:-5] + b"\x07" * 20
    page = Page()

    assert page.feed(body[:10]) + page.feed(body[10:]) + page.feed(b"more") == body + b"more"
    assert page.recoded.state == "alone"
    assert page.finish() == b""


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", wrong(coded(BIG), 1)),
        ("gzip", wrong(coded(BIG), 8)),
        ("deflate", wrong(coded(BIG, ZLIB), 4)),
    ],
)
def test_a_wrong_checksum_stays_one_behind_the_whole_page(coding: str, body: bytes) -> None:
    """Chromium shows a page whose gzip checksum is wrong."""
    for chunks in ([body], cut(body, 500, len(body) - 2)):
        sent = play(chunks, coding)
        unchecked = zlib.decompressobj(RAW)

        assert read(sent, GZIP if coding == "gzip" else ZLIB) == (BIG_SEEN, "fault")
        assert unchecked.decompress(sent[10 if coding == "gzip" else 2 :]) == BIG_SEEN
        assert (unchecked.eof, len(unchecked.unused_data)) == (True, 8 if coding == "gzip" else 4)


def test_what_follows_a_fault_is_not_read() -> None:
    page = Page()
    sent = page.feed(flushed([PAGE], GZIP)[0] + b"\x07")
    reader = Reader(GZIP)
    reader.feed(sent)
    assert (reader.plain, reader.end) == (SEEN, "open")

    assert page.feed(coded(b"more")) == b""
    reader.feed(page.finish())
    assert (reader.plain, reader.end) == (SEEN, "fault")


# --- failures --------------------------------------------------------------------------------


class Failing:
    """A change that keeps the last 5 bytes back, and fails at the piece with a word in it."""

    def __init__(self, *, changes: bool | None) -> None:
        self.kept = b""
        self.recoded = Recoded("gzip", self._change, lambda: changes)

    def _change(self, piece: bytes) -> bytes:
        data = self.kept + piece
        self.kept = data
        if b"</head>" in piece:
            raise RuntimeError
        self.kept = data[-5:]
        return data[:-5]

    def feed(self, chunk: bytes) -> bytes:
        try:
            return self.recoded.feed(chunk)
        except RuntimeError:
            kept, self.kept = self.kept, b""
            return self.recoded.release(kept)

    def finish(self) -> bytes:
        return self.recoded.finish(self.kept)


def test_a_change_that_fails_loses_no_byte() -> None:
    body = coded(PAGE)
    for chunks in each_cut(body):
        where = Failing(changes=True)
        sent = b"".join(map(where.feed, chunks)) + where.finish()
        assert read(sent) == (PAGE, "whole")


def test_a_change_that_fails_in_a_large_chunk_loses_none_of_its_pieces() -> None:
    plain = bytes(PIECE) + b"</head>" + bytes(3 * PIECE)
    where = Failing(changes=True)

    sent = where.feed(coded(plain)) + where.finish()

    assert zlib.decompress(sent, GZIP) == plain


def test_a_held_body_whose_change_fails_goes_out_as_it_came() -> None:
    body = coded(PAGE)
    for chunks in each_cut(body):
        where = Failing(changes=None)
        assert b"".join(map(where.feed, chunks)) + where.finish() == body


def test_a_body_that_cannot_be_coded_anew_goes_out_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Inflated, "packer", lambda _: 1 / 0)
    body, recoded = coded(PAGE), Recoded("gzip", bytes, lambda: True)

    with pytest.raises(ZeroDivisionError):
        recoded.feed(body[:60])

    assert recoded.release(b"") + recoded.feed(body[60:]) + recoded.finish(b"") == body


# --- bombs -----------------------------------------------------------------------------------


def test_a_bomb_costs_little_memory() -> None:
    """64 MB of zeros behind a page, in one chunk of 64 KB."""
    deflate = zlib.compressobj(9, wbits=GZIP)
    parts = [deflate.compress(PAGE)] + [deflate.compress(bytes(1 << 20)) for _ in range(64)]
    bomb = b"".join(parts) + deflate.flush()
    assert len(bomb) < 70_000
    page = Page()

    tracemalloc.start()
    try:
        sent = page.feed(bomb) + page.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2 << 20
    assert len(sent) < 400_000
    assert zlib.decompress(sent, GZIP) == SEEN + bytes(64 << 20)
