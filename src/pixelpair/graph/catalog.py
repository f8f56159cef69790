"""Meta's product catalogs: read, made, changed and deleted; their edges, sets and people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.catalog_words import EDGES, FIELDS
from pixelpair.graph.client import Reply
from pixelpair.graph.errors import GraphError, Trouble, acted, asked
from pixelpair.graph.paging import pages, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pixelpair.graph.access import Access
    from pixelpair.graph.client import Action, Graph, Query

# Meta's sample posts to /product_catalogs; its SDK has no such edge, only these two.
OWNED, SHARED = "owned_product_catalogs", "client_product_catalogs"
_STRANGE: Final = Trouble(
    "unanswered",
    "the answer is not as Meta's documents say",
    "look in Commerce Manager whether something was changed, before you try again",
)
# So much of a secret, and Meta's message is not shown.
_QUOTED: Final = 12
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
    query = access.query(catalog_id, fields=fields, segment_use_cases=use_cases)
    found = asked(graph, query)
    if not found.get("id"):
        raise strange("a catalog without an id")
    return found


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
    return made(_written(graph, access.action("POST", business_id, OWNED, body=values), values))


def update(graph: Graph, access: Access, catalog_id: str, values: Mapping[str, object]) -> None:
    done(_written(graph, access.action("POST", catalog_id, body=values), values))


def _written(graph: Graph, action: Action, values: Mapping[str, object]) -> Mapping[str, Any]:
    """Meta's refusal of a partner's token may quote it."""
    try:
        return acted(graph, action)
    except GraphError as error:
        partner = values.get("partner_integration")
        secret = partner.get("external_access_token") if isinstance(partner, dict) else None
        if not secret or str(secret)[:_QUOTED] not in error.reply.message:
            raise
        raise GraphError(replace(error.reply, message="(hidden: it quotes the token)")) from None


def delete(
    graph: Graph, access: Access, catalog_id: str, *, with_live_product_set: bool = False
) -> None:
    """Delete the catalog and all that is in it: nothing brings it back."""
    body = {"allow_delete_catalog_with_live_product_set": with_live_product_set or None}
    done(acted(graph, access.action("DELETE", catalog_id, body=body), DELETE_STEPS))


def create_set(graph: Graph, access: Access, catalog_id: str, values: Mapping[str, object]) -> str:
    """Make a product set, which shops show as a collection; gives its id."""
    return made(acted(graph, access.action("POST", catalog_id, "product_sets", body=values)))


def add_user(
    graph: Graph, access: Access, catalog_id: str, user_id: str, tasks: Sequence[str]
) -> None:
    """Let a user of the business, or a system user, do these TASKS."""
    body = {"user": user_id, "tasks": list(tasks)}
    done(acted(graph, access.action("POST", catalog_id, "assigned_users", body=body)))


def remove_user(graph: Graph, access: Access, catalog_id: str, user_id: str) -> None:
    body = {"user": user_id}
    done(acted(graph, access.action("DELETE", catalog_id, "assigned_users", body=body)))


# --- answers -------------------------------------------------------------------------------------


def made(document: Mapping[str, Any]) -> str:
    """The id of what was made. Raises GraphError where the answer has none."""
    found = document.get("id")
    text = str(found) if isinstance(found, str | int) else ""
    if not (text.isascii() and text.isdecimal()):
        raise strange("an answer without an id")
    return text


def done(document: Mapping[str, Any]) -> None:
    """Raises GraphError where the answer does not say that it succeeded."""
    if document.get("success") is not True:
        raise strange("an answer without success")


def whole(
    graph: Graph, query: Query, steps: Mapping[int, str] | None = None
) -> list[Mapping[str, Any]]:
    """All rows, for changes that follow from what is there: an answer that is no list of objects
    is no empty list. Raises GraphError."""
    found: list[Mapping[str, Any]] = []
    for page in pages(graph, query, steps):
        data = page.get("data")
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise strange("an answer that is no list")
        found += data
    return found


def strange(detail: str) -> GraphError:
    """What came back is not as Meta's documents have it."""
    return GraphError(Reply("garbage", detail=detail), trouble=_STRANGE)
