"""What a process counts is in its host's sums, once, whoever is asked and whoever has died."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.delivery import locks, meters, sums
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.numbers import Numbers

if TYPE_CHECKING:
    from pathlib import Path

LEAD = ("delivered", "Lead")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def counted(spool: Path, number: int) -> Meters:
    made = Meters(spool)
    made.add("delivered", number, "Lead")
    made.save()
    return made


def files(spool: Path) -> list[str]:
    """Without what differs from process to process."""
    return sorted(path.name.partition(f"-{os.getpid()}-")[0] for path in spool.iterdir())


# --- one process --------------------------------------------------------------------------------


def test_counts_and_measures_without_a_spool() -> None:
    one = Meters()
    one.add("accepted", 3)
    one.add("delivered", 2, "Lead")
    one.add("delivered", label="Lead")
    one.observe("batch_size", 3)
    one.tick()
    assert one.counts == {("accepted", ""): 3, LEAD: 3}
    assert one.host().document() == one.own().document()
    assert one.own().spreads["batch_size"].total == 1


def test_recorders_hear_each_value() -> None:
    one, heard = Meters(), list[tuple[str, float]]()
    one.recorders.append(lambda name, value: heard.append((name, value)))
    one.observe("lag_seconds", 1.5)
    assert heard == [("lag_seconds", 1.5)]


def test_follows_what_others_count() -> None:
    one, elsewhere = Meters(), Counter({("dropped", "full"): 2})
    one.follow(lambda: elsewhere)
    assert one.own().counts == {("dropped", "full"): 2}
    elsewhere["dropped", "full"] += 3
    elsewhere["filtered", "staff"] += 1
    assert one.own().counts == {("dropped", "full"): 5, ("filtered", "staff"): 1}
    assert one.own().counts == {("dropped", "full"): 5, ("filtered", "staff"): 1}


def test_what_grows_while_it_is_read_is_read_the_next_time() -> None:
    one, failing = Meters(), [True]

    def read() -> dict[tuple[str, str], int]:
        if failing:
            failing.pop()
            raise RuntimeError("dictionary changed size during iteration")
        return {("dropped", "full"): 2}

    one.follow(read)
    assert [dict(one.own().counts) for _ in range(2)] == [{}, {("dropped", "full"): 2}]


def test_threads_count_together() -> None:
    one = Meters()

    def work() -> None:
        for _ in range(5000):
            one.add("delivered", 1, "Lead")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.counts == {LEAD: 20_000}


def test_a_tick_with_nothing_to_do_costs_next_to_nothing(spool: Path) -> None:
    one = counted(spool, 1)
    one.tick()
    spins = 20_000
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(spins):
            one.tick()
        best = min(best, (time.perf_counter() - began) / spins)
    assert best < 2e-6  # 0.07 µs where it was measured; CI is slower and busy


# --- its file -----------------------------------------------------------------------------------


def test_file_is_private_and_written_only_where_something_changed(spool: Path) -> None:
    one = counted(spool, 1)
    assert one.path is not None
    first = one.path.stat()
    assert stat.S_IMODE(first.st_mode) == 0o600
    one.save()
    assert one.path.stat().st_ino == first.st_ino
    one.add("delivered", 1, "Lead")
    one.save()
    assert one.path.stat().st_ino != first.st_ino
    assert files(spool) == ["meters"]


def test_nothing_counted_writes_nothing(spool: Path) -> None:
    one = Meters(spool)
    one.save()
    one.close()
    assert files(spool) == []


def test_makes_no_folder(tmp_path: Path) -> None:
    one = counted(tmp_path / "none", 1)
    assert one.host().counts == {LEAD: 1}
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_a_tick_saves_when_it_is_due(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, called = [100.0], list[int]()
    monkeypatch.setattr(meters, "monotonic", lambda: now[0])
    one = Meters(spool)
    one.also.append(lambda: called.append(1))
    one.add("accepted", 1)
    one.tick()
    assert sums.host(spool).counts == {("accepted", ""): 1}
    one.add("accepted", 1)
    now[0] += meters.SAVE_EVERY - 0.1
    one.tick()
    assert sums.host(spool).counts == {("accepted", ""): 1}
    now[0] += 0.2
    one.tick()
    assert sums.host(spool).counts == {("accepted", ""): 2}
    assert called == [1, 1]


def test_a_spool_that_cannot_be_written_is_said_once_and_hides_nothing(
    spool: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    one, other = counted(spool, 1), counted(spool, 10)
    monkeypatch.setattr(os, "write", full)
    one.add("delivered", 1, "Lead")
    for _ in range(3):
        assert one.host().counts == {LEAD: 12}
    assert other.host().counts == {LEAD: 11}
    assert files(spool) == ["meters", "meters"]
    text = f"numbers of this process cannot be written to {spool}: No space left on device"
    assert [record.getMessage() for record in caplog.records] == [text]


# --- the sums of a host -------------------------------------------------------------------------


def test_all_processes_tell_the_same(spool: Path) -> None:
    one, other = counted(spool, 1), counted(spool, 10)
    one.add("delivered", 100, "Lead")  # not saved yet
    assert one.host().counts == {LEAD: 111}
    assert other.host().counts == sums.host(spool).counts == {LEAD: 111}


def test_what_one_was_shown_the_next_is_shown_too(spool: Path) -> None:
    """A scrape reaches another process each time: no counter may seem to have begun anew."""
    one, other = counted(spool, 1), counted(spool, 1)
    shown = []
    for number in range(20):
        asked = (one, other)[number % 2]
        asked.add("delivered", 1, "Lead")
        shown.append(asked.host().counts[LEAD])
    assert shown == list(range(3, 23))


def test_counts_of_a_closed_process_stay_and_are_not_told_twice(spool: Path) -> None:
    one, other = counted(spool, 1), counted(spool, 10)
    one.close()
    assert (one.host().counts, other.host().counts) == ({LEAD: 11}, {LEAD: 11})
    other.fold()
    assert (one.host().counts, other.host().counts) == ({LEAD: 11}, {LEAD: 11})
    one.save()  # too late
    assert other.host().counts == {LEAD: 11}
    assert files(spool) == ["meters", "meters-total.json"]


def test_the_living_are_not_folded(spool: Path) -> None:
    one, other = counted(spool, 1), counted(spool, 10)
    one.fold()
    assert files(spool) == ["meters", "meters"]
    assert other.host().counts == {LEAD: 11}


def test_folded_ones_add_up(spool: Path) -> None:
    leader = Meters(spool)
    for number in (1, 10, 100):
        one = counted(spool, number)
        one.observe("batch_size", number)
        one.close()
        leader.fold()
    assert files(spool) == ["meters-total.json"]
    numbers = leader.host()
    assert numbers.counts == {LEAD: 111}
    assert (numbers.spreads["batch_size"].total, numbers.spreads["batch_size"].sum) == (3, 111)


def test_killed_before_the_folded_are_removed_adds_none_of_them_again(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 10):
        counted(spool, number).close()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sums.fold(spool)
    assert files(spool) == ["meters", "meters", "meters-total.json"]
    assert sums.host(spool).counts == {LEAD: 11}
    counted(spool, 100).close()
    assert sums.host(spool).counts == {LEAD: 111}
    sums.fold(spool)
    assert files(spool) == ["meters-total.json"]
    assert sums.host(spool).counts == {LEAD: 111}


def test_killed_before_the_total_is_in_place_loses_nothing(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(spool, 1).close()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sums.fold(spool)
    assert sums.host(spool).counts == {LEAD: 1}
    sums.fold(spool)
    assert sums.host(spool).counts == {LEAD: 1}


def test_a_reader_that_meets_a_fold_looks_again(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has listed the file of a dead process; when it reads on, that is in the total."""
    counted(spool, 1).close()
    counted(spool, 10).close()
    real, calls = sums._names, list[int]()

    def listed(folder: Path) -> Any:
        names = real(folder)
        calls.append(1)
        if len(calls) == 2:
            monkeypatch.setattr(sums, "_names", real)
            sums.fold(spool)
            monkeypatch.setattr(sums, "_names", listed)
        return names

    monkeypatch.setattr(sums, "_names", listed)
    assert sums.host(spool).counts == {LEAD: 11}
    assert len(calls) == 4


