from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.conftest import until

from .watcher import (
    MB,
    Bounds,
    Life,
    Sample,
    Trend,
    Watcher,
    judge,
    open_connections,
    sample,
    trend,
)

if TYPE_CHECKING:
    from pathlib import Path

BOUNDS = Bounds()


def life(*, leak: float = 0.0, sockets: float = 0.0, threads: int = 4, seconds: int = 1000) -> Life:
    """A process that holds 50 MB and grows by so much from its start to its end."""
    samples = []
    for at in range(0, seconds + 1, 5):
        share = at / 1000
        held = 50 * MB + leak * share, int(9 + sockets * share), threads + (at > 500)
        samples.append(Sample(float(at), *held))
    return Life("web", 7, samples)


def flat(one: Life) -> dict[str, bool]:
    return {verdict.what: verdict.flat for verdict in judge(one, BOUNDS)}


def test_line_begins_after_the_warm_up() -> None:
    points = [(float(at), 100.0 if at < 20 else 60.0 + at / 10) for at in range(101)]
    found = trend(points)
    assert (found.base, found.growth) == (pytest.approx(62.0), pytest.approx(8.0))
    assert found.most == 100.0


def test_one_peak_is_no_growth() -> None:
    points = [(float(at), 90.0 if at == 60 else 50.0) for at in range(101)]
    assert abs(trend(points).growth) < 1.0


@pytest.mark.parametrize(("leak", "is_flat"), [(0, True), (9 * MB, True), (12 * MB, False)])
def test_memory_may_grow_by_a_twentieth_and_six_megabytes(leak: int, is_flat: bool) -> None:
    assert flat(life(leak=leak))["memory"] is is_flat


@pytest.mark.parametrize(("sockets", "is_flat"), [(5, True), (10, False)])
def test_descriptors_may_grow_by_less_than_five(sockets: int, is_flat: bool) -> None:
    assert flat(life(sockets=sockets))["descriptors"] is is_flat


def test_a_thread_more_for_half_of_the_time_is_growth() -> None:
    assert flat(life()) == {"memory": True, "descriptors": True, "threads": False}


def test_short_life_is_not_judged() -> None:
    assert judge(life(leak=900 * MB, seconds=100), BOUNDS) == []


def here() -> Sample:
    return sample(os.getpid(), open_connections())


def test_descriptors_of_open_connections_are_explained_and_of_half_closed_ones_are_not() -> None:
    before = here().descriptors
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
        assert here().descriptors == before + 1  # who listens
        ours.close()
        assert until(lambda: here().descriptors == before + 2)  # that nobody is at the other end of
        theirs.close()
    assert here().descriptors == before


def test_threads_and_memory_are_seen() -> None:
    before, stop = here(), threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    held = b"x" * (30 * MB)
    after = here()
    stop.set()
    thread.join()
    assert after.threads == before.threads + 1
    assert after.memory - before.memory > len(held) / 2


def test_watcher_follows_processes_and_files(tmp_path: Path) -> None:
    watcher = Watcher({"spool": tmp_path})
    watcher.add("me", os.getpid())
    watcher.look()
    (tmp_path / "journal").touch()
    watcher.look()
    [life] = watcher.lives.values()
    assert (life.role, life.pid, len(life.samples)) == ("me", os.getpid(), 2)
    assert [number for _, number in watcher.files["spool"]] == [0.0, 1.0]


def test_who_begins_to_send_begins_another_life(tmp_path: Path) -> None:
    watcher = Watcher({"spool": tmp_path})
    watcher.add("me", os.getpid())
    watcher.look()
    (tmp_path / "leader.lock").write_text(json.dumps({"pid": os.getpid()}))
    watcher.look()
    watcher.look()
    lives = [(life.role, len(life.samples)) for life in watcher.lives.values()]
    assert lives == [("me", 1), ("me, sends", 2)]


def test_files_that_pile_up_are_judged(tmp_path: Path) -> None:
    watcher = Watcher({"spool": tmp_path})
    watcher.files["spool"] = [(float(at), at / 10) for at in range(0, 1000, 5)]
    [verdict] = watcher.verdicts(BOUNDS)
    line = Trend(pytest.approx(19.9, abs=0.2), pytest.approx(79.6, abs=0.5), 99.5)  # type: ignore[arg-type]
    assert (verdict.role, verdict.what, verdict.trend, verdict.flat) == (
        "spool", "files", line, False,
    )  # fmt: skip
