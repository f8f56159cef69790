"""What waits in memory while the spool cannot be written: it goes to the file again as soon as that
takes it, and what is lost with the process is said.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import threading
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import journal as journals
from pixelpair.delivery import memory
from pixelpair.delivery.frames import read_frames
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.outbox import Stats
from pixelpair.delivery.retry import Dead, Delivered
from pixelpair.graph.client import Reply
from pixelpair.settings import Settings
from pixelpair.tracker import Tracker

from .conftest import NOW, make_twin, put, stats, until
from .sink import Answer, Sink, accepted

if TYPE_CHECKING:
    from pathlib import Path

    from pixelpair.core.events import Twin

    from .conftest import Build, Clock


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]


def tracker_without_a_sender(spool: Path) -> Tracker:
    return Tracker(
        Settings(pixel_id="111", access_token="t", secret="s", spool=spool, sender="none")
    )


def test_without_a_sender_nothing_that_waited_is_lost_when_the_spool_is_well_again(
    spool: Path, build: Build, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen: later events reached the file, the held one was gone at the end, without a word."""
    spool.write_text("in the way")
    tracker = tracker_without_a_sender(spool)
    for n in (1, 2):
        tracker._queue(make_twin(n).pack())
    spool.unlink()
    tracker.close()
    assert errors(caplog) == []
    build()[0].drain()
    assert sink.ids == {"id-1": 1, "id-2": 1}


def test_without_a_sender_what_is_lost_is_counted_aloud(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool.write_text("in the way")
    tracker = tracker_without_a_sender(spool)
    tracker.journal.memory_rows = 3
    for n in range(5):
        tracker._queue(make_twin(n).pack())
    tracker.close()
    assert errors(caplog) == ["5 events could be neither sent nor written, and are lost"]


def test_a_close_that_leaves_everything_in_the_spool_reports_no_loss(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = tracker_without_a_sender(spool)
    tracker._queue(make_twin(1).pack())
    tracker.close()
    assert caplog.records == []


def test_events_wait_on_the_disk_again_when_that_is_well_before_graph_is(
    spool: Path, build: Build, sink: Sink, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: what had once been taken for sending from memory stayed there until the end."""
    monkeypatch.setattr(journals, "REST", 0.0)
    sink.answer = lambda events: Answer(500)
    spool.write_text("in the way")
    worker, journal = build()
    put(journal, 1, 2)
    worker.step()
    spool.unlink()
    for _ in range(2):
        worker.step()
    assert (stats(spool).queued, worker._leader.lost()) == (2, 0)
    sink.answer = accepted
    clock.now += 600
    worker.step()
    assert sink.ids == {"id-1": 1, "id-2": 1}


def test_closing_saves_what_is_in_memory_if_the_spool_takes_it_by_then(
    spool: Path, build: Build, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.answer = lambda events: Answer(500)
    spool.write_text("in the way")
    worker, journal = build(poll=0.01)
    put(journal, 1, 2)
    worker.start()
    until(lambda: sink.calls)
    spool.unlink()
    worker.close()
    assert (errors(caplog), stats(spool)) == ([], Stats(queued=2, oldest=make_twin().event_time))


def test_what_is_taken_from_memory_for_sending_stays_within_its_bytes(
    spool: Path, build: Build, sink: Sink
) -> None:
    sink.answer = lambda events: Answer(500)
    spool.write_text("in the way")
    worker, journal = build()
    journal.memory_bytes = 2 * len(make_twin(1).pack())
    for n in range(9):
        put(journal, n)
        worker.step()
    # Two wait for their sending, two in the journal's own memory.
    assert (worker._leader.queued(), journal.held, journal.dropped) == (2, 2, 5)


def test_of_dead_letters_in_memory_the_newest_are_kept(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "LETTERS", 2)
    box = memory.MemoryOutbox(clock)
    box.put_many([make_twin(n, fault="f") for n in (1, 2, 3, 2, 4)])
    assert [letter.twin.event_id for letter in box.letters()] == ["id-4", "id-2"]


def test_an_outbox_in_memory_knows_its_size(clock: Clock) -> None:
    twins = [make_twin(n, text="x" * n) for n in range(4)]
    box = memory.MemoryOutbox(clock)
    box.put_many(twins)
    rows = box.claim(2, NOW)
    box.settle([(rows[0].key, Delivered()), (rows[1].key, Dead("x"))], NOW)
    assert box.size == len(twins[2].body) + len(twins[3].body)
    box.take_back()
    assert box.size == len(twins[3].body)
    box.erase([row.key for row in box.queued()])
    assert box.size == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_disk_that_comes_and_goes_loses_and_doubles_nothing(
    spool: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice, whole = random.Random(seed), journals._writev

    def write(fd: int, parts: tuple[bytes, ...]) -> int:
        face = dice.random()
        if face < 0.1:
            raise OSError(errno.ENOSPC, "full")
        return os.write(fd, b"".join(parts)[:9]) if face < 0.15 else whole(fd, parts)

    monkeypatch.setattr(journals, "_writev", write)
    monkeypatch.setattr(journals, "REST", 0.0)
    monkeypatch.setattr(journals, "AT_ONCE", 3)
    journal, done, taken = Journal(spool), threading.Event(), []

    def accept(name: int) -> None:
        for n in range(1500):
            journal.append(b"%d-%d" % (name, n))

    def rescue() -> None:
        while not done.is_set():
            journal.recover()
            taken.extend(journal.take_held(2))

    threads = [threading.Thread(target=accept, args=(name,)) for name in range(3)]
    rescuer = threading.Thread(target=rescue)
    for thread in (rescuer, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    rescuer.join()
    monkeypatch.setattr(journals, "_writev", whole)
    journal.close()
    files = [path.read_bytes() for path in spool.glob("*.pxj")]
    written = [record for data in files for record in read_frames(data, final=True).payloads]
    accepted_all = [b"%d-%d" % (name, n) for name in range(3) for n in range(1500)]
    assert (sorted(written + taken), journal.held) == (sorted(accepted_all), 0)


def test_a_close_during_a_call_counts_what_only_memory_holds(
    spool: Path, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    release, called = threading.Event(), threading.Event()

    def hang(twins: list[Twin]) -> Reply:
        called.set()
        release.wait(10)
        return Reply("silence")

    spool.write_text("in the way")
    worker, journal = build(hang, poll=0.01)
    put(journal, 1)
    worker.start()
    assert called.wait(10)
    thread = worker._thread
    put(journal, 2)
    worker.close(0.05)
    assert errors(caplog) == ["2 events could be neither sent nor written, and are lost"]
    release.set()
    assert thread is not None
    thread.join(10)
