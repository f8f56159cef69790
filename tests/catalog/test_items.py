"""A row becomes an item, or is told what is wrong with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from facebook_business.adobjects.productitem import ProductItem
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.catalog.fields import KNOWN
from pixelpair.catalog.items import Item, item_of, read_items, unflattened
from pixelpair.catalog.rows import Fault, Row

from .conftest import product

IMAGE = {"url": "https://a/1", "tag": ["front"]}
DOCUMENTED = {
    "availability": {"in stock", "out of stock", "available for order", "discontinued"},
    "condition": {"new", "refurbished", "used"},
}


def told(values: dict[str, Any], **options: Any) -> tuple[Any, list[str]]:
    item, faults = item_of(Row(7, values), **options)
    lines = [f"{'' if f.fatal else '(remark) '}{f.field} {f.problem}" for f in faults]
    return (item.data if item else None), lines


def test_good_row_is_kept_as_it_is() -> None:
    assert told(product(1, shade="blue")) == (product(1, shade="blue"), [])


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("id", 12, "12"),
        ("id", " p1 ", "p1"),
        ("price", "9.99eur", "9.99 EUR"),
        ("availability", "in_stock", "in stock"),
        ("availability", "In Stock", "in stock"),
        ("condition", "New", "new"),
        ("quantity_to_sell_on_facebook", "5", 5),
        ("additional_image_link", "https://a/1,https://a/2", ["https://a/1", "https://a/2"]),
        ("additional_image_link", '["https://a/1"]', ["https://a/1"]),
        ("shipping", '[{"country": "SE"}]', [{"country": "SE"}]),
        ("shipping", {"country": "SE"}, [{"country": "SE"}]),
        ("shipping", "SE:::5.00 EUR", "SE:::5.00 EUR"),
        ("image", "https://a/1,https://a/2", [{"url": "https://a/1"}, {"url": "https://a/2"}]),
        (
            "image",
            {"url": "https://a/1", "tag": "front"},
            [IMAGE],
        ),
        (
            "image",
            '[{"url": "https://a/1", "tag": ["a", "b"]}]',
            [{"url": "https://a/1", "tag": ["a", "b"]}],
        ),
        ("internal_label", "summer", ["summer"]),
        ("internal_label", '["summer", "new"]', ["summer", "new"]),
        ("disabled_capabilities", "marketplace", ["marketplace"]),
        ("user_rating", 4.5, 4.5),
        ("user_rating", "5", "5"),
        ("user_rating", 13 / 3, 13 / 3),
        ("user_rating", Decimal("4.5"), "4.5"),
        ("internal_label", ("summer", "new"), ["summer", "new"]),
        ("image", ({"url": "https://a/1", "tag": ("front",)},), [IMAGE]),
        ("brand", "x" * 500, "x" * 500),
        ("sale_price", "", ""),
        ("weight", Decimal("1.5"), "1.5"),
    ],
)
def test_values_are_put_as_meta_wants_them(field: str, value: Any, kept: Any) -> None:
    assert told(product(1, **{field: value})) == (product(1, **{field: kept}), [])


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("id", "", "id is missing"),
        ("id", "x" * 101, "id has 101 characters: an id has at most 100"),
        ("id", 1.0, "id is a float: the id is a text or a whole number"),
        ("title", "", "title is missing"),
        ("brand", None, "brand is missing"),
        (
            "image",
            [{"tag": ["front"]}],
            'image has an image without an address: write it like [{"url": "https://..."}]',
        ),
        (
            "image",
            "/a.jpg",
            "image '/a.jpg' is no web address: it begins with https:// and has no spaces",
        ),
        ("image_link", " ", "image_link is missing"),
        ("price", "9,99 EUR", "price '9,99 EUR' is no price: write it like 9.99 USD"),
        ("price", 9.99, "price '9.99' is no price: write it like 9.99 USD"),
        ("price", "9.99 EUX", "price '9.99 EUX' is no price: write it like 9.99 USD"),
        ("price", "-1 EUR", "price '-1 EUR' is negative"),
        ("sale_price", "5", "sale_price '5' is no price: write it like 9.99 USD"),
        (
            "link",
            "/p/1",
            "link '/p/1' is no web address: it begins with https:// and has no spaces",
        ),
        (
            "availability",
            "maybe",
            "availability 'maybe' is none of in stock, out of stock, available for order, discontinued",  # noqa: E501
        ),
    ],
)
def test_row_that_may_not_travel_is_told_why(field: str, value: Any, problem: str) -> None:
    assert told(product(1, **{field: value})) == (None, [problem])


@pytest.mark.parametrize(
    ("field", "value", "kept", "problem"),
    [
        ("title", "x" * 101, "x" * 101, "has 101 characters: Meta documents at most 100"),
        ("price", "0 EUR", "0 EUR", "is 0: Meta does not show items without a price"),
        (
            "condition",
            "used_good",
            "used_good",
            "is used_good: Meta's page has only new, refurbished, used; its SDK has this",
        ),
        (
            "image",
            [f"https://a/{n}" for n in range(22)],
            [{"url": f"https://a/{n}"} for n in range(21)],
            "has 22 images: 21 of them travel",
        ),
        (
            "internal_label",
            ["x" * 111],
            ["x" * 111],
            "has a label of more than 110 characters, Meta's limit",
        ),
        (
            "internal_label",
            ["x"] * 5001,
            ["x"] * 5001,
            "has 5001 labels: Meta documents at most 5000",
        ),
        ("internal_label", {"a": 1}, None, "is no list of texts"),
        ("user_rating", "5.1", None, "'5.1' is no number from 1 to 5"),
        ("user_rating", 0, None, "'0' is no number from 1 to 5"),
        ("gender", "men", None, "'men' is none of female, male, unisex"),
        ("expiration_date", "soon", None, "'soon' is not written like 2026-12-31"),
        ("custom_number_0", "-1", None, "'-1' is no whole number from 0 to 4294967295"),
        ("video", "[{", None, "'[{' is no JSON"),
        ("shade", "\udcff", None, "is no UTF-8, nested too deeply, or nothing that JSON knows"),
    ],
)
def test_lesser_faults_are_remarks(field: str, value: Any, kept: Any, problem: str) -> None:
    expected = {k: v for k, v in product(1, **{field: kept}).items() if v is not None}
    assert told(product(1, **{field: value})) == (expected, [f"(remark) {field} {problem}"])


@pytest.mark.parametrize("field", ["availability", "condition"])
def test_every_word_of_the_sdk_travels_as_the_sdk_has_it(field: str) -> None:
    """Seen: mark_as_sold left as "mark as sold", which no document of Meta's has."""
    names = vars(getattr(ProductItem, field.title()))
    words = [v for k, v in names.items() if not k.startswith("__") and isinstance(v, str)]
    found = {word: told(product(1, **{field: word})) for word in words}
    assert {w: item and item[field] for w, (item, _) in found.items()} == {w: w for w in words}
    remarked = {word for word, (_, said) in found.items() if said}
    assert remarked == set(words) - DOCUMENTED[field]


