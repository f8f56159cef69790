"""What shadow mode saw: counts by page, event and difference, with the last few examples, in a
small file of the spool. Knows files, threads and forks; what is a difference is told elsewhere.

Of a visitor nothing is kept, of an event no id.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from pixelpair.delivery import figures, forks, locks
from pixelpair.delivery.surroundings import surroundings

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from pixelpair.core.shadow import Sight

log = logging.getLogger("pixelpair")

FILE: Final = "shadow.sqlite3"
# How late the file may be; one transaction a second at most, and none in a request.
SAVE_AFTER: Final = 0.5
MOST_ROWS: Final = 2000  # of 500 bytes, and of pages beyond them one for each event and difference
MOST_WAITING: Final = 2000
EXAMPLES: Final = 3
OTHERS: Final = "(other pages)"
MOST_OTHERS: Final = 500  # rows of theirs; an event's name may be another on each page
OTHER_EVENTS: Final = "(other events)"
_BUSY_SECONDS: Final = 5.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sight (
    pixel TEXT, place TEXT, event TEXT, what TEXT, count INTEGER NOT NULL, examples TEXT NOT NULL,
    PRIMARY KEY (pixel, place, event, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS started (at REAL NOT NULL);
"""

Key = tuple[str, str, str, str]  # pixel, place, event, what


class Example(NamedTuple):
    """Where it was seen, what the page says, and what pixelpair would."""

    path: str
    page: str
    ours: str


Waiting = dict[Key, tuple[int, list[Example]]]


@dataclass(frozen=True, slots=True)
class Seen:
    """How often it was seen, and the last examples, the newest last."""

    pixel: str
    place: str
    event: str
    what: str
    count: int
    examples: tuple[Example, ...]


class Sightings:
    """The sightings of this process on their way to the file. `add` only counts."""

    def __init__(self, spool: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._spool = spool
        self._clock = clock
        self._saved = clock()
        self._failed = False
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self.fork_lock = threading.RLock()  # while the file is open
        self._lock = threading.RLock()
        self._waiting: Waiting = {}
        self._timer: threading.Timer | None = None

    def after_fork(self) -> None:
        """What the parent saw is the parent's to tell."""
        self._begin()

    def add(self, sight: Sight) -> None:
        """Count what was seen; it is in the file half a second later."""
        with self._lock:
            for (event, what), number in sight.counts.items():
                self._count((sight.pixel, sight.place, event, what), number)
            for event, what, page, ours in sight.differences:
                self._count(
                    (sight.pixel, sight.place, event, what), 1, Example(sight.path, page, ours)
                )
            due = self._timer is None
            if due and surroundings().can_send:
                self._timer = threading.Timer(SAVE_AFTER, self.save)
                self._timer.daemon = True
                self._timer.start()
                due = False
        if due and abs(self._clock() - self._saved) >= 1:  # a server without threads
            self.save(patience=0)  # the visitor waits

    def _count(self, key: Key, number: int, *told: Example) -> None:
        if key not in self._waiting and len(self._waiting) >= MOST_WAITING:
            key = _other(key)
            if key not in self._waiting and len(self._waiting) >= MOST_WAITING + MOST_OTHERS:
                key = _other(key, event=OTHER_EVENTS)
        count, examples = self._waiting.get(key, (0, []))
        self._waiting[key] = count + number, [*examples, *told][-EXAMPLES:]

    def save(self, patience: float = _BUSY_SECONDS) -> None:
        """Write what waits, in `patience` seconds where another process writes. Never raises."""
        # No fork meanwhile: in the child the file would be locked by a thread that is not there.
        with self.fork_lock:
            with self._lock:
                waiting, self._waiting, self._timer = self._waiting, {}, None
                self._saved = self._clock()
            if not waiting:
                return
            try:
                now = self._clock()
                figures.change(self._spool / FILE, lambda db: _merge(db, waiting, now), patience)
            except Exception as error:  # whatever is wrong there, the shop goes on
                self._keep(waiting)
                if not self._failed:
                    self._failed = True
                    log.warning(
                        "what shadow mode sees cannot be kept in %s: %s", self._spool, error
                    )

    def _keep(self, waiting: Waiting) -> None:
        """What could not be written waits for the next time."""
        with self._lock:
            newer, self._waiting = self._waiting, waiting
            for key, (number, examples) in newer.items():
                self._count(key, number, *examples)

    def close(self) -> None:
        """Write what waits, now."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self.save()


# --- the file ------------------------------------------------------------------------------------


def _merge(db: sqlite3.Connection, waiting: Waiting, now: float) -> None:
    _make(db)
    if db.execute("SELECT 1 FROM started").fetchone() is None:
        db.execute("INSERT INTO started VALUES (?)", (now,))
    (room,) = db.execute("SELECT ? - count(*) FROM sight", (MOST_ROWS,)).fetchone()
    for key, (count, examples) in waiting.items():
        room -= _add(db, key, count, examples, room)


def _other(key: Key, *, event: str = "") -> Key:
    """Where it is counted if there is no room for its page, or its event."""
    pixel, _, own, what = key
    return pixel, OTHERS, (event if own else own) or own, what


def _make(db: sqlite3.Connection) -> None:
    for statement in filter(str.strip, _SCHEMA.split(";")):
        db.execute(statement)


def _add(db: sqlite3.Connection, key: Key, count: int, examples: list[Example], room: int) -> int:
    """Add to a row, or to that of the other pages; how many rows that made."""
    before = _row(db, key)
    if before is None and room <= 0:
        key = _other(key)
        before = _row(db, key)
    if before is None and room <= -MOST_OTHERS:
        key = _other(key, event=OTHER_EVENTS)
        before = _row(db, key)
    known, kept = before or (0, [])
    text = orjson.dumps([*kept, *map(list, examples)][-EXAMPLES:]).decode()
    db.execute("INSERT OR REPLACE INTO sight VALUES (?,?,?,?,?,?)", (*key, known + count, text))
    return int(before is None)


def _row(db: sqlite3.Connection, key: Key) -> tuple[int, list[object]] | None:
    where = "pixel = ? AND place = ? AND event = ? AND what = ?"
    found = db.execute(f"SELECT count, examples FROM sight WHERE {where}", key).fetchone()  # noqa: S608
    return None if found is None else (found[0], orjson.loads(found[1]))


def read(spool: Path) -> tuple[float | None, list[Seen]]:
    """Since when sightings are counted (None: there are none), and all of them.

    Raises sqlite3.Error where the file cannot be read.
    """
    if not locks.is_there(spool / FILE):
        return None, []
    with figures.opened(spool / FILE, _BUSY_SECONDS) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'sight'").fetchone() is None:
            return None, []
        since = db.execute("SELECT min(at) FROM started").fetchone()[0]
        rows = db.execute("SELECT * FROM sight ORDER BY pixel, place, event, what").fetchall()
    return since, [_seen(*row) for row in rows]


def _seen(pixel: str, place: str, event: str, what: str, count: int, examples: str) -> Seen:
    told = tuple(Example(*example) for example in orjson.loads(examples))
    return Seen(pixel, place, event, what, count, told)


def reset(spool: Path) -> None:
    """Forget what was seen; shops that run go on counting. Raises sqlite3.Error."""
    if locks.is_there(spool / FILE):
        figures.change(spool / FILE, _forget, _BUSY_SECONDS)


def _forget(db: sqlite3.Connection) -> None:
    _make(db)
    db.execute("DELETE FROM sight")
    db.execute("DELETE FROM started")
