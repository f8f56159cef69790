"""The embedded outbox: one SQLite file of events that never change and a small state beside them.

Knows SQL; who reads journals and who talks to Meta is not said here.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from pixelpair.core.events import Twin
from pixelpair.delivery import locks
from pixelpair.delivery.outbox import DeadLetter, Row, Stats, digest, remember_for
from pixelpair.delivery.retry import Dead, Delivered, RetryAt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from pixelpair.delivery.outbox import Key, Verdict

log = logging.getLogger("pixelpair")

P = ParamSpec("P")
T = TypeVar("T")

BUSY_MS: Final = 5000
# An identity that is queued is remembered until its verdict.
ALWAYS: Final = 9e15
SWEEP_EVERY: Final = 60.0
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


def _mended(
    method: Callable[Concatenate[SqliteOutbox, P], T],
) -> Callable[Concatenate[SqliteOutbox, P], T]:
    """Run a method alone; if the file proves corrupt, set it aside and run it on a new one."""

    @functools.wraps(method)
    def run(self: SqliteOutbox, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            try:
                return method(self, *args, **kwargs)
            except sqlite3.DatabaseError as error:
                if not _is_broken(error):
                    raise
                self._set_aside(error)
                return method(self, *args, **kwargs)

    return run


class SqliteOutbox:
    """An outbox in one file (WAL), for one claiming process at a time; any may read its stats.

    Claims live in memory: what a dead process had claimed is simply there for the next one.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.RLock()
        self._claimed: set[Key] = set()
        self._late: list[tuple[Key, Verdict]] = []
        self._sweep_at = 0.0
        self._db = self._open_or_renew()

    @_mended
    def put_many(
        self, twins: Iterable[Twin], source: str | None = None, offset: int | None = None
    ) -> int:
        """Take events in; see `Outbox.put_many`."""
        now = self._clock()
        with self._transaction() as db:
            new = _put_all(db, twins, now)
            if source is not None and offset is not None:
                db.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (source, offset))
            self._sweep(db, now)
        return new

    @_mended
    def offset(self, source: str) -> int:
        """How far this journal has been taken in."""
        found = self._db.execute("SELECT offset FROM journal WHERE source = ?", (source,))
        return int((found.fetchone() or (0,))[0])

    @_mended
    def forget(self, source: str) -> None:
        """The journal is gone."""
        self._db.execute("DELETE FROM journal WHERE source = ?", (source,))

    @_mended
    def sources(self) -> list[str]:
        """The journals that an offset is kept for."""
        return [source for (source,) in self._db.execute("SELECT source FROM journal")]

    @_mended
    def claim(self, limit: int, now: float, skip: Collection[str] = ()) -> list[Row]:
        """Due events that are not claimed yet; see `Outbox.claim`."""
        if self._late:
            self._settle(now)
        found = self._db.execute(
            "SELECT e.key, e.pixel, e.name, e.id, e.time, e.body, e.lasting,"
            " coalesce(s.attempts, 0) FROM event e LEFT JOIN state s ON s.key = e.key"
            " WHERE coalesce(s.due, 0) <= ? AND e.pixel NOT IN (SELECT value FROM json_each(?))"
            " ORDER BY e.key LIMIT ?",
            (now, json.dumps(list(skip)), limit + len(self._claimed)),
        )
        rows = [
            Row(key, Twin(pixel, name, id_, at, body, bool(lasting)), attempts)
            for key, pixel, name, id_, at, body, lasting, attempts in found
            if key not in self._claimed
        ][:limit]
        self._claimed.update(row.key for row in rows)
        return rows

    @_mended
    def settle(self, verdicts: Iterable[tuple[Key, Verdict]], now: float) -> None:
        """Obey the verdicts on claimed events."""
        self._late += verdicts
        self._settle(now)

    def _settle(self, now: float) -> None:
        # What cannot be written (a full disk) is kept and written before the next claim: an
        # event whose delivery was forgotten would be sent again.
        verdicts = self._late
        delivered = [(key,) for key, verdict in verdicts if isinstance(verdict, Delivered)]
        dead = [(v.reason, now, key) for key, v in verdicts if isinstance(v, Dead)]
        retried = [(k, v.when, int(v.counted)) for k, v in verdicts if isinstance(v, RetryAt)]
        if delivered or dead or retried:
            with self._transaction() as db:
                _deliver(db, delivered, now)
                _bury(db, dead)
                _postpone(db, retried)
        self._claimed.difference_update(key for key, _ in verdicts)
        self._late = []

    @_mended
    def stats(self) -> Stats:
        """Where the events are."""
        (found,) = self._db.execute(
            "SELECT (SELECT value FROM counter WHERE name = 'queued'),"
            " (SELECT count(*) FROM dead), (SELECT value FROM counter WHERE name = 'delivered'),"
            " (SELECT time FROM event ORDER BY key LIMIT 1)"
        )
        return Stats(*found)

    @_mended
    def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""
        found = self._db.execute(
            "SELECT key, pixel, name, id, time, body, lasting, fault, reason, died FROM dead"
            " ORDER BY key DESC LIMIT ?",
            (limit,),
        )
        return [
            DeadLetter(key, Twin(pixel, name, id_, at, body, bool(lasting), fault), reason, died)
            for key, pixel, name, id_, at, body, lasting, fault, reason, died in found
        ]

    @_mended
    def replay(self, keys: Iterable[Key] | None = None) -> int:
        """Queue dead letters again; see `Outbox.replay`."""
        now = self._clock()
        with self._transaction() as db:
            chosen = _chosen(db, keys, "fault IS NULL")
            twins = [
                Twin(pixel, name, id_, at, body, bool(lasting))
                for key in chosen
                for pixel, name, id_, at, body, lasting in db.execute(
                    "SELECT pixel, name, id, time, body, lasting FROM dead WHERE key = ?", (key,)
                )
            ]
            db.executemany("DELETE FROM dead WHERE key = ?", [(key,) for key in chosen])
            return _put_all(db, twins, now)

    @_mended
    def purge(self, keys: Iterable[Key] | None = None) -> int:
        """Delete dead letters (None: all) for good, and give how many."""
        with self._transaction() as db:
            chosen = _chosen(db, keys, "TRUE")
            db.executemany("DELETE FROM dead WHERE key = ?", [(key,) for key in chosen])
        return len(chosen)

    def sync(self) -> None:
        """Put the write-ahead log on the disk: commits alone only survive a killed process."""
        for name in (f"{self.path}-wal", str(self.path)):
            with contextlib.suppress(FileNotFoundError):
                fd = os.open(name, os.O_RDWR)
                try:
                    locks.datasync(fd)
                finally:
                    os.close(fd)

    def close(self) -> None:
        with self._lock:
            self._db.close()
            self._claimed.clear()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # IMMEDIATE: a transaction that begins by reading cannot wait for a writer (SQLITE_BUSY).
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _sweep(self, db: sqlite3.Connection, now: float) -> None:
        if now >= self._sweep_at:
            db.execute("DELETE FROM seen WHERE until <= ?", (now,))
            self._sweep_at = now + SWEEP_EVERY

    def _open_or_renew(self) -> sqlite3.Connection:
        try:
            return _open(self.path)
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise
            self._move_away(error)
            return _open(self.path)

    def _set_aside(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._move_away(error)
        self._claimed.clear()
        self._late = []
        self._db = _open(self.path)

    def _move_away(self, error: Exception) -> None:
        aside = f"{self.path}.corrupt-{int(self._clock())}"
        log.error(
            "the outbox %s is corrupt (%s): it is kept as %s, and a new one begins",
            self.path,
            error,
            aside,
        )
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").replace(f"{aside}{suffix}")


def _is_broken(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in BROKEN


def _open(path: Path) -> sqlite3.Connection:
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


def _put_all(db: sqlite3.Connection, twins: Iterable[Twin], now: float) -> int:
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


def _deliver(db: sqlite3.Connection, keys: list[tuple[Key]], now: float) -> None:
    db.executemany(
        "UPDATE seen SET until = CASE (SELECT lasting FROM event WHERE key = ?1)"
        " WHEN 1 THEN ?2 ELSE ?3 END WHERE digest = (SELECT digest FROM event WHERE key = ?1)",
        [(key, now + remember_for(True), now + remember_for(False)) for (key,) in keys],
    )
    _count(db, "delivered", _drop(db, keys))


def _bury(db: sqlite3.Connection, deaths: list[tuple[str, float, Key]]) -> None:
    keys = [(key,) for _, _, key in deaths]
    db.executemany("DELETE FROM seen WHERE digest = (SELECT digest FROM event WHERE key=?)", keys)
    db.executemany(
        f"INSERT OR REPLACE INTO dead ({COLUMNS}, reason, died)"  # noqa: S608
        f" SELECT {COLUMNS}, ?, ? FROM event WHERE key = ?",
        deaths,
    )
    _drop(db, keys)


def _postpone(db: sqlite3.Connection, retried: list[tuple[Key, float, int]]) -> None:
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


def _chosen(db: sqlite3.Connection, keys: Iterable[Key] | None, where: str) -> list[Key]:
    wanted = None if keys is None else set(keys)
    found = db.execute(f"SELECT key FROM dead WHERE {where} ORDER BY key")  # noqa: S608
    return [key for (key,) in found if wanted is None or key in wanted]
