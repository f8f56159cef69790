"""Which of several products a page shows, which variant of it, and its lists."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pixelpair.core.product import read_listing, read_product

from .pages import BLANKET, SOCKS, URL, metas, page, read_json_ld, reasons, script, values

MITTENS: dict[str, Any] = {**SOCKS, "name": "Mittens", "sku": "MI-1"}
HERE = {"url": URL}
ELSEWHERE = {"url": "https://shop.example/products/socks"}
CRUMBS = {
    "@type": "BreadcrumbList",
    "itemListElement": [
        {"@type": "ListItem", "position": 1, "name": "Home", "item": "/"},
        {"@type": "ListItem", "position": 2, "item": {"name": "Wool blanket", "@id": URL}},
    ],
}
LIST = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": SOCKS}, MITTENS]}

MAIN: dict[str, list[object]] = {
    "its URL": [{**BLANKET, **HERE}, SOCKS, MITTENS],
    "its offer's URL": [{**BLANKET, "offers": {**BLANKET["offers"], **HERE}}, SOCKS, MITTENS],
    "its id": [{**BLANKET, "@id": URL}, SOCKS, MITTENS],
    "a relative URL": [{**BLANKET, "url": "/products/wool-blanket/"}, SOCKS],
    "a URL with another host": [
        {**BLANKET, "url": "http://www.example.org/products/wool-blanket"}, SOCKS,
    ],
    "the others' URLs": [BLANKET, {**SOCKS, **ELSEWHERE}, {**MITTENS, "url": "/mittens"}],
    "mainEntity": [{"@type": "WebPage", "mainEntity": BLANKET}, SOCKS, MITTENS],
    "mainEntityOfPage": [{**BLANKET, "mainEntityOfPage": {"@id": "x"}}, SOCKS],
    "mainEntity by reference": [
        {"@type": "ItemPage", "mainEntity": {"@id": "#p"}}, {**BLANKET, "@id": "#p"}, SOCKS,
    ],
    "the breadcrumbs": [BLANKET, SOCKS, MITTENS, CRUMBS],
    "the others in a list": [BLANKET, LIST],
    "the others as relations": [{**BLANKET, "isRelatedTo": [SOCKS, MITTENS]}],
    "its place in a list": [
        {"@type": "ItemList", "itemListElement": [{"item": {**BLANKET, **HERE}}, SOCKS]}, MITTENS,
    ],
}  # fmt: skip


@pytest.mark.parametrize("nodes", MAIN.values(), ids=MAIN.keys())
def test_knows_the_main_product_by(nodes: list[object]) -> None:
    """Wherever it stands among the others."""
    for order in itertools.permutations(nodes):
        facts = read_json_ld(*order)
        assert values(facts)["sku"] == "BL-130", order
        assert values(facts)["price"] == "899"


def test_knows_the_main_product_by_the_pages_title() -> None:
    data = page(script(SOCKS), script(BLANKET), metas({"og:title": "Buy Wool Blanket today"}))
    assert values(read_product(data, url=URL))["sku"] == "BL-130"


def test_the_longer_name_in_the_title_is_the_products() -> None:
    short = {**SOCKS, "name": "Blanket"}
    data = page(script(short), script(BLANKET), metas({"og:title": "Wool Blanket"}))
    assert values(read_product(data, url=URL))["sku"] == "BL-130"


def test_knows_the_main_product_by_the_canonical_address() -> None:
    link = '<link rel="canonical" href="https://shop.example/wool">'
    data = page(link, script(SOCKS), script({**BLANKET, "url": "/wool"}))
    assert values(read_product(data, url="https://shop.example/?p=3"))["sku"] == "BL-130"


def test_knows_the_main_product_by_its_position_at_last() -> None:
    facts = read_json_ld(BLANKET, SOCKS)
    assert values(facts)["sku"] == "BL-130"
    assert facts.sku is not None
    assert facts.sku.confidence == 0.57


def test_products_that_are_all_elsewhere_are_none() -> None:
    facts = read_json_ld({**SOCKS, **ELSEWHERE}, {**MITTENS, "url": "/mittens"})
    assert facts.known == {}
    assert reasons(facts) == [("name", "several products, and none is this page's")]


def test_one_product_is_it_whatever_its_url_says() -> None:
    assert values(read_json_ld({**BLANKET, **ELSEWHERE}))["sku"] == "BL-130"


def test_one_product_in_two_scripts_is_one() -> None:
    rated = {"@type": "Product", "name": "wool  BLANKET", "brand": "Klippan"}
    for order in ((rated, BLANKET), (BLANKET, rated)):
        read = values(read_json_ld(*order))
        assert (read["sku"], read["brand"], read["price"]) == ("BL-130", "Klippan", "899")


# --- variants ------------------------------------------------------------------------------------


def variant(n: int, price: int = 899, **more: object) -> dict[str, object]:
    return {
        "@type": "Product",
        "@id": f"#v{n}",
        "name": f"Wool blanket {n}",
        "sku": f"BL-{n}",
        "offers": {"@type": "Offer", "price": price, "priceCurrency": "SEK"},
        **more,
    }


def at(n: int, **more: object) -> dict[str, object]:
    return variant(n, url=f"{URL}?variant={n}", **more)


GROUP: dict[str, Any] = {
    "@id": "#g",
    "@type": "ProductGroup",
    "productGroupID": "BL",
    "name": "Wool blanket",
    "brand": "Klippan",
}
UNCHOSEN = {"group_id": "BL", "name": "Wool blanket", "brand": "Klippan", "price": "899",
            "currency": "SEK"}  # fmt: skip
CHOSEN = {**UNCHOSEN, "name": "Wool blanket 2", "sku": "BL-2"}

LINKED = {
    "within the group": lambda *v: [{**GROUP, "hasVariant": list(v)}],
    "by reference": lambda *v: [{**GROUP, "hasVariant": [{"@id": n["@id"]} for n in v]}, *v],
    "reference first": lambda *v: [*v, {**GROUP, "hasVariant": [{"@id": n["@id"]} for n in v]}],
    "by the group": lambda *v: [GROUP, *({**n, "isVariantOf": {"@id": "#g"}} for n in v)],
    "by its id": lambda *v: [GROUP, *({**n, "inProductGroupWithID": "BL"} for n in v)],
}


@pytest.mark.parametrize("linked", LINKED.values(), ids=LINKED.keys())
def test_variants_of_which_none_is_chosen_are_a_group(linked: Any) -> None:
    facts = read_json_ld(*linked(at(1), at(2), at(3)))
    assert values(facts) == UNCHOSEN
    assert facts.unchosen


@pytest.mark.parametrize("linked", LINKED.values(), ids=LINKED.keys())
@pytest.mark.parametrize(
    ("variants", "url"),
    [
        ((at(1), at(2), at(3)), f"{URL}?variant=2&utm_source=x"),
        ((variant(1), variant(2)), f"{URL}?sku=BL-2"),
        ((variant(1), variant(2)), f"{URL}-bl-2"),
        ((at(1), variant(2, url=URL)), URL),
    ],
)
def test_the_url_chooses_a_variant(linked: Any, variants: Any, url: str) -> None:
    facts = read_json_ld(*linked(*variants), url=url)
    read = values(facts)
    read.pop("url", None)
    assert read == CHOSEN
    assert not facts.unchosen


def test_a_group_of_one_is_that_one() -> None:
    facts = read_json_ld({**GROUP, "hasVariant": [variant(2)]})
    assert (values(facts), facts.unchosen) == (CHOSEN, False)


def test_a_group_without_variants_is_a_group() -> None:
    facts = read_json_ld({**GROUP, "offers": {"lowPrice": 899, "priceCurrency": "SEK"}})
    assert (values(facts), facts.unchosen) == (UNCHOSEN, True)


def test_the_price_of_a_group_is_the_lowest() -> None:
    facts = read_json_ld({**GROUP, "hasVariant": [at(1, price=950), at(2, price=899)]})
    assert facts.price is not None
    assert (values(facts)["price"], facts.price.confidence) == ("899", 0.57)


def test_a_group_without_an_id_of_groups_has_its_own() -> None:
    group = {**GROUP, "productGroupID": None, "sku": "PARENT"}
    facts = read_json_ld({**group, "hasVariant": [at(1), at(2)]})
    assert values(facts) == {**UNCHOSEN, "group_id": "PARENT"}


OFFERED = {
    **BLANKET,
    "offers": [
        {"@type": "Offer", "sku": f"BL-130-{n}", "price": 899, "priceCurrency": "SEK",
         "url": f"{URL}?variant={n}"} for n in (1, 2)
    ],
}  # fmt: skip


def test_offers_with_ids_of_their_own_are_variants() -> None:
    facts = read_json_ld(OFFERED)
    assert facts.unchosen
    assert values(facts) == {
        "name": "Wool blanket", "sku": "BL-130", "group_id": "BL-130", "price": "899",
        "currency": "SEK",
    }  # fmt: skip


def test_the_url_chooses_an_offer() -> None:
    facts = read_json_ld(OFFERED, url=f"{URL}?variant=2")
    assert (values(facts)["sku"], facts.unchosen) == ("BL-130-2", False)


def test_products_of_one_name_are_variants() -> None:
    facts = read_json_ld([{**BLANKET, "sku": f"BL-{n}"} for n in (1, 2)])
    assert (values(facts)["sku"], facts.unchosen) == ("BL-1", True)
    assert facts.sku is not None
    assert facts.sku.confidence == 0.57


# --- lists ---------------------------------------------------------------------------------------


def listed(*data: object) -> list[object]:
    found = read_listing(page(*map(script, data)), url="https://shop.example/wool")
    return [facts.sku and facts.sku.value for facts in found.items] if found else []


def items(*numbers: int, **more: object) -> list[dict[str, object]]:
    return [{**SOCKS, "sku": f"S{n}", "name": f"Socks {n}", **more} for n in numbers]


LISTS: dict[str, list[object]] = {
    "elements": [{"@type": "ItemList", "itemListElement": items(1, 2, 3)}],
    "list items": [
        {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": item}
                                                  for item in items(1, 2, 3)]},
    ],
    "positions": [
        {"@type": "ItemList", "itemListElement": [
            {"@type": "ListItem", "position": n, "item": item}
            for n, item in zip((3, 1, 2), items(3, 1, 2), strict=True)]},
    ],
    "a collection page": [
        {"@type": "CollectionPage", "mainEntity": {"@type": "ItemList",
                                                   "itemListElement": items(1, 2, 3)}},
    ],
    "products": [*items(1, 2, 3)],
    "a graph of products": [{"@graph": items(1, 2, 3)}],
    "the longer list": [LIST, {"@type": "ItemList", "itemListElement": items(1, 2, 3)}],
    "a catalog": [{"@type": "Store", "hasOfferCatalog": {"@type": "OfferCatalog", "itemListElement":
                   [{"@type": "Offer", "itemOffered": item} for item in items(1, 2, 3)]}}],
}  # fmt: skip


@pytest.mark.parametrize("data", LISTS.values(), ids=LISTS.keys())
def test_reads_a_list_of(data: list[object]) -> None:
    assert listed(*data) == ["S1", "S2", "S3"]


def test_a_list_ends_at_ten() -> None:
    assert listed({"@type": "ItemList", "itemListElement": items(*range(1, 40))}) == [
        f"S{n}" for n in range(1, 11)
    ]


def test_items_without_an_id_are_left_out() -> None:
    entries = [{"@type": "ListItem", "url": "/socks"}, *items(1)]
    assert listed({"@type": "ItemList", "itemListElement": entries}) == ["S1"]


@pytest.mark.parametrize("data", [[], [BLANKET], [CRUMBS], [{"@type": "ItemList"}]])
def test_is_no_list(data: list[object]) -> None:
    assert listed(*data) == []