def test_sums_never_shrink_while_processes_come_and_go(spool: Path) -> None:
    """Others fold, begin and end under a reader's eyes."""
    stop, shown = threading.Event(), list[int]()

    def come_and_go() -> None:
        for _ in range(150):
            counted(spool, 1).close()
            sums.fold(spool)
        stop.set()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    while not stop.is_set():
        shown.append(sums.host(spool).counts[LEAD])
    thread.join()
    assert shown == sorted(shown)
    assert sums.host(spool).counts == {LEAD: 150}


def test_damaged_files_count_for_nothing_and_go_with_their_owner(spool: Path) -> None:
    (spool / "meters-1-aa.json").write_bytes(b"")
    (spool / "meters-2-bb.json").write_bytes(b'{"counts": [["delivered", "Lead"')
    (spool / "meters-3-cc.json").write_bytes(b"[1]")
    assert sums.host(spool).counts == {}
    counted(spool, 1).close()
    sums.fold(spool)
    assert sums.host(spool).counts == {LEAD: 1}
    assert files(spool) == ["meters-total.json"]
    (spool / sums.TOTAL).write_bytes(b"\0\0\0")
    assert sums.host(spool).counts == {}


def test_leftovers_under_a_temporary_name_go(spool: Path) -> None:
    old, new = spool / ".meters-1-aa.json.tmp", spool / ".meters-2-bb.json.tmp"
    for path in (old, new):
        path.write_bytes(b"{")
    long_ago = time.time() - 2 * sums.STILLBORN
    os.utime(old, (long_ago, long_ago))
    sums.fold(spool)
    assert list(spool.iterdir()) == [new]


