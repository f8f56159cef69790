"""Twins to deliver, a clock that stands still, a Graph on loopback, and workers that send to it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import orjson
import pytest

from pixelpair.core.events import Twin
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.delivery.worker import Worker
from pixelpair.graph.client import Graph
from pixelpair.graph.conversions import call

from .sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pixelpair.delivery.outbox import Stats
    from pixelpair.graph.client import Reply

    Build = Callable[..., tuple[Worker, Journal]]

NOW = 1_800_000_000


class Clock:
    """Time as a test wants it."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_twin(
    number: int | str = 1,
    *,
    pixel_id: str = "111",
    name: str = "ViewContent",
    at: int = NOW,
    lasting: bool = False,
    fault: str | None = None,
    fbp: str | None = None,
    consent: str = "",
    **custom: object,
) -> Twin:
    event_id = f"id-{number}"
    user = {} if fbp is None else {"user_data": {"client_user_agent": "Mozilla/5.0", "fbp": fbp}}
    body = {"event_name": name, "event_id": event_id, "event_time": at, **user}
    body["custom_data"] = custom
    return Twin(pixel_id, name, event_id, at, orjson.dumps(body), lasting, fault, consent)


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.01)


def put(journal: Journal, *numbers: int | str, **more: str) -> None:
    for number in numbers:
        journal.append(make_twin(number, **more).pack())  # type: ignore[arg-type]


def stats(spool: Path) -> Stats:
    outbox = SqliteOutbox(spool / "outbox.sqlite3")
    try:
        return outbox.stats()
    finally:
        outbox.close()


@pytest.fixture
def twin() -> Callable[..., Twin]:
    return make_twin


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def build(spool: Path, clock: Clock, sink: Sink) -> Iterator[Build]:
    """Workers on one spool that send to the sink; closed at the end."""
    graph = Graph(timeout=5)
    made: list[Worker] = []

    def post(twins: list[Twin]) -> Reply:
        pixel_id = twins[0].pixel_id
        return graph.send(
            call(twins, pixel_id=pixel_id, token="t", graph_url=sink.url, version="v26.0")
        )

    def outbox() -> SqliteOutbox:
        return SqliteOutbox(spool / "outbox.sqlite3", clock)

    def make(
        send: Callable[[list[Twin]], Reply] = post, **options: float
    ) -> tuple[Worker, Journal]:
        journal = Journal(spool)
        made.append(Worker(spool, outbox, journal, send, clock=clock, **options))
        return made[-1], journal

    yield make
    for worker in made:
        worker.close(5)
    graph.close()
