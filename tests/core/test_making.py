from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.making import data_of, priced

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICES = {"TEA-1": (Decimal("19.90"), "SEK"), "GIFT": (Decimal(0), "SEK")}
LINE = {"id": "TEA-1", "quantity": 2}
ADDED: dict[str, object] = {"content_ids": ["TEA-1"], "contents": [LINE]}


def test_a_line_is_worth_its_quantity_times_the_price_that_was_seen():
    data = priced(ADDED, PRICES.get)
    assert data == {
        "content_ids": ["TEA-1"],
        "contents": [{"id": "TEA-1", "quantity": 2, "item_price": Decimal("19.90")}],
        "value": Decimal("39.80"),
        "currency": "SEK",
    }
    told, dropped = data_of("AddToCart", data, "EUR")
    assert (told["value"], told["currency"], dropped) == (39.8, "SEK", [])
    assert told["contents"] == [{"id": "TEA-1", "quantity": 2, "item_price": 19.9}]
    assert ADDED == {"content_ids": ["TEA-1"], "contents": [LINE]}


@pytest.mark.parametrize("more", [{"currency": "SEK"}, {"currency": "sek"}, {"value": None}])
def test_what_agrees_with_the_price_is_no_hindrance(more: Mapping[str, object]):
    assert priced({**ADDED, **more}, PRICES.get)["value"] == Decimal("39.80")


def test_an_id_alone_is_one_piece():
    lines = [{"id": "TEA-1", "quantity": 1, "item_price": Decimal("19.90")}]
    money = {"value": Decimal("19.90"), "currency": "SEK"}
    data = priced({"content_ids": ["TEA-1"]}, PRICES.get)
    assert data == {"content_ids": ["TEA-1"], "contents": lines, **money}


def test_what_costs_nothing_is_worth_nothing():
    data = priced({"contents": [{"id": "GIFT", "quantity": 3}]}, PRICES.get)
    assert (data["value"], data["currency"]) == (0, "SEK")


ALONE: dict[str, dict[str, object]] = {
    "nothing": {},
    "several ids": {"content_ids": ["TEA-1", "GIFT"]},
    "a value": {**ADDED, "value": 5},
    "no value at all": {**ADDED, "value": 0},
    "another currency": {**ADDED, "currency": "EUR"},
    "a price": {"contents": [{**LINE, "item_price": "18.00"}]},
    "no quantity": {"contents": [{"id": "TEA-1"}]},
    "a quantity of none": {"contents": [{"id": "TEA-1", "quantity": 0}]},
    "words for a quantity": {"contents": [{"id": "TEA-1", "quantity": "two"}]},
    "unseen": {"contents": [{"id": "TEA-2", "quantity": 2}]},
    "several lines": {"contents": [LINE, LINE]},
    "no lines": {"contents": []},
    "no list": {"contents": "TEA-1"},
    "no line": {"contents": ["TEA-1"]},
}


@pytest.mark.parametrize("case", ALONE)
def test_leaves_alone(case: str):
    assert priced(ALONE[case], PRICES.get) is ALONE[case]
