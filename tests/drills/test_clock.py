"""The wall clock jumps by hours while events wait for their next try."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from . import parts
from .figures import record
from .parts import Pace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.drill

PACE = Pace(customers=2, events=5, every=0.1)
# The longest that a try may be put off by what happened in these few seconds, and some.
PATIENCE = 40.0
JUMPS = {"forward": 7200, "back": -7200}


@pytest.mark.parametrize("way", JUMPS)
def test_nothing_is_lost_or_put_off_when_the_clock_jumps(
    way: str, meta: parts.Meta, ledger: parts.Ledger, spool: Path, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    settings = parts.environ(meta, spool, DRILL_CLOCK=str(clock))
    command = [*parts.THREADED, "--workers", "1", "tests.drills.jumpy:application"]
    with parts.shop(command, settings) as (port, _):
        with parts.customers(ledger, port, PACE):
            ledger.more(50)
            meta.misbehave = parts.down
            out = time.monotonic()
            ledger.more(50)
            time.sleep(2)
            (tmp_path / "later").write_text(str(JUMPS[way]))
            (tmp_path / "later").replace(clock)
            time.sleep(2)
            meta.misbehave = parts.well
            back = time.monotonic()
            ledger.more(50)
        arrived = parts.all_arrived(ledger, meta, PATIENCE)
        late = time.monotonic() - back
    parts.drain(settings)
    figures = parts.reckon(
        ledger,
        meta,
        f"all with Meta {late:.0f} s after Graph was back, which was out for {back - out:.0f} s",
    )
    assert (sorted(ledger.missing(meta))[:5], figures.twice, ledger.refused) == ([], 0, 0)
    assert arrived, "the jump put events off"
    record(f"clock-{way}", figures)
