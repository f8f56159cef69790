"""The Graph of the soak: what it does in which mood, and what it remembers."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.conftest import until
from tests.delivery.sink import Answer, Sink

from .graph import Graph, Moody, name_of
from .plan import Phase

EVENT = {"event_name": "PageView", "event_id": "a1", "event_source_url": "http://x/cart?v=g1-2"}
FOR_EVER = 1e9


def post(url: str, *events: dict[str, Any]) -> httpx.Response:
    # trust_env: a proxy of the environment would stand between.
    with httpx.Client(trust_env=False) as client:
        return client.post(url, json={"data": list(events)})


def moody(kind: str) -> Moody:
    graph = Moody([Phase(kind, 0.0, FOR_EVER)])
    graph.go()
    return graph


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (EVENT, "PageView g1-2"),
        (EVENT | {"event_source_url": "http://x/search?q=tea&v=u7-12"}, "PageView u7-12"),
        (EVENT | {"event_source_url": "http://x/"}, "PageView http://x/"),
        (EVENT | {"event_name": "Purchase", "custom_data": {"order_id": "9"}}, "Purchase 9"),
    ],
)
def test_event_is_known_by_its_label_or_order(event: dict[str, Any], name: str) -> None:
    assert name_of(event) == name


def test_remembers_how_often_each_id_came_and_what_it_left_unanswered() -> None:
    with closing(moody("quiet")) as graph:
        assert [post(graph.url, EVENT).json()["events_received"] for _ in range(2)] == [1, 1]
        assert graph.book.ledger() == {
            "times": {"PageView g1-2": {"a1": 2}},
            "unanswered": [],
            "calls": {"quiet": 2},
        }


@pytest.mark.parametrize("kind", ["torn", "half"])
def test_broken_answer_is_of_events_that_were_taken(kind: str) -> None:
    with closing(moody(kind)) as graph:
        with pytest.raises(httpx.TransportError):
            post(graph.url, EVENT)
        assert graph.book.ledger() == {
            "times": {"PageView g1-2": {"a1": 1}},
            "unanswered": ["a1"],
            "calls": {kind: 1},
        }


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("limit", 400), ("190", 401)])
def test_refused_events_are_not_taken(kind: str, status: int) -> None:
    with closing(moody(kind)) as graph:
        assert post(graph.url, EVENT).status_code == status
        assert graph.book.ledger() == {"times": {}, "unanswered": [], "calls": {kind: 1}}


def refuses(url: str) -> bool:
    try:
        post(url)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # it was just closing
        return False
    return False


def test_nobody_listens_while_it_is_down() -> None:
    with closing(moody("down")) as graph:
        assert until(lambda: refuses(graph.url))
        graph.well()
        assert post(graph.url).status_code == 200


def test_reset_within_an_answer_comes_after_its_first_bytes() -> None:
    sink = Sink(lambda _events: Answer(200, b'{"events_received":1}', cut=7, reset=True))
    with closing(sink), httpx.Client(trust_env=False) as client:
        request = client.build_request("POST", sink.url, json={"data": []})
        answer = client.send(request, stream=True)
        got = []
        with pytest.raises(httpx.ReadError):
            got.extend(answer.iter_raw())
        assert b"".join(got) in (b"", b'{"event')  # a reset may overtake what is not read yet
        answer.close()


def test_process_answers_each_word() -> None:
    graph = Graph(1, 60.0)
    with closing(graph):
        assert graph.ask("go") is None
        post(graph.url, EVENT)
        assert graph.ask("counts") == {"events": 1, "calls": 1}
        assert graph.ask("ledger")["times"] == {"PageView g1-2": {"a1": 1}}
        assert graph.ask("well") is None
