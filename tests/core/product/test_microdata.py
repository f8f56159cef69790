from __future__ import annotations

import time

import pytest

from pixelpair.core.product import read_product
from pixelpair.core.product.microdata import is_bomb

from .pages import BLANKET, URL, page, reasons, scanned, script, values

OFFER = (
    '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
    '<meta itemprop="priceCurrency" content="SEK"><span itemprop="price">%s</span></div>'
)
PRODUCT = '<div itemscope itemtype="http://schema.org/Product">%s</div>'
NAME = '<h1 itemprop="name">Wool blanket</h1><meta itemprop="sku" content="BL-130">'
BARE = {"name": "Wool blanket", "sku": "BL-130", "price": "899", "currency": "SEK"}


def read(body: str) -> dict[str, object]:
    return values(read_product(page(body=body), url=URL))


def product(*parts: str) -> str:
    return PRODUCT % "".join((NAME, *parts))


BRAND = '<div itemprop="brand" itemscope itemtype="https://schema.org/Brand">%s</div>'
WRITINGS: dict[str, tuple[str, dict[str, object]]] = {
    "text": (product(OFFER % "899,00 kr"), {}),
    "content": (product(OFFER % "x").replace("<span", '<span content="899"'), {}),
    "a brand's name": (product(OFFER % 899, BRAND % '<b itemprop="name">K</b>'), {"brand": "K"}),
    "a brand": (product(OFFER % 899, '<span itemprop="brand">K</span>'), {"brand": "K"}),
    "a brand in a meta": (
        product(OFFER % 899, '<meta itemprop="brand" itemscope content="K">'), {"brand": "K"},
    ),
    "a review's author": (
        product('<p itemprop="review" itemscope><b itemprop="name">Al</b></p>', OFFER % 899), {},
    ),
    "an item that nothing names": (
        product('<p itemscope><b itemprop="brand">Al</b></p>', OFFER % 899), {},
    ),
    "a link": (
        product(OFFER % 899, '<a itemprop="url" href="/b">x</a>'), {"url": "/b"},
    ),
    "names in lower case": (product(OFFER % 899).replace("priceCurrency", "pricecurrency"), {}),
    "availability": (
        product((OFFER % 899).replace("<meta", '<link itemprop=availability href=InStock><meta')),
        {"availability": "InStock"},
    ),
    "within a page": (
        '<body itemscope itemtype="https://schema.org/WebPage">' + product(OFFER % 899), {},
    ),
    "a table": (
        product(OFFER % 899).replace("<div itemscope", "<table><tr><td itemscope"), {},
    ),
    "several properties": (
        product(OFFER % 899, '<span itemprop="mpn productID">M</span>'),
        {"mpn": "M", "product_id": "M"},
    ),
    "nested deep": (product("<i>" * 30 + OFFER % 899 + "</i>" * 30), {}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "more"), WRITINGS.values(), ids=WRITINGS.keys())
def test_reads(body: str, more: dict[str, object]) -> None:
    assert read(body) == {**BARE, **more}


def test_is_read_when_asked_for_alone() -> None:
    scan = scanned(page(body=product(OFFER % 899)), [])
    assert (scan.facts.known, scan.needs_microdata) == ({}, True)
    assert values(scan.read_microdata()) == BARE
    assert not scan.needs_microdata
    assert values(scan.read_microdata()) == BARE


def test_is_not_needed_where_others_told_all() -> None:
    scan = scanned(page(script(BLANKET), body=product(OFFER % 899)), [])
    assert not scan.needs_microdata


def test_fills_what_json_ld_leaves_open() -> None:
    bare = {key: value for key, value in BLANKET.items() if key != "offers"}
    facts = read_product(page(script(bare), body=product(OFFER % 899)), url=URL)
    assert values(facts) == BARE
    assert (facts.name and facts.name.source, facts.price and facts.price.source) == (
        "JSON-LD",
        "microdata",
    )


def test_the_main_product_wins() -> None:
    other = PRODUCT % f'<b itemprop="name">Socks</b>{OFFER % 49}'
    main = product(f'<link itemprop="url" href="{URL}">', OFFER % 899)
    assert read(other + main) == {**BARE, "url": URL}
    assert read(other + main.replace("<div", '<div itemprop="mainEntity"', 1)) == {
        **BARE, "url": URL,
    }  # fmt: skip


CROSSED = [
    "<del>899 kr</del>",
    "<s>899,00</s>",
    '<span class="price price--old">SEK 899</span>',
    '<span class="original-price">899.00</span>',
    '<span class="oldprice">899.00</span>',
]


@pytest.mark.parametrize("old", CROSSED)
def test_a_price_that_is_shown_crossed_out_is_none(old: str) -> None:
    offer = (OFFER % "x").replace("<span", '<span content="899"')
    shown = offer.replace("</div>", f'{old}<b class="price-now">499 kr</b></div>')
    facts = read_product(page(body=product(shown)), url=URL)
    assert "price" not in facts.known
    assert reasons(facts) == [("price", "is a list price, or crossed out")]
    dearer = shown.replace("499 kr", "999 kr")
    assert read(product(dearer)) == BARE


def test_a_far_product_is_found() -> None:
    filling = "<p>filling</p>" * 40_000
    assert read(filling + product(OFFER % 899)) == BARE


# --- what takes long -----------------------------------------------------------------------------

NESTED = {
    "nested elements": b"<div>" * 20_000,
    "nested and closed": b"<div>" * 11_000 + b"</div>" * 11_000,
    "nested, falsely closed": b"<div></b>" * 11_000,
    "formats": b"".join(b"<b x%d>" % n for n in range(900)) + b"<p>" * 9_000,
}


@pytest.mark.parametrize("bomb", NESTED.values(), ids=NESTED.keys())
def test_a_parser_gets_no_more_than_it_can_take(bomb: bytes) -> None:
    """6 s, where it gets them all."""
    data = page(body=product(OFFER % 899)).replace(b"</div></body>", b"</div>" + bomb + b"</body>")
    start = time.thread_time()
    assert values(read_product(data, url=URL)) == BARE
    assert time.thread_time() - start < 0.5


def test_a_tag_with_thousands_of_attributes_is_not_parsed() -> None:
    """2 s, where it is."""
    bomb = b"<div " + b" ".join(b"a%d" % n for n in range(9_000)) + b">"
    data = page(body=product(OFFER % 899)).replace(b"</body>", bomb + b"</body>")
    facts = read_product(data, url=URL)
    assert facts.known == {}
    assert reasons(facts) == [("page", "has a tag with too many attributes")]


def test_a_page_with_much_in_it_is_no_bomb() -> None:
    assert not is_bomb(b'<img src="data:image/png;base64,' + b"A" * 100_000 + b'">')
    assert not is_bomb(b"<script>" + b"a = 1; " * 10_000 + b"</script>")
