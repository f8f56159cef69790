"""From the journals straight to Meta: who may, who may not, and that nobody is lost between."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery.dispatch import Dispatch, Round
from pixelpair.delivery.express import REST, Express
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.outbox import Stats
from pixelpair.delivery.retry import HOLD, MAX_AGE
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.graph.client import Reply

from .conftest import NOW, Clock, make_twin, put, stats, until
from .scripts import start
from .sink import Answer, Sink, accepted, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Build

TAKEN = Reply("accepted", 200, received=1)
LOST = Reply("silence", detail="ConnectError")
BAD = Reply("refused", 400, code=100, subcode=2804050)
TOKEN = Reply("refused", 401, code=190)
FBP = "fb.1.1700000000000.12"


class Meta:
    """Answers as it is told and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: Callable[[list[Twin]], Reply] = lambda twins: TAKEN
        self.calls: list[list[Twin]] = []

    def __call__(self, twins: list[Twin]) -> Reply:
        self.calls.append(twins)
        reply = self.answer(twins)
        return replace(reply, received=len(twins)) if reply.kind == "accepted" else reply


class Line:
    """An express with its outbox, for one turn after the other."""

    def __init__(self, clock: Clock) -> None:
        self.meta, self.meters = Meta(), Meters()
        self.outbox = MemoryOutbox(clock)
        self.dispatch = Dispatch(self.meta, clock, lambda: 0.5, meters=self.meters)
        self.express = Express(self.dispatch, self.outbox, self.outbox.note, clock)

    def send(self, *records: Twin | Withdrawal) -> list[Twin | Withdrawal]:
        return self.express.send(records, Round())


@pytest.fixture
def line(clock: Clock) -> Line:
    return Line(clock)


def test_what_nothing_speaks_against_leaves_and_is_remembered(line: Line) -> None:
    tally, twins = Round(), [make_twin(n, lasting=n == 2, consent="granted") for n in range(3)]
    assert line.express.send(twins, tally) == []
    assert (line.meta.calls, tally) == ([twins], Round(3, 3, 0))
    assert line.outbox.stats() == Stats(delivered=3)
    assert line.outbox.put_many(twins) == 0
    assert line.meters.counts["delivered", "ViewContent"] == 3


@pytest.mark.parametrize(
    "kept",
    [
        make_twin("kept", fault="no value"),
        make_twin("kept", at=NOW + 1),
        make_twin("kept", at=NOW - MAX_AGE),
        make_twin(1, value=2),
        make_twin("queued"),
        make_twin("delivered"),
        make_twin("kept", fbp=FBP),
        make_twin("kept", pixel_id="222"),
    ],
    ids=["faulty", "future", "old", "twice", "queued", "delivered", "withdrawn", "troubled"],
)
def test_what_anything_speaks_against_goes_the_long_way(line: Line, kept: Twin) -> None:
    line.meta.answer = lambda twins: TOKEN if twins[0].pixel_id == "222" else TAKEN
    line.outbox.put_many([make_twin("delivered"), make_twin("theirs", pixel_id="222")])
    line.dispatch.turn(line.outbox)
    line.outbox.put_many([make_twin("queued"), Withdrawal("111", FBP, NOW)])
    line.meta.calls.clear()
    others = [make_twin(1), make_twin(2)]
    assert line.send(others[0], kept, others[1]) == [kept]
    assert line.meta.calls == [others]


def test_a_withdrawal_stops_all_that_is_read_with_it(line: Line) -> None:
    records = [make_twin(1, fbp=FBP), make_twin(2), Withdrawal("111", FBP, NOW)]
    assert line.send(*records) == records
    assert line.meta.calls == []


def test_pixels_leave_in_calls_of_their_own(line: Line) -> None:
    twins = [make_twin(n, pixel_id=str(n % 2)) for n in range(5)]
    assert line.send(*twins) == []
    assert sorted(line.meta.calls) == [twins[::2], twins[1::2]]


