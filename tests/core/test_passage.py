"""A page's bytes on their way: in every cut, coded, with late events, and where it fails."""

from __future__ import annotations

import gzip
import logging
import zlib
from typing import TYPE_CHECKING

import brotli
import pytest

from pixelpair.core import heads
from pixelpair.core import page as page_module
from pixelpair.core.coded_zlib import Inflated
from pixelpair.core.exchange import Exchange
from pixelpair.core.html import HtmlStream
from pixelpair.core.snippet import Snippet
from pixelpair.core.visit import Visit
from tests.core.answer_cases import (
    ADD,
    DOCUMENTS,
    NO_STORE,
    PRIVATE,
    TAG,
    BrokenError,
    broken,
    length,
)
from tests.core.exchanges import (
    FRAGMENT,
    HEAD_END,
    HTML,
    PAGE,
    TYPE,
    Answered,
    answer,
    blocks,
    request,
    site,
    tracks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.http import Headers


def test_first_chunk_is_not_held_back() -> None:
    exchange = Exchange(site().shop, "GET", request)
    assert exchange.respond(200, HTML) is None
    assert (exchange.feed(b""), exchange.headers) == (b"", None)
    assert exchange.feed(PAGE[:15]) == PAGE[:15]
    assert exchange.headers == [TYPE, PRIVATE]


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_body_and_events_do_not_depend_on_the_cuts(method: str, document: bytes) -> None:
    """Seen: a fragment whose first chunk was white space lost its events and got a script."""

    def outcome(chunks: list[bytes]) -> tuple[bytes, list[tuple[str, str]]]:
        where = site()
        asked = request(method, "/cart/add")
        got = answer(where, asked, view=ADD, chunks=chunks, headers=[TYPE, NO_STORE])
        return got.body, where.sent

    whole = outcome([document])
    for cut in range(len(document)):
        assert outcome([document[:cut], document[cut:]]) == whole
    assert outcome([bytes([byte]) for byte in document]) == whole


# --- coded pages ---------------------------------------------------------------------------------

CODED = {
    "page": PAGE,
    "fragment": FRAGMENT,
    "own_pixel": DOCUMENTS["own_pixel"],
    "no_end": DOCUMENTS["no_end"],
    "page_without_head": DOCUMENTS["page_without_head"],
}


@pytest.mark.parametrize("case", CODED)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_coded_page_says_what_the_plain_one_says(case: str, size: int) -> None:
    body, coding = CODED[case], (b"content-encoding", b"gzip")
    packed = gzip.compress(body, mtime=0)
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    plain, coded = site(), site()
    expected = answer(plain, request("POST", "/cart/add"), chunks=[body])
    got = answer(coded, request("POST", "/cart/add"), headers=[TYPE, coding], chunks=chunks)
    assert gzip.decompress(got.body) == expected.body
    assert coded.sent == plain.sent
    assert coding in got.headers
    assert got.body == packed or expected.body != body


def flushed(coding: str, *parts: bytes) -> list[bytes]:
    """A coded body as a server streams it: each part can be read at once."""
    if coding == "br":
        packed = brotli.Compressor()
        return [*(packed.process(part) + packed.flush() for part in parts), packed.finish()]
    deflate = zlib.compressobj(wbits=31)
    flushes = [deflate.compress(part) + deflate.flush(zlib.Z_SYNC_FLUSH) for part in parts]
    return [*flushes, deflate.flush()]


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_coded_page_that_carries_nothing_is_left_alone_though_it_streams(coding: str) -> None:
    """Seen: a script's POST whose answer was flushed within a tag lost the bytes of that tag, and
    what remained was coded anew behind the length of what came."""
    asked = request("POST", headers={"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"})
    for cut in range(1, HEAD_END):
        chunks = flushed(coding, PAGE[:cut], PAGE[cut:])
        body = b"".join(chunks)
        headers = [TYPE, (b"content-encoding", coding.encode()), length(body)]
        assert answer(site(), asked, headers=headers, chunks=chunks) == Answered(
            headers, body, untouched=True
        )


def test_coded_page_whose_head_never_ends_tells_no_wrong_length() -> None:
    """Seen: it was coded anew, and said to be as long as what came."""
    body = gzip.compress(b"<!doctype html><head>" + b"<meta name=a>" * 30_000, 0, mtime=0)
    for size in (10_000, len(body)):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        headers = [TYPE, (b"content-encoding", b"gzip"), length(body)]
        got = answer(site(), headers=headers, chunks=chunks)
        assert gzip.decompress(got.body) == gzip.decompress(body)
        assert got.values(b"content-length") in ([], [str(len(got.body)).encode()])


# --- what comes late -----------------------------------------------------------------------------


def streamed(
    where: object, headers: Headers, late: Callable[[Exchange], object]
) -> tuple[bytes, Exchange]:
    exchange = Exchange(where.shop, "GET", request)  # type: ignore[attr-defined]
    assert exchange.respond(200, headers) is None
    out = exchange.feed(PAGE[:-7])
    late(exchange)
    return out + exchange.feed(PAGE[-7:]) + exchange.finish(), exchange


def test_track_of_a_streaming_view_goes_behind_the_document() -> None:
    where = site()
    body, exchange = streamed(where, HTML, ADD)
    assert [[c[0] for c in block["events"]] for block in blocks(body)] == [
        ["PageView"],
        ["AddToCart"],
    ]
    assert body.index(b"</html>") < body.index(b"AddToCart")
    assert [name for name, _ in where.sent] == ["PageView", "AddToCart"]
    assert exchange.headers == [TYPE, PRIVATE]


def test_track_behind_a_length_is_too_late(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    body, exchange = streamed(where, [TYPE, length(PAGE)], ADD)
    assert dict(exchange.headers or [])[b"content-length"] == str(len(body)).encode()
    assert [name for name, _ in where.sent] == ["PageView"]
    assert where.counts["too late"] > 0
    assert "AddToCart" in caplog.text


@pytest.mark.parametrize("case", ["amp", "own_pixel", "no_end"])
def test_late_track_adds_nothing_to_a_page_left_alone(case: str) -> None:
    """Seen: a page whose head never ended got a script behind its last byte."""
    where, document = site(), DOCUMENTS[case]
    exchange = Exchange(where.shop, "GET", request)
    assert exchange.respond(200, HTML) is None
    out = exchange.feed(document[:18])
    ADD(exchange)
    out += exchange.feed(document[18:]) + exchange.finish()
    assert (out, where.accepted) == (document, [])
    assert where.counts["too late"] > 0


def test_late_events_that_fail_leave_the_page_whole() -> None:
    calls: list[object] = []
    where = site(queue=lambda record: calls.append(record) if not calls else broken())
    exchange = Exchange(where.shop, "GET", request)
    assert exchange.respond(200, HTML) is None
    out = exchange.feed(PAGE)
    ADD(exchange)
    assert [call["events"][0][0] for call in blocks(out)] == ["PageView"]
    assert exchange.finish() == b""
    assert where.counts == {"failures": 1}


# --- failures ------------------------------------------------------------------------------------


class BreaksAtOnce(HtmlStream):
    def feed(self, chunk: bytes) -> bytes:
        self._tail += chunk
        raise BrokenError


class BreaksBehindTheHead(HtmlStream):
    """As a bug behind `</head>` would: the insertion is made, then lost with the chunk."""

    def _advance(self, data: bytes, chunk: bytes, kept: int) -> bytes:
        if self._cuts:
            raise BrokenError
        return super()._advance(data, chunk, kept)


class BreaksAtTheEnd(HtmlStream):
    def finish(self) -> bytes:
        raise BrokenError


@pytest.mark.parametrize("stream", [BreaksAtOnce, BreaksBehindTheHead])
@pytest.mark.parametrize("cut", [0, 20, HEAD_END + 3, len(PAGE)])
def test_scanner_that_fails_lets_the_bytes_through(
    stream: type, cut: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen: Content-Length counted an insertion that was dropped with the failing chunk."""
    monkeypatch.setattr(page_module, "HtmlStream", stream)
    monkeypatch.setattr(heads, "usual_places", lambda _: None)
    where = site()
    for _ in range(2):
        got = answer(where, headers=[TYPE, length(PAGE)], chunks=[PAGE[:cut], PAGE[cut:]])
        assert got.body == PAGE
        assert got.values(b"content-length") in ([], [str(len(PAGE)).encode()])
    assert [(r.levelno, bool(r.exc_info)) for r in caplog.records] == [(logging.ERROR, True)]
    assert where.counts == {"failures": 2}


@pytest.mark.parametrize("size", [1, 40, 10_000])
@pytest.mark.parametrize("name", ["packer", "take"])
def test_coder_that_fails_lets_the_page_through_as_it_came(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inflated, name, broken)
    body, where = gzip.compress(PAGE, mtime=0), site()
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    got = answer(where, headers=[TYPE, (b"content-encoding", b"gzip"), length(body)], chunks=chunks)
    assert got.body == body
    assert got.values(b"content-length") in ([], [length(body)[1]])
    assert where.counts["failures"] > 0


def test_packer_that_fails_at_the_end_lets_the_page_through_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seen: what was held of a page whose head the end alone ended was lost."""
    monkeypatch.setattr(Inflated, "packer", broken)
    body = gzip.compress(DOCUMENTS["page_without_head"][:6], mtime=0)
    got = answer(site(), headers=[TYPE, (b"content-encoding", b"gzip")], chunks=[body])
    assert got.body == body


def test_headers_of_an_unread_page_that_fail_are_the_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Visit, "word", broken)
    where, headers = site(), [TYPE, (b"content-encoding", b"gzip"), length(PAGE)]
    got = answer(where, request("POST"), view=ADD, headers=headers, chunks=[PAGE])
    assert got == Answered(headers, PAGE, untouched=True)
    assert where.counts["failures"] == 1


@pytest.mark.parametrize("usual", [lambda _: None, broken])
def test_whole_page_keeps_its_headers_where_the_scanner_fails(
    usual: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = [TYPE, TAG, length(PAGE)]
    monkeypatch.setattr(page_module, "HtmlStream", BreaksAtOnce)
    monkeypatch.setattr(heads, "usual_places", usual)
    assert answer(site(), headers=headers) == Answered(headers, PAGE, untouched=True)


def test_scanner_that_fails_at_the_end_lets_the_bytes_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_module, "HtmlStream", BreaksAtTheEnd)
    where = site()
    got = answer(where, headers=[TYPE, TAG], chunks=[b"<!-- a", b" --", b"> <"])
    assert got.body == b"<!-- a --> <"
    assert where.counts == {"failures": 1}


def test_images_that_fail_let_the_page_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Snippet, "images", broken)
    where, headers = site(), [TYPE, length(PAGE)]
    got = answer(where, headers=headers, view=tracks("Lead"))
    assert got == Answered(headers, PAGE, untouched=True)
    assert where.counts == {"failures": 1}
