"""The servers' section of docs/compatibility.md, made of what the tests declare:
`python -m tests.matrix.table` writes it."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby

from tests.docs_pages import ROOT

from . import mod_wsgi
from .server_cells import CHECKS, Check
from .server_exceptions import BY_CELL, EXCEPTIONS, Exception_
from .servers import SERVERS, Server

FILE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- servers: begin -->\n", "<!-- servers: end -->"
BETWEEN = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)
HEAD = [
    "Server",
    "Run as",
    "Version",
    *(f"`{c.name}`" if "(" in c.name else c.name for c in CHECKS),
]


def made() -> str:
    """What stands between the marks."""
    rows = [HEAD, ["---"] * len(HEAD), *map(row, SERVERS)]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([*lines, "", *notes(), "", *meanings(), ""])


def row(server: Server) -> list[str]:
    cells = [cell(server, check) for check in CHECKS]
    return [server.name, f"`{server.line}`", versions(server), *cells]


def cell(server: Server, check: Check) -> str:
    if check.door not in ("", server.door):
        return "–"
    known = BY_CELL.get((server.name, check.name))
    return f"[no]({known.link})" if known else "✓"


def versions(server: Server) -> str:
    if not server.packages:
        return f"mod_wsgi {mod_wsgi.version()}"
    return ", ".join(map(_versioned, server.packages))


def _versioned(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:  # not on every system
        return name


def notes() -> list[str]:
    """Why a cell says no, once for each cause: they stand beside each other."""
    by_cause = groupby(EXCEPTIONS, lambda one: (one.server, one.why, one.link, one.bare))
    return [note(list(group)) for _, group in by_cause]


def note(group: list[Exception_]) -> str:
    first = group[0]
    where = "; ".join(one.check for one in group)
    whose = "; the same without pixelpair" if first.bare else ""
    return f"- **{first.server}**, *{where}*: [{first.why}]({first.link}){whose}."


def meanings() -> list[str]:
    return [f"- *{check.name}*: {check.meaning}" for check in CHECKS]


def without_versions(text: str) -> list[list[str]]:
    """The lines, and of the table's rows all cells but the versions."""
    lines = [line.split(" | ") for line in text.splitlines()]
    return [cells[:2] + cells[3:] for cells in lines]


def main() -> int:
    page = FILE.read_text()
    FILE.write_text(BETWEEN.sub(lambda _: BEGIN + made() + END, page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
