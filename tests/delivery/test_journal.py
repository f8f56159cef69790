"""The journal: one write per record, private files, and no exception on any bad day."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import journal as journals
from pixelpair.delivery.frames import MAX_RECORD, frame, read_frames
from pixelpair.delivery.journal import Journal

from .scripts import run

if TYPE_CHECKING:
    from pathlib import Path


def files(spool: Path) -> list[Path]:
    return sorted(spool.glob("*.pxj"), key=lambda path: path.stat().st_mtime_ns)


def records(spool: Path) -> list[bytes]:
    return [r for path in files(spool) for r in read_frames(path.read_bytes(), True).payloads]


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_makes_nothing_before_the_first_record(spool: Path) -> None:
    Journal(spool)
    assert not spool.exists()


@pytest.mark.parametrize("umask", [0, 0o022])
def test_writes_each_record_as_a_frame_to_a_locked_private_file(spool: Path, umask: int) -> None:
    mask = os.umask(umask)
    try:
        journal = Journal(spool)
        journal.append(b"one")
    finally:
        os.umask(mask)
    journal.append("två".encode())
    (path,) = spool.iterdir()
    assert path == journal.path
    assert path.name.startswith(f"journal-{os.getpid()}-")
    assert path.read_bytes() == frame(b"one") + frame("två".encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    assert is_locked(path)


def test_hands_its_file_over_when_closed_and_still_takes_records(spool: Path) -> None:
    journal = Journal(spool)
    journal.append(b"one")
    first = journal.path
    journal.close()
    journal.append(b"late")
    assert first is not None
    assert journal.path is not None
    assert (is_locked(first), is_locked(journal.path)) == (False, True)
    assert (first.read_bytes(), journal.path.read_bytes()) == (frame(b"one"), frame(b"late"))


def test_closing_an_unused_journal_leaves_nothing(spool: Path) -> None:
    Journal(spool).close()
    assert not spool.exists()


def test_begins_a_new_file_when_one_is_full(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "ROTATE_AT", 50)
    journal = Journal(spool)
    written = [b"%030d" % n for n in range(7)]
    for record in written:
        journal.append(record)
    assert records(spool) == written
    assert [is_locked(path) for path in files(spool)] == [False, False, False, True]


def test_a_file_that_is_old_is_handed_over_when_it_is_synced(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what Meta has had for days would stay in the journal of a shop with few visitors."""
    journal = Journal(spool)
    journal.append(b"one")
    journal.sync()
    journal.append(b"two")
    monkeypatch.setattr(journals, "ROTATE_AFTER", 0.0)
    first = journal.path
    for _ in range(3):
        journal.sync()
    assert len(files(spool)) == 2
    journal.append(b"three")
    assert first is not None
    assert journal.path is not None
    assert first.read_bytes() == frame(b"one") + frame(b"two")
    assert journal.path.read_bytes() == frame(b"three")
    assert (is_locked(first), is_locked(journal.path)) == (False, True)


