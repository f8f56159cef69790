"""What may wait in memory and in the journals: bounds that hold, and who goes first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.delivery import bounds, intake, sqlite
from pixelpair.delivery import journal as journals
from pixelpair.delivery.bounds import Full, Ring, make_room
from pixelpair.delivery.frames import frame
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.sqlite import SqliteOutbox

from .conftest import make_twin
from .sink import Answer, Sink, accepted

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Build, Clock

FULL = st.sampled_from(["drop_newest", "drop_oldest"])
STEPS = st.lists(st.one_of(st.binary(max_size=12), st.integers(0, 3)), max_size=30)


@given(STEPS, st.integers(0, 5), st.integers(0, 30), FULL)
def test_ring_keeps_its_bounds_and_its_order(
    steps: list[bytes | int], rows: int, size: int, full: Full
) -> None:
    """Against a list that is rebuilt at each step."""
    ring, model = Ring(full), list[bytes]()
    for step in steps:
        if isinstance(step, int):
            found = ring.take_many(step, 15)
            assert found == model[: len(found)]
            assert len(found) <= step
            assert sum(map(len, found)) <= 15
            del model[: len(found)]
            continue
        gone, before = ring.put(step, rows, size), len(model)
        model.append(step)
        while len(model) > rows or sum(map(len, model)) > size:
            del model[-1 if full == "drop_newest" else 0]
        assert gone == before + 1 - len(model)
        assert len(ring) == len(model)
    assert ring.take_many(99, 999) == model


def test_ring_that_follows_another_counts_its_bytes() -> None:
    first, second = Ring("drop_newest"), Ring("drop_newest")
    first.put(b"one", 9, 99)
    second.put(b"two", 9, 99)
    first.follow(second)
    assert first.put(b"three", 9, 10) == 1
    assert first.take_many(9, 99) == [b"one", b"two"]


def journal(spool: Path, number: int, *records: bytes) -> Path:
    """One that nobody writes to any more; the higher its number, the younger."""
    path = spool / f"journal-1-{number}.pxj"
    path.write_bytes(b"".join(map(frame, records)))
    os.utime(path, (number, number))
    return path


def names(spool: Path) -> list[str]:
    return sorted(path.name for path in spool.iterdir())


@pytest.mark.parametrize("full", ["drop_newest", "drop_oldest"])
def test_below_the_limit_nothing_goes(tmp_path: Path, full: Full) -> None:
    journal(tmp_path, 1, b"x" * 88)
    assert make_room(tmp_path, 101, full) == (True, 0)
    assert len(names(tmp_path)) == 1


def test_at_the_limit_the_newest_find_no_room(tmp_path: Path) -> None:
    journal(tmp_path, 1, b"x" * 88)
    assert make_room(tmp_path, 100, "drop_newest") == (False, 0)
    assert len(names(tmp_path)) == 1


def test_at_the_limit_the_oldest_go_until_there_is_room(tmp_path: Path) -> None:
    for number in (3, 1, 2, 4):
        journal(tmp_path, number, *[b"x" * 38] * number)
    (tmp_path / "outbox.sqlite3").write_bytes(bytes(1000))
    assert make_room(tmp_path, 400, "drop_oldest") == (True, 3)
    assert names(tmp_path) == ["journal-1-3.pxj", "journal-1-4.pxj", "outbox.sqlite3"]


def test_a_journal_in_use_stays_however_old_it_is(tmp_path: Path) -> None:
    living = Journal(tmp_path)
    living.append(b"x" * 88)
    assert living.path is not None
    os.utime(living.path, (0, 0))
    journal(tmp_path, 1, b"x" * 88)
    assert make_room(tmp_path, 50, "drop_oldest") == (False, 1)
    assert names(tmp_path) == [living.path.name]


def test_counts_frames_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for piece in range(1, 20):
        monkeypatch.setattr(bounds, "_PIECE", piece)
        journal(tmp_path, 1, b"one", b"", b"three")
        assert make_room(tmp_path, 1, "drop_oldest") == (True, 3)


def test_a_journal_that_goes_meanwhile_makes_room_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal(tmp_path, 1, b"x")
    monkeypatch.setattr(
        bounds, "_journals", lambda spool: [bounds._Found(1, 500, spool / "journal-1-0.pxj")]
    )
    assert make_room(tmp_path, 100, "drop_oldest") == (True, 0)


@pytest.mark.parametrize("full", ["drop_newest", "drop_oldest"])
def test_an_outage_beyond_the_limit_costs_what_is_counted_and_no_more(
    spool: Path,
    build: Build,
    sink: Sink,
    clock: Clock,
    full: Full,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journals, "ROTATE_AT", 5000)
    monkeypatch.setattr(journals, "REST", 0.0)
    monkeypatch.setattr(sqlite, "ALWAYS_ROOM", 10)
    monkeypatch.setattr(intake, "ASK_EVERY", 0.0)
    sink.answer = lambda events: Answer(500)
    worker, _ = build()
    worker._leader._outbox_factory = lambda: SqliteOutbox(spool / "o", clock, limit=170_000)
    journal = worker._leader.journal = Journal(spool, limit=60_000, full=full, memory_rows=20)
    numbers = [f"{n:03}" for n in range(300)]
    for number in numbers:
        journal.append(make_twin(number, text="x" * 900).pack())
        worker.step()
    size = sum(path.stat().st_size for path in spool.glob("*.pxj"))
    assert 60_000 <= size < 60_000 + 2 * 5000
    assert (spool / "o").stat().st_size < 190_000
    sink.answer = accepted
    for _ in range(50):
        clock.now += 3600
        worker.step()
    kept = [number for number in numbers if f"id-{number}" in sink.ids]
    lost = len(numbers) - len(kept)
    # Of a journal that was deleted some had been read already.
    assert 0 < lost <= journal.dropped <= lost + (5 if full == "drop_oldest" else 0)
    # The oldest are safe in the outbox either way.
    assert kept[:50] == numbers[:50]
    assert (kept[-1] == numbers[-1]) is (full == "drop_oldest")
