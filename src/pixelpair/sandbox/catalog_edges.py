"""Which edge of which object does what: the table of management calls. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import (
    catalog_nodes,
    catalog_parts,
    da_checks,
    diagnostics,
    event_sources,
    event_stats,
    items_batch,
    media,
    products,
    tags,
    vehicle_rules,
)
from .catalogs import Catalog, Node, Product
from .refusals import no_such_object
from .vocabulary import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from .asks import Ask
    from .catalogs import Catalogs
    from .faults import End


def answer(world: Catalogs, ask: Ask, end: End = "finished") -> dict[str, Any]:
    """The answer's JSON. RefusedError where Graph refuses. A batch of items will `end` so."""
    world.settle(ask.now)
    found = world.find(ask.node)
    place = (_kind(found, ask.node), ask.method, ask.edge)
    if place == ("catalog", "POST", "items_batch") and isinstance(found, Catalog):
        return found.jobs.take(items_batch.read(ask), world.mint(), ask.now, end)
    endpoint = EDGES.get(place)
    if endpoint is None:
        raise no_such_object(ask.node, ask.method)
    told: dict[str, Any] = endpoint(world, ask.node if found is None else found, ask)
    return told


def _kind(found: object, node: str) -> str:
    """Businesses, pixels and Instagram accounts are no objects here: any digits will do."""
    if isinstance(found, Node):
        return found.kind
    if found is None:
        return "account" if node.isascii() and node.isdecimal() else ""
    return {Catalog: "catalog", Product: "item"}[type(found)]


EMPTY = words(
    "agencies automotive_models categories collaborative_ads_share_settings destinations flights "
    "home_listings hotels hotel_rooms_batch pricing_variables_batch product_sets_batch "
    "vehicle_offers"
)

# (kind of object, method, edge): nothing else is answered.
EDGES: dict[tuple[str, str, str], Callable[[Catalogs, Any, Ask], dict[str, Any]]] = {
    ("account", "GET", "owned_product_catalogs"): catalog_nodes.owned,
    ("account", "POST", "owned_product_catalogs"): catalog_nodes.create,
    ("account", "GET", "client_product_catalogs"): catalog_parts.nothing,
    ("account", "GET", "da_checks"): da_checks.checks,
    ("account", "GET", ""): media.account,
    ("account", "GET", "available_catalogs"): media.available,
    ("account", "GET", "catalog_product_search"): media.search,
    ("account", "GET", "product_appeal"): media.appeal,
    ("account", "POST", "product_appeal"): media.appeal,
    ("account", "POST", "media"): media.contain,
    ("account", "POST", "media_publish"): media.publish,
    ("container", "GET", ""): media.container,
    ("medium", "GET", ""): media.medium,
    ("medium", "GET", "product_tags"): tags.tags,
    ("medium", "POST", "product_tags"): tags.add,
    ("medium", "DELETE", "product_tags"): tags.remove,
    ("catalog", "GET", ""): catalog_nodes.read,
    ("catalog", "POST", ""): catalog_nodes.update,
    ("catalog", "DELETE", ""): catalog_nodes.delete,
    ("catalog", "GET", "assigned_users"): catalog_nodes.users,
    ("catalog", "POST", "assigned_users"): catalog_nodes.assign,
    ("catalog", "DELETE", "assigned_users"): catalog_nodes.unassign,
    ("catalog", "GET", "check_batch_request_status"): lambda _world, found, ask: found.jobs.status(
        ask
    ),
    ("catalog", "GET", "external_event_sources"): event_sources.sources,
    ("catalog", "POST", "external_event_sources"): event_sources.link,
    ("catalog", "DELETE", "external_event_sources"): event_sources.unlink,
    ("catalog", "GET", "event_stats"): event_stats.stats,
    ("catalog", "GET", "diagnostics"): diagnostics.diagnostics,
    ("catalog", "GET", "products"): products.products,
    ("catalog", "GET", "product_groups"): products.groups,
    ("catalog", "GET", "product_sets"): catalog_parts.sets,
    ("catalog", "POST", "product_sets"): catalog_parts.create_set,
    ("catalog", "GET", "product_feeds"): catalog_parts.feeds,
    ("catalog", "POST", "product_feeds"): catalog_parts.create_feed,
    ("catalog", "GET", "data_sources"): catalog_parts.data_sources,
    ("catalog", "GET", "vehicles"): catalog_parts.vehicles,
    ("catalog", "POST", "vehicles"): vehicle_rules.create,
    **{("catalog", "GET", edge): catalog_parts.nothing for edge in EMPTY},
    ("item", "GET", ""): products.read,
    ("set", "GET", ""): catalog_parts.read_node,
    ("set", "POST", ""): catalog_parts.update_set,
    ("set", "DELETE", ""): catalog_parts.delete_node,
    ("set", "GET", "products"): products.products_of_set,
    ("feed", "GET", ""): catalog_parts.read_node,
    ("feed", "DELETE", ""): catalog_parts.delete_node,
    ("vehicle", "GET", ""): catalog_parts.read_node,
    ("vehicle", "DELETE", ""): catalog_parts.delete_node,
}
