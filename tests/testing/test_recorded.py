"""What is recorded of a shop's answers, in this process and behind the plain WSGI door."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import brotli
import pytest

import pixelpair
from pixelpair import Settings, Tracker
from pixelpair.core.http import Request
from pixelpair.testing.recorded import recording
from pixelpair.testing.stand_in import BROWSER, TOKEN, as_browser, over
from pixelpair.tracker import LIVING, MADE
from pixelpair.wsgi import PixelPairMiddleware
from tests.zstds import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelpair.testing import Events

PAGE = b"<!doctype html><html><head><title>Tea</title></head><body>Tea</body></html>"
HTML = ("Content-Type", "text/html; charset=utf-8")
NO_META = ("Content-Security-Policy", "script-src 'self' 'unsafe-inline'; img-src 'self'")


class Visitor:
    """A WSGI app behind our door, and who asks it."""

    def __init__(self, tracker: Tracker, *headers: tuple[str, str], body: bytes = PAGE) -> None:
        def app(environ, start_response):
            start_response("200 OK", [HTML, *headers])
            pixelpair.track("Lead", value=3, currency="EUR")
            return [body]

        self._app = PixelPairMiddleware(app, tracker=tracker)

    def get(self, path: str = "/", **environ: str) -> bytes:
        asked = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "shop.example"}
        return b"".join(self._app({**asked, **environ}, lambda *_: None))


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Tracker]:
    """One with the shop's own pixel, token and spool: what is in there would be sent."""
    own = {"pixel_id": "42", "access_token": "EAAB-real", "secret": "s", "sender": "none"}
    tracker = Tracker(Settings(spool=tmp_path / "own", **own))
    yield tracker
    tracker.close()


@pytest.fixture
def options() -> dict[str, object]:
    return {}


@pytest.fixture
def events(tracker: Tracker, options: dict[str, object], tmp_path: Path) -> Iterator[Events]:
    with recording(options, tmp_path / "test") as events:
        yield events


def test_shop_keeps_its_pixel_and_lends_no_token(tracker, events):
    Visitor(tracker).get()
    assert (events.pair("Lead").pixel_id, tracker.settings.access_token) == ("42", TOKEN)


def test_nothing_reaches_the_shops_own_spool(tracker, events, tmp_path):
    Visitor(tracker).get()
    events.pair("Lead")
    assert not list(tmp_path.glob("*/*.pxj"))
    assert pixelpair.flush(0.1) == 0


def test_tracker_is_itself_again(tracker, tmp_path):
    before, living = dict(vars(tracker)), set(LIVING)
    with recording({}, tmp_path / "test"):
        Visitor(tracker).get()
        assert vars(tracker) != before
    assert (vars(tracker), set(LIVING), MADE) == (before, living, [])


def test_tracker_that_the_shop_closes_is_closed(tracker, tmp_path):
    with recording({}, tmp_path / "test"):
        tracker.close()
    assert tracker.closed


def test_tracker_made_later_is_recorded_too(events, tmp_path):
    late = Tracker(Settings())
    Visitor(late).get()
    assert events.pair("Lead").pixel_id == "1234567890"


def test_answer_that_is_read_in_part_counts_by_what_was_sent(tracker, events):
    app = Visitor(tracker)._app
    answer = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "a"}, lambda *_: None)
    assert b"pixelpair" in next(iter(answer))
    events.pair("Lead")


PACKED = {"gzip": gzip.compress(PAGE), "br": brotli.compress(PAGE), "zstd": zstd.compress(PAGE)}


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("cache", ["public, max-age=60", "no-store"])
def test_compressed_page_is_read(tracker, events, cache, coding):
    coded = ("Content-Encoding", coding), ("Cache-Control", cache)
    Visitor(tracker, *coded, body=PACKED[coding]).get(HTTP_ACCEPT_ENCODING=coding)
    events.pair("Lead").has(value=3)


@pytest.mark.parametrize("cache", ["public, max-age=60", "no-store"])
def test_page_whose_policy_blocks_meta_has_no_browser_half(tracker, events, cache):
    Visitor(tracker, NO_META, ("Cache-Control", cache)).get()
    assert events.lone("Lead").status == "server_only"
    with pytest.raises(AssertionError, match="2 lone halves") as error:
        events.assert_no_lone_halves()
    assert "a Content-Security-Policy blocks Meta's script" in str(error.value)


