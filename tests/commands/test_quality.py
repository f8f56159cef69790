"""`pixelpair quality` asks the sandbox, which answers from what it received."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pixelpair.cli import main
from pixelpair.commands.quality import advice, weakest
from pixelpair.graph.quality import EventQuality, Shares
from pixelpair.sandbox.server import running
from tests.delivery.sink import refused

from . import web
from .conftest import AGENT, FBP, IP, PIXEL, SHOP, TOKEN, queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Ask

EM = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
FULL = {
    "em": [EM],
    "ph": [EM],
    "fn": [EM],
    "ln": [EM],
    "external_id": [EM],
    "client_ip_address": IP,
    "client_user_agent": AGENT,
    "fbp": FBP,
    "fbc": "fb.1.1700000000000.IwAR1",
}
BARE = {"client_ip_address": IP, "client_user_agent": AGENT}


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def sandbox(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setenv("PIXELPAIR_GRAPH_URL", sandbox_url)
    with httpx.Client(base_url=sandbox_url) as client:
        client.delete("/api/events").raise_for_status()
        yield client


def server(client: httpx.Client, name: str, event_id: str, user: dict[str, Any]) -> None:
    event = {
        "event_name": name,
        "event_id": event_id,
        "event_time": int(time.time()),
        "action_source": "website",
        "event_source_url": SHOP,
        "user_data": user,
    }
    headers = {"Authorization": f"Bearer {TOKEN}"}
    client.post(
        f"/v26.0/{PIXEL}/events", json={"data": [event]}, headers=headers
    ).raise_for_status()


def browser(client: httpx.Client, name: str, event_id: str) -> None:
    said = {"id": PIXEL, "ev": name, "eid": event_id, "dl": SHOP, "fbp": FBP}
    client.get("/tr/", params=said).raise_for_status()


def test_a_well_paired_event_reaches_the_goals(sandbox: httpx.Client, ask: Ask) -> None:
    server(sandbox, "ViewContent", "v1", FULL)
    browser(sandbox, "ViewContent", "v1")
    code, told = ask("quality")
    (event,) = told["pixels"][0]["events"]
    assert (code, event["name"], event["coverage"], event["advice"]) == (0, "ViewContent", 100, [])
    assert event["score"] >= 6


def test_browser_events_without_a_twin_are_below_the_goal(sandbox: httpx.Client, ask: Ask) -> None:
    server(sandbox, "ViewContent", "v1", FULL)
    for number in range(1, 5):
        browser(sandbox, "ViewContent", f"v{number}")
    code, told = ask("quality")
    (event,) = told["pixels"][0]["events"]
    assert (code, event["coverage"], event["goal"]) == (1, 25, 75)
    assert "no server event follows" in event["advice"][0]


def test_the_fix_for_the_weakest_key_is_named(
    sandbox: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    server(sandbox, "AddToCart", "p1", BARE)
    browser(sandbox, "AddToCart", "p1")
    assert main(["quality"]) == 1
    said = capsys.readouterr().out
    assert "AddToCart: email comes with 0 % of the events: call pixelpair.identify(email=" in said
    assert "100 % of 75 %" in said


def test_what_was_delivered_here_stands_beside_it(
    sandbox: httpx.Client, ask: Ask, spool: Any
) -> None:

    queue(spool, "PageView", "PageView")
    assert main(["drain"]) == 0
    _, told = ask("quality")
    (event,) = told["pixels"][0]["events"]
    assert (event["name"], event["delivered_here"]) == ("PageView", 2)


def test_a_refused_token_is_named_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with web.running() as graph:
        graph.say("/v26.0/dataset_quality", refused(190).body, 400)
        monkeypatch.setenv("PIXELPAIR_GRAPH_URL", graph.url)
        assert main(["quality"]) == 1
    said = capsys.readouterr().out
    assert f"pixel {PIXEL}: 190: Meta refuses the access token" in said
    assert TOKEN not in said
    assert graph.heard[0]["Authorization"] == f"Bearer {TOKEN}"


def test_no_events_are_no_success(sandbox: httpx.Client, ask: Ask) -> None:
    code, told = ask("quality")
    assert (code, told["pixels"]) == (1, [{"pixel": PIXEL, "problem": None, "events": []}])


def test_a_pixel_without_a_token_is_not_asked_about(
    sandbox: httpx.Client, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    monkeypatch.delenv("PIXELPAIR_ACCESS_TOKEN")
    code, told = ask("quality")
    assert (code, told["pixels"][0]["problem"]) == (
        1,
        "has no access token: set PIXELPAIR_ACCESS_TOKEN",
    )


def test_silence_is_told(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    monkeypatch.setenv("PIXELPAIR_GRAPH_URL", "http://127.0.0.1:9")
    code, told = ask("quality")
    assert (code, told["pixels"][0]["problem"]) == (1, "Graph cannot be reached (ConnectError)")


def test_no_pixel_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIXELPAIR_PIXEL_ID")
    assert main(["quality"]) == 2
    assert "PIXELPAIR_PIXEL_ID" in capsys.readouterr().err


def seen(**known: Any) -> EventQuality:
    """An event at its goals, but for what is given."""
    good: dict[str, Any] = {
        "name": "Purchase",
        "score": 9.0,
        "matched_by": {},
        "coverage": 90.0,
        "goal": 75.0,
        "dedup_keys": {"event_id": Shares(100.0, 100.0, 90.0)},
        "freshness": "real_time",
        "diagnostics": (),
    }
    return EventQuality(**good | known)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (seen(), []),
        (seen(coverage=None, dedup_keys={}, freshness="", score=None), []),
        (seen(coverage=10.0), ["no server event follows"]),
        (seen(dedup_keys={"event_id": Shares(20.0, 100.0, 20.0)}), ["pixelpair shadow"]),
        (seen(score=3.0), ["email comes with 0 %"]),
        (seen(freshness="hourly"), ["pixelpair status"]),
    ],
)
def test_each_fault_has_its_fix(event: EventQuality, words: list[str]) -> None:
    said = advice(event)
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_the_weakest_key_is_never_one_that_few_can_have() -> None:
    shares = {"email": 40.0, "external_id": 50.0, "ip_address": 99.0, "user_agent": 99.0}
    assert weakest(seen(matched_by={**shares, "fbc": 3.0})) == ("email", 40.0)


def test_the_json_has_stable_keys(sandbox: httpx.Client, ask: Ask) -> None:
    server(sandbox, "Lead", "l1", FULL)
    _, told = ask("quality")
    assert set(told["pixels"][0]) == {"pixel", "problem", "events"}
    assert json.dumps(told)
