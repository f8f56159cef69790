"""Trackers whose ids are known, log lines that are said anew, and the site behind each door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.start import NOTES

from .drive import Answer, Ask, Ledger
from .fronts import FRONTS, Front
from .site import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list]:
    """The log lines of pixelpair so far: level and text. What is said once is said anew."""
    monkeypatch.setattr(NOTES, "_said", set())
    caplog.set_level("DEBUG", logger="pixelpair")

    def lines() -> list[tuple[str, str]]:
        ours = [record for record in caplog.records if record.name == "pixelpair"]
        return [(record.levelname, record.getMessage()) for record in ours]

    return lines


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "spool")
    yield made
    made.tracker.close()


@pytest.fixture
def ledger_of(tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    """A ledger with options."""
    made: list[Ledger] = []

    def make(**options: object) -> Ledger:
        made.append(Ledger(tmp_path / f"spool-{len(made)}", **options))
        return made[-1]

    yield make
    for ledger in made:
        ledger.tracker.close()


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Front, Ledger]]]:
    """Each door with the site behind it, and its ledger."""
    made: dict[str, tuple[Front, Ledger]] = {}
    for name, front in FRONTS.items():
        ledger = Ledger(tmp_path_factory.mktemp("spool"), routes=ROUTES)
        made[name] = front(ledger.tracker), ledger
    yield made
    for _, ledger in made.values():
        ledger.tracker.close()


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Callable[..., Callable[[Ask], tuple[Answer, list[dict]]]]]:
    """The site behind a door, with options: gives an answer and its twins."""
    ledgers: list[Ledger] = []

    def start(door: str, **options: object) -> Callable[[Ask], tuple[Answer, list[dict]]]:
        ledger = Ledger(tmp_path / str(len(ledgers)), **{"routes": ROUTES, **options})
        ledgers.append(ledger)
        front = FRONTS[door](ledger.tracker)

        def ask(what: Ask) -> tuple[Answer, list[dict]]:
            return front.ask(what), ledger.twins()

        return ask

    yield start
    for ledger in ledgers:
        ledger.tracker.close()
