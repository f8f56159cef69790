"""What a catalog holds, as Meta confirmed it, and what is on its way: one small SQLite file.

It is the resume file too: the plan is written before a call, the handle after it, so that a killed
sync goes on where it was. Knows prints and ids; what an item is made of is not kept.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

import orjson

from pixelpair.catalog.changes import Known
from pixelpair.graph.replies import MAX_REGAIN

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from pixelpair.catalog.changes import Change

HOUR: Final = 3600.0
_PRIVATE: Final = 0o600
_BUSY_SECONDS: Final = 30.0
_CACHE: Final = 8192  # KiB
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS item (id TEXT PRIMARY KEY, steady TEXT, quick TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
    number INTEGER PRIMARY KEY, handle TEXT, at REAL NOT NULL, changes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS undone (
    id TEXT PRIMARY KEY, what TEXT NOT NULL, why TEXT NOT NULL, whole INTEGER NOT NULL,
    fresh INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS call (at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""
# SQLite puts what outgrows its cache into a file of its own: memory stays small.
_SEEN: Final = "CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID"
_CONFIRM: Final = """
INSERT INTO item VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    steady = coalesce(excluded.steady, item.steady), quick = excluded.quick
"""
_FORGET: Final = "UPDATE item SET {} WHERE id IN (SELECT value FROM json_each(?))"

# `whole`: not made good by a push of prices and stock; `fresh`: noted by the run that is on.
_NOTE: Final = """
INSERT INTO undone (id, what, why, whole) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    what = excluded.what, why = excluded.why, whole = max(whole, excluded.whole), fresh = 1
"""
_LOST: Final = "a run was killed, or an answer lost, before Meta had confirmed it"

Planned = list[tuple[str, str | None, str, bool]]  # id, steady, quick, gone


class Book:
    """One catalog's book, for one process at a time; `close` it."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, _PRIVATE))
        self.file = file
        self._db = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            self._set_up()
        except sqlite3.Error:
            self.close()
            raise

    def _set_up(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last commits: they are sent again then.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE}")
        self._db.executescript(_SCHEMA)
        self._db.execute(_SEEN)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- one run's source --------------------------------------------------------------------

    def begin(self) -> None:
        """A run begins: nothing is seen yet, and what was left is of before."""
        self._db.execute("DELETE FROM temp.seen")
        self._db.execute("UPDATE undone SET fresh = 0")

    def see(self, ids: Sequence[tuple[str, int]]) -> dict[str, int]:
        """Note that the source has these ids, in these lines; gives the lines of those that came
        in an earlier call. A feed may be one line: lines tell nobody apart."""
        names = orjson.dumps([item_id for item_id, _ in ids]).decode()
        query = "SELECT id, line FROM seen WHERE id IN (SELECT value FROM json_each(?))"
        before = dict(self._db.execute(query, (names,)))
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", ids)
        self._db.execute("COMMIT")
        return before

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """What Meta has of these."""
        names = orjson.dumps(ids).decode()
        query = "SELECT * FROM item WHERE id IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(query, (names,))
        return {item_id: Known(steady, quick) for item_id, steady, quick in rows}

    def sizes(self) -> tuple[int, int]:
        """How many items Meta has, and how many of them the source had no more."""
        query = "SELECT count(*), count(*) - count(seen.id) FROM item LEFT JOIN seen USING (id)"
        held, gone = self._db.execute(query).fetchone()
        return held, gone

    def gone(self) -> Iterator[str]:
        """The ids that the source had no more."""
        query = (
            "SELECT id FROM item WHERE id NOT IN (SELECT id FROM seen) AND id > ?"
            " ORDER BY id LIMIT 1000"
        )
        last = ""
        while rows := self._db.execute(query, (last,)).fetchall():
            yield from (item_id for (item_id,) in rows)
            last = rows[-1][0]

    # --- batches on their way ----------------------------------------------------------------

    def plan(self, changes: Sequence[Change], now: float) -> int:
        """Before a call: what it will carry. Until that is confirmed, nobody knows what Meta has
        of these, so what was confirmed before counts no more."""
        planned = orjson.dumps([(c.id, c.steady, c.quick, c.gone) for c in changes])
        with self._changing() as db:
            new = "INSERT INTO batch (at, changes) VALUES (?, ?)"
            number = db.execute(new, (now, planned)).lastrowid
            names = orjson.dumps([change.id for change in changes]).decode()
            db.execute(_FORGET.format("quick = NULL"), (names,))
            names = orjson.dumps([c.id for c in changes if c.steady or c.gone]).decode()
            db.execute(_FORGET.format("steady = NULL"), (names,))
        return int(number or 0)

    def hold(self, number: int, handle: str, refused: Mapping[str, str]) -> None:
        """After a call: the handle of the batch, and what was refused at once."""
        with self._changing() as db:
            db.execute("UPDATE batch SET handle = ? WHERE number = ?", (handle, number))
            if refused:
                left, lost = _parted(self._planned(number), refused)
                _note(db, "failed", lost, refused)
                query = "UPDATE batch SET changes = ? WHERE number = ?"
                db.execute(query, (orjson.dumps(left), number))

    def drop(
        self, number: int, refused: Mapping[str, str] | None = None, *, perhaps: bool = False
    ) -> list[str]:
        """Forget a batch whose end is not known: what it carried has to travel again. Gives the
        ids of that; `perhaps`: it may have arrived."""
        planned = self._planned(number)
        left, lost = _parted(planned, refused or {})
        with self._changing() as db:
            _note(db, "failed", lost, refused or {})
            if perhaps:
                _suspect(db, planned)
                _note(db, "unsent", left, {})
            db.execute("DELETE FROM batch WHERE number = ?", (number,))
        return [row[0] for row in left]

    def confirm(
        self,
        number: int,
        failed: Mapping[str, str],
        all_failed: str = "",
        absent: Collection[str] = (),
    ) -> tuple[int, int, list[str]]:
        """A batch has ended: what did not fail is in the catalog. Gives how many items were saved
        and deleted, and the ids that failed. `absent`: deletions that are done, whatever failed.
        """
        planned = self._planned(number)
        alien = not all_failed and not failed.keys() <= {row[0] for row in planned}
        if alien:
            all_failed = "Meta names failed ids that were not sent"
        if all_failed:
            failed = {row[0]: failed.get(row[0], all_failed) for row in planned}
        saved, lost = _parted(planned, failed.keys() - set(absent))
        with self._changing() as db:
            _note(db, "failed", lost, failed)
            db.executemany(_CONFIRM, (row[:3] for row in saved if not row[3]))
            db.executemany("DELETE FROM item WHERE id = ?", ((r[0],) for r in saved if r[3]))
            if all_failed:
                _suspect(db, lost)
            if db.execute("SELECT 1 FROM undone").fetchone():
                done = ((row[0], _is_whole(row)) for row in saved)
                db.executemany("DELETE FROM undone WHERE id = ? AND whole <= ?", done)
            db.execute("DELETE FROM batch WHERE number = ?", (number,))
        deleted = sum(row[3] for row in saved)
        return len(saved) - deleted, deleted, [row[0] for row in lost]

    def deletions(self, number: int) -> list[str]:
        """The ids that a batch takes out of the catalog."""
        return [row[0] for row in self._planned(number) if row[3]]

    def on_the_way(self) -> list[tuple[int, str | None]]:
        """Batches that a run before this one has left, with their handles."""
        return self._db.execute("SELECT number, handle FROM batch ORDER BY number").fetchall()

    def begun(self, number: int) -> float:
        """When a batch was planned."""
        found = self._db.execute("SELECT at FROM batch WHERE number = ?", (number,)).fetchone()
        return float(found[0])

    def carried(self, number: int) -> int:
        """How many changes a batch carries."""
        return len(self._planned(number))

    def _planned(self, number: int) -> Planned:
        found = self._db.execute("SELECT changes FROM batch WHERE number = ?", (number,))
        return cast("Planned", orjson.loads(found.fetchone()[0]))

    # --- what is left, and when to call --------------------------------------------------------

    def leave(self, changes: Sequence[Change], why: str) -> None:
        """Note what this run could not send."""
        with self._changing() as db:
            rows = ((c.id, "unsent", why, c.gone or c.steady is not None) for c in changes)
            db.executemany(_NOTE, rows)

    def tidy(self, *, volatile: bool, everything: bool) -> None:
        """At the end of a run: what was left, and is not any more. Of what the source had, all has
        travelled or was the same; `everything`: it was read whole, and what it had not deleted."""
        if everything:
            self._db.execute(
                "DELETE FROM undone WHERE NOT fresh OR"
                " (id NOT IN (SELECT id FROM seen) AND id NOT IN (SELECT id FROM item))"
            )
        else:
            self._db.execute(
                "DELETE FROM undone WHERE NOT fresh AND whole <= ? AND id IN (SELECT id FROM seen)",
                (not volatile,),
            )

    def undone(self, ids: Collection[str]) -> list[tuple[str, str, str]]:
        """Those of these that are left: id, what and why."""
        names = orjson.dumps(sorted(ids)).decode()
        query = "SELECT id, what, why FROM undone WHERE id IN (SELECT value FROM json_each(?))"
        return self._db.execute(query, (names,)).fetchall()

    def remaining(self) -> Iterator[tuple[str, str, str]]:
        """Ids that Meta does not have as the source has them: unsent, failed or on their way."""
        yield from self._db.execute("SELECT id, what, why FROM undone ORDER BY id")
        for number, handle in self.on_the_way():
            yield from ((row[0], "on its way", handle or "") for row in self._planned(number))

    def call(self, now: float) -> None:
        """A call was begun."""
        with self._changing() as db:
            db.execute("DELETE FROM call WHERE abs(at - ?) >= ?", (now, HOUR))
            db.execute("INSERT INTO call VALUES (?)", (now,))

    def free_at(self, now: float, budget: int) -> float:
        """When the next call fits the budget of an hour, and the wait that Meta asked for. What a
        clock that was wrong has noted far ahead does not count."""
        query = "SELECT at FROM call WHERE abs(at - ?) < ? ORDER BY at"
        recent = [at for (at,) in self._db.execute(query, (now, HOUR))]
        paid = recent[len(recent) - budget] + HOUR if len(recent) >= budget else now
        query = "SELECT value FROM fact WHERE name = 'blocked until' AND value - ? <= ?"
        blocked = self._db.execute(query, (now, MAX_REGAIN)).fetchone()
        return float(max(now, paid, blocked[0] if blocked else now))

    def block(self, until: float) -> None:
        """Meta asked for a pause: also of the runs after this one."""
        self._db.execute("INSERT OR REPLACE INTO fact VALUES ('blocked until', ?)", (until,))


def _parted(planned: Planned, failed: Container[str]) -> tuple[Planned, Planned]:
    """What is left of a plan, and what of it failed."""
    if not failed:
        return planned, []
    return (
        [row for row in planned if row[0] not in failed],
        [row for row in planned if row[0] in failed],
    )


def _is_whole(row: Sequence[object]) -> bool:
    """Whether a planned change is all of an item, or its end."""
    return bool(row[3]) or row[1] is not None


def _suspect(db: sqlite3.Connection, planned: Planned) -> None:
    """What Meta may have taken in is deleted with the rest once the source has it no more."""
    rows = ((row[0],) for row in planned if row[1] and not row[3])  # a push makes no items
    db.executemany("INSERT OR IGNORE INTO item VALUES (?, NULL, NULL)", rows)


def _note(db: sqlite3.Connection, what: str, rows: Planned, why: Mapping[str, str]) -> None:
    db.executemany(_NOTE, ((r[0], what, why.get(r[0], _LOST), _is_whole(r)) for r in rows))
