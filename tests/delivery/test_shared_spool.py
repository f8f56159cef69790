"""Two pixels in one spool, which is a mistake: nothing is lost, and it is said what is wrong.

The sender has one token; another pixel's events wait until a process of their own sends.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.cli import main
from pixelpair.delivery.outbox import Stats
from pixelpair.settings import Settings
from pixelpair.tracker import Tracker

from .conftest import make_twin, stats, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .sink import Sink

    Open = Callable[[str], Tracker]

TOKENS = {"111": "token-one", "222": "token-two"}


def told(theirs: str, ours: str) -> str:
    return (
        f"the spool holds events of pixel {theirs}, and this process sends for pixel {ours} only:"
        " give each pixel a PIXELPAIR_SPOOL of its own; `pixelpair drain` with the settings of"
        f" pixel {theirs} delivers these while nothing else sends from this spool"
    )


@pytest.fixture
def shop(spool: Path, sink: Sink) -> Iterator[Open]:
    """The tracker of a pixel's shop; all of them share one spool."""
    opened: list[Tracker] = []

    def make(pixel_id: str) -> Tracker:
        more = {"secret": "s", "spool": spool, "graph_url": sink.url}
        token = TOKENS[pixel_id]
        opened.append(Tracker(Settings(pixel_id=pixel_id, access_token=token, **more)))
        return opened[-1]

    yield make
    for tracker in opened:
        tracker.close()


def queue(tracker: Tracker, *numbers: str) -> None:
    pixel_id = tracker.settings.pixel_id
    for n in numbers:
        tracker._queue(make_twin(n, pixel_id=pixel_id, at=int(time.time())).pack())


def calls(sink: Sink) -> set[tuple[str, str]]:
    """Which pixel was addressed with which token."""
    found = zip(sink.paths, sink.headers, strict=True)
    return {(path.split("/")[2], headers["Authorization"]) for path, headers in found}


@pytest.mark.parametrize(("first", "second"), [("111", "222"), ("222", "111")])
def test_each_pixels_events_arrive_once_when_a_process_of_its_own_leads(
    shop: Open, sink: Sink, spool: Path, caplog: pytest.LogCaptureFixture, first: str, second: str
) -> None:
    leader, follower = shop(first), shop(second)
    queue(leader, "a1")
    until(lambda: leader._worker.leads)
    queue(follower, "b1", "b2")
    until(lambda: spool.exists() and stats(spool).queued == 2)
    queue(leader, "a2")
    until(lambda: "id-a2" in sink.ids)
    assert (sink.ids, stats(spool).dead) == ({"id-a1": 1, "id-a2": 1}, 0)
    leader.close()
    until(lambda: len(sink.ids) == 4)
    follower.close()
    assert set(sink.ids.values()) == {1}
    assert calls(sink) == {(pixel, f"Bearer {token}") for pixel, token in TOKENS.items()}
    assert stats(spool) == Stats(delivered=4)
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (
            logging.ERROR,
            f"events of pixel {second} are kept and tried again: {told(second, first)}",
        )
    ]


def test_more_foreign_events_than_one_batch_do_not_starve_ones_own(
    shop: Open, sink: Sink, spool: Path
) -> None:
    foreign, own = shop("222"), shop("111")
    twins = [make_twin(n, pixel_id="222", at=int(time.time())) for n in range(1500)]
    for twin in twins:
        foreign.journal.append(twin.pack())
    queue(own, "mine")
    until(lambda: sink.ids)
    own.close()
    assert (sink.ids, stats(spool).queued) == ({"id-mine": 1}, 1500)


def test_a_drain_delivers_its_own_pixels_events_and_says_whose_are_left(
    shop: Open,
    sink: Sink,
    spool: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for pixel_id in ("111", "222"):
        tracker = shop(pixel_id)
        tracker.journal.append(make_twin(pixel_id, pixel_id=pixel_id, at=int(time.time())).pack())
        tracker.close()
    monkeypatch.setenv("PIXELPAIR_SPOOL", str(spool))
    monkeypatch.setenv("PIXELPAIR_GRAPH_URL", sink.url)
    ran = []
    for pixel_id, token in TOKENS.items():
        monkeypatch.setenv("PIXELPAIR_PIXEL_ID", pixel_id)
        monkeypatch.setenv("PIXELPAIR_ACCESS_TOKEN", token)
        code = main(["drain"])
        out, err = capsys.readouterr()
        ran.append((code, out, err))
    assert ran == [
        (1, "delivered 1, dead 0, left 1\n", told("222", "111") + "\n"),
        (0, "delivered 1, dead 0, left 0\n", ""),
    ]
    assert sink.ids == {"id-111": 1, "id-222": 1}
