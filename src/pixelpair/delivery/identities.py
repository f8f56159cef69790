"""Which events the embedded outbox has met: their identities, and when they are forgotten.

Knows SQL; what an event is, and whose transaction this is, is said elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pixelpair.delivery.outbox import remember_for

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from pixelpair.delivery.outbox import Key

DIGEST: Final = 16
# An identity that is queued is remembered until its verdict, and until `past` says otherwise.
ALWAYS: Final = 9e15
# The rows of `past` that one transaction sees to: each may hold a thousand identities.
FORGOTTEN: Final = 20
# So many wait outside of `seen`: 2 MB of the sender's memory.
MERGE_AT: Final = 20_000

# `seen` holds the identity of what is queued or was delivered lately. Its rows lie wherever their
# digests put them, and to change a thousand means to write nearly every page of it: that took as
# long as all the rest of a delivery. So `past` notes, a row for each batch, who may be forgotten
# when; and what never was queued stands in `fresh`, in rows like those, until many go at once.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS seen (digest BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
DROP INDEX IF EXISTS seen_until;
CREATE INDEX IF NOT EXISTS seen_ends ON seen (until) WHERE until < 9e15;
CREATE TABLE IF NOT EXISTS past (
    key INTEGER PRIMARY KEY, until REAL NOT NULL, digests BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS past_until ON past (until);
CREATE TABLE IF NOT EXISTS fresh (
    key INTEGER PRIMARY KEY, until REAL NOT NULL, digests BLOB NOT NULL);
"""
# The identities in a text of them, one after the other: one statement for a thousand, during which
# requests run.
_EACH: Final = (
    "WITH RECURSIVE d (at) AS (VALUES (1) UNION ALL"  # noqa: S608
    f" SELECT at + {DIGEST} FROM d WHERE at + {DIGEST} < length(?1))"
)
_ONE: Final = f"substr(?1, at, {DIGEST})"


def remember(db: sqlite3.Connection, known: Key, until: float, now: float) -> int:
    """Note an identity; whether it was new (0 or 1)."""
    return db.execute(
        "INSERT INTO seen VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until = ?2 WHERE until <= ?3",
        (known, until, now),
    ).rowcount


def known_of(db: sqlite3.Connection, digests: Sequence[bytes], now: float) -> set[bytes]:
    """Which of these are in `seen`."""
    asked = f"{_EACH} SELECT digest FROM d CROSS JOIN seen ON digest = {_ONE} WHERE until > ?2"  # noqa: S608
    return {known for (known,) in db.execute(asked, (b"".join(digests), now))}


def fresh(db: sqlite3.Connection) -> set[bytes]:
    """Those that stand outside of `seen`."""
    return set(_cut(db.execute("SELECT digests FROM fresh").fetchall()))


def note_fresh(db: sqlite3.Connection, known: Iterable[tuple[bytes, bool]], now: float) -> None:
    """Note what was delivered and never queued, each with whether its id lasts."""
    db.executemany("INSERT INTO fresh (until, digests) VALUES (?, ?)", _batches(known, now))


def forget_later(db: sqlite3.Connection, known: Iterable[tuple[bytes, bool]], now: float) -> None:
    """Note that these, which are in `seen`, are over: they are forgotten when their time is."""
    db.executemany("INSERT INTO past (until, digests) VALUES (?, ?)", _batches(known, now))


def merge(db: sqlite3.Connection) -> None:
    """Put into `seen` what stands outside of it."""
    if found := db.execute("SELECT digests FROM fresh").fetchall():
        every = b"".join([digests for (digests,) in found])
        # In the order of the table: a page is written once. Requests run while SQLite sorts.
        each = f"SELECT {_ONE}, {ALWAYS} FROM d ORDER BY 1"  # noqa: S608
        db.execute(f"{_EACH} INSERT OR REPLACE INTO seen {each}", (every,))
        db.execute("INSERT INTO past (until, digests) SELECT until, digests FROM fresh")
        db.execute("DELETE FROM fresh")


def forget(db: sqlite3.Connection, now: float) -> None:
    """Forget those whose time is over, some of them if there are many."""
    over = "SELECT digests, key FROM past WHERE until <= ? ORDER BY until LIMIT ?"
    if found := db.execute(over, (now, FORGOTTEN)).fetchall():
        every = b"".join([digests for digests, _ in found])
        each = f"SELECT {_ONE} FROM d ORDER BY 1"  # noqa: S608
        db.execute(f"{_EACH} DELETE FROM seen WHERE digest IN ({each})", (every,))  # noqa: S608
        db.executemany("DELETE FROM past WHERE key = ?", [(key,) for _, key in found])


def _batches(known: Iterable[tuple[bytes, bool]], now: float) -> Iterator[tuple[float, bytes]]:
    every = list(known)
    for kind in (False, True):
        if digests := b"".join([digest for digest, lasting in every if bool(lasting) is kind]):
            yield now + remember_for(kind), digests


def _cut(found: list[tuple[bytes, ...]]) -> Iterator[bytes]:
    for digests, *_ in found:
        yield from (digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST))
