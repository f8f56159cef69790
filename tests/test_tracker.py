from __future__ import annotations

import logging
import os
import signal
import stat
import tempfile
import threading
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import pytest

from pixelpair import tracker as module
from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.orders import Later
from pixelpair.core.shadow import Shadow
from pixelpair.core.shop import Tracked
from pixelpair.delivery import sums
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.settings import Settings
from pixelpair.tracker import NOTES, Tracker, open_worker
from tests.core.exchanges import FBP, HTML, NOW, PAGE, PIXEL, blocks, request
from tests.delivery.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "EAAB-secret-token"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No PIXELPAIR_* variable, nothing said yet, no tracker of another test."""
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(NOTES, "_said", set())
    monkeypatch.setattr(module, "LIVING", WeakSet())


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


def settings(spool: Path | None, **more: object) -> Settings:
    given: dict[str, object] = {
        "pixel_id": PIXEL,
        "access_token": TOKEN,
        "secret": "hunter2",
        "spool": spool,
        "sender": "none",
        "graph_url": "http://127.0.0.1:9",
    }
    return Settings(**given | more)


def shown(tracker: Tracker, *tracked: Tracked, path: str = "/") -> bytes:
    """A page through an exchange of the tracker."""
    exchange = tracker.begin("GET", lambda: request("GET", path))
    for one in tracked:
        exchange.track(one)
    assert exchange.respond(200, HTML) is None
    return exchange.feed(PAGE) + exchange.finish()


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.message) for record in caplog.records]


# --- the tracker of a door -----------------------------------------------------------------------


def test_mistakes_are_logged_once_and_switch_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", "12x")
    monkeypatch.setenv("PIXELPAIR_ACCESS_TOKEN", f"{TOKEN} {TOKEN}")
    trackers = [Tracker.for_door(None) for _ in range(2)]
    assert [t.begin("GET", request) is MUTED for t in trackers] == [True, True]
    ((level, text),) = said(caplog)
    assert level == logging.ERROR
    assert ["PIXELPAIR_PIXEL_ID='12x'" in text, "PIXELPAIR_ACCESS_TOKEN" in text] == [True, True]
    assert TOKEN not in text


def test_without_a_pixel_it_is_inert_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    trackers = [Tracker.for_door(None) for _ in range(2)]
    assert [t.begin("GET", request) is MUTED for t in trackers] == [True, True]
    text = "no PIXELPAIR_PIXEL_ID: pixelpair is inert"
    assert said(caplog) == [(logging.WARNING, text)]


def test_switched_off_it_says_nothing(caplog: pytest.LogCaptureFixture, spool: Path) -> None:
    tracker = Tracker.for_door(settings(spool, mode="off"))
    assert tracker.begin("GET", request) is MUTED
    assert (said(caplog), spool.exists()) == ([], False)


def test_in_shadow_mode_it_says_so_once_and_nothing_is_sent(
    caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    tracker = Tracker.for_door(settings(spool, mode="shadow"), debug=True)
    later = Later("Lead", "", {})
    assert (tracker.sends, tracker.desk, tracker.mark) == (False, None, "\0")
    assert [tracker.send(later), tracker.send(later), tracker.flush()] == [False, False, 0]
    assert isinstance(tracker.begin("GET", request), Shadow)
    tracker.close()
    assert not spool.exists()
    text = "PIXELPAIR_MODE=shadow: pages stay as they are and nothing is sent; `pixelpair shadow`"
    assert said(caplog) == [(logging.WARNING, f"{text} shows what would be")]


def test_without_a_token_only_the_pixel_runs_and_it_says_so_once(
    caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    for _ in range(2):
        tracker = Tracker.for_door(settings(spool, access_token="", secret=""))
        assert [c[0] for block in blocks(shown(tracker)) for c in block["events"]] == ["PageView"]
        tracker.close()
    text = "no PIXELPAIR_ACCESS_TOKEN: only the browser halves of events leave"
    assert said(caplog) == [(logging.WARNING, text)]
    assert not spool.exists()


@pytest.mark.parametrize(
    ("own", "frameworks", "warned"),
    [("", None, True), ("", "", True), ("", "secret key", False), ("hunter2", None, False)],
)
def test_derived_secret_is_warned_of(
    own: str, frameworks: object, warned: bool, caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    tracker = Tracker.for_door(settings(spool, secret=own), framework_secret=frameworks)
    assert ["PIXELPAIR_SECRET" in text for _, text in said(caplog)] == [True] * warned
    assert tracker.settings.secret == tuple(filter(None, [own or frameworks]))
    tracker.close()


@pytest.mark.parametrize("sees_names", [True, False])
def test_rule_by_name_is_a_mistake_where_names_cannot_be_seen(
    sees_names: bool, caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    rules = settings(spool, routes="Lead /a\nViewContent name:product slug=content_id")
    tracker = Tracker.for_door(rules, sees_names=sees_names)
    assert (tracker.begin("GET", request) is MUTED) is not sees_names
    assert ["PIXELPAIR_ROUTES" in text for _, text in said(caplog)] == [True] * (not sees_names)
    tracker.close()


def test_dict_of_a_framework_goes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", "1")
    monkeypatch.setenv("PIXELPAIR_CURRENCY", "SEK")
    tracker = Tracker.for_door(None, given={"pixel_id": "2"})
    assert (tracker.settings.pixel_id, tracker.settings.currency) == ("2", "SEK")


@pytest.mark.parametrize("given", ["PIXEL_ID=1", {7: "x"}, {"PIXEL_ID": "1"}, {"spool": "~no1/x"}])
def test_no_dict_can_take_a_shop_down(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Seen: a home that is nobody's, and a key that is no text, raised into the shop's start."""
    assert Tracker.for_door(None, given=given).begin("GET", request) is MUTED
    assert [level for level, _ in said(caplog)] == [logging.ERROR]