@pytest.mark.parametrize("trouble", [TOKEN, LOST])
def test_while_a_lane_has_trouble_its_events_go_the_long_way(
    line: Line, clock: Clock, trouble: Reply
) -> None:
    line.meta.answer = lambda twins: trouble
    first, second = make_twin(1), make_twin(2)
    rest = line.send(first)
    assert rest + [row.twin for row in line.outbox.queued()] == [first]
    line.outbox.put_many(rest)
    assert [found.held for found in line.outbox.troubles()] == [trouble == TOKEN]
    clock.now += 2 * HOLD
    line.dispatch.reopen()  # the pause is over, but nobody knows yet whether it is well
    assert line.send(second) == [second]
    assert len(line.meta.calls) == 1
    line.meta.answer = lambda twins: TAKEN
    line.dispatch.turn(line.outbox)
    assert line.send(second) == []
    assert line.outbox.stats() == Stats(delivered=2)


def test_a_failed_try_is_due_when_its_pause_is_over(line: Line, clock: Clock) -> None:
    line.meta.answer = lambda twins: LOST
    assert line.send(make_twin(1)) == []
    assert line.outbox.claim(9, NOW) == []
    assert [row.attempts for row in line.outbox.claim(9, NOW + 1)] == [0]


def test_one_bad_in_a_thousand_dies_alone_within_22_calls(line: Line) -> None:
    line.meta.answer = lambda twins: BAD if any(t.event_id == "id-777" for t in twins) else TAKEN
    twins = [make_twin(n) for n in range(1000)]
    assert line.send(*twins) == []
    assert line.outbox.stats() == Stats(dead=1, delivered=999)
    assert [letter.twin for letter in line.outbox.dead()] == [twins[777]]
    assert len(line.meta.calls) <= 22


def test_what_was_not_tried_any_more_is_given_back(line: Line, clock: Clock) -> None:
    twins = [make_twin(n) for n in range(2500)]
    rest = line.send(*twins)  # a lane that nobody knows yet is asked by one call
    assert (line.meta.calls, rest) == ([twins[:1000]], twins[1000:])
    line.dispatch.stop = lambda: True
    assert line.send(*rest) == rest


def test_a_call_that_breaks_gives_all_back_and_the_long_way_is_taken_for_a_while(
    line: Line, clock: Clock
) -> None:
    def broken(twins: list[Twin]) -> Reply:
        raise RuntimeError("a bug")

    line.meta.answer = broken
    twins = [make_twin(1), make_twin(2)]
    assert line.send(*twins) == twins
    line.meta.answer = lambda twins: TAKEN
    clock.now += REST - 1
    assert line.send(*twins) == twins
    clock.now += 1
    assert line.send(*twins) == []


def test_what_could_not_be_written_is_written_before_anything_else_leaves(
    spool: Path, clock: Clock
) -> None:
    """Else each turn on a full disk would send the same batch again."""
    meta, outbox = Meta(), SqliteOutbox(spool / "outbox.sqlite3", clock)
    express = Express(Dispatch(meta, clock, lambda: 0.5), outbox, outbox.note, clock)
    twins = [make_twin(1), make_twin(2)]
    outbox._db.execute("PRAGMA query_only = 1")
    for _ in range(3):
        with pytest.raises(sqlite3.Error):
            express.send(twins, Round())
    outbox._db.execute("PRAGMA query_only = 0")
    assert express.send(twins, Round()) == twins
    assert (len(meta.calls), outbox.put_many(twins)) == (1, 0)
    assert outbox.stats() == Stats(delivered=2)
    outbox.close()


def sizes(spool: Path) -> list[int]:
    return [path.stat().st_size for path in spool.glob("*.pxj")]


# --- with journals -------------------------------------------------------------------------


def test_an_event_in_two_journals_leaves_once_and_is_counted(
    build: Build, sink: Sink, spool: Path
) -> None:
    meters = Meters()
    worker, journal = build(meters=meters)
    other = Journal(spool)
    put(journal, 1, 2)
    put(other, 2, 3, 3)
    worker.step()
    worker.step()
    put(other, 1)
    worker.step()
    assert sink.ids == {"id-1": 1, "id-2": 1, "id-3": 1}
    assert (meters.counts["accepted", ""], meters.counts["duplicate", ""]) == (3, 3)
    other.close()


