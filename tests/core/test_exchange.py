from __future__ import annotations

import gzip
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core import heads
from pixelpair.core import page as page_module
from pixelpair.core.csp import INLINE
from pixelpair.core.events import purchase_id
from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.html import HtmlStream
from pixelpair.core.http import Request
from pixelpair.core.seals import page_text
from pixelpair.core.shop import Tracked
from pixelpair.core.snippet import BLOCK, Snippet
from tests.core.exchanges import (
    BODY_START,
    FBP,
    FRAGMENT,
    HEAD_END,
    HTML,
    JSON,
    KEY,
    NEW_FBP,
    NOW,
    PAGE,
    PIXEL,
    SCRIPT,
    SEAL,
    SNIPPET,
    TYPE,
    VERSION,
    Answered,
    answer,
    blocks,
    every,
    ids,
    request,
    routes,
    site,
    tracks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.http import Headers

BODY_END = len(b"</body></html>")
PRIVATE = (b"cache-control", b"private")
NO_STORE = (b"cache-control", b"no-store")
NO_STORE_PRIVATE = (b"cache-control", b"no-store, private")
TAG = (b"etag", b'"1"')
ADD = tracks("AddToCart", content_ids=["SKU-1"], value=19.9, currency="SEK")
NO_VISITOR = {"cookie": ""}
LOADER = SNIPPET.loader(INLINE)


def length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())


def sealed_page(*names: str) -> bytes:
    """The page for all visitors: its events in the head, and in the body for scripts."""
    data = {"AddToCart": {"content_ids": ["SKU-1"], "value": 19.9, "currency": "SEK"}}
    text = page_text("/", [[name, data.get(name, {})] for name in names])
    terms = "; Max-Age=7776000; Domain=shop.example; Path=/; SameSite=Lax; Secure"
    block = SNIPPET.signed(SEAL.seal(text), ("=fb.1.", terms))
    return PAGE[:HEAD_END] + block + LOADER + PAGE[HEAD_END:BODY_START] + block + PAGE[BODY_START:]


# --- a page --------------------------------------------------------------------------------------


CONFIG = {"pixel": PIXEL, "src": SCRIPT, "hide": "(?!)", "to": "/_pixelpair/events"}


def test_page_gets_its_events_where_the_head_ends_and_images_where_the_body_starts() -> None:
    where = site()
    got = answer(where, request("GET", "/products/SKU-1"), headers=[TYPE, length(PAGE)])
    page, view = ids(2)
    data = {"content_ids": ["SKU-1"], "content_type": "product"}
    calls = [["PageView", {}, page], ["ViewContent", data, view]]
    assert blocks(got.body) == [CONFIG | {"events": calls}]
    head, rest = got.body[:HEAD_END], got.body[HEAD_END:]
    script, tail = rest.split(b"</head>")
    body, shown = tail.split(b"<p>")
    assert head + b"</head>" + body[: len(b"<body>")] + b"<p>" + shown == PAGE
    assert PAGE[BODY_START:].startswith(b"<p>")
    assert script.endswith(b"</script>")
    assert body.count(b"<noscript>") == 1
    assert body.count(b"<img ") == 2
    assert f"eid={page}".encode() in body
    assert f"eid={view}".encode() in body
    assert where.sent == got.shown == [("PageView", page), ("ViewContent", view)]
    assert sorted(got.headers) == sorted([TYPE, PRIVATE, length(got.body)])


def test_page_without_body_tag_gets_no_image() -> None:
    got = answer(site(), chunks=[b"<!doctype html><title>Tea</title><p>Tea"])
    assert [call[0] for call in got.browser] == ["PageView"]
    assert b"<noscript>" not in got.body


def test_changed_page_loses_what_described_its_old_bytes() -> None:
    stale = [b"etag", b"accept-ranges", b"content-md5", b"digest", b"content-digest"]
    headers = [TYPE, NO_STORE, *((name, b"x") for name in stale), (b"repr-digest", b"x")]
    assert answer(site(), headers=headers).headers == [TYPE, NO_STORE_PRIVATE]


@pytest.mark.parametrize(
    ("control", "sent"),
    [
        (b"private", b"private"),
        (b"no-cache", b"no-cache, private"),
        (b"No-Store", b"No-Store, private"),
        (b'no-cache="Set-Cookie"', b'no-cache="Set-Cookie", private'),
        (b'private="X-Name"', b'private="X-Name", private'),
        (b"private, max-age=0", b"private, max-age=0"),
        (b"no-transform", b"no-transform, private"),
        (b"max-age=0, must-revalidate", b"max-age=0, must-revalidate, private"),
        (b"", b"private"),
    ],
)
def test_page_with_an_id_is_never_left_to_shared_caches(control: bytes, sent: bytes) -> None:
    """Seen: `no-transform` went out as it was, which Varnish keeps for 120 s, id and all."""
    got = answer(site(), headers=[TYPE, (b"cache-control", control)])
    assert got.values(b"cache-control") == [sent]
    assert [call[0] for call in got.browser] == ["PageView"]


def test_later_chunks_come_without_a_length() -> None:
    got = answer(site(), headers=[TYPE, length(PAGE)], chunks=[PAGE[:20], PAGE[20:]])
    assert got.headers == [TYPE, PRIVATE]