def test_failure_of_ours_does_not_take_a_shop_down(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(module, "Journal", broken)
    assert Tracker.for_door(settings(spool)).begin("GET", request) is MUTED
    assert [(r.levelno, bool(r.exc_info)) for r in caplog.records] == [(logging.ERROR, True)]


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


def test_events_reach_graph(spool: Path, graph: Sink) -> None:
    tracker = Tracker(settings(spool, sender="thread", graph_url=graph.url))
    page = shown(tracker, Tracked("Lead", {"value": 1, "currency": "SEK"}))
    tracker.close(20)
    calls = [call for block in blocks(page) for call in block["events"]]
    sent = [[e["event_name"], e.get("custom_data", {}), e["event_id"]] for e in graph.events]
    assert sent == calls
    assert [name for name, _, _ in sent] == ["PageView", "Lead"]
    assert graph.headers[0]["Authorization"] == f"Bearer {TOKEN}"


def test_worker_refuses_another_pixels_events(spool: Path, graph: Sink) -> None:
    first = Tracker(settings(spool))
    shown(first)
    first.close()
    other = settings(spool, pixel_id="99", graph_url=graph.url)
    worker = open_worker(other, spool, Journal(spool))
    drained = worker.drain(10)
    worker.close(0)
    assert graph.events == []
    assert (drained.delivered, drained.left + drained.dead) == (0, 1)


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


# --- what a developer must know ------------------------------------------------------------------

DEBUG = (
    "the framework runs in debug mode, and events go to Meta itself WITHOUT a test event code: each"
    " of your clicks counts as a customer's. Set PIXELPAIR_TEST_EVENT_CODE, point"
    " PIXELPAIR_GRAPH_URL at the sandbox, or set PIXELPAIR_MODE=off"
)
META = {"graph_url": "https://graph.facebook.com"}
QUIET: dict[str, tuple[bool, dict[str, object]]] = {
    "no debug mode": (False, META),
    "a test code": (True, {**META, "test_event_code": "TEST1"}),
    "a test code that ends": (True, {**META, "test_event_code": "TEST1@2099-12-31"}),
    "the sandbox": (True, {"graph_url": "http://127.0.0.1:8765"}),
    "the sandbox by name": (True, {"graph_url": "http://localhost:8765"}),
    "no token": (True, {**META, "access_token": ""}),
    "switched off": (True, {**META, "mode": "off"}),
}


def test_debug_mode_that_reaches_meta_is_said_once(
    caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    for _ in range(2):
        Tracker.for_door(settings(spool, **META), debug=True).close()
    assert said(caplog) == [(logging.WARNING, DEBUG)]


def test_debug_mode_of_many_shops_that_reach_meta_is_said(
    caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    """Seen: the process has no token of its own, and was held to be harmless."""
    shops = {"a.example": {"pixel_id": "1"}, "b.example": {"pixel_id": "2", "access_token": TOKEN}}
    many = Settings(shops=shops, secret="hunter2", spool=spool, sender="none")
    Tracker.for_door(many, debug=True).close()
    assert said(caplog) == [(logging.WARNING, DEBUG)]


@pytest.mark.parametrize("why", QUIET)
def test_debug_mode_that_harms_nobody_is_quiet(
    why: str, caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    debug, options = QUIET[why]
    Tracker.for_door(settings(spool, **options), debug=debug).close()
    assert DEBUG not in caplog.text


ENDS = 1_796_083_200  # 2026-12-01, 0:00 UTC


@pytest.mark.parametrize(("now", "code"), [(ENDS - 1, "TEST1"), (ENDS, None), (ENDS + 1, None)])
def test_test_code_is_sent_until_its_last_day_has_ended(
    now: int, code: str | None, caplog: pytest.LogCaptureFixture, spool: Path, graph: Sink
) -> None:
    asked = settings(spool, graph_url=graph.url, test_event_code="TEST1@2026-11-30")
    tracker = Tracker(asked, clock=lambda: now)
    for path in ("/a", "/b"):
        shown(tracker, path=path)
        drained = tracker._worker.drain(20)
        assert (drained.delivered, drained.left) == (1, 0)
    tracker.close(0)
    assert [body.get("test_event_code") for body in graph.bodies] == [code, code]
    ended = (
        "the test event code TEST1 has ended, as PIXELPAIR_TEST_EVENT_CODE says: events are sent"
        " without it; remove it"
    )
    assert said(caplog) == ([] if code else [(logging.WARNING, ended)])


@pytest.mark.parametrize(("given", "sent"), [("", None), ("shopplatform_1_0", "shopplatform_1_0")])
def test_partner_agent_is_in_the_body(
    given: str, sent: str | None, spool: Path, graph: Sink
) -> None:
    tracker = Tracker(settings(spool, graph_url=graph.url, partner_agent=given))
    shown(tracker)
    tracker._worker.drain(20)
    tracker.close(0)
    assert [body.get("partner_agent") for body in graph.bodies] == [sent]


# --- the spool -----------------------------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without a place for state; the temporary directory is the test's own."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state"))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return temporary


def test_temporary_spool_is_the_users_alone_and_warned_of_once(
    homeless: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Tracker(settings(None))
    shown(tracker)
    tracker.close()
    (folder,) = homeless.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert tracker.spool == folder / PIXEL
    ((level, text),) = said(caplog)
    assert (level, str(tracker.spool) in text, "PIXELPAIR_SPOOL" in text) == (30, True, True)


@pytest.mark.parametrize("trap", ["open_to_all", "link", "file"])
def test_temporary_spool_that_somebody_prepared_is_not_taken(
    trap: str, homeless: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepared = homeless / f"pixelpair-{os.getuid()}"
    if trap == "link":
        prepared.symlink_to(tmp_path)
    elif trap == "file":
        prepared.touch()
    else:
        prepared.mkdir()
        prepared.chmod(0o777)
    tracker = Tracker(settings(None))
    tracker.close()
    assert prepared not in (tracker.spool, *tracker.spool.parents)
    assert stat.S_IMODE(tracker.spool.stat().st_mode) == 0o700


def test_own_temporary_spool_is_found_again(
    homeless: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trackers = [Tracker(settings(None)) for _ in range(2)]
    assert trackers[0].spool == trackers[1].spool
    for tracker in trackers:
        tracker.close()


def test_doors_of_one_shop_share_a_tracker_until_it_is_closed(spool: Path) -> None:
    """Seen: sixty Django clients of a test run left sixty threads and journals."""
    first = Tracker.for_door(settings(spool))
    assert Tracker.for_door(settings(spool)) is first
    assert Tracker.for_door(settings(spool, currency="SEK")) is not first
    first.close()
    assert Tracker.for_door(settings(spool)) is not first


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


def test_what_the_settings_say_of_the_disk_reaches_journal_and_sender(spool: Path) -> None:
    given = {"fsync_ms": "50", "spool_limit": "1GB", "spool_full": "drop_oldest"}
    tracker = Tracker(settings(spool, **given))
    tracker.close()
    assert tracker._worker.sync_every == 0.05
    assert (tracker.journal.limit, tracker.journal.full) == (500_000_000, "drop_oldest")


@pytest.mark.parametrize("sender", ["thread", "none"])
def test_what_is_counted_reaches_the_spool(sender: str, spool: Path, graph: Sink) -> None:
    tracker = Tracker(settings(spool, sender=sender, graph_url=graph.url))
    tracker.meters.add("dropped", 3, "memory_full")
    shown(tracker)
    tracker.close(20)
    counts = sums.host(spool).counts
    assert counts["dropped", "memory_full"] == 3
    assert counts["delivered", "PageView"] == (1 if sender == "thread" else 0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shops": {"a.example": {"pixel_id": "1", "access_token": "t"}}}, True),
        ({"shops": {"a.example": {"pixel_id": "1", "secret": "s"}}}, False),
        ({"shops": {"a.example": {"pixel_id": "1"}}, "secret": "s"}, False),
    ],
)
def test_shops_whose_purchase_ids_do_not_last_are_told(
    given: dict, said: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NOTES, "_said", set())
    Tracker.for_door(Settings(**given, sender="none")).close()
    assert ("no PIXELPAIR_SECRET" in caplog.text) is said
