"""An Instagram account as far as tagging needs it: containers, media, the shop's products. Pure.

It has no accounts of its own: an id of digits that names nothing else is an account with a shop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .catalogs import Node
from .paging import page
from .products import image
from .refusals import bad_parameter, no_such_object
from .tags import checked

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalogs, Product

# REELS is documented, CAROUSEL and the others are general knowledge.
TYPES = ("IMAGE", "VIDEO", "REELS", "CAROUSEL", "STORIES")
# The values of status_code stand in no page that was read; these are general knowledge.
WORKING, READY, USED = "IN_PROGRESS", "FINISHED", "PUBLISHED"
# Videos take a moment. How long at Meta is not documented.
VIDEO_SECONDS = 0.1
DAY = 86_400
TAGGED_A_DAY = 25
MAX_CHILDREN = 10
ACCOUNT = "shopping_product_tag_eligibility"
CONTAINER = ("id", "status_code", "status")
MEDIUM = ("id", "media_type", "media_product_type", "caption", "children")
FOUND = (
    "product_id",
    "merchant_id",
    "product_name",
    "image_url",
    "retailer_id",
    "review_status",
    "is_checkout_flow",
    "product_variants",
)
OWN = ("catalog_id", "catalog_name", "shop_name", "product_count")
APPEAL = (
    "eligible_for_appeal",
    "product_appeal_status",
    "product_id",
    "rejection_reasons",
    "review_status",
)


def account(_world: Catalogs, _account: object, ask: Ask) -> dict[str, Any]:
    """Only its fields tell that an account is meant, and not an object that is gone."""
    if ACCOUNT not in str(ask.given.get("fields")):
        raise no_such_object(ask.node, ask.method)
    told = {"id": ask.node, ACCOUNT: True}
    return select(told, {**fields(ask, (ACCOUNT,), ()), "id": {}})


def available(world: Catalogs, _account: object, ask: Ask) -> dict[str, Any]:
    """One catalog at most, as documented: here the first."""
    tree = fields(ask, OWN, OWN)
    rows = [
        {
            "catalog_id": catalog.id,
            "catalog_name": catalog.name,
            "shop_name": "Sandbox shop",
            "product_count": len(catalog.items),
        }
        for catalog in list(world)[:1]
    ]
    return {"data": [select(row, tree) for row in rows]}


def search(world: Catalogs, _account: object, ask: Ask) -> dict[str, Any]:
    """Items whose title or id holds the words."""
    catalog = world.get(params.text(ask.given, "catalog_id"))
    if catalog is None:
        raise bad_parameter("catalog_id names no catalog")
    words, tree = str(ask.given.get("q") or "").lower(), fields(ask, FOUND, FOUND)
    found = [
        item
        for item in catalog.items
        if words in item.id.lower() or words in str(item.read().get("title", "")).lower()
    ]

    def show(item: Any) -> dict[str, Any]:
        data = item.read()
        told = {
            "product_id": item.number,
            "merchant_id": catalog.merchant,
            "product_name": data.get("title"),
            "image_url": image(data),
            "retailer_id": item.id,
            "review_status": item.review,
            "is_checkout_flow": False,
            "product_variants": [],
        }
        return select(told, tree)

    return page(found, len(found), ask, show)


def appeal(world: Catalogs, _account: object, ask: Ask) -> dict[str, Any]:
    """A GET tells of the product's review, a POST appeals: then it is pending."""
    product = world.product(params.text(ask.given, "product_id"))
    if product is None:
        raise bad_parameter("product_id names no product")
    if ask.method == "POST":
        params.text(ask.given, "appeal_reason")
        if product.item.review != "rejected":
            raise bad_parameter("only a rejected product can appeal")
        product.item.review = "pending"
        return {"success": True}
    return {"data": [select(_appeal(product), fields(ask, APPEAL, APPEAL))]}


def _appeal(product: Product) -> dict[str, Any]:
    review = product.item.review
    return {
        "product_id": product.item.number,
        "review_status": review,
        "eligible_for_appeal": review == "rejected",
        "rejection_reasons": [],
    }


# --- publishing ----------------------------------------------------------------------------------


