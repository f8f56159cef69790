"""`pixelpair worker`: real processes, told to stop, killed, and waiting for each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelpair.cli import main
from pixelpair.delivery.journal import Journal
from tests.delivery.conftest import until
from tests.delivery.sink import Answer, Sink, accepted, refused

from .conftest import PIXEL, TOKEN, queue, visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Ask

    Start = Callable[..., "Lines"]

SOURCE = Path(__file__).parents[2] / "src"


class Lines:
    """A worker that runs, and what it has said so far."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "pixelpair", "worker", *words],
            env={**os.environ, "PYTHONPATH": str(SOURCE), "PIXELPAIR_SENDER": "none"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        self.said += map(str.rstrip, self.process.stderr or ())

    def wait_for(self, line: str) -> None:
        until(lambda: line in self.said or self.process.poll() is not None)
        assert line in self.said, self.said

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._thread.join()
        return code


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Lines] = []

    def run(*words: str) -> Lines:
        started.append(Lines(*words))
        return started[-1]

    yield run
    for worker in started:
        worker.end(signal.SIGKILL)
        assert worker.process.stdout is not None
        worker.process.stdout.close()
        assert worker.process.stderr is not None
        worker.process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sends_until_it_is_told_to_stop(
    start: Start, spool: Path, graph: Sink, ask: Ask, number: int
) -> None:
    journal = Journal(spool)
    (event,) = queue(spool, "Lead")
    worker = start("--json")
    until(lambda: graph.events)
    leader = ask("status")[1]["leader"]
    assert (leader["leads"], leader["pid"]) == (True, worker.process.pid)
    journal.append(event._replace(id="later").twin(PIXEL, visitor()).pack())
    until(lambda: len(graph.events) == 2)
    assert worker.end(number) == 0
    assert worker.process.stdout is not None
    assert json.loads(worker.process.stdout.read()) == {"delivered": 2, "dead": 0}
    assert worker.said[:2] == [f"worker {worker.process.pid} for the spool {spool}", "sends"]
    assert worker.said[-2:] == [
        "stopping after the call at hand; once more stops at once",
        "stopped: delivered 2, dead 0",
    ]
    assert ask("status")[1]["leader"]["leads"] is False
    assert TOKEN not in "".join(worker.said)
    journal.close()


def test_the_call_at_hand_is_seen_through_and_no_other_begins(
    start: Start, spool: Path, graph: Sink, ask: Ask
) -> None:
    called, release = threading.Event(), threading.Event()

    def answer(events: list[dict[str, object]]) -> Answer:
        called.set()
        release.wait(30)
        return accepted(events)

    graph.answer = answer
    queue(spool, *["Lead"] * 1500)
    worker = start()
    assert called.wait(30)
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for("stopping after the call at hand; once more stops at once")
    release.set()
    assert worker.process.wait(30) == 0
    assert graph.calls == [1000]
    status = ask("status")[1]
    assert (status["delivered"], status["queued"] + status["unread"]) == (1000, 500)


def test_the_second_signal_stops_it_at_once(start: Start, spool: Path, graph: Sink) -> None:
    called, release = threading.Event(), threading.Event()

    def answer(events: list[dict[str, object]]) -> Answer:
        called.set()
        release.wait(30)
        return accepted(events)

    graph.answer = answer
    queue(spool, "Lead")
    worker = start()
    assert called.wait(30)
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for("stopping after the call at hand; once more stops at once")
    assert worker.end() == -signal.SIGTERM
    release.set()


def test_another_takes_over_when_the_sender_is_killed(
    start: Start, spool: Path, graph: Sink, ask: Ask
) -> None:
    journal = Journal(spool)
    (event,) = queue(spool, "Lead")
    first = start()
    first.wait_for("sends")
    second = start()
    second.wait_for("waits: another process is the sender")
    until(lambda: graph.events)
    first.process.kill()
    killed = time.monotonic()
    journal.append(event._replace(id="later").twin(PIXEL, visitor()).pack())
    until(lambda: len(graph.events) == 2)
    assert time.monotonic() - killed < 4  # 2 on a machine that has nothing else to do
    second.wait_for("sends")
    assert ask("status")[1]["leader"]["pid"] == second.process.pid
    assert second.end() == 0
    assert [e["event_id"] for e in graph.events] == [event.id, "later"]
    journal.close()


def test_a_graph_that_refuses_is_told_and_stops_no_worker(
    start: Start, spool: Path, graph: Sink, ask: Ask
) -> None:
    graph.answer = lambda events: refused(190, status=401)
    queue(spool, "Lead")
    worker = start()
    until(lambda: ask("status")[1]["troubles"])
    assert worker.end() == 0
    assert [line for line in worker.said if line.startswith(f"ERROR events of pixel {PIXEL}")]
    assert ask("status")[1]["queued"] == 1


def test_a_worker_needs_a_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIXELPAIR_ACCESS_TOKEN")
    assert main(["worker"]) == 2
    assert capsys.readouterr().err == "PIXELPAIR_ACCESS_TOKEN must be set to deliver events\n"


def test_a_drain_answers_in_json(spool: Path, graph: Sink, ask: Ask) -> None:
    queue(spool, "Lead")
    assert ask("drain") == (0, {"delivered": 1, "dead": 0, "left": 0, "reason": None})
    queue(spool, "Lead")
    graph.answer = lambda events: refused(190, status=401)
    code, document = ask("drain")
    assert (code, document["left"]) == (1, 1)
    assert document["reason"].startswith("190: ")
