"""What is checked of a combination: pages, what is none, files, sessions, caches, policies."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import brotli

from tests.doors.drive import Answer, Ask, Ledger, ids, names
from tests.zstds import zstd

from .framework_built import STATIC
from .framework_checks import OURS, scripts
from .framework_stacks import FACTS, PAGE

if TYPE_CHECKING:
    from .framework_stacks import Asking

CODED = {
    "br": brotli.decompress,
    "deflate": zlib.decompress,
    "gzip": gzip.decompress,
    "zstd": zstd.decompress,
}
BROWSERS = ("accept-encoding", "gzip, deflate, br")
PRODUCT = Ask(path="/products/TEA-1", headers=(BROWSERS,))


def decoded(answer: Answer) -> Answer:
    coding = answer.headers.get("content-encoding")
    if coding is None:
        return answer
    headers = {k: v for k, v in answer.headers.items() if k != "content-encoding"}
    return replace(answer, headers=headers, body=CODED[coding](answer.body))


def carries(
    ask: Asking, ledger: Ledger, what: Ask = PRODUCT, coding: str | None = None, page: str = PAGE
) -> Answer:
    """The page arrives whole, with the pixel in it once, and each event's server half is kept."""
    came = ask(what)
    answer = decoded(came)
    assert (came.status, scripts(answer.body)) == (200, 1)
    assert OURS.sub(b"", answer.body) == page.encode()
    assert came.headers.get("content-encoding") == coding
    assert int(came.headers.get("content-length", len(came.body))) == len(came.body)
    twins = ledger.twins()
    assert (names(twins), ids(twins)) == (names(answer.shown), ids(answer.shown))
    return answer


def passes(ask: Asking, ledger: Ledger, root: str = "") -> None:
    """What is no page says what the app said, and fires nothing."""
    answer = decoded(ask(Ask(path=f"{root}/json", headers=(BROWSERS,))))
    assert (answer.status, json.loads(answer.body), ledger.twins()) == (200, FACTS, [])


def pages(ask: Asking, ledger: Ledger, coding: str | None = None) -> None:
    answer = carries(ask, ledger, coding=coding)
    assert names(answer.shown) == ["PageView", "ViewContent"]
    passes(ask, ledger)


def browsers(ask: Asking, ledger: Ledger) -> None:
    """Each coding that today's browsers take, asked for alone."""
    for coding in ("br", "zstd", "gzip"):
        alone = (("accept-encoding", coding),)
        answer = carries(ask, ledger, replace(PRODUCT, headers=alone), coding=coding)
        assert names(answer.shown) == ["PageView", "ViewContent"]
    passes(ask, ledger)


def browsers_streams_too(ask: Asking, ledger: Ledger) -> None:
    browsers(ask, ledger)
    for coding in ("br", "zstd"):
        stream = Ask(path="/stream", headers=(("accept-encoding", coding),))
        carries(ask, ledger, stream, coding=coding)


def streams_too(ask: Asking, ledger: Ledger) -> None:
    pages(ask, ledger, coding="gzip")
    carries(ask, ledger, replace(PRODUCT, path="/stream"), coding="deflate")


def files(ask: Asking, ledger: Ledger) -> None:
    """Files are left alone, and may be asked for again."""
    pages(ask, ledger)
    style = Ask(path="/static/site.css", headers=(("sec-fetch-dest", "style"),))
    whole, head = ask(style), ask(replace(style, method="HEAD"))
    tag = ("if-none-match", whole.headers["etag"])
    again = ask(replace(style, headers=(*style.headers, tag)))
    assert [whole.body, head.body, again.body] == [(STATIC / "site.css").read_bytes(), b"", b""]
    assert (whole.status, head.status, again.status) == (200, 200, 304)


def file_pages(ask: Asking, ledger: Ledger) -> None:
    """A file that is a page gets the pixel, as one that caches may keep."""
    about = ask(Ask(path="/static/about.html"))
    assert OURS.sub(b"", about.body) == (STATIC / "about.html").read_bytes()
    assert (scripts(about.body), [call[0] for call in about.sealed]) == (1, ["PageView"])


def sessions(ask: Asking, ledger: Ledger) -> None:
    """The session's cookie and ours leave together, and the session goes on."""
    first = carries(ask, ledger, Ask(path="/count"), page=PAGE.replace("Tea", "Seen 1"))
    (name,) = {name for name in first.cookies if not name.startswith("_")}
    assert "_fbp" in first.cookies
    assert first.headers["cache-control"] == "private"
    back = Ask(path="/count", headers=(("cookie", f"{name}={first.cookies[name][0]}"),))
    second = carries(ask, ledger, back, page=PAGE.replace("Tea", "Seen 2"))
    assert name in second.cookies


def uncached(ask: Asking, ledger: Ledger) -> None:
    """No cache keeps one visitor's ids for the next."""
    first, second = carries(ask, ledger), carries(ask, ledger)
    assert names(first.shown) == names(second.shown) == ["PageView", "ViewContent"]
    assert first.cookies["_fbp"]
    assert second.cookies["_fbp"]


def cached(ask: Asking, ledger: Ledger) -> None:
    """A page out of a cache behind us says its own lifetime: browser ids, the same for all."""
    asked = [ask(PRODUCT), ask(PRODUCT)]
    assert [scripts(answer.body) for answer in asked] == [1, 1]
    assert [[call[0] for call in answer.sealed] for answer in asked] == [
        ["PageView", "ViewContent"]
    ] * 2
    assert (asked[0].cookies, asked[1].cookies, ledger.twins()) == ({}, {}, [])


def nonce(ask: Asking, ledger: Ledger) -> None:
    """Our script carries the nonce that the page's policy names."""
    answer = ask(Ask(path="/nonce"))
    (given,) = {
        part
        for part in answer.headers["content-security-policy"].split("'")
        if "-" in part and part.startswith("nonce-")
    }
    assert answer.body.count(f'<script nonce="{given[6:]}">'.encode()) == 1
    assert (scripts(answer.body), names(ledger.twins())) == (1, ["PageView"])


def by_file(ask: Asking, ledger: Ledger) -> None:
    """A policy that forbids inline scripts gets ours as a file."""
    answer = ask(PRODUCT)
    assert b"script-src 'self'" in answer.headers["content-security-policy"].encode()
    assert b'<script src="/_pixelpair/pixel.js' in answer.body
    assert names(ledger.twins()) == ["PageView", "ViewContent"]


def in_thread(ask: Asking, ledger: Ledger) -> None:
    """What a view says in a thread fills the event of its request."""
    pages(ask, ledger)
    ask(PRODUCT)
    assert ledger.twins()[1]["custom_data"].get("value") == 8.9


def mounted(ask: Asking, ledger: Ledger) -> None:
    """Below a mount the pixel is there once, and Meta hears the whole address."""
    answer = ask(Ask(path="/shop/products/TEA-1"))
    twins = ledger.twins()
    assert (answer.status, scripts(answer.body)) == (200, 1)
    assert (names(twins), ids(twins)) == (names(answer.shown), ids(answer.shown))
    assert {t["event_source_url"] for t in twins} == {"http://www.shop.example/shop/products/TEA-1"}
    assert twins[1]["custom_data"].get("content_ids") == ["TEA-1"]
    passes(ask, ledger, "/shop")
