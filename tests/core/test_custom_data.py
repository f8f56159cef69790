"""Custom data: what is kept of what a shop says, and why a field is dropped."""

from __future__ import annotations

import json
from collections import OrderedDict
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.custom_data import clean_data

if TYPE_CHECKING:
    from collections.abc import Iterator


class Size(IntEnum):
    L = 3


class Lazy:
    """As a framework's lazy translation: its text is made when it is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def casefold(self) -> str:
        return self.text.casefold()


class User:
    """As request.user: its text is a name, which must not leave in plain."""

    def __str__(self) -> str:
        return "maja@example.com"


class Angry:
    """As an object of the shop whose database has gone."""

    def __str__(self) -> str:
        raise RuntimeError("the database has gone; its password is hunter2")

    casefold = __str__

    def __iter__(self) -> Iterator[object]:
        raise KeyError("gone")


def lines(*items: object) -> Iterator[object]:
    yield from items


UUID_1 = UUID("123e4567-e89b-12d3-a456-426614174000")
GOOD: dict[str, tuple[str, object, object]] = {
    "int": ("value", 20, 20),
    "float": ("value", 19.9, 19.9),
    "decimal": ("value", Decimal("19.90"), 19.9),
    "text_number": ("value", " 19.90 ", 19.9),
    "zero": ("value", 0, 0),
    "lower_case_currency": ("currency", " sek ", "SEK"),
    "one_id": ("content_ids", "SKU-1", ["SKU-1"]),
    "one_number": ("content_ids", 7, ["7"]),
    "ids": ("content_ids", ["SKU-1", 7, UUID_1], ["SKU-1", "7", str(UUID_1)]),
    "ids_of_a_generator": ("content_ids", lines("a", "b"), ["a", "b"]),
    "endless_ids": ("content_ids", iter(lambda: "a", "b"), ["a"] * 500),
    "uuid": ("order_id", UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    "lazy_name": ("content_name", Lazy(" Grönt te "), "Grönt te"),
    "long_name": ("content_name", "x" * 600, "x" * 500),
    "number_as_text": ("order_id", 1001, "1001"),
    "enum": ("num_items", Size.L, 3),
    "whole_float": ("num_items", 3.0, 3),
    "whole_text": ("num_items", "3", 3),
    "product": ("content_type", "product", "product"),
    "group": ("content_type", "product_group", "product_group"),
    "status_flag": ("status", True, True),
    "status_text": ("status", "ok", "ok"),
    "delivery": ("delivery_category", "home_delivery", "home_delivery"),
    "custom_text": ("colour", "green", "green"),
    "custom_flag": ("gift", True, True),
    "custom_number": ("weight", Decimal("0.5"), 0.5),
    "custom_list": ("sizes", ("S", 1, True), ["S", 1, True]),
    "number_of_a_custom_text": ("zip_code", "01234", "01234"),
}


@pytest.mark.parametrize("case", GOOD)
def test_keeps(case: str) -> None:
    key, value, kept = GOOD[case]
    data, dropped = clean_data({key: value})
    assert (data, dropped) == ({key: kept}, [])
    assert type(data[key]) is type(kept) or isinstance(value, IntEnum)


BAD: dict[str, tuple[str, object, str]] = {
    "comma": ("value", "19,90", "value is no number"),
    "flag": ("value", True, "value is no number"),
    "nan": ("value", float("nan"), "value is no finite number"),
    "infinite": ("value", Decimal("Infinity"), "value is no finite number"),
    "infinite_text": ("value", "9" * 400, "value is no finite number"),
    "signalling": ("value", Decimal("sNaN"), "value is no number"),
    "beyond_javascript": ("value", 2**53, "value is too large"),
    "number_list": ("value", [1], "value is no number"),
    "currency_name": ("currency", "euro", "currency is no ISO 4217 code"),
    "currency_number": ("currency", 752, "currency is no ISO 4217 code"),
    "currency_look_alike": ("currency", "ЕUR", "currency is no ISO 4217 code"),
    "no_ids": ("content_ids", [], "content_ids is empty"),
    "blank_id": ("content_ids", [" "], "content_ids is empty"),
    "id_none": ("content_ids", [None], "content_ids is no text"),
    "id_bytes": ("content_ids", b"SKU", "content_ids is no text"),
    "items_beyond_javascript": ("num_items", 1e308, "num_items is too large"),
    "half_item": ("num_items", 1.5, "num_items is no whole number"),
    "type": ("content_type", "thing", "content_type is none of product, product_group"),
    "type_list": ("content_type", ["product"], "content_type is none of product, product_group"),
    "surrogate": ("content_name", "\ud800", "content_name cannot be read"),
    "angry": ("content_name", Angry(), "content_name cannot be read"),
    "angry_ids": ("content_ids", Angry(), "content_ids cannot be read"),
    "user": ("customer", User(), "customer is no text"),
    "object": ("status", object(), "status is no text"),
    "no_lines": ("contents", [], "contents has no line with an id"),
    "lines_without_id": ("contents", [{"quantity": 1}, "x"], "contents has no line with an id"),
    "custom_dict": ("box", {"a": 1}, "box is no text"),
    "custom_nan": ("weight", float("nan"), "weight is no finite number"),
    "custom_nested": ("sizes", [["S"]], "sizes is no text"),
    "spaced_name": ("my field", 1, "a property's name is no plain name"),
    "foreign_name": ("färg", 1, "a property's name is no plain name"),
    "long_name": ("x" * 51, 1, "a property's name is no plain name"),
}


@pytest.mark.parametrize("case", BAD)
def test_drops_the_field_and_says_why_without_its_value(case: str) -> None:
    key, value, why = BAD[case]
    assert clean_data({key: value, "order_id": "1"}) == ({"order_id": "1"}, [why])


def test_none_is_nothing_to_say() -> None:
    assert clean_data({"value": None, "colour": None}) == ({}, [])


def test_lines_of_a_cart_keep_what_can_be_read() -> None:
    cart = [
        {"id": 7, "quantity": "2", "item_price": Decimal("9.95"), "title": Lazy("Te"), "x": 1},
        OrderedDict(id="SKU-1", quantity=1.5, item_price=None, delivery_category="by air"),
        {"quantity": 1},
        None,
    ]
    assert clean_data({"contents": lines(*cart)}) == (
        {
            "contents": [
                {"id": "7", "quantity": 2, "item_price": 9.95, "title": "Te"},
                {"id": "SKU-1"},
            ]
        },
        [],
    )


def test_one_line_is_a_list_of_one() -> None:
    assert clean_data({"contents": {"id": 1}}) == ({"contents": [{"id": "1"}]}, [])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.decimals() | st.just(Angry()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
KEYS = st.text(max_size=5) | st.sampled_from(
    ["value", "currency", "content_ids", "contents", "status", "num_items", "content_type"]
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_is_given_can_be_sent(given_data: dict[str, object]) -> None:
    data, dropped = clean_data(given_data)
    assert json.loads(orjson.dumps(data)) == json.loads(json.dumps(data, allow_nan=False))
    assert len(data) + len(dropped) <= len(given_data)
    assert not any("hunter2" in why for why in dropped)
