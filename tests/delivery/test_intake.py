"""Journals into the outbox: living ones to the last whole frame, dead ones to the end."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.events import Withdrawal
from pixelpair.delivery import frames, intake, locks, sources
from pixelpair.delivery.frames import frame
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.outbox import Room, Stats

from .conftest import NOW, Clock, make_twin
from .scripts import run, start

if TYPE_CHECKING:
    from pathlib import Path


NO_EVENTS = [
    *[b"", b"{}", b"[1,2]\n{}", b"\xff\n", b'["a","b"]\nx', b"7\nx"],
    # Two lines in one, and an event's line with a wrong kind of time.
    b'["1","a","i",1,false,null,""],["1","b","j",1,false,null,""]\nx',
    b'["1","a","i","now",false,null,""]\nx',
]


@pytest.fixture
def outbox(clock: Clock) -> MemoryOutbox:
    return MemoryOutbox(clock)


def ids(outbox: MemoryOutbox) -> list[str]:
    return [row.twin.event_id for row in outbox.claim(10_000, NOW)]


def journals(spool: Path) -> list[Path]:
    return list(spool.glob("*.pxj"))


def dead_journal(spool: Path, data: bytes, name: str = "journal-1-a.pxj") -> Path:
    path = spool / name
    path.write_bytes(data)
    return path


def packed(*numbers: int) -> bytes:
    return b"".join(frame(make_twin(n).pack()) for n in numbers)


def test_a_missing_spool_has_nothing(tmp_path: Path, outbox: MemoryOutbox) -> None:
    assert Intake(tmp_path / "none", outbox).take() is False
    assert outbox.stats() == Stats()


def test_follows_a_living_journal_and_leaves_it(tmp_path: Path, outbox: MemoryOutbox) -> None:
    journal = Journal(tmp_path)
    reader = Intake(tmp_path, outbox)
    for n in range(3):
        journal.append(make_twin(n).pack())
        reader.take()
        assert ids(outbox) == [f"id-{n}"]
    assert journals(tmp_path) == [journal.path]


def test_takes_a_dead_journal_in_and_removes_it(tmp_path: Path, outbox: MemoryOutbox) -> None:
    dead_journal(tmp_path, packed(1, 2))
    Intake(tmp_path, outbox).take()
    assert ids(outbox) == ["id-1", "id-2"]
    assert (journals(tmp_path), outbox.sources()) == ([], [])


def test_removes_an_empty_dead_journal(tmp_path: Path, outbox: MemoryOutbox) -> None:
    dead_journal(tmp_path, b"")
    Intake(tmp_path, outbox).take()
    assert journals(tmp_path) == []


def test_goes_on_where_a_predecessor_was_killed(tmp_path: Path, outbox: MemoryOutbox) -> None:
    path = dead_journal(tmp_path, packed(1, 2))
    outbox.put_many([], path.name, len(packed(1)))
    Intake(tmp_path, outbox).take()
    assert ids(outbox) == ["id-2"]


def test_removes_what_a_predecessor_had_read_to_the_end(
    tmp_path: Path, outbox: MemoryOutbox
) -> None:
    path = dead_journal(tmp_path, packed(1))
    outbox.put_many([], path.name, len(packed(1)))
    Intake(tmp_path, outbox).take()
    assert (ids(outbox), journals(tmp_path), outbox.sources()) == ([], [], [])


def test_forgets_journals_that_are_gone(tmp_path: Path, outbox: MemoryOutbox) -> None:
    outbox.put_many([], "journal-1-gone.pxj", 5)
    Intake(tmp_path, outbox).take()
    assert outbox.sources() == []


def test_steps_over_torn_records_and_says_so_once(
    tmp_path: Path, outbox: MemoryOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    torn = packed(9)[:-3]
    dead_journal(tmp_path, packed(1) + torn + packed(2) + torn)
    reader = Intake(tmp_path, outbox)
    reader.take()
    assert ids(outbox) == ["id-1", "id-2"]
    assert reader.torn == 2 * len(torn)
    assert len(caplog.records) == 1


def test_waits_for_the_end_of_a_living_record(tmp_path: Path, outbox: MemoryOutbox) -> None:
    path = dead_journal(tmp_path, packed(1)[:-5])
    with path.open("rb+") as owner:
        assert locks.take(owner.fileno())
        reader = Intake(tmp_path, outbox)
        reader.take()
        assert ids(outbox) == []
        path.write_bytes(packed(1))
        reader.take()
        assert ids(outbox) == ["id-1"]


@pytest.mark.parametrize("record", NO_EVENTS)
def test_counts_a_record_that_is_no_event(
    tmp_path: Path, outbox: MemoryOutbox, caplog: pytest.LogCaptureFixture, record: bytes
) -> None:
    dead_journal(tmp_path, packed(1) + frame(record) + frame(record) + packed(2))
    reader = Intake(tmp_path, outbox)
    reader.take()
    assert ids(outbox) == ["id-1", "id-2"]
    assert (reader.unreadable, len(caplog.records)) == (2, 1)


def test_counts_what_is_new_and_what_was_known(tmp_path: Path, outbox: MemoryOutbox) -> None:
    meters = Meters()
    withdrawal = frame(Withdrawal("111", "fb.1.1.1", NOW).pack())
    theirs = frame(make_twin(9, fbp="fb.1.1.1").pack())
    dead_journal(tmp_path, packed(1, 2, 1, 3, 2) + withdrawal + theirs)
    Intake(tmp_path, outbox, meters=meters).take()
    assert meters.counts == {("accepted", ""): 3, ("duplicate", ""): 3}


def test_leaves_everything_where_it_is_while_the_outbox_has_no_room(
    tmp_path: Path, outbox: MemoryOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dead_journal(tmp_path, packed(1, 2))
    meters = Meters()
    reader = Intake(tmp_path, outbox, meters=meters)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "make_room", lambda: Room(False, 7))
        assert reader.take() is False
        assert (ids(outbox), journals(tmp_path), reader.unread()) == ([], [path], 2)
    assert meters.counts == {("dropped", "dead_letters"): 7}
    reader.take()
    assert (ids(outbox), journals(tmp_path)) == (["id-1", "id-2"], [])


def test_removes_what_it_has_read_though_the_outbox_has_no_room_for_more(
    tmp_path: Path, outbox: MemoryOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: until the outbox had room again, read journals filled the spool."""
    monkeypatch.setattr(outbox, "make_room", lambda: Room(False))
    read, unread = (dead_journal(tmp_path, packed(n), f"journal-1-{n}.pxj") for n in (1, 2))
    outbox.put_many([], read.name, len(packed(1)))
    assert Intake(tmp_path, outbox).take() is False
    assert journals(tmp_path) == [unread]


