"""Meta's custom data: each name, and what its value must be. A bad value drops its field."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from uuid import UUID

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")  # audiences allow no spaces in a property's name
_MAX_TEXT = 500
_MAX_ITEMS = 500


def _number(value: object) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("is no number")
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise ValueError("is too large")
        return value
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("is no number") from None
    if not math.isfinite(number):
        raise ValueError("is no finite number")
    return number


def _whole(value: object) -> int:
    number = _number(value)
    if abs(number) >= 2**53:
        raise ValueError("is too large")
    if number != int(number):
        raise ValueError("is no whole number")
    return int(number)


def _text(value: object) -> str:
    # A lazy translation has the methods of a str; anything else would leave as its repr, or a
    # user as a name in plain text.
    plain = isinstance(value, str | int | float | Decimal | UUID) and not isinstance(value, bool)
    if not (plain or hasattr(value, "casefold")):
        raise ValueError("is no text")
    text = str(value).strip()[:_MAX_TEXT]
    text.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    if not text:
        raise ValueError("is empty")
    return text


def _currency(value: object) -> str:
    code = str(value).strip().upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValueError("is no ISO 4217 code")
    return code


def _each(value: object) -> Iterable[object]:
    if isinstance(value, str | int | bytes | Mapping) or not isinstance(value, Iterable):
        return (value,)
    return value


def _ids(value: object) -> list[str]:
    ids = [_text(item) for _, item in zip(range(_MAX_ITEMS), _each(value), strict=False)]
    if not ids:
        raise ValueError("is empty")
    return ids


def _contents(value: object) -> list[dict[str, object]]:
    """Lines of a cart. A line without an id is left out: Meta refuses it, not the event."""
    lines = [_line(item) for _, item in zip(range(_MAX_ITEMS), _each(value), strict=False)]
    kept = [line for line in lines if line]
    if not kept:
        raise ValueError("has no line with an id")
    return kept


def _line(item: object) -> dict[str, object]:
    if not isinstance(item, Mapping):
        return {}
    line: dict[str, object] = {}
    for key, check in _LINE.items():
        if item.get(key) is not None:
            try:
                line[key] = check(item[key])
            except ValueError:
                continue
    return line if "id" in line else {}


def _one_of(*choices: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return str(value)

    return check


def _status(value: object) -> bool | str:
    return value if isinstance(value, bool) else _text(value)


def _property(value: object) -> object:
    """A custom property: a scalar or a list of scalars."""
    if isinstance(value, list | tuple | set | frozenset):
        return [_scalar(item) for item in list(value)[:_MAX_ITEMS]]
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, bool):
        return value
    return _number(value) if isinstance(value, int | float | Decimal) else _text(value)


_DELIVERY = _one_of("in_store", "curbside", "home_delivery")
_LINE: Mapping[str, Callable[[object], object]] = {
    "id": _text,
    "quantity": _whole,
    "item_price": _number,
    "title": _text,
    "description": _text,
    "brand": _text,
    "category": _text,
    "delivery_category": _DELIVERY,
}
# https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/custom-data
CUSTOM_DATA: Mapping[str, Callable[[object], object]] = {
    "value": _number,
    "currency": _currency,
    "content_ids": _ids,
    "contents": _contents,
    "content_type": _one_of("product", "product_group"),
    "content_name": _text,
    "content_category": _text,
    "order_id": _text,
    "num_items": _whole,
    "predicted_ltv": _number,
    "net_revenue": _number,
    "search_string": _text,
    "status": _status,
    "delivery_category": _DELIVERY,
}


def clean_data(given: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """The custom data worth sending, and a sentence for each field that was dropped.

    None means "nothing to say". The sentences hold names, never values.
    """
    data: dict[str, object] = {}
    dropped: list[str] = []
    for key, value in given.items():
        if value is None:
            continue
        if not _KEY.fullmatch(key):
            dropped.append("a property's name is no plain name")
            continue
        try:
            data[key] = CUSTOM_DATA.get(key, _property)(value)
        except Exception as error:  # the shop's own object may raise anything
            reason = error if type(error) is ValueError else "cannot be read"
            dropped.append(f"{key} {reason}")
    return data, dropped
