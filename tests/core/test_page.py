"""What a page carries by its mode and its policy, and the headers that it gets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.events import purchase_id
from tests.core.answer_cases import (
    ADD,
    DOCUMENTS,
    LOADER,
    META,
    NO_STORE,
    NO_STORE_PRIVATE,
    NO_VISITOR,
    PRIVATE,
    TAG,
    length,
    policy,
)
from tests.core.exchanges import (
    BODY_START,
    FBP,
    HEAD_END,
    KEY,
    NEW_FBP,
    NOW,
    PAGE,
    PIXEL,
    SCRIPT,
    SNIPPET,
    TYPE,
    Answered,
    answer,
    blocks,
    ids,
    request,
    site,
    tracks,
)

if TYPE_CHECKING:
    from pixelpair.core.http import Headers


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


def test_visitor_without_cookie_gets_one_with_a_page_of_its_own() -> None:
    got = answer(site(), request(headers=NO_VISITOR))
    cookie = f"_fbp={NEW_FBP}; Max-Age=7776000; Domain=shop.example; Path=/; SameSite=Lax; Secure"
    assert got.headers == [TYPE, PRIVATE, (b"set-cookie", cookie.encode())]
    assert (FBP, NOW) != (NEW_FBP, 0)


# --- headers -------------------------------------------------------------------------------------


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


# --- another pixel -------------------------------------------------------------------------------


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


def test_page_that_only_tls_would_permit_our_script_has_it() -> None:
    """Seen: behind a proxy that ends TLS, 'https://www.shop.example' was another origin."""
    own = policy(b"script-src https://www.shop.example " + META)
    got = answer(site(), request(scheme="http"), headers=own)
    assert b'<script src="/_pixelpair/pixel.js?v=' in got.body


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
