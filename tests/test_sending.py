"""What the settings say of sending: the spool, the token, and what goes with each call."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.shop import Tracked
from pixelpair.delivery.journal import Journal
from pixelpair.sending import open_worker
from pixelpair.tracker import Tracker
from tests.core.exchanges import PIXEL, blocks
from tests.delivery.sink import Sink
from tests.trackers import TOKEN, said, settings, shown

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


def test_what_the_settings_say_of_the_disk_reaches_journal_and_sender(spool: Path) -> None:
    given = {"fsync_ms": "50", "spool_limit": "1GB", "spool_full": "drop_oldest"}
    tracker = Tracker(settings(spool, **given))
    tracker.close()
    assert tracker._worker.sync_every == 0.05
    assert (tracker.journal.limit, tracker.journal.full) == (500_000_000, "drop_oldest")
