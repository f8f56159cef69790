"""The Graph client against a real server: whatever comes back is a Reply, and no token shows."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.graph.client import (
    CONNECTIONS,
    MAX_BLAMED,
    MAX_WAIT,
    Call,
    Graph,
    Reply,
    read_reply,
)

from ..delivery.sink import Answer, Sink, accepted, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "EAAB-very-secret"
BODY = b'{"data":[{"event_id":"1"}]}'


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph(timeout=1.0) as client:
        yield client


def post(graph: Graph, sink: Sink) -> Reply:
    return graph.send(Call(f"{sink.url}/v26.0/1/events", BODY, TOKEN, 1))


def test_a_success_says_how_many_were_received(graph: Graph, sink: Sink) -> None:
    assert post(graph, sink) == Reply("accepted", 200, received=1, trace="A1")
    assert sink.events == [{"event_id": "1"}]


def test_calls_share_one_connection(graph: Graph, sink: Sink) -> None:
    for _ in range(5):
        post(graph, sink)
    assert (len(sink.calls), sink.connections) == (5, 1)


def test_the_token_travels_in_its_header_only(graph: Graph, sink: Sink) -> None:
    post(graph, sink)
    (headers,) = sink.headers
    assert headers.pop("Authorization") == f"Bearer {TOKEN}"
    assert sink.paths == ["/v26.0/1/events"]
    assert TOKEN not in str(headers)
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept-Encoding"] == "identity"


def test_no_representation_shows_token_or_body() -> None:
    text = repr(Call("http://x/", BODY, TOKEN, 1)) + str(Call("http://x/", BODY, TOKEN, 1))
    assert TOKEN not in text
    assert "event_id" not in text


@pytest.mark.parametrize("token", ["line\nbreak", "nul\0", "å", "snow☃man", ""])
def test_an_unsendable_token_is_no_exception(graph: Graph, sink: Sink, token: str) -> None:
    reply = graph.send(Call(f"{sink.url}/", BODY, token, 1))
    assert reply.kind in ("silence", "accepted")
    assert "break" not in reply.detail


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "ftp://x/", "http://[::1"])
def test_an_impossible_address_is_silence(graph: Graph, url: str) -> None:
    assert graph.send(Call(url, BODY, TOKEN, 1)).kind == "silence"


def test_graphs_error_is_read_whole(graph: Graph, sink: Sink) -> None:
    sink.answer = lambda events: refused(
        100, 2804009, is_transient=False, error_user_title="Missing\nValue", fbtrace_id="T"
    )
    assert post(graph, sink) == Reply(
        "refused", 400, 100, 2804009, False, title="Missing Value", trace="T"
    )


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Answer(500, b"<html>oops"), "HTTP 500 with an HTML page"),
        (Answer(200, b" <!doctype html>"), "HTTP 200 with an HTML page"),
        (Answer(200, b""), "HTTP 200 with no JSON object"),
        (Answer(200, b"[1]"), "HTTP 200 with no JSON object"),
        (Answer(200, b"\xff\xfe\x00"), "HTTP 200 with no JSON object"),
        (Answer(200, b'{"ok":1}'), "HTTP 200 with unknown JSON"),
        (Answer(200, b'{"events_received":1,"success":false}'), "HTTP 200 with unknown JSON"),
        (Answer(500, b'{"events_received":1}'), "HTTP 500 with unknown JSON"),
        (Answer(200, b"x" * 1_000_000), "an answer that is too long"),
    ],
)
def test_what_graph_would_not_say_is_garbage(
    graph: Graph, sink: Sink, answer: Answer, detail: str
) -> None:
    sink.answer = lambda events: answer
    assert post(graph, sink) == Reply("garbage", answer.status, detail=detail)


def test_goes_on_after_an_answer_that_was_too_long(graph: Graph, sink: Sink) -> None:
    sink.answer = lambda events: Answer(200, b"x" * 1_000_000)
    post(graph, sink)
    sink.answer = accepted
    assert post(graph, sink).kind == "accepted"


def test_a_redirect_is_not_followed(graph: Graph, sink: Sink) -> None:
    sink.answer = lambda events: Answer(307, b"", {"Location": f"{sink.url}/elsewhere"})
    assert post(graph, sink).status == 307
    assert len(sink.calls) == 1


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Answer(reset=True), "ReadError"),
        (Answer(200, b'{"events_received":1}', cut=8), "RemoteProtocolError"),
        (Answer(200, b"{}", {"Bad Header": "x"}), "RemoteProtocolError"),
    ],
)
def test_a_broken_conversation_is_silence(
    graph: Graph, sink: Sink, answer: Answer, detail: str
) -> None:
    sink.answer = lambda events: answer
    assert post(graph, sink) == Reply("silence", detail=detail)


def test_nobody_listening_is_silence(graph: Graph) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    assert graph.send(Call(url, BODY, TOKEN, 1)) == Reply("silence", detail="ConnectError")


def test_a_slow_answer_is_silence(sink: Sink) -> None:
    answered = threading.Event()

    def late(events: list[dict[str, object]]) -> Answer:
        answered.wait(5)
        return Answer()

    sink.answer = late
    with Graph(timeout=0.1) as graph:
        assert post(graph, sink) == Reply("silence", detail="ReadTimeout")
    answered.set()


def test_an_answer_that_drips_is_cut_off() -> None:
    """Each byte came within the read timeout; the whole would have taken for ever."""

    def drip() -> Iterator[bytes]:
        while True:
            yield b" "

    answer = httpx.MockTransport(lambda request: httpx.Response(200, content=drip()))
    with Graph(timeout=0.0, transport=answer) as graph:
        reply = graph.send(Call("http://x/", BODY, TOKEN, 1))
    assert reply == Reply("silence", detail="ReadTimeout")


def test_a_machine_of_ours_is_not_looked_for_behind_a_proxy(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with Graph(timeout=1) as graph:
        assert post(graph, sink).kind == "accepted"
        assert graph.send(Call("http://shop.invalid/", BODY, TOKEN, 1)).detail == "ConnectError"


def test_a_forked_child_opens_its_own_connection(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Graph(timeout=1) as graph:
        post(graph, sink)
        parents = graph._client
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            post(graph, sink)
            assert sink.connections == 2
            graph.close()
        assert parents is not None
        parents.close()


def test_a_closed_client_opens_again(graph: Graph, sink: Sink) -> None:
    post(graph, sink)
    graph.close()
    assert post(graph, sink).kind == "accepted"


def test_threads_share_a_few_connections(graph: Graph, sink: Sink) -> None:
    together = threading.Barrier(CONNECTIONS)

    def answer(events: list[dict[str, object]]) -> Answer:
        together.wait(5)
        return accepted(events)

    sink.answer = answer
    threads = [threading.Thread(target=post, args=(graph, sink)) for _ in range(CONNECTIONS * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(sink.events), sink.connections) == (CONNECTIONS * 2, CONNECTIONS)


# --- reading -------------------------------------------------------------------------------


def waiting(**headers: str) -> float:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_reply(429, names, b'{"error":{"code":4}}').wait


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("999999999999999", MAX_WAIT),
        ("-5", 0.0),
        ("soon", 0.0),
        ("١٢", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("Fri, 31 Dec 2999 23:59:59 GMT", MAX_WAIT),
        ("Fri, 99 Foo 2999", 0.0),
    ],
)
def test_reads_retry_after(value: str, seconds: float) -> None:
    assert waiting(retry_after=value) == seconds


def test_reads_the_regain_time_of_the_usage_header() -> None:
    usage = {"7": [{"type": "ads", "estimated_time_to_regain_access": 5}, {"call_count": 3}]}
    assert waiting(x_business_use_case_usage=json.dumps(usage), retry_after="60") == 300.0


@pytest.mark.parametrize("usage", ["{", "[]", '{"1": 2}', '{"1": [7]}', '{"1": [{}]}', "[" * 9999])
def test_a_strange_usage_header_asks_for_nothing(usage: str) -> None:
    assert waiting(x_business_use_case_usage=usage) == 0.0


@given(st.text())
def test_any_header_is_read(text: str) -> None:
    assert 0.0 <= waiting(retry_after=text, x_business_use_case_usage=text) <= MAX_WAIT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:01:40 GMT", 100.0),
        ("Thu, 01 Jan 1970 00:01:40 -0000", 100.0),
        ("Fri, 99 Foo 2999", None),
        ("soon", None),
        ("", None),
    ],
)
def test_reads_graphs_clock(value: str, seconds: float | None) -> None:
    taken, refusal = b'{"events_received":1}', b'{"error":{"code":4}}'
    assert read_reply(200, {"date": value}, taken).date == seconds
    assert read_reply(400, {"date": value}, refusal).date == seconds


def test_the_clock_of_what_is_not_graph_is_nobodys() -> None:
    headers = {"date": "Thu, 01 Jan 1970 00:01:40 GMT"}
    assert read_reply(502, headers, b"<html>").date is None


def blamed(data: object) -> tuple[tuple[str, ...], ...]:
    body = json.dumps({"error": {"code": 100, "error_data": data}})
    return read_reply(400, {}, body.encode()).blamed


PATH = ["data", "0", "user_data", "fbc"]


def test_reads_whom_and_what_meta_blames() -> None:
    specs = {"blame_field_specs": [PATH, ["data", 7, "custom_data", "value"]]}
    found = (tuple(PATH), ("data", "7", "custom_data", "value"))
    assert blamed(specs) == found
    assert blamed(json.dumps(specs)) == found


@pytest.mark.parametrize(
    "specs",
    [None, "x", {}, PATH, [[]], [[["data"]]], [["a"] * 9], [["x" * 61]], [[1.5]], [[True]], [None]],
)
def test_strange_blame_is_none(specs: object) -> None:
    assert blamed({"blame_field_specs": specs}) == ()


@pytest.mark.parametrize("data", ["{", "[" * 9999, "7", 7, [PATH], {"blame": [PATH]}])
def test_strange_error_data_blames_nobody(data: object) -> None:
    assert blamed(data) == ()


def test_blame_has_bounds() -> None:
    assert len(blamed({"blame_field_specs": [PATH] * 5000})) == MAX_BLAMED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ERRORS = st.dictionaries(
    st.sampled_from(
        [
            *("code", "error_subcode", "is_transient", "error_user_title", "fbtrace_id"),
            *("message", "error_data"),
        ]
    ),
    JSON,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={"error": ERRORS | JSON, "events_received": JSON, "messages": JSON, "success": JSON},
)


@given(st.integers(100, 599), ANSWERS)
def test_any_json_is_a_reply_with_plain_parts(status: int, answer: object) -> None:
    reply = read_reply(status, {}, json.dumps(answer).encode())
    assert reply.kind in ("accepted", "refused", "garbage")
    for number in (reply.code, reply.subcode, reply.received):
        assert number is None or type(number) is int
    assert all(text.isprintable() for text in (reply.title, reply.trace, *reply.messages))
    assert len(reply.title) <= 80
    assert len(reply.blamed) <= MAX_BLAMED
    assert all(type(name) is str for path in reply.blamed for name in path)


@given(JSON)
def test_any_blame_is_paths_of_names(specs: object) -> None:
    for path in blamed({"blame_field_specs": specs}):
        assert path
        assert all(type(name) is str and len(name) <= 60 for name in path)


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_bytes_are_a_reply(status: int, body: bytes) -> None:
    assert read_reply(status, {}, body).status == status


def test_numbers_in_quotes_are_numbers() -> None:
    body = b'{"error":{"code":"190","error_subcode":"-1"}}'
    assert read_reply(401, {}, body) == Reply("refused", 401, code=190, subcode=-1)


def test_an_error_without_numbers_is_still_a_refusal() -> None:
    assert read_reply(400, {}, b'{"error":{}}') == Reply("refused", 400)
