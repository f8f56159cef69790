"""Events and data set quality as calls of a Graph batch."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .goods import BEARER, PIXEL


def event(one: str, **changes) -> dict:
    sound = {
        "event_name": "Lead",
        "event_time": int(time.time()),
        "event_id": one,
        "action_source": "email",
        "user_data": {"external_id": "a" * 64},
    }
    return {**sound, **changes}


def posting(data: object, **changes) -> dict:
    form = {"data": data if isinstance(data, str) else json.dumps(data)}
    call = {"method": "POST", "relative_url": f"v26.0/{PIXEL}/events", "body": urlencode(form)}
    return {**call, **changes}


def batch(sandbox, *calls, **given):
    told = {"batch": json.dumps(calls), **given}
    return sandbox.client.post("/v26.0", data=told, headers=BEARER).json()


def test_fifty_calls_of_events_are_taken(sandbox):
    calls = [posting([event(f"e{n}")]) for n in range(50)]
    rows = batch(sandbox, *calls)
    assert [row["code"] for row in rows] == [200] * 50
    for row in rows:
        told = json.loads(row["body"])
        assert (told["events_received"], told["messages"]) == (1, [])
        assert {head["name"] for head in row["headers"]} >= {"content-type", "content-length"}
    found = sandbox.events()
    assert [row["event_id"] for row in found] == [f"e{n}" for n in range(50)]
    assert {row["status"] for row in found} == {"server_only"}


@pytest.mark.parametrize(
    ("call", "numbers"),
    [
        (posting([event("x", event_time=5)]), (100, 2804003)),
        (posting("no json"), (100, None)),
        (posting("{}"), (100, None)),
        (posting([]), (100, None)),
        (posting([event("x")], body=""), (100, None)),
        (posting([event("x")], relative_url="act_5/events"), (100, 33)),
        (posting([event("x")], method="GET"), (100, 33)),
    ],
)
def test_a_call_that_is_refused_leaves_the_others_alone(sandbox, call, numbers):
    rows = batch(sandbox, posting([event("a")]), call, posting([event("b")]))
    assert [row["code"] for row in rows] == [200, 400, 200]
    error = json.loads(rows[1]["body"])["error"]
    assert (error["code"], error.get("error_subcode")) == numbers
    assert [row["event_id"] for row in sandbox.events()] == ["a", "b"]


def test_a_refused_call_is_shown_as_a_rejected_batch(sandbox):
    batch(sandbox, posting([event("x", event_time=5)]))
    [row] = sandbox.client.get("/api/rejections").json()["rejections"]
    assert (row["pixel_id"], row["count"], row["error"]["code"]) == (PIXEL, 1, 100)
    assert row["events"] == [{"name": "Lead", "event_id": "x"}]


def test_a_fault_of_events_meets_one_call_of_a_batch(sandbox):
    sandbox.client.post("/api/faults", json={"status": 503, "count": 1})
    rows = batch(sandbox, posting([event("a")]), posting([event("b")]))
    assert [row["code"] for row in rows] == [503, 200]
    assert [row["event_id"] for row in sandbox.events()] == ["b"]


CALL = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "POST", "DELETE", "post", "PUT", "", 5, None]),
        "relative_url": st.text(max_size=30)
        | st.from_regex(r"(/|v26\.0/)?[a-z0-9:]{1,5}/(events|products)?(\?[&=%a-z0-9]{0,9})?"),
        "body": st.text(max_size=20) | st.none() | st.integers(),
    },
)


@given(st.lists(CALL | st.text(max_size=3) | st.none(), min_size=1, max_size=5))
def test_no_call_breaks_a_batch(running, calls):
    told = running.client.post("/v26.0", json={"batch": calls}, headers=BEARER).json()
    assert [sorted(row) for row in told] == [["body", "code", "headers"]] * len(calls)
    assert {row["code"] for row in told} <= {200, 400}


def test_quality_and_catalogs_come_along(sandbox):
    calls = (
        posting([event("a")]),
        {"method": "GET", "relative_url": f"dataset_quality?dataset_id={PIXEL}"},
        {"method": "GET", "relative_url": "dataset_quality"},
        {"method": "POST", "relative_url": "1/owned_product_catalogs", "body": "name=Shop"},
    )
    rows = batch(sandbox, *calls, include_headers="false")
    assert [sorted(row) for row in rows] == [["body", "code"]] * 4
    assert [row["code"] for row in rows] == [200, 200, 400, 200]
    assert "web" in json.loads(rows[1]["body"])
