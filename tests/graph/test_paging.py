"""Cursors are followed while Graph names a next page, and never for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.graph import paging
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


@pytest.mark.parametrize(
    "paging",
    [
        *(None, [], {}, {"next": "x"}, {"next": "x", "cursors": []}, {"next": "x", "cursors": {}}),
        *({"next": "x", "cursors": {"after": ""}}, {"cursors": {"after": "A"}}),
    ],
)
def test_strange_paging_is_the_end(graph: Graph, meta: Meta, paging: object) -> None:
    meta.say(EDGE, {"data": [{"id": "1"}, 7], "paging": paging})
    assert list(rows(graph, meta.access.query("7", "products"))) == [{"id": "1"}]
    assert len(meta.heard) == 1


def test_a_cursor_that_comes_again_is_the_end(graph: Graph, meta: Meta) -> None:
    meta.say(EDGE, page(["1"], "A"))
    assert len(list(pages(graph, meta.access.query("7", "products")))) == 2


def test_pages_are_bounded(graph: Graph, meta: Meta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 3)
    meta.judge = lambda heard: page(["1"], f"c{len(meta.heard)}")
    assert len(list(pages(graph, meta.access.query("7", "products")))) == 3


def test_a_refusal_on_the_way_is_raised_after_what_came(graph: Graph, meta: Meta) -> None:
    meta.say(EDGE, page(["1"], "A"))
    meta.say(EDGE, {"error": {"code": 80009}}, status=400)
    found = rows(graph, meta.access.query("7", "products"))
    assert next(found) == {"id": "1"}
    with pytest.raises(GraphError, match="80009"):
        next(found)


def test_no_data_is_no_rows(graph: Graph, meta: Meta) -> None:
    meta.say(EDGE, {"data": None})
    assert list(rows(graph, meta.access.query("7", "products"))) == []
