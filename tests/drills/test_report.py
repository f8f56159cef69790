"""The page of the drills has a row for each of them, and each names a test that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from .figures import DRILLS, Figures, read, record
from .report import BEGIN, END, HEAD, PAGE, row, table

HERE = Path(__file__).parent


def rows() -> list[str]:
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0].splitlines()[2:]


def test_the_page_has_a_row_for_each_drill() -> None:
    assert [line.split(" | ")[0] for line in rows()] == [f"| {d.done}" for d in DRILLS.values()]


def test_no_row_of_the_page_has_lost_what_the_disk_still_held() -> None:
    """Only what stood in damaged bytes may be lost."""
    damage = {DRILLS[key].done for key in ("journal-damaged", "database-damaged")}
    lost = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[2] for line in rows()}
    assert {what for what, number in lost.items() if number != "0"} <= damage


@pytest.mark.parametrize("key", DRILLS)
def test_each_drill_is_recorded_by_its_test(key: str) -> None:
    code = (HERE / DRILLS[key].test).read_text()
    stem = key.partition("-")[0]
    assert f'"{key}"' in code or f'f"{stem}-{{' in code


def test_what_is_recorded_is_what_the_table_shows(tmp_path: Path) -> None:
    kills = Figures(1200, 0, 3, 1.25, "4 kills")
    record("takeover", Figures(1, 0, 0, None), tmp_path / "drills.json")
    record("kills", Figures(9, 9, 9, 9.0), tmp_path / "drills.json")
    record("kills", kills, tmp_path / "drills.json")
    found = read(tmp_path / "drills.json")
    assert table(found) == HEAD + row("kills", kills) + row("takeover", Figures(1, 0, 0, None))
    assert row("kills", kills) == (
        f"| {DRILLS['kills'].done} | 1,200 | 0 | 3 | 1.2 s | 4 kills | `test_kills.py` |\n"
    )
