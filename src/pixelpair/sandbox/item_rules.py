"""What items_batch demands of one PRODUCT_ITEM: a table of its fields. Pure.

An error keeps the item out, a warning does not. Where Meta's pages and its SDK list different
values, what either lists is right. Texts are ours: Meta localises them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .currencies import CURRENCIES
from .fields import is_id, is_url
from .vocabulary import words

Data = Mapping[str, Any]
Check = Callable[[Any], bool]

REQUIRED = ("title", "description", "availability", "condition", "price", "link", "brand")
MAX_ID = 100
AVAILABILITY = frozenset(
    words(
        "in stock|out of stock|available for order|discontinued|"
        "preorder|pending|mark_as_sold|mark_as_expired",
        "|",
    )
)
CONDITION = frozenset(
    words("new|refurbished|used|cpo|open_box_new|used_fair|used_good|used_like_new", "|")
)
GENDER = frozenset({"male", "female", "unisex"})
AGE_GROUP = frozenset(words("newborn|infant|toddler|kids|adult|teen|all ages", "|"))
SUB_TYPES = frozenset(
    words(
        "EMPTY APPLIANCES BABY_FEEDING BABY_TRANSPORT BEAUTY BEDDING CAMERAS "
        "CELL_PHONES_AND_SMART_WATCHES CLEANING_SUPPLIES CLOTHING CLOTHING_ACCESSORIES "
        "COMPUTERS_AND_TABLETS DIAPERING_AND_POTTY_TRAINING ELECTRONICS_ACCESSORIES FURNITURE "
        "HEALTH HOME_GOODS JEWELRY NURSERY PRINTERS_AND_SCANNERS PROJECTORS SHOES_AND_FOOTWEAR "
        "SOFTWARE TOYS TVS_AND_MONITORS VIDEO_GAME_CONSOLES_AND_VIDEO_GAMES WATCHES"
    )
)
_PRICE = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,4})?) ([A-Z]{3})")
_DAY_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_TEXT = r"T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:[+-][0-9]{2}:?[0-9]{2}|Z)?"
_PERIOD = re.compile(f"{_DAY_TEXT}(?:{_TIME_TEXT})?/{_DAY_TEXT}(?:{_TIME_TEXT})?")
_DAY = re.compile(_DAY_TEXT)


def amount(price: object) -> float | None:
    """The number of a price such as `9.99 USD`; None of anything else."""
    found = _PRICE.fullmatch(price) if isinstance(price, str) else None
    return float(found[1]) if found and found[2] in CURRENCIES else None


def is_price(value: object) -> bool:
    return amount(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _among(known: frozenset[str]) -> Check:
    return lambda value: isinstance(value, str) and value in known


def _whole(low: int, high: int) -> Check:
    def check(value: object) -> bool:
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
            value = int(value)
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return check


def _pattern(wanted: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and wanted.fullmatch(value) is not None


def _images(value: object) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 21 and all(map(_image, value))


def _image(value: object) -> bool:
    return isinstance(value, dict) and is_url(value.get("url"))


def _links(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 50 and all(map(is_url, value))


def _anything(_value: object) -> bool:
    return True


# How a value is right, and its greatest length, beyond which there is a warning.
CHECKS: dict[str, tuple[Check, int | None]] = {
    "title": (_is_text, 100),
    "description": (_is_text, 5000),
    "availability": (_among(AVAILABILITY), None),
    "condition": (_among(CONDITION), None),
    "price": (is_price, None),
    "link": (is_url, None),
    "brand": (_is_text, None),
    "image": (_images, None),
    "image_link": (is_url, None),
    "additional_image_link": (_links, None),
    "sale_price": (is_price, None),
    "sale_price_effective_date": (_pattern(_PERIOD), None),
    "expiration_date": (_pattern(_DAY), None),
    "gender": (_among(GENDER), None),
    "age_group": (_among(AGE_GROUP), None),
    "mobile_link": (is_url, None),
    "item_group_id": (is_id, None),
    "quantity_to_sell_on_facebook": (_whole(0, 2**31), None),
    **{f"custom_number_{n}": (_whole(0, 4_294_967_295), None) for n in range(5)},
    **{f"custom_label_{n}": (_anything, 100) for n in range(5)},
    "google_product_category": (_anything, 250),
    "product_type": (_anything, 750),
    "material": (_anything, 200),
    "gtin": (_anything, 70),
    "rich_text_description": (_anything, 9999),
    **dict.fromkeys(
        words(
            "color size pattern additional_variant_attribute fb_product_category mpn "
            "internal_label shipping shipping_weight origin_country importer_name importer_address "
            "applink disabled_capabilities ordering_index rating_count user_rating vendor_id "
            "video inventory"
        ),
        (_anything, None),
    ),
}


def errors(data: Data, whole: bool) -> list[str]:
    """What keeps this item out. A `whole` item needs every required field."""
    found = [f"{key} is invalid" for key in data if key in CHECKED and not _sound(key, data[key])]
    return found + lacking(data) if whole else found


def lacking(data: Data) -> list[str]:
    """The required fields that an item does not have."""
    absent = [f"{key} is required" for key in REQUIRED if data.get(key) in (None, "")]
    if not (data.get("image") or data.get("image_link")):
        absent.append("image or image_link is required")
    return absent


def _sound(key: str, value: object) -> bool:
    """An empty string takes a value away, as `sale_price` shows, but none that is required."""
    if value is None:
        return True
    return key not in REQUIRED if value == "" else CHECKED[key](value)


def warnings(data: Data) -> list[str]:
    strange = [key[:MAX_ID] for key in data if key not in CHECKS and key != "id"]
    found = [f"{key} is not recognised" for key in strange]
    for key, value in data.items():
        if isinstance(value, str) and len(value) > SHORTEST and key in LIMITS:
            limit = LIMITS[key]
            found += [f"{key} is longer than {limit} characters"] if len(value) > limit else []
    return found


CHECKED = {key: check for key, (check, _) in CHECKS.items() if check is not _anything}
LIMITS = {key: limit for key, (_, limit) in CHECKS.items() if limit is not None}
SHORTEST = min(LIMITS.values())