def test_without_locks_only_who_has_ended_or_does_not_run_is_folded(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    living, ended = counted(spool, 1), counted(spool, 10)
    ended.close()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    document = Numbers.of({"counts": [[*LEAD, 100]]}).document()
    (spool / f"meters-{gone.pid}-aa.json").write_text(json.dumps(document))
    sums.fold(spool)
    assert files(spool) == ["meters", "meters-total.json"]
    assert living.host().counts == {LEAD: 111}


# --- other processes ----------------------------------------------------------------------------

WORKER = """
import sys, time
from pathlib import Path
from pixelpair.delivery.meters import Meters
meters = Meters(Path(sys.argv[1]))
meters.add("delivered", 5, "Lead")
meters.save()
print("saved", flush=True)
time.sleep(60)
"""


def test_counts_of_a_killed_process_stay_and_are_folded_by_the_next(spool: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(spool)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "saved\n"
        here = counted(spool, 1)
        here.fold()
        assert not (spool / sums.TOTAL).exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert here.host().counts == {LEAD: 6}
    here.fold()
    assert here.host().counts == {LEAD: 6}
    assert files(spool) == ["meters", "meters-total.json"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_tells_only_what_it_counts_itself(spool: Path) -> None:
    noted, own = Counter({("filtered", "staff"): 4}), Counter({("dropped", "full"): 2})
    parent = counted(spool, 1)
    parent.follow(lambda: noted)
    parent.follow(lambda: own, inherited=False)
    assert parent.host().counts[LEAD] == 1
    child = os.fork()
    if child == 0:
        try:
            own.clear()
            own["dropped", "full"] += 1
            noted["filtered", "staff"] += 1
            parent.add("delivered", 10, "Lead")
            parent.save()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    expected = {LEAD: 11, ("filtered", "staff"): 5, ("dropped", "full"): 3}
    assert parent.host().counts == expected
    parent.fold()  # the child's file only: its copy of our lock is closed, and ours is held
    assert parent.host().counts == expected
    assert files(spool) == ["meters", "meters-total.json"]
