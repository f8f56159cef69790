"""A visitor's withdrawal on its way: through journals, memory and processes that are killed."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import Withdrawal
from pixelpair.delivery import journal as journals
from pixelpair.delivery import withdrawals
from pixelpair.delivery.frames import frame
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.outbox import Stats, borne_fbp, sought_fbp

from .conftest import NOW, make_twin, put, stats, until
from .scripts import start
from .sink import Answer, Sink, accepted

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Build, Clock

FBP, OTHER = "fb.1.1700000000000.12", "fb.1.1700000000000.123"
GONE = Withdrawal("111", FBP, NOW)


def body_of(fbp: str, text: str = "") -> bytes:
    user = {"client_user_agent": text, "fbp": fbp}
    return orjson.dumps({"referrer_url": text, "user_data": user, "custom_data": {"a": text}})


def in_sql(body: bytes) -> bytes | None:
    with sqlite3.connect(":memory:") as db:
        ((found,),) = db.execute(f"SELECT {withdrawals._BORNE} FROM (SELECT ? AS body)", (body,))
    db.close()
    return found  # type: ignore[no-any-return]


@given(st.text(), st.text() | st.just(f'"fbp":"{FBP}"'))
def test_a_body_tells_its_own_visitor_and_no_other(fbp: str, other: str) -> None:
    borne = borne_fbp(body_of(fbp, other))
    assert in_sql(body_of(fbp, other)) == borne
    assert (borne == sought_fbp(Withdrawal("1", fbp, 1))) == ('"' not in fbp)
    assert (borne == sought_fbp(Withdrawal("1", other, 1))) <= (other == fbp)


@given(st.dictionaries(st.text(), st.text() | st.just(f'"fbp":"{FBP}"')).map(orjson.dumps))
def test_a_body_without_a_browser_id_tells_none(body: bytes) -> None:
    assert (borne_fbp(body), in_sql(body)) == (None, None)


def test_travels_through_a_journal_among_the_events(tmp_path: Path, clock: Clock) -> None:
    twins = [make_twin(1, fbp=FBP), make_twin(2, fbp=OTHER), make_twin(3, fbp=FBP, at=NOW + 1)]
    records = [twins[0].pack(), GONE.pack(), twins[1].pack(), twins[2].pack()]
    (tmp_path / "journal-1-a.pxj").write_bytes(b"".join(map(frame, records)))
    outbox = MemoryOutbox(clock)
    reader = Intake(tmp_path, outbox)
    reader.take()
    assert [row.twin for row in outbox.claim(9, NOW)] == twins[1:]
    assert (reader.unreadable, list(tmp_path.iterdir())) == (0, [])


def test_one_that_is_read_ends_what_only_memory_holds(
    spool: Path, build: Build, sink: Sink, clock: Clock
) -> None:
    sink.answer = lambda events: Answer(500)
    worker, journal = build()
    worker.step()
    worker._leader._memory.put_many([make_twin(1, fbp=FBP), make_twin(2, fbp=OTHER)])
    journals.Journal(spool).append(GONE.pack())
    journal._rest_until = float("inf")
    worker.step()
    sink.answer = accepted
    clock.now += 600
    worker.step()
    assert sink.ids == {"id-2": 1}


def test_one_that_could_not_be_written_works_at_once_and_is_written_later(
    spool: Path, build: Build, sink: Sink, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "REST", 0.0)
    sink.answer = lambda events: Answer(500)
    spool.write_text("in the way")
    worker, journal = build()
    put(journal, 1, fbp=FBP)
    put(journal, 2, fbp=OTHER)
    journal.append(GONE.pack())
    worker.step()
    assert worker._leader._memory.stats() == Stats(queued=1, oldest=NOW, withdrawn=1)
    spool.unlink()
    worker.step()
    elsewhere = journals.Journal(spool)
    put(elsewhere, 3, fbp=FBP)
    put(elsewhere, 4, fbp=OTHER)
    sink.answer = accepted
    clock.now += 600
    worker.step()
    assert sink.ids == {"id-2": 1, "id-4": 1}
    assert stats(spool).withdrawn == 1


# --- processes -----------------------------------------------------------------------------

PROCESS = """
from functools import partial
NOW, FBP, OTHER = int(sys.argv[3]), *sys.argv[4:6]
def event(name, fbp, at=NOW):
    body = b'{"event_id":"%s","user_data":{"fbp":"%s"}}' % (name.encode(), fbp.encode())
    journal.append(Twin("111", "ViewContent", name, at, body).pack())
journal = Journal(spool)
"""
READY = "\nprint('done', flush=True)\ntime.sleep(60)"


def killed(code: str, spool: Path, url: str) -> None:
    """Run a process to its end, which is a kill -9."""
    process = start(PROCESS + code + READY, spool, url, NOW, FBP, OTHER)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n", process.communicate()
    finally:
        process.kill()
        process.communicate()


def test_nothing_of_a_visitor_who_withdrew_leaves_from_any_process(
    spool: Path, build: Build, sink: Sink
) -> None:
    """One process had queued events for good, one tells of the withdrawal, one is read late."""
    sink.answer = lambda events: Answer(503)
    killed(
        """
event("a-theirs", FBP)
event("a-other", OTHER)
worker = worker_to(sys.argv[2], journal, poll=0.01)
worker.step()
""",
        spool,
        sink.url,
    )
    assert (sink.calls, stats(spool).queued) == ([2], 2)
    killed(
        """
event("b-theirs", FBP)
journal.append(Withdrawal("111", FBP, NOW).pack())
event("b-other", OTHER)
event("b-theirs-again", FBP, NOW + 1)
""",
        spool,
        sink.url,
    )
    worker, _ = build()
    worker.step()
    assert stats(spool) == Stats(queued=3, oldest=NOW, withdrawn=2)
    killed("event('c-theirs', FBP); event('c-other', OTHER)", spool, sink.url)
    sink.answer = accepted
    assert worker.drain(20).left == 0
    expected = {"a-other", "b-other", "b-theirs-again", "c-other"}
    assert sink.ids == dict.fromkeys(expected, 1)
    assert stats(spool) == Stats(delivered=4, withdrawn=3)


def test_a_withdrawal_read_first_ends_the_events_of_a_process_that_lives(
    spool: Path, build: Build, sink: Sink
) -> None:
    living = start(
        PROCESS + "sys.stdin.readline()\nevent('theirs', FBP)\nevent('other', OTHER)" + READY,
        spool,
        sink.url,
        NOW,
        FBP,
        OTHER,
    )
    try:
        killed("journal.append(Withdrawal('111', FBP, NOW).pack())", spool, sink.url)
        worker, _ = build()
        worker.step()
        assert living.stdin is not None
        living.stdin.write("go\n")
        living.stdin.flush()
        until(lambda: worker.step() is not None and sink.events)
        assert sink.ids == {"other": 1}
    finally:
        living.kill()
        living.communicate()
