"""The usual way gives what the general way gives, to the byte, or steps aside."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixelpair.core import exchange as module
from pixelpair.core.consent import Signals
from pixelpair.core.policy import Policy
from pixelpair.core.privacy import Firewall
from pixelpair.core.usual import usual_page
from tests.core.exchanges import (
    AGENT,
    FBP,
    HTML,
    MATCHING,
    PAGE,
    TYPE,
    answer,
    request,
    site,
)
from tests.core.visitors import GOOGLEBOT, NO, REQUIRED, YES, known, policy, snippet

if TYPE_CHECKING:
    from pixelpair.core.http import Headers
    from tests.core.exchanges import Answered, Site

LENGTH = (b"content-length", str(len(PAGE)).encode())


def both_ways(headers: Headers, chunks: list[bytes], asked: dict, **shop: object) -> Answered:
    """The answer, which is the same with the usual way closed."""

    def ask() -> tuple[Answered, Site]:
        where = site(**shop)
        return answer(where, request(**asked), headers=headers, chunks=chunks), where

    usual, first = ask()
    with patch.object(module, "usual_page", lambda *_: None):
        general, second = ask()
    assert usual == general
    assert first.accepted == second.accepted
    assert first.withdrawn == second.withdrawn
    assert first.counts == second.counts
    assert "failures" not in first.counts
    return usual


REQUEST_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "cookie": st.sampled_from(
            ["", f"_fbp={FBP}", f"a=1; _fbp={FBP}; b=2", f"a=1;_fbp={FBP}", f"x_fbp={FBP}",
             f"_fbp={FBP}; _fbc=fb.1.1.AbC", f"_fbp={FBP}; _fbp=fb.1.1.1", "_fbp=bad", "_fbp=",
             f"_fbp={FBP}.AQICAQMC", f"a=_fbp={FBP}", f"a=; _fbp={FBP}", f" _fbp={FBP} ;",
             f"_fbp={FBP}; {YES}", f"_fbp={FBP}; {NO}", f"_fbp={FBP}; staff=1", f"{YES}; _pp_id=x"]
        ),
        "referer": st.sampled_from(
            ["https://news.example/", "https://m.facebook.com/?fbclid=IwAR1", "about:blank", "\xe5",
             "https://mail.example/?to=jane@shop.example", "https://www.shop.example/reset/a/b-c"]
        ),
        "user-agent": st.sampled_from(
            [AGENT, AGENT, AGENT, "", "Mozilla/5.0", "a\tb", "å" * 1100, GOOGLEBOT, "curl/8.5.0",
             f"{AGENT} \xe5\x00", "Mozilla/5.0 (X11) " + "å" * 1100]
        ),
        "sec-gpc": st.sampled_from(["1", "0", ""]),
        "dnt": st.sampled_from(["1", "0"]),
        "x-forwarded-for": st.sampled_from(["6.6.6.6", "unknown", "6.6.6.6, 10.0.0.1"]),
        "forwarded": st.just("for=6.6.6.6"),
        "sec-fetch-dest": st.sampled_from(["document", "iframe", "empty", "image", ""]),
        "sec-fetch-mode": st.sampled_from(["navigate", "cors"]),
        "sec-purpose": st.sampled_from(["prefetch", "other"]),
        "x-varnish": st.just("1"),
        "x-vinyl": st.just("1"),
    },
)  # fmt: skip
RESPONSE_HEADERS = st.lists(
    st.sampled_from(
        [LENGTH, (b"content-length", b"many"), (b"vary", b"Cookie"), (b"etag", b'"1"'),
         (b"cache-control", b"no-store"), (b"cache-control", b"max-age=60"), (b"X-Shop", b"tea"),
         (b"content-encoding", b"gzip"), (b"set-cookie", b"session=1"), (b"accept-ranges", b"x")]
    ),
    max_size=3,
    unique=True,
)  # fmt: skip
PATHS = st.sampled_from(
    ["/", "/about/å", "/products/SKU-1", "/admin/x", "/a%20b", "/search", "/of/jane@shop.example",
     "/t/4b825dc642cb6eb9a060e54bf8d69288fbee4904"]
)  # fmt: skip
QUERIES = st.sampled_from(
    ["", "q=tea", "fbclid=IwAR1", "q=\xe5", "email=jane%40shop.example&q=1", "token=abc", "ref=7",
     "x=+46701234567"]
)  # fmt: skip


def of_signals(**changes: object) -> dict[str, object]:
    signals = Signals(**changes)  # type: ignore[arg-type]
    return {
        "policy": Policy(signals=signals),
        "snippet": snippet(Policy().consent, signals),
    }


SHOPS: list[dict[str, object]] = [
    {},
    {"page_view": "browser"},
    {"page_view": "off"},
    {"sends": False},
    {"wall": Firewall(["ref"])},
    {"policy": MATCHING},
    {"policy": Policy(anonymous=True)},
    {"policy": policy(), "snippet": snippet(REQUIRED, Signals())},
    {"policy": known(anonymous=True), "snippet": snippet(REQUIRED, Signals())},
    {"pixels": ("111", "222"), "snippet": snippet(Policy().consent, Signals(), ["111", "222"])},
    {"event_id": "browser"},
    of_signals(gpc="deny"),
    of_signals(gpc="ignore"),
    of_signals(dnt=True),
    of_signals(gpc="deny", dnt=True),
    of_signals(ldu=(1, 1000)),
]
PAGES = st.sampled_from(
    [
        PAGE,
        PAGE.replace(b"<html>", b"<html amp>"),
        b"<p>fragment",
        b"<html><title>a</title><p>b",
        b"",
    ]
)


@settings(max_examples=500)
@given(
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    PATHS,
    QUERIES,
    PAGES,
    st.sampled_from(["203.0.113.7", "", "::ffff:203.0.113.7", "10.0.0.1", "unix:"]),
    st.sampled_from(SHOPS),
    st.booleans(),
)
@example({"cookie": f"_fbp={FBP}"}, [LENGTH], "/", "", PAGE, "203.0.113.7", {}, False)
def test_both_ways_agree(
    headers: dict, response: Headers, path: str, query: str, page: bytes, client: str, shop: dict,
    cut: bool,
) -> None:  # fmt: skip
    asked = {"path": path, "query": query, "headers": headers, "client": client}
    both_ways([TYPE, *response], [page[:40], page[40:]] if cut else [page], asked, **shop)


def test_a_viewed_page_of_a_known_visitor_goes_the_usual_way() -> None:
    taken = []

    def watched(*args: object) -> object:
        taken.append(usual_page(*args))  # type: ignore[arg-type]
        return taken[-1]

    with patch.object(module, "usual_page", watched):
        got = answer(site(), headers=[TYPE, LENGTH])
    assert [page is not None for page in taken] == [True]
    assert got.values(b"content-length") == [str(len(got.body)).encode()]
    assert got.values(b"cache-control") == [b"private"]


@pytest.mark.parametrize("shop", SHOPS)
def test_usual_way_is_for_shops_that_treat_all_alike(shop: dict[str, object]) -> None:
    taken = []

    def watched(*args: object) -> object:
        taken.append(usual_page(*args))  # type: ignore[arg-type]
        return taken[-1]

    where = site(**shop)
    with patch.object(module, "usual_page", watched):
        answer(where, headers=[TYPE, LENGTH])
    alike = where.shop.plain and where.shop.page_view == "both" and "event_id" not in shop
    assert [page is not None for page in taken] == [alike]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-gpc": "1"},
        {"user-agent": GOOGLEBOT},
        {"user-agent": ""},
        {"user-agent": "python-requests/2.32"},
        {"sec-purpose": "prefetch"},
        {"cookie": ""},
    ],
)
def test_usual_way_is_for_usual_visitors(headers: dict[str, str]) -> None:
    asked = request(headers=headers)
    args = [TYPE, LENGTH], 1, PAGE, 1_760_000_000.0
    assert usual_page(site().shop, request(), *args) is not None
    assert usual_page(site().shop, asked, *args) is None


def test_usual_way_stores_clean_addresses() -> None:
    where = site()
    referrer = "https://mail.example/?to=jane@shop.example"
    headers = {"referer": referrer}
    asked = request(path="/of/jane@shop.example", query="token=1&a=2", headers=headers)
    with patch.object(module, "usual_page", wraps=usual_page) as usual:
        answer(where, asked)
    assert usual.call_count == 1
    [row] = where.rows
    assert row["event_source_url"] == "https://www.shop.example/of/(removed)?token=(removed)&a=2"
    assert row["referrer_url"] == "https://mail.example/?to=(removed)"


@pytest.mark.parametrize("failing", ["queue", "new_id"])
def test_a_failure_lets_the_page_through(failing: str) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    where = site(**{failing: broken})
    assert answer(where, headers=HTML).body == PAGE
    assert where.counts == {"failures": 1}
