"""The product tags of an Instagram medium: added, moved, read and taken away. Pure.

Of two pages of Meta's, the newer counts: 20 tags on a post, 30 on a reel, where the older said 5.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .catalogs import Node
from .products import image
from .refusals import bad_parameter

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalogs, Product

Tag = dict[str, Any]

CAPS = {"REELS": 30}
CAP = 20
# Creating is not documented as unsupported for reels, reading and deleting is.
UNREADABLE = ("REELS", "STORIES")
FIELDS = (
    "product_id",
    "merchant_id",
    "name",
    "price_string",
    "image_url",
    "review_status",
    "is_checkout",
    "stripped_price_string",
    "stripped_sale_price_string",
    "product_url",
    "x",
    "y",
)


def tags(world: Catalogs, medium: Node, ask: Ask) -> dict[str, Any]:
    _readable(medium)
    tree = fields(ask, FIELDS, FIELDS)
    found = ((world.product(tag["product_id"]), tag) for tag in medium.data["tags"])
    return {"data": [select(_row(product, tag), tree) for product, tag in found if product]}


def add(world: Catalogs, medium: Node, ask: Ask) -> dict[str, Any]:
    """What is tagged already is moved; the rest is added, up to the cap."""
    target = _child(world, medium, ask)
    if target.data["media_type"] == "STORIES":
        raise bad_parameter("A story cannot be tagged")
    wanted = checked(world, params.items(ask.given, "updated_tags"), target.data["media_type"])
    kept = {tag["product_id"]: tag for tag in target.data["tags"]}
    kept |= {tag["product_id"]: tag for tag in wanted}
    _within(kept, target.data["media_type"])
    target.data["tags"] = list(kept.values())
    return {"success": True}


def remove(world: Catalogs, medium: Node, ask: Ask) -> dict[str, Any]:
    """Both ids are needed, and must belong together."""
    _readable(medium)
    given = params.items(ask.given, "deleted_tags")
    gone = {_deleted(world, tag) for tag in given}
    if not gone:
        raise bad_parameter("deleted_tags must not be empty")
    tags_left = [tag for tag in medium.data["tags"] if tag["product_id"] not in gone]
    if len(tags_left) != len(medium.data["tags"]) - len(gone):
        raise bad_parameter("deleted_tags names a product that is not tagged")
    medium.data["tags"] = tags_left
    return {"success": True}


def checked(world: Catalogs, given: list[Any], media_type: str) -> list[Tag]:
    """Sound tags, each of an item that may be tagged, and none twice."""
    found = [_tag(world, tag, media_type) for tag in given]
    if not found:
        raise bad_parameter("a list of tags must not be empty")
    if len({tag["product_id"] for tag in found}) < len(found):
        raise bad_parameter("each product_id must be unique")
    _within(found, media_type)
    return found


def _tag(world: Catalogs, tag: object, media_type: str) -> Tag:
    if not isinstance(tag, dict):
        raise bad_parameter("a tag must be an object")
    product_id = params.text(tag, "product_id")
    product = world.product(product_id)
    if product is None:
        raise bad_parameter(f"product_id {product_id} is no product of this shop")
    if product.item.review == "rejected":
        raise bad_parameter(f"product_id {product_id} was rejected and cannot be tagged")
    places = {key: _place(key, tag[key]) for key in ("x", "y") if tag.get(key) is not None}
    if places and media_type != "IMAGE":
        raise bad_parameter("x and y are for images only")
    return {"product_id": product_id, **places}


def _place(key: str, value: object) -> float:
    """Kept in single precision: Meta's sample answers 0.80000001192093 to 0.8."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise bad_parameter(f"{key} must be a number from 0.0 to 1.0")
    single: float = struct.unpack("f", struct.pack("f", value))[0]
    return single


def _within(found: Any, media_type: str) -> None:
    cap = CAPS.get(media_type, CAP)
    if len(found) > cap:
        raise bad_parameter(f"at most {cap} products may be tagged")


def _child(world: Catalogs, medium: Node, ask: Ask) -> Node:
    """Of a carousel it is a child that is tagged."""
    if "child_index" not in ask.given:
        return medium
    children = medium.data.get("children", [])
    at = params.whole(ask.given, "child_index", 0, 0, len(children))
    child = world.find(children[at]) if at < len(children) else None
    if not isinstance(child, Node):
        raise bad_parameter("child_index names no child of this medium")
    return child


def _deleted(world: Catalogs, tag: object) -> str:
    if not isinstance(tag, dict):
        raise bad_parameter("a tag must be an object")
    product_id, merchant = params.text(tag, "product_id"), params.text(tag, "merchant_id")
    product = world.product(product_id)
    if product is None or str(product.catalog.merchant) != merchant:
        raise bad_parameter("merchant_id and product_id do not belong together")
    return product_id


def _readable(medium: Node) -> None:
    if medium.data["media_type"] in UNREADABLE:
        raise bad_parameter(f"not supported for {medium.data['media_type']}")


def _row(product: Product, tag: Tag) -> dict[str, Any]:
    data = product.item.read()
    price, sale = str(data.get("price", "")), data.get("sale_price")
    return {
        **{key: tag[key] for key in ("x", "y") if key in tag},
        "product_id": int(tag["product_id"]),
        "merchant_id": product.catalog.merchant,
        "name": data.get("title"),
        "price_string": price,
        "stripped_price_string": price,
        "stripped_sale_price_string": sale,
        "image_url": image(data),
        "product_url": data.get("link"),
        "review_status": product.item.review,
        "is_checkout": False,
    }
