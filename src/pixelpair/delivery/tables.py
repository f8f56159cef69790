"""The tables of the embedded outbox, and the statements that change them.

Knows SQL and what a queued, a delivered and a dead event are; transactions are the outbox's.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from contextlib import suppress
from itertools import compress
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery import identities, ledger, locks, survey, withdrawals
from pixelpair.delivery.identities import (
    ALWAYS,
    forget,
    forget_later,
    note_fresh,
    remember,
)
from pixelpair.delivery.ledger import DEAD, DELIVERED, PURCHASE, WAITING, WITHDRAWN
from pixelpair.delivery.outbox import digest, remember_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pixelpair.delivery.ledger import State
    from pixelpair.delivery.outbox import Key, Row

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
COLUMNS: Final = "digest, pixel, name, id, time, lasting, body, consent, met"
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


def merge(db: sqlite3.Connection) -> None:
    """Put in their tables what express deliveries have left beside them."""
    identities.merge(db)
    ledger.enter_sold(db)


def put_all(db: sqlite3.Connection, records: Iterable[Twin | Withdrawal], now: float) -> int:
    """Insert the events that are new, faulty ones as dead letters; gives how many.

    Withdrawals come first: they go for the events before them and behind them alike.
    """
    records = list(records)
    if records:
        merge(db)
    forget(db, now)
    withdraw(db, [record for record in records if isinstance(record, Withdrawal)], now)
    ended = withdrawals.known(db, now)
    queued = buried = forgone = 0
    bought: list[tuple[bytes, Twin, State]] = []
    for twin in records:
        if isinstance(twin, Withdrawal):
            continue
        if ended and withdrawals.ended(db, twin, now):
            until = now + remember_for(twin.lasting)
            state, new = WITHDRAWN, remember(db, digest(twin), until, now)
            forgone += new
        elif twin.fault is None:
            state, new = WAITING, _put(db, twin, now)
            queued += new
        else:
            state, new = DEAD, _put_faulty(db, twin, twin.fault, now)
            buried += new
        if new and twin.event_name == PURCHASE:
            bought.append((digest(twin), twin, state))
    ledger.book(db, bought)
    _count(db, "queued", queued)
    _count(db, "withdrawn", forgone)
    return queued + buried


def _put(db: sqlite3.Connection, twin: Twin, now: float) -> int:
    known = digest(twin)
    return int(remember(db, known, ALWAYS, now) and _insert(db, twin, known) is not None)


def _insert(db: sqlite3.Connection, twin: Twin, known: Key) -> int | None:
    insert = f"INSERT INTO event ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)"  # noqa: S608
    return db.execute(insert, _cells(twin, known)).lastrowid


def put_new(db: sqlite3.Connection, rows: Sequence[Row], now: float) -> list[int | None]:
    """Insert events that were tried already, whose keys are their identities; gives the keys that
    they have from here on, None for what is known."""
    if rows:
        merge(db)
    keys = [
        _insert(db, twin, known) if remember(db, known, ALWAYS, now) else None
        for known, twin, _ in rows
    ]
    _count(db, "queued", sum(key is not None for key in keys))
    new = [row for row, key in zip(rows, keys, strict=True) if key is not None]
    ledger.book(db, _bought(new, WAITING))
    return keys


def _bought(rows: Sequence[Row], state: State) -> list[tuple[bytes, Twin, State]]:
    """The Purchases among rows whose keys are their identities."""
    return [
        (row.key, row.twin, state)
        for row in rows
        if row.twin.event_name == PURCHASE and isinstance(row.key, bytes)
    ]


def _put_faulty(db: sqlite3.Connection, twin: Twin, fault: str, now: float) -> int:
    known = digest(twin)
    alive = "SELECT 1 FROM seen WHERE digest = ? AND until > ?"
    if db.execute(alive, (known, now)).fetchone():
        return 0
    replaced = db.execute("DELETE FROM dead WHERE digest = ?", (known,)).rowcount
    db.execute(
        f"INSERT INTO dead ({COLUMNS}, fault, reason, died) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (*_cells(twin, known), fault, fault, now),
    )
    return 1 - replaced


def _cells(twin: Twin, known: Key) -> tuple[object, ...]:
    names = (twin.pixel_id, twin.event_name, twin.event_id)
    told = (twin.body, twin.consent, twin.met)
    return (known, *names, twin.event_time, int(twin.lasting), *told)


def deliver(db: sqlite3.Connection, keys: list[tuple[Key]], now: float) -> None:
    """Drop what Meta has, and remember its identity for a while."""
    sent: Counter[tuple[str, str]] = Counter()
    _count(db, "delivered", _drop_and_remember(db, keys, now, DELIVERED, sent))
    survey.count_sent(db, sent)


def deliver_new(db: sqlite3.Connection, sent: Sequence[Row], now: float) -> None:
    """Note what Meta has of events that were never queued."""
    if not sent:
        return
    known, twins, _ = zip(*sent, strict=True)
    pixels, names, _, _, _, lasting, *_ = zip(*twins, strict=True)
    note_fresh(db, zip(known, lasting, strict=True), now)
    survey.count_sent(db, Counter(zip(pixels, names, strict=True)))
    ledger.book_sold(db, list(compress(sent, map(PURCHASE.__eq__, names))))
    _count(db, "delivered", len(sent))


def withdraw(db: sqlite3.Connection, asked: list[Withdrawal], now: float) -> None:
    """Drop what waits of these visitors, dead letters too, and remember its identity."""
    if not asked:
        return
    withdrawals.note(db, asked, now)
    pixels = {withdrawal.pixel_id for withdrawal in asked}
    queued = [(key,) for key in withdrawals.theirs(db, "event", pixels, now)]
    gone = _drop_and_remember(db, queued, now, WITHDRAWN)
    dead = withdrawals.theirs(db, "dead", pixels, now)
    db.executemany(
        "INSERT INTO seen SELECT digest, CASE lasting WHEN 1 THEN ?2 ELSE ?3 END"
        " FROM dead WHERE key = ?1"
        " ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
        [(key, now + remember_for(True), now + remember_for(False)) for key in dead],
    )
    ledger.rebook_of(db, "dead", dead, WITHDRAWN)
    drop_dead(db, dead)
    _count(db, "withdrawn", gone + len(dead))
    withdrawals.forget_oldest(db)


def erase(db: sqlite3.Connection, keys: Iterable[Key], now: float) -> int:
    """Drop queued events unsent, and remember their identity; gives how many there were."""
    gone = _drop_and_remember(db, [(key,) for key in keys], now, WITHDRAWN)
    _count(db, "withdrawn", gone)
    return gone


def _drop_and_remember(
    db: sqlite3.Connection,
    keys: list[tuple[Key]],
    now: float,
    state: State,
    counted: Counter[tuple[str, str]] | None = None,
) -> int:
    """Drop events, to forget them later; gives how many, `counted` by pixel and name.

    `state` is what the ledger has of Purchases from here on."""
    named = (json.dumps([key for (key,) in keys]),)
    found = db.execute(
        "SELECT digest, lasting, pixel, name FROM event"
        " WHERE key IN (SELECT value FROM json_each(?))",
        named,
    ).fetchall()
    forget_later(db, [(known, lasting) for known, lasting, _, _ in found], now)
    ledger.rebook(db, [known for known, _, _, name in found if name == PURCHASE], state)
    if counted is not None:
        counted.update([(pixel, name) for _, _, pixel, name in found])
    return _drop(db, keys)


def bury(db: sqlite3.Connection, deaths: list[tuple[str, float, Key]]) -> None:
    """Make dead letters of events, each with (reason, since when, key)."""
    keys = [(key,) for _, _, key in deaths]
    ledger.rebook_of(db, "event", [key for _, _, key in deaths], DEAD)
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
        "INSERT INTO state SELECT key, ?2, ?3 FROM event WHERE key = ?1 ON CONFLICT DO UPDATE"
        " SET due = excluded.due, attempts = attempts + excluded.attempts",
        retried,
    )


def _drop(db: sqlite3.Connection, keys: list[tuple[Key]]) -> int:
    # One statement: a thousand give the GIL up, and wait for it, a thousand times.
    named, those = (json.dumps([key for (key,) in keys]),), "IN (SELECT value FROM json_each(?))"
    db.execute(f"DELETE FROM state WHERE key {those}", named)  # noqa: S608
    gone = db.execute(f"DELETE FROM event WHERE key {those}", named).rowcount  # noqa: S608
    _count(db, "queued", -gone)
    return gone


def _count(db: sqlite3.Connection, name: str, change: int) -> None:
    # Counted as it changes: to count a million fat rows means to read them.
    if change:
        db.execute("UPDATE counter SET value = value + ? WHERE name = ?", (change, name))


def chosen_dead(db: sqlite3.Connection, keys: Iterable[Key] | None, where: str) -> list[Key]:
    """The dead letters of these keys (None: all) that `where` allows."""
    named = "TRUE" if keys is None else "key IN (SELECT value FROM json_each(?))"
    found = db.execute(
        f"SELECT key FROM dead WHERE {where} AND {named} ORDER BY key",  # noqa: S608
        () if keys is None else (json.dumps(list(keys)),),
    )
    return [key for (key,) in found]


def take_dead(db: sqlite3.Connection, keys: list[Key]) -> list[Twin]:
    """Delete dead letters and give what they were."""
    twins = [
        Twin(pixel, name, id_, at, body, bool(lasting), None, consent, met)
        for key in keys
        for pixel, name, id_, at, body, lasting, consent, met in db.execute(
            "SELECT pixel, name, id, time, body, lasting, consent, met FROM dead WHERE key = ?",
            (key,),
        )
    ]
    drop_dead(db, keys)
    return twins


def drop_dead(db: sqlite3.Connection, keys: list[Key]) -> None:
    """Delete dead letters unread."""
    db.executemany("DELETE FROM dead WHERE key = ?", [(key,) for key in keys])


def forget_dead(db: sqlite3.Connection, before: float) -> int:
    """Delete the oldest dead letters, up to the first that died later; gives how many."""
    # Not by a look at each death, which lies behind a body of 1 KB.
    first = "SELECT key FROM dead WHERE died > ? ORDER BY key LIMIT 1"
    kept = db.execute(first, (before,)).fetchone() or (survey.LAST,)
    return db.execute("DELETE FROM dead WHERE key < ?", kept).rowcount


def drop_oldest_dead(db: sqlite3.Connection, number: int) -> int:
    """Delete so many dead letters, the oldest; gives how many there were."""
    oldest = "SELECT key FROM dead ORDER BY key LIMIT ?"
    return db.execute(f"DELETE FROM dead WHERE key IN ({oldest})", (number,)).rowcount  # noqa: S608


def bytes_used(db: sqlite3.Connection) -> int:
    """What the file holds, without the pages that were freed: the file itself never shrinks."""
    size, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))