DOCUMENTED_FIELDS = """
    id title description availability condition price link brand image image_link
    additional_image_link item_group_id color size gender pattern material age_group
    additional_variant_attribute sale_price sale_price_effective_date quantity_to_sell_on_facebook
    google_product_category fb_product_category product_type gtin mpn custom_label_0 custom_label_1
    custom_label_2 custom_label_3 custom_label_4 custom_number_0 custom_number_1 custom_number_2
    custom_number_3 custom_number_4 internal_label rich_text_description shipping shipping_weight
    expiration_date origin_country importer_name importer_address mobile_link applink
    disabled_capabilities ordering_index rating_count user_rating vendor_id video
"""


def test_every_field_of_the_items_page_is_known() -> None:
    """Seen: of a Django object what nine of them hold was left out, as nobody asked for it."""
    assert {*KNOWN} == {*DOCUMENTED_FIELDS.split()}


def test_names_of_the_other_edges_are_not_taken_for_items() -> None:
    """/products and /batch of Meta's call an item's fields otherwise, and its price a number."""
    other = {"retailer_id": "p1", "name": "Mug", "url": "https://a/", "image_url": "https://a/i"}
    item, said = told({**other, "retailer_product_group_id": "g", "price": 999, "currency": "EUR"})
    assert item is None
    assert {"id is missing", "title is missing", "link is missing"} < set(said)
    assert "price '999' is no price: write it like 9.99 USD" in said
    assert {*other, "retailer_product_group_id", "currency"} & {*KNOWN} == set()


