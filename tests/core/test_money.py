from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.currencies import MINOR_UNITS
from pixelpair.core.money import (
    amount,
    clean_money,
    iso_code,
    json_number,
    line_value,
    pieces,
    rounded,
)


def printed(number: object) -> str:
    return orjson.dumps(number).decode()


# Metals, bonds, drawing rights, units of account, funds, the test code and none.
NOT_PAID_IN = {
    "BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD", "XAG", "XAU", "XBA",
    "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX",
}  # fmt: skip


# --- currencies ----------------------------------------------------------------------------------


def test_currencies_are_those_of_today_with_their_minor_units() -> None:
    import pycountry

    known = {currency.alpha_3 for currency in pycountry.currencies}
    assert set(MINOR_UNITS) == known - NOT_PAID_IN


@pytest.mark.parametrize(
    ("code", "units"),
    [("EUR", 2), ("JPY", 0), ("KRW", 0), ("ISK", 0), ("KWD", 3), ("TND", 3)],
)
def test_minor_units(code: str, units: int) -> None:
    assert MINOR_UNITS[code] == units


@pytest.mark.parametrize("code", ["HRK", "BGN", "DEM", "ANG", "ZWL", "XXX", "XTS", "XAU", "BTC"])
def test_what_has_ended_or_is_no_money_is_no_currency(code: str) -> None:
    with pytest.raises(ValueError, match=r"^is no ISO 4217 code$"):
        iso_code(code)


@pytest.mark.parametrize("value", ["sek", " SEK ", "Sek"])
def test_currency_in_any_case(value: str) -> None:
    assert iso_code(value) == "SEK"


@pytest.mark.parametrize("value", ["", "SE", "SEKK", "kr", "€", "ＳＥＫ", 752, True, ["SEK"]])
def test_no_currency(value: object) -> None:
    with pytest.raises(ValueError, match=r"^is no ISO 4217 code$"):
        iso_code(value)


# --- amounts -------------------------------------------------------------------------------------

AMOUNTS = {
    "decimal": (Decimal("19.90"), "19.9"),
    "cents": (Decimal("0.01"), "0.01"),
    "whole_decimal": (Decimal("89.00"), "89"),
    "int": (89, "89"),
    "float": (19.9, "19.9"),
    "noise": (0.1 + 0.2, "0.3"),
    "text": ("19.90", "19.9"),
    "blanks": (" 19.90 ", "19.9"),
    "exponent": ("1.99e1", "19.9"),
    "half_goes_up": (Decimal("2.675"), "2.68"),
    "half_of_a_float_too": (2.675, "2.68"),
    "long_tax": (Decimal(100) / Decimal(3), "33.33"),
    "zero": (0, "0"),
    "less_than_a_cent": (Decimal("0.004"), "0"),
    "minus_zero": (-0.0, "0"),
    "largest": (Decimal("9999999999999.99"), "9999999999999.99"),
}


@pytest.mark.parametrize("case", AMOUNTS)
def test_amount_is_printed_as_it_is(case: str) -> None:
    value, text = AMOUNTS[case]
    assert printed(json_number(rounded(amount(value), "EUR"))) == text


@pytest.mark.parametrize(
    ("currency", "text"),
    [
        ("EUR", "1234.57"),
        ("JPY", "1235"),
        ("KRW", "1235"),
        ("KWD", "1234.568"),
    ],
)
def test_currency_decides_how_many_decimals(currency: str, text: str) -> None:
    assert printed(json_number(rounded(amount("1234.5678"), currency))) == text


NO_AMOUNT = {
    "nan": (float("nan"), "is no finite number"),
    "infinite": (float("-inf"), "is no finite number"),
    "decimal_nan": (Decimal("NaN"), "is no finite number"),
    "signalling": (Decimal("sNaN"), "is no finite number"),
    "text_nan": ("nan", "is no finite number"),
    "bool": (True, "is no number"),
    "none": (None, "is no number"),
    "list": ([19.9], "is no number"),
    "fraction": (Fraction(1, 3), "is no number"),
    "comma": ("19,90", "is no number"),
    "with_currency": ("19.90 EUR", "is no number"),
    "empty": ("", "is no number"),
    "long": ("0" * 51, "is no number"),
    "huge": (10**15, "is too large"),
    "endless": (10**5000, "is too large"),
    "huge_float": (1e300, "is too large"),
    "huge_decimal": (Decimal("1e999999"), "is too large"),
    "huge_text": ("1e999999999999", "is too large"),
}