def contain(world: Catalogs, _account: object, ask: Ask) -> dict[str, Any]:
    """`POST /{account}/media`: a container, to be published."""
    given = ask.given
    plain = "VIDEO" if given.get("video_url") else "IMAGE"
    kind = params.chosen("media_type", given.get("media_type") or plain, TYPES)
    data: dict[str, Any] = {"media_type": kind, "caption": given.get("caption"), "made": ask.now}
    data["is_carousel_item"] = params.flag(given, "is_carousel_item", False)
    if kind == "CAROUSEL":
        data["children"] = _children(world, ask)
    else:
        params.text(given, "image_url" if kind == "IMAGE" else "video_url")
    if "product_tags" in given:
        if kind in ("CAROUSEL", "STORIES"):
            raise bad_parameter("product_tags belong to an image, a video or a reel")
        tags = params.items(given, "product_tags")
        data["tags"] = checked(world, tags, kind)
    data.setdefault("tags", [])
    return {"id": world.add("container", ask.node, data).id}


def _children(world: Catalogs, ask: Ask) -> list[str]:
    given = ask.given.get("children", [])
    listed = given.split(",") if isinstance(given, str) and "[" not in given else given
    ids = params.ids({"children": listed}, "children")
    if len(ids) > MAX_CHILDREN:
        raise bad_parameter(f"children: at most {MAX_CHILDREN}")
    for one in ids:
        child = _made(world, one, ask)
        if child is None or not child.data["is_carousel_item"]:
            raise bad_parameter(f"children: {one} is no container with is_carousel_item")
    return ids


def container(_world: Catalogs, node: Node, ask: Ask) -> dict[str, Any]:
    code = _status(node, ask.now)
    told = {"id": node.id, "status_code": code, "status": code.capitalize()}
    return select(told, {"id": {}, **fields(ask, CONTAINER, ("id",))})


def publish(world: Catalogs, _account: object, ask: Ask) -> dict[str, Any]:
    node = _made(world, params.text(ask.given, "creation_id"), ask)
    if node is None:
        raise bad_parameter("creation_id names no container of this account")
    code = _status(node, ask.now)
    if code != READY:
        raise bad_parameter(f"the container is {code}")
    return {"id": _published(world, node, ask).id}


def _published(world: Catalogs, node: Node, ask: Ask) -> Node:
    found = (_made(world, one, ask) for one in node.data.get("children", []))
    children = [child for child in found if child]
    tagged = any(one.data["tags"] for one in (node, *children))
    recent = [one for one in world.of("medium", ask.node) if ask.now - one.data["made"] < DAY]
    if tagged and sum(one.data["tagged"] for one in recent) >= TAGGED_A_DAY:
        raise bad_parameter(f"at most {TAGGED_A_DAY} tagged posts within 24 hours")
    parts = [_medium(world, child, ask, tagged=False) for child in children]
    made = _medium(world, node, ask, tagged=tagged)
    made.data["children"] = [part.id for part in parts]
    return made


def _medium(world: Catalogs, node: Node, ask: Ask, *, tagged: bool) -> Node:
    """A carousel counts once: a child of it is no post."""
    node.data["published"] = True
    owner = f"child of {ask.node}" if node.data["is_carousel_item"] else ask.node
    data = {"made": ask.now, "tagged": tagged, "tags": list(node.data["tags"])}
    data |= {key: node.data[key] for key in ("media_type", "caption")}
    return world.add("medium", owner, data)


def medium(_world: Catalogs, node: Node, ask: Ask) -> dict[str, Any]:
    children = {"data": [{"id": one} for one in node.data.get("children", [])]}
    told = {"id": node.id, **node.data, "children": children if children["data"] else None}
    told["media_product_type"] = "REELS" if node.data["media_type"] == "REELS" else "FEED"
    return select(told, {"id": {}, **fields(ask, MEDIUM, ("id",))})


def _status(node: Node, now: float) -> str:
    if node.data.get("published"):
        return USED
    slow = node.data["media_type"] in ("VIDEO", "REELS")
    return WORKING if slow and now < node.data["made"] + VIDEO_SECONDS else READY


def _made(world: Catalogs, container_id: str, ask: Ask) -> Node | None:
    """The container of this account with this id."""
    found = world.find(container_id)
    own = isinstance(found, Node) and (found.kind, found.owner) == ("container", ask.node)
    return found if isinstance(found, Node) and own else None
