"""Many shops through one tracker: whose pixel a page has, and whose token sends."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair import Settings, Tracker
from pixelpair.core.exchange import MUTED
from pixelpair.core.shop import Tracked
from pixelpair.shops import SECONDS
from tests.core.exchanges import HTML, PAGE, blocks, request
from tests.delivery.sink import Answer, Sink, accepted, refused
from tests.shop_cases import ONE, TOKENS, TWO, Clock, Owner, shop
from tests.trackers import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("own_process")

# --- whose page ----------------------------------------------------------------------------------

HOSTS = {"a.example": ONE, "*.b.example": TWO}


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


def options(spool: Path, graph_url: str, **more: object) -> dict[str, object]:
    each = {h: {"pixel_id": p, "access_token": TOKENS[p]} for h, p in HOSTS.items()}
    given = {
        "shops": json.dumps(each),
        "secret": "of these tests",
        "spool": spool,
        "sender": "none",
        "graph_url": graph_url,
        "event_id": "server",
    }
    return given | more


def tracker_of(spool: Path, graph_url: str = "http://127.0.0.1:9", **more: object) -> Tracker:
    return Tracker(Settings(**options(spool, graph_url, **more)))


def shown(tracker: Tracker, host: str, *tracked: Tracked, **more: Any) -> bytes:
    exchange = tracker.begin("GET", lambda: request(host=host, **more))
    for one in tracked:
        exchange.track(one)
    if exchange.respond(200, HTML) is not None:
        return PAGE
    return exchange.feed(PAGE) + exchange.finish()


def waiting(spool: Path) -> bytes:
    return b"".join(file.read_bytes() for file in spool.iterdir() if file.is_file())


def test_each_host_has_its_own_pixel(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool")
    pixels = {
        host: [block["pixel"] for block in blocks(shown(tracker, host))]
        for host in ("a.example", "A.Example:8080", "x.b.example")
    }
    tracker.close()
    assert pixels == {"a.example": [ONE], "A.Example:8080": [ONE], "x.b.example": [TWO]}


def test_page_of_an_unknown_host_passes_untouched_and_queues_nothing(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool")
    assert tracker.begin("GET", lambda: request(host="c.example")) is MUTED
    assert shown(tracker, "c.example", Tracked("Lead", {})) == PAGE
    tracker.close()
    assert not (tmp_path / "spool").exists()


def test_host_is_the_one_that_a_trusted_proxy_names(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool", trusted_proxies="1 host")
    headers = {"x-forwarded-host": "a.example", "x-forwarded-for": "198.51.100.7"}
    page = shown(tracker, "app:8000", headers=headers)
    tracker.close()
    assert [block["pixel"] for block in blocks(page)] == [ONE]


def test_notes_and_counts_are_each_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = tracker_of(tmp_path / "spool")
    lost = Tracked("Purchase", {"value": 1})
    for host in ("a.example", "a.example", "x.b.example"):
        shown(tracker, host, lost)
    tracker.close()
    assert tracker.shops is not None
    assert tracker.shops.counts == {(ONE,): {"faults": 2}, (TWO,): {"faults": 1}}
    assert [text.partition(": ")[0] for _, text in said(caplog)] == [
        f"pixel {ONE}",
        f"pixel {TWO}",
    ]


def post(tracker: Tracker, host: str, report: Mapping[str, object]) -> int:
    assert tracker.desk is not None
    body = json.dumps(report).encode()
    origin = {"origin": f"https://{host}"}
    asked = request("POST", "/_pixelpair/events", host=host, headers=origin)
    assert tracker.desk.room(asked) is not None
    return tracker.desk.answer(asked, body).status


def test_desk_of_each_shop_takes_its_own_seals_only(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool", event_id="browser")
    block, *_ = blocks(shown(tracker, "a.example", Tracked("Lead", {})))  # a second is for swaps
    report = {"signed": block["signed"], "ids": ["a" * 32, "b" * 32], "referrer": ""}
    answers = {
        host: post(tracker, host, {**report, "url": f"https://{host}/"})
        for host in ("x.b.example", "a.example")
    }
    tracker.close()
    assert answers == {"x.b.example": 400, "a.example": 204}
    kept = waiting(tmp_path / "spool")
    assert (kept.count(ONE.encode()), kept.count(TWO.encode())) == (2, 0)


def test_our_addresses_at_an_unknown_host_are_the_apps(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool")
    assert tracker.desk is not None
    assert tracker.desk.room(request("POST", "/_pixelpair/events", host="c.example")) is None
    tracker.close()


# --- tokens --------------------------------------------------------------------------------------


def test_each_pixels_events_leave_with_its_own_token(tmp_path: Path, graph: Sink) -> None:
    tracker = tracker_of(tmp_path / "spool", graph.url, sender="thread")
    for host in ("a.example", "x.b.example", "a.example"):
        shown(tracker, host)
    tracker.close(20)
    assert len(graph.events) == 3
    sent = {(p, h["Authorization"]) for p, h in zip(graph.paths, graph.headers, strict=True)}
    assert sent == {(f"/v26.0/{p}/events", f"Bearer {token}") for p, token in TOKENS.items()}


def test_pixels_of_one_shop_get_each_event_with_their_own_tokens(
    tmp_path: Path, graph: Sink
) -> None:
    both = {"pixel_id": f"{ONE} {TWO}", "access_token": " ".join(TOKENS.values())}
    settings = Settings(**both, spool=tmp_path / "spool", graph_url=graph.url, secret="s")
    tracker = Tracker(settings)
    shown(tracker, "a.example")
    tracker.close(20)
    first, second = graph.events
    assert first == second
    sent = {(p, h["Authorization"]) for p, h in zip(graph.paths, graph.headers, strict=True)}
    assert sent == {(f"/v26.0/{p}/events", f"Bearer {token}") for p, token in TOKENS.items()}


def test_rotated_token_sends_what_the_dead_one_could_not(tmp_path: Path, graph: Sink) -> None:
    """One shop's token is dead: the other's events leave; a minute later its own do, too."""
    clock = Clock()
    owner = Owner(
        {
            "a.example": shop(ONE, graph_url=graph.url),
            "b.example": shop(TWO, graph_url=graph.url),
        }
    )
    settings = Settings(shops=owner, spool=tmp_path / "spool", sender="none")
    tracker = Tracker(settings, clock=clock)

    def by_token(events: list[dict[str, Any]]) -> Answer:
        dead = graph.headers[-1]["Authorization"] == f"Bearer {TOKENS[ONE]}"
        return refused(190, status=401) if dead else accepted(events)

    graph.answer = by_token
    shown(tracker, "a.example", path="/one")
    shown(tracker, "b.example", path="/two")
    drained = tracker._worker.drain(20)
    assert [e["event_source_url"] for e in graph.events] == ["https://b.example/two"]
    assert (drained.delivered, drained.dead, drained.left) == (1, 0, 1)
    owner.hosts["a.example"] = shop(ONE, graph_url=graph.url, access_token="EAArotated")
    clock.now += SECONDS
    drained = tracker._worker.drain(20)
    tracker.close(0)
    assert (drained.delivered, drained.dead, drained.left) == (1, 0, 0)
    assert graph.headers[-1]["Authorization"] == "Bearer EAArotated"


def test_event_of_a_shop_that_nobody_knows_any_more_waits(tmp_path: Path, graph: Sink) -> None:
    owner = Owner({"a.example": shop(ONE, graph_url=graph.url)})
    tracker = Tracker(Settings(shops=owner, spool=tmp_path / "spool", sender="none"))
    shown(tracker, "a.example")
    owner.hosts.clear()
    drained = tracker._worker.drain(20)
    tracker.close(0)
    assert (graph.events, drained.delivered, drained.dead, drained.left) == ([], 0, 0, 1)
    assert drained.reason == (
        f"the spool holds events of pixel {ONE}, which is none of PIXELPAIR_SHOPS: they wait until"
        " it is"
    )


def test_no_token_is_written_anywhere(
    tmp_path: Path, graph: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    graph.answer = lambda events: refused(190, status=401)
    tracker = tracker_of(tmp_path / "spool", graph.url)
    for host in ("a.example", "x.b.example"):
        shown(tracker, host, Tracked("Purchase", {"value": "?"}))
    drained = tracker._worker.drain(20)
    tracker.close(0)
    found = [f for f in tmp_path.rglob("*") if f.is_file() and b"EAAtoken" in f.read_bytes()]
    texts = [repr(tracker.settings), repr(drained), caplog.text, repr(tracker.settings.shops)]
    assert (found, [text for text in texts if "EAAtoken" in text]) == ([], [])
    assert ONE.encode() in b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
