"""Drill: kill -9 at random moments; every record whose append returned arrives."""

from __future__ import annotations

import random
import sqlite3
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery.journal import Journal
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.delivery.worker import Worker
from pixelpair.graph.client import Graph
from pixelpair.graph.conversions import MAX_EVENTS, call

from .scripts import start
from .sink import Sink

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

KILLS = 8
THREADS = 3
REPORT = struct.Struct("<II")

# Each thread reports every record after its append has returned, and not before.
VICTIM = """
import struct
journal = Journal(spool)
worker = worker_to(sys.argv[2], journal, poll=0.01)
report = struct.Struct("<II").pack
def write(name):
    for n in range(6000):
        journal.append(twin(f"{sys.argv[3]}-{name}-{n}").pack())
        worker.notify()
        os.write(1, report(name, n))
threads = [threading.Thread(target=write, args=(n,)) for n in range(int(sys.argv[4]))]
for t in threads: t.start()
for t in threads: t.join()
time.sleep(60)
"""


def kill_one(spool: Path, url: str, life: int, seconds: float) -> list[str]:
    """Run a victim, kill it after so long; gives the ids of all that it had accepted."""
    process = start(VICTIM, spool, url, life, THREADS)
    assert process.stdout is not None
    reports = bytearray()
    first = threading.Event()

    def listen(pipe: subprocess.IO[bytes]) -> None:
        while chunk := pipe.read1(1 << 16):  # type: ignore[attr-defined]
            reports.extend(chunk)
            first.set()

    listener = threading.Thread(target=listen, args=(process.stdout.buffer,))  # type: ignore[attr-defined]
    listener.start()
    assert first.wait(20)
    time.sleep(seconds)
    process.kill()
    listener.join()
    process.communicate()
    whole = len(reports) // REPORT.size * REPORT.size
    return [f"id-{life}-{name}-{n}" for name, n in REPORT.iter_unpack(reports[:whole])]


@pytest.mark.drill
def test_no_accepted_event_is_lost_by_kills(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    sink, accepted = Sink(), []
    try:
        for life in range(KILLS):
            accepted += kill_one(tmp_path, sink.url, life, dice.uniform(0.01, 0.5))
        left = drain(tmp_path, sink.url)
    finally:
        sink.close()
    lost = set(accepted) - set(sink.ids)
    doubled = sum(count - 1 for count in sink.ids.values())
    print(f"{len(accepted)} accepted, {len(lost)} lost, {doubled} doubled by {KILLS} kills")
    assert (left, sorted(lost)[:5], seed) == (None, [], seed)
    assert len(accepted) > KILLS * 10
    assert doubled <= KILLS * MAX_EVENTS
    with sqlite3.connect(tmp_path / "outbox.sqlite3") as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
    assert list(tmp_path.glob("*.pxj")) == []


def drain(spool: Path, url: str) -> str | None:
    """What is left to say after everything was delivered: nothing."""
    with Graph() as graph:
        worker = Worker(
            spool,
            lambda: SqliteOutbox(spool / "outbox.sqlite3"),
            Journal(spool),
            lambda twins: graph.send(
                call(twins, pixel_id="111", token="t", graph_url=url, version="v26.0")
            ),
        )
        return worker.drain(60).reason
