"""Fork after start: the parent's sender runs already when its children begin to accept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import missing_tool

from . import parts
from .figures import record
from .parts import Pace

pytestmark = pytest.mark.drill

EARLY, NUMBER = 20, 1000
PACE = Pace(customers=4, events=5, every=0.05)
# No answer may hang: one that waits for a lock of the parent's waits for ever. Shared cores have
# been seen to stop for seconds.
PATIENCE = 15.0
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
import httpx
from pixelpair.graph import discreet
from pixelpair.graph.client import Call, Graph
graph, connect, begun = Graph(timeout=2), Graph._connect, threading.Event()
def slowly(self):
    begun.set()
    time.sleep(0.5)
    return connect(self)
Graph._connect = slowly
call = Call("http://127.0.0.1:9/events", b"{}", "t")
threading.Thread(target=graph.send, args=(call,)).start()
begun.wait()
if (child := os.fork()) == 0:
    print(graph.send(call).kind, flush=True)
    graph.close()
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_child_forked_during_the_first_connection_can_send_and_close() -> None:
    """Seen behind gunicorn --preload: a web process that waited at its exit for ever, for a lock
    that the sender's thread held when the master forked."""
    assert ran(FORK_WHILE_CONNECTING, {}) == (0, b"silence\n")


FORK_WHILE_IMPORTING = """
import os, sys, threading, time
from importlib.abc import MetaPathFinder
from pixelpair.graph.client import Call, Graph
from tests.drills.shop import visit_here
class Slowly(MetaPathFinder):
    begun = threading.Event()
    def find_spec(self, name, path, target=None):
        if name == "httpx._models":
            self.begun.set()
            time.sleep(0.5)
sys.meta_path.insert(0, Slowly())
visit_here("parent", 0, 1)
Slowly.begun.wait()
if (child := os.fork()) == 0:
    print(Graph(timeout=2).send(Call("http://127.0.0.1:9/events", b"{}", "t")).kind, flush=True)
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_child_forked_while_the_sender_imports_can_import_it_too(
    meta: parts.Meta, spool: Path
) -> None:
    """Seen on a busy machine: a module that was half imported when the process forked was so in the
    child for ever, and whoever wanted to send there waited for it."""
    assert ran(FORK_WHILE_IMPORTING, parts.environ(meta, spool)) == (0, b"silence\n")


def ran(code: str, settings: dict[str, str]) -> tuple[int, bytes]:
    """The exit code of a process, and what it said; a minute is for ever."""
    command, apart = [sys.executable, "-c", code], {"start_new_session": True}
    with parts.ended(parts.start(command, settings, stdout=subprocess.PIPE, **apart)) as process:
        try:
            out, _ = process.communicate(timeout=60)
        finally:
            with suppress(ProcessLookupError):  # a child that hangs would outlive it
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, out