def test_length_that_is_no_number_is_removed() -> None:
    got = answer(site(), headers=[TYPE, (b"content-length", b"many")])
    assert got.headers == [TYPE, PRIVATE]


def test_first_chunk_is_not_held_back() -> None:
    exchange = Exchange(site().shop, "GET", request)
    assert exchange.respond(200, HTML) is None
    assert (exchange.feed(b""), exchange.headers) == (b"", None)
    assert exchange.feed(PAGE[:15]) == PAGE[:15]
    assert exchange.headers == [TYPE, PRIVATE]


DOCUMENTS = {
    "page": PAGE,
    "page_without_head": b"<html><body class=a>Tea",
    "page_in_a_comment": b"<!-- <html> --><!DOCTYPE html>\n<title></head></title><p>",
    "fragment": FRAGMENT,
    "fragment_behind_white_space": b"\n <!-- card -->\n<li>1 tea</li>",
    "only_white_space": b" \n\t ",
    "amp": b"<!doctype html><html lang=en amp><head></head><body></body></html>",
    "own_pixel": b"<html><head><script>fbq('init','1234567890')</script></head><body></body>",
    "no_end": b"<!doctype html><head><script>var a;",
}


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


# --- answers that are left alone -----------------------------------------------------------------

EXCLUDED = request("GET", "/admin/products/1")
ALONE: dict[str, tuple[Request, int, Headers, bytes]] = {
    "head": (request("HEAD"), 200, [TYPE, length(PAGE)], b""),
    "204": (request(), 204, HTML, b""),
    "205": (request(), 205, HTML, b""),
    "206": (request(), 206, [TYPE, (b"content-range", b"bytes 0-5/9")], PAGE[:6]),
    "304": (request(), 304, [TYPE, TAG], b""),
    "404": (request(), 404, HTML, PAGE),
    "500": (request(), 500, HTML, PAGE),
    "redirect": (request(), 302, [TYPE, (b"location", b"/")], PAGE),
    "json": (request(), 200, JSON, b"{}"),
    "no_type": (request(), 200, [], PAGE),
    "xhtml": (request(), 200, [(b"content-type", b"application/xhtml+xml")], PAGE),
    "br": (request(), 200, [TYPE, (b"content-encoding", b"br")], PAGE),
    "gzip_that_is_none": (
        request(),
        200,
        [TYPE, (b"content-encoding", b"gzip")],
        b"\x1f\x8b" + PAGE,
    ),
    "gzip_twice": (request(), 200, [TYPE, (b"content-encoding", b"gzip, gzip")], PAGE),
    "utf_16": (request(), 200, [(b"content-type", b"text/html; charset=utf-16")], PAGE),
    "utf_16_by_its_mark": (request(), 200, [TYPE, TAG], b"\xff\xfe" + PAGE),
    "utf_7": (request(), 200, [(b"content-type", b"text/html; charset=utf-7")], PAGE),
    "attachment": (request(), 200, [TYPE, (b"content-disposition", b" Attachment; a")], PAGE),
    "favicon": (request(headers={"sec-fetch-dest": "image"}), 200, HTML, PAGE),
    "frame_of_old": (request(headers={"sec-fetch-dest": "embed"}), 200, HTML, PAGE),
    "excluded": (EXCLUDED, 200, [TYPE, TAG], PAGE),
    "fragment": (request(), 200, [TYPE, TAG, length(FRAGMENT)], FRAGMENT),
    "empty": (request(), 200, [TYPE, TAG], b""),
    "amp": (request(), 200, [TYPE, TAG], DOCUMENTS["amp"]),
    "amp_flash": (request(), 200, HTML, "<html ⚡><head></head>".encode()),
    "amp_behind_a_comment": (request(), 200, HTML, b"<!--[if IE]><html><![endif]--><html amp>x"),
    "own_pixel": (request(), 200, [TYPE, length(DOCUMENTS["own_pixel"])], DOCUMENTS["own_pixel"]),
    "iso_2022_jp": (request(), 200, [TYPE, TAG], b"<html><title>\x1b$B</title><p>"),
}


@pytest.mark.parametrize("case", ALONE)
def test_leaves_alone(case: str) -> None:
    asked, status, headers, body = ALONE[case]
    where = site()
    got = answer(where, asked, status=status, headers=headers, chunks=[body])
    assert got == Answered(headers, body, got.untouched)
    assert got.headers is headers
    assert where.accepted == []


@pytest.mark.parametrize("case", ["head", "206", "304", "br", "attachment", "excluded", "json"])
def test_leaves_alone_at_once_what_it_need_not_read(case: str) -> None:
    asked, status, headers, body = ALONE[case]
    exchange = Exchange(site().shop, asked.method, lambda: asked)
    assert exchange.respond(status, headers) is headers
    assert exchange.passing
    assert exchange.feed(body) is body
    assert exchange.finish() == b""


@pytest.mark.parametrize("dest", ["", "document", "iframe"])
def test_pages_are_for_documents_and_frames(dest: str) -> None:
    headers = {"sec-fetch-dest": dest} if dest else {}
    assert [c[0] for c in answer(site(), request(headers=headers)).browser] == ["PageView"]


