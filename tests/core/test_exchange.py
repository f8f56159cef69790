"""One request from its first word to its last byte: what never comes of it, whatever happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.http import Request
from pixelpair.core.policy import Question
from pixelpair.core.response import Response
from pixelpair.core.shop import Tracked
from tests.core.answer_cases import (
    ADD,
    ALONE,
    LATER,
    NO_STORE,
    NO_VISITOR,
    OURS,
    RELOCATED,
    TAG,
    broken,
    length,
)
from tests.core.exchanges import (
    FRAGMENT,
    HEAD_END,
    HTML,
    JSON,
    PAGE,
    TYPE,
    answer,
    blocks,
    request,
    site,
)
from tests.core.visitors import known

if TYPE_CHECKING:
    from pixelpair.core.http import Headers
    from tests.core.exchanges import View


@pytest.mark.parametrize("case", ["head", "206", "304", "coded", "attachment", "excluded", "json"])
def test_leaves_alone_at_once_what_it_need_not_read(case: str) -> None:
    asked, status, headers, body = ALONE[case]
    exchange = Exchange(site().shop, asked.method, lambda: asked)
    assert exchange.respond(status, headers) is headers
    assert exchange.passing
    assert exchange.feed(body) is body
    assert exchange.finish() == b""


def test_file_sent_by_the_server_is_left_alone() -> None:
    exchange = Exchange(site().shop, "GET", request)
    headers = [TYPE, TAG]
    assert exchange.respond(200, headers) is None
    assert exchange.abandon() is headers
    assert exchange.feed(PAGE) is PAGE
    assert exchange.finish() == b""


def test_muted_exchange_hears_nothing(caplog: pytest.LogCaptureFixture) -> None:
    headers = [TYPE]
    ADD(MUTED)
    MUTED.identify({"email": "a@b.example"})
    MUTED.discard(())
    assert MUTED.respond(200, headers) is headers
    assert MUTED.feed(PAGE) is PAGE
    assert MUTED.finish() == b""
    assert caplog.records == []
    assert (MUTED._said, MUTED._response, MUTED.passing) == (None, None, True)


def test_track_after_the_answer_is_said_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    exchange = Exchange(where.shop, "GET", request)
    exchange.respond(200, JSON)
    ADD(exchange)
    ADD(exchange)
    assert (where.accepted, where.counts) == ([], {"too late": 2})
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_track_of_a_streaming_view_is_not_late_for_head(caplog: pytest.LogCaptureFixture) -> None:
    """Servers that run the view's generator for HEAD had a warning of what was no fault."""
    where = site()
    exchange = Exchange(where.shop, "HEAD", request)
    exchange.respond(200, HTML)
    ADD(exchange)
    assert (where.accepted, "too late" in where.counts, caplog.text) == ([], False, "")


# --- an answer in another's place ----------------------------------------------------------------


