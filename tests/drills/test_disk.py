"""The disk fills up, or the spool cannot be written: events wait in memory and leave from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import until

from . import parts
from .disks import guarded_folder, small_disk
from .figures import record
from .parts import Pace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.drill

PACE = Pace(customers=2, events=10, every=0.1)
COMMAND = [*parts.THREADED, "--workers", "1", parts.WSGI]
NOT_WRITABLE = b"cannot be written"


def test_nothing_is_lost_while_the_disk_is_full(
    meta: parts.Meta, ledger: parts.Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with small_disk(tmp_path / "spool") as disk, log.open("wb") as stderr:
        settings = parts.environ(meta, disk.folder)
        meta.misbehave = parts.down
        with parts.shop(COMMAND, settings, stderr=stderr) as (port, process):
            with parts.customers(ledger, port, PACE):
                ledger.more(50)
                pids = [process.pid, *parts.children(process.pid)]
                disk.fill(pids)
                assert until(lambda: NOT_WRITABLE in log.read_bytes()), "the disk never was full"
                full = len(ledger.accepted)
                ledger.more(100)
                meta.misbehave = parts.well
                held = list(ledger.accepted)[full:]
                assert until(lambda: meta.first.keys() & held, 90), "nothing was sent from memory"
                ledger.more(50)
                during = len(ledger.accepted) - full
                from_memory = len(meta.first)
                disk.free(pids)
            arrived = parts.all_arrived(ledger, meta, 60)
            integrity = parts.integrity(disk.folder / "outbox.sqlite3")
    figures = parts.reckon(
        ledger,
        meta,
        f"{disk.words}; {during} accepted while it was full, {from_memory} sent before it was"
        f" free; slowest answer {ledger.slowest * 1000:.0f} ms",
    )
    assert (arrived, sorted(ledger.missing(meta))[:5], ledger.refused) == (True, [], 0)
    assert (integrity, during > 0) == ([("ok",)], True)
    record("disk-full", figures)


def test_nothing_is_lost_while_the_spool_is_read_only(
    meta: parts.Meta, ledger: parts.Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with guarded_folder(tmp_path / "spool") as spool, log.open("wb") as stderr:
        settings = parts.environ(meta, spool.folder)
        meta.misbehave = parts.down
        with parts.shop([*spool.prefix, *COMMAND], settings) as (port, process):
            parts.visit(ledger, port, "before", 0, 200)
            parts.kill(process)
        spool.writable(False)
        meta.misbehave = parts.well
        with parts.shop([*spool.prefix, *COMMAND], settings, stderr=stderr) as (port, _):
            with parts.customers(ledger, port, PACE):
                assert until(lambda: NOT_WRITABLE in log.read_bytes()), "it could be written"
                ledger.more(100)
                assert until(lambda: len(meta.first) >= 50), "nothing was sent from memory"
                sent = len(meta.first)
                spool.writable(True)
                ledger.more(50)
            arrived = parts.all_arrived(ledger, meta, 60)
    figures = parts.reckon(
        ledger,
        meta,
        f"{spool.words}; {sent} sent from memory meanwhile; what waited there from before left"
        " when it could be written again",
    )
    assert (arrived, sorted(ledger.missing(meta))[:5], ledger.refused) == (True, [], 0)
    record("disk-read-only", figures)
