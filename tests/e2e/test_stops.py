"""Real servers that are told to stop right after an answer: its events arrive all the same, and
where Meta hangs they are in the spool and nobody waits for them."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery.intake import Intake
from pixelpair.delivery.sqlite import SqliteOutbox
from tests.conftest import free_port, missing_tool, server, until
from tests.delivery.sink import Answer, Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Events = list[dict[str, object]]

pytestmark = [pytest.mark.e2e, pytest.mark.drill]  # a dozen servers that end

PYTHON = [sys.executable, "-W", "ignore", "-m"]
WSGI, ASGI = "tests.doors.small_site:wsgi_app", "tests.e2e.stopping_shops:app"
GUNICORN = [*PYTHON, "gunicorn", "--log-level=error", "--bind=127.0.0.1:{port}"]
UVICORN = [*PYTHON, "uvicorn", "--log-level=error", "--port={port}"]
UWSGI = "import pyuwsgi; pyuwsgi.run()"
SERVERS = {
    "uvicorn": [*UVICORN, ASGI],
    "uvicorn, processes": [*UVICORN, "--workers=3", ASGI],
    "gunicorn, processes": [*GUNICORN, "--workers=3", WSGI],
    "gunicorn, preloaded": [*GUNICORN, "--workers=3", "--preload", WSGI],
    "gunicorn, threads": [*GUNICORN, "--workers=2", "--threads=4", WSGI],
    "gunicorn, its ASGI": [*GUNICORN, "--workers=2", "--worker-class=asgi", ASGI],
    "gunicorn, uvicorn": [*GUNICORN, "--worker-class=uvicorn.workers.UvicornWorker", ASGI],
    "gunicorn, gevent": [*GUNICORN, "--worker-class=gevent", WSGI],
    "gunicorn, gevent, preloaded": [*GUNICORN, "--worker-class=gevent", "--preload", WSGI],
    "hypercorn": [*PYTHON, "hypercorn", "--bind=127.0.0.1:{port}", ASGI],
    "granian": [*PYTHON, "granian", "--interface=asgi", "--port={port}", ASGI],
    "uwsgi": [sys.executable, "-c", UWSGI, "--http-socket=127.0.0.1:{port}", "--die-on-term",
              "--master", "--processes=2", "--disable-logging", "--module", WSGI],
}  # fmt: skip
NEEDS = ("gevent", "hypercorn", "granian", "pyuwsgi")  # what a developer may do without
EVENT = re.compile(rb'\["PageView",\{\},"([0-9a-f]{32})"')
# The ways to end: by a signal after a lifespan, by exit handlers, by those of an embedding server.
ENDS = ("uvicorn, processes", "gunicorn, processes", "gunicorn, its ASGI", "uwsgi")
# Servers look at their processes once a second, and three interpreters that end were seen to
# take 1 s of two cores; the machine may have more to do. A Graph that hangs would be waited for
# 10 s, and gunicorn waits for its workers 30: with that each try would be too long.
GRACE, TRIES = 7.0, 3
# No try may be as long as that: one in three that must be killed is a fault too.
KILLED = 25.0


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def command(kind: str) -> list[str]:
    found = SERVERS[kind]
    for name in NEEDS:
        if any(name in word for word in found) and find_spec(name) is None:
            missing_tool(name)
    return found


def environ(spool: Path, sink: Sink) -> dict[str, str]:
    return {
        "PIXELPAIR_PIXEL_ID": "1234567890",
        "PIXELPAIR_ACCESS_TOKEN": "t",
        "PIXELPAIR_SECRET": "a secret of these tests",
        "PIXELPAIR_GRAPH_URL": sink.url,
        "PIXELPAIR_SPOOL": str(spool),
    }


def visit(port: int) -> str:
    """Show the front page to a visitor; gives its event's id."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"})
    found = EVENT.search(connection.getresponse().read())
    connection.close()
    assert found
    return found[1].decode()


def browse(port: int, visits: int) -> set[str]:
    """Visits on several connections, so that several processes answer."""
    with ThreadPoolExecutor(4) as pool:
        return set(pool.map(visit, [port] * visits))


def stop_after_visits(command: list[str], spool: Path, sink: Sink) -> tuple[set[str], float]:
    """The ids that were shown, and how long the server took to end."""
    port = free_port()
    filled = [word.format(port=port) for word in command]
    with server(filled, port, environ(spool, sink)) as process:
        before = len(sink.calls)
        shown = browse(port, 20)
        until(lambda: len(sink.calls) > before)  # the sender is at work, or hangs
        shown |= browse(port, 20)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(KILLED)
        return shown, time.monotonic() - told


@contextmanager
def outbox_of(spool: Path) -> Iterator[SqliteOutbox]:
    outbox = SqliteOutbox(spool / "outbox.sqlite3")
    try:
        yield outbox
    finally:
        outbox.close()


def kept(spool: Path) -> set[str]:
    """The ids of all events that wait in a spool which nobody uses any more."""
    with outbox_of(spool) as outbox:
        Intake(spool, outbox).take()
        return {row.twin.event_id for row in outbox.queued()}


@pytest.mark.parametrize("kind", SERVERS)
def test_what_came_last_arrives(command: list[str], tmp_path: Path, sink: Sink) -> None:
    everything: set[str] = set()

    def stopped(spool: Path) -> float:
        shown, took = stop_after_visits(command, spool, sink)
        everything.update(shown)
        assert (len(shown), kept(spool)) == (40, set())
        assert sink.ids == dict.fromkeys(everything, 1)
        return took

    assert ends_in_time(stopped, tmp_path)


def ends_in_time(stopped: Callable[[Path], float], folder: Path) -> bool:
    """With nine interpreters beside it, gunicorn was seen to end after 9.1 s: a second or third
    look tells who waits for something from who waits for the processor."""
    tries = (stopped(folder / str(number)) for number in range(TRIES))
    return any(took < 2.0 + GRACE for took in tries)


@pytest.mark.parametrize("kind", ENDS)
def test_nobody_waits_for_a_graph_that_hangs(
    command: list[str], tmp_path: Path, sink: Sink
) -> None:
    release = threading.Event()

    def hang(_events: Events) -> Answer:
        release.wait(60)
        return Answer(503)

    def stopped(spool: Path) -> float:
        shown, took = stop_after_visits(command, spool, sink)
        assert sink.events == []
        assert kept(spool) == shown
        return took

    sink.answer = hang
    try:
        assert ends_in_time(stopped, tmp_path)
    finally:
        release.set()
