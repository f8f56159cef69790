"""The tables of the embedded outbox, and the statements that change them.

Knows SQL and what a queued, a delivered and a dead event are; transactions are the outbox's.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Twin
from pixelpair.delivery import locks
from pixelpair.delivery.outbox import digest, remember_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pixelpair.delivery.outbox import Key

BUSY_MS: Final = 5000
# An identity that is queued is remembered until its verdict.
ALWAYS: Final = 9e15
# SQLITE_CORRUPT and SQLITE_NOTADB: https://www.sqlite.org/rescode.html
BROKEN: Final = frozenset({11, 26})

VERSION: Final = 1
# State has a row only for events that were tried and must wait, so a delivery that goes well is
# one insert and one delete of the body. `seen` holds the identity of what is queued or was
# delivered lately.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (
    key INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, pixel TEXT NOT NULL,
    name TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, lasting INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS state (
    key INTEGER PRIMARY KEY, due REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS seen (digest BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_until ON seen (until);
CREATE TABLE IF NOT EXISTS dead (
    key INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, pixel TEXT NOT NULL,
    name TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, lasting INTEGER NOT NULL,
    body BLOB NOT NULL, fault TEXT, reason TEXT NOT NULL, died REAL NOT NULL);
CREATE TABLE IF NOT EXISTS journal (source TEXT PRIMARY KEY, offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES ('delivered', 0), ('queued', 0);
"""
COLUMNS: Final = "digest, pixel, name, id, time, lasting, body"


def is_broken(error: sqlite3.Error) -> bool:
    """Whether the file is damaged, and not only busy or full."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in BROKEN


def connect(path: Path) -> sqlite3.Connection:
    """The outbox's file, made private and given its tables if it is new."""
    path.parent.mkdir(mode=locks.PRIVATE_FOLDER, parents=True, exist_ok=True)
    # SQLite gives the -wal and -shm files the mode of the database.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, locks.PRIVATE_FILE))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("PRAGMA user_version").fetchone() != (VERSION,):
            db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    except sqlite3.Error:
        db.close()
        raise
    return db


def put_all(db: sqlite3.Connection, twins: Iterable[Twin], now: float) -> int:
    """Insert the events that are new, faulty ones as dead letters; gives how many."""
    queued = buried = 0
    for twin in twins:
        if twin.fault is None:
            queued += _put(db, twin, now)
        else:
            buried += _put_faulty(db, twin, twin.fault, now)
    _count(db, "queued", queued)
    return queued + buried


def _put(db: sqlite3.Connection, twin: Twin, now: float) -> int:
    known = digest(twin)
    fresh = db.execute(
        "INSERT INTO seen VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until = ?2 WHERE until <= ?3",
        (known, ALWAYS, now),
    ).rowcount
    if fresh:
        db.execute(f"INSERT INTO event ({COLUMNS}) VALUES (?,?,?,?,?,?,?)", _cells(twin, known))  # noqa: S608
    return fresh


def _put_faulty(db: sqlite3.Connection, twin: Twin, fault: str, now: float) -> int:
    known = digest(twin)
    alive = "SELECT 1 FROM seen WHERE digest = ? AND until > ?"
    if db.execute(alive, (known, now)).fetchone():
        return 0
    replaced = db.execute("DELETE FROM dead WHERE digest = ?", (known,)).rowcount
    db.execute(
        f"INSERT INTO dead ({COLUMNS}, fault, reason, died) VALUES (?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (*_cells(twin, known), fault, fault, now),
    )
    return 1 - replaced


def _cells(twin: Twin, known: bytes) -> tuple[object, ...]:
    names = (twin.pixel_id, twin.event_name, twin.event_id)
    return (known, *names, twin.event_time, int(twin.lasting), twin.body)


def deliver(db: sqlite3.Connection, keys: list[tuple[Key]], now: float) -> None:
    """Drop what Meta has, and remember its identity for a while."""
    db.executemany(
        "UPDATE seen SET until = CASE (SELECT lasting FROM event WHERE key = ?1)"
        " WHEN 1 THEN ?2 ELSE ?3 END WHERE digest = (SELECT digest FROM event WHERE key = ?1)",
        [(key, now + remember_for(True), now + remember_for(False)) for (key,) in keys],
    )
    _count(db, "delivered", _drop(db, keys))


def bury(db: sqlite3.Connection, deaths: list[tuple[str, float, Key]]) -> None:
    """Make dead letters of events, each with (reason, since when, key)."""
    keys = [(key,) for _, _, key in deaths]
    db.executemany("DELETE FROM seen WHERE digest = (SELECT digest FROM event WHERE key=?)", keys)
    db.executemany(
        f"INSERT OR REPLACE INTO dead ({COLUMNS}, reason, died)"  # noqa: S608
        f" SELECT {COLUMNS}, ?, ? FROM event WHERE key = ?",
        deaths,
    )
    _drop(db, keys)


def postpone(db: sqlite3.Connection, retried: list[tuple[Key, float, int]]) -> None:
    """Note when events are due again, and whether their try counts."""
    db.executemany(
        "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
        " SET due = excluded.due, attempts = attempts + excluded.attempts",
        retried,
    )


def _drop(db: sqlite3.Connection, keys: list[tuple[Key]]) -> int:
    db.executemany("DELETE FROM state WHERE key = ?", keys)
    gone = max(0, db.executemany("DELETE FROM event WHERE key = ?", keys).rowcount)
    _count(db, "queued", -gone)
    return gone


def _count(db: sqlite3.Connection, name: str, change: int) -> None:
    # Counted as it changes: to count a million fat rows means to read them.
    if change:
        db.execute("UPDATE counter SET value = value + ? WHERE name = ?", (change, name))


def chosen_dead(db: sqlite3.Connection, keys: Iterable[Key] | None, where: str) -> list[Key]:
    """The dead letters of these keys (None: all) that `where` allows."""
    wanted = None if keys is None else set(keys)
    found = db.execute(f"SELECT key FROM dead WHERE {where} ORDER BY key")  # noqa: S608
    return [key for (key,) in found if wanted is None or key in wanted]


def take_dead(db: sqlite3.Connection, keys: list[Key]) -> list[Twin]:
    """Delete dead letters and give what they were."""
    twins = [
        Twin(pixel, name, id_, at, body, bool(lasting))
        for key in keys
        for pixel, name, id_, at, body, lasting in db.execute(
            "SELECT pixel, name, id, time, body, lasting FROM dead WHERE key = ?", (key,)
        )
    ]
    drop_dead(db, keys)
    return twins


def drop_dead(db: sqlite3.Connection, keys: list[Key]) -> None:
    """Delete dead letters unread."""
    db.executemany("DELETE FROM dead WHERE key = ?", [(key,) for key in keys])
