"""Pages that are broken, or made to hurt: no exception, and no time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelpair.core.product import custom_data, listing_data, read_listing, read_product

from .pages import BLANKET, URL, metas, page, scanned, script, values

BARE = {"name": "Wool blanket", "sku": "BL-130", "price": "899", "currency": "SEK"}
LD = '<script type="application/ld+json">'
BIG = 5 * 1024 * 1024

BOMBS: dict[str, str] = {
    "nested arrays": LD + "[" * 10_000 + "]" * 10_000 + "</script>",
    "nested arrays, open": LD + "[" * 200_000 + "</script>",
    "nested objects": LD + '{"a":' * 10_000 + "1" + "}" * 10_000 + "</script>",
    "nested graphs": LD + '{"@graph":[' * 900 + "]}" * 900 + "</script>",
    "nested products": LD + '{"@type":"Product","isRelatedTo":' * 900 + "1" + "}" * 900,
    "5 MB of a script": LD + json.dumps({"a": "b" * BIG}) + "</script>",
    "5 MB that never ends": LD + "a" * BIG,
    "5 MB of another script": "<script>" + "a" * BIG + "</script>",
    "5 MB of pushes": "<script>" + "dataLayer.push({event:'view_item'," * (BIG // 34),
    "many scripts": (LD + "{}</script>") * 5_000,
    "many script tags": LD * 5_000,
    "many types": "application/ld+json" * 20_000,
    "many offers": script({**BLANKET, "offers": [BLANKET["offers"]] * 3_000}),
    "many products": script([BLANKET] * 1_500),
    "many variants": script({"@type": "ProductGroup", "hasVariant": [BLANKET] * 1_500}),
    "references in a circle": script([{"@id": "#a", "@type": "Product",
                                       "isVariantOf": {"@id": "#a"},
                                       "hasVariant": {"@id": "#a"}, "offers": {"@id": "#a"}}]),
    "open quotes": LD + '"\\"' * 40_000 + "</script>",
    "open comments": LD + "/*" * 60_000 + "</script>",
    "commas": LD + "," * 120_000 + "</script>",
    "wrappings": LD + "<!--;" * 40_000 + "</script>",
    "spaces": LD + " " * 200_000 + "x" + " " * 50_000 + "</script>",
    "metas without end": '<meta property="og:title" content=' * 7_000,
    "an attribute's name without end": '<meta property="og:title" ' + "a" * 200_000 + " content=b>",
    "metas with a quote": '<meta property="og:x" content="a' * 7_000,
    "metas in a script": "<script>" + '<meta property="og:x" content="a' * 7_000,
    "many metas": metas({"product:price:amount": "1"}) * 4_000,
    "open comments in the head": "<!--" * 60_000,
    "views": "<script>" + "view_item " * 20_000 + "</script>",
    "views outside": "view_item " * 20_000,
    "brackets in a push": "<script>dataLayer.push(" + "[{a:" * 10_000 + "'view_item'</script>",
    "calls in a push": "<script>" + "gtag(" * 10_000 + "'view_item'</script>",
    "strings in a push": "<script>dataLayer.push(" + "'\\'" * 10_000 + "view_item</script>",
    "product types": "schema.org/Product" * 14_000,
    "items": "<div itemscope itemtype='http://schema.org/Product'>" * 5_000,
    "items side by side": "<p itemscope itemtype='http://schema.org/Product'></p>" * 5_000,
    "properties": "<p itemscope itemtype='http://schema.org/Product'>" + "<b itemprop=name>" * 40,
    "prices": script({**BLANKET, "offers": {"price": "1" * 100_000}}),
    "digits of another script": script({**BLANKET, "offers": {"price": "١" * 100_000}}),
    "a name": script({**BLANKET, "name": "a " * 100_000}),
    "a number": script('{"@type":"Product","sku":' + "9" * 100_000 + "}"),
    "exponents": script('{"@type":"Product","sku":1e999999,"offers":{"price":1e-999999}}'),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_takes_no_time(bomb: str) -> None:
    """Most take under 5 ms, the microdata under 100; on a machine that others keep busy."""
    data = page(body=bomb)
    start = time.thread_time()
    read_product(data, None, URL)
    read_product(page(bomb), None, URL)
    assert time.thread_time() - start < 1


def test_only_so_much_of_a_page_is_repaired() -> None:
    """Seen: four scripts of 50 KB that are no JSON took 100 ms, each within the limit of one."""
    broken = script('{"a": [' + "1," * 20_000 + "],}")
    dropped = read_product((broken * 3).encode()).dropped
    assert [note.reason for note in dropped] == ["is no JSON"] * 2
    assert read_product((broken + script(f"<!--{json.dumps(BLANKET)}-->")).encode()).sku


def test_properties_within_each_other_are_read_for_so_long() -> None:
    """Seen: 1,900 of them over 90 KB of text took 42 ms."""
    item = '<div itemscope itemtype="https://schema.org/Product"><b itemprop=sku>T-1</b>'
    shown = "<b itemprop=name>Tea</b>"
    inside = "<b itemprop=brand>" * 900 + "x" * 80_000 + "</b>" * 900
    assert "name" not in values(read_product(page(body=item + inside + shown)))
    assert values(read_product(page(body=item + shown + inside)))["name"] == "Tea"


def test_what_comes_before_a_bomb_is_read() -> None:
    for bomb in BOMBS.values():
        facts = read_product(page(script(BLANKET), body=bomb), None, URL)
        assert values(facts)["sku"] == "BL-130"


PIECES = [b"<script", b'<script type="application/ld+json">', b"</script>", b"<!--", b"-->", b"{",
          b"}", b"[", b"]", b'"', b"'", b"\\", b",", b":", b'"@type"', b'"Product"',
          b'"ProductGroup"',
          b'"hasVariant"', b'"offers"', b'"price"', b'"lowPrice"', b"12.50", b"-1", b"NaN", b"null",
          b'"@id"', b'"#a"', b'"name"', b'"A"', b'"sku"', b"<meta ", b"property=", b"content=",
          b"product:price:amount", b"og:title", b">", b"</head>", b"dataLayer.push(", b"gtag(",
          b"'event'", b"'view_item'", b"event:", b"ecommerce:", b"items:", b"item_id:", b")", b"`",
          b"<div itemscope itemtype=http://schema.org/Product>", b"<b itemprop=price>",
          b"\xff\xfe", b"\x1b", b"\0", "ö€".encode(), b"</b>", b"//", b"/*", b"\n",
          b"<p itemprop", b" "]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=60), st.integers(0, 200))
@settings(max_examples=300, deadline=None)
def test_any_soup_is_read_without_an_error(pieces: list[bytes], cut: int) -> None:
    soup = b"".join(pieces)
    facts = read_product(soup, None, URL)
    listing = read_listing(soup, "utf-8", URL)
    custom_data(facts, currency="SEK")
    listing_data(listing.items if listing else ())
    scan = scanned(soup, [min(cut, len(soup))])
    scan.read_microdata()
    assert scan.facts == facts


KEYS = st.sampled_from(
    ["@id", "@type", "@graph", "name", "sku", "gtin", "brand", "category", "url", "offers", "price",
     "lowPrice", "highPrice", "priceCurrency", "priceSpecification", "priceType", "availability",
     "hasVariant", "isVariantOf", "inProductGroupWithID", "productGroupID", "mainEntity",
     "position",
     "itemListElement", "item", "itemOffered", "eligibleQuantity", "referenceQuantity", "value",
     "minPrice", "itemCondition", "businessFunction", "@value", "valueAddedTaxIncluded"]
)  # fmt: skip
LEAVES = st.sampled_from(
    ["Product", "ProductGroup", "Offer", "AggregateOffer", "ItemList", "BreadcrumbList", "#a", "12",
     "€ 12,50", "SEK", "", "NaN", "InStock", "SalePrice", URL, "//[", "http://[", "\ud800", None,
     True,
     0, -1, 12.5, 1e300, 10**400]
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


@given(st.lists(st.dictionaries(KEYS, TREES, max_size=8), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_tree_is_read_without_an_error(trees: list[dict[str, Any]]) -> None:
    data = page(*(script({"@type": "Product", **tree}) for tree in trees))
    facts = read_product(data, "utf-8", URL)
    assert all(fact.value for fact in facts.known.values())
    custom_data(facts, currency="SEK")
    read_listing(data, "utf-8", URL)


@pytest.mark.parametrize(
    "url", ["", "http://[", "::", "a b", "//", "http://x/%ff?%ff", "/p?" + "a&" * 99]
)
def test_an_odd_address_is_no_error(url: str) -> None:
    data = page(script({**BLANKET, "url": "http://["}, "application/ld+json"), script(BLANKET))
    assert values(read_product(data, None, url))["sku"] == "BL-130"
