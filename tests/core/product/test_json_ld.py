"""JSON-LD scripts as they are found in pages: their text, and what offers say of the price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pixelpair.core.product.facts import FIELDS

from .pages import BLANKET, SOCKS, URL, page, read_json_ld, read_product, reasons, values

BARE = {"name": "Wool blanket", "sku": "BL-130", "price": "899", "currency": "SEK"}
TEXT = json.dumps(BLANKET)

WRAPPINGS = {
    "plain": TEXT,
    "whitespace": f"\n\t {TEXT} \n",
    "byte order mark": "\ufeff" + TEXT,
    "html comment": f"<!-- {TEXT} -->",
    "cdata": f"//<![CDATA[\n{TEXT}\n//]]>",
    "cdata in comments": f"/*<![CDATA[*/{TEXT}/*]]>*/",
    "bare cdata": f"<![CDATA[{TEXT}]]>",
    "semicolon": TEXT + ";",
    "trailing commas": TEXT.replace("}", ",}"),
    "comments": TEXT.replace("{", "{ /* a, b */ // c\n", 1),
    "raw line break in a string": TEXT.replace("Wool blanket", "Wool\n\tblanket"),
    "escaped as HTML": TEXT.replace('"', "&quot;"),
    "array": f"[{TEXT}]",
    "graph": json.dumps({"@graph": [{"@type": "WebSite"}, BLANKET]}),
    "web page": json.dumps({"@type": "WebPage", "mainEntity": BLANKET}),
    "nested arrays": f"[[[{TEXT}]]]",
    "several types": TEXT.replace('"Product"', '["Thing", "Product"]'),
    "type with its address": TEXT.replace('"Product"', '"http://schema.org/Product"'),
    "type with a prefix": TEXT.replace('"Product"', '"schema:Product"'),
    "offer of the product": json.dumps(
        {
            "@type": "Offer",
            **BLANKET["offers"],
            "itemOffered": {k: v for k, v in BLANKET.items() if k != "offers"},
        }
    ),
}


@pytest.mark.parametrize("text", WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_reads_the_product_in(text: str) -> None:
    assert values(read_json_ld(text)) == BARE


TAGS = {
    "single quotes": "<script type='application/ld+json'>%s</script>",
    "no quotes": "<script type=application/ld+json>%s</script>",
    "more attributes": '<script id="a>b" data-x type="application/ld+json" async>%s</script>',
    "upper case": '<SCRIPT TYPE="application/ld+json">%s</SCRIPT>',
    "charset": '<script type="application/ld+json; charset=utf-8">%s</script>',
    "behind a comment": '<!-- a --><script type="application/ld+json">%s</script>',
    "behind a script": '<script>"<!--"</script><script type="application/ld+json">%s</script>',
}


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS.keys())
def test_reads_the_script_tag(tag: str) -> None:
    assert values(read_product(page(tag % TEXT), url=URL)) == BARE


NO_SCRIPTS = {
    "commented out": "<!-- <script type='application/ld+json'>%s</script> -->",
    "in a script": "<script>a = '<script type=\"application/ld+json\">%s<\\/script>'</script>",
    "another type": '<script type="application/ldjson">%s</script>',
    "named in a script": "<script>s.type=\"application/ld+json\";s.text='%s'</script>",
    "no script": '<p type="application/ld+json">%s</p>',
    "unclosed": '<script type="application/ld+json">%s',
}


@pytest.mark.parametrize("tag", NO_SCRIPTS.values(), ids=NO_SCRIPTS.keys())
def test_leaves_alone_what_is_no_script(tag: str) -> None:
    assert values(read_product(page(body=tag % TEXT), url=URL)) == {}


@pytest.mark.parametrize(
    "text", ["", "{", "undefined", "[1, 2", '{"@type": Product}', "]]>", "{}}"]
)
def test_what_is_no_json_is_dropped_with_its_reason(text: str) -> None:
    facts = read_json_ld(text, BLANKET)
    assert values(facts) == BARE
    assert reasons(facts) == [("script", "is no JSON")]


def test_references_between_scripts_are_followed() -> None:
    product = {**BLANKET, "brand": {"@id": "#b"}, "offers": [{"@id": "#o"}]}
    others = [
        {"@id": "#b", "@type": "Brand", "name": "Klippan"},
        {"@id": "#o", **BLANKET["offers"]},
    ]
    assert values(read_json_ld(product, others)) == {**BARE, "brand": "Klippan"}


FACTS: list[tuple[dict[str, Any], dict[str, object]]] = [
    ({"productID": 4711}, {"product_id": "4711"}),
    ({"mpn": "M-1"}, {"mpn": "M-1"}),
    ({"gtin13": "4006381333932"}, {}),  # a wrong check digit
    ({"gtin13": "4006381333931"}, {"gtin": "4006381333931"}),
    ({"gtin": "0000000000000"}, {}),
    ({"isbn": "978-3-16-148410-0"}, {"gtin": "9783161484100"}),
    ({"sku": "{{ sku }}"}, {"sku": None}),
    ({"sku": None}, {"sku": None}),
    ({"sku": 12.0}, {"sku": "12"}),
    ({"sku": {"@value": "A"}}, {"sku": "A"}),
    ({"sku": "A" * 101}, {"sku": None}),
    ({"brand": "Klippan"}, {"brand": "Klippan"}),
    ({"brand": {"@type": "Brand", "name": " Klippan  AB "}}, {"brand": "Klippan AB"}),
    ({"brand": [{"name": "A"}, {"name": "B"}]}, {"brand": "A"}),
    ({"manufacturer": {"name": "Klippan"}}, {"brand": "Klippan"}),
    ({"category": "Home > Wool"}, {"category": "Home > Wool"}),
    ({"category": {"@type": "CategoryCode", "name": "Wool"}}, {"category": "Wool"}),
    ({"name": "A &amp; B"}, {"name": "A & B"}),
    ({"inProductGroupWithID": "BL"}, {"group_id": "BL"}),
    ({"isVariantOf": {"@type": "ProductGroup", "productGroupID": "BL"}}, {"group_id": "BL"}),
    ({"url": "/products/wool-blanket"}, {"url": "/products/wool-blanket"}),
]


@pytest.mark.parametrize(("given", "read"), FACTS)
def test_reads_a_fact(given: dict[str, Any], read: dict[str, object]) -> None:
    expected = {name: value for name, value in {**BARE, **read}.items() if value is not None}
    assert values(read_json_ld({**BLANKET, **given})) == expected


AVAILABILITIES = [
    ("https://schema.org/InStock", "InStock"),
    ("http://schema.org/OutOfStock", "OutOfStock"),
    ("schema:PreOrder", "PreOrder"),
    ("in stock", "InStock"),
    ({"@id": "https://schema.org/SoldOut"}, "SoldOut"),
    ("soon", None),
]


@pytest.mark.parametrize(("said", "read"), AVAILABILITIES)
def test_reads_an_availability(said: object, read: str | None) -> None:
    facts = read_json_ld({**BLANKET, "offers": {**BLANKET["offers"], "availability": said}})
    assert values(facts).get("availability") == read


def spec(price: object, kind: str | None = None, **more: object) -> dict[str, object]:
    found = {"@type": "UnitPriceSpecification", "price": price, "priceCurrency": "SEK", **more}
    return {**found, "priceType": f"https://schema.org/{kind}"} if kind else found


MONTH = {"billingDuration": "P1M"}
PER_KILO = {"referenceQuantity": {"value": 1, "unitCode": "KGM"}}
ONE = {"referenceQuantity": {"value": "1", "unitCode": "C62"}}
OFFERS: dict[str, tuple[object, str | None, str | None]] = {
    "price": ({"price": 899, "priceCurrency": "sek"}, "899", "SEK"),
    "no currency": ({"price": "899"}, "899", None),
    "no known currency": ({"price": "899", "priceCurrency": "kr"}, "899", None),
    "currency in the price": ({"price": "€ 12,50"}, "12.5", "EUR"),
    "no yen has decimals": ({"price": "1.234", "priceCurrency": "JPY"}, "1234", "JPY"),
    "an object with a value": (
        {"price": {"@type": "MonetaryAmount", "value": "12", "currency": "EUR"}}, "12", "EUR",
    ),
    "an object": ({"price": {"from": 12}, "priceCurrency": "SEK"}, None, "SEK"),
    "negative": ({"price": "-12", "priceCurrency": "SEK"}, None, "SEK"),
    "zero": ({"price": 0, "priceCurrency": "SEK"}, None, "SEK"),
    "NaN": ({"price": "NaN", "priceCurrency": "SEK"}, None, "SEK"),
    "a list of one": ({"price": ["12"], "priceCurrency": "SEK"}, "12", "SEK"),
    "a list of two": ({"price": ["12", "13"], "priceCurrency": "SEK"}, None, "SEK"),
    "a specification": ({"priceSpecification": spec("12")}, "12", "SEK"),
    "its currency at the offer": (
        {"priceCurrency": "SEK", "priceSpecification": {"price": 12}}, "12", "SEK",
    ),
    "a list price beside": (
        {"priceSpecification": [spec("20", "ListPrice"), spec("12")]}, "12", "SEK",
    ),
    "one crossed out beside": (
        {"price": "12", "priceCurrency": "SEK",
         "priceSpecification": spec(20, "StrikethroughPrice")},
        "12", "SEK",
    ),
    "only a list price": ({"priceSpecification": spec("20", "ListPrice")}, None, None),
    "a sale beside": (
        {"price": "20", "priceCurrency": "SEK", "priceSpecification": [spec(12, "SalePrice")]},
        "12", "SEK",
    ),
    "regular and plain": (
        {"priceSpecification": [spec("20", "RegularPrice"), spec("12")]}, "12", "SEK",
    ),
    "a price per kilogram": ({"priceSpecification": [spec(99, **PER_KILO), spec(12)]}, "12", "SEK"),
    "a price per piece": ({"priceSpecification": spec(12, **ONE)}, "12", "SEK"),
    "with and without tax": (
        {"priceSpecification": [spec(10, valueAddedTaxIncluded="false"),
                                spec("12.5", valueAddedTaxIncluded=True)]}, "12.5", "SEK",
    ),
    "without tax only": (
        {"priceSpecification": spec(10, valueAddedTaxIncluded=False)}, "10", "SEK",
    ),
    "for members": (
        {"priceSpecification": [spec(9, validForMemberTier={"name": "gold"}), spec(12)]},
        "12", "SEK",
    ),
    "an instalment": ({"priceSpecification": [spec(3, **MONTH), spec(12)]}, "12", "SEK"),
    "for ten": (
        {"priceSpecification": [spec(8, eligibleQuantity={"minValue": 10}), spec(12)]}, "12", "SEK",
    ),
    "delivery": (
        {"priceSpecification": [{"@type": "DeliveryChargeSpecification", "price": 5}, spec(12)]},
        "12", "SEK",
    ),
    "from": ({"priceSpecification": spec(None, minPrice=10, maxPrice=20)}, "10", "SEK"),
    "aggregate": ({"lowPrice": "10", "highPrice": "20", "priceCurrency": "SEK"}, "10", "SEK"),
    "aggregate of one": ({"lowPrice": "10", "highPrice": 10, "priceCurrency": "SEK"}, "10", "SEK"),
    "aggregate with offers": (
        {"lowPrice": 1, "priceCurrency": "SEK", "offers": [{"price": 10}, {"price": 12}]},
        "10", "SEK",
    ),
    "equal offers": (
        [{"price": 10, "priceCurrency": "SEK"}, {"price": "10.00", "priceCurrency": "SEK"}],
        "10", "SEK",
    ),
    "the cheapest is sold out": (
        [{"price": 10, "priceCurrency": "SEK", "availability": "SoldOut"},
         {"price": 12, "priceCurrency": "SEK", "availability": "InStock"}], "12", "SEK",
    ),
    "used ones": (
        [{"price": 5, "priceCurrency": "SEK", "itemCondition": "https://schema.org/UsedCondition"},
         {"price": 12, "priceCurrency": "SEK"}], "12", "SEK",
    ),
    "to rent": (
        [{"price": 5, "priceCurrency": "SEK",
          "businessFunction": "http://purl.org/goodrelations/v1#LeaseOut"},
         {"price": 12, "priceCurrency": "SEK"}], "12", "SEK",
    ),
    "two currencies": (
        [{"price": 10, "priceCurrency": "EUR"}, {"price": 12, "priceCurrency": "USD"}], None, None,
    ),
    "none": ([], None, None),
    "a word": ("sold", None, None),
}  # fmt: skip


@pytest.mark.parametrize(("offers", "price", "currency"), OFFERS.values(), ids=OFFERS.keys())
def test_reads_an_offer(offers: object, price: str | None, currency: str | None) -> None:
    read = values(read_json_ld({**BLANKET, "offers": offers}))
    assert (read.get("price"), read.get("currency")) == (price, currency)


def test_the_low_end_of_a_range_is_less_sure() -> None:
    one = read_json_ld(BLANKET).price
    low = read_json_ld({**BLANKET, "offers": {"lowPrice": 10, "highPrice": 20}}).price
    assert one is not None
    assert low is not None
    assert (one.source, one.confidence, low.confidence) == ("JSON-LD", 0.95, 0.57)


def test_a_price_that_is_dropped_says_why() -> None:
    offers = {"priceSpecification": [spec("20", "ListPrice"), spec("0")]}
    assert reasons(read_json_ld({**BLANKET, "offers": offers})) == [
        ("price", "is a list price, or crossed out"),
        ("price", "is zero"),
    ]


def test_a_page_without_markup_has_no_facts() -> None:
    assert read_product(page(body="<h1>Wool blanket</h1> 899 kr"), url=URL).known == {}


def test_a_relation_is_not_the_product() -> None:
    assert values(read_json_ld({**BLANKET, "isRelatedTo": [SOCKS], "isSimilarTo": SOCKS})) == BARE


def test_what_the_documentation_says_to_add_is_all_that_is_needed() -> None:
    text = (Path(__file__).parents[3] / "docs" / "products.md").read_text()
    _, _, block = text.partition("```json\n")
    facts = read_json_ld(block.partition("```")[0])
    assert facts.complete
    assert facts.dropped == ()
    assert [name for name in FIELDS if name not in facts.known] == [
        "product_id", "mpn", "gtin", "group_id",
    ]  # fmt: skip
