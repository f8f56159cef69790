"""Money: sums as exact numbers, currencies by ISO 4217, and never one without the other.

Sums are decimals from the moment they come in; a JSON number is made of them last.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from pixelpair.core.currencies import MINOR_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/custom-data
AMOUNTS: Final = ("value", "predicted_ltv", "net_revenue")
KEYS: Final = frozenset({*AMOUNTS, "currency"})
_MAY_BE_NEGATIVE: Final = "net_revenue"  # an order may cost more than it brings

# Every decimal of 15 digits is what its binary double is printed as, in Python, orjson and
# JavaScript alike; one of 16 may not be: 9007199254740993 is no double.
_DIGITS = 15
_TEXT_ROOM = 50
_MOST_PIECES = 1_000_000
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


def amount(value: object) -> Decimal:
    """A sum as it was written: 19.9 is 19.9. Raises ValueError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("is no number")
    number = _decimal(value)
    if not number.is_finite():
        raise ValueError("is no finite number")
    if number and number.adjusted() >= _DIGITS:
        raise ValueError("is too large")
    return number


def _decimal(value: float | Decimal | str) -> Decimal:
    if isinstance(value, int) and value.bit_length() > 64:  # thousands of digits take their time
        raise ValueError("is too large")
    if isinstance(value, int | Decimal):
        return Decimal(value)
    text = float.__repr__(value) if isinstance(value, float) else value.strip()
    try:
        if len(text) <= _TEXT_ROOM:
            return Decimal(text)
    except InvalidOperation:
        pass
    raise ValueError("is no number")


def iso_code(value: object) -> str:
    """An ISO 4217 code in capitals. Raises ValueError where it is none of today's."""
    code = str(value).strip().upper()
    if code not in MINOR_UNITS:
        raise ValueError("is no ISO 4217 code")
    return code


def rounded(number: Decimal, currency: str) -> Decimal:
    """A sum in the smallest unit its currency has, a half upwards. Raises ValueError if too large.

    Sums with more decimals are what taxes, discounts and rates leave, and the noise of floats.
    """
    units = MINOR_UNITS[currency]
    if number and number.adjusted() + units >= _DIGITS:
        raise ValueError("is too large")
    return number.quantize(Decimal(1).scaleb(-units), context=_CONTEXT)


def json_number(number: Decimal) -> int | float:
    """The number that JSON prints as just this decimal, if it has 15 digits or fewer."""
    return int(number) if number == number.to_integral_value() else float(number)


# --- a line of a cart ----------------------------------------------------------------------------


def pieces(quantity: object) -> int | None:
    """How many pieces a form asks for; None where that is no whole number from 1."""
    try:
        number = amount(quantity)
    except ValueError:
        return None
    whole = 1 <= number <= _MOST_PIECES and number == number.to_integral_value()
    return int(number) if whole else None


def line_value(quantity: object, price: object) -> Decimal | None:
    """What the line just added is worth: one piece if no quantity is given; None if unknown.

    Halves are sold too, of a metre or a kilogram; nothing of no or less than no quantity.
    """
    try:
        number, each = amount(1 if quantity is None else quantity), amount(price)
    except ValueError:
        return None
    if not 0 < number <= _MOST_PIECES or each < 0:
        return None
    return _CONTEXT.multiply(number, each)


# --- the pair ------------------------------------------------------------------------------------


def clean_money(
    given: Mapping[str, object], default: str | None = None, *, lone: bool = False
) -> tuple[dict[str, object], list[str]]:
    """An event's amounts and currency as they may leave, and a sentence for what was dropped.

    An amount may be an object that knows its currency (`amount` and `currency`, as django-money's
    and prices' have). Amounts whose currency is unknown, wrong or disputed leave with it: they
    would be other sums. `default` is taken where no currency is named. A currency stays alone.
    `lone`: amounts stay without a currency; for a Purchase, which does not leave then.
    """
    dropped: list[str] = []
    named = [given["currency"]] if given.get("currency") is not None else []
    found: dict[str, Decimal] = {}
    for key in AMOUNTS:
        if given.get(key) is not None:
            try:
                bare, own = _split(given[key])
                named += own
                found[key] = _allowed(key, amount(bare))
            except ValueError as error:
                dropped.append(f"{key} {error}")
            except Exception:  # the shop's own object may raise anything
                dropped.append(f"{key} cannot be read")
    currency = _agreed(named or [default] * bool(default and found), dropped)
    data = _printed(found, currency, dropped, lone=lone and currency is None)
    return (data | {"currency": currency} if currency else data), dropped


def _split(value: object) -> tuple[object, list[object]]:
    """An amount, and the currency that it knows itself."""
    if isinstance(value, int | float | Decimal | str) or not hasattr(value, "currency"):
        return value, []
    own = value.currency
    return getattr(value, "amount", None), [getattr(own, "code", own)]


def _allowed(key: str, number: Decimal) -> Decimal:
    if number < 0 and key != _MAY_BE_NEGATIVE:
        raise ValueError("is negative")
    return number


def _agreed(named: list[object], dropped: list[str]) -> str | None:
    """The one currency that is named."""
    codes = set()
    for value in named:
        try:
            codes.add(iso_code(value))
        except Exception:  # as above; a str() too may raise anything
            dropped.append("currency is no ISO 4217 code")
            return None
    if len(codes) > 1:
        dropped.append("currency is not that of the value")
        return None
    return next(iter(codes), None)


def _printed(
    found: Mapping[str, Decimal], currency: str | None, dropped: list[str], *, lone: bool
) -> dict[str, object]:
    data: dict[str, object] = {}
    for key, number in found.items():
        if currency is None and not lone:
            dropped.append(f"{key} has no currency")
            continue
        try:
            data[key] = json_number(number if currency is None else rounded(number, currency))
        except ValueError as error:
            dropped.append(f"{key} {error}")
    return data