def test_the_age_of_a_file_counts_from_its_first_record(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(journals.time, "monotonic", lambda: now)
    journal = Journal(spool)
    journal.append(b"one")
    journal.sync()
    now += journals.ROTATE_AFTER
    journal.sync()
    assert len(files(spool)) == 2
    now += 10 * journals.ROTATE_AFTER
    journal.sync()
    journal.append(b"two")
    journal.sync()
    assert len(files(spool)) == 2
    now += journals.ROTATE_AFTER
    journal.sync()
    assert len(files(spool)) == 3


def test_without_a_thread_age_is_asked_for_now_and_then(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "ROTATE_AFTER", 0.0)
    monkeypatch.setattr(journals, "LOOK_EVERY", 100)
    journal = Journal(spool)
    written = [b"%038d" % n for n in range(7)]
    for record in written:
        journal.append(record)
    assert sorted(records(spool)) == written
    assert sorted(path.stat().st_size for path in files(spool)) == [50, 100, 100, 100]


def test_a_spool_that_fails_keeps_an_old_file_in_use(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(spool)
    journal.append(b"one")
    monkeypatch.setattr(journals, "ROTATE_AFTER", 0.0)

    def fail(path: Path) -> tuple[int, Path]:
        raise PermissionError(13, "no")

    with monkeypatch.context() as patch:
        patch.setattr(journals, "_create", fail)
        journal.sync()
        journal.append(b"two")
    assert (records(spool), journal.held) == ([b"one", b"two"], 0)


def test_threads_write_whole_frames_across_new_files(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "ROTATE_AT", 20_000)
    journal = Journal(spool)

    def write(name: int) -> None:
        for n in range(400):
            journal.append(b"%d-%d" % (name, n) + b"x" * 150)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [record.rstrip(b"x") for record in records(spool)]
    assert sorted(found) == sorted(b"%d-%d" % (t, n) for t in range(4) for n in range(400))
    assert len(files(spool)) > 5


def test_drops_and_counts_a_record_beyond_reason(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(spool)
    for _ in range(2):
        journal.append(b"x" * (MAX_RECORD + 1))
    journal.append(b"x" * MAX_RECORD)
    assert (journal.dropped, len(records(spool)), len(caplog.records)) == (2, 1, 1)


def test_what_is_no_record_is_counted_and_not_raised(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(spool)
    journal.append(None)  # type: ignore[arg-type]
    assert (journal.dropped, len(caplog.records)) == (1, 1)


def test_a_spool_that_is_no_folder_leaves_events_in_bounded_memory(
    spool: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "REST", 0.0)
    spool.write_text("a file stands where the folder should")
    journal = Journal(spool, memory_rows=3)
    for n in range(5):
        journal.append(b"%d" % n)
    assert (journal.held, journal.dropped) == (3, 2)
    said = [(record.levelno, record.getMessage()[:40]) for record in caplog.records]
    assert said == [
        (logging.WARNING, f"the spool {spool} cannot be written"[:40]),
        (logging.WARNING, "memory for events is full too: newer one"),
    ]
    assert (journal.take_held(2), journal.held) == ([b"0", b"1"], 1)
    assert journal.take_held(9) == [b"2"]


def test_memory_is_bounded_in_bytes_too(spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool.write_text("in the way")
    journal = Journal(spool, memory_bytes=10)
    for record in (b"1234", b"56789", b"too long", b"a"):
        journal.append(record)
    assert (journal.held, journal.counts()) == (3, {("dropped", "memory_full"): 1})
    assert journal.take_held(9, 9) == [b"1234", b"56789"]


def test_where_the_newest_count_the_oldest_leave_memory(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool.write_text("in the way")
    journal = Journal(spool, memory_rows=3, full="drop_oldest")
    for n in range(5):
        journal.append(b"%d" % n)
    assert (journal.dropped, journal.take_held(9)) == (2, [b"2", b"3", b"4"])
    said = "memory for events is full too: the oldest are dropped and counted"
    assert [record.getMessage() for record in caplog.records][1:] == [said]


# --- a limit for all journals of a spool -------------------------------------------------------

LINES = [b"%087d" % n + b"." for n in range(40)]  # 100 bytes each as frames


def write_one_by_one(journal: Journal, lines: list[bytes]) -> None:
    """As if long after each other: clocks of file systems tick every 4 ms."""
    for n, line in enumerate(lines):
        journal.append(line)
        assert journal.path is not None
        os.utime(journal.path, (n, n))


def test_at_its_limit_the_spool_takes_no_more_until_something_has_left(
    spool: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(journals, "ROTATE_AT", 300)
    monkeypatch.setattr(journals, "REST", 0.0)
    journal = Journal(spool, limit=1000, memory_rows=10)
    write_one_by_one(journal, LINES[:25])
    assert (records(spool), journal.held, journal.dropped) == (LINES[:12], 10, 3)
    # All that was written is its reader's to remove.
    assert [is_locked(path) for path in files(spool)] == [False] * 4 + [True]
    files(spool)[0].unlink()
    journal.recover()
    assert (sorted(records(spool)), journal.held) == (LINES[3:15], 7)
    limit = "its journals hold what PIXELPAIR_SPOOL_LIMIT allows"
    assert [record.getMessage() for record in caplog.records] == [
        (
            f"the spool {spool} cannot be written ({limit}): up to 10 events wait in memory, and"
            " are lost with this process; check PIXELPAIR_SPOOL, its owner and the disk"
        ),
        "memory for events is full too: newer ones are dropped and counted",
    ]


def test_where_the_newest_count_the_oldest_journals_go(
    spool: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "ROTATE_AT", 300)
    journal = Journal(spool, limit=1000, full="drop_oldest")
    write_one_by_one(journal, LINES)
    assert sum(path.stat().st_size for path in files(spool)) <= 1000 + 200
    assert (records(spool), journal.held) == (LINES[30:], 0)
    assert journal.counts() == {("dropped", "spool_full"): 30}
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == (
        f"the journals in {spool} held more than PIXELPAIR_SPOOL_LIMIT allows: the oldest were"
        " deleted, with up to 3 events; what goes from now on is counted only"
    )


def test_journals_that_others_write_to_are_not_deleted_for_room(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "ROTATE_AT", 300)
    others = [Journal(spool) for _ in range(5)]
    for other in others:
        for line in LINES[:3]:
            other.append(line)
    journal = Journal(spool, limit=1000, full="drop_oldest")
    journal.append(b"mine")
    assert (journal.take_held(9), len(files(spool))) == ([b"mine"], 6)


def test_a_child_counts_its_own(spool: Path) -> None:
    code = """
    journal = Journal(spool, memory_rows=0)
    journal.append(b"parent")
    child = os.fork()
    if child == 0:
        os._exit(journal.dropped)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), journal.dropped)
    """
    spool.write_text("in the way")
    assert run(code, spool)[0] == "0 1\n"


def test_writes_what_it_held_when_the_spool_is_well_again(
    spool: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "REST", 0.0)
    caplog.set_level(logging.INFO)
    spool.write_text("in the way")
    journal = Journal(spool)
    for record in (b"1", b"2"):
        journal.append(record)
    journal.recover()
    assert journal.held == 2
    spool.unlink()
    journal.recover()
    assert (journal.held, records(spool)) == (0, [b"1", b"2"])
    assert caplog.records[-1].getMessage() == f"the spool {spool} can be written again"
    journal.append(b"3")
    assert records(spool) == [b"1", b"2", b"3"]


def test_later_records_bring_back_what_waits_in_memory_some_at_a_time(
    spool: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: with SENDER=none the record that was held while the spool failed stayed in memory."""
    monkeypatch.setattr(journals, "REST", 0.0)
    monkeypatch.setattr(journals, "AT_ONCE", 10)
    caplog.set_level(logging.INFO)
    spool.write_text("in the way")
    journal = Journal(spool)
    written = [b"%d" % n for n in range(28)]
    for record in written[:25]:
        journal.append(record)
    spool.unlink()
    held = []
    for record in written[25:]:
        journal.append(record)
        held.append(journal.held)
    assert held == [15, 5, 0]
    assert sorted(records(spool)) == sorted(written)
    assert caplog.records[-1].getMessage() == f"the spool {spool} can be written again"
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


def test_a_record_that_finds_the_spool_still_failing_waits_behind_the_others(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.write_text("in the way")
    journal = Journal(spool)
    journal.append(b"1")
    monkeypatch.setattr(journal, "_rest_until", 1.0)
    journal.append(b"2")
    assert journal.take_held(9) == [b"1", b"2"]


def test_closing_writes_what_is_held_even_a_moment_after_a_failure(spool: Path) -> None:
    spool.write_text("in the way")
    journal = Journal(spool)
    for n in range(120):
        journal.append(b"%d" % n)
    spool.unlink()
    journal.recover()
    assert (journal.held, spool.exists()) == (120, False)
    journal.close()
    assert (journal.held, records(spool)) == (0, [b"%d" % n for n in range(120)])


def test_a_failing_spool_is_left_alone_for_a_while(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def fail(path: Path) -> tuple[int, Path]:
        tries.append(path)
        raise PermissionError(13, "no")

    monkeypatch.setattr(journals, "_create", fail)
    journal = Journal(spool)
    for n in range(50):
        journal.append(b"%d" % n)
    assert (len(tries), journal.held) == (1, 50)


def test_syncs_only_what_is_new(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(journals.locks, "datasync", synced.append)
    journal = Journal(spool)
    journal.sync()
    journal.append(b"one")
    journal.sync()
    journal.sync()
    journal.append(b"two")
    journal.sync()
    assert len(synced) == 2


def test_a_file_that_was_deleted_under_it_is_replaced(spool: Path) -> None:
    journal = Journal(spool)
    journal.append(b"gone")
    for path in files(spool):
        path.unlink()
    journal.sync()
    journal.append(b"kept")
    assert records(spool) == [b"kept"]


def test_a_full_disk_moves_events_to_memory_and_back(spool: Path) -> None:
    # A limit on the size of files is the disk that a test can fill: write answers EFBIG.
    code = """
    import resource
    logging.basicConfig(format="%(levelname)s")
    import pixelpair.delivery.journal as journals
    from pixelpair.delivery.frames import read_frames
    journals.REST = 0.0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    journal = Journal(spool)
    def append(*numbers):
        for n in numbers:
            journal.append(b"%d " % n + b"x" * 97)
    append(0, 1, 2)
    limit(journal.path.stat().st_size + 50)
    append(3)
    limit(50)
    append(*range(4, 20))
    print(journal.held)
    limit(soft)
    append(20)
    found = [r for p in spool.glob("*.pxj") for r in read_frames(p.read_bytes(), True).payloads]
    print(journal.held, sorted(int(r.split()[0]) for r in found) == list(range(21)))
    """
    assert run(code, spool) == ("17\n0 True\n", "WARNING\n")


@pytest.mark.parametrize("fork", ["os.fork", "ctypes.PyDLL(None).fork"])
def test_a_forked_child_begins_its_own_file_and_leaves_the_parents_lock(
    spool: Path, fork: str
) -> None:
    code = """
    import fcntl
    journal = Journal(spool)
    journal.append(b"parent before")
    mine = journal.path
    child = fork()
    if child == 0:
        journal.append(b"child")
        assert journal.path != mine
        os._exit(0)
    os.waitpid(child, 0)
    journal.append(b"parent after")
    with mine.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            print("lost its lock")
        except BlockingIOError:
            print("locked")
    from pixelpair.delivery.frames import read_frames
    for path in sorted(spool.glob("*.pxj"), key=lambda p: p != mine):
        print(*read_frames(path.read_bytes(), True).payloads)
    """
    out, err = run(code, spool, before=f"import ctypes, os\nfork = {fork}\n")
    assert out == "locked\nb'parent before' b'parent after'\nb'child'\n"
    assert err == ""


def test_a_child_leaves_what_the_parent_holds_in_memory_to_the_parent(spool: Path) -> None:
    spool.write_text("in the way")
    code = """
    journal = Journal(spool)
    journal.append(b"parent")
    child = os.fork()
    if child == 0:
        os._exit(journal.held)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), journal.held)
    """
    assert run(code, spool)[0] == "0 1\n"


def test_forks_while_threads_append_lose_and_double_nothing(spool: Path) -> None:
    code = """
    journal = Journal(spool)
    done = threading.Event()
    counts = [0, 0]
    def write(name):
        while not done.is_set():
            journal.append(b"%d-%d" % (name, counts[name]))
            counts[name] += 1
    threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
    for t in threads: t.start()
    for n in range(10):
        child = os.fork()
        if child == 0:
            journal.append(b"child-%d" % n)
            os._exit(0)
        os.waitpid(child, 0)
    done.set()
    for t in threads: t.join()
    from pixelpair.delivery.frames import read_frames
    found = [r for p in spool.glob("*.pxj") for r in read_frames(p.read_bytes(), True).payloads]
    wanted = [b"%d-%d" % (t, n) for t in range(2) for n in range(counts[t])]
    wanted += [b"child-%d" % n for n in range(10)]
    print(sorted(found) == sorted(wanted))
    """
    out, _ = run(code, spool, before="import warnings; warnings.simplefilter('ignore')\n")
    assert out == "True\n"
