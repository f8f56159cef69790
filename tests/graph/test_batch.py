"""Graph's batch: at most fifty at once, and each part has a reply of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pixelpair.graph.batch import MOST, Part, together
from pixelpair.graph.client import Reply
from pixelpair.graph.errors import GraphError

if TYPE_CHECKING:
    from pixelpair.graph.client import Graph

    from .meta import Heard, Meta

GONE = Reply("silence", detail="no answer in the batch")


def test_parts_leave_in_one_call_and_are_answered_in_order(graph: Graph, meta: Meta) -> None:
    error = {"error": {"code": 100, "message": "no"}}
    answers = [
        {"code": 200, "body": '{"id":"1"}'},
        {"code": 400, "body": json.dumps(error)},
        None,
        {"code": 200, "body": "true"},
    ]
    meta.say("POST /v26.0", answers)
    parts = [
        Part("POST", ("7", "vehicles"), {"make": "Ä", "images": [{"image_url": "u"}], "x": None}),
        Part("GET", ("7",), {"fields": "id"}),
        Part("GET", ("8",)),
        Part("DELETE", ("9", "users"), {"user": "1"}),
    ]
    assert list(together(graph, meta.access, parts)) == [
        Reply("answered", 200, document={"id": "1"}),
        Reply("refused", 400, 100, message="no"),
        GONE,
        Reply("answered", 200, document={"success": True}),
    ]
    (heard,) = meta.heard
    assert heard.body["include_headers"] is False
    body = "make=%C3%84&images=%5B%7B%22image_url%22%3A%22u%22%7D%5D"
    assert json.loads(heard.body["batch"]) == [
        {"method": "POST", "relative_url": "7/vehicles", "body": body},
        {"method": "GET", "relative_url": "7?fields=id"},
        {"method": "GET", "relative_url": "8"},
        {"method": "DELETE", "relative_url": "9/users?user=1"},
    ]


def test_more_than_fifty_are_several_calls(graph: Graph, meta: Meta) -> None:
    def judge(heard: Heard) -> object:
        batch = json.loads(heard.body["batch"])
        return [{"code": 200, "body": json.dumps({"id": row["relative_url"]})} for row in batch]

    meta.judge = judge
    parts = (Part("GET", (str(number),)) for number in range(MOST * 2 + 1))
    found = [reply.document for reply in together(graph, meta.access, parts)]
    assert found == [{"id": str(number)} for number in range(MOST * 2 + 1)]
    assert [len(json.loads(heard.body["batch"])) for heard in meta.heard] == [50, 50, 1]


@pytest.mark.parametrize("answer", [[], {"data": None}, [7], [{"code": "200"}], [None, 1, 2]])
def test_what_is_not_answered_is_silence(graph: Graph, meta: Meta, answer: object) -> None:
    meta.say("POST /v26.0", answer)
    assert list(together(graph, meta.access, [Part("GET", ("1",))])) == [GONE]


def test_a_refused_batch_is_raised(graph: Graph, meta: Meta) -> None:
    meta.refuse("POST /v26.0", 190)
    with pytest.raises(GraphError, match="190"):
        list(together(graph, meta.access, [Part("GET", ("1",))]))
