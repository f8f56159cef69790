"""An edge's rows, page after page: the cursor is followed only while Graph names a next page.

A list that is not read to its end raises: who goes on from half of it takes the rest for gone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.client import Reply
from pixelpair.graph.errors import GraphError, Trouble, asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pixelpair.graph.client import Graph, Query

# Graph's own default is 25; some edges refuse more than this.
PAGE: Final = 100
# A cursor that never ends: 1000 pages are 100,000 rows.
MAX_PAGES: Final = 1000
_BROKEN: Final = Trouble(
    "unanswered", "Graph's list breaks off before its end", "try again: what came is not all"
)
_ENDLESS: Final = Trouble(
    "too large", "the list is longer than is read here", "ask for a part of it, by a filter"
)


def pages(
    graph: Graph, query: Query, steps: Mapping[int, str] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Each page's document. Raises GraphError where one is refused, or the list has no end.

    The address in `next` is not followed: it bears the token. Its presence tells that there is a
    page, `cursors.after` which.
    """
    params, seen = {"limit": str(PAGE), **query.params}, set[str]()
    for _ in range(MAX_PAGES):
        document = asked(graph, replace(query, params=params), steps)
        yield document
        if not _has_next(document):
            return
        after = _after(document)
        if after in seen:
            raise _broken("its cursor comes again")
        seen.add(after)
        params = {**params, "after": after}
    raise GraphError(Reply("garbage", detail=f"more than {MAX_PAGES} pages"), trouble=_ENDLESS)


def rows(
    graph: Graph, query: Query, steps: Mapping[int, str] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Each row of each page."""
    for page in pages(graph, query, steps):
        data = page.get("data")
        if not isinstance(data, list):
            raise _broken("a page has no rows")
        yield from (row for row in data if isinstance(row, dict))


def _has_next(document: Mapping[str, Any]) -> bool:
    paging = document.get("paging")
    return isinstance(paging, dict) and bool(paging.get("next"))


def _after(document: Mapping[str, Any]) -> str:
    """The cursor of the next page."""
    cursors = document["paging"].get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if not isinstance(after, str) or not after:
        raise _broken("it names a next page, and no cursor to it")
    return after


def _broken(detail: str) -> GraphError:
    return GraphError(Reply("garbage", detail=detail), trouble=_BROKEN)
