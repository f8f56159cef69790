"""kill -9 at random, of web processes and senders, in a burst of events."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.conftest import until

from . import parts
from .figures import record
from .parts import Pace

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.drill

KILLS = 24
BATCH = 1000
# 5,600 a second if no server ever died.
BURST = Pace(customers=4, events=50, every=50 * 4 / 5600)
# Preloaded: a new web process accepts at once, and the burst goes on.
COMMAND = [*parts.THREADED, "--workers", "2", "--preload", parts.WSGI]


class Victims:
    """The shop's web processes, which gunicorn replaces, and a worker, which we do."""

    def __init__(self, master: int, settings: dict[str, str]) -> None:
        self.master = master
        self._settings = settings
        self.worker = self._hire()
        self.kills = {"web": 0, "worker": 0}

    def _hire(self) -> subprocess.Popen[bytes]:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            return parts.start([*parts.PIXELPAIR, "worker"], self._settings, stderr=nowhere)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        if pid != self.worker.pid:
            self.kills["web"] += 1
            return
        self.worker.wait()
        self.kills["worker"] += 1
        self.worker = self._hire()

    def close(self) -> None:
        self.worker.terminate()
        self.worker.wait(60)

    def all(self) -> list[int]:
        return [*parts.children(self.master), self.worker.pid]


def test_no_accepted_event_is_lost_by_kills(
    meta: parts.Meta, ledger: parts.Ledger, spool: Path
) -> None:
    dice = random.Random(seed := random.randrange(10**6))
    settings = parts.environ(meta, spool)
    with parts.shop(COMMAND, settings) as (port, master):
        victims = Victims(master.pid, settings)
        with closing(victims):
            begin = time.monotonic()
            with parts.customers(ledger, port, BURST):
                burst(victims, spool, dice, ledger)
                seconds = time.monotonic() - begin
    code, said = parts.drain(settings)
    kills = sum(victims.kills.values())
    figures = parts.reckon(
        ledger,
        meta,
        f"{victims.kills['web']} web and {victims.kills['worker']} worker processes killed in"
        f" {seconds:.0f} s; {len(ledger.accepted) / seconds:,.0f} events accepted a second;"
        " `PRAGMA integrity_check`: ok",
    )
    assert (sorted(ledger.missing(meta))[:5], code, seed) == ([], 0, seed), said
    assert kills >= 20
    assert figures.twice <= kills * BATCH
    assert parts.integrity(spool / "outbox.sqlite3") == [("ok",)]
    assert list(spool.glob("*.pxj")) == []
    record("kills", figures)


def burst(victims: Victims, spool: Path, dice: random.Random, ledger: parts.Ledger) -> None:
    """Kill one after the other, half of the time who sends."""
    for _ in range(KILLS):
        ledger.more(dice.randint(500, 4500))
        assert until(lambda: len(victims.all()) == 3)
        there, sends = victims.all(), parts.leader(spool)
        victims.kill(sends if sends in there and dice.random() < 0.5 else dice.choice(there))
