"""The usual way gives what the general way gives, to the byte, or steps aside."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixelpair.core import exchange as module
from pixelpair.core.usual import usual_page
from tests.core.exchanges import FBP, HTML, PAGE, TYPE, answer, request, site

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
    assert first.counts == second.counts
    return usual


REQUEST_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "cookie": st.sampled_from(
            ["", f"_fbp={FBP}", f"a=1; _fbp={FBP}; b=2", f"a=1;_fbp={FBP}", f"x_fbp={FBP}",
             f"_fbp={FBP}; _fbc=fb.1.1.AbC", f"_fbp={FBP}; _fbp=fb.1.1.1", "_fbp=bad", "_fbp=",
             f"_fbp={FBP}.AQICAQMC", f"a=_fbp={FBP}", f"a=; _fbp={FBP}", f" _fbp={FBP} ;"]
        ),
        "referer": st.sampled_from(
            ["https://news.example/", "https://m.facebook.com/?fbclid=IwAR1", "about:blank", "\xe5"]
        ),
        "user-agent": st.sampled_from(["", "Mozilla/5.0", "a\tb", "å" * 1100]),
        "sec-fetch-dest": st.sampled_from(["document", "iframe", "empty", "image", ""]),
        "sec-fetch-mode": st.sampled_from(["navigate", "cors"]),
        "sec-purpose": st.sampled_from(["prefetch", "other"]),
        "x-varnish": st.just("1"),
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
PATHS = st.sampled_from(["/", "/about/å", "/products/SKU-1", "/admin/x", "/a%20b", "/search"])
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
    st.sampled_from(["", "q=tea", "fbclid=IwAR1", "q=\xe5"]),
    PAGES,
    st.sampled_from(["203.0.113.7", "", "::ffff:203.0.113.7"]),
    st.sampled_from([{}, {"page_view": "browser"}, {"page_view": "off"}, {"sends": False}]),
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


@pytest.mark.parametrize("failing", ["queue", "new_id"])
def test_a_failure_lets_the_page_through(failing: str) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    where = site(**{failing: broken})
    assert answer(where, headers=HTML).body == PAGE
    assert where.counts == {"failures": 1}
