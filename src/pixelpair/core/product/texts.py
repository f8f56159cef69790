"""Cleans ids, names, codes and availabilities; a ValueError says why one is not believed."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import lru_cache

MOST_ID = 100  # https://developers.facebook.com/docs/marketing-api/catalog/reference: of an id
MOST_TEXT = 300

_PLACEHOLDER = re.compile(
    r"\{\{|\{%|<%|\$\{|%%|\A\$[a-z_]\w*\Z|\A\[object|"
    r"\A(?:null|undefined|none|nan|n/?a|false|true|-+|0+)\Z",
    re.IGNORECASE,
)
_ODD = re.compile("[\0\ud800-\udfff]")
_GTIN = re.compile(r"\d{8}|\d{12,14}")


def plain(value: object) -> str:
    """A text, or the text that an object stands for: its value, or its name."""
    text = value if type(value) is str else _said(value)
    if len(text) > 10 * MOST_TEXT:
        raise ValueError("is too long")
    if not text.isprintable() and _ODD.search(text):
        raise ValueError("has characters that are none")
    return " ".join(text.split())


def _said(value: object) -> str:
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else None
        elif isinstance(value, Mapping):
            value = value.get("@value", value.get("name"))
        else:
            break
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("is no text")
    return str(value)


def label(value: object) -> str:
    """A name, a brand or a category; written for people, so entities are what they stand for."""
    text = plain(value)
    if "&" in text:
        text = " ".join(html.unescape(text).replace("\0", "").split())
    if not text:
        raise ValueError("is empty")
    if _PLACEHOLDER.search(text):
        raise ValueError("is a placeholder")
    return text[:MOST_TEXT].rstrip()


def code(value: object) -> str:
    """An id: whatever the shop uses, if it fits a catalog."""
    text = plain(value)
    if not text:
        raise ValueError("is empty")
    if len(text) > MOST_ID:
        raise ValueError(f"is longer than {MOST_ID} characters")
    if _PLACEHOLDER.search(text):
        raise ValueError("is a placeholder")
    return text


def gtin(value: object) -> str:
    """A GTIN, EAN, UPC or ISBN-13 whose check digit is right."""
    digits = re.sub(r"[\s-]", "", code(value))
    if not (digits.isascii() and _GTIN.fullmatch(digits)):
        raise ValueError("is no GTIN")
    weighed = sum(int(d) * (3, 1)[n % 2] for n, d in enumerate(reversed(digits[:-1])))
    if (weighed + int(digits[-1])) % 10:
        raise ValueError("has a wrong check digit")
    return digits


def address(value: object) -> str:
    """A URL as text."""
    if type(value) is not str and isinstance(value, Mapping):
        value = value.get("@id", value.get("url"))
    text = plain(value)
    if not text or len(text) > 2000:
        raise ValueError("is no URL")
    return text


_AVAILABILITY = {
    re.sub(r"[^a-z]", "", word.lower()): name
    for name, words in {
        "BackOrder": "BackOrder,backordered",
        "Discontinued": "Discontinued",
        "InStock": "InStock,available,yes",
        "InStoreOnly": "InStoreOnly",
        "LimitedAvailability": "LimitedAvailability,low stock",
        "MadeToOrder": "MadeToOrder,available for order",
        "OnlineOnly": "OnlineOnly",
        "OutOfStock": "OutOfStock,oos,unavailable,not available",
        "PreOrder": "PreOrder,pending",
        "PreSale": "PreSale",
        "Reserved": "Reserved",
        "SoldOut": "SoldOut",
    }.items()
    for word in words.split(",")
}


def availability(value: object) -> str:
    """The name that https://schema.org/ItemAvailability has for it."""
    if type(value) is not str and isinstance(value, Mapping):
        value = value.get("@id", value)
    name = _availability(plain(value))
    if name is None:
        raise ValueError("is no availability")
    return name


@lru_cache(256)
def _availability(text: str) -> str | None:
    word = re.sub(r"[^a-z]", "", text.rpartition("/")[2].rpartition(":")[2].lower())
    return _AVAILABILITY.get(word)
