"""One shop's trouble is its own: whatever happens to pixel 111, pixel 222's events arrive."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery.callers import CALLS
from pixelpair.delivery.dispatch import Dispatch
from pixelpair.delivery.lanes import PATIENCE
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.outbox import Stats
from pixelpair.delivery.retry import HOLD
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call

from .conftest import NOW, make_twin, put, stats
from .sink import Answer, accepted, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelpair.core.events import Twin
    from pixelpair.delivery.worker import Worker

    from .conftest import Build, Clock
    from .sink import Events, Sink

OLD = 5000
TAKEN = Reply("accepted", 200, received=1)
BAD = Reply("refused", 400, code=100, subcode=2804050)


def run(worker: Worker) -> None:
    """Passes, as long as another may bring more at once."""
    while worker.step() == 0.0:
        pass


def pixels(sink: Sink) -> list[str]:
    return [path.split("/")[2] for path in sink.paths]


@pytest.mark.parametrize(
    "answer", [refused(190, status=401), refused(100, 33), refused(4), Answer(503), Answer(429)]
)
def test_a_refused_pixel_with_old_events_in_front_stops_no_other(
    build: Build, sink: Sink, clock: Clock, spool: Path, answer: Answer
) -> None:
    sink.answer = lambda events: (
        answer if "theirs" in events[0]["custom_data"] else accepted(events)
    )
    worker, journal = build()
    put(journal, *range(OLD), theirs="yes")
    put(journal, "new", pixel_id="222")
    run(worker)
    assert (sorted(pixels(sink)), sink.ids) == (["111", "222"], {"id-new": 1})
    for n in range(5):
        put(journal, n, pixel_id="222")
        worker.step()
    assert sorted(pixels(sink)) == ["111"] + ["222"] * 6
    assert stats(spool) == Stats(queued=OLD, delivered=6, oldest=NOW)
    clock.now += 2 * HOLD
    put(journal, "last", pixel_id="222")
    worker.step()
    assert sorted(pixels(sink)[7:]) == ["111", "222"]
    assert sink.ids["id-last"] == 1


def test_a_well_pixel_with_a_backlog_lets_another_pass(
    build: Build, sink: Sink, spool: Path, clock: Clock
) -> None:
    worker, _ = build()
    outbox = SqliteOutbox(spool / "outbox.sqlite3", clock)
    outbox.put_many([make_twin(n) for n in range(OLD)])
    outbox.put_many([make_twin("new", pixel_id="222")])
    outbox.close()
    worker.step()
    assert (sorted(pixels(sink)), sorted(sink.calls)) == (["111", "222"], [1, 1000])


class Hanging:
    """A Graph that never answers pixel 111, within the client's patience."""

    TIMEOUT = 0.3

    def __init__(self, sink: Sink) -> None:
        self.url = sink.url
        self.release = threading.Event()
        self.graph = Graph(timeout=self.TIMEOUT)
        self.asked: list[str] = []
        sink.answer = self.answer

    def answer(self, events: Events) -> Answer:
        if "theirs" in events[0]["custom_data"]:
            self.release.wait(10)
        return accepted(events)

    def post(self, twins: list[Twin]) -> Reply:
        pixel_id = twins[0].pixel_id
        self.asked.append(pixel_id)
        return self.graph.send(
            call(twins, pixel_id=pixel_id, token="t", graph_url=self.url, version="v26.0")
        )


@pytest.fixture
def hanging(sink: Sink) -> Iterator[Hanging]:
    found = Hanging(sink)
    yield found
    found.release.set()
    found.graph.close()


def test_a_hanging_pixel_delays_another_by_one_call(
    build: Build, clock: Clock, spool: Path, hanging: Hanging
) -> None:
    worker, journal = build(hanging.post)
    put(journal, *range(OLD), theirs="yes")
    put(journal, "new", pixel_id="222")
    began = time.monotonic()
    run(worker)
    assert Hanging.TIMEOUT <= time.monotonic() - began < 3 * Hanging.TIMEOUT + 1
    assert sorted(hanging.asked) == ["111", "222"]
    assert stats(spool) == Stats(queued=OLD, delivered=1, oldest=NOW)


def test_pixels_that_hung_come_last_when_their_time_is_there_again(
    build: Build, clock: Clock, hanging: Hanging
) -> None:
    worker, journal = build(hanging.post)
    bad = [f"11{n}" for n in range(CALLS)]
    for n in range(2):
        for pixel_id in bad:
            put(journal, n, pixel_id=pixel_id, theirs="yes")
        put(journal, n, pixel_id="222")
        worker.step()
        clock.now += 600
    first, second = hanging.asked[: CALLS + 1], hanging.asked[CALLS + 1 :]
    assert (sorted(first[:CALLS]), first[-1]) == (bad, "222")
    assert "222" in second[:CALLS]
    assert sorted(second) == [*bad, "222"]


def test_a_pixel_whose_sending_breaks_stops_no_other(
    build: Build, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(twins: list[Twin]) -> Reply:
        if twins[0].pixel_id == "111":
            raise RuntimeError("a bug")
        return Reply("accepted", 200, received=len(twins))

    worker, journal = build(broken)
    put(journal, 1)
    put(journal, 2, pixel_id="222")
    worker.step()
    assert stats(spool) == Stats(queued=1, delivered=1, oldest=NOW)
    assert len(caplog.records) == 1


def test_a_thousand_bad_events_of_one_pixel_stop_no_other_for_long(clock: Clock) -> None:
    calls: list[tuple[str, int]] = []

    def slow(twins: list[Twin]) -> Reply:
        calls.append((twins[0].pixel_id, len(twins)))
        clock.now += 0.3
        return TAKEN if twins[0].pixel_id == "222" else BAD

    outbox = MemoryOutbox(clock)
    outbox.put_many([make_twin(n) for n in range(1000)])
    sender = Dispatch(slow, clock, lambda: 0.5)
    waited = []
    while outbox.stats().queued:
        outbox.put_many([make_twin(len(calls), pixel_id="222", at=int(clock.now))])
        began = clock.now
        sender.turn(outbox)
        waited.append(clock.now - began)
    assert max(waited) <= PATIENCE + 2 * 0.3
    assert outbox.stats() == Stats(dead=1000, delivered=len(waited))
    assert len(calls) - len(waited) <= 2500


@pytest.mark.parametrize("seconds", [0.3, 4.0, 11.0])
def test_a_search_for_one_bad_event_goes_on_where_it_broke_off(
    clock: Clock, seconds: float
) -> None:
    calls: list[int] = []

    def slow(twins: list[Twin]) -> Reply:
        calls.append(len(twins))
        clock.now += seconds
        return BAD if any(twin.event_id == "id-777" for twin in twins) else TAKEN

    outbox = MemoryOutbox(clock)
    outbox.put_many([make_twin(n) for n in range(1000)])
    sender = Dispatch(slow, clock, lambda: 0.5)
    while sender.turn(outbox).claimed:
        pass
    assert outbox.stats() == Stats(dead=1, delivered=999)
    assert len(calls) <= 50
