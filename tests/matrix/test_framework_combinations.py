"""Each combination of the table: as it should be, or wrong in the way that the table says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.doors.drive import Ledger

from .framework_combinations import COMBINATIONS, Combination

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [pytest.param(one, id=f"{one.what}, {one.place}") for one in COMBINATIONS]


@pytest.mark.drill
@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*pkg_resources")  # Pyramid's
@pytest.mark.parametrize("one", CELLS)
def test_cell(one: Combination, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "spool", **({"routes": one.routes} if one.routes else {}))
    try:
        ask = one.build(ledger.tracker)
        if not one.why:
            one.check(ask, ledger)
            return
        with pytest.raises(AssertionError, match=one.says):
            one.check(ask, ledger)  # does it not fail? take its `why` out
    finally:
        ledger.tracker.close()
