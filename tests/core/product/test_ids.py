from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pixelpair.core.custom_data import clean_data
from pixelpair.core.product import (
    CONTENT_IDS,
    GROUP_IDS,
    Fact,
    Facts,
    content_id,
    custom_data,
    group_id,
    listing_data,
)


def fact(value: Any) -> Fact[Any]:
    return Fact(value, "JSON-LD", 0.95)


ALL = Facts(
    sku=fact("S"), product_id=fact("P"), mpn=fact("M"), gtin=fact("4006381333931"),
    group_id=fact("G"), name=fact("Wool blanket"), brand=fact("Klippan"), category=fact("Wool"),
    price=fact(Decimal("899.00")), currency=fact("SEK"),
)  # fmt: skip
UNCHOSEN = Facts(group_id=fact("G"), price=fact(Decimal(10)), currency=fact("SEK"), unchosen=True)


@pytest.mark.parametrize(
    ("choice", "named"),
    [(None, "S"), ("sku", "S"), ("product_id", "P"), ("mpn", "M"), ("gtin", "4006381333931"),
     ("route", "wool")],
)  # fmt: skip
def test_names_the_product_by_the_choice(choice: str | None, named: str) -> None:
    assert content_id(ALL, choice, route_id="wool") == named
    assert choice is None or choice in CONTENT_IDS


@pytest.mark.parametrize(
    ("facts", "named"),
    [(Facts(product_id=fact("P"), gtin=fact("G")), "P"), (Facts(mpn=fact("M")), "M"),
     (Facts(gtin=fact("G")), "G"), (Facts(group_id=fact("G")), "wool"), (Facts(), "wool")],
)  # fmt: skip
def test_without_a_choice_the_first_found_names_it(facts: Facts, named: str) -> None:
    assert content_id(facts, route_id="wool") == named


def test_a_choice_that_the_page_has_not_is_no_other() -> None:
    assert content_id(Facts(sku=fact("S")), "gtin", route_id="wool") is None
    assert content_id(Facts()) is None


def test_names_the_group() -> None:
    assert group_id(ALL) == "G"
    assert group_id(ALL, "route", route_id="wool") == "wool"
    assert group_id(Facts(sku=fact("S"))) is None
    assert all(group_id(ALL, choice, "wool") for choice in GROUP_IDS)


def test_custom_data_of_a_product() -> None:
    assert clean_data(custom_data(ALL)) == (
        {
            "content_ids": ["S"],
            "content_type": "product",
            "contents": [{"id": "S", "quantity": 1, "item_price": 899.0}],
            "content_name": "Wool blanket",
            "content_category": "Wool",
            "value": 899.0,
            "currency": "SEK",
        },
        [],
    )


def test_custom_data_of_a_group() -> None:
    assert custom_data(UNCHOSEN) == {
        "content_ids": ["G"],
        "content_type": "product_group",
        "contents": [{"id": "G", "quantity": 1, "item_price": Decimal(10)}],
        "value": Decimal(10),
        "currency": "SEK",
    }


def test_a_group_is_never_put_into_a_cart() -> None:
    assert custom_data(UNCHOSEN, may_group=False, route_id="wool") == {
        "content_ids": ["wool"],
        "content_type": "product",
        "contents": [{"id": "wool", "quantity": 1, "item_price": Decimal(10)}],
        "value": Decimal(10),
        "currency": "SEK",
    }


def test_a_price_without_a_currency_has_no_value() -> None:
    facts = Facts(sku=fact("S"), price=fact(Decimal(10)))
    assert custom_data(facts) == {
        "content_ids": ["S"], "content_type": "product", "contents": [{"id": "S", "quantity": 1}],
    }  # fmt: skip
    assert custom_data(facts, currency="SEK")["currency"] == "SEK"
    assert custom_data(facts, currency="SEK")["value"] == Decimal(10)


def test_the_pages_currency_is_not_the_shops() -> None:
    assert custom_data(ALL, currency="EUR")["currency"] == "SEK"


def test_nothing_known_says_nothing() -> None:
    assert custom_data(Facts(), currency="SEK") == {}


def test_a_list_says_its_ids_once() -> None:
    listed = [Facts(sku=fact("A")), Facts(), Facts(sku=fact("A")), Facts(gtin=fact("B"))]
    assert listing_data(listed) == {"content_ids": ["A", "B"], "content_type": "product"}
    assert listing_data(listed, "sku") == {"content_ids": ["A"], "content_type": "product"}
    assert listing_data([Facts()]) == {}
