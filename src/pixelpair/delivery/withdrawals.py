"""The visitors who withdrew, in the embedded outbox's file: who, until when, and what is theirs.

Knows SQL and how a body tells its visitor; what becomes of their events is said in `tables`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal

from pixelpair.delivery.outbox import (
    FBP_KEY,
    REMEMBER_WITHDRAWAL,
    WITHDRAWALS,
    borne_fbp,
    sought_fbp,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from pixelpair.core.events import Twin, Withdrawal
    from pixelpair.delivery.outbox import Key

# What `borne_fbp` says, in SQL: a scan in C lets requests run meanwhile. NULL where there is none.
_REST: Final = f"substr(body, nullif(instr(body, x'{FBP_KEY.hex()}'), 0) + {len(FBP_KEY)})"
_BORNE: Final = f"substr({_REST}, 1, instr({_REST}, x'22') - 1)"


def note(db: sqlite3.Connection, asked: list[Withdrawal], now: float) -> None:
    """Remember withdrawals; of one visitor's the latest."""
    db.executemany(
        "INSERT INTO withdrawn VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET time = CASE WHEN until > ?5 THEN max(time, excluded.time) ELSE excluded.time END,"
        " until = excluded.until",
        [(w.pixel_id, sought_fbp(w), w.time, now + REMEMBER_WITHDRAWAL, now) for w in asked],
    )


def known(db: sqlite3.Connection, now: float) -> bool:
    """Whether any withdrawal is remembered."""
    return bool(db.execute("SELECT 1 FROM withdrawn WHERE until > ? LIMIT 1", (now,)).fetchone())


def ended(db: sqlite3.Connection, twin: Twin, now: float) -> bool:
    """Whether this event's visitor withdrew when it was made, or later."""
    question = "SELECT 1 FROM withdrawn WHERE pixel = ? AND fbp = ? AND time >= ? AND until > ?"
    whose = (twin.pixel_id, borne_fbp(twin.body), twin.met or twin.event_time, now)
    return db.execute(question, whose).fetchone() is not None


def theirs(
    db: sqlite3.Connection, table: Literal["event", "dead"], pixels: Collection[str], now: float
) -> list[Key]:
    """The events of all who withdrew from these pixels, found in one pass."""
    found = db.execute(
        f"SELECT key FROM {table} AS e WHERE pixel IN (SELECT value FROM json_each(?))"  # noqa: S608
        f" AND coalesce(nullif(met, 0), time) <= (SELECT w.time FROM withdrawn w"
        f" WHERE w.pixel = e.pixel AND w.fbp = {_BORNE} AND w.until > ?)",
        (json.dumps(sorted(pixels)), now),
    )
    return [key for (key,) in found]


def forget_oldest(db: sqlite3.Connection) -> None:
    """Keep the number of what is remembered in bounds."""
    db.execute(
        "DELETE FROM withdrawn WHERE (pixel, fbp) IN"
        " (SELECT pixel, fbp FROM withdrawn ORDER BY until DESC LIMIT -1 OFFSET ?)",
        (WITHDRAWALS,),
    )


def sweep(db: sqlite3.Connection, now: float) -> None:
    """Forget those whose time is over."""
    db.execute("DELETE FROM withdrawn WHERE until <= ?", (now,))