@pytest.mark.parametrize("case", NO_AMOUNT)
def test_no_amount(case: str) -> None:
    value, why = NO_AMOUNT[case]
    with pytest.raises(ValueError, match=f"^{why}$"):
        amount(value)


def test_amount_with_cents_that_no_double_can_tell_apart_is_too_large() -> None:
    with pytest.raises(ValueError, match=r"^is too large$"):
        rounded(amount("12345678901234"), "EUR")
    assert rounded(amount("12345678901234"), "JPY") == 12345678901234


@given(
    st.decimals(min_value=0, max_value=10**11, allow_nan=False, allow_infinity=False)
    | st.decimals(min_value=0, max_value=1000, places=6),
    st.sampled_from(sorted(MINOR_UNITS)),
)
def test_json_says_exactly_the_decimal(value: Decimal, currency: str) -> None:
    whole = rounded(amount(value), currency)
    text = printed(json_number(whole))
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == whole
    assert abs(whole - value) <= Decimal(1).scaleb(-MINOR_UNITS[currency]) / 2


@given(st.integers(-(10**15), 10**15), st.integers(0, 4))
def test_every_sum_of_fifteen_digits_survives_a_double(digits: int, places: int) -> None:
    sum_ = Decimal(digits).scaleb(-places)
    if abs(digits) < 10**15:
        assert json.loads(printed(json_number(sum_)), parse_float=Decimal) == sum_


def test_shops_own_decimal_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 2
        assert rounded(amount("1234.565"), "EUR") == Decimal("1234.57")
        assert line_value(3, "1234.56") == Decimal("3703.68")


# --- a line --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "price", "value"),
    [
        ("2", "19.90", Decimal("39.80")),
        (3, 0.1, Decimal("0.3")),
        (None, Decimal("19.90"), Decimal("19.90")),
        (1, 0, Decimal(0)),
        ("0.5", "30", Decimal("15.0")),
        (0, 19.9, None),
        (-1, 19.9, None),
        ("two", 19.9, None),
        ("", 19.9, None),
        (float("nan"), 19.9, None),
        (float("inf"), 0, None),
        (10**7, 1, None),
        (1, -5, None),
        (1, None, None),
        (1, "NaN", None),
        (1, 10**20, None),
        (True, 1, None),
    ],
)
def test_value_of_a_line(quantity: object, price: object, value: Decimal | None) -> None:
    assert line_value(quantity, price) == value


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("2", 2), (3, 3), (2.0, 2), ("1e2", 100), (0, None), (-1, None), (1.5, None), ("x", None)],
)
def test_pieces(quantity: object, number: int | None) -> None:
    assert pieces(quantity) == number


# --- the pair ------------------------------------------------------------------------------------


@dataclass
class Price:
    amount: object
    currency: object


@dataclass
class Code:
    code: str


class Angry:
    @property
    def currency(self) -> str:
        raise RuntimeError("no database")


