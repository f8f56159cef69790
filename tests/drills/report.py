"""Writes the table of docs/reliability.md from what the last drills measured:
`python -m tests.drills.report`."""

from __future__ import annotations

import sys

from tests.conftest import ROOT

from .figures import DRILLS, Figures, read

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- drills: begin -->\n", "<!-- drills: end -->\n"
HEAD = (
    "| What is done | Accepted | Lost | Twice | Longest delay | Measured besides | Test |\n"
    "|---|--:|--:|--:|--:|---|---|\n"
)


def row(key: str, figures: Figures) -> str:
    drill = DRILLS[key]
    delay = "–" if figures.delay is None else f"{figures.delay:.1f} s"
    cells = [drill.done, f"{figures.accepted:,}", f"{figures.lost:,}", f"{figures.twice:,}"]
    return f"| {' | '.join([*cells, delay, figures.more, f'`{drill.test}`'])} |\n"


def table(found: dict[str, dict[str, object]]) -> str:
    rows = [row(key, Figures(**found[key])) for key in DRILLS if key in found]  # type: ignore[arg-type]
    return HEAD + "".join(rows)


def main() -> int:
    found = read()
    if missing := DRILLS.keys() - found.keys():
        print(f"not measured yet: {', '.join(sorted(missing))}; run `make drills`")
        return 1
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table(found) + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
