from __future__ import annotations

import pytest

from pixelpair.core.product import read_product

from .pages import BLANKET, URL, metas, page, reasons, script, values

SAID = {
    "og:type": "product",
    "og:title": "Wool blanket - The Shop",
    "og:url": URL,
    "product:retailer_item_id": "BL-130",
    "product:item_group_id": "BL",
    "product:mfr_part_no": "M-1",
    "product:gtin": "4006381333931",
    "product:brand": "Klippan & Co",
    "product:category": "Home > Wool",
    "product:availability": "in stock",
    "product:price:amount": "1.299,00",
    "product:price:currency": "SEK",
}
READ = {
    "sku": "BL-130",
    "group_id": "BL",
    "mpn": "M-1",
    "gtin": "4006381333931",
    "name": "Wool blanket - The Shop",
    "brand": "Klippan & Co",
    "category": "Home > Wool",
    "price": "1299",
    "currency": "SEK",
    "availability": "InStock",
    "url": URL,
}


def read(said: dict[str, str]) -> dict[str, object]:
    return values(read_product(page(metas(said)), url=URL))


def test_reads_the_tags() -> None:
    facts = read_product(page(metas(SAID)), url=URL)
    assert values(facts) == READ
    assert {fact.source for fact in facts.known.values()} == {"Open Graph"}
    assert facts.dropped == ()


WRITINGS = {
    "name for property": '<meta name="product:price:amount" content="12">',
    "content first": '<meta content="12" property="product:price:amount">',
    "single quotes": "<meta property='product:price:amount' content='12'/>",
    "no quotes": "<meta property=product:price:amount content=12 >",
    "upper case": '<META PROPERTY="product:price:amount" CONTENT="12">',
    "more attributes": '<meta data-x="a>b" property="product:price:amount" content="12" lang=en>',
    "line breaks": '<meta\n property="product:price:amount"\n content="12"\n>',
    "entities": '<meta property="product:price:amount" content="&#49;2">',
    "behind a comment": '<!-- x --><meta property="product:price:amount" content="12">',
    "behind a script": '<script>"<meta "</script>'
    '<meta property="product:price:amount" content="12">',
    "old name": '<meta property="og:price:amount" content="12">',
}


@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS.keys())
def test_reads_the_tag_written(writing: str) -> None:
    assert values(read_product(page(writing), url=URL)) == {"price": "12"}


NOT_SAID = {
    "commented out": '<!-- <meta property="product:price:amount" content="12"> -->',
    "in a script": '<script>a = \'<meta property="product:price:amount" content="12">\'</script>',
    "unclosed": '<meta property="product:price:amount" content="12',
    "empty": '<meta property="product:price:amount" content=" ">',
    "not the price": '<meta property="product:original_price:amount" content="12">'
    '<meta property="product:shipping_cost:amount" content="3">',
}


@pytest.mark.parametrize("writing", NOT_SAID.values(), ids=NOT_SAID.keys())
def test_does_not_read(writing: str) -> None:
    assert values(read_product(page(writing), url=URL)) == {}


def test_tags_in_the_body_are_not_the_pages() -> None:
    assert read_product(page(body=metas(SAID)), url=URL).known == {}


def test_an_article_is_no_product() -> None:
    assert read({"og:type": "article", "og:title": "About wool", "og:url": URL}) == {}


def test_a_sale_price_is_the_price() -> None:
    sale = {"product:sale_price:amount": "999", "product:sale_price:currency": "SEK"}
    assert read({**SAID, **sale})["price"] == "999"


def test_a_sale_that_may_be_over_is_none() -> None:
    """The page cannot be asked what the time is."""
    sale = {"product:sale_price:amount": "999", "product:sale_price_dates:end": "2026-01-01"}
    facts = read_product(page(metas({**SAID, **sale})), url=URL)
    assert values(facts)["price"] == "1299"
    assert reasons(facts) == [("price", "is a sale's with dates, and may be over")]


def test_several_prices_are_none() -> None:
    facts = read_product(page(metas(SAID), metas({"product:price:amount": "99"})), url=URL)
    assert "price" not in facts.known
    assert reasons(facts) == [("price", "is said several times, each time otherwise")]


def test_a_tag_said_twice_counts_once() -> None:
    assert values(read_product(page(metas(SAID), metas(SAID)), url=URL)) == READ


# --- beside JSON-LD ------------------------------------------------------------------------------


def test_json_ld_wins_and_open_graph_fills_in() -> None:
    facts = read_product(page(metas(SAID), script({**BLANKET, "brand": "Klippan"})), url=URL)
    assert values(facts) == {**READ, "name": "Wool blanket", "brand": "Klippan", "price": "899"}
    assert (facts.name and facts.name.source, facts.mpn and facts.mpn.source) == (
        "JSON-LD",
        "Open Graph",
    )
    assert reasons(facts) == [
        ("brand", "is another than in JSON-LD"),
        ("price", "is another than in JSON-LD"),
    ]


def test_the_catalogs_own_id_wins() -> None:
    said = {**SAID, "product:retailer_item_id": "shop_1"}
    assert values(read_product(page(metas(said), script(BLANKET)), url=URL))["sku"] == "shop_1"


BARE_PRICE = {**BLANKET, "offers": {"price": "899"}}


def test_a_currency_beside_the_same_amount_is_taken() -> None:
    said = {"product:price:amount": "899.00", "product:price:currency": "SEK"}
    assert values(read_product(page(metas(said), script(BARE_PRICE)), url=URL))["currency"] == "SEK"


def test_a_currency_of_another_amount_is_not() -> None:
    said = {"product:price:amount": "80", "product:price:currency": "EUR"}
    assert "currency" not in read_product(page(metas(said), script(BARE_PRICE)), url=URL).known
