"""The file of the embedded outbox: its tables in every version, how it is opened, what it holds."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pixelpair.delivery import identities, ledger, locks, survey

if TYPE_CHECKING:
    from pathlib import Path

BUSY_MS: Final = 5000
# SQLITE_CORRUPT and SQLITE_NOTADB: https://www.sqlite.org/rescode.html
BROKEN: Final = frozenset({11, 26})

VERSION: Final = 7
# State has a row only for events that were tried and must wait, so a delivery that goes well is
# one insert and one delete of the body.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (
    key INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, pixel TEXT NOT NULL,
    name TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, lasting INTEGER NOT NULL,
    body BLOB NOT NULL, consent TEXT NOT NULL DEFAULT '', met INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS event_pixel ON event (pixel);
CREATE TABLE IF NOT EXISTS state (
    key INTEGER PRIMARY KEY, due REAL NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS dead (
    key INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, pixel TEXT NOT NULL,
    name TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, lasting INTEGER NOT NULL,
    body BLOB NOT NULL, fault TEXT, reason TEXT NOT NULL, died REAL NOT NULL,
    consent TEXT NOT NULL DEFAULT '', met INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS withdrawn (
    pixel TEXT NOT NULL, fbp BLOB NOT NULL, time INTEGER NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (pixel, fbp)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (source TEXT PRIMARY KEY, offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES ('delivered', 0), ('queued', 0), ('withdrawn', 0);
"""
# Of versions 2 and 6; a file of an older one gets them, as often as an older process gives it back
# its number.
ADDED: Final = {"consent": "TEXT NOT NULL DEFAULT ''", "met": "INTEGER NOT NULL DEFAULT 0"}


def is_broken(error: sqlite3.Error) -> bool:
    """Whether the file is damaged, and not only busy or full."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in BROKEN


def connect(path: Path) -> sqlite3.Connection:
    """The outbox's file, made private and given its tables if it is new."""
    path.parent.mkdir(mode=locks.PRIVATE_FOLDER, parents=True, exist_ok=True)
    # SQLite gives the -wal and -shm files the mode of the database. One that is there already is
    # not opened: closing it would end the locks of another connection of this process.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, locks.PRIVATE_FILE))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("PRAGMA user_version").fetchone() < (VERSION,):
            _bring_up_to_date(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _bring_up_to_date(db: sqlite3.Connection) -> None:
    """Make the tables that are missing, and what they had not in an older version."""
    db.execute("BEGIN IMMEDIATE")
    for statement in (SCHEMA + identities.SCHEMA + survey.SCHEMA + ledger.SCHEMA).split(";"):
        db.execute(statement)
    for table in ("event", "dead"):
        there = {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")}
        for name, kind in ADDED.items():
            if name not in there:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def bytes_used(db: sqlite3.Connection) -> int:
    """What the file holds, without the pages that were freed: the file itself never shrinks."""
    size, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))
