"""How a command answers: tables with rich on a terminal, aligned text elsewhere, or JSON.

Knows columns and terminals; what the figures mean is the commands' business.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


# Of ten thousand rows rich folds each for 18 s; aligned text takes 0.1.
MOST_FOLDED: Final = 500


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows below headings, or names and what they are. `right`: the columns of numbers."""

    rows: Sequence[Sequence[str]]
    headings: Sequence[str] = ()
    right: frozenset[int] = frozenset()


def before_any_terminal(run: Callable[[], int], left: int) -> int:
    """Run a command, whatever its answer goes to: `left` where it could not be written.

    Names come in every script, and not every terminal has it. `| head` has read enough, which is
    nobody's fault; a full disk is told.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return run()
        finally:
            if sys.stdout is not None:  # `>&-` closed it
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        if error.errno == errno.ENOSPC:
            print(plain(f"could not write: {error}"), file=sys.stderr)
        # What is left would be flushed, and fail, once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return left


def answer(document: object, shown: Sequence[Grid | str], *, as_json: bool) -> None:
    """Print the document as JSON, or else what is shown to people."""
    if as_json:
        print(json.dumps(document, indent=2))
        return
    console = Console(highlight=False)
    parts = [part for part in shown if part if isinstance(part, str) or part.rows]
    for number, part in enumerate(parts):
        if number:
            print()
        if isinstance(part, str):
            print(plain(part, "\n"))
        elif console.is_terminal and len(part.rows) <= MOST_FOLDED:
            console.print(_table(part))
        else:
            print(*_lines(part), sep="\n")


def plain(text: str, but: str = "") -> str:
    """Text that moves no cursor and hides nothing: what does not print is escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in but else ascii(c)[1:-1] for c in text)


def count(number: int) -> str:
    return f"{number:,}"


def pretty(document: Any) -> str:
    """JSON to be read by people."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def _table(grid: Grid) -> Table:
    table = Table(box=None, show_header=bool(grid.headings), padding=(0, 2, 0, 0), pad_edge=False)
    for place, heading in zip_longest(range(len(grid.rows[0])), grid.headings, fillvalue=""):
        right = place in grid.right
        table.add_column(
            Text(plain(str(heading))), justify="right" if right else "left", overflow="fold"
        )
    for row in grid.rows:
        table.add_row(*(Text(plain(cell)) for cell in row))  # no markup: a reason may have brackets
    return table


def _lines(grid: Grid) -> list[str]:
    rows = [[plain(cell) for cell in row] for row in (grid.headings, *grid.rows) if row]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in grid.right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
