"""Damage to what waits on the disk: what stood in the damaged bytes is lost, and nothing else."""

from __future__ import annotations

import random
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.conftest import until

from . import parts
from .figures import record
from .parts import Pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.drill

# How a record begins in a journal; no byte of it is in any text.
MARK = re.compile(rb"\xf5\xfaPX")
ID = re.compile(rb'"event_id":"([^"]+)"')
PACE = Pace(customers=4, events=10, every=0.05)
FLIPS, CUTS = 30, 10
COMMAND = [*parts.THREADED, "--workers", "2", parts.WSGI]


def load(settings: dict[str, str], ledger: parts.Ledger, number: int, name: str = "c") -> None:
    """A shop that accepts so many events at least, and is killed."""
    with parts.shop(COMMAND, settings) as (port, process):
        with parts.customers(ledger, port, PACE, name):
            ledger.more(number)
        parts.kill(process)


# --- journals ------------------------------------------------------------------------------------


def records(data: bytes) -> list[tuple[int, int, str]]:
    """Where each record of a whole journal begins and ends, and whose event it is."""
    starts = [found.start() for found in MARK.finditer(data)]
    spans = zip(starts, [*starts[1:], len(data)], strict=True)
    return [(a, b, ID.search(data, a, b)[1].decode()) for a, b in spans]  # type: ignore[index]


def damage(file: Path, dice: random.Random) -> set[str]:
    """Flip bits and cut pieces out; gives the ids of the records that were touched."""
    data = bytearray(file.read_bytes())
    flips = [dice.randrange(len(data)) for _ in range(FLIPS)]
    cuts = [(at := dice.randrange(len(data)), at + dice.randint(1, 3000)) for _ in range(CUTS)]
    spans = [*cuts, *((at, at + 1) for at in flips)]
    touched = {
        i for a, b, i in records(bytes(data)) if any(at < b and end > a for at, end in spans)
    }
    for at in flips:
        data[at] ^= 1 << dice.randrange(8)
    gone = {at for first, end in cuts for at in range(first, end)}
    file.write_bytes(bytes(byte for at, byte in enumerate(data) if at not in gone))
    return touched


def test_only_what_stood_in_damaged_bytes_of_a_journal_is_lost(
    meta: parts.Meta, ledger: parts.Ledger, spool: Path
) -> None:
    dice = random.Random(seed := random.randrange(10**6))
    settings = parts.environ(meta, spool, PIXELPAIR_SENDER="none")
    load(settings, ledger, 2000)
    journals = [file for file in spool.glob("*.pxj") if file.stat().st_size]
    touched = set().union(*(damage(file, dice) for file in journals))
    code, said = parts.drain(settings)
    figures = parts.reckon(
        ledger,
        meta,
        f"{FLIPS * len(journals)} bits flipped, {CUTS * len(journals)} pieces cut, in"
        f" {len(journals)} journals; lost only what stood there ({len(touched)} records)",
    )
    assert (code, ledger.missing(meta), seed) == (0, touched & ledger.accepted.keys(), seed), said
    assert figures.twice == 0
    assert list(spool.glob("*.pxj")) == []
    record("journal-damaged", figures)


# --- the database --------------------------------------------------------------------------------


def overwrite(file: Path) -> None:
    """Noise all over, the first page included."""
    data = bytearray(file.read_bytes())
    for at in range(0, len(data), 4096):
        data[at : at + 64] = random.randbytes(64)
    file.write_bytes(data)


def overwrite_inside(file: Path) -> None:
    """Noise in every page but the first."""
    data = bytearray(file.read_bytes())
    for at in range(4096, len(data), 4096):
        data[at : at + 64] = random.randbytes(64)
    file.write_bytes(data)


def cut(file: Path) -> None:
    """The last half is gone."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


KINDS: tuple[Callable[[Path], None], ...] = (overwrite, overwrite_inside, cut)


def test_the_shop_goes_on_with_a_new_database_where_the_old_one_is_damaged(
    meta: parts.Meta, ledger: parts.Ledger, tmp_path: Path
) -> None:
    stood: set[str] = set()
    for kind in KINDS:
        stood |= damage_database(kind, meta, ledger, tmp_path / kind.__name__)
    figures = parts.reckon(
        ledger,
        meta,
        f"{len(KINDS)} kinds of damage; lost only what stood in the files ({len(stood)} events);"
        " each was set aside and reported",
    )
    assert ledger.missing(meta) <= stood
    assert figures.twice == 0
    record("database-damaged", figures)


def damage_database(
    kind: Callable[[Path], None], meta: parts.Meta, ledger: parts.Ledger, spool: Path
) -> set[str]:
    """The ids of what stood in the file that was damaged; what came later must have arrived."""
    settings, file, name = parts.environ(meta, spool), spool / "outbox.sqlite3", kind.__name__
    meta.misbehave = parts.down
    load(settings, ledger, 1000, f"{name}-old")
    with parts.ended(parts.start([*parts.PIXELPAIR, "worker"], settings)):
        # The journals are read, and gone: from here on the file alone holds what is in it.
        assert until(lambda: not list(spool.glob("*.pxj")))
    stood = held(file)
    assert len(stood) == sum(i.startswith(f"{name}-old") for i in ledger.accepted)
    kind(file)
    meta.misbehave = parts.well
    with (spool.parent / f"{name}.log").open("wb") as log:
        worker = parts.start([*parts.PIXELPAIR, "worker"], settings, stderr=log)
    with parts.ended(worker):
        load(settings | {"PIXELPAIR_SENDER": "none"}, ledger, 1000, f"{name}-new")
        new = {i: at for i, at in ledger.accepted.items() if i.startswith(f"{name}-new")}
        assert parts.all_arrived(parts.Ledger(new), meta, 90)
        worker.terminate()
        worker.wait(60)
    code, said = parts.drain(settings)
    assert code == 0, said
    assert len(list(spool.glob("outbox.sqlite3.corrupt-*[0-9]"))) == 1
    assert b"is corrupt" in (spool.parent / f"{name}.log").read_bytes()
    assert parts.integrity(file) == [("ok",)]
    return stood


def held(file: Path) -> set[str]:
    """Whose events wait in an outbox."""
    db = sqlite3.connect(file)
    try:
        found = {event_id for (event_id,) in db.execute("SELECT id FROM event")}
        # Into the file itself: what is damaged must be what counts.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    return found
