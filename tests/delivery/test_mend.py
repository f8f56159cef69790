"""What is left out of a refused event: the field that Meta names, if the event can do without."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import Twin
from pixelpair.delivery.dispatch import Dispatch, Round
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.mend import blamed, clamped, is_future, without
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call
from pixelpair.sandbox.server import running

if TYPE_CHECKING:
    from .conftest import Clock

LINES = [{"id": "a"}, {"id": ""}, {"id": "c"}]
EVENT = {
    "event_name": "Purchase",
    "event_time": 1000,
    "event_id": "e-1",
    "action_source": "website",
    "event_source_url": "https://shop/",
    "referrer_url": "https://other/",
    "user_data": {"client_user_agent": "M", "fbc": "fb.bad", "em": ["1", "2"], "ph": ["3"]},
    "custom_data": {"value": 1.5, "currency": "SEK", "contents": LINES, "content_name": "n"},
    "data_processing_options": ["LDU"],
}


def twin(name: str = "Purchase") -> Twin:
    event = {**EVENT, "event_name": name}
    return Twin("111", name, "e-1", 1000, orjson.dumps(event), consent="granted")


def left(name: str, *paths: str) -> tuple[dict[str, object], list[str]]:
    """The event without these (dotted) paths, and what is said to be dropped."""
    mended, dropped = without(twin(name), [tuple(path.split(".")) for path in paths])
    assert mended._replace(body=b"") == twin(name)._replace(body=b"")
    return orjson.loads(mended.body), dropped


@pytest.mark.parametrize(
    ("path", "dropped", "part", "value"),
    [
        ("user_data.fbc", "user_data.fbc", "user_data", None),
        ("user_data.ph", "user_data.ph", "user_data", None),
        ("user_data.ph.0", "user_data.ph", "user_data", None),
        ("user_data.em.1", "user_data.em[1]", "user_data", ["1"]),
        ("user_data.em.7", "user_data.em", "user_data", None),
        ("custom_data.content_name", "custom_data.content_name", "custom_data", None),
        ("custom_data.contents", "custom_data.contents", "custom_data", None),
        (
            "custom_data.contents.1.id",
            "custom_data.contents[1]",
            "custom_data",
            [{"id": "a"}, {"id": "c"}],
        ),
    ],
)
def test_a_field_that_nobody_needs_is_left_out(
    path: str, dropped: str, part: str, value: object
) -> None:
    found, said = left("Purchase", path)
    assert said == [dropped]
    key = path.split(".")[1]
    expected = {k: v for k, v in EVENT[part].items() if k != key}  # type: ignore[attr-defined]
    if value is not None:
        expected[key] = value
    assert found == {**EVENT, part: expected}


def test_the_referrer_may_go() -> None:
    found, said = left("Purchase", "referrer_url")
    assert said == ["referrer_url"]
    assert found == {key: value for key, value in EVENT.items() if key != "referrer_url"}


@pytest.mark.parametrize(
    "path",
    [
        "event_name",
        "event_time",
        "event_id",
        "action_source",
        "event_source_url",
        "user_data",
        "custom_data",
        "user_data.client_user_agent",
        "custom_data.value",
        "custom_data.currency",
        "data_processing_options",
        "user_data.unknown",
        "nonsense.fbc",
        "",
    ],
)
def test_what_the_event_needs_and_what_protects_the_visitor_stays(path: str) -> None:
    assert without(twin(), [tuple(path.split("."))]) == (twin(), [])


def test_several_lines_of_a_cart_go_together() -> None:
    found, said = left("Purchase", "custom_data.contents.0.id", "custom_data.contents.2.quantity")
    assert said == ["custom_data.contents[2]", "custom_data.contents[0]"]
    assert found["custom_data"]["contents"] == [{"id": ""}]  # type: ignore[index]


def test_a_sum_does_not_stay_without_its_currency() -> None:
    found, said = left("AddToCart", "custom_data.currency")
    assert said == ["custom_data.currency"]
    assert found["custom_data"] == {"contents": LINES, "content_name": "n"}


@given(st.lists(st.lists(st.text(max_size=12) | st.sampled_from([*EVENT, "fbc", "1"]), max_size=5)))
def test_no_path_changes_what_makes_the_event(paths: list[list[str]]) -> None:
    mended, dropped = without(twin(), map(tuple, paths))
    found = orjson.loads(mended.body)
    needed = ("event_name", "event_time", "event_id", "action_source", "event_source_url")
    assert [found[key] for key in needed] == [EVENT[key] for key in needed]
    assert (found["custom_data"]["value"], found["custom_data"]["currency"]) == (1.5, "SEK")
    assert found["data_processing_options"] == ["LDU"]
    assert bool(dropped) == (mended != twin())


# --- whom an answer names ------------------------------------------------------------------


def refused(*paths: tuple[str, ...], subcode: int | None = 2804016) -> Reply:
    return Reply("refused", 400, code=100, subcode=subcode, blamed=paths)


def test_events_are_named_by_their_number() -> None:
    reply = refused(
        ("data", "2", "user_data", "fbc"), ("data", "0"), ("data", "2", "custom_data", "x")
    )
    assert blamed(reply, 3) == {2: [("user_data", "fbc"), ("custom_data", "x")], 0: [()]}


@pytest.mark.parametrize(
    "path", [("data", "3"), ("data",), ("user_data", "fbc"), ("data", "-1"), ("data", "²"), ()]
)
def test_of_many_events_one_that_is_not_named_by_its_number_is_not_named(
    path: tuple[str, ...],
) -> None:
    assert blamed(refused(path), 3) == {}


def test_of_an_event_alone_the_number_may_be_missing() -> None:
    assert blamed(refused(("user_data", "fbc")), 1) == {0: [("user_data", "fbc")]}


def test_a_malformed_click_id_needs_no_blame_in_an_event_alone() -> None:
    reply = refused(subcode=2804001)
    assert blamed(reply, 1) == {0: [("user_data", "fbc")]}
    assert blamed(reply, 2) == {}


# --- times ---------------------------------------------------------------------------------


def test_an_event_from_the_future_happens_now() -> None:
    early = clamped(twin(), 990)
    assert early == twin()._replace(
        event_time=990, body=twin().body.replace(b'"event_time":1000', b'"event_time":990')
    )
    assert clamped(twin(), 1000) == twin()


def test_knows_the_refusal_of_a_future_time() -> None:
    assert is_future(refused(subcode=2804004))
    assert not is_future(refused(subcode=2804003))
    assert not is_future(Reply("silence"))


# --- with the sandbox, which judges as Meta does ---------------------------------------------


def test_the_sandbox_takes_what_was_mended(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Three events with a bad field each, and one that lacks what it needs, among good ones."""
    who = {"client_user_agent": "M", "fbp": "fb.1.1700000000000.1"}
    good = {"event_source_url": "https://shop/", "action_source": "website", "user_data": who}
    bad = {
        "fbc": {"user_data": {**who, "fbc": "nonsense"}},
        "hash": {"user_data": {**who, "em": ["a@b.se"]}},
        "line": {"custom_data": {"contents": LINES}},
        "free": {"event_name": "Purchase", "custom_data": {"currency": "SEK"}},
    }
    clock.now = time.time()
    outbox = MemoryOutbox(clock)
    outbox.put_many(sendable(name, {**good, **bad.get(name, {})}) for name in ["a", *bad, "b"])
    with running() as url, Graph() as graph, httpx.Client(base_url=url) as client:
        post = partial(call, pixel_id="111", token="t", graph_url=url, version="v26.0")
        sender = Dispatch(lambda twins: graph.send(post(twins)), clock, lambda: 0.5)
        assert sender.turn(outbox) == Round(6, 5, 1)
        seen = {row["event_id"]: row for row in client.get("/api/events").json()["events"]}
    assert sorted(seen) == ["a", "b", "fbc", "hash", "line"]
    assert [letter.twin.event_id for letter in outbox.dead()] == ["free"]
    said = ["user_data.fbc", "user_data.em", "custom_data.contents[1]"]
    assert [sum(field in line for line in caplog.messages) for field in said] == [1, 1, 1]


def sendable(event_id: str, fields: dict[str, object]) -> Twin:
    now = int(time.time())
    event = {"event_name": "Lead", "event_id": event_id, "event_time": now, **fields}
    return Twin("111", str(event["event_name"]), event_id, now, orjson.dumps(event))
