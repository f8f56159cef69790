"""A board tells how things stand in a spool, and changes nothing there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery.journal import Journal
from pixelpair.delivery.leader import LOCK_FILE
from pixelpair.delivery.locks import Lock
from pixelpair.delivery.numbers import Numbers
from pixelpair.delivery.outbox import Trouble
from pixelpair.delivery.retry import Dead
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.metrics import board as boards
from pixelpair.metrics.figures import GAUGES

from .conftest import NOW, PIXEL, twin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelpair.metrics.board import Board

    from .conftest import Make

OTHER = "777"


@pytest.fixture
def outbox(spool: Path) -> Iterator[SqliteOutbox]:
    made = SqliteOutbox(spool / "outbox.sqlite3", lambda: NOW)
    yield made
    made.close()


def look(board: Board) -> dict[str, float]:
    return {
        name.removeprefix("pixelpair_") + (f" {label}" if label else ""): value
        for name, label, value in board.levels(board.host())
    }


NOTHING = {
    "sender_running": 0.0,
    "journal_unread_bytes": 0.0,
    "oldest_event_age_seconds": 0.0,
    "events_queued": 0.0,
    "dead_letters": 0.0,
    f"breaker_open {PIXEL}": 0.0,
    f"breaker_held {PIXEL}": 0.0,
    "outbox_readable": 1.0,
}
BY_PIXEL = {f"pixel_events_queued {PIXEL}": 0.0, f"pixel_dead_letters {PIXEL}": 0.0}


def test_a_spool_with_nothing_in_it(make: Make, spool: Path) -> None:
    assert look(make()) == NOTHING
    assert list(spool.iterdir()) == []


def test_what_the_outbox_holds(make: Make, outbox: SqliteOutbox) -> None:
    outbox.put_many([twin(1, ago=50), twin(2), twin(3, pixel=OTHER), twin(4)])
    (row,) = outbox.claim(1, NOW)
    outbox.settle([(row.key, Dead("never"))], NOW)
    outbox.note(OTHER, Trouble(OTHER, "190: no token", NOW, held=True))
    assert look(make(SqliteOutbox(outbox.path, lambda: NOW, mends=False))) == NOTHING | {
        "events_queued": 3.0,
        "dead_letters": 1.0,
        f"pixel_events_queued {PIXEL}": 2.0,
        f"pixel_events_queued {OTHER}": 1.0,
        f"pixel_dead_letters {PIXEL}": 1.0,
        f"pixel_dead_letters {OTHER}": 0.0,
        f"breaker_open {OTHER}": 1.0,
        f"breaker_held {OTHER}": 1.0,
    }


def test_what_waits_in_the_outbox_ages(make: Make, outbox: SqliteOutbox) -> None:
    outbox.put_many([twin(1, ago=50)])
    outbox.note(PIXEL, Trouble(PIXEL, "2: down", NOW))
    found = look(make(outbox))
    assert found["oldest_event_age_seconds"] == 50.0
    assert (found[f"breaker_open {PIXEL}"], found[f"breaker_held {PIXEL}"]) == (1.0, 0.0)


def test_what_only_journals_hold(make: Make, outbox: SqliteOutbox, spool: Path) -> None:
    """Where nobody sends, nothing is in the outbox, and all the same the oldest event is told."""
    journal = Journal(spool)
    for number, ago in enumerate((10, 300, 20)):
        journal.append(twin(number, ago=ago).pack())
    assert journal.path is not None
    size = journal.path.stat().st_size
    found = look(make())
    assert (found["journal_unread_bytes"], found["oldest_event_age_seconds"]) == (size, 10.0)
    outbox.put_many([], journal.path.name, size)
    found = look(make(outbox))
    assert (found["journal_unread_bytes"], found["oldest_event_age_seconds"]) == (0.0, 0.0)
    journal.close()


@pytest.mark.parametrize("damage", [b"", b"\xf5\xfaPX", b"nonsense" * 20])
def test_journal_without_an_event_to_be_seen(make: Make, spool: Path, damage: bytes) -> None:
    (spool / "journal-1-aa.pxj").write_bytes(damage)
    found = look(make())
    assert found == NOTHING | {"journal_unread_bytes": float(len(damage))}


def test_sender_is_told(make: Make, spool: Path) -> None:
    lock = Lock(spool / LOCK_FILE)
    assert lock.acquire()
    assert look(make())["sender_running"] == 1.0
    lock.close()
    assert look(make())["sender_running"] == 0.0


def test_outbox_that_cannot_be_read_is_told(make: Make, spool: Path) -> None:
    class Broken:
        def stats(self) -> None:
            raise RuntimeError

        def close(self) -> None: ...

    assert look(make(Broken())) == {"sender_running": 0.0, "outbox_readable": 0.0}


def test_clock_is_told_once_it_was_compared(make: Make) -> None:
    board = make()
    board.meters.tell("clock_skew", -75.0)
    assert look(board)["clock_skew_seconds"] == -75.0


def test_more_than_can_be_counted_quickly_is_told_as_a_whole_only(
    make: Make, outbox: SqliteOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "COUNTED_BY_PIXEL", 2)
    outbox.put_many([twin(number) for number in range(3)])
    found = look(make(outbox))
    assert found["events_queued"] == 3.0
    assert not found.keys() & BY_PIXEL.keys()


def test_every_level_is_a_figure(make: Make, outbox: SqliteOutbox) -> None:
    outbox.put_many([twin(1)])
    numbers = Numbers()
    numbers.tell("clock_skew", 1.0, 0.0)
    figures = {figure.name: figure.label for figure in GAUGES}
    told = make(outbox).levels(numbers)
    assert [name for name, label, _ in told if bool(figures[name]) is not bool(label)] == []
    assert figures.keys() - {name for name, _, _ in told} <= {"pixelpair_events_in_flight"}