@pytest.mark.parametrize("encoding", [b"identity", b" Identity "])
def test_identity_is_no_encoding(encoding: bytes) -> None:
    got = answer(site(), headers=[TYPE, (b"content-encoding", encoding)])
    assert [call[0] for call in got.browser] == ["PageView"]


@pytest.mark.parametrize("content_type", [b"text/html", b"TEXT/HTML;charset=latin-1"])
def test_html_is_told_by_its_type(content_type: bytes) -> None:
    got = answer(site(), headers=[(b"content-type", content_type)])
    assert [call[0] for call in got.browser] == ["PageView"]


def test_compressed_page_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    for _ in range(3):
        answer(where, headers=[TYPE, (b"content-encoding", b"br")], view=ADD)
    assert [(r.levelno, "compressed" in r.message) for r in caplog.records] == [(30, True)]
    assert where.counts == {"encoded": 3, "encoded pages": 3}


def test_second_pixel_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    for _ in range(3):
        answer(where, chunks=[DOCUMENTS["own_pixel"]])
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert PIXEL in caplog.text


@pytest.mark.parametrize(
    "init",
    [
        b"fbq('init', '12345678901')",
        b"fbq('init', '999')",
        b"fbq('track', '1234567890')",
        b"var pixel = '1234567890'",
    ],
)
def test_other_pixels_are_no_reason_to_stay_away(init: bytes) -> None:
    page = b"<html><head><script>" + init + b"</script></head><body></body></html>"
    assert [call[0] for call in answer(site(), chunks=[page]).browser] == ["PageView"]


@pytest.mark.parametrize(
    "init",
    [
        b"fbq('init', '1234567890');",
        b'fbq("init","1234567890", {em: "x"})',
        b"fbq( 'init' , 1234567890)",
        b"fbq('init', \n '1234567890')",
    ],
)
def test_finds_its_own_pixel_however_written(init: bytes) -> None:
    page = b"<html><head><script>" + init + b"</script></head><body></body></html>"
    assert answer(site(), chunks=[page]).body == page


def test_excluded_page_hears_nothing_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    got = answer(where, EXCLUDED, view=ADD)
    assert (got.body, got.untouched, where.accepted) == (PAGE, True, [])
    assert (caplog.records, where.counts) == ([], {})


def test_door_may_say_that_a_request_is_excluded() -> None:
    got = answer(site(), request(excluded=True), view=ADD)
    assert (got.body, got.untouched) == (PAGE, True)


def test_file_sent_by_the_server_is_left_alone() -> None:
    exchange = Exchange(site().shop, "GET", request)
    headers = [TYPE, TAG]
    assert exchange.respond(200, headers) is None
    assert exchange.abandon() is headers
    assert exchange.feed(PAGE) is PAGE
    assert exchange.finish() == b""


# --- two modes -----------------------------------------------------------------------------------

NOW_TEXT, LATER, BEFORE = (
    b"Thu, 09 Oct 2025 08:53:20 GMT",
    b"Thu, 09 Oct 2025 09:53:20 GMT",
    b"Thu, 09 Oct 2025 07:53:20 GMT",
)


def control(value: bytes) -> Headers:
    return [(b"cache-control", value)]


LM = (b"last-modified", BEFORE)
SHOWN_AGAIN: dict[str, Headers] = {
    "public": control(b"public"),
    "public_in_capitals": control(b"PUBLIC"),
    "public_among_others": control(b"must-revalidate,public"),
    "max_age": control(b"max-age=60"),
    "max_age_of_one_visitor": control(b"private, max-age=60"),
    "max_age_quoted": control(b'max-age="60"'),
    "max_age_spaced": control(b"max-age = 007"),
    "s_maxage": control(b"private, s-maxage=1"),
    "stale_while_revalidate": control(b"private, max-age=0, stale-while-revalidate=60"),
    "in_the_second_header": control(b"private") + control(b"max-age=9"),
    "etag": [TAG],
    "etag_of_no_cache": [*control(b"no-cache"), TAG],
    "etag_of_private": [*control(b"private"), TAG],
    "last_modified": [LM],
    "last_modified_of_max_age_0": [*control(b"max-age=0"), LM],
    "expires_later": [(b"expires", LATER)],
    "expires_later_of_private": [*control(b"private"), (b"expires", LATER)],
    "surrogate": [(b"surrogate-control", b"max-age=60")],
    "surrogate_of_no_store": [*control(b"no-store"), (b"surrogate-control", b"max-age=60")],
    "surrogate_of_fastly": [*control(b"private"), (b"surrogate-control", b"content, max-age=3")],
    "cdn": [*control(b"no-store, max-age=0"), (b"cdn-cache-control", b"public, MAX-AGE=60")],
    "cdn_that_says_public": [*control(b"no-store"), (b"netlify-cdn-cache-control", b"public")],
    "akamai": [*control(b"private"), (b"edge-control", b"max-age=60")],
    "litespeed": [(b"x-litespeed-cache-control", b"public, max-age=120")],
    "vercel": [*control(b"private"), (b"vercel-cdn-cache-control", b"max-age=9")],
    "cdn_of_no_cache": [*control(b"no-cache"), (b"cdn-cache-control", b"s-maxage=60")],
}
SHOWN_ONCE: dict[str, Headers] = {
    "nothing": [],
    "no_store": control(b"no-store"),
    "no_store_etag": [*control(b"no-store"), TAG, LM],
    "no_store_expires_later": [*control(b"no-store"), (b"expires", LATER)],
    "no_cache": control(b"no-cache"),
    "private": control(b"private"),
    "max_age_0": control(b"private, max-age=0"),
    "max_age_00": control(b"max-age=00, must-revalidate"),
    "max_age_0_before_expires": [*control(b"max-age=0"), (b"expires", LATER)],
    "expires_now": [(b"expires", NOW_TEXT)],
    "expires_before": [(b"expires", BEFORE)],
    "expires_0": [(b"expires", b"0")],
    "expires_minus_1": [(b"expires", b"-1")],
    "expires_garbage": [(b"expires", b"Thu, 99 Foo 2025 99:99:99 GMT\xff")],
    "surrogate_0": [(b"surrogate-control", b"max-age=0")],
    "surrogate_no_store": [(b"surrogate-control", b"no-store")],
    "cdn_no_store": [(b"cdn-cache-control", b"no-store")],
    "publicity": control(b"no-cache, x-public=1, republic"),
    "vary": [(b"vary", b"cookie")],
}