def test_shop_that_was_not_asked_passes_no_check(tracker, events):
    with pytest.raises(AssertionError, match="no event to check"):
        events.assert_no_lone_halves()
    assert tracker.sends


def test_page_fetched_ahead_is_not_shown(tracker, events):
    Visitor(tracker).get(HTTP_SEC_PURPOSE="prefetch")
    events.none()


@pytest.mark.parametrize("options", [{"page_view": "browser"}])
def test_page_view_of_the_browser_alone_is_meant_so(tracker, events):
    Visitor(tracker).get()
    assert events.lone("PageView").status == "browser_only"
    events.assert_no_lone_halves()


@pytest.mark.parametrize("options", [{"pixel_id": "1 2"}])
def test_each_pixel_gets_its_pair(tracker, events):
    Visitor(tracker, ("Cache-Control", "public, max-age=60")).get()
    assert [pair.pixel_id for pair in events.pairs("Lead")] == ["1", "2"]
    assert events.pair("Lead").event_id
    events.assert_no_lone_halves()


@pytest.mark.parametrize("options", [{"event_id": "browser", "report_rate": 1}])
def test_report_that_is_refused_leaves_a_lone_half(tracker, events):
    visitor = Visitor(tracker)
    visitor.get(REMOTE_ADDR="203.0.113.7")
    visitor.get(REMOTE_ADDR="203.0.113.7")
    with pytest.raises(AssertionError, match="2 lone halves"):
        events.assert_no_lone_halves()
    assert events.held == {"report refused: rate": 1}


@pytest.mark.parametrize(
    ("options", "cookies", "names"),
    [
        ({"consent": "required", "event_id": "browser"}, "_pp_consent=1.1700000000", 2),
        ({"consent": "required", "event_id": "browser"}, "_pp_consent=0.1700000000", 0),
        ({"consent": "required"}, "", 0),
        ({"gpc": "deny"}, "", 2),
    ],
)
def test_page_asks_for_consent_as_its_script_does(tracker, events, cookies, names):
    Visitor(tracker).get(HTTP_COOKIE=cookies)
    assert len(events.pairs()) == names
    assert events.held == ({} if names else {"no consent": 2})


@pytest.mark.parametrize("options", [{"mode": "off"}])
def test_shop_that_is_switched_off_says_so(tracker, events):
    Visitor(tracker).get()
    with pytest.raises(AssertionError, match="PIXELPAIR_MODE"):
        events.pair("Lead")


def test_each_of_many_shops_is_recorded(tmp_path):
    table = {"a.example": {"pixel_id": "1"}, "b.example": {"pixel_id": "2"}}
    many = Tracker(Settings(shops=table, spool=tmp_path / "own", sender="none"))
    with recording({"consent": "required"}, tmp_path / "test") as events:
        Visitor(many).get(HTTP_HOST="a.example", HTTP_COOKIE="_pp_consent=1.1700000000")
        Visitor(many).get(HTTP_HOST="b.example")
        Visitor(many).get(HTTP_HOST="c.example")
        assert [pair.pixel_id for pair in events.pairs()] == ["1", "1"]
        assert events.held == {"no consent": 2}
    many.close()


def test_options_go_before_the_shops_own():
    settings = over(Settings(pixel_id="7", currency="SEK"), {"currency": "EUR"})
    assert (settings.pixel_id, settings.currency) == ("7", "EUR")
    with pytest.raises(pixelpair.SettingsError, match="CURENCY"):
        over(Settings(), {"curency": "EUR"})


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (b"", BROWSER),
        (b"testclient", BROWSER),
        (b"Werkzeug/3.1.3", BROWSER),
        (b"python-httpx/0.28.1", BROWSER),
        (b"Googlebot/2.1", b"Googlebot/2.1"),
        (b"Mozilla/5.0 () HeadlessChrome/138.0", b"Mozilla/5.0 () Chrome/138.0"),
    ],
)
def test_test_client_is_a_browser(given, shown):
    index = {b"user-agent": given}
    asked = as_browser(Request("GET", "http", "shop.example", "", "/", b"/", "", index, ""))
    assert asked.index[b"user-agent"] == shown
