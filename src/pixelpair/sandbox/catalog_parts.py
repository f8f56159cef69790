"""What else a catalog has: sets, feeds, vehicles, and the edges with nothing on them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import params, vehicle_rules
from .asks import fields, select
from .catalogs import fitting
from .paging import page
from .product_filters import compiled
from .refusals import missing
from .vocabulary import words

if TYPE_CHECKING:
    from .asks import Ask
    from .catalogs import Catalog, Catalogs, Node

SET_FIELDS = words(
    "id name filter retailer_id product_count product_catalog ordering_info live_metadata "
    "latest_metadata auto_creation_url"
)
FEED_FIELDS = words(
    "id name schedule update_schedule default_currency delimiter encoding quoted_fields_mode "
    "feed_type override_type override_value country ingestion_source_type item_sub_type "
    "deletion_enabled file_name product_count latest_upload created_time"
)


def create_set(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    data = {"name": params.text(ask.given, "name"), **_set_settings(ask)}
    return {"id": world.add("set", catalog.id, data).id}


def update_set(_world: Catalogs, node: Node, ask: Ask) -> dict[str, Any]:
    node.data = fitting({**node.data, **_set_settings(ask)})
    return {"success": True}


def _set_settings(ask: Ask) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "filter" in ask.given:
        found["filter"] = params.thing(ask.given, "filter")
        compiled(found["filter"])
    for key in ("name", "retailer_id"):
        if key in ask.given:
            found[key] = params.text(ask.given, key)
    if "ordering_info" in ask.given:
        found["ordering_info"] = params.items(ask.given, "ordering_info")
    return found


def sets(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    return _nodes(world, world.of("set", catalog.id), ask, SET_FIELDS)


def create_feed(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    data: dict[str, Any] = {"name": params.text(ask.given, "name")}
    data |= {key: params.thing(ask.given, key) for key in ("schedule", "update_schedule")}
    words = (key for key in FEED_FIELDS if key in ask.given and key not in data)
    data |= {key: params.text(ask.given, key) for key in words}
    return {"id": world.add("feed", catalog.id, data).id}


def feeds(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    return _nodes(world, world.of("feed", catalog.id), ask, FEED_FIELDS)


def data_sources(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    found = world.of("feed", catalog.id)
    return _nodes(world, found, ask, ("id", "name", "app_id", "upload_type"))


def vehicles(world: Catalogs, catalog: Catalog, ask: Ask) -> dict[str, Any]:
    found = world.of("vehicle", catalog.id)
    return _nodes(world, found, ask, vehicle_rules.KNOWN, default=vehicle_rules.FIELDS)


def nothing(_world: Catalogs, _catalog: Catalog, ask: Ask) -> dict[str, Any]:
    """An edge that a sandbox has nothing on."""
    for key in ("handle", "categorization_criteria"):
        if ask.edge in NEEDS.get(key, ()) and not ask.given.get(key):
            raise missing(key)
    return {"data": []}


NEEDS = {
    "categorization_criteria": ("categories",),
    "handle": ("hotel_rooms_batch", "pricing_variables_batch", "product_sets_batch"),
}


def read_node(world: Catalogs, node: Node, ask: Ask) -> dict[str, Any]:
    known = NODE_FIELDS[node.kind]
    return select(_node(world, node), {"id": {}, **fields(ask, known, ("id", "name"))})


NODE_FIELDS = {"set": SET_FIELDS, "feed": FEED_FIELDS, "vehicle": vehicle_rules.KNOWN}


def delete_node(world: Catalogs, node: Node, _ask: Ask) -> dict[str, Any]:
    world.remove(node)
    return {"success": True}


def _nodes(
    world: Catalogs,
    found: list[Node],
    ask: Ask,
    known: tuple[str, ...],
    default: tuple[str, ...] = ("id", "name"),
) -> dict[str, Any]:
    tree = {"id": {}, **fields(ask, known, default)}
    return page(found, len(found), ask, lambda node: select(_node(world, node), tree))


def _node(world: Catalogs, node: Node) -> dict[str, Any]:
    told = {**node.data, "id": node.id}
    catalog = world.get(node.owner)
    if node.kind == "set" and catalog:
        test = compiled(node.data.get("filter", {}))
        told["product_catalog"] = {"id": catalog.id, "name": catalog.name}
        told["product_count"] = sum(map(test, catalog.items))
    return told
