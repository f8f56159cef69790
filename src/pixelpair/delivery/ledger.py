"""The ledger of Purchases: which orders an outbox has seen, what they were worth, what became of
them; kept longer than the events, and without their visitors.
"""

from __future__ import annotations

import json
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from pixelpair.core.events import Twin
    from pixelpair.delivery.outbox import Key, Row

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

# How a body tells its facts. In a text it would read \\".
_LAST: Final = b',"custom_data":'


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
    order_id, value, currency = _told(twin.body)
    amount = None if value is None else Decimal(value)
    return Purchase(
        twin.pixel_id, twin.event_id, order_id, amount, currency, twin.event_time, state
    )


def _told(body: bytes) -> tuple[str | None, str | None, str | None]:
    """The order, the amount as text, and the currency in an event's body."""
    data = _custom_data(body)
    order_id, value, currency = data.get("order_id"), data.get("value"), data.get("currency")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        order_id if isinstance(order_id, str) else None,
        str(value) if is_number else None,
        currency if isinstance(currency, str) else None,
    )


def _custom_data(body: bytes) -> dict[str, Any]:
    # Nearly always the last thing that a body says: to read it alone takes a third of the time.
    _, _, rest = body.partition(_LAST)
    for text, key in ((rest[:-1], None), (body, "custom_data")):
        try:
            found = orjson.loads(text)
            data = found.get(key) if key else found
        except (ValueError, AttributeError):
            continue
        if isinstance(data, dict):
            return data
    return {}


# --- in SQLite, in whose transaction the outbox says ---------------------------------------------

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS purchase (
    digest BLOB PRIMARY KEY, pixel TEXT NOT NULL, id TEXT NOT NULL, order_id TEXT, value TEXT,
    currency TEXT, time INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS purchase_time ON purchase (time);
CREATE TABLE IF NOT EXISTS sold (key INTEGER PRIMARY KEY, orders TEXT NOT NULL);
"""
# The rows of `purchase` lie wherever their digests put them. To enter two hundred took twice as
# long as all else that is noted of a batch, so what was sold without ever waiting stands in `sold`,
# a row for each batch, until many are entered at once.
PAGE: Final = 1000
_THOSE: Final = "IN (SELECT value FROM json_each(?))"


def book(db: sqlite3.Connection, bought: Iterable[tuple[bytes, Twin, State]]) -> None:
    """Enter Purchases, each with its identity."""
    _enter(
        db,
        [
            (known, twin.pixel_id, twin.event_id, *_told(twin.body), twin.event_time, state)
            for known, twin, state in bought
        ],
    )


def _enter(db: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    db.executemany("INSERT OR REPLACE INTO purchase VALUES (?,?,?,?,?,?,?,?)", rows)


def book_sold(db: sqlite3.Connection, bought: Sequence[Row]) -> None:
    """Note Purchases that Meta has and that never were queued, whose keys are their identities."""
    orders = [
        (known.hex(), twin.pixel_id, twin.event_id, *_told(twin.body), twin.event_time)
        for known, twin, _ in bought
        if isinstance(known, bytes)
    ]
    if orders:
        db.execute("INSERT INTO sold (orders) VALUES (?)", (orjson.dumps(orders).decode(),))


def enter_sold(db: sqlite3.Connection) -> None:
    """Enter what was noted so."""
    if found := _noted(db):
        found.sort(key=itemgetter(0))  # in the order of the table: a page is written once
        _enter(db, [(bytes.fromhex(known), *told, DELIVERED) for known, *told in found])
        db.execute("DELETE FROM sold")


def sold(db: sqlite3.Connection) -> dict[bytes, Purchase]:
    """What was noted so, and not entered yet, by identity."""
    return {
        bytes.fromhex(known): Purchase(
            pixel, id_, order, None if value is None else Decimal(value), currency, at, DELIVERED
        )
        for known, pixel, id_, order, value, currency, at in _noted(db)
    }


def _noted(db: sqlite3.Connection) -> list[list[Any]]:
    found = db.execute("SELECT orders FROM sold ORDER BY key").fetchall()
    return [told for (orders,) in found for told in orjson.loads(orders)]


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
    enter_sold(db)
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
