"""Delivering everything now: when a drain ends, and what it says it did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import drain as drains
from pixelpair.delivery.drain import Drained
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.outbox import Stats
from pixelpair.delivery.worker import Worker
from pixelpair.graph.client import Reply

from .conftest import Clock, make_twin, put, stats, until
from .sink import Answer, Sink, accepted, refused

if TYPE_CHECKING:
    from pathlib import Path

    from pixelpair.core.events import Twin

    from .conftest import Build


def test_a_drain_of_nothing_makes_nothing(build: Build, spool: Path) -> None:
    worker, _ = build()
    assert worker.drain() == Drained()
    assert not spool.exists()
    spool.mkdir()
    assert worker.drain(0) == Drained()


def test_a_drain_delivers_everything_and_tells_how_far_it_is(build: Build, sink: Sink) -> None:
    seen: list[tuple[int, int]] = []
    worker, journal = build()
    put(journal, *range(2100))
    put(journal, "x", name="Purchase", fault="no value")
    done = worker.drain(None, lambda done, total: seen.append((done, total)))
    assert done == Drained(delivered=2100)
    assert sorted(set(seen)) == [(1000, 2101), (2100, 2100)]  # one was no delivery
    assert not worker.leads


def test_a_drain_sends_what_waits_for_its_time(
    build: Build, sink: Sink, clock: Clock, spool: Path
) -> None:
    worker, journal = build()
    put(journal, 1)
    sink.answer = lambda events: refused(987654)
    worker.step()
    sink.answer = accepted
    assert worker.drain() == Drained(delivered=1)


def test_a_drain_gives_up_on_a_graph_that_stays_down(
    build: Build, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "PAUSE", 0.001)
    sink.answer = lambda events: Answer(502, b"<html>")
    worker, journal = build()
    put(journal, 1, 2)
    assert worker.drain() == Drained(
        left=2, reason="something else than Graph answers (HTTP 502 with an HTML page)"
    )
    assert 2 <= len(sink.calls) <= drains.TRIES


def test_a_drain_gets_through_a_short_outage(
    build: Build, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "PAUSE", 0.001)
    sink.answer = lambda events: Answer(502) if len(sink.calls) < 3 else accepted(events)
    worker, journal = build()
    put(journal, 1)
    assert worker.drain() == Drained(delivered=1)


def test_a_drain_asks_once_with_a_token_that_is_refused(build: Build, sink: Sink) -> None:
    sink.answer = lambda events: refused(190, status=401)
    worker, journal = build()
    put(journal, 1, 2)
    done = worker.drain()
    assert (done.left, len(sink.calls)) == (2, 1)
    assert done.reason is not None
    assert "PIXELPAIR_ACCESS_TOKEN" in done.reason


def test_a_drain_counts_dead_letters(build: Build, sink: Sink, spool: Path) -> None:
    def answer(events: list[dict[str, object]]) -> Answer:
        bad = any(event["event_id"] == "id-3" for event in events)
        return refused(100, 2804050) if bad else accepted(events)

    sink.answer = answer
    worker, journal = build()
    put(journal, *range(10))
    assert worker.drain() == Drained(delivered=9, dead=1)
    assert stats(spool) == Stats(dead=1, delivered=9)


def test_a_drain_stops_when_its_time_is_over(build: Build, sink: Sink) -> None:
    sink.answer = lambda events: Answer(500)
    worker, journal = build()
    put(journal, 1)
    start = time.monotonic()
    done = worker.drain(0.3)
    assert time.monotonic() - start < 2
    assert (done.left, done.delivered) == (1, 0)
    assert str(done.reason).startswith("there was no more time")


@pytest.mark.parametrize("seconds", [0, 1e-9])
def test_a_drain_without_time_that_sent_everything_says_so(
    build: Build, sink: Sink, seconds: float
) -> None:
    """Seen: everything was delivered, and the command said "no more time" with exit code 1."""
    worker, journal = build()
    put(journal, *range(5))
    assert worker.drain(seconds) == Drained(delivered=5)


def test_a_drain_without_time_says_how_many_it_leaves(build: Build, sink: Sink) -> None:
    worker, journal = build()
    put(journal, *range(1200))
    assert worker.drain(0) == Drained(delivered=1000, left=200, reason="there was no more time")


def test_a_drain_beside_the_running_thread_of_its_process(build: Build, sink: Sink) -> None:
    worker, journal = build(poll=30)
    worker.start()
    until(lambda: worker.leads)
    put(journal, *range(10))
    done = worker.drain(10)
    assert (done.left, done.reason, len(sink.ids)) == (0, None, 10)
    assert worker.leads


def test_a_drain_waits_for_another_process_that_leads(build: Build, sink: Sink) -> None:
    leader, _ = build(poll=0.05)
    leader.start()
    until(lambda: leader.leads)
    worker, journal = build()
    put(journal, *range(10))
    done = worker.drain(10)
    assert (done.left, done.reason, len(sink.ids)) == (0, None, 10)


def test_a_drain_says_so_when_the_other_process_does_not_get_on(
    build: Build, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "STANDSTILL", 0.2)
    leader, _ = build()
    leader.step()
    worker, journal = build()
    put(journal, 1, 2, 3)
    assert worker.drain() == Drained(
        left=3, reason="another process is the sender, and has not sent them yet"
    )


def test_a_drain_of_an_unusable_spool_says_why(build: Build, spool: Path) -> None:
    spool.write_text("in the way")
    worker, _ = build()
    assert worker.drain() == Drained(reason=f"the spool {spool} cannot be used: File exists")


def test_a_drain_with_an_unusable_outbox_says_why(build: Build, spool: Path) -> None:
    (spool / "outbox.sqlite3").mkdir(parents=True)
    worker, journal = build()
    put(journal, 1)
    done = worker.drain()
    assert done.delivered == 0
    assert done.reason is not None
    assert done.reason.startswith("could not ")


def test_works_with_any_outbox(spool: Path, clock: Clock) -> None:
    box, sent = MemoryOutbox(clock), []

    def send(twins: list[Twin]) -> Reply:
        sent.extend(twins)
        return Reply("accepted", 200, received=len(twins))

    journal = Journal(spool)
    put(journal, 1, 2)
    assert Worker(spool, lambda: box, journal, send, clock=clock).drain() == Drained(delivered=2)
    assert sent == [make_twin(1), make_twin(2)]
