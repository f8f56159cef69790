"""The statements that change the tables of the embedded outbox.

Knows SQL and what a queued, a delivered and a dead event are; transactions are the outbox's.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery import identities, ledger, survey, withdrawals
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
    import sqlite3
    from collections.abc import Iterable, Sequence

    from pixelpair.delivery.ledger import State
    from pixelpair.delivery.outbox import Key, Row

COLUMNS: Final = "digest, pixel, name, id, time, lasting, body, consent, met"


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
