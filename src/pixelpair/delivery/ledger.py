"""The ledger of Purchases: which orders an outbox has seen, what they were worth, what became of
them; kept longer than the events, and without their visitors.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from pixelpair.core.events import Twin
    from pixelpair.delivery.outbox import Key

PURCHASE: Final = "Purchase"
# From the event's time on: a month of orders can be compared with what the shop's books say.
KEEP_PURCHASES: Final = 30 * 86400

State = Literal["waiting", "delivered", "dead", "withdrawn"]
WAITING: Final[State] = "waiting"
DELIVERED: Final[State] = "delivered"
DEAD: Final[State] = "dead"
# Its visitor called it back, or it was erased. The order stays known: it names nobody, and would
# else count as lost.
WITHDRAWN: Final[State] = "withdrawn"


class Purchase(NamedTuple):
    """What is known of one Purchase. No fact of its visitor is."""

    pixel_id: str
    event_id: str
    order_id: str | None
    value: Decimal | None
    currency: str | None
    event_time: int
    state: State

    def __repr__(self) -> str:
        return f"Purchase({self.pixel_id} {self.event_id} at {self.event_time}: {self.state})"


def purchase_of(twin: Twin, state: State) -> Purchase:
    """The ledger's word of an event; what its body does not say, or says wrong, is None."""
    try:
        data = orjson.loads(twin.body).get("custom_data") or {}
    except (ValueError, AttributeError):
        data = {}
    value, told = data.get("value"), (data.get("order_id"), data.get("currency"))
    order_id, currency = (one if isinstance(one, str) else None for one in told)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    amount = Decimal(str(value)) if is_number else None
    return Purchase(
        twin.pixel_id, twin.event_id, order_id, amount, currency, twin.event_time, state
    )


# --- in SQLite, in whose transaction the outbox says ---------------------------------------------

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS purchase (
    digest BLOB PRIMARY KEY, pixel TEXT NOT NULL, id TEXT NOT NULL, order_id TEXT, value TEXT,
    currency TEXT, time INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS purchase_time ON purchase (time);
"""
PAGE: Final = 1000
_THOSE: Final = "IN (SELECT value FROM json_each(?))"


def book(db: sqlite3.Connection, bought: Iterable[tuple[bytes, Twin, State]]) -> None:
    """Enter Purchases, each with its identity."""
    rows = []
    for known, twin, state in bought:
        pixel_id, event_id, order_id, value, currency, at, _ = purchase_of(twin, state)
        amount = None if value is None else str(value)
        rows.append((known, pixel_id, event_id, order_id, amount, currency, at, state))
    db.executemany("INSERT OR REPLACE INTO purchase VALUES (?,?,?,?,?,?,?,?)", rows)


def rebook(db: sqlite3.Connection, digests: Iterable[bytes], state: State) -> None:
    """Note what became of those of these identities that are Purchases."""
    rows = [(state, known) for known in digests]
    db.executemany("UPDATE purchase SET state = ? WHERE digest = ?", rows)


def rebook_of(
    db: sqlite3.Connection, table: Literal["event", "dead"], keys: Sequence[Key], state: State
) -> None:
    """The same of those that stand in a table under these keys."""
    if keys:
        found = db.execute(
            f"SELECT digest FROM {table} WHERE name = ? AND key {_THOSE}",  # noqa: S608
            (PURCHASE, json.dumps(list(keys))),
        )
        rebook(db, [known for (known,) in found.fetchall()], state)


def sweep(db: sqlite3.Connection, now: float) -> None:
    """Forget the old ones; and note, the first time, since when the ledger is kept."""
    db.execute("DELETE FROM purchase WHERE time <= ?", (now - KEEP_PURCHASES,))
    db.execute("INSERT OR IGNORE INTO counter VALUES ('ledger', ?)", (int(now),))


def since(db: sqlite3.Connection, now: float) -> float:
    """From when on the ledger is whole."""
    found = db.execute("SELECT value FROM counter WHERE name = 'ledger'").fetchone()
    return now if found is None else max(float(found[0]), now - KEEP_PURCHASES)


def page_after(db: sqlite3.Connection, known: bytes) -> list[tuple[bytes, Purchase]]:
    """The next Purchases by their identities, which is no order of time."""
    found = db.execute(
        "SELECT * FROM purchase WHERE digest > ? ORDER BY digest LIMIT ?", (known, PAGE)
    )
    return [
        (key, Purchase(pixel, id_, order, None if value is None else Decimal(value), *rest))
        for key, pixel, id_, order, value, *rest in found
    ]