@pytest.mark.parametrize("case", SHOWN_AGAIN)
def test_page_that_may_be_shown_again_carries_no_id(case: str) -> None:
    where = site()
    asked = request(headers=NO_VISITOR)
    got = answer(where, asked, headers=[TYPE, *SHOWN_AGAIN[case]], view=ADD)
    assert got.body == sealed_page("PageView", "AddToCart")
    plain = [h for h in SHOWN_AGAIN[case] if h != TAG]
    assert [h for h in got.headers if h[0] != b"etag"] == [TYPE, *plain]
    assert where.accepted == []
    assert where.counts == {}


@pytest.mark.parametrize("case", SHOWN_ONCE)
def test_page_that_is_shown_once_carries_pairs(case: str) -> None:
    where = site()
    got = answer(where, headers=[TYPE, *SHOWN_ONCE[case]], view=ADD)
    assert [name for name, _ in got.shown] == ["PageView", "AddToCart"]
    assert where.sent == got.shown


AHEAD = {
    "sec_purpose": {"sec-purpose": "prefetch"},
    "prerender": {"sec-purpose": "prefetch;prerender"},
    "purpose": {"purpose": "prefetch"},
    "x_moz": {"x-moz": "prefetch"},
}


@pytest.mark.parametrize("case", AHEAD)
def test_page_that_was_not_asked_for_by_its_visitor_carries_no_id(case: str) -> None:
    where = site()
    got = answer(where, request(headers=AHEAD[case] | NO_VISITOR), headers=[TYPE, NO_STORE])
    assert got.sealed == [["/", [["PageView", {}]]]]
    assert got.headers == [TYPE, NO_STORE_PRIVATE]
    assert where.accepted == []


def test_page_that_came_through_varnish_is_the_same_for_all() -> None:
    where = site()
    asked = request(headers={"x-varnish": "32770"} | NO_VISITOR)
    got = answer(where, asked, headers=[TYPE, NO_STORE])
    assert (got.body, got.headers) == (sealed_page("PageView"), [TYPE, NO_STORE])
    assert where.accepted == []


def test_state_change_carries_pairs_whatever_its_headers_say() -> None:
    """Seen: a form shown again behind Varnish lost its PageView; no cache keeps a POST."""
    where = site()
    asked = request("POST", "/cart/add", headers={"x-varnish": "1"})
    got = answer(where, asked, headers=[TYPE, TAG, *control(b"public, max-age=60")])
    assert where.sent == got.shown == [("PageView", ids(1)[0])]
    assert got.headers == [TYPE, *control(b"public, max-age=60")]


def test_log_lines_cannot_be_forged_by_a_path(caplog: pytest.LogCaptureFixture) -> None:
    """Seen: the decoded path of /x%0aERROR... stood in the log as a line of its own."""
    asked = request("GET", "/x\nERROR \x1b[31mpwned")
    answer(site(), asked, headers=[*JSON, TAG], chunks=[b"{}"], view=ADD)
    assert [r.message.isprintable() for r in caplog.records] == [True]


# --- answers that are no page --------------------------------------------------------------------

TO = {
    "cart": (b"/cart", True),
    "absolute": (b"https://www.shop.example/cart", True),
    "other_site": (b"https://pay.example/login", True),
    "none": (b"", True),
    "garbage": (b"http://[::1", True),
    "longer": (b"/login-help", True),
    "below": (b"/login/why", True),
    "login": (b"/login", False),
    "login_slash": (b"/login/?next=/cart", False),
    "login_query": (b"/login?next=%2Fcart", False),
    "login_fragment": (b"/signin#form", False),
    "login_absolute": (b"https://www.shop.example/accounts/login/?next=/", False),
    "login_behind_tls": (b"http://www.shop.example/login", False),
    "login_other_case": (b"https://WWW.Shop.Example/login", False),
    "login_no_scheme": (b"//www.shop.example/login", False),
    "login_relative": (b"../login?next=/cart", False),
}


