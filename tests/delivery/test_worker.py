"""The worker: real journals, a real outbox and a real HTTP server, on good days and bad ones."""

from __future__ import annotations

import logging
import signal
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import journal as journals
from pixelpair.delivery import sums
from pixelpair.delivery.bell import Bell
from pixelpair.delivery.drain import Drained
from pixelpair.delivery.locks import Lock
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.outbox import Stats
from pixelpair.delivery.worker import BREATH
from pixelpair.graph.client import Reply

from .conftest import put, stats, until
from .scripts import run, start
from .sink import Answer, Sink, accepted, refused

if TYPE_CHECKING:
    from pathlib import Path

    from pixelpair.core.events import Twin

    from .conftest import Build, Clock

# --- one pass ------------------------------------------------------------------------------


def test_a_pass_delivers_what_was_accepted(build: Build, sink: Sink) -> None:
    worker, journal = build()
    put(journal, 1, 2)
    assert worker.step() == worker.poll
    assert [event["event_id"] for event in sink.events] == ["id-1", "id-2"]
    assert sink.paths == ["/v26.0/111/events"]


def test_a_full_batch_is_followed_at_once_and_a_smaller_one_gathers_more(
    build: Build, sink: Sink
) -> None:
    """Seen: one event a call, 320 calls a second, where Graph answered at once."""
    worker, journal = build()
    put(journal, *range(2500))
    assert [worker.step() for _ in range(3)] == [0.0, worker.poll, worker.poll]
    assert len(sink.ids) == 2500


def test_a_second_worker_waits_for_the_first(build: Build) -> None:
    first, _ = build()
    second, journal = build()
    put(journal, 1)
    first.step()
    assert (first.leads, second.step(), second.leads) == (True, second.takeover, False)


def test_a_pass_that_breaks_rests_longer_and_is_said_once(
    build: Build, caplog: pytest.LogCaptureFixture, sink: Sink
) -> None:
    def broken(twins: list[Twin]) -> Reply:
        raise RuntimeError("a bug")

    worker, journal = build(broken)
    put(journal, 1)
    assert [worker.step() for _ in range(7)] == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert len(caplog.records) == 1


def test_a_lost_answer_keeps_the_batch(build: Build, sink: Sink, clock: Clock, spool: Path) -> None:
    worker, journal = build()
    put(journal, 1, 2, 3)
    sink.answer = lambda events: Answer(reset=True)
    worker.step()
    assert stats(spool).queued == 3
    sink.answer = accepted
    clock.now += 10
    worker.step()
    assert stats(spool) == Stats(delivered=3)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, b"<html>oops</html>"),
        Answer(200, b"<html>a captive portal</html>"),
        Answer(200, b'{"events_received":', cut=10),
        Answer(200, b"{}"),
        Answer(429, b"{}", {"Retry-After": "5"}),
        Answer(200, b"x" * 200_000),
        Answer(reset=True),
        refused(2, status=503),
        refused(190, status=401),
        refused(100, 33),
        refused(987654),
    ],
)
def test_whatever_graph_answers_nothing_is_lost(
    build: Build, sink: Sink, clock: Clock, spool: Path, answer: Answer
) -> None:
    worker, journal = build()
    put(journal, *range(5))
    sink.answer = lambda events: answer
    for _ in range(4):
        worker.step()
    assert stats(spool).queued == 5
    assert len(sink.calls) == 1
    sink.answer = accepted
    clock.now += 120
    worker.step()
    assert stats(spool) == Stats(delivered=5)


def test_the_same_event_twice_leaves_once(build: Build, sink: Sink) -> None:
    worker, journal = build()
    put(journal, 1, 1)
    worker.step()
    put(journal, 1)
    worker.step()
    assert sink.ids == {"id-1": 1}


def test_a_spool_that_cannot_be_written_sends_from_memory(
    spool: Path, build: Build, sink: Sink
) -> None:
    spool.write_text("in the way")
    worker, journal = build()
    put(journal, 1, 2)
    worker.step()
    assert (sink.ids, journal.held, worker.leads) == ({"id-1": 1, "id-2": 1}, 0, False)


def test_memory_stays_bounded_while_neither_spool_nor_graph_works(
    spool: Path, build: Build, sink: Sink, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "REST", 0.0)
    spool.write_text("in the way")
    sink.answer = lambda events: Answer(500)
    worker, journal = build()
    journal.memory_rows = 10
    for n in range(50):
        put(journal, n)
        worker.step()
    assert (journal.held, journal.dropped) == (10, 30)
    sink.answer = accepted
    for _ in range(4):
        clock.now += 600
        worker.step()
    assert sum(sink.ids.values()) == 20


