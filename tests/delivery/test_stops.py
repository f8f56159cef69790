"""A server that is told to stop right after an answer: what it had accepted is in the spool."""

from __future__ import annotations

import re
import signal
import sys
import threading
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from pixelpair.cli import main
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.memory import MemoryOutbox
from tests.conftest import free_port, server

from .sink import Answer, Sink, accepted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UVICORN = [
    sys.executable,
    "-m",
    "uvicorn",
    "--log-level=warning",
    "tests.doors.small_site:asgi_app",
]
EVENT = re.compile(rb'\["PageView",\{\},"([0-9a-f]{32})"')


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, spool: Path, sink: Sink) -> dict[str, str]:
    found = {
        "PIXELPAIR_PIXEL_ID": "1234567890",
        "PIXELPAIR_ACCESS_TOKEN": "t",
        "PIXELPAIR_SECRET": "a secret of these tests",
        "PIXELPAIR_GRAPH_URL": sink.url,
        "PIXELPAIR_SPOOL": str(spool),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def held_call(sink: Sink) -> Iterator[threading.Event]:
    """Graph keeps its first caller waiting, so that later events stay where they were written."""
    called, release = threading.Event(), threading.Event()

    def answer(events: list[dict[str, object]]) -> Answer:
        called.set()
        release.wait(30)
        return Answer(503)

    sink.answer = answer
    yield called
    release.set()


def page(port: int) -> str:
    """Show the front page to a visitor; gives its event's id."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"})
    found = EVENT.search(connection.getresponse().read())
    connection.close()
    assert found
    return found[1].decode()


def test_what_uvicorn_had_accepted_when_it_was_told_to_stop_is_drained(
    environ: dict[str, str],
    spool: Path,
    sink: Sink,
    held_call: threading.Event,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """uvicorn raises its SIGTERM again when it is done: no exit handler of Python's ever runs."""
    port = free_port()
    with server([*UVICORN, f"--port={port}"], port, environ) as process:
        shown = [page(port)]
        assert held_call.wait(20)
        shown += [page(port) for _ in range(20)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
    assert (sink.events, Intake(spool, MemoryOutbox()).unread()) == ([], len(shown))
    sink.answer = accepted
    assert main(["drain"]) == 0
    assert capsys.readouterr().out == "delivered 21, dead 0, left 0\n"
    assert sink.ids == dict.fromkeys(shown, 1)
