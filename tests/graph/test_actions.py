"""Queries and actions against a real server: what leaves, and every shape of answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.graph.access import Access
from pixelpair.graph.client import MAX_DOCUMENT, Action, Query, Reply, appsecret_proof
from pixelpair.graph.errors import GraphError, asked
from pixelpair.graph.replies import MAX_REGAIN, read_document

from .meta import TOKEN, Heard, Meta

if TYPE_CHECKING:
    from pixelpair.graph.client import Graph

PROOF = hmac.new(b"app-secret", TOKEN.encode(), hashlib.sha256).hexdigest()


def test_a_post_is_json_and_its_token_a_header(graph: Graph, meta: Meta) -> None:
    meta.say("POST /v26.0/7/users", {"success": True})
    body = {"user": "12", "tasks": ["MANAGE"], "left_out": None}
    reply = graph.act(meta.access.action("POST", "7", "users", body=body))
    assert reply == Reply("answered", 200, document={"success": True})
    assert meta.heard == [
        Heard("POST", "/v26.0/7/users", {}, {"user": "12", "tasks": ["MANAGE"]}),
    ]
    assert meta.heard[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_body_of_bytes_travels_as_it_is(graph: Graph, meta: Meta) -> None:
    meta.say("POST /v26.0/7/items_batch", {"handles": ["h"]})
    graph.act(meta.access.action("POST", "7", "items_batch", body=b'{"requests":[]}'))
    assert meta.heard[0].body == {"requests": []}


def test_a_delete_has_its_body_in_the_address(graph: Graph, meta: Meta) -> None:
    meta.say("DELETE /v26.0/7/external_event_sources", {"success": True})
    body = {"external_event_sources": ["99"], "flag": True, "word": "a b"}
    graph.act(meta.access.action("DELETE", "7", "external_event_sources", body=body))
    told = {"external_event_sources": '["99"]', "flag": "true", "word": "a b"}
    assert meta.calls("DELETE") == [("/v26.0/7/external_event_sources", told)]


def test_files_make_it_a_form(graph: Graph, meta: Meta) -> None:
    meta.say("POST /v26.0/9/uploads", {"id": "1"})
    files = {"file": ("feed.csv", b"id,title\n", "text/csv")}
    body = {"update_only": True}
    graph.act(meta.access.action("POST", "9", "uploads", body=body, files=files))
    (heard,) = meta.heard
    assert heard.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="update_only"\r\n\r\ntrue\r\n' in heard.body
    assert b'name="file"; filename="feed.csv"\r\nContent-Type: text/csv' in heard.body


def test_the_proof_shows_that_the_app_asks(graph: Graph, meta: Meta) -> None:
    """Where there is a body it is in there; a GET and a DELETE have no other place than the URL."""
    for call in ("GET /v26.0/7", "DELETE /v26.0/7", "POST /v26.0/7"):
        meta.say(call, {"success": True})
    access = Access(meta.url, "v26.0", TOKEN, "app-secret")
    graph.ask(access.query("7", fields="id"))
    graph.act(access.action("DELETE", "7", body={"user": "1"}))
    bodies: list[Any] = [{"name": "n"}, b'{"requests":[{"a":1}]}', b"{}"]
    for body in bodies:
        graph.act(access.action("POST", "7", body=body))
    assert [(heard.params, heard.body) for heard in meta.heard] == [
        ({"fields": "id", "appsecret_proof": PROOF}, None),
        ({"user": "1", "appsecret_proof": PROOF}, None),
        ({}, {"name": "n", "appsecret_proof": PROOF}),
        ({}, {"requests": [{"a": 1}], "appsecret_proof": PROOF}),
        ({}, {"appsecret_proof": PROOF}),
    ]
    files = {"file": ("feed.csv", b"id\n", "text/csv")}
    graph.act(access.action("POST", "7", body={}, files=files))
    assert f'name="appsecret_proof"\r\n\r\n{PROOF}\r\n'.encode() in meta.heard[-1].body
    assert appsecret_proof("", TOKEN) == ""


def test_no_log_shows_token_or_proof(
    graph: Graph, meta: Meta, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen: httpx logs each address, at INFO, and the proof stood in it."""
    for name in ("", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name or None)
    meta.say("GET /v26.0/7", {"id": "7"})
    meta.say("DELETE /v26.0/7", {"success": True})
    meta.say("POST /v26.0/7", {"success": True})
    access = Access(meta.url, "v26.0", TOKEN, "app-secret")
    graph.ask(access.query("7", fields="id"))
    graph.act(access.action("DELETE", "7", body={"user": "1"}))
    graph.act(access.action("POST", "7", body={"name": "n"}))
    assert [heard.params.get("appsecret_proof") for heard in meta.heard] == [PROOF, PROOF, None]
    assert "fields=id&appsecret_proof=(hidden)" in caplog.text
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"httpx", "httpcore"}
    everything = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert not [word for word in (TOKEN, "app-secret", PROOF) if word in everything]


def test_no_representation_shows_token_secret_or_body() -> None:
    access = Access("http://x", "v26.0", TOKEN, "app-secret")
    made: list[object] = [access, access.query("1"), access.action("POST", "1", body={"a": "anna"})]
    for text in map(repr, made):
        assert not [word for word in (TOKEN, "app-secret", PROOF, "anna") if word in text]


def test_a_path_cannot_leave_its_place(meta: Meta) -> None:
    assert meta.access.url("../7?x", "a/b") == f"{meta.url}/v26.0/..%2F7%3Fx/a%2Fb"


