"""A tracker's life and what goes through it: pages, counts, the end of a process."""

from __future__ import annotations

import logging
import signal
import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.exchange import Exchange
from pixelpair.core.shop import Tracked
from pixelpair.delivery import sums
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.settings import Settings
from pixelpair.tracker import Tracker
from tests.core.exchanges import FBP, HTML, NOW, PAGE, blocks, request
from tests.delivery.sink import Sink
from tests.trackers import said, settings, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("own_process")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


# --- requests ------------------------------------------------------------------------------------


def test_page_leaves_a_twin_in_the_journal_and_starts_nothing(spool: Path) -> None:
    numbers = count(7)
    tracker = Tracker(
        settings(spool), clock=lambda: NOW, new_id=lambda: f"{next(numbers):032x}",
        new_random=lambda: 1,
    )  # fmt: skip
    before = threading.active_count()
    ((event,),) = [block["events"] for block in blocks(shown(tracker))]
    assert event == ["PageView", {}, f"{7:032x}"]
    assert threading.active_count() == before
    tracker.close()
    kept = b"".join(file.read_bytes() for file in spool.iterdir() if file.is_file())
    assert f'"event_id":"{7:032x}"'.encode() in kept
    assert f'"event_time":{int(NOW)}'.encode() in kept
    assert FBP.encode() in kept


def test_nothing_runs_and_nothing_is_written_before_the_first_event(spool: Path) -> None:
    before = threading.active_count()
    tracker = Tracker(settings(spool, sender="thread"))
    exchange = tracker.begin("GET", request)
    assert isinstance(exchange, Exchange)
    assert exchange.respond(404, HTML) is HTML
    assert (threading.active_count(), spool.exists()) == (before, False)
    tracker.close()


def test_ids_are_32_hex_digits_and_never_repeat(spool: Path) -> None:
    tracker = Tracker(settings(spool))
    found = [blocks(shown(tracker))[0]["events"][0][2] for _ in range(50)]
    tracker.close()
    assert len({int(event_id, 16) for event_id in found}) == 50
    assert {len(event_id) for event_id in found} == {32}


def test_what_did_not_leave_is_counted(spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = Tracker(settings(spool))
    shown(tracker, path="/orders/1/complete")
    assert dict(tracker.counts) == {"faults": 1}
    tracker.close()


@pytest.mark.parametrize("on", ["0", "1"])
def test_customer_information_is_hashed_where_it_is_asked_for(
    on: str, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Tracker(settings(spool, advanced_matching=on, phone_country="SE"))
    exchange = tracker.begin("GET", request)
    exchange.identify({"email": " A@B.example ", "phone": "070-123 45 67", "gender": "?"})
    exchange.respond(200, HTML)
    page = exchange.feed(PAGE) + exchange.finish()
    tracker.close()
    matches = [{k: len(v) for k, v in block.get("match", {}).items()} for block in blocks(page)]
    assert matches == [{"em": 64, "ph": 64} if on == "1" else {}]
    dropped = (logging.WARNING, "identify(): gender cannot be read; it was dropped")
    assert said(caplog) == ([dropped] if on == "1" else [])


EXCLUDED = {
    "/admin": True, "/admin/": True, "/admin/orders/1": True, "/administrator": False,
    "/docs": True, "/redoc": True, "/__debug__/x": True, "/shop/admin": False, "/": False,
}  # fmt: skip


@pytest.mark.parametrize("path", EXCLUDED)
def test_paths_that_are_no_shop_pages(path: str, spool: Path) -> None:
    tracker = Tracker(settings(spool))
    assert (shown_or_not(tracker, path) == PAGE) is EXCLUDED[path]
    tracker.close()


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("/a/*/c", "/a/b/c", True),
        ("/a/*/c", "/a/b/c/d", True),
        ("/a/*/c", "/a/b/x/c", False),
        ("/b*", "/beta/x", True),
        ("/b*", "/alpha", False),
        ("/a.b", "/axb", False),
        ("/a+(", "/a+(", True),
        ("/", "/", True),
        ("/", "/a", False),
    ],
)
def test_patterns_of_excluded_paths(pattern: str, path: str, excluded: bool, spool: Path) -> None:
    tracker = Tracker(settings(spool, exclude=[pattern]))
    assert (shown_or_not(tracker, path) == PAGE) is excluded
    tracker.close()


def shown_or_not(tracker: Tracker, path: str) -> bytes:
    exchange = tracker.begin("GET", lambda: request("GET", path))
    exchange.respond(200, HTML)
    return exchange.feed(PAGE) + exchange.finish()


# --- its end -------------------------------------------------------------------------------------


def test_close_may_be_repeated(spool: Path) -> None:
    tracker = Tracker(settings(spool))
    shown(tracker)
    tracker.close()
    tracker.close()
    Tracker(Settings()).close()


def test_no_signal_handler_is_installed(spool: Path, graph: Sink) -> None:
    def handlers() -> dict[int, object]:
        return {number: signal.getsignal(number) for number in signal.valid_signals()}

    before, found = handlers(), []
    tracker = Tracker.for_door(settings(spool, sender="thread", graph_url=graph.url))
    shown(tracker)
    while not graph.events:
        threading.Event().wait(0.01)
    found.append(handlers())
    tracker.halt()
    found.append(handlers())
    tracker.close()
    assert [*found, handlers()] == [before] * 3


def test_only_a_purchase_is_urgent(
    spool: Path, graph: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(settings(spool, sender="thread", graph_url=graph.url))
    found: list[bool] = []
    monkeypatch.setattr(tracker._worker, "notify", lambda *, urgent: found.append(urgent))
    shown(tracker, Tracked("Lead", {"content_name": '"Purchase"'}))
    shown(tracker, Tracked("Purchase", {"value": 1, "currency": "SEK", "order_id": "7"}))
    tracker.close()
    assert found == [False, False, False, True]


def test_halted_tracker_sends_what_waits_and_starts_again(spool: Path, graph: Sink) -> None:
    tracker = Tracker(settings(spool, sender="thread", graph_url=graph.url))
    for number in (1, 2):
        shown(tracker)
        tracker.halt(20)
        assert (len(graph.events), tracker.closed) == (number, False)
    tracker.close()
    tracker.halt()


def test_events_after_the_end_still_find_a_journal(spool: Path, graph: Sink) -> None:
    tracker = Tracker(settings(spool, sender="thread", graph_url=graph.url))
    shown(tracker)
    tracker.close(20)
    shown(tracker)
    outbox = SqliteOutbox(spool / "outbox.sqlite3")
    Intake(spool, outbox).take()
    left = outbox.stats().queued
    outbox.close()
    assert (len(graph.events), left) == (1, 1)


@pytest.mark.parametrize("sender", ["thread", "none"])
def test_what_is_counted_reaches_the_spool(sender: str, spool: Path, graph: Sink) -> None:
    tracker = Tracker(settings(spool, sender=sender, graph_url=graph.url))
    tracker.meters.add("dropped", 3, "memory_full")
    shown(tracker)
    tracker.close(20)
    counts = sums.host(spool).counts
    assert counts["dropped", "memory_full"] == 3
    assert counts["delivered", "PageView"] == (1 if sender == "thread" else 0)
