"""Amounts of money as people write them, read as what they are in their currency.

price-parser does the reading; here is what a text alone cannot tell it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple

from ..currencies import MINOR_UNITS, currency_code

MOST = Decimal(10) ** 12
_LONGEST = 100
_CENT = Decimal("0.01")
_SMALLEST = {units: Decimal(1).scaleb(-units) for units in {4, *MINOR_UNITS.values()}}

_PLAIN = re.compile(r"(?:0|[1-9]\d{0,11})(?:\.\d{1,2}|\.\d{4,})?")
_MARKS = str.maketrans(dict.fromkeys("\xa0\u2000\u2007\u2009\u202f", " ") | {
    "’": "'", "‘": "'", "ʼ": "'", "´": "'", "−": "-", "–": "-", "—": "-", "～": "-", "〜": "-",
    "，": ",", "．": ".", "٫": ".", "٬": "'", "﹩": "$", "＄": "$", "￥": "¥", "￦": "₩",
})  # fmt: skip
_NUMBER = re.compile(
    r"\d{1,3}(?:[ ']\d{3})+(?![\d'])(?:[.,]\d+)?|\d[\d.,']*(?<=\d)|(?<![\w.])\.\d+"
)
_EURO_IN_THE_MIDDLE = re.compile(r"(\d)€(\d\d)(?!\d)")
_MINUS = re.compile(r"-\s*[^\w\s.,]{0,2}\s*\Z")
_BETWEEN = re.compile(r"\s*(?:-|\.\.\.?|…|/|to|bis|bis zu|till|til|à|au?|do|до|and|or|und|oder)\s*")
_NOT_MONEY = re.compile(r"\d\s*[%‰٪]|\d[eE][+-]?\d|\bnan\b|\binf", re.IGNORECASE)


class Amount(NamedTuple):
    """A price; `lowest` marks the low end of a range, `currency` is what its own text names."""

    value: Decimal
    currency: str | None = None
    lowest: bool = False


def read_price(value: object, currency: str | None = None) -> Amount:
    """The amount that a value of markup names. Raises ValueError with the reason it is none.

    `currency` is the code that stands beside it. A text that names another is no price.
    """
    if type(value) is not str and isinstance(value, Mapping):  # an ABC takes ten times as long
        value = _inside(value)
    text = value if isinstance(value, str) else None
    found = Amount(_from_number(value)) if text is None else _from_text(text, currency)
    if found.currency and currency and found.currency != currency:
        raise ValueError("names another currency than the one beside it")
    return found._replace(value=fit(found.value, currency or found.currency))


def _inside(value: Mapping[str, object]) -> object:
    inner = value.get("@value")
    if inner is None or isinstance(inner, Mapping | list):
        raise ValueError("is an object")
    return inner


def _from_number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("is no number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("is no finite number")
    if isinstance(value, int) and abs(value) >= MOST:
        raise ValueError("is too large")
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("is no finite number")
    return number


def _from_text(text: str, currency: str | None) -> Amount:
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError("is too long")
    if _PLAIN.fullmatch(text) and text.isascii():
        return Amount(Decimal(text))
    text = "".join(map(_ascii_digit, text)).translate(_MARKS).strip()
    if text.count("€") == 1:
        text = _EURO_IN_THE_MIDDLE.sub(r"\1,\2 €", text)
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        raise ValueError("has no amount" if text else "is empty")
    if _NOT_MONEY.search(text):
        raise ValueError("is no amount")
    if _MINUS.search(text[: numbers[0].start()]):
        raise ValueError("is negative")
    lowest = len(numbers) > 1
    if lowest and not _is_range(text, numbers):
        raise ValueError("has several amounts")
    low, code = numbers[0], _named(text)
    return Amount(_parsed(low.group(), currency or code), code, lowest)


def _ascii_digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def _is_range(text: str, numbers: list[re.Match[str]]) -> bool:
    """Whether there are two amounts, the lower first, and a dash or word between them."""
    first, second, *more = numbers
    between = text[first.end() : second.start()]
    words = [w for w in re.split(r"([^\W\d_]+|[-/…]|\.\.\.?)|\s+", between) if w and w.strip()]
    joined = [w for w in words if _BETWEEN.fullmatch(w.lower())]
    others = [w for w in words if w not in joined and w not in ".,:"]
    if more or len(joined) != 1 or joined[0] == "/" or len(others) > 1:
        return False
    try:
        return _parsed(first.group(), None) <= _parsed(second.group(), None)
    except ValueError:
        return False


def _named(text: str) -> str | None:
    """The currency that the text names in a way that no other currency has."""
    words = re.split(r"[\d\s.,':*-]+", text)
    codes = {code for word in words if word and (code := _sure_code(word))}
    return codes.pop() if len(codes) == 1 else None


def _sure_code(word: str) -> str | None:
    if len(word) == 3 and word.isascii() and word.isalpha() and not word.isupper():
        return None  # "bis", "all", "top"
    return currency_code(word)


def _parsed(number: str, currency: str | None) -> Decimal:
    from price_parser import Price  # 15 ms and most pages never need it

    found = Price.fromstring(number.replace("'", " "), decimal_separator=_point(number, currency))
    if found.amount is None:
        raise ValueError("is no amount")
    return found.amount


def _point(number: str, currency: str | None) -> str | None:
    """The decimal separator, where price-parser would take three digits behind it for thousands."""
    marks = re.sub(r"\d", "", number)
    if len(set(marks)) > 1 and marks[-1] in ",.":
        return marks[-1]
    only = re.fullmatch(r"(\d+)([.,])\d{3}", number)
    if only is None:
        return None
    before, mark = only.groups()
    thousandths = MINOR_UNITS.get(currency or "", 2) == 3 and mark == "."
    return mark if thousandths or before.startswith("0") or len(before) > 3 else None


def fit(value: Decimal, currency: str | None) -> Decimal:
    """The amount in the currency's minor units. Raises ValueError where it cannot be a price."""
    if value.is_signed() and value:
        raise ValueError("is negative")
    if not value:
        raise ValueError("is zero")
    if value >= MOST:
        raise ValueError("is too large")
    units = MINOR_UNITS.get(currency or "")
    if units == 0 and value != value.to_integral_value():
        raise ValueError(f"has decimals, which {currency} has not")
    try:
        if units is None and value == value.quantize(_CENT):
            units = 2
        fitted = value.quantize(_SMALLEST[4 if units is None else units], ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError("is no amount") from None
    if not fitted:
        raise ValueError("is less than the smallest coin")
    return fitted