@pytest.mark.parametrize(
    ("answer", "document"),
    [
        (b"[1,2]", {"data": [1, 2]}),
        (b"true", {"success": True}),
        (b'{"id":"1"}', {"id": "1"}),
    ],
)
def test_each_shape_of_answer_is_a_document(
    graph: Graph, meta: Meta, answer: bytes, document: dict[str, Any]
) -> None:
    meta.say("POST /v26.0/7", answer)
    assert graph.act(meta.access.action("POST", "7")) == Reply("answered", 200, document=document)


@pytest.mark.parametrize("answer", [b"false", b'{"success":false}'])
def test_no_success_is_a_refusal(graph: Graph, meta: Meta, answer: bytes) -> None:
    meta.say("POST /v26.0/7", answer)
    reply = graph.act(meta.access.action("POST", "7"))
    assert reply == Reply("refused", 200, detail="Meta answers that it did not succeed")


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"Service Unavailable", "HTTP 200 with no JSON object"),
        (b"<html>", "HTTP 200 with an HTML page"),
        (b"7", "HTTP 200 with no JSON object"),
    ],
)
def test_what_graph_would_not_say_is_garbage(
    graph: Graph, meta: Meta, answer: bytes, detail: str
) -> None:
    meta.say("POST /v26.0/7", answer)
    assert graph.act(meta.access.action("POST", "7")) == Reply("garbage", 200, detail=detail)


def test_an_error_of_a_good_status_is_a_refusal(graph: Graph, meta: Meta) -> None:
    meta.say("GET /v26.0/7", {"error": {"code": 1, "message": "Please reduce"}})
    reply = graph.ask(meta.access.query("7"))
    assert reply == Reply("refused", 200, 1, message="Please reduce")


def test_a_full_batchs_answer_is_read_and_a_longer_one_is_told(graph: Graph, meta: Meta) -> None:
    """3000 ids of 100 characters, each with a message of 200, and JSON escapes all of these."""
    said = [{"message": "\u010d" * 200}]
    verdicts = [{"retailer_id": f"{n:0100}", "errors": said} for n in range(3000)]
    meta.say("POST /v26.0/7", {"validation_status": verdicts})
    reply = graph.act(meta.access.action("POST", "7"))
    assert reply == Reply("answered", 200, document={"validation_status": verdicts})
    meta.say("GET /v26.0/7", b'"' + b"x" * MAX_DOCUMENT + b'"')
    with pytest.raises(GraphError, match="ask for less at once") as told:
        asked(graph, meta.access.query("7"))
    assert told.value.trouble.kind == "too large"


def refusal(**error: Any) -> Reply:
    return read_document(400, {}, json.dumps({"error": {"code": 100, **error}}).encode(), TOKEN)


def test_the_message_is_the_one_for_people() -> None:
    assert refusal(message="(#100) x", error_user_msg="Zadejte\nčíslo").message == "Zadejte číslo"
    assert refusal(message="(#100) x", error_user_msg="").message == "(#100) x"
    assert refusal().message == ""


def test_a_message_shows_no_token() -> None:
    said = refusal(message=f"Malformed access token {TOKEN} (EAACEdEose0cBA|x)").message
    assert said == "Malformed access token (hidden) ((hidden))"
    assert refusal(message="x" * 9999).message == "x" * 400


def test_the_regain_time_is_in_minutes_and_the_usage_in_percent() -> None:
    buc = {
        "77": [
            {"type": "catalog_management", "call_count": 12, "total_time": 100},
            {"type": "catalog_batch", "call_count": 98, "estimated_time_to_regain_access": 90},
        ]
    }
    headers = {
        "x-business-use-case-usage": json.dumps(buc),
        "x-app-usage": '{"call_count":28,"total_time":25,"total_cputime":24}',
    }
    reply = read_document(400, headers, b'{"error":{"code":80014}}')
    assert reply == Reply("refused", 400, 80014, wait=5400.0, usage=100.0)


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "7", '{"1": 2}', '{"1": [7]}', '{"call_count": "9"}', "[" * 9999]
)
def test_a_strange_usage_header_says_nothing(value: str) -> None:
    headers = {"x-app-usage": value, "x-business-use-case-usage": value}
    assert read_document(200, headers, b"{}") == Reply("answered", 200, document={})


@given(st.text(), st.binary(max_size=200), st.integers(100, 599))
def test_any_answer_is_a_reply(header: str, body: bytes, status: int) -> None:
    reply = read_document(status, {"x-app-usage": header}, body, TOKEN)
    assert reply.status == status
    assert 0 <= reply.wait <= MAX_REGAIN


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ERRORS = st.dictionaries(st.sampled_from(["code", "message", "error_user_msg"]), JSON)


@given(JSON | st.fixed_dictionaries({"error": JSON | ERRORS}))
def test_any_json_is_a_reply_with_plain_words(answer: object) -> None:
    reply = read_document(400, {}, json.dumps(answer).encode(), TOKEN)
    assert reply.kind in ("refused", "garbage")
    assert reply.message.isprintable()


def test_nobody_listening_is_silence(graph: Graph) -> None:
    action = Action("POST", "http://127.0.0.1:9/", {}, TOKEN)
    assert graph.act(action) == Reply("silence", detail="ConnectError")
    assert graph.ask(Query("http://127.0.0.1:9/", {}, TOKEN)).kind == "silence"
