"""What the tests of trackers share: settings that reach nobody, and pages through a tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.settings import Settings
from tests.core.exchanges import HTML, PAGE, PIXEL, request

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pixelpair.core.shop import Tracked
    from pixelpair.tracker import Tracker


TOKEN = "EAAB-secret-token"


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
