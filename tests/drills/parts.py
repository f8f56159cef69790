"""What a drill is made of: a Graph that misbehaves on order, customers who remember what was
accepted, shops and senders as processes of their own, and the reckoning."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import BROWSER, ROOT, free_port, server, until
from tests.delivery.sink import Answer, Sink, accepted

from .figures import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.delivery.sink import Events

    # What goes back, and whether Meta has the events all the same; None: all is well.
    Misbehave = Callable[[Events], tuple[Answer, bool] | None]

GUNICORN = [sys.executable, "-m", "gunicorn", "--log-level", "error", "--bind", "127.0.0.1:{port}"]
THREADED = [*GUNICORN, "--worker-class", "gthread", "--threads", "4"]
WSGI = "tests.drills.shop:application"
PIXELPAIR = [sys.executable, "-m", "pixelpair"]
DOWN = Answer(503, b"down")


def well(_events: Events) -> None:
    return None


def down(_events: Events) -> tuple[Answer, bool]:
    return DOWN, False


class Meta:
    """Graph on loopback: what it has taken, when first, and how often it was asked."""

    def __init__(self) -> None:
        self.misbehave: Misbehave = well
        self.times: Counter[str] = Counter()
        self.first: dict[str, float] = {}
        self.calls: list[float] = []
        self._lock = threading.Lock()
        # Nobody may take its port while it is down.
        self._sink = Sink(self._answer, keeps=False, port=free_port())
        self.url = self._sink.url

    def _answer(self, events: Events) -> Answer:
        with self._lock:
            self.calls.append(time.monotonic())
        answer, taken = self.misbehave(events) or (accepted(events), True)
        if taken:
            with self._lock:
                self._take([event["event_id"] for event in events], time.monotonic())
        return answer

    def _take(self, ids: list[str], now: float) -> None:
        self.times.update(ids)
        for event_id in ids:
            self.first.setdefault(event_id, now)

    def asked(self, begin: float, end: float) -> int:
        """How many calls came between two moments."""
        return sum(begin <= moment < end for moment in self.calls)

    def stop(self) -> None:
        """Nobody listens any more."""
        self._sink.close()

    def start(self) -> None:
        """Somebody listens again, at the same address."""
        self._sink = Sink(self._answer, keeps=False, port=int(self.url.rpartition(":")[2]))

    def close(self) -> None:
        self._sink.close()


@dataclass(slots=True)
class Ledger:
    """Which events were accepted (their whole answer came), and when."""

    accepted: dict[str, float] = field(default_factory=dict)
    slowest: float = 0.0
    refused: int = 0

    def enter(self, name: str, first: int, count: int) -> None:
        now = time.monotonic()
        self.accepted |= {f"{name}-{number}": now for number in range(first, first + count)}

    def more(self, number: int) -> None:
        """Wait until so many more were accepted."""
        enough = len(self.accepted) + number
        assert until(lambda: len(self.accepted) >= enough), "nothing is accepted"

    def missing(self, meta: Meta) -> set[str]:
        return self.accepted.keys() - meta.first.keys()


def reckon(ledger: Ledger, meta: Meta, more: str = "") -> Figures:
    """What became of every accepted event. What Meta has besides was not answered whole."""
    delays = [meta.first[i] - at for i, at in ledger.accepted.items() if i in meta.first]
    twice = sum(count - 1 for count in meta.times.values())
    lost = len(ledger.missing(meta))
    return Figures(len(ledger.accepted), lost, twice, max(0.0, *delays, 0.0), more)


def all_arrived(ledger: Ledger, meta: Meta, seconds: float) -> bool:
    """Wait until Meta has everything. Whether it has."""
    return bool(until(lambda: not ledger.missing(meta), seconds))


# --- customers -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pace:
    """So many customers, each with a visit of `events` events every so many seconds."""

    customers: int
    events: int
    every: float


@contextmanager
def customers(ledger: Ledger, port: int, pace: Pace, name: str = "c") -> Iterator[None]:
    """Customers until the block ends; those whose server died come again."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_visit, args=(ledger, port, pace, f"{name}{n}", stop))
        for n in range(pace.customers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _visit(ledger: Ledger, port: int, pace: Pace, name: str, stop: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    first, due = 0, time.monotonic()
    while not stop.is_set():
        begin = time.monotonic()
        if _ask(connection, f"/?name={name}&first={first}&count={pace.events}"):
            ledger.enter(name, first, pace.events)
            ledger.slowest = max(ledger.slowest, time.monotonic() - begin)
        else:
            ledger.refused += 1
            stop.wait(0.01)
        first += pace.events
        due = max(due + pace.every, time.monotonic() - 1.0)
        stop.wait(max(0.0, due - time.monotonic()))
    connection.close()


def _ask(connection: http.client.HTTPConnection, path: str) -> bool:
    """Whether a whole answer came."""
    try:
        connection.request("GET", path, headers=BROWSER)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return False
    return answer.status == 200


def visit(ledger: Ledger, port: int, name: str, first: int, count: int) -> None:
    """One visit, which must succeed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        assert _ask(connection, f"/?name={name}&first={first}&count={count}")
        ledger.enter(name, first, count)
    finally:
        connection.close()


# --- processes -----------------------------------------------------------------------------------


def environ(meta: Meta, spool: Path, **more: str) -> dict[str, str]:
    """The settings of the drills' shop."""
    return {
        "PIXELPAIR_PIXEL_ID": "1234567890",
        "PIXELPAIR_ACCESS_TOKEN": "drill-token",
        "PIXELPAIR_SECRET": "a secret of the drills",
        "PIXELPAIR_GRAPH_URL": meta.url,
        "PIXELPAIR_SPOOL": str(spool),
        **more,
    }


@contextmanager
def shop(
    command: list[str], settings: dict[str, str], **options: Any
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A running shop: its port and its process."""
    port = free_port()
    filled = [word.format(port=port) for word in command]
    with server(filled, port, settings, **options) as process:
        visit(Ledger(), port, "none", 0, 0)  # gunicorn listens before its workers are there
        yield port, process


def start(command: list[str], settings: dict[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """A process with these settings, which finds pixelpair and the drills."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    full = {**os.environ, "PYTHONPATH": path, **settings}
    return subprocess.Popen(command, env=full, cwd=ROOT, **options)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process is gone, and its pipes closed, when the block ends."""
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        process.wait()


def drain(settings: dict[str, str], seconds: float = 180) -> tuple[int, str]:
    """`pixelpair drain`: its exit code and what it said."""
    command = [*PIXELPAIR, "drain", "--timeout", str(seconds)]
    process = start(command, settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with ended(process):
        out, _ = process.communicate(timeout=seconds + 30)
    return process.returncode, out.decode()


def kill(process: subprocess.Popen[bytes]) -> None:
    """A server with all its children; the master first, who would replace them."""
    pids = [process.pid, *children(process.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    process.wait()


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def leader(spool: Path) -> int | None:
    """Who signed the sender's lock last."""
    with suppress(OSError, ValueError, KeyError):
        return int(json.loads((spool / "leader.lock").read_text())["pid"])
    return None


def integrity(file: Path) -> list[tuple[str]]:
    db = sqlite3.connect(file)
    try:
        return db.execute("PRAGMA integrity_check").fetchall()
    finally:
        db.close()
