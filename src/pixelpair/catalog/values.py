"""One value of an item's field as it will travel: a rule gives it, or raises Remark or Unfit.

Knows how values are written; which field has which rule is a table in `fields`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from pixelpair.core.currencies import MINOR_UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[[object], object]

# The id is what an event's content_ids have to equal.
MAX_ID: Final = 100
MAX_LINKS: Final = 50
MAX_IMAGES: Final = 21
MAX_LABELS: Final = 5000
MAX_LABEL: Final = 110

_MONEY: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]{3})", re.ASCII)
_ADDRESS: Final = re.compile(r"https?://[^\s/]\S*", re.ASCII | re.IGNORECASE)
_BETWEEN_ADDRESSES: Final = re.compile(r",\s*(?=https?://)", re.IGNORECASE)
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
PERIOD: Final = re.compile(rf"{DAY.pattern}\S*/{DAY.pattern}\S*", re.ASCII)
# An average is 4.333333333333333, or a Decimal of 28 digits.
_DECIMAL: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,40})?", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,10}", re.ASCII)


class Unfit(ValueError):  # noqa: N818 - said of a value
    """The value is of no use. The text says what would be right."""


class Remark(Exception):  # noqa: N818 - nothing is wrong yet
    """The value may travel, but Meta may not like it."""

    def __init__(self, value: object, text: str) -> None:
        super().__init__(text)
        self.value = value


def as_text(value: object) -> str:
    """A value in words; what a shop's own code gives may be a number or a lazy text."""
    return (value if isinstance(value, str) else str(value)).strip()


def identifier(value: object) -> str:
    if isinstance(value, bool | float | list | dict):
        raise Unfit(f"is a {type(value).__name__}: the id is a text or a whole number")
    text = as_text(value)
    if "\0" in text:
        raise Unfit("has a NUL in it, which no id may")
    if len(text) > MAX_ID:
        raise Unfit(f"has {len(text)} characters: an id has at most {MAX_ID}")
    return text


def text(value: object, most: int) -> str:
    found = as_text(value)
    if len(found) > most:
        raise Remark(found, f"has {len(found)} characters: Meta documents at most {most}")
    return found


def money(value: object) -> str:
    return _money(as_text(value))


@lru_cache(maxsize=4096)  # a shop has few prices, and fewer words for its stock
def _money(text: str) -> str:
    if not text:
        return ""
    found = _MONEY.fullmatch(text)
    if found is None or found[2].upper() not in MINOR_UNITS:
        raise Unfit(f"{_short(text)} is no price: write it like 9.99 USD")
    if found[1].startswith("-"):
        raise Unfit(f"{_short(text)} is negative")
    price = f"{found[1]} {found[2].upper()}"
    if not float(found[1]):
        raise Remark(price, "is 0: Meta does not show items without a price")
    return price


def one_of(documented: str, more: str = "", *, underscores: bool = False) -> Rule:
    known = frozenset(documented.split(", "))
    further = frozenset(more.split(", ")) if more else frozenset[str]()

    @lru_cache(maxsize=256)
    def known_word(text: str) -> str:
        text = text.lower()
        text = text if underscores or text in further else text.replace("_", " ")
        if text in further:
            raise Remark(text, f"is {text}: Meta's page has only {documented}; its SDK has this")
        if text and text not in known:
            raise Unfit(f"{_short(text)} is none of {documented}")
        return text

    return lambda value: known_word(as_text(value))


def address(value: object) -> str:
    text = as_text(value)
    if text and not _ADDRESS.fullmatch(text):
        raise Unfit(f"{_short(text)} is no web address: it begins with https:// and has no spaces")
    return text


def addresses(value: object) -> list[str]:
    """A list, its JSON, or addresses with commas between them."""
    found = nested(value)
    if isinstance(found, str):
        found = _BETWEEN_ADDRESSES.split(found.strip()) if found.strip() else []
    if not isinstance(found, list):
        raise Unfit("is no list of addresses")
    links = [link for link in map(address, found) if link]
    if len(links) > MAX_LINKS:
        raise Remark(links[:MAX_LINKS], f"has {len(links)} addresses: {MAX_LINKS} of them travel")
    return links


def nested(value: object) -> object:
    """What a cell holds in JSON; other texts are texts, and a shop's tuples lists."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, tuple) else value
    text = value.strip()
    if text[:1] not in ("[", "{"):
        return text
    try:
        return orjson.loads(text)
    except ValueError:
        raise Unfit(f"{_short(text)} is no JSON") from None


def listed(value: object) -> object:
    """A list of objects: one that stands alone is a list of one, as in XML. Texts are texts."""
    found = nested(value)
    return [found] if isinstance(found, dict) else found


def texts(value: object) -> list[str]:
    """A list of texts, or its JSON; one that stands alone is a list of one."""
    found = nested(value)
    found = [found] if isinstance(found, str) and found else found or []
    if not isinstance(found, list) or not all(isinstance(one, str | int) for one in found):
        raise Unfit("is no list of texts")
    return [text for text in map(as_text, found) if text]


def labels(value: object) -> list[str]:
    found = texts(value)
    if len(found) > MAX_LABELS:
        raise Remark(found, f"has {len(found)} labels: Meta documents at most {MAX_LABELS}")
    if any(len(label) > MAX_LABEL for label in found):
        raise Remark(found, f"has a label of more than {MAX_LABEL} characters, Meta's limit")
    return found


def images(value: object) -> list[dict[str, object]]:
    """A list of {url, tag}, or its JSON; an address stands for an image without tags."""
    found = nested(value)
    if isinstance(found, str):
        found = _BETWEEN_ADDRESSES.split(found) if found else []
    several = found if isinstance(found, list) else [found]
    good = [_image(one) for one in several if one]
    if len(good) > MAX_IMAGES:
        raise Remark(good[:MAX_IMAGES], f"has {len(good)} images: {MAX_IMAGES} of them travel")
    return good


def _image(found: object) -> dict[str, object]:
    given = found if isinstance(found, dict) else {"url": found}
    url = address(given.get("url") or "")
    if not url:
        raise Unfit('has an image without an address: write it like [{"url": "https://..."}]')
    tags = {"tag": texts(given["tag"])} if given.get("tag") else {}
    return {**given, "url": url, **tags}


def between(least: float, most: float) -> Rule:
    def read(value: object) -> object:
        text = as_text(value)
        if text and not (_DECIMAL.fullmatch(text) and least <= float(text) <= most):
            raise Unfit(f"{_short(text)} is no number from {least:g} to {most:g}")
        return value if isinstance(value, int | float) else text

    return read


def whole(least: int, most: int) -> Rule:
    def read(value: object) -> int | str:
        text = as_text(value)
        if not text:
            return ""
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise Unfit(f"{_short(text)} is no whole number from {least} to {most}")
        return int(text)

    return read


def shaped(pattern: re.Pattern[str], example: str) -> Rule:
    def read(value: object) -> str:
        text = as_text(value)
        if text and not pattern.fullmatch(text):
            raise Unfit(f"{_short(text)} is not written like {example}")
        return text

    return read


def _short(text: str) -> str:
    return ascii(text[:40] + ("…" if len(text) > 40 else ""))


def plain(value: Any) -> object:
    """A value of a field that no rule knows, as JSON has it."""
    if value is None or isinstance(value, bool | int | float | list | dict):
        return value
    return as_text(value)
