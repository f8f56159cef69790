"""Meta's product catalogs: read, made, changed and deleted; their edges, sets and people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.catalog_words import EDGES, FIELDS
from pixelpair.graph.errors import acted, asked
from pixelpair.graph.paging import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Graph

# Meta's sample posts to /product_catalogs; its SDK has no such edge, only these two.
OWNED, SHARED = "owned_product_catalogs", "client_product_catalogs"
DELETE_STEPS: Final = {
    801: "where a live product set prevents it: --with-live-product-set, if its ads may end"
}


def catalogs(
    graph: Graph, access: Access, business_id: str, *, shared: bool = False
) -> Iterator[Mapping[str, Any]]:
    """The business's own catalogs, or those that others share with it."""
    fields = "id,name,vertical,product_count,feed_count"
    query = access.query(business_id, SHARED if shared else OWNED, fields=fields)
    return rows(graph, query)


def catalog(
    graph: Graph,
    access: Access,
    catalog_id: str,
    *,
    more_fields: Sequence[str] = (),
    segment_use_cases: Sequence[str] = (),
) -> Mapping[str, Any]:
    """The node, with every field that its page lists."""
    fields = ",".join((*FIELDS, *more_fields))
    use_cases = list(segment_use_cases) or None
    return asked(graph, access.query(catalog_id, fields=fields, segment_use_cases=use_cases))


def edge(
    graph: Graph,
    access: Access,
    catalog_id: str,
    name: str,
    params: Mapping[str, object] | None = None,
) -> Iterator[Mapping[str, Any]]:
    """The rows of one of EDGES. `params` are what the edge needs and takes."""
    given = {"fields": ",".join(EDGES[name].fields), **(params or {})}
    return rows(graph, access.query(catalog_id, name, **given))


def create(graph: Graph, access: Access, business_id: str, values: Mapping[str, object]) -> str:
    """Make a catalog; gives its id."""
    return _id(acted(graph, access.action("POST", business_id, OWNED, body=values)))


def update(graph: Graph, access: Access, catalog_id: str, values: Mapping[str, object]) -> None:
    acted(graph, access.action("POST", catalog_id, body=values))


def delete(
    graph: Graph, access: Access, catalog_id: str, *, with_live_product_set: bool = False
) -> None:
    """Delete the catalog and all that is in it: nothing brings it back."""
    body = {"allow_delete_catalog_with_live_product_set": with_live_product_set or None}
    acted(graph, access.action("DELETE", catalog_id, body=body), DELETE_STEPS)


def create_set(graph: Graph, access: Access, catalog_id: str, values: Mapping[str, object]) -> str:
    """Make a product set, which shops show as a collection; gives its id."""
    return _id(acted(graph, access.action("POST", catalog_id, "product_sets", body=values)))


def add_user(
    graph: Graph, access: Access, catalog_id: str, user_id: str, tasks: Sequence[str]
) -> None:
    """Let a user of the business, or a system user, do these TASKS."""
    body = {"user": user_id, "tasks": list(tasks)}
    acted(graph, access.action("POST", catalog_id, "assigned_users", body=body))


def remove_user(graph: Graph, access: Access, catalog_id: str, user_id: str) -> None:
    body = {"user": user_id}
    acted(graph, access.action("DELETE", catalog_id, "assigned_users", body=body))


def _id(document: Mapping[str, Any]) -> str:
    return str(document.get("id", ""))