@pytest.mark.parametrize("case", TO)
def test_redirect_to_a_login_discards_the_act(case: str) -> None:
    where = site()
    location, happened = TO[case]
    headers = [(b"location", location)]
    got = answer(where, request("POST", "/cart/add"), status=302, headers=headers, chunks=[])
    event = ("AddToCart", ids(1)[0])
    assert (where.sent, got.shown) == (([event], [event]) if happened else ([], []))
    assert got.untouched is not happened


@pytest.mark.parametrize(
    "location", [b"/shop/login", b"/login", b"https://www.shop.example/shop/login/"]
)
def test_login_of_a_mounted_shop(location: bytes) -> None:
    where = site()
    asked = request("POST", "/cart/add", root="/shop", raw_path=b"/shop/cart/add")
    got = answer(where, asked, status=303, headers=[(b"location", location)], chunks=[], view=ADD)
    assert (where.accepted, got.untouched) == ([], True)
    assert where.counts == {"login redirects": 1}


RELOCATED = [(b"location", b"/cart")]
# method and status, headers, body; which of a rule's event and the view's own event leave
ACTS: dict[str, tuple[str, int, Headers, bytes, bool, bool]] = {
    "redirect": ("POST", 302, RELOCATED, b"", True, True),
    "redirect_with_html": ("POST", 303, [TYPE, *RELOCATED], PAGE, True, True),
    "moved": ("POST", 301, RELOCATED, b"", False, True),
    "asked_again": ("POST", 307, RELOCATED, b"", False, True),
    "slash_added": ("POST", 308, RELOCATED, b"", False, True),
    "json": ("POST", 200, JSON, b"{}", True, True),
    "created": ("POST", 201, JSON, b"{}", True, True),
    "no_content": ("POST", 204, [], b"", True, True),
    "no_content_of_flask": ("POST", 204, HTML, b"", True, True),
    "reset_content": ("POST", 205, HTML, b"", True, True),
    "fragment": ("POST", 200, HTML, FRAGMENT, True, True),
    "empty": ("POST", 200, HTML, b"", True, True),
    "page": ("POST", 200, HTML, PAGE, False, True),
    "refused": ("POST", 400, HTML, PAGE, False, False),
    "refused_json": ("POST", 422, JSON, b"{}", False, False),
    "broken": ("POST", 500, JSON, b"{}", False, False),
    "not_modified": ("POST", 304, JSON, b"", False, False),
    "read_json": ("GET", 200, JSON, b"{}", False, True),
    "read_fragment": ("GET", 200, HTML, FRAGMENT, False, True),
    "read_redirect": ("GET", 302, RELOCATED, b"", False, True),
    "read_page": ("GET", 200, HTML, PAGE, True, True),
    "read_failed": ("GET", 404, HTML, PAGE, False, False),
}


@pytest.mark.parametrize("case", ACTS)
def test_what_answer_fires_a_rule_and_a_track(case: str) -> None:
    """Seen: Flask's `return "", 204` says text/html, and the event of such an act was lost."""
    method, status, headers, body, by_rule, by_view = ACTS[case]
    table = routes(f"Lead {method} /act")
    where = site(routes=table, page_view="off")
    asked = request(method, "/act")
    got = answer(where, asked, status=status, headers=headers, chunks=[body])
    event = ("Lead", ids(1)[0])
    assert where.sent == got.shown == ([event] if by_rule else [])
    where = site(routes=routes(""), page_view="off")
    got = answer(
        where, asked, status=status, headers=headers, chunks=[body], view=tracks("Contact")
    )
    event = ("Contact", ids(1)[0])
    assert where.sent == got.shown == ([event] if by_view else [])


