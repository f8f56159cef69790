"""The search by a rare byte finds what a plain search finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.product.search import MOST_RARE, _find

NEEDLE = b"ld+json"
PIECES = st.sampled_from([b"+", b"ld+", b"ld+json", b"ld+jso", b"+json", b"l", b"+" * MOST_RARE])
PAGES = st.lists(PIECES, max_size=12).map(b"".join)


@given(PAGES, st.integers(0, 30), st.integers(-1, 30))
def test_finds_what_a_plain_search_finds(page: bytes, start: int, from_end: int) -> None:
    end = len(page) - from_end
    assert _find(page, NEEDLE, start, end) == page.find(NEEDLE, start, end)


@given(PAGES)
def test_a_needle_without_the_byte_is_searched_plainly(page: bytes) -> None:
    assert _find(page, b"json", 0, len(page)) == page.find(b"json")
