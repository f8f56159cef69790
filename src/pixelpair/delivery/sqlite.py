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
from pixelpair.delivery import (
    identities,
    ledger,
    locks,
    mounts,
    schema,
    survey,
    tables,
    withdrawals,
)
from pixelpair.delivery.outbox import KEEP_DEAD, Room, Row, Stats
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pixelpair.core.events import Withdrawal
    from pixelpair.delivery.ledger import Purchase
    from pixelpair.delivery.outbox import DeadLetter, Key, Tally, Trouble, Verdict

log = logging.getLogger("pixelpair")

P = ParamSpec("P")
T = TypeVar("T")

SWEEP_EVERY: Final = 60.0
# So many events may be queued however full the file is: what else stands in it must not stop them.
ALWAYS_ROOM: Final = 10_000
# Dead letters that go at once where there is no room.
PORTION: Final = 1000
_DEAD_DROPPED: Final = (
    "the outbox %s holds half of what PIXELPAIR_SPOOL_LIMIT allows: its oldest dead letters are"
    " deleted; how many more go is counted only"
)


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
                if not (self._mends and schema.is_broken(error)):
                    raise
                self._set_aside(error)
                return method(self, *args, **kwargs)

    return run


class SqliteOutbox:
    """An outbox in one file (WAL), for one claiming process at a time; any may read its stats.

    Claims live in memory: what a dead process had claimed is simply there for the next one.
    `keep_dead` is how long dead letters are kept, in seconds, `limit` how many bytes there is room
    for. `mends`: a corrupt file is set aside, which is for the sender to do. Raises SpoolError on
    a network file system.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        *,
        keep_dead: float = KEEP_DEAD,
        limit: int | None = None,
        mends: bool = True,
    ) -> None:
        mounts.refuse_network(path.parent)
        self.path = path
        self._clock = clock
        self._keep_dead = keep_dead
        self._limit = limit
        self._mends = mends
        self._lock = threading.RLock()
        self._claimed: set[Key] = set()
        self._late: list[tuple[Key, Verdict]] = []
        self._fresh: set[bytes] | None = None  # what `identities.fresh` gives, once it was asked
        self._sweep_at = 0.0
        self._dropped = False
        self._db = self._open_or_renew()

    @_mended
    def put_many(
        self,
        records: Iterable[Twin | Withdrawal],
        source: str | None = None,
        offset: int | None = None,
    ) -> int:
        """Take events in; see `Outbox.put_many`."""
        now = self._clock()
        with self._transaction() as db:
            records = list(records)
            new = tables.put_all(db, records, now)
            if source is not None and offset is not None:
                db.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (source, offset))
            self._sweep(db, now)
        if records:
            self._fresh = None
        return new

    @_mended
    def make_room(self) -> Room:
        """Whether there is room for more; see `Outbox.make_room`."""
        if self._has_room():
            return Room()
        with self._transaction() as db:
            dropped = tables.drop_oldest_dead(db, PORTION)
        if dropped and not self._dropped:
            self._dropped = True
            log.warning(_DEAD_DROPPED, self.path)
        return Room(self._has_room() or self.stats().queued < ALWAYS_ROOM, dropped)

    def _has_room(self) -> bool:
        return self._limit is None or schema.bytes_used(self._db) < self._limit

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
    def lanes(self) -> list[str]:
        """The pixels that events wait for, due or not."""
        # A skip through the index: DISTINCT would walk through a million entries of one pixel.
        found = self._db.execute(
            "WITH RECURSIVE lane (pixel) AS (SELECT min(pixel) FROM event UNION ALL"
            " SELECT (SELECT min(pixel) FROM event WHERE pixel > lane.pixel) FROM lane"
            " WHERE pixel IS NOT NULL) SELECT pixel FROM lane WHERE pixel IS NOT NULL"
        )
        return [pixel_id for (pixel_id,) in found]

    @_mended
    def claim(self, limit: int, now: float, pixel_id: str | None = None) -> list[Row]:
        """Due events that are not claimed yet; see `Outbox.claim`."""
        if self._late:
            self._settle(now)
        of_pixel = "" if pixel_id is None else "e.pixel = ?4 AND"
        claimed = json.dumps(list(self._claimed))
        found = self._db.execute(
            "SELECT e.key, e.pixel, e.name, e.id, e.time, e.body, e.lasting, e.consent, e.met,"  # noqa: S608
            " coalesce(s.attempts, 0) FROM event e LEFT JOIN state s ON s.key = e.key"
            f" WHERE {of_pixel} coalesce(s.due, 0) <= ?1"
            " AND e.key NOT IN (SELECT value FROM json_each(?3)) ORDER BY e.key LIMIT ?2",
            (now, limit, claimed, *([] if pixel_id is None else [pixel_id])),
        )
        rows = [
            Row(key, Twin(pixel, name, id_, at, body, bool(lasting), None, consent, met), attempts)
            for key, pixel, name, id_, at, body, lasting, consent, met, attempts in found
        ]
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
        if any(not isinstance(verdict, Hold) for _, verdict in verdicts):
            with self._transaction() as db:
                self._obey(db, verdicts, now)
        self._claimed.difference_update(key for key, _ in verdicts)
        self._late = []

    @staticmethod
    def _obey(db: sqlite3.Connection, verdicts: Sequence[tuple[Key, Verdict]], now: float) -> None:
        delivered = [(key,) for key, verdict in verdicts if isinstance(verdict, Delivered)]
        dead = [(v.reason, now, key) for key, v in verdicts if isinstance(v, Dead)]
        retried = [(k, v.when, int(v.counted)) for k, v in verdicts if isinstance(v, RetryAt)]
        tables.deliver(db, delivered, now)
        tables.bury(db, dead)
        tables.postpone(db, retried)

    @_mended
    def known(self, twins: Sequence[Twin], digests: Sequence[bytes]) -> set[bytes]:
        """The identities of those that would not be taken in; see `outbox.Bypass`."""
        now = self._clock()
        known = identities.known_of(self._db, digests, now)
        known |= self._outside().intersection(digests)
        if withdrawals.known(self._db, now):
            both = zip(twins, digests, strict=True)
            known.update([d for twin, d in both if withdrawals.ended(self._db, twin, now)])
        return known

    def _outside(self) -> set[bytes]:
        if self._fresh is None:
            self._fresh = identities.fresh(self._db)
        return self._fresh

    @_mended
    def settle_new(
        self, sent: Sequence[Row], kept: Sequence[tuple[Row, RetryAt | Dead]], now: float
    ) -> None:
        """Note what became of events that were never put; see `outbox.Bypass`."""
        fresh, self._fresh = self._outside(), None
        with self._transaction() as db:
            full = len(fresh) >= identities.MERGE_AT
            if full:
                tables.merge(db)
            tables.deliver_new(db, sent, now)
            keys = tables.put_new(db, [row for row, _ in kept], now)
            pairs = zip(keys, [verdict for _, verdict in kept], strict=True)
            self._obey(db, [(key, verdict) for key, verdict in pairs if key is not None], now)
        if not (full or kept):
            fresh.update([row.key for row in sent if isinstance(row.key, bytes)])
            self._fresh = fresh

    @_mended
    def stats(self) -> Stats:
        """Where the events are."""
        (found,) = self._db.execute(
            "SELECT (SELECT value FROM counter WHERE name = 'queued'),"
            " (SELECT count(*) FROM dead), (SELECT value FROM counter WHERE name = 'delivered'),"
            " (SELECT time FROM event ORDER BY key LIMIT 1),"
            " (SELECT value FROM counter WHERE name = 'withdrawn')"
        )
        return Stats(*found)

    @_mended
    def dead(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""
        return survey.letters_before(self._db, survey.LAST, limit)

    @_mended
    def replay(self, keys: Iterable[Key] | None = None) -> int:
        """Queue dead letters again; see `Outbox.replay`."""
        now = self._clock()
        with self._transaction() as db:
            twins = tables.take_dead(db, tables.chosen_dead(db, keys, "fault IS NULL"))
            return tables.put_all(db, twins, now)

    @_mended
    def purge(self, keys: Iterable[Key] | None = None) -> int:
        """Delete dead letters (None: all) for good, and give how many."""
        with self._transaction() as db:
            chosen = tables.chosen_dead(db, keys, "TRUE")
            tables.drop_dead(db, chosen)
        return len(chosen)

    @_mended
    def tallies(self) -> list[Tally]:
        """Where the events are, by pixel and name."""
        return survey.tallies(self._db)

    def queued(self) -> Iterator[Row]:
        """Every queued event, oldest first, page by page."""
        page = self._queued_after(0)
        while page:
            yield from page
            page = self._queued_after(page[-1].key)

    def letters(self) -> Iterator[DeadLetter]:
        """Every dead letter, newest first, page by page."""
        page = self._letters_before(survey.LAST)
        while page:
            yield from page
            page = self._letters_before(page[-1].key)

    def purchases(self) -> Iterator[Purchase]:
        """The ledger, page by page; see `Outbox.purchases`."""
        sold = self._sold()
        yield from sold.values()
        page = self._purchases_after(b"")
        while page:
            yield from (purchase for known, purchase in page if known not in sold)
            page = self._purchases_after(page[-1][0])

    @_mended
    def purchases_since(self) -> float:
        """From when on the ledger is whole."""
        return ledger.since(self._db, self._clock())

    @_mended
    def _sold(self) -> dict[bytes, Purchase]:
        return ledger.sold(self._db)

    @_mended
    def _purchases_after(self, known: bytes) -> list[tuple[bytes, Purchase]]:
        return ledger.page_after(self._db, known)

    @_mended
    def _queued_after(self, key: Key) -> list[Row]:
        return survey.queued_after(self._db, key)

    @_mended
    def _letters_before(self, key: Key) -> list[DeadLetter]:
        return survey.letters_before(self._db, key)

    @_mended
    def erase(self, keys: Iterable[Key]) -> int:
        """Delete queued events unsent; see `Outbox.erase`."""
        with self._transaction() as db:
            return tables.erase(db, keys, self._clock())

    @_mended
    def note(self, pixel_id: str, trouble: Trouble | None) -> None:
        """Remember why a pixel's events do not leave."""
        with self._transaction() as db:
            survey.note(db, pixel_id, trouble)

    @_mended
    def troubles(self) -> list[Trouble]:
        """What was noted, in the order of pixels."""
        return survey.troubles(self._db)

    def sync(self) -> None:
        """Put the write-ahead log on the disk: commits alone only survive a killed process."""
        # What has left the log SQLite has synced itself. Never so with the database: closing its
        # descriptor ends this process's locks on it (sqlite.org/howtocorrupt.html, 2.2).
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(f"{self.path}-wal", os.O_RDWR)
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
            db.execute("DELETE FROM seen WHERE until < 9e15 AND until <= ?", (now,))
            withdrawals.sweep(db, now)
            ledger.sweep(db, now)
            tables.forget_dead(db, now - self._keep_dead)
            self._sweep_at = now + SWEEP_EVERY

    def _open_or_renew(self) -> sqlite3.Connection:
        try:
            return schema.connect(self.path)
        except sqlite3.DatabaseError as error:
            if not (self._mends and schema.is_broken(error)):
                raise
            self._move_away(error)
            return schema.connect(self.path)

    def _set_aside(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._move_away(error)
        self._claimed.clear()
        self._late = []
        self._fresh = None
        self._db = schema.connect(self.path)

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
