"""Meta's fields of a product item and what each must look like: a table of rules.

A rule gives the value as it will travel, and remarks by raising Remark or Unfit. Sources:
https://developers.facebook.com/documentation/ads-commerce/marketing-api/reference/product-catalog/items_batch
and, where they know more values, Meta's own SDK.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from pixelpair.catalog.values import (
    DAY,
    PERIOD,
    address,
    addresses,
    between,
    identifier,
    images,
    labels,
    listed,
    money,
    nested,
    one_of,
    plain,
    shaped,
    texts,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelpair.catalog.values import Rule

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

# Texts of which no length is documented.
_OF_ANY_LENGTH: Final = (
    *("brand", "item_group_id", "color", "size", "pattern", "additional_variant_attribute"),
    *("fb_product_category", "mpn", "shipping_weight", "origin_country", "importer_name"),
    "vendor_id",
)
# How long texts may be. Longer ones travel too, with a remark: nothing is cut.
TEXTS: Final[Mapping[str, int]] = {
    "title": 100,
    "description": 5000,
    "material": 200,
    "google_product_category": 250,
    "product_type": 750,
    "gtin": 70,
    "rich_text_description": 9999,
    **{f"custom_label_{n}": 100 for n in range(5)},
    **dict.fromkeys(_OF_ANY_LENGTH, sys.maxsize),
}
_NUMBERS: Mapping[str, Rule] = {f"custom_number_{n}": whole(0, 4_294_967_295) for n in range(5)}
RULES: Final[Mapping[str, Rule]] = {
    "id": identifier,
    "availability": one_of(
        "in stock, out of stock, available for order, discontinued",
        "preorder, pending, mark_as_sold, mark_as_expired",
    ),
    "condition": one_of(
        "new, refurbished, used",
        "cpo, open_box_new, used_fair, used_good, used_like_new",
        underscores=True,
    ),
    "price": money,
    "link": address,
    "image_link": address,
    "image": images,
    "additional_image_link": addresses,
    "gender": one_of("female, male, unisex"),
    "age_group": one_of("newborn, infant, toddler, kids, adult", "teen, all ages"),
    "sale_price": money,
    "sale_price_effective_date": shaped(
        PERIOD, "2026-11-01T12:00-0300/2026-12-01T00:00-0300, both ends"
    ),
    "quantity_to_sell_on_facebook": whole(0, 4_294_967_295),
    **_NUMBERS,
    "internal_label": labels,
    "importer_address": nested,
    "shipping": listed,
    "expiration_date": shaped(DAY, "2026-12-31"),
    "mobile_link": address,
    "applink": nested,
    "video": listed,
    "disabled_capabilities": texts,
    "ordering_index": plain,
    "rating_count": plain,
    "user_rating": between(1.0, 5.0),
}
# Objects and lists, which XML has as elements.
NESTED: Final = frozenset(
    name for name, rule in RULES.items() if rule in (nested, listed, images, labels, texts)
)
# What Meta's page names, in either table.
KNOWN: Final = (*RULES, *TEXTS)
# A wrong one of these would sell at a wrong price, or show nothing: the item stays behind.
FATAL: Final = frozenset({"id", *REQUIRED, *IMAGES, "sale_price"})
