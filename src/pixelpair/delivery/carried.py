"""Which content ids this shop's delivered events carried, and how often: counts in a small file of
the spool, for `pixelpair catalog match`.

Written by whoever sends, in bulk; of a visitor nothing is kept, of an event no id.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from pixelpair.delivery import figures, forks, locks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pixelpair.core.events import Twin
    from pixelpair.delivery.dispatch import Send
    from pixelpair.graph.client import Reply

log = logging.getLogger("pixelpair")

FILE: Final = "contents.sqlite3"
# Figures to look at: half a minute late, and one transaction for what came meanwhile.
SAVE_EVERY: Final = 30.0
MOST_IDS: Final = 20_000
MOST_WAITING: Final = 20_000
# Of a fuller call, such as after an outage, so many evenly: half a millisecond at most.
MOST_OF_A_CALL: Final = 100
# Longer ones are no ids of a catalog's items, which have 100 characters at most.
_LONGEST: Final = 200
_BUSY_SECONDS: Final = 2.0
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS carried (pixel TEXT, id TEXT, event TEXT, type TEXT,"
    " count INTEGER NOT NULL, last REAL NOT NULL, PRIMARY KEY (pixel, id, event, type))"
    " WITHOUT ROWID"
)
_ADD: Final = (
    "INSERT INTO carried VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " count = count + excluded.count, last = excluded.last"
)
_OLDEST: Final = (
    "DELETE FROM carried WHERE (pixel, id) IN"
    " (SELECT pixel, id FROM carried GROUP BY pixel, id ORDER BY max(last) LIMIT ?)"
)

Key = tuple[str, str, str, str]  # pixel, id, event, content_type


class Carried(NamedTuple):
    """A content id as the events of a pixel carried it."""

    pixel: str
    id: str
    event: str
    content_type: str
    times: int
    last: float


class Contents:
    """The counts of this process on their way to the file. Never raises."""

    def __init__(self, spool: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._spool = spool
        self._clock = clock
        self._failed = False
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self.fork_lock = threading.RLock()  # while the file is open
        self._lock = threading.Lock()
        self._waiting: Counter[Key] = Counter()
        self._saved = self._clock()

    def after_fork(self) -> None:
        """What the parent sent is the parent's to tell."""
        self._begin()

    def add(self, twins: Sequence[Twin]) -> None:
        """These were delivered, in one call."""
        some = twins[:: -(-len(twins) // MOST_OF_A_CALL) or 1]
        keys = [key for twin in some if b'"content' in twin.body for key in _keys(twin)]
        with self._lock:
            if keys and len(self._waiting) < MOST_WAITING:
                self._waiting.update(keys)
            due = bool(self._waiting) and abs(self._clock() - self._saved) >= SAVE_EVERY
        if due:
            self.save()

    def counting(self, post: Send, twins: list[Twin]) -> Reply:
        """Post these, and count them where Meta takes them."""
        reply = post(twins)
        if reply.kind == "accepted":
            self.add(twins)
        return reply

    def save(self) -> None:
        """Write what waits."""
        # No fork meanwhile: in the child the file would be locked by a thread that is not there.
        with self.fork_lock:
            with self._lock:
                waiting, self._waiting = self._waiting, Counter()
                self._saved = self._clock()
            if not waiting:
                return
            try:
                now = self._clock()
                figures.change(
                    self._spool / FILE, lambda db: _merge(db, waiting, now), _BUSY_SECONDS
                )
            except Exception as error:  # whatever is wrong there, events go on
                if not self._failed:
                    self._failed = True
                    log.warning("the content ids of events are not counted: %s", error)


def _keys(twin: Twin) -> Iterator[Key]:
    """A key for each content id of an event's body, each once."""
    try:
        data = orjson.loads(twin.body).get("custom_data") or {}
        content_type = data.get("content_type")
    except (ValueError, AttributeError):
        return
    content_type = content_type if isinstance(content_type, str) else ""
    for content_id in _ids(data):
        yield twin.pixel_id, content_id, twin.event_name, content_type


def _ids(data: dict[str, Any]) -> set[str]:
    ids, contents = data.get("content_ids"), data.get("contents")
    found = list(ids) if isinstance(ids, list) else []
    rows = contents if isinstance(contents, list) else []
    found += [row.get("id") for row in rows if isinstance(row, dict)]
    return {str(one) for one in found if isinstance(one, str | int) and len(str(one)) <= _LONGEST}


# --- the file ------------------------------------------------------------------------------------


def _merge(db: sqlite3.Connection, waiting: Counter[Key], now: float) -> None:
    db.execute(_SCHEMA)
    db.executemany(_ADD, ((*key, count, now) for key, count in waiting.items()))
    count = "SELECT count(*) FROM (SELECT DISTINCT pixel, id FROM carried)"
    (ids,) = db.execute(count).fetchone()
    if ids > MOST_IDS:
        db.execute(_OLDEST, (ids - MOST_IDS,))


def read(spool: Path) -> list[Carried]:
    """All that is counted, the most frequent first. Raises sqlite3.Error where it is unreadable."""
    if not locks.is_there(spool / FILE):
        return []
    with figures.opened(spool / FILE, _BUSY_SECONDS) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'carried'").fetchone() is None:
            return []
        rows = db.execute("SELECT * FROM carried ORDER BY count DESC, pixel, id, event, type")
        return [Carried(*row) for row in rows]