def test_a_broken_outbox_leaves_events_in_the_journal(
    build: Build, spool: Path, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    worker, journal = build()
    (spool / "outbox.sqlite3").mkdir(parents=True)
    put(journal, 1)
    assert worker.step() > 1
    assert worker.step() > 1
    assert len(caplog.records) == 1
    (spool / "outbox.sqlite3").rmdir()
    worker.step()
    assert sink.ids == {"id-1": 1}


def test_a_corrupt_outbox_is_replaced_and_the_living_journal_read_again(
    build: Build, spool: Path, sink: Sink
) -> None:
    spool.mkdir()
    (spool / "outbox.sqlite3").write_bytes(b"rubbish" * 1000)
    worker, journal = build()
    put(journal, 1)
    worker.step()
    assert sink.ids == {"id-1": 1}


# --- the thread ----------------------------------------------------------------------------


def test_the_thread_starts_with_the_first_event_and_sends_it(build: Build, sink: Sink) -> None:
    before = threading.active_count()
    worker, journal = build(poll=0.01)
    assert threading.active_count() == before
    put(journal, 1)
    worker.notify()
    worker.notify()
    until(lambda: sink.events)
    names = [thread.name for thread in threading.enumerate() if thread.daemon]
    assert names.count("pixelpair") == 1


def test_what_is_urgent_is_sent_at_once(build: Build, sink: Sink) -> None:
    worker, journal = build(poll=60)
    put(journal, 1)
    worker.notify(urgent=True)
    until(lambda: worker.done.delivered == 1)
    put(journal, 2)
    worker.notify(urgent=True)
    until(lambda: worker.done.delivered == 2, seconds=10)
    assert sink.ids == {"id-1": 1, "id-2": 1}


def test_however_much_is_urgent_the_looks_are_bounded(build: Build, sink: Sink) -> None:
    worker, journal = build(poll=60)
    worker.start()
    until(lambda: worker.leads)
    began, before = time.monotonic(), len(sink.calls)
    for n in range(500):
        put(journal, n)
        worker.notify(urgent=True)
        threading.Event().wait(0.001)
    until(lambda: len(sink.events) == 500)
    took = time.monotonic() - began
    assert len(sink.calls) - before <= took / BREATH + 2


def test_what_is_urgent_shortens_the_pause_between_looks_but_not_a_rest(build: Build) -> None:
    worker, _ = build(poll=0.3)
    took = []
    for pause in (0.3, 0.4):
        bell, began = Bell(), time.monotonic()
        bell.ring()
        assert worker._rest(threading.Event(), bell, pause) is False
        took.append(time.monotonic() - began)
    assert BREATH <= took[0] < 0.3
    assert took[1] >= 0.4


def test_halting_sends_the_rest_and_the_next_event_starts_it_again(
    build: Build, sink: Sink
) -> None:
    worker, journal = build(poll=60)
    worker.start()
    until(lambda: worker.leads)
    put(journal, *range(1500))
    assert worker.halt() is True
    assert (len(sink.ids), worker.leads) == (1500, False)
    assert [t for t in threading.enumerate() if t.name == "pixelpair"] == []
    put(journal, "later")
    worker.notify()
    until(lambda: "id-later" in sink.ids)


def test_only_the_thread_rests_for_its_process(build: Build, sink: Sink) -> None:
    worker, journal = build(poll=0.01)
    put(journal, 1)
    worker.step()
    found = [worker._leader.considerate]
    worker.start()
    put(journal, 2)
    until(lambda: len(sink.events) == 2)
    found.append(worker._leader.considerate)
    assert worker.halt() is True
    assert [*found, worker._leader.considerate] == [False, True, False]


def test_halting_what_never_ran_starts_nothing(build: Build, spool: Path, sink: Sink) -> None:
    worker, journal = build()
    put(journal, 1)
    assert worker.halt() is True
    assert (sink.calls, worker.leads) == ([], False)


def test_a_hanging_graph_is_waited_for_once(build: Build, sink: Sink, spool: Path) -> None:
    """Seen: at the end of the app, and then again at the end of the process."""
    asked, release = threading.Event(), threading.Event()

    def hang(twins: list[Twin]) -> Reply:
        asked.set()
        release.wait(20)
        return Reply("silence")

    worker, journal = build(hang, poll=0.01)
    put(journal, 1)
    worker.start()
    assert asked.wait(20)
    assert worker.halt(0.1) is False
    began = time.monotonic()
    worker.close(20)
    assert time.monotonic() - began < 10
    release.set()
    until(lambda: not worker.leads)


def test_a_follower_ends_when_the_leader_has_read_what_it_wrote(build: Build, sink: Sink) -> None:
    leader, _ = build(poll=0.02)
    leader.start()
    until(lambda: leader.leads)
    follower, journal = build(takeover=60)
    follower.start()
    put(journal, 1)
    assert follower.halt(20) is True
    assert leader.leads
    until(lambda: sink.ids == {"id-1": 1})


def test_a_follower_that_ends_last_sends_what_it_wrote(
    build: Build, spool: Path, sink: Sink
) -> None:
    """Seen: the leader had read the journals for the last time, and a follower left its own."""
    spool.mkdir()
    leader = Lock(spool / "leader.lock")
    assert leader.acquire()
    follower, journal = build(takeover=60)
    follower.start()
    put(journal, 1)
    ending = threading.Thread(target=follower.halt, args=(20,))
    ending.start()
    until(lambda: journal.path and not journal.path.stat().st_size)  # it has handed it over
    leader.close()
    ending.join()
    assert sink.ids == {"id-1": 1}


def test_figures_are_saved_while_it_runs_and_when_it_ends(
    build: Build, spool: Path, sink: Sink
) -> None:
    meters = Meters(spool)
    worker, journal = build(poll=0.01, meters=meters)
    put(journal, 1, 2)
    worker.start()
    until(lambda: worker.done.delivered == 2)
    worker.halt()
    counts = sums.host(spool).counts
    assert counts["delivered", "ViewContent"] == 2
    assert counts["accepted", ""] == 2


def test_closing_sends_the_rest_and_leaves_no_journal_with_events(
    build: Build, sink: Sink, spool: Path
) -> None:
    worker, journal = build(poll=30)
    worker.start()
    until(lambda: worker.leads)
    put(journal, *range(2500))
    worker.close()
    assert len(sink.ids) == 2500
    assert [path.stat().st_size for path in spool.glob("*.pxj")] == [0]
    assert not worker.leads


def test_closing_gives_up_the_lead_that_a_step_took(build: Build, spool: Path, sink: Sink) -> None:
    worker, journal = build()
    put(journal, 1)
    worker.step()
    assert worker.leads
    worker.close()
    assert not worker.leads
    assert sorted(path.name for path in spool.glob("outbox*")) == ["outbox.sqlite3"]


def test_a_drain_that_gets_no_turn_looks_into_no_outbox_of_another_thread(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen at a stop during a flush: a traceback, "Cannot operate on a closed database"."""
    worker, journal = build()
    worker.step()
    put(journal, 1, 2)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with worker._turn:
            holding.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(20)
    assert worker._leader.outbox is not None
    worker._leader.outbox.close()
    try:
        assert worker.drain(0) == Drained(left=2, reason="Graph has not answered in time")
    finally:
        done.set()
        holder.join()
    assert caplog.messages == []


def test_closing_does_not_wait_for_a_graph_that_hangs(
    build: Build, spool: Path, sink: Sink
) -> None:
    asked, release = threading.Event(), threading.Event()

    def hang(twins: list[Twin]) -> Reply:
        asked.set()
        release.wait(20)
        return Reply("silence")

    worker, journal = build(hang, poll=0.01)
    put(journal, 1)
    worker.start()
    assert asked.wait(20)
    start = time.monotonic()
    worker.close(0.2)
    assert time.monotonic() - start < 1.5
    release.set()
    until(lambda: not worker.leads)
    assert stats(spool).queued == 1


def test_closing_while_graph_is_down_keeps_events(build: Build, spool: Path, sink: Sink) -> None:
    sink.answer = lambda events: Answer(500)
    worker, journal = build(poll=0.01)
    put(journal, 1)
    worker.start()
    until(lambda: sink.calls)
    worker.close()
    assert stats(spool).queued == 1


def test_every_process_syncs_its_journal_leader_or_not(build: Build) -> None:
    """Seen: a follower synced only as often as it asked for the lead."""
    leader, _ = build()
    assert leader.step() == leader.poll
    follower, journal = build(takeover=60)
    put(journal, 1)
    follower.start()
    until(lambda: journal._size == journal._synced)
    put(journal, 2)
    until(lambda: journal._size == journal._synced, seconds=5)
    assert (follower.leads, journal._size > 0) == (False, True)
    follower.close(0)  # else it waits for the leader to read what it hands over: 5 s


def test_what_was_accepted_is_on_the_disk_before_a_call_that_may_hang(build: Build) -> None:
    synced: list[bool] = []

    def send(twins: list[Twin]) -> Reply:
        synced.append(journal._size == journal._synced > 0)
        return Reply("accepted", 200, received=len(twins))

    worker, journal = build(send)
    put(journal, 1)
    worker.step()
    assert synced == [True]


def test_a_closed_worker_does_not_start_again(build: Build) -> None:
    worker, _ = build()
    worker.close()
    worker.notify()
    assert [t for t in threading.enumerate() if t.name == "pixelpair"] == []


def test_events_lost_with_the_process_are_counted_aloud(
    build: Build, spool: Path, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    spool.write_text("in the way")
    sink.answer = lambda events: Answer(500)
    worker, journal = build(poll=0.01)
    put(journal, 1, 2)
    worker.start()
    until(lambda: sink.calls)
    worker.close()
    lost = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert lost == ["2 events could be neither sent nor written, and are lost"]


# --- processes -----------------------------------------------------------------------------

LEADER = """
journal = Journal(spool)
worker = worker_to(sys.argv[2], journal, poll=0.02)
journal.append(twin(f"first-{os.getpid()}").pack())
worker.notify()
while not worker.leads: time.sleep(0.01)
"""


def test_a_follower_takes_over_within_two_seconds_of_a_leader_that_had_forked(
    spool: Path, sink: Sink, build: Build
) -> None:
    code = LEADER + "if os.fork() == 0: time.sleep(60)\nprint('leads', flush=True)\ntime.sleep(60)"
    quiet = "import warnings; warnings.simplefilter('ignore')\n"
    leader = start(code, spool, sink.url, before=quiet, start_new_session=True)
    try:
        assert leader.stdout is not None
        assert leader.stdout.readline() == "leads\n"
        worker, journal = build(poll=0.02)
        put(journal, 1)
        worker.notify()
        until(lambda: "id-1" in sink.ids)
        assert not worker.leads
        killed = time.monotonic()
        leader.send_signal(signal.SIGKILL)
        put(journal, 2)
        until(lambda: worker.leads)
        assert time.monotonic() - killed < 2
        until(lambda: "id-2" in sink.ids)
    finally:
        import os

        os.killpg(leader.pid, signal.SIGKILL)
        leader.communicate()


def test_a_forked_child_sends_its_own_events_when_it_leads(spool: Path, sink: Sink) -> None:
    code = (
        LEADER
        + """
    child = os.fork()
    journal.append(twin("parent" if child else "child").pack())
    worker.notify()
    if child == 0:
        worker.close(0)
        os._exit(0)
    os.waitpid(child, 0)
    worker.drain(10)
    """
    )
    quiet = "import warnings; warnings.simplefilter('ignore')\n"
    _, err = run(code.replace("\n    ", "\n"), spool, sink.url, before=quiet)
    assert err == ""
    assert sorted(event_id.rstrip("0123456789") for event_id in sink.ids) == [
        "id-child",
        "id-first-",
        "id-parent",
    ]


def test_an_ending_interpreter_is_silent_and_leaves_nothing_unsent(spool: Path, sink: Sink) -> None:
    code = (
        LEADER
        + """
    import atexit
    atexit.register(worker.close)
    for n in range(500):
        journal.append(twin(n).pack())
    """
    )
    assert run(code.replace("\n    ", "\n"), spool, sink.url) == ("", "")
    assert len(sink.ids) == 501


def test_an_interpreter_that_never_closes_is_silent_too(spool: Path, sink: Sink) -> None:
    quiet = "import warnings; warnings.simplefilter('ignore')\n"
    assert run(LEADER, spool, sink.url, before=quiet) == ("", "")


def test_the_database_is_whole_after_a_kill(spool: Path, sink: Sink) -> None:
    loop = (
        "for n in range(10**7):\n    journal.append(twin(n).pack())\n"
        "    if n % 50 == 0: time.sleep(0.001)  # the sender needs its turns too\n"
    )
    code = LEADER + "print('leads', flush=True)\n" + loop
    process = start(code, spool, sink.url)
    assert process.stdout is not None
    process.stdout.readline()
    until(lambda: len(sink.events) > 2000)
    process.kill()
    process.communicate()
    with sqlite3.connect(spool / "outbox.sqlite3") as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_a_system_without_locks_forks_and_vectored_writes_works_with_one_process(
    spool: Path, sink: Sink
) -> None:
    poor = """
import os, sys
sys.modules["fcntl"] = None
for name in ("fdatasync", "writev", "register_at_fork", "fork"):
    delattr(os, name)
"""
    code = """
    logging.basicConfig(level=logging.INFO, format="%(message).29s")
    logging.getLogger("httpx").disabled = True
    journal = Journal(spool)
    for n in range(50):
        journal.append(twin(n).pack())
    worker = worker_to(sys.argv[2], journal, poll=0.01)
    worker.start()
    while journal._synced == 0: time.sleep(0.01)
    worker.close()
    print(worker.drain())
    """
    out, err = run(code, spool, sink.url, before=poor)
    assert out == "Drained(delivered=0, dead=0, left=0, reason=None)\n"
    assert sorted(err.splitlines()) == [
        "no fdatasync on this system: ",
        "no file locks on this system:",
    ]
    assert len(sink.ids) == 50
