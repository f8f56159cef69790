"""Meta's fields of a product item and what each must look like: a table of rules.

A rule gives the value as it will travel, and remarks by raising Remark or Unfit. Sources:
https://developers.facebook.com/documentation/ads-commerce/marketing-api/reference/product-catalog/items_batch
and, where they know more values, Meta's own SDK.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from pixelpair.core.currencies import MINOR_UNITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Rule = Callable[[object], object]

# The id is what an event's content_ids have to equal.
MAX_ID: Final = 100
MAX_IMAGES: Final = 50
# What changes by the minute, and may be pushed alone.
VOLATILE: Final = (
    "price",
    "sale_price",
    "sale_price_effective_date",
    "availability",
    "quantity_to_sell_on_facebook",
)
REQUIRED: Final = (
    *("title", "description", "availability", "condition", "price", "link", "brand"),
)
# One of them is required too.
IMAGES: Final = ("image_link", "image")

_MONEY: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]{3})", re.ASCII)
_ADDRESS: Final = re.compile(r"https?://[^\s/]\S*", re.ASCII | re.IGNORECASE)
_BETWEEN_ADDRESSES: Final = re.compile(r",\s*(?=https?://)", re.IGNORECASE)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PERIOD: Final = re.compile(rf"{_DAY.pattern}\S*/{_DAY.pattern}\S*", re.ASCII)
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


def _one_of(documented: str, more: str = "", *, underscores: bool = False) -> Rule:
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
    if len(links) > MAX_IMAGES:
        raise Remark(links[:MAX_IMAGES], f"has {len(links)} addresses: {MAX_IMAGES} of them travel")
    return links


def nested(value: object) -> object:
    """What a cell holds in JSON; other texts are texts."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] not in ("[", "{"):
        return text
    try:
        return orjson.loads(text)
    except ValueError:
        raise Unfit(f"{_short(text)} is no JSON") from None


def _whole(least: int, most: int) -> Rule:
    def read(value: object) -> int | str:
        text = as_text(value)
        if not text:
            return ""
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise Unfit(f"{_short(text)} is no whole number from {least} to {most}")
        return int(text)

    return read


def _shaped(pattern: re.Pattern[str], example: str) -> Rule:
    def read(value: object) -> str:
        text = as_text(value)
        if text and not pattern.fullmatch(text):
            raise Unfit(f"{_short(text)} is not written like {example}")
        return text

    return read


def _short(text: str) -> str:
    return ascii(text[:40] + ("…" if len(text) > 40 else ""))


# How long texts may be. Longer ones travel too, with a remark: nothing is cut.
TEXTS: Final[Mapping[str, int]] = {
    "title": 100,
    "description": 5000,
    "brand": 100,
    "item_group_id": 100,
    "color": 200,
    "size": 200,
    "pattern": 200,
    "material": 200,
    "google_product_category": 250,
    "fb_product_category": 250,
    "product_type": 750,
    "gtin": 70,
    "mpn": 70,
    "rich_text_description": 9999,
    **{f"custom_label_{n}": 100 for n in range(5)},
}
_NUMBERS: Mapping[str, Rule] = {f"custom_number_{n}": _whole(0, 4_294_967_295) for n in range(5)}
RULES: Final[Mapping[str, Rule]] = {
    "id": identifier,
    "availability": _one_of(
        "in stock, out of stock, available for order, discontinued",
        "preorder, pending, mark_as_sold, mark_as_expired",
    ),
    "condition": _one_of(
        "new, refurbished, used",
        "cpo, open_box_new, used_fair, used_good, used_like_new",
        underscores=True,
    ),
    "price": money,
    "link": address,
    "image_link": address,
    "image": nested,
    "additional_image_link": addresses,
    "gender": _one_of("female, male, unisex"),
    "age_group": _one_of("newborn, infant, toddler, kids, adult", "teen, all ages"),
    "sale_price": money,
    "sale_price_effective_date": _shaped(
        _PERIOD, "2026-11-01T12:00-0300/2026-12-01T00:00-0300, both ends"
    ),
    "quantity_to_sell_on_facebook": _whole(0, 4_294_967_295),
    **_NUMBERS,
    "internal_label": nested,
    "shipping": nested,
    "expiration_date": _shaped(_DAY, "2026-12-31"),
    "mobile_link": address,
    "applink": nested,
    "video": nested,
    "disabled_capabilities": nested,
}
# Objects and lists, which XML has as elements.
NESTED: Final = frozenset(name for name, rule in RULES.items() if rule is nested)
# What Meta's page names, in either table.
KNOWN: Final = (*RULES, *TEXTS)
# A wrong one of these would sell at a wrong price, or show nothing: the item stays behind.
FATAL: Final = frozenset({"id", *REQUIRED, *IMAGES, "sale_price"})


def plain(value: Any) -> object:
    """A value of a field that no rule knows, as JSON has it."""
    if value is None or isinstance(value, bool | int | float | list | dict):
        return value
    return as_text(value)
