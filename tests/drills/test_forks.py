"""Fork after start: the parent's sender runs already when its children begin to accept."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import missing_tool

from . import parts
from .figures import record
from .parts import Pace

pytestmark = pytest.mark.drill

EARLY, NUMBER = 20, 1000
PACE = Pace(customers=4, events=5, every=0.05)
# No answer may hang. Shared cores have been seen to stop for a second.
PATIENCE = 5.0
BIN = str(Path(sys.executable).parent)
UWSGI = [
    *("uwsgi", "--http-socket", "127.0.0.1:{port}", "--master", "--processes", "2"),
    *("--wsgi", parts.WSGI, "--die-on-term", "--need-app", "--disable-logging"),
    *("--pythonpath", ".", "--logger", "file:{log}", "--add-header", "Connection: close"),
]
SERVERS = {
    "gunicorn": [*parts.THREADED, "--workers", "2", "--preload", parts.WSGI],
    "uwsgi-threads": [*UWSGI, "--enable-threads"],
    "uwsgi": UWSGI,
}


def uwsgi() -> str:
    """pyuwsgi's program, beside Python's; else the system's."""
    found = shutil.which("uwsgi", path=BIN) or shutil.which("uwsgi")
    if not found:
        missing_tool("uwsgi")
    return str(found)


@pytest.mark.parametrize("kind", SERVERS)
def test_nothing_is_lost_behind_a_server_that_forks_after_start(
    kind: str, meta: parts.Meta, ledger: parts.Ledger, spool: Path, tmp_path: Path
) -> None:
    settings = parts.environ(meta, spool, DRILL_EARLY=str(EARLY), VIRTUAL_ENV=sys.prefix)
    words = {"port": "{port}", "log": str(tmp_path / "log")}
    command = [word.format(**words) for word in SERVERS[kind]]
    command[0] = uwsgi() if command[0] == "uwsgi" else command[0]
    with parts.shop(command, settings) as (port, process):
        ledger.enter("early", 0, EARLY)
        with parts.customers(ledger, port, PACE):
            ledger.more(NUMBER)
        sent = len(meta.first)
        process.terminate()
        begin = time.monotonic()
        process.wait(PATIENCE + 5)
        stopped = time.monotonic() - begin
    code, said = parts.drain(settings)
    figures = parts.reckon(
        ledger,
        meta,
        f"{sent / len(ledger.accepted):.0%} sent before the stop; slowest answer"
        f" {ledger.slowest * 1000:.0f} ms; stopped in {stopped:.1f} s",
    )
    assert (sorted(ledger.missing(meta))[:5], code, ledger.refused) == ([], 0, 0), said
    assert ledger.slowest < PATIENCE
    record(f"fork-{kind}", figures)


def test_nothing_is_lost_in_forks_of_multiprocessing(
    meta: parts.Meta, ledger: parts.Ledger, spool: Path
) -> None:
    settings = parts.environ(meta, spool)
    command = [sys.executable, "-m", "tests.drills.scripts", "forking", "6", "200"]
    begin = time.monotonic()
    with parts.ended(parts.start(command, settings, stdout=subprocess.PIPE)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            ledger.accepted[line.decode().strip()] = time.monotonic()
        process.wait(PATIENCE)
    took = time.monotonic() - begin
    code, said = parts.drain(settings)
    figures = parts.reckon(ledger, meta, f"6 children; all ended in {took:.1f} s")
    assert (sorted(ledger.missing(meta))[:5], code, process.returncode) == ([], 0, 0), said
    assert (figures.accepted, figures.twice) == (6 * 200 + 7 * 200, 0)
    record("fork-multiprocessing", figures)


FORK_WHILE_CONNECTING = """
import os, sys, threading, time
from pixelpair.graph.client import Call, Graph
graph, connect = Graph(timeout=2), Graph._connect
def slowly(self):
    time.sleep(0.5)
    return connect(self)
Graph._connect = slowly
call = Call("http://127.0.0.1:9/events", b"{}", "t")
threading.Thread(target=graph.send, args=(call,)).start()
time.sleep(0.2)
if (child := os.fork()) == 0:
    print(graph.send(call).kind, flush=True)
    graph.close()
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_child_forked_during_the_first_connection_can_send_and_close() -> None:
    """Seen behind gunicorn --preload: a web process that waited at its exit for ever, for a lock
    that the sender's thread held when the master forked."""
    command = [sys.executable, "-c", FORK_WHILE_CONNECTING]
    with parts.ended(parts.start(command, {}, stdout=subprocess.PIPE)) as process:
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"silence\n")
