"""Cursors are followed while Graph names a next page, and never for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.graph import paging
from pixelpair.graph.catalog_sources import link
from pixelpair.graph.errors import GraphError
from pixelpair.graph.paging import pages, rows

if TYPE_CHECKING:
    from pixelpair.graph.client import Graph

    from .meta import Meta

EDGE = "GET /v26.0/7/products"


def page(ids: list[str], after: str, *, more: bool = True) -> dict[str, Any]:
    told: dict[str, Any] = {"cursors": {"before": "b", "after": after}}
    if more:
        told["next"] = f"http://127.0.0.1:9/?access_token=EAAB&after={after}"
    return {"data": [{"id": one} for one in ids], "paging": told}


def test_goes_on_until_no_next_is_named(graph: Graph, meta: Meta) -> None:
    meta.say(EDGE, page(["1", "2"], "A"), page(["3"], "B"), page(["4"], "C", more=False))
    found = [row["id"] for row in rows(graph, meta.access.query("7", "products", fields="id"))]
    assert found == ["1", "2", "3", "4"]
    assert [heard.params for heard in meta.heard] == [
        {"fields": "id", "limit": "100"},
        {"fields": "id", "limit": "100", "after": "A"},
        {"fields": "id", "limit": "100", "after": "B"},
    ]


def test_the_callers_limit_stands(graph: Graph, meta: Meta) -> None:
    meta.say(EDGE, page([], "A", more=False))
    list(pages(graph, meta.access.query("7", "products", limit=5)))
    assert meta.heard[0].params == {"limit": "5"}


@pytest.mark.parametrize("paging", [None, [], {}, {"next": ""}, {"cursors": {"after": "A"}}])
def test_no_next_is_the_end(graph: Graph, meta: Meta, paging: object) -> None:
    meta.say(EDGE, {"data": [{"id": "1"}, 7], "paging": paging})
    assert list(rows(graph, meta.access.query("7", "products"))) == [{"id": "1"}]
    assert len(meta.heard) == 1


def told(graph: Graph, meta: Meta) -> tuple[list[Any], str]:
    """The rows that came, and why no more did."""
    found: list[Any] = []
    with pytest.raises(GraphError) as error:
        found.extend(row["id"] for row in rows(graph, meta.access.query("7", "products")))
    return found, str(error.value)


BROKEN = "Graph's list breaks off before its end ({}). Next: try again: what came is not all"


@pytest.mark.parametrize("cursors", [None, [], {}, {"after": ""}, {"after": 7}, {"before": "b"}])
def test_a_next_page_without_a_cursor_is_no_end(graph: Graph, meta: Meta, cursors: object) -> None:
    """Seen: the list ended there, and `link` would have posted half of what is linked."""
    meta.say(EDGE, {"data": [{"id": "1"}], "paging": {"next": "x", "cursors": cursors}})
    said = BROKEN.format("it names a next page, and no cursor to it")
    assert told(graph, meta)[1] == said
    assert len(meta.heard) == 1


def test_a_cursor_that_comes_again_is_no_end(graph: Graph, meta: Meta) -> None:
    meta.say(EDGE, page(["1"], "A"))
    assert told(graph, meta)[1] == BROKEN.format("its cursor comes again")
    assert len(meta.heard) == 2


@pytest.mark.parametrize("data", [None, {}, "x", 7])
def test_a_page_without_rows_is_no_end(graph: Graph, meta: Meta, data: object) -> None:
    meta.say(EDGE, {"data": data})
    assert told(graph, meta)[1] == BROKEN.format("a page has no rows")


def test_a_list_that_is_too_long_is_told(
    graph: Graph, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 3)
    meta.judge = lambda heard: page(["1"], f"c{len(meta.heard)}")
    assert told(graph, meta)[1] == (
        "the list is longer than is read here (more than 3 pages)."
        " Next: ask for a part of it, by a filter"
    )
    assert len(meta.heard) == 3


def test_a_list_as_long_as_is_read_is_whole(
    graph: Graph, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 3)
    meta.say(EDGE, page(["1"], "A"), page(["2"], "B"), page(["3"], "C", more=False))
    assert len(list(rows(graph, meta.access.query("7", "products")))) == 3


def test_link_posts_nothing_where_not_all_that_is_linked_was_read(graph: Graph, meta: Meta) -> None:
    linked = "GET /v26.0/7/external_event_sources"
    meta.say(linked, page(["11"], "A"))
    with pytest.raises(GraphError, match="breaks off"):
        link(graph, meta.access, "7", ["99"])
    assert meta.calls("POST") == []


def test_a_refusal_on_the_way_is_raised_after_what_came(graph: Graph, meta: Meta) -> None:
    meta.say(EDGE, page(["1"], "A"))
    meta.say(EDGE, {"error": {"code": 80009}}, status=400)
    found = rows(graph, meta.access.query("7", "products"))
    assert next(found) == {"id": "1"}
    with pytest.raises(GraphError, match="80009"):
        next(found)
