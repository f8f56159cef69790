"""Answers of a shop by what is to become of them, for the tests of an exchange's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.core.csp import INLINE
from pixelpair.core.seals import page_text
from tests.core.exchanges import (
    BODY_START,
    FRAGMENT,
    HEAD_END,
    HTML,
    JSON,
    PAGE,
    SEAL,
    SNIPPET,
    TYPE,
    VERSION,
    request,
    tracks,
)

if TYPE_CHECKING:
    from pixelpair.core.http import Headers, Request


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
    "coded": (request(), 200, [TYPE, (b"content-encoding", b"br, gzip")], PAGE),
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
RELOCATED = [(b"location", b"/cart")]


class BrokenError(Exception):
    """What no part of ours ever raises."""


def broken(*_: object) -> object:
    raise BrokenError


def policy(value: bytes) -> Headers:
    return [TYPE, (b"content-security-policy", value)]


META = b"https://connect.facebook.net"
OURS = b'"1-pp%b"' % VERSION
