"""What only the SQLite outbox promises: its file, its modes, and life after damage."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import tables
from pixelpair.delivery.outbox import Stats
from pixelpair.delivery.retry import Delivered, Hold
from pixelpair.delivery.sqlite import SqliteOutbox

from .conftest import NOW, Clock, make_twin

if TYPE_CHECKING:
    from pathlib import Path


def test_gives_back_what_a_dead_process_had_claimed(tmp_path: Path, clock: Clock) -> None:
    first = SqliteOutbox(tmp_path / "o", clock)
    first.put_many([make_twin(1), make_twin(2)], "j", 10)
    assert len(first.claim(9, NOW)) == 2
    second = SqliteOutbox(tmp_path / "o", clock)
    assert [row.twin.event_id for row in second.claim(9, NOW)] == ["id-1", "id-2"]
    assert second.offset("j") == 10
    first.close()
    second.close()


def test_files_are_their_owners_alone(tmp_path: Path, clock: Clock) -> None:
    mask = os.umask(0)
    try:
        box = SqliteOutbox(tmp_path / "spool" / "o", clock)
        box.put_many([make_twin(1)])
    finally:
        os.umask(mask)
    modes = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in (tmp_path / "spool").iterdir()}
    assert modes == {"o": "0o600", "o-wal": "0o600", "o-shm": "0o600"}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    box.close()


def test_an_offset_is_kept_or_lost_with_its_events(tmp_path: Path, clock: Clock) -> None:
    box = SqliteOutbox(tmp_path / "o", clock)
    with pytest.raises(AttributeError):
        box.put_many([make_twin(1), None], "j", 50)  # type: ignore[list-item]
    assert (box.stats(), box.offset("j")) == (Stats(), 0)
    assert box.put_many([make_twin(1)], "j", 50) == 1
    box.close()


@pytest.mark.parametrize(
    "junk", [b"not a database, surely" * 500, b"SQLite format 3\0" + b"x" * 9000]
)
def test_sets_a_corrupt_file_aside_and_goes_on(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, junk: bytes
) -> None:
    path = tmp_path / "o"
    path.write_bytes(junk)
    box = SqliteOutbox(path, clock)
    assert box.put_many([make_twin(1)]) == 1
    assert (tmp_path / f"o.corrupt-{NOW}").read_bytes() == junk
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    box.close()


def test_a_file_that_breaks_in_use_is_set_aside_too(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "o"
    box = SqliteOutbox(path, clock)
    box.put_many([make_twin(n, text="x" * 900) for n in range(200)])
    box.claim(5, NOW)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    assert box.put_many([make_twin("new")], "j", 5) == 1
    assert [row.twin.event_id for row in box.claim(9, NOW)] == ["id-new"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    box.close()


def test_forgets_identities_when_their_time_is_over(tmp_path: Path, clock: Clock) -> None:
    box = SqliteOutbox(tmp_path / "o", clock)
    box.put_many([make_twin(1)])
    box.settle([(row.key, Delivered()) for row in box.claim(9, NOW)], NOW)
    clock.now += 4000
    box.put_many([make_twin(2)])
    with sqlite3.connect(tmp_path / "o") as other:
        assert other.execute("SELECT count(*) FROM seen").fetchall() == [(1,)]
    other.close()
    box.close()


def test_syncs_its_files(tmp_path: Path, clock: Clock) -> None:
    box = SqliteOutbox(tmp_path / "o", clock)
    box.put_many([make_twin(1)])
    box.sync()
    box.close()
    box.sync()


def test_a_verdict_that_cannot_be_written_is_written_before_the_next_claim(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BUSY_MS", 0)
    box = SqliteOutbox(tmp_path / "o", clock)
    box.put_many([make_twin(n) for n in range(3)])
    rows = box.claim(9, NOW)
    other = sqlite3.connect(tmp_path / "o", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError):
        box.settle([(rows[0].key, Delivered()), (rows[1].key, Hold(NOW, "x"))], NOW)
    other.execute("ROLLBACK")
    other.close()
    assert [row.twin.event_id for row in box.claim(9, NOW)] == ["id-1"]
    assert box.stats() == Stats(queued=2, delivered=1, oldest=NOW)
    box.close()


def test_looking_into_an_outbox_waits_for_no_writer(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BUSY_MS", 0)
    box = SqliteOutbox(tmp_path / "o", clock)
    box.put_many([make_twin(1)])
    with box._transaction():
        reader = SqliteOutbox(tmp_path / "o", clock)
        assert reader.stats() == Stats(queued=1, oldest=NOW)
        reader.close()
    box.close()