def test_journals_share_their_calls_once_it_goes_well(
    build: Build, sink: Sink, spool: Path
) -> None:
    worker, journal = build()
    others = [Journal(spool) for _ in range(3)]
    put(journal, "first")
    worker.step()
    for n, each in enumerate([journal, *others]):
        put(each, *range(100 * n, 100 * n + 100))
    worker.step()
    assert sink.calls == [1, 400]
    for each in others:
        each.close()


@pytest.mark.parametrize("answer", [refused(2, status=503), refused(190, status=401)])
def test_a_refused_batch_waits_in_the_outbox_and_the_journal_goes(
    build: Build, sink: Sink, clock: Clock, spool: Path, answer: Answer
) -> None:
    sink.answer = lambda events: answer
    worker, journal = build()
    put(journal, *range(5))
    journal.close()
    worker.step()
    assert sizes(spool) == [0]  # its successor
    assert (stats(spool), len(sink.calls)) == (Stats(queued=5, oldest=NOW), 1)
    sink.answer = accepted
    clock.now += 120
    worker.step()
    assert stats(spool) == Stats(delivered=5)


def test_a_journal_stays_until_what_it_holds_is_delivered(
    build: Build, sink: Sink, spool: Path
) -> None:
    asked, release = threading.Event(), threading.Event()

    def answer(events: list[dict[str, Any]]) -> Answer:
        asked.set()
        assert release.wait(20)
        return accepted(events)

    sink.answer = answer
    worker, journal = build()
    put(journal, 1)
    journal.close()
    turn = threading.Thread(target=worker.step)
    turn.start()
    assert asked.wait(20)
    with closing(SqliteOutbox(spool / "outbox.sqlite3")) as looked_into:
        assert Intake(spool, looked_into).unread() == 1
    release.set()
    turn.join()
    assert (sizes(spool), stats(spool)) == ([0], Stats(delivered=1))


def test_an_old_backlog_and_new_events_share_each_turn(
    build: Build, sink: Sink, spool: Path, clock: Clock
) -> None:
    outbox = SqliteOutbox(spool / "outbox.sqlite3", clock)
    outbox.put_many([make_twin(f"old-{n}") for n in range(1500)])
    outbox.close()
    worker, journal = build()
    put(journal, "new")
    worker.step()
    assert sorted(sink.calls) == [1, 500, 1000]


KILLED = """
journal = Journal(spool)
for n in range(2500):
    journal.append(twin(n).pack())
from pixelpair.delivery import express
taken_down = express.Express._take_down
def take_down(self, *outcomes):
    if {when}:
        print("answered", flush=True)
        time.sleep(60)
    taken_down(self, *outcomes)
express.Express._take_down = take_down
calls = []
worker = worker_to(sys.argv[2], journal, poll=0.02)
worker.start()
time.sleep(60)
"""


# The first call goes alone, the two others side by side.
@pytest.mark.parametrize(("before", "most"), [(0, 1000), (1, 1500), (2, 1000)])
def test_killed_between_an_answer_and_its_record_repeats_a_batch_for_each_call_at_most(
    build: Build, spool: Path, sink: Sink, clock: Clock, before: int, most: int
) -> None:
    counting = "calls.append(0) or len(calls) > " + str(before)
    process = start(KILLED.replace("{when}", counting), spool, sink.url)
    assert process.stdout is not None
    assert process.stdout.readline() == "answered\n"
    process.kill()
    process.communicate()
    clock.now = time.time() + 1
    worker, _ = build()
    until(lambda: worker.drain(20).left == 0)
    assert sorted(sink.ids) == sorted(f"id-{n}" for n in range(2500))
    assert 0 < sum(sink.ids.values()) - 2500 <= most
