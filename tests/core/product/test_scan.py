"""The collector: in blocks, whatever the chunks, and no further than it must."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelpair.core.product import Scan, read_product
from pixelpair.core.product.scan import BLOCK, MOST_BLOCKS

from .pages import BLANKET, SOCKS, URL, metas, page, reasons, scanned, script, values

FILLING = "<p>Wool &amp; more, <a href='/x'>49 kr</a></p>\n"
BARE = {"name": "Wool blanket", "sku": "BL-130", "price": "899", "currency": "SEK"}
OG = {"product:brand": "Klippan", "og:url": URL}
VIEW = 'dataLayer.push({event: "view_item", ecommerce: {items: [{item_id: "GA"}]}})'
MICRO = '<div itemscope itemtype="https://schema.org/Product"><b itemprop="mpn">M-1</b></div>'


def far(size: int, *parts: str) -> bytes:
    """A page whose parts come behind so many bytes."""
    return page(body=(FILLING * (size // len(FILLING) + 1))[:size] + "".join(parts))


WHOLE = page(
    metas(OG),
    script({**BLANKET, "offers": None}),
    f"<script>{VIEW}</script>",
    body=MICRO + FILLING * 3 + script(SOCKS) + FILLING * 3,
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=30))
@settings(max_examples=60)
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    one, other = scanned(WHOLE, []), scanned(WHOLE, cuts)
    assert one.facts == other.facts
    assert one.needs_microdata
    assert other.needs_microdata
    assert one.read_microdata() == other.read_microdata() == read_product(WHOLE, url=URL)


@given(st.integers(-3000, 300), st.lists(st.integers(0, 3 * BLOCK), max_size=8))
@settings(max_examples=60, deadline=None)
def test_blocks_do_not_matter(where: int, cuts: list[int]) -> None:
    """The script, its tag or what is looked for is cut where a block ends."""
    data = far(BLOCK + where, script({**BLANKET, "description": "a" * 500}))
    scan = scanned(data, [min(cut, len(data)) for cut in cuts])
    assert values(scan.facts) == BARE


@given(st.integers(-400, 100))
@settings(max_examples=40, deadline=None)
def test_microdata_may_be_cut_by_a_block(where: int) -> None:
    data = far(BLOCK + where, MICRO, FILLING * 100)
    assert values(read_product(data, url=URL)) == {"mpn": "M-1"}


def test_a_far_script_is_found_while_nothing_is_known() -> None:
    assert values(scanned(far(880_000, script(BLANKET)), []).facts) == BARE


def test_the_end_of_a_long_page_is_not_looked_at() -> None:
    scan = scanned(far(MOST_BLOCKS * BLOCK, script(BLANKET)), [])
    assert scan.done
    assert scan.facts.known == {}


def test_wants_no_more_once_all_is_known() -> None:
    data = page(script(BLANKET), body=FILLING * 20_000)
    scan = Scan(URL)
    scan.feed(data[: BLOCK - 1])
    assert not scan.done
    scan.feed(data[BLOCK - 1 :])
    assert scan.done
    assert values(scan.facts) == BARE


def test_a_product_behind_the_first_block_does_not_contradict() -> None:
    data = page(script(BLANKET), body=FILLING * 20_000 + script({**SOCKS, "url": URL}))
    assert values(read_product(data, url=URL)) == BARE


def test_the_beginning_of_a_page_is_enough() -> None:
    data = page(script(BLANKET), body=FILLING)
    assert values(read_product(data[: data.index(b"<p>") + 20], url=URL)) == BARE


def test_nothing_fed_is_nothing_known() -> None:
    scan = scanned(b"", [])
    assert (scan.facts.known, scan.listing, scan.needs_microdata) == ({}, None, False)
    assert scan.read_microdata().known == {}


def test_feeding_what_is_done_changes_nothing() -> None:
    scan = scanned(page(script(BLANKET)), [])
    scan.feed(page(script(SOCKS)))
    scan.finish()
    assert values(scan.facts) == BARE


# --- encodings -----------------------------------------------------------------------------------

TEXT = {**BLANKET, "name": "Ullfilt, grå", "brand": "Ål"}
READ = {**BARE, "name": "Ullfilt, grå", "brand": "Ål"}


def in_charset(charset: str, declared: str = "") -> bytes:
    text = json.dumps(TEXT, ensure_ascii=False)
    body = f"<html><head>{declared}{script(text)}{metas({'product:mpn': 'x'})}</head></html>"
    return body.encode(charset)


@pytest.mark.parametrize(
    ("charset", "said"),
    [("utf-8", "utf-8"), ("utf-8", None), ("iso-8859-1", "ISO-8859-1"), ("cp1252", "windows-1252"),
     ("cp1252", None), ("utf-8", "no-such-thing"), ("utf-8", "unicode_escape"), ("utf-8", "")],
)  # fmt: skip
def test_reads_the_encoding(charset: str, said: str | None) -> None:
    assert values(read_product(in_charset(charset), said, URL)) == READ


def test_reads_the_encoding_that_the_page_declares() -> None:
    declared = '<meta http-equiv="Content-Type" content="text/html; charset=gbk">'
    text = script(json.dumps({**BLANKET, "name": "羊毛毯"}, ensure_ascii=False))
    data = f"<html><head>{declared}{text}</head></html>".encode("gbk")
    assert values(read_product(data, None, URL)) == {**BARE, "name": "羊毛毯"}


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-32"])
def test_what_hides_its_markup_is_left_alone(charset: str) -> None:
    data = in_charset(charset)
    refused = [("page", "has an encoding that hides markup")]
    assert reasons(read_product(data, charset, URL)) == refused
    if charset != "utf-16-le":  # that one has no byte order mark
        assert reasons(read_product(data, None, URL)) == refused


def test_what_is_too_large_says_so() -> None:
    scripts = script({"@type": "Product", "name": "Socks", "description": "a" * 200_000}) * 2
    facts = read_product(page(scripts, script(BLANKET)), url=URL)
    assert reasons(facts)[0] == ("script", "is too large, with those before it")
