"""What a door's start makes of settings, right or wrong, and what it tells of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.core.exchange import MUTED
from pixelpair.core.orders import Later
from pixelpair.core.shadow import Shadow
from pixelpair.settings import Settings
from pixelpair.start import NOTES
from pixelpair.tracker import Tracker
from tests.core.exchanges import blocks, request
from tests.trackers import TOKEN, said, settings, shown

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("own_process")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


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

    monkeypatch.setattr("pixelpair.sending.Journal", broken)
    assert Tracker.for_door(settings(spool)).begin("GET", request) is MUTED
    assert [(r.levelno, bool(r.exc_info)) for r in caplog.records] == [(logging.ERROR, True)]


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


# --- the spool -----------------------------------------------------------------------------------


def test_doors_of_one_shop_share_a_tracker_until_it_is_closed(spool: Path) -> None:
    """Seen: sixty Django clients of a test run left sixty threads and journals."""
    first = Tracker.for_door(settings(spool))
    assert Tracker.for_door(settings(spool)) is first
    assert Tracker.for_door(settings(spool, currency="SEK")) is not first
    first.close()
    assert Tracker.for_door(settings(spool)) is not first


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