ON_2XX = {
    "page": (200, HTML, PAGE, True),
    "fragment": (200, HTML, FRAGMENT, True),
    "json": (201, JSON, b"{}", True),
    "redirect": (302, RELOCATED, b"", False),
    "refused": (400, HTML, PAGE, False),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("case", ON_2XX)
def test_rule_may_ask_for_any_2xx(method: str, case: str) -> None:
    status, headers, body, fires = ON_2XX[case]
    where = site(routes=routes(f"Lead {method} /act on=2xx"), page_view="off")
    got = answer(where, request(method, "/act"), status=status, headers=headers, chunks=[body])
    assert where.sent == got.shown == ([("Lead", ids(1)[0])] if fires else [])


def test_visitor_with_many_pending_cookies_gets_no_more_of_them() -> None:
    """Seen: a shop whose carts are scripts alone got 431 for every request at 8 KB of cookies."""
    full = {"cookie": "; ".join(f"_pixelpair_{n:08x}={'x' * 380}" for n in range(10))}
    where = site()
    got = answer(
        where, request("POST", "/cart/add", headers=full), headers=JSON, chunks=[b"{}"], view=ADD
    )
    assert (len(where.sent), got.pending) == (1, [])
    assert where.counts == {"server half alone": 1}


LONG = tracks("Lead", content_ids=[f"SKU-{n}" for n in range(20)])


def test_events_of_one_answer_beyond_its_room_keep_name_and_id() -> None:
    where = site()
    view = every(*[LONG] * 12)
    got = answer(where, request("POST", "/x"), headers=JSON, chunks=[b"{}"], view=view)
    full = [call for call in got.pending if call[1]]
    bare = [call for call in got.pending if not call[1]]
    assert (len(full), len(bare), got.pending) == (4, 5, full + bare)
    assert 1700 < sum(map(len, got.values(b"set-cookie"))) <= 2500
    assert len(where.sent) == 12
    assert where.counts == {"server half alone": 3}


def test_events_beyond_a_visitors_room_keep_name_and_id_and_a_purchase_its_money() -> None:
    held = {"cookie": "; ".join(f"_pixelpair_{n:08x}={'x' * 380}" for n in range(7))}
    view = every(LONG, tracks("Purchase", value=9, currency="SEK", content_ids=["SKU"] * 20))
    got = answer(site(), request("POST", "/x", headers=held), headers=JSON, chunks=[], view=view)
    assert [call[1] for call in got.pending] == [{}, {"value": 9, "currency": "SEK"}]


def test_two_events_of_one_given_id_have_cookies_of_their_own() -> None:
    """Seen in Chromium: the second replaced the first, which became a lone server half."""
    where = site()
    view = every(tracks("Lead", "order-1"), tracks("Contact", "order-1"))
    got = answer(where, request("POST", "/x"), headers=JSON, chunks=[b"{}"], view=view)
    cookies = {value.partition(b"=")[0] for value in got.values(b"set-cookie")}
    assert len(cookies) == len(got.pending) == len(where.sent) == 2


def test_navigation_that_a_service_worker_passes_on_is_a_page() -> None:
    """Seen in Chromium: the fetch of its request says "empty", and still that it navigates."""
    headers = {"sec-fetch-dest": "empty", "sec-fetch-mode": "navigate"}
    assert [call[0] for call in answer(site(), request(headers=headers)).browser] == ["PageView"]
    headers["sec-fetch-mode"] = "cors"
    assert answer(site(), request(headers=headers)).browser == []


def test_act_keeps_the_answer_and_adds_one_cookie_per_event() -> None:
    where = site()
    asked = request("POST", "/cart/add")
    both = every(ADD, tracks("Lead"))
    headers = [(b"location", b"/cart"), (b"set-cookie", b"session=1")]
    got = answer(where, asked, status=302, headers=headers, chunks=[b"moved"], view=both)
    data = {"content_ids": ["SKU-1"], "value": 19.9, "currency": "SEK"}
    first, second = ids(2)
    assert got.pending == [["AddToCart", data, first], ["Lead", {}, second]]
    assert where.sent == got.shown
    assert got.headers[:2] == headers
    assert len(got.headers) == 4
    assert got.body == b"moved"


def test_answer_to_an_act_says_private_only_where_caches_may_keep_it() -> None:
    got = answer(site(), request("POST", "/cart/add"), headers=JSON, chunks=[b"{}"])
    assert got.values(b"cache-control") == []
    got = answer(site(), headers=JSON, chunks=[b"{}"], view=ADD)
    assert got.values(b"cache-control") == [b"private"]
    assert len(got.pending) == 1


@pytest.mark.parametrize("case", SHOWN_AGAIN)
def test_cacheable_answer_gets_no_cookie(case: str, caplog: pytest.LogCaptureFixture) -> None:
    where = site()
    headers = [*JSON, *SHOWN_AGAIN[case]]
    got = answer(where, request(headers=NO_VISITOR), headers=headers, chunks=[b"{}"], view=ADD)
    assert got.untouched
    assert [name for name, _ in where.sent] == ["AddToCart"]
    assert "server only" in caplog.text


def test_page_fetched_by_a_script_reports_an_act_of_its_view() -> None:
    where = site()
    asked = request("POST", "/cart/add", headers={"sec-fetch-dest": "empty"})
    got = answer(where, asked, view=tracks("Lead"))
    assert got.body == PAGE
    assert where.sent == got.shown == [("Lead", ids(1)[0])]


FETCHED = {
    "fetch": {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"},
    "htmx": {"hx-request": "true"},
    "turbo_frame": {"turbo-frame": "cart"},
    "xhr": {"x-requested-with": "XMLHttpRequest"},
    "hover": {"sec-fetch-dest": "empty", "x-sec-purpose": "prefetch"},
}


@pytest.mark.parametrize("case", FETCHED)
def test_page_fetched_by_a_script_has_its_events_at_the_end_of_its_body(case: str) -> None:
    where = site()
    asked = request(headers=FETCHED[case] | NO_VISITOR)
    got = answer(where, asked, headers=[TYPE, length(PAGE)], view=ADD)
    [(_, [view, add])] = got.sealed
    assert (view, add[0]) == (["PageView", {}], "AddToCart")
    assert got.body.startswith(PAGE[:-BODY_END] + BLOCK)
    assert got.body.endswith(b"</script></body></html>")
    assert got.headers == [TYPE, length(got.body), PRIVATE]
    assert (where.accepted, where.counts) == ([], {})


@pytest.mark.parametrize("case", FETCHED)
def test_cacheable_page_is_the_same_whoever_fetches_it(case: str) -> None:
    headers = [TYPE, *control(b"public, max-age=60"), TAG]
    fetched = answer(site(), request(headers=FETCHED[case] | NO_VISITOR), headers=headers)
    assert fetched == answer(site(), headers=headers)
    assert fetched.body == sealed_page("PageView")


def test_web_view_of_an_app_navigates() -> None:
    """Android's names its app where scripts say XMLHttpRequest."""
    asked = request(headers={"x-requested-with": "com.example.shop"})
    assert [call[0] for call in answer(site(), asked).browser] == ["PageView"]


def test_answer_fetched_ahead_reports_nothing() -> None:
    where = site()
    asked = request(headers={"x-sec-purpose": "prefetch", "sec-fetch-dest": "empty"})
    for headers, body in [(JSON, b"{}"), (HTML, FRAGMENT)]:
        assert answer(where, asked, headers=headers, chunks=[body], view=ADD).untouched
    assert (where.accepted, where.counts) == ([], {"fetched ahead": 2})


def test_failed_acts_are_counted() -> None:
    where = site()
    assert answer(where, status=500, view=ADD).untouched
    assert (where.accepted, where.counts) == ([], {"failed acts": 1})


# --- one channel only ----------------------------------------------------------------------------


def test_without_a_token_exactly_the_browser_halves_leave() -> None:
    where = site(sends=False)
    assert [n for n, _ in answer(where, view=ADD).shown] == ["PageView", "AddToCart"]
    moved = answer(where, request("POST", "/cart/add"), status=302, headers=RELOCATED, chunks=[])
    assert [n for n, _ in moved.shown] == ["AddToCart"]
    assert where.accepted == []


def test_page_view_of_the_browser_only() -> None:
    where = site(page_view="browser")
    got = answer(where, request("GET", "/products/1"))
    page, view = ids(2)
    assert got.shown == [("PageView", page), ("ViewContent", view)]
    assert where.sent == [("ViewContent", view)]


def test_page_view_off_leaves_the_base_code() -> None:
    where = site(page_view="off")
    got = answer(where)
    assert got.body == PAGE[:HEAD_END] + SNIPPET.events(()) + LOADER + PAGE[HEAD_END:]
    assert where.accepted == []


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


def test_muted_exchange_hears_nothing(caplog: pytest.LogCaptureFixture) -> None:
    headers = [TYPE]
    ADD(MUTED)
    MUTED.identify({"email": "a@b.example"})
    MUTED.discard(())
    assert MUTED.respond(200, headers) is headers
    assert MUTED.feed(PAGE) is PAGE
    assert MUTED.finish() == b""
    assert caplog.records == []
    assert (MUTED._said, MUTED._visit, MUTED.passing) == (None, None, True)


# --- failures ------------------------------------------------------------------------------------


class BrokenError(Exception):
    """What no part of ours ever raises."""


def broken(*_: object) -> object:
    raise BrokenError


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


@pytest.mark.parametrize("usual", [lambda _: None, broken])
def test_whole_page_keeps_its_headers_where_the_scanner_fails(
    usual: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = [TYPE, TAG, length(PAGE)]
    monkeypatch.setattr(page_module, "HtmlStream", BreaksAtOnce)
    monkeypatch.setattr(heads, "usual_places", usual)
    assert answer(site(), headers=headers) == Answered(headers, PAGE, untouched=True)


def test_answer_that_is_abandoned_keeps_its_headers_where_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where, headers = site(), [TYPE, TAG, length(PAGE)]
    exchange = Exchange(where.shop, "GET", request)
    ADD(exchange)
    assert exchange.respond(200, headers) is None
    monkeypatch.setattr(Exchange, "_is_shared", broken)
    assert exchange.abandon() == headers
    assert (exchange.passing, where.counts["failures"]) == (True, 1)


def test_scanner_that_fails_at_the_end_lets_the_bytes_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_module, "HtmlStream", BreaksAtTheEnd)
    where = site()
    got = answer(where, headers=[TYPE, TAG], chunks=[b"<!-- a", b" --", b"> <"])
    assert got.body == b"<!-- a --> <"
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


def test_images_that_fail_let_the_page_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Snippet, "images", broken)
    where, headers = site(), [TYPE, length(PAGE)]
    got = answer(where, headers=headers, view=tracks("Lead"))
    assert got == Answered(headers, PAGE, untouched=True)
    assert where.counts == {"failures": 1}


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


def test_visitor_without_cookie_gets_one_with_a_page_of_its_own() -> None:
    got = answer(site(), request(headers=NO_VISITOR))
    cookie = f"_fbp={NEW_FBP}; Max-Age=7776000; Domain=shop.example; Path=/; SameSite=Lax; Secure"
    assert got.headers == [TYPE, PRIVATE, (b"set-cookie", cookie.encode())]
    assert (FBP, NOW) != (NEW_FBP, 0)


# --- EVENT_ID ------------------------------------------------------------------------------------


def test_event_id_browser_makes_every_read_page_the_same_for_all() -> None:
    where = site(event_id="browser")
    got = answer(where, request(headers=NO_VISITOR))
    assert (got.body, got.headers) == (sealed_page("PageView"), HTML)
    form = answer(where, request("POST", "/cart/add", headers=NO_VISITOR))
    assert [name for name, _ in form.shown] == ["PageView"]
    assert where.sent == form.shown


def test_page_that_only_tls_would_permit_our_script_has_it() -> None:
    """Seen: behind a proxy that ends TLS, 'https://www.shop.example' was another origin."""
    own = policy(b"script-src https://www.shop.example " + META)
    got = answer(site(), request(scheme="http"), headers=own)
    assert b'<script src="/_pixelpair/pixel.js?v=' in got.body


def test_event_id_server_takes_a_page_from_the_caches() -> None:
    where = site(event_id="server")
    shared = [*control(b"public, max-age=60"), TAG, LM, (b"surrogate-control", b"max-age=60")]
    shared.append((b"netlify-cdn-cache-control", b"public"))
    got = answer(where, headers=[TYPE, *shared])
    assert where.sent == got.shown
    assert got.headers == [TYPE, (b"cache-control", b"private, no-store")]
    ahead = answer(where, request(headers={"sec-purpose": "prefetch"}), headers=HTML)
    assert (ahead.shown, ahead.sealed) == ([], [["/", [["PageView", {}]]]])


# --- Purchases of pages that make their ids ------------------------------------------------------


def test_purchase_of_a_cacheable_page_names_its_order() -> None:
    where = site()
    asked = request("GET", "/orders/1001/complete")
    money = tracks("Purchase", value=9, currency="SEK")
    got = answer(where, asked, headers=[TYPE, TAG], view=money)
    [_, [_, purchase]] = got.sealed[0]
    assert purchase[2] == purchase_id(KEY, PIXEL, "1001")
    assert where.accepted == []


@pytest.mark.parametrize("data", [{"value": 9, "currency": "SEK"}, {"order_id": "7"}])
def test_purchase_that_a_page_may_not_make_leaves_on_neither_channel(
    data: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    where = site()
    got = answer(where, headers=[TYPE, TAG], view=tracks("Purchase", **data))
    assert got.sealed[0] == ["/", [["PageView", {}]]]
    assert (where.accepted, where.counts) == ([], {"faults": 1})
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# --- policies ------------------------------------------------------------------------------------


def policy(value: bytes) -> Headers:
    return [TYPE, (b"content-security-policy", value)]


META = b"https://connect.facebook.net"
POLICIES = {
    "nonce": (b"script-src 'nonce-abc' " + META, b'<script nonce="abc">'),
    "own": (b"script-src 'self' " + META, b'<script src="/_pixelpair/pixel.js?v='),
    "inline": (b"script-src 'unsafe-inline' " + META, LOADER),
}


@pytest.mark.parametrize("case", POLICIES)
@pytest.mark.parametrize("shared", [[], [TAG]])
def test_script_comes_as_the_policy_permits(case: str, shared: Headers) -> None:
    value, loader = POLICIES[case]
    got = answer(site(), headers=[*policy(value), *shared])
    assert got.body.count(loader) == 1
    assert len(got.browser) + len(got.sealed) in (1, 2)


def test_nonce_of_a_meta_policy_is_used() -> None:
    meta = b"<meta http-equiv=Content-Security-Policy content=\"script-src 'nonce-xyz'\"></head>"
    for _ in range(2):
        got = answer(site(), chunks=[PAGE.replace(b"</head>", meta)])
        assert b'<script nonce="xyz">' in got.body


def test_nonce_of_the_framework_is_used() -> None:
    assert b'<script nonce="n1">' in answer(site(), request(nonce="n1")).body


def test_policy_that_permits_no_script_lets_the_server_half_go_alone() -> None:
    where = site()
    strict = policy(b"script-src 'strict-dynamic' 'sha256-%b'" % (b"A" * 43 + b"="))
    got = answer(where, request(headers=NO_VISITOR), headers=[*strict, length(PAGE)], view=ADD)
    assert (got.body, [name for name, _ in where.sent]) == (PAGE, ["PageView", "AddToCart"])
    assert got.values(b"content-length") == [str(len(PAGE)).encode()]
    assert len(got.values(b"set-cookie")) == 1
    assert where.counts == {"server half alone": 2}


def test_cacheable_page_without_a_script_of_ours_sets_no_cookie() -> None:
    where = site()
    strict = policy(b"script-src 'strict-dynamic' 'sha256-%b'" % (b"A" * 43 + b"="))
    headers = [*strict, TAG]
    got = answer(where, request(headers=NO_VISITOR), headers=headers)
    assert got == Answered(headers, PAGE, untouched=True)
    assert [name for name, _ in where.sent] == ["PageView"]


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


# --- copies that the client holds ----------------------------------------------------------------

OURS = b'"1-pp%b"' % VERSION
TAG_ASKED = (b"if-none-match", b'"1"')


def revalidate(known: bytes, status: int, headers: Headers, dest: bytes = b"document") -> Any:
    """What the app is asked, and what the client is answered."""
    asked: Headers = [(b"if-none-match", known), (b"sec-fetch-dest", dest)]
    exchange = Exchange(site().shop, "GET", lambda: request())
    admitted = exchange.admit(asked)
    return admitted, exchange.respond(status, headers)


def test_head_of_a_page_that_caches_keep_has_the_tag_of_its_get() -> None:
    """A cache takes the page that it keeps for outdated if HEAD tells another tag or length."""
    headers = [TYPE, length(PAGE), TAG]
    got = answer(site(), request("HEAD"), headers=headers, chunks=[])
    assert got.headers == [TYPE, (b"etag", OURS)]


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
