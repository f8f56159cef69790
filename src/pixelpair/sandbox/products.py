"""A catalog's items as Graph shows them, and its groups. Pure.

What items_batch calls id, title, link is retailer_id, name, url here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .item_flags import flagged
from .paging import page
from .product_filters import compiled
from .vocabulary import words

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalog, Catalogs, Node, Product
    from .items import Item

FROM_DATA = {
    "name": "title",
    "url": "link",
    "retailer_product_group_id": "item_group_id",
    "manufacturer_part_number": "mpn",
    "category": "google_product_category",
    "additional_image_urls": "additional_image_link",
    **{
        key: key
        for key in words(
            "description availability condition brand color size gender pattern material age_group "
            "sale_price price gtin product_type fb_product_category quantity_to_sell_on_facebook "
            "custom_label_0 custom_label_1 custom_label_2 custom_label_3 custom_label_4 "
            "custom_number_0 custom_number_1 custom_number_2 custom_number_3 custom_number_4 "
            "rich_text_description mobile_link expiration_date origin_country vendor_id "
            "ordering_index sale_price_effective_date"
        )
    },
}
FIELDS = (
    *FROM_DATA,
    *words("id retailer_id currency image_url product_catalog product_group review_status errors"),
)


def row(catalog: Catalog, item: Item) -> dict[str, Any]:
    data = item.read()
    price = str(data.get("price", ""))
    return {
        **{name: data.get(key) for name, key in FROM_DATA.items()},
        "id": str(item.number),
        "retailer_id": item.id,
        "currency": price.rpartition(" ")[2] or None,
        "image_url": image(data),
        "product_catalog": {"id": catalog.id, "name": catalog.name},
        "product_group": group(catalog, item.group) if item.group else None,
        "review_status": item.review,
        "errors": _errors(item),
    }


def group(catalog: Catalog, retailer_id: str) -> dict[str, str]:
    """A group has no life of its own here: its id is made of its name."""
    digest = hashlib.blake2b(f"{catalog.id} {retailer_id}".encode(), digest_size=6).digest()
    return {"id": f"82{int.from_bytes(digest):015d}", "retailer_id": retailer_id}


def image(data: dict[str, Any]) -> str:
    pictures = data.get("image") or [{"url": data.get("image_link", "")}]
    return str(pictures[0].get("url", ""))


def products(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    return _listed(catalog, params.thing(ask.given, "filter"), ask)


def products_of_set(world: Catalogs, node: Node, ask: Ask) -> dict[str, Any]:
    both = {"and": [node.data.get("filter", {}), params.thing(ask.given, "filter")]}
    return _listed(world.at(node.owner), both, ask)


def read(_world: Catalogs, found: Product, ask: Ask) -> dict[str, Any]:
    tree = {"id": {}, **fields(ask, FIELDS, ("id", "name", "retailer_id"))}
    return select(row(found.catalog, found.item), tree)


def groups(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    found = catalog.items.groups()
    tree = fields(ask, ("id", "retailer_id", "product_catalog"), ("id", "retailer_id"))
    own = {"product_catalog": {"id": catalog.id, "name": catalog.name}}
    return page(found, len(found), ask, lambda one: select({**group(catalog, one), **own}, tree))


def _listed(catalog: Catalog, rule: dict[str, Any], ask: Ask) -> dict[str, Any]:
    tree = {"id": {}, **fields(ask, FIELDS, ("id", "name", "retailer_id"))}

    def show(item: Item) -> dict[str, Any]:
        return select(row(catalog, item), tree)

    one = _one(rule)
    if one is not None:  # the bridge from a shop's id to Meta's is asked often: no search
        item = catalog.items.get(one)
        return page([item] if item else [], int(item is not None), ask, show)
    approved = params.flag(ask.given, "return_only_approved_products", False)
    if not any((rule.get("and", rule), approved, ask.given.get("error_type"))):
        return page(catalog.items, len(catalog.items), ask, show)
    kind, test = str(ask.given.get("error_type") or ""), compiled(rule)
    found = [
        item
        for item in catalog.items
        if test(item)
        and (not approved or item.review == "approved")
        and (not kind or any(flag.name == kind for flag in flagged(item.flags)))
    ]
    return page(found, len(found), ask, show)


def _one(rule: dict[str, Any]) -> str | None:
    """The retailer id of `{"retailer_id": {"eq": id}}`."""
    test = rule.get("retailer_id")
    lone = len(rule) == 1 and isinstance(test, dict) and list(test) == ["eq"]
    return str(test["eq"]) if lone and test else None


def _errors(item: Item) -> list[dict[str, Any]]:
    return [
        {
            "title": flag.title,
            "description": flag.hint,
            "error_type": flag.name,
            "error_priority": "HIGH" if flag.severity == "MUST_FIX" else "LOW",
        }
        for flag in flagged(item.flags)
    ]