EUROS = {"currency": "EUR"}
NO_CODE, NO_CURRENCY = "currency is no ISO 4217 code", "value has no currency"
OTHER = "currency is not that of the value"
PAIRS: dict[str, tuple[dict[str, object], str | None, dict[str, object], list[str]]] = {
    "nothing": ({}, "SEK", {}, []),
    "none": ({"value": None, "currency": None}, "SEK", {}, []),
    "pair": ({"value": "19.90", "currency": "eur"}, "SEK", {"value": 19.9, **EUROS}, []),
    "minor_unit": ({"value": 1.5, "currency": "JPY"}, "", {"value": 2, "currency": "JPY"}, []),
    "default": ({"value": 5}, "SEK", {"value": 5, "currency": "SEK"}, []),
    "currency_alone": ({"currency": "EUR"}, "SEK", EUROS, []),
    "value_alone": ({"value": 5}, None, {}, [NO_CURRENCY]),
    "wrong_currency": ({"value": 5, "currency": "kr"}, "SEK", {}, [NO_CODE, NO_CURRENCY]),
    "ended_currency": ({"currency": "HRK"}, "SEK", {}, [NO_CODE]),
    "wrong_value": ({"value": "free", "currency": "EUR"}, "", EUROS, ["value is no number"]),
    "wrong_value_and_default": ({"value": "free"}, "SEK", {}, ["value is no number"]),
    "negative": ({"value": -5, "currency": "EUR"}, "", EUROS, ["value is negative"]),
    "loss": ({"net_revenue": -5, "currency": "EUR"}, "", {"net_revenue": -5, **EUROS}, []),
    "zero": ({"value": 0, "currency": "EUR"}, "", {"value": 0, **EUROS}, []),
    "too_large": ({"value": 1e14, "currency": "EUR"}, "", EUROS, ["value is too large"]),
    "all": (
        {"value": 5, "predicted_ltv": 99.999, "net_revenue": "1.5", "currency": "EUR", "x": 1},
        "",
        {"value": 5, "predicted_ltv": 100, "net_revenue": 1.5, **EUROS},
        [],
    ),
    "object": ({"value": Price(Decimal("19.90"), "EUR")}, "SEK", {"value": 19.9, **EUROS}, []),
    "object_of_objects": ({"value": Price(5, Code("EUR"))}, "SEK", {"value": 5, **EUROS}, []),
    "object_that_agrees": (
        {"value": Price(5, "EUR"), "currency": "eur"}, "SEK", {"value": 5, **EUROS}, [],
    ),
    "object_of_another_currency": (
        {"value": Price(5, "EUR"), "currency": "SEK"},
        "SEK",
        {},
        [OTHER, NO_CURRENCY],
    ),
    "objects_that_disagree": (
        {"value": Price(5, "EUR"), "net_revenue": Price(1, "SEK")},
        "SEK",
        {},
        [OTHER, NO_CURRENCY, "net_revenue has no currency"],
    ),
    "object_without_amount": ({"value": Price(None, "EUR")}, "", EUROS, ["value is no number"]),
    "angry_object": ({"value": Angry()}, "SEK", {}, ["value cannot be read"]),
}  # fmt: skip


@pytest.mark.parametrize("case", PAIRS)
def test_pair(case: str) -> None:
    given_, default, data, dropped = PAIRS[case]
    assert clean_money(given_, default) == (data, dropped)


@pytest.mark.parametrize(
    ("given_", "data", "dropped"),
    [
        ({"value": 19.9}, {"value": 19.9}, []),
        ({"value": 5, "currency": "kr"}, {"value": 5}, [NO_CODE]),
        ({"currency": "EUR"}, EUROS, []),
        ({"value": 1.005, "currency": "EUR"}, {"value": 1.01, **EUROS}, []),
    ],
)
def test_lone_value_stays_where_it_is_kept_back_anyway(
    given_: dict[str, object], data: dict[str, object], dropped: list[str]
) -> None:
    assert clean_money(given_, None, lone=True) == (data, dropped)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(), st.binary(),
    st.lists(st.integers()), st.sampled_from(["EUR", "jpy", "KWD"]),
    st.builds(Price, st.none() | st.floats() | st.text(), st.sampled_from(["EUR", "", None])),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["value", "currency", "net_revenue", "x"]), anything))
def test_anything_is_a_pair_or_nothing(given_: dict[str, object]) -> None:
    data, dropped = clean_money(given_)
    assert "value" not in data or "currency" in data
    assert set(data) <= {"value", "currency", "net_revenue"}
    assert all(text.isascii() for text in dropped)
    assert orjson.loads(orjson.dumps(data)) == data