def test_takes_a_large_backlog_in_turns(
    tmp_path: Path, outbox: MemoryOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CHUNK", 1000)
    monkeypatch.setattr(sources, "PIECE", 500)
    monkeypatch.setattr(intake, "PER_TURN", 2)
    dead_journal(tmp_path, packed(*range(60)), "journal-1-a.pxj")
    dead_journal(tmp_path, packed(*range(60, 90)), "journal-1-b.pxj")
    reader = Intake(tmp_path, outbox)
    assert reader.unread() == 90
    turns = 1
    while reader.take():
        turns += 1
    assert turns > 3
    assert sorted(ids(outbox)) == sorted(f"id-{n}" for n in range(90))
    assert (journals(tmp_path), reader.unread()) == ([], 0)


def test_rests_after_every_piece_and_never_cuts_a_long_record(
    tmp_path: Path, outbox: MemoryOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PIECE", 500)
    rests: list[int] = []
    long = frame(make_twin("long", text="x" * 5000).pack())
    dead_journal(tmp_path, packed(*range(9)) + long + packed(9))
    Intake(tmp_path, outbox, rest=lambda: rests.append(1)).take()
    assert ids(outbox) == [*(f"id-{n}" for n in range(9)), "id-long", "id-9"]
    assert len(rests) >= 4


def test_a_failed_put_leaves_the_journal_where_it_was(
    tmp_path: Path, outbox: MemoryOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_journal(tmp_path, packed(1))
    reader = Intake(tmp_path, outbox)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put_many", None)
        with pytest.raises(TypeError):
            reader.take()
    reader.take()
    assert (ids(outbox), journals(tmp_path)) == (["id-1"], [])


def test_removes_stillborn_journals_but_not_one_being_born(
    tmp_path: Path, outbox: MemoryOutbox
) -> None:
    old, new = tmp_path / ".journal-1-a.tmp", tmp_path / ".journal-1-b.tmp"
    for path in (old, new):
        path.touch()
    past = time.time() - 3600
    os.utime(old, (past, past))
    Intake(tmp_path, outbox).take()
    assert (old.exists(), new.exists()) == (False, True)


def test_adopts_the_journal_of_a_killed_process(tmp_path: Path, outbox: MemoryOutbox) -> None:
    process = start(
        """
        journal = Journal(spool)
        journal.append(twin(1).pack())
        print("written", flush=True)
        time.sleep(60)
        """,
        tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    reader = Intake(tmp_path, outbox)
    reader.take()
    assert (outbox.stats().queued, len(journals(tmp_path))) == (1, 1)
    process.kill()
    process.communicate()
    Intake(tmp_path, outbox).take()
    assert (outbox.stats().queued, journals(tmp_path)) == (1, [])


def test_without_file_locks_a_living_process_keeps_its_journal(tmp_path: Path) -> None:
    code = """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message).41s")
    journal = Journal(spool)
    journal.append(twin(1).pack())
    mine = journal.path
    (spool / "journal-1-a.pxj").write_bytes(mine.read_bytes()[:-3])
    (spool / "journal-4194304-a.pxj").write_bytes(mine.read_bytes().replace(b"id-1", b"id-2"))
    box = MemoryOutbox()
    Intake(spool, box).take()
    print(box.stats().queued, mine.exists(), (spool / "journal-1-a.pxj").exists(),
          (spool / "journal-4194304-a.pxj").exists())
    journal.close()
    Intake(spool, box).take()
    print(mine.exists())
    """
    out, err = run(code, tmp_path, before="import sys; sys.modules['fcntl'] = None\n")
    assert out == "1 True True False\nFalse\n"
    assert err.splitlines()[0] == "INFO no file locks on this system: let one pro"


def test_without_fdatasync_fsync_is_used_and_that_is_said(tmp_path: Path) -> None:
    code = """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    journal = Journal(spool)
    for n in range(2):
        journal.append(twin(n).pack())
        journal.sync()
    """
    _, err = run(code, tmp_path, before="import os; del os.fdatasync\n")
    assert err == "INFO no fdatasync on this system: fsync is used\n"


def test_a_chunk_holds_more_than_the_longest_frame() -> None:
    assert frames.MAX_RECORD + frames.HEADER.size < sources.CHUNK