@pytest.mark.parametrize("view", [None, ADD])
@pytest.mark.parametrize("coding", [b"identity", b"gzip"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answer_that_replaces_a_page_goes_its_own_way(
    method: str, coding: bytes, view: View | None
) -> None:
    """Seen: the error page behind a page that failed got that page's script."""
    exchange = Exchange(site().shop, method, request)
    if view is not None:
        view(exchange)
    assert exchange.respond(200, [TYPE, (b"content-encoding", coding)]) is None
    headers = [TYPE, length(PAGE)]

    assert exchange.respond(500, headers) is headers
    assert (exchange.feed(PAGE), exchange.finish(), exchange.headers) == (PAGE, b"", None)


def test_page_that_replaces_a_page_is_one_page() -> None:
    where = site()
    exchange = Exchange(where.shop, "POST", request, "POST")
    assert exchange.respond(200, HTML) is None
    assert exchange.respond(200, HTML) is None
    body = exchange.feed(PAGE) + exchange.finish()
    assert [call[2] for block in blocks(body) for call in block["events"]] == [
        twin.event_id for twin in where.accepted
    ]


# --- copies that the client holds ----------------------------------------------------------------

TAG_ASKED = (b"if-none-match", b'"1"')


def revalidate(known: bytes, status: int, headers: Headers, dest: bytes = b"document") -> Any:
    """What the app is asked, and what the client is answered."""
    asked: Headers = [(b"if-none-match", known), (b"sec-fetch-dest", dest)]
    exchange = Exchange(site().shop, "GET", lambda: request())
    admitted = exchange.admit(asked)
    return admitted, exchange.respond(status, headers)


def test_client_that_holds_our_page_may_keep_it() -> None:
    admitted, headers = revalidate(OURS, 304, [TAG])
    assert admitted == [TAG_ASKED, (b"sec-fetch-dest", b"document")]
    assert headers == [(b"etag", OURS)]


def test_client_that_holds_the_page_from_before_gets_a_new_one() -> None:
    admitted, _ = revalidate(b'"1"', 200, [TYPE, TAG])
    assert admitted == [(b"sec-fetch-dest", b"document")]


def test_script_that_holds_json_may_keep_it() -> None:
    admitted, headers = revalidate(b'"1"', 304, [TAG], dest=b"empty")
    assert (admitted, headers) == (None, [TAG])


# --- failures ------------------------------------------------------------------------------------


def test_answer_that_is_abandoned_keeps_its_headers_where_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where, headers = site(), [TYPE, TAG, length(PAGE)]
    exchange = Exchange(where.shop, "GET", request)
    ADD(exchange)
    assert exchange.respond(200, headers) is None
    monkeypatch.setattr(Response, "is_shared", property(broken))
    assert exchange.abandon() == headers
    assert (exchange.passing, where.counts["failures"]) == (True, 1)


CUTS = [0, 5, HEAD_END + 3, len(PAGE)]


@pytest.mark.parametrize("cut", CUTS)
def test_seal_that_fails_while_a_page_is_on_its_way_takes_nothing_of_it(cut: int) -> None:
    """Seen: the answer never began, or went without the bytes that were held."""
    where = site(policy=known(questions=(Question("consent", broken),)))
    exchange = Exchange(where.shop, "GET", lambda _: request(), "source")
    assert exchange.respond(200, HTML) is None
    out = exchange.feed(PAGE[:cut])
    assert exchange.seal(broken) == ""
    out += exchange.feed(PAGE[cut:]) + exchange.finish()
    whole = answer(site(policy=where.shop.policy), chunks=[PAGE[:cut], PAGE[cut:]])
    assert (exchange.headers, out) == (whole.headers, whole.body)
    assert where.counts["failures"] == 1


@pytest.mark.parametrize("cut", CUTS)
def test_body_that_cannot_be_heard_while_a_page_is_on_its_way_takes_nothing_of_it(cut: int) -> None:
    """Seen: the same, of an app that reads when its answer has begun."""
    where, calls = site(), iter([request])
    exchange = Exchange(where.shop, "GET", lambda: next(calls, broken)())
    assert exchange.respond(200, HTML) is None
    out = exchange.feed(PAGE[:cut])
    assert exchange.listen(b"application/json", None) is None
    out += exchange.feed(PAGE[cut:]) + exchange.finish()
    whole = answer(site(), chunks=[PAGE[:cut], PAGE[cut:]])
    assert (exchange.headers, out) == (whole.headers, whole.body)
    assert where.counts == {"failures": 1}


@pytest.mark.parametrize("part", ["queue", "new_id", "clock", "new_random", "domains", "excludes"])
@pytest.mark.parametrize(
    ("method", "status", "headers", "body"),
    [
        ("GET", 200, [TYPE, NO_STORE, TAG, length(PAGE)], PAGE),
        ("POST", 200, [TYPE, length(FRAGMENT)], FRAGMENT),
        ("POST", 200, JSON, b"{}"),
        ("POST", 302, RELOCATED, b""),
    ],
)
def test_outlet_that_fails_lets_the_answer_through(
    part: str, method: str, status: int, headers: Headers, body: bytes
) -> None:
    """Seen: a fragment lost its Content-Length with an event that could not be queued."""
    where = site(**{part: broken})
    asked = request(method, "/cart/add", headers=NO_VISITOR)
    got = answer(where, asked, status=status, headers=headers, chunks=[body], view=ADD)
    assert (got.headers, got.body) == (headers, body)
    assert where.counts == {"failures": 1}


def test_request_that_cannot_be_read_lets_the_answer_through() -> None:
    where, headers = site(), [TYPE, TAG]
    exchange = Exchange(where.shop, "GET", broken)  # type: ignore[arg-type]
    assert exchange.respond(200, headers) is headers
    assert exchange.feed(PAGE) + exchange.finish() == PAGE
    assert where.counts == {"failures": 1}


# --- anything at all -----------------------------------------------------------------------------

TEXT = st.text(max_size=30)
RAW = st.binary(max_size=40)
NAMES = st.sampled_from(
    ["cookie", "referer", "user-agent", "host", "sec-fetch-dest", "x-varnish", "purpose"]
)
ANSWER_NAMES = st.sampled_from(
    [
        b"content-type", b"content-length", b"cache-control", b"expires", b"location", b"etag",
        b"content-encoding", b"content-disposition", b"surrogate-control", b"set-cookie",
    ]
)  # fmt: skip
VALUES = st.one_of(
    RAW,
    st.sampled_from([b"text/html", b"max-age=1", b"0", b"attachment", b"//[", b"gzip", LATER]),
)
PIECES = st.one_of(
    RAW,
    st.sampled_from(
        [b"<html>", b"<head>", b"</head>", b"<body>", b"<!--", b"-->", b"<script>", b"</script>",
         b"<!doctype html>", b" ", b"\n", b"<", b"\x1b", b"<p>", b"'", b'"', PAGE, FRAGMENT]
    ),
)  # fmt: skip
DATA = st.dictionaries(
    st.sampled_from(["value", "currency", "content_ids", "contents", "order_id", "x y", "näme"]),
    st.one_of(TEXT, st.floats(), st.integers(), st.none(), st.lists(TEXT, max_size=3)),
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    headers = draw(st.lists(st.tuples(NAMES.map(str.encode), VALUES), max_size=4))
    return Request(
        method=draw(st.sampled_from(["GET", "POST", "HEAD", "PUT", "PROPFIND", ""])),
        scheme=draw(st.sampled_from(["http", "https", "", "ws"])),
        host=draw(TEXT),
        root=draw(st.sampled_from(["", "/shop", "\ud800"])),
        path=draw(st.one_of(TEXT, st.sampled_from(["/cart/add", "/products/\udcff", "/search"]))),
        raw_path=draw(RAW),
        query=draw(st.one_of(TEXT, st.sampled_from(["q=\udcff", "fbclid=\xff", "q=1&" * 300]))),
        index=dict(headers),
        client=draw(TEXT),
    )


@given(
    requests(),
    st.sampled_from([200, 201, 204, 302, 304, 404, 500, 0, 999]),
    st.lists(st.tuples(ANSWER_NAMES, VALUES), max_size=4, unique_by=lambda pair: pair[0]),
    st.lists(PIECES, max_size=6),
    st.sampled_from(["Purchase", "AddToCart", "Custom", "\ud800"]),
    DATA,
)
def test_never_raises_and_never_loses_a_byte(
    asked: Request,
    status: int,
    headers: Headers,
    chunks: list[bytes],
    event_name: str,
    data: dict[str, object],
) -> None:
    where = site()
    got = answer(
        where,
        asked,
        status=status,
        headers=headers,
        chunks=chunks,
        view=lambda exchange: exchange.track(Tracked(event_name, data)),
    )
    rest = iter(got.body)
    assert all(byte in rest for byte in b"".join(chunks))  # in order, with insertions between
    inserted = len(got.body) - len(b"".join(chunks))
    assert inserted == 0 or blocks(got.body)
    for value in got.values(b"content-length"):
        grown = [v for k, v in headers if k == b"content-length"]
        assert value in grown or (len(grown) == 1 and int(value) - int(grown[0]) == inserted)
    assert {n for n, _ in got.headers} - {n for n, _ in headers} <= {
        b"set-cookie",
        b"cache-control",
    }