def test_volatile_row_needs_an_id_and_something_to_change() -> None:
    stock = {"id": "p1", "availability": "out of stock"}
    assert told({**stock, "title": ""}, volatile=True) == (stock, [])
    assert told({"id": "p1", "title": "Mug"}, volatile=True) == (None, ["price is missing"])
    assert told({"price": "1 EUR"}, volatile=True) == (None, ["id is missing"])


def test_other_types_need_what_names_them() -> None:
    assert told({"hotel_id": 4, "name": "Inn"}, item_type="HOTEL")[0] == {
        "hotel_id": 4,
        "name": "Inn",
    }
    item, _ = item_of(Row(1, {"origin_airport": "ARN", "destination_airport": "OSL"}), "FLIGHT")
    assert item is not None
    assert item.id == "ARN/OSL"
    assert told({"origin_airport": "ARN"}, item_type="FLIGHT")[1] == [
        "destination_airport is missing"
    ]


def test_numbered_columns_are_lists() -> None:
    flat = {"id": "1", "image[1].url": "b", "image[0].url": "a", "image[0].tag[0]": "t"}
    assert unflattened(flat) == {"id": "1", "image": [{"url": "a", "tag": ["t"]}, {"url": "b"}]}


VALUES = st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text()) | st.booleans()


@given(st.dictionaries(st.sampled_from(KNOWN) | st.text(), VALUES))
def test_any_row_is_an_item_that_json_holds_or_faults(values: dict[str, Any]) -> None:
    for volatile in (False, True):
        item, faults = item_of(Row(1, values), volatile=volatile)
        assert item is not None or any(fault.fatal for fault in faults)
        if item is not None:
            orjson.dumps(item.data)
            assert 0 < len(item.id) <= 100


DEEP = "[" * 600 + "]" * 600


@pytest.mark.parametrize("item_type", ["PRODUCT_ITEM", "HOTEL"])
def test_what_is_nested_too_deeply_is_taken_out(item_type: str) -> None:
    """Seen: a traceback; JSON of this depth can be read, and not be written."""
    values = product(1, video=orjson.loads(DEEP), hotel_id="1")
    item, faults = item_of(Row(3, values, sound=True), item_type)
    assert item is not None
    assert item.data == product(1, hotel_id="1")
    assert [(fault.field, fault.fatal) for fault in faults] == [("video", False)]


def test_columns_that_contradict_each_other_do_not_end_the_run() -> None:
    """Seen: an AttributeError."""
    found = unflattened({"image[0].tag": "a", "image[0].tag[0]": "b"})
    assert found == {"image": [{"tag": "a"}]}


class Broken:
    def __str__(self) -> str:
        raise KeyError("maker")


def test_object_that_fails_keeps_its_row_behind() -> None:
    found = list(read_items([Row(1, product(1, brand=Broken())), Row(2, product(2))]))
    assert found == [
        (None, [Fault(1, "", "cannot be read: KeyError: 'maker'")]),
        (Item("p2", product(2), 2), []),
    ]
