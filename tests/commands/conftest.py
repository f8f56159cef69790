"""A shop's spool, its settings in the environment, and a Graph on loopback."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main
from pixelpair.core.events import Event, Visitor
from pixelpair.core.user_data import hashed
from pixelpair.delivery.journal import Journal
from tests.delivery.sink import Answer, Sink, accepted, refused
from tests.graph import meta as calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.graph.meta import Meta

    Ask = Callable[..., tuple[int, Any]]

TOKEN = "EAAB-secret-token"
PIXEL = "1234567890"
IP, AGENT, FBP = "203.0.113.7", "Mozilla/5.0 (Anna)", "fb.1.1700000000000.77"
SHOP = "https://shop.example/tea?q=private&fbclid=IwAR1#top"


def visitor(email: str = "anna@example.com", external_id: str = "u-1", fbp: str = FBP) -> Visitor:
    info = {
        "em": list(hashed("em", email, year=2026)),
        "external_id": list(hashed("external_id", external_id, year=2026)),
    }
    return Visitor(SHOP, "", IP, AGENT, fbp, f"{FBP}.IwAR1", info)


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meta]:
    """A Graph that answers what it is told to, call by call."""
    with calls.running() as running:
        monkeypatch.setenv("PIXELPAIR_GRAPH_URL", running.url)
        yield running


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch, graph: Sink, spool: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", PIXEL)
    monkeypatch.setenv("PIXELPAIR_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("PIXELPAIR_GRAPH_URL", graph.url)
    monkeypatch.setenv("PIXELPAIR_SPOOL", str(spool))


def queue(
    spool: Path, *names: str, ago: int = 0, who: Visitor | None = None, pixel: str = PIXEL
) -> list[Event]:
    """What a web process would leave in the spool."""
    made = int(time.time()) - ago
    events = [Event(name, f"{name}-{os.urandom(4).hex()}", made, {}) for name in names]
    journal = Journal(spool)
    for event in events:
        journal.append(event.twin(pixel, who or visitor()).pack())
    journal.close()
    return events


def refuse(*names: str) -> Callable[[list[dict[str, Any]]], Answer]:
    """A Graph that takes no batch with an event of these names."""

    def answer(events: list[dict[str, Any]]) -> Answer:
        bad = {event["event_name"] for event in events} & set(names)
        return refused(100, 2804003) if bad else accepted(events)

    return answer


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """A command with --json: its exit code, and what it answered."""

    def run(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run
