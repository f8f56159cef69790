"""An edge's rows, page after page: the cursor is followed only while Graph names a next page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.errors import asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pixelpair.graph.client import Graph, Query

# Graph's own default is 25; some edges refuse more than this.
PAGE: Final = 100
# A cursor that never ends: 1000 pages are 100,000 rows.
MAX_PAGES: Final = 1000


def pages(
    graph: Graph, query: Query, steps: Mapping[int, str] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Each page's document. Raises GraphError where one is refused.

    The address in `next` is not followed: it bears the token. Its presence tells that there is a
    page, `cursors.after` which; a cursor that comes again ends it.
    """
    params, seen = {"limit": str(PAGE), **query.params}, set[str]()
    for _ in range(MAX_PAGES):
        document = asked(graph, replace(query, params=params), steps)
        yield document
        after = _after(document)
        if after is None or after in seen:
            return
        seen.add(after)
        params = {**params, "after": after}


def rows(
    graph: Graph, query: Query, steps: Mapping[int, str] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Each row of each page."""
    for page in pages(graph, query, steps):
        data = page.get("data")
        yield from (row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def _after(document: Mapping[str, Any]) -> str | None:
    """The cursor of the next page, where there is one."""
    paging = document.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None
