"""A spool, its meters and their board; the outbox is what the test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.core.events import Event, Visitor
from pixelpair.delivery.meters import Meters
from pixelpair.metrics.board import Board

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelpair.core.events import Twin
    from pixelpair.delivery.outbox import Outbox

    Make = Callable[..., Board]

NOW = 1_800_000_000.0
PIXEL = "1234567890"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def make(spool: Path) -> Make:
    def board(outbox: Outbox | None = None, *, leads: bool = False, **more: object) -> Board:
        given = {"pixels": (PIXEL,), "graph_version": "v26.0", "clock": lambda: NOW} | more
        return Board(Meters(spool), lambda: outbox, lambda: leads, **given)  # type: ignore[arg-type]

    return board


def twin(number: int, name: str = "Lead", pixel: str = PIXEL, ago: int = 0) -> Twin:
    event = Event(name, f"{name}-{number}", int(NOW) - ago, {})
    return event.twin(pixel, Visitor("https://shop.example/", "", "203.0.113.7", "UA", "", "", {}))
