from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pixelpair.core.currencies import MINOR_UNITS
from pixelpair.core.product.prices import MOST, Amount, read_price

NOTATIONS = [
    # a text, the currency beside it, the amount, the currency of the text, whether it is a range
    ("899.00", None, "899", None, False),
    ("1.234,56 €", None, "1234.56", "EUR", False),
    ("1.234,56 €", "EUR", "1234.56", "EUR", False),
    ("₩12,000", "KRW", "12000", "KRW", False),
    ("1 299:-", "SEK", "1299", None, False),
    ("1.299:-", "SEK", "1299", None, False),
    ("1 299,00 kr", "SEK", "1299", None, False),
    ("1\xa0299,50\xa0kr", "SEK", "1299.50", None, False),
    ("1\u202f299,50 €", "EUR", "1299.50", "EUR", False),
    ("1'299.00", "CHF", "1299", None, False),
    ("1’299.–", "CHF", "1299", None, False),
    ("CHF 19.50", "CHF", "19.50", "CHF", False),
    ("Rs. 1,299", "INR", "1299", None, False),
    ("Rs.1,29,999.00", "INR", "129999", None, False),
    ("12,-", "EUR", "12", None, False),
    ("12.–", "EUR", "12", None, False),
    ("kr. 99,95", "DKK", "99.95", None, False),
    ("99.95 zł", None, "99.95", "PLN", False),
    ("R$ 1.299,90", None, "1299.90", "BRL", False),
    ("12€50", None, "12.50", "EUR", False),
    ("US$12", None, "12", "USD", False),
    ("$ 1,299.5", "USD", "1299.50", None, False),
    ("$.75", "USD", "0.75", None, False),
    ("5.000 ₫", None, "5000", "VND", False),
    ("30,000원~", "KRW", "30000", None, False),
    ("١٬٢٣٤٫٥٠", "SAR", "1234.50", None, False),
    ("१,२३४", "INR", "1234", None, False),
    ("１２，０００円", "JPY", "12000", None, False),
    ("ab 12,99 €*", None, "12.99", "EUR", False),
    ("24.990000", "EUR", "24.99", None, False),
    ("0.990", "EUR", "0.99", None, False),
    ("1234.567", "EUR", "1234.57", None, False),
    # three digits behind the only mark
    ("1.234", "EUR", "1234", None, False),
    ("1.234", "JPY", "1234", None, False),
    ("24.990", "CLP", "24990", None, False),
    ("1.234", "KWD", "1.234", None, False),
    ("1,234", "KWD", "1234", None, False),
    ("1,234.567", "KWD", "1234.567", None, False),
    # ranges: where it begins
    ("10 - 20 €", None, "10", "EUR", True),
    ("10€–20€", None, "10", "EUR", True),
    ("€10 to €20", None, "10", "EUR", True),
    ("1.299,00 bis 1.599,00 €", "EUR", "1299", "EUR", True),
]


@pytest.mark.parametrize(("text", "beside", "value", "named", "lowest"), NOTATIONS)
def test_reads_a_notation(
    text: str, beside: str | None, value: str, named: str | None, lowest: bool
) -> None:
    assert read_price(text, beside) == Amount(Decimal(value), named, lowest)


VALUES = [(12, "12"), (12.5, "12.5"), (19.989999999, "19.99"), (1e3, "1000"),
          (Decimal("1.10"), "1.1"), ({"@value": "12,50"}, "12.5")]  # fmt: skip


@pytest.mark.parametrize(("value", "amount"), VALUES)
def test_reads_a_value(value: object, amount: str) -> None:
    assert read_price(value, "EUR") == Amount(Decimal(amount))


REASONS = [
    ("", None, "is empty"),
    ("free", None, "has no amount"),
    ("NaN", None, "has no amount"),
    ("0.00", None, "is zero"),
    (0, None, "is zero"),
    (0.001, "EUR", "is less than the smallest coin"),
    ("-5", None, "is negative"),
    ("-$5", None, "is negative"),
    ("−5 kr", None, "is negative"),
    (-1, None, "is negative"),
    (float("nan"), None, "is no finite number"),
    (float("inf"), None, "is no finite number"),
    (Decimal("sNaN"), None, "is no finite number"),
    (True, None, "is no number"),
    (None, None, "is no number"),
    ([12], None, "is no number"),
    ({"amount": 12}, None, "is an object"),
    ({"@value": {"@value": 12}}, None, "is an object"),
    (10**30, None, "is too large"),
    ("9" * 40, None, "is too large"),
    ("1 " * 60, None, "is too long"),
    ("12.34", "JPY", "has decimals, which JPY has not"),
    (24.99, "CLP", "has decimals, which CLP has not"),
    ("12 €", "USD", "names another currency than the one beside it"),
    ("2 for 10", "USD", "has several amounts"),
    ("99 € 79 €", "EUR", "has several amounts"),
    ("20 - 10", "USD", "has several amounts"),
    ("12,99 € / 100 g", "EUR", "has several amounts"),
    ("50%", None, "is no amount"),
    ("1e3", None, "is no amount"),
    ("12.34.56", None, "is no amount"),
]


@pytest.mark.parametrize(("value", "beside", "reason"), REASONS)
def test_says_why_it_is_no_price(value: object, beside: str | None, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_price(value, beside)


AMOUNTS = st.integers(1, 10**9)
STYLES = [  # how thousands and decimals are set, and what stands around
    (",", ".", "$%s"), (".", ",", "%s €"), (" ", ",", "%s kr"), ("\u202f", ",", "%s €"),
    ("'", ".", "CHF %s"), ("’", ".", "%s"), ("", ".", "%s"), ("\xa0", ",", "ab %s Kč"),
]  # fmt: skip


def written(amount: Decimal, thousands: str, point: str) -> str:
    return f"{amount:,}".translate({ord(","): thousands, ord("."): point})


@given(AMOUNTS, st.sampled_from([0, 2, 3]), st.sampled_from(STYLES))
def test_amounts_survive_being_written(coins: int, units: int, style: tuple[str, str, str]) -> None:
    thousands, point, around = style
    code = next(code for code, minor in MINOR_UNITS.items() if minor == units)
    amount = Decimal(coins).scaleb(-units)
    text = written(amount, thousands, point)
    assume(units < 3 or point == "." or "." in text)  # "1,234": a thousand, in their English
    assert read_price(text, code).value == amount
    if units == 2:
        around_text = around % text
        assert read_price(around_text).value == amount


@given(st.text(max_size=60) | st.text("0123456789.,-€$ '’%~", max_size=30))
def test_any_text_is_a_price_or_has_a_reason(text: str) -> None:
    try:
        value = read_price(text).value
    except ValueError:
        value = None
    assert value is None or 0 < value < MOST
