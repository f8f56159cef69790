"""A catalog's items as Graph shows them, and its groups. Pure.

What items_batch calls id, title, link is retailer_id, name, url here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .item_flags import PRIORITIES, flagged
from .paging import page
from .product_filters import compiled
from .vocabulary import words

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalog, Catalogs, Node, Product
    from .item_flags import Flag
    from .items import Item
    from .product_filters import Test

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
# What Meta's SDK reads too, and the sandbox has no values of.
KNOWN = (
    *FIELDS,
    *words(
        "additional_image_cdn_urls additional_variant_attributes applinks bundle_items "
        "bundle_retailer_ids capabilities_disabled_by_user capability_to_review_status "
        "category_specific_fields commerce_insights custom_data image_cdn_urls image_fetch_status "
        "images importer_address importer_name invalidation_errors inventory is_bundle_hero "
        "live_special_price manufacturer_info offer_disclaimer parent_product_id product_feed "
        "product_local_info product_relationship review_rejection_reasons sale_price_end_date "
        "sale_price_start_date shipping_weight_unit shipping_weight_value short_description "
        "start_date status tags video_fetch_status videos visibility wa_compliance_category"
    ),
)
GROUP_FIELDS = ("id", "retailer_id", "product_catalog", "variants")


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
    tree = {"id": {}, **fields(ask, KNOWN, ("id", "name", "retailer_id"))}
    return select(row(found.catalog, found.item), tree)


def groups(_world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    found = catalog.items.groups()
    tree = fields(ask, GROUP_FIELDS, ("id", "retailer_id"))
    own = {"product_catalog": {"id": catalog.id, "name": catalog.name}}
    return page(found, len(found), ask, lambda one: select({**group(catalog, one), **own}, tree))


def _listed(catalog: Catalog, rule: dict[str, Any], ask: Ask) -> dict[str, Any]:
    tree = {"id": {}, **fields(ask, KNOWN, ("id", "name", "retailer_id"))}

    def show(item: Item) -> dict[str, Any]:
        return select(row(catalog, item), tree)

    one = _one(rule)  # the bridge from a shop's id to Meta's is asked often: no search
    goods = catalog.items if one is None else filter(None, [catalog.items.get(one)])
    tests = _tests(rule if one is None else {}, ask)
    if one is None and not tests:
        return page(catalog.items, len(catalog.items), ask, show)
    found = [item for item in goods if all(test(item) for test in tests)]
    return page(found, len(found), ask, show)


def _tests(rule: dict[str, Any], ask: Ask) -> list[Test]:
    """What an item of the list must be, beside being in the catalog."""
    tests = [compiled(rule)] if rule.get("and", rule) else []
    if params.flag(ask.given, "return_only_approved_products", False):
        tests.append(lambda item: item.review == "approved")
    kind = str(ask.given.get("error_type") or "")
    priority = params.chosen("error_priority", ask.given.get("error_priority", ""), PRIORITIES)
    if kind or priority:
        tests.append(lambda item: any(_fits(flag, kind, priority) for flag in flagged(item.flags)))
    return tests


def _fits(flag: Flag, kind: str, priority: str) -> bool:
    return kind in ("", flag.name) and priority in ("", flag.priority)


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
            "error_priority": flag.priority,
        }
        for flag in flagged(item.flags)
    ]
