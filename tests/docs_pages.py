"""The documentation as data: its pages, their fenced blocks, sections and tables."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAPERS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*PAPERS, *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str
    file: str = ""  # what the reader is told to save it as


def blocks_of(page: str, text: str) -> list[Block]:
    return [
        Block(page, text.count("\n", 0, found.start(3)) + 1, found[1], found[3], found[2] or "")
        for found in FENCE.finditer(text)
    ]


BLOCKS = [block for page, text in TEXTS.items() for block in blocks_of(page, text)]


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its rank or a higher one."""
    rank = heading.split()[0]
    found = re.search(
        rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{len(rank)}}} |\Z)",
        TEXTS[page],
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"{page} has no section {heading!r}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The cells of all rows but headings and rules."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    starts = [i for i, row in enumerate(rows) if set(row) <= set("|-")]
    kept = [row for i, row in enumerate(rows) if i not in starts and i + 1 not in starts]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in kept]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
