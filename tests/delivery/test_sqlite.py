"""What only the SQLite outbox promises: its file, its modes, and life after damage."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.events import Withdrawal
from pixelpair.delivery import identities, schema, sqlite
from pixelpair.delivery.outbox import REMEMBER, Room, Row, Stats, digest
from pixelpair.delivery.retry import Delivered, Hold, RetryAt
from pixelpair.delivery.sqlite import SqliteOutbox

from .conftest import NOW, Clock, make_twin
from .scripts import run

if TYPE_CHECKING:
    from pathlib import Path

    from pixelpair.core.events import Twin


def test_gives_back_what_a_dead_process_had_claimed(tmp_path: Path, clock: Clock) -> None:
    first = SqliteOutbox(tmp_path / "o", clock)
    first.put_many([make_twin(1), make_twin(2)], "j", 10)
    assert len(first.claim(9, NOW)) == 2
    second = SqliteOutbox(tmp_path / "o", clock)
    assert [row.twin.event_id for row in second.claim(9, NOW)] == ["id-1", "id-2"]
    assert second.offset("j") == 10
    first.close()
    second.close()


@pytest.mark.parametrize("umask", [0, 0o022])
def test_files_are_their_owners_alone(tmp_path: Path, clock: Clock, umask: int) -> None:
    mask = os.umask(umask)
    try:
        box = SqliteOutbox(tmp_path / "spool" / "o", clock)
        box.put_many([make_twin(1)])
    finally:
        os.umask(mask)
    modes = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in (tmp_path / "spool").iterdir()}
    assert modes == {"o": "0o600", "o-wal": "0o600", "o-shm": "0o600"}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    box.close()


def filled(path: Path, clock: Clock, **options: int) -> SqliteOutbox:
    """Of 200 KB of dead letters and as much that is queued."""
    box = SqliteOutbox(path, clock, **options)
    box.put_many([make_twin(f"d{n}", fault="f", text="x" * 900) for n in range(200)])
    box.put_many([make_twin(n, text="x" * 900) for n in range(200)])
    return box


def test_where_it_is_full_the_oldest_dead_letters_go_and_the_rest_must_wait(
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sqlite, "PORTION", 50)
    monkeypatch.setattr(sqlite, "ALWAYS_ROOM", 100)
    box = filled(tmp_path / "o", clock, limit=200_000)
    seen = [(box.make_room(), [x.twin.event_id for x in box.dead(1000)][-1:]) for _ in range(5)]
    less, none = Room(False, 50), Room(False)
    assert seen == [*[(less, [f"id-d{n}"]) for n in (50, 100, 150)], (less, []), (none, [])]
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == (
        f"the outbox {tmp_path / 'o'} holds half of what PIXELPAIR_SPOOL_LIMIT allows:"
        " its oldest dead letters are deleted; how many more go is counted only"
    )
    box.settle([(row.key, Delivered()) for row in box.claim(120, NOW)], NOW)
    assert box.make_room() == Room()
    box.close()


def test_pages_that_were_freed_are_room(tmp_path: Path, clock: Clock) -> None:
    box = filled(tmp_path / "o", clock, limit=400_000)
    assert schema.bytes_used(box._db) > 400_000
    box.settle([(row.key, Delivered()) for row in box.claim(999, NOW)], NOW)
    assert box.make_room() == Room()
    assert box.stats().dead == 200
    box.close()


def test_a_full_outbox_never_stops_what_little_is_queued(tmp_path: Path, clock: Clock) -> None:
    """Else what is remembered of deliveries could end them for ever."""
    box = SqliteOutbox(tmp_path / "o", clock, limit=1)
    assert box.make_room() == Room()
    box.put_many([make_twin(1)])
    assert box.make_room() == Room()
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
    monkeypatch.setattr(schema, "BUSY_MS", 0)
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


# The tables as version 1 made them.
VERSION_1 = """
CREATE TABLE event (
    key INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, pixel TEXT NOT NULL,
    name TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, lasting INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE state (
    key INTEGER PRIMARY KEY, due REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE seen (digest BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);
CREATE TABLE dead (
    key INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, pixel TEXT NOT NULL,
    name TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, lasting INTEGER NOT NULL,
    body BLOB NOT NULL, fault TEXT, reason TEXT NOT NULL, died REAL NOT NULL);
CREATE TABLE journal (source TEXT PRIMARY KEY, offset INTEGER NOT NULL);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO counter VALUES ('delivered', 7), ('queued', 2);
INSERT INTO journal VALUES ('j', 90);
PRAGMA user_version = 1;
"""


def file_of_version_1(path: Path) -> list[Twin]:
    """Two events that wait, the second after 3 tries, and a dead letter."""
    twins = [make_twin(n, lasting=n == 2) for n in (1, 2, 3)]
    cells = [
        (digest(t), t.pixel_id, t.event_name, t.event_id, t.event_time, t.lasting, t.body)
        for t in twins
    ]
    columns = "digest, pixel, name, id, time, lasting, body"
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1)
        queue = f"INSERT INTO event ({columns}) VALUES (?,?,?,?,?,?,?)"
        db.executemany(queue, cells[:2])
        db.executemany("INSERT INTO seen VALUES (?, 9e15)", [cell[:1] for cell in cells[:2]])
        db.execute("INSERT INTO state VALUES (2, ?, 3)", (NOW + 5,))
        dead = f"INSERT INTO dead ({columns}, reason, died) VALUES (?,?,?,?,?,?,?,'why',{NOW})"
        db.execute(dead, cells[2])
    db.close()
    return twins


def tables_of(path: Path) -> dict[str, set[str]]:
    with sqlite3.connect(path) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE sql > ''")]
        found = {
            name: {f"{row[1:]}" for row in db.execute(f"PRAGMA table_info({name})")}
            for name in names
        }
        found["version"] = {str(row) for row in db.execute("PRAGMA user_version")}
    db.close()
    return found


def test_brings_a_file_of_version_1_up_to_date(tmp_path: Path, clock: Clock) -> None:
    first, second, third = file_of_version_1(tmp_path / "o")
    box = SqliteOutbox(tmp_path / "o", clock)
    assert box.stats() == Stats(queued=2, dead=1, delivered=7, oldest=NOW)
    assert [letter.twin for letter in box.dead()] == [third]
    assert [(row.twin, row.attempts) for row in box.claim(9, NOW)] == [(first, 0)]
    assert [(row.twin, row.attempts) for row in box.claim(9, NOW + 5)] == [(second, 3)]
    agreed = make_twin(4, consent="granted")
    assert box.put_many([first, agreed, Withdrawal("111", "fb.1.1.1", NOW)], "j", 95) == 1
    assert [row.twin for row in box.claim(9, NOW)] == [agreed]
    box.close()
    SqliteOutbox(tmp_path / "new", clock).close()
    assert tables_of(tmp_path / "o") == tables_of(tmp_path / "new")


def test_a_file_that_an_older_process_used_in_between_opens_again(
    tmp_path: Path, clock: Clock
) -> None:
    """In a rolling deployment: version 1 gives the file its own number back."""
    SqliteOutbox(tmp_path / "o", clock).close()
    with sqlite3.connect(tmp_path / "o") as db:
        db.execute("PRAGMA user_version = 1")
    db.close()
    box = SqliteOutbox(tmp_path / "o", clock)
    assert box.put_many([make_twin(1)]) == 1
    box.close()


def test_a_verdict_on_a_withdrawn_event_leaves_nothing_behind(tmp_path: Path, clock: Clock) -> None:
    box = SqliteOutbox(tmp_path / "o", clock)
    box.put_many([make_twin(1, fbp="fb.1.1.1")])
    (row,) = box.claim(9, NOW)
    box.put_many([Withdrawal("111", "fb.1.1.1", NOW)])
    box.settle([(row.key, RetryAt(NOW + 9, "x", True))], NOW)
    with sqlite3.connect(tmp_path / "o") as db:
        assert db.execute("SELECT * FROM state").fetchall() == []
    db.close()
    box.close()


def test_looking_into_an_outbox_waits_for_no_writer(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_MS", 0)
    box = SqliteOutbox(tmp_path / "o", clock)
    box.put_many([make_twin(1)])
    with box._transaction():
        reader = SqliteOutbox(tmp_path / "o", clock)
        assert reader.stats() == Stats(queued=1, oldest=NOW)
        reader.close()
    box.close()


LOOK = """
box = SqliteOutbox(spool / "o")
print(box.stats().queued)
box.close()
"""


@pytest.mark.parametrize("act", ["sync", "open"])
def test_who_looks_in_from_outside_does_not_cut_the_sender_off(
    tmp_path: Path, clock: Clock, act: str
) -> None:
    """Seen: to close a descriptor of the file ends all locks that its process has on it. The next
    process that closed the outbox took itself for the last and removed the log, and what the
    sender wrote from then on was nowhere (https://www.sqlite.org/howtocorrupt.html, 2.2)."""
    box = SqliteOutbox(tmp_path / "o", clock)
    box.put_many([make_twin(1)])
    if act == "sync":
        box.sync()
    else:
        SqliteOutbox(tmp_path / "o", clock).close()
    assert run(LOOK, tmp_path)[0] == "1\n"
    box.put_many([make_twin(2)])
    assert run(LOOK, tmp_path)[0] == "2\n"
    box.close()


def test_what_passed_it_is_known_after_it_was_opened_anew(tmp_path: Path, clock: Clock) -> None:
    rows = [Row(digest(twin), twin) for twin in map(make_twin, range(3))]
    for row in rows:
        box = SqliteOutbox(tmp_path / "o", clock)
        box.settle_new([row], [], NOW)
        box.close()
    box = SqliteOutbox(tmp_path / "o", clock)
    twins, digests = [row.twin for row in rows], [digest(row.twin) for row in rows]
    assert box.known(twins, digests) == set(digests)
    assert box.put_many(twins) == 0
    assert box.known(twins, digests) == set(digests)
    box.close()


def test_what_passed_it_is_known_however_much_it_is(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "MERGE_AT", 5)
    box = SqliteOutbox(tmp_path / "o", clock)
    twins = [make_twin(n) for n in range(20)]
    for start in range(0, 20, 2):
        box.settle_new([Row(digest(t), t) for t in twins[start : start + 2]], [], NOW)
    assert box.known(twins, [digest(t) for t in twins]) == {digest(t) for t in twins}
    (waiting,) = box._db.execute("SELECT count(*) FROM fresh").fetchone()
    assert waiting <= 3
    clock.now = NOW + REMEMBER
    assert box.put_many(twins) == 20
    box.close()
