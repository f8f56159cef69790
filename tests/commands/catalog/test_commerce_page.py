"""docs/commerce.md has every row of the guide, and claims only commands that exist."""

from __future__ import annotations

import re

import pytest

from tests.docs_pages import TEXTS, code, table

from ..test_documented import parsers

PAGE = "docs/commerce.md"
ROWS = table(TEXTS[PAGE])
SERVED = (2, 6, 7, 9, 10, 15)
COMMANDS = parsers()


def test_every_row_of_the_guide_is_there() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, 24)]
    assert [len(row) for row in ROWS] == [5] * 23


def test_what_is_not_served_says_nothing_and_why() -> None:
    served = [int(row[0]) for row in ROWS if not row[3].startswith("nothing")]
    assert served == list(SERVED)
    assert [row[0] for row in ROWS if not row[4]] == []


def claimed(row: list[str]) -> list[str]:
    """The commands that a row names, with their options."""
    return [word for word in code(row[3]) if word.startswith(("catalog ", "pixelpair "))]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row[0]}")
def test_every_command_that_is_claimed_exists(row: list[str]) -> None:
    for text in claimed(row):
        typed = text.removeprefix("pixelpair ")
        exact = [name for name in COMMANDS if f"{typed} ".startswith(f"{name} ")]
        family = [name for name in COMMANDS if name.startswith(f"{typed} ")]
        assert exact or family, text
        told = "".join(COMMANDS[name].format_help() for name in exact)
        assert [option for option in re.findall("--[a-z-]+", typed) if option not in told] == []


def test_the_bar_of_freshness_is_met_by_what_sync_offers() -> None:
    (row,) = (row for row in ROWS if row[0] == "6")
    told = COMMANDS["catalog sync"].format_help()
    modes = re.findall("`(--[a-z]+)`", row[3])
    assert modes == ["--full", "--delta", "--volatile"]
    assert [mode for mode in modes if mode not in told] == []
    lines = TEXTS["docs/sync.md"]
    assert [word for word in ("cron", "systemd", "Celery") if word not in lines] == []
