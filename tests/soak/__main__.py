"""`make soak`: SOAK_MINUTES of mixed traffic (30), SOAK_RATE steps a second (40), SOAK_SEED."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from .report import FOLDER, keep, show
from .run import Soak, Terms


class EachMinute:
    """Progress where no line can be written anew, as in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due = 0.0

    def __call__(self, line: str) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + 60
            self._console.print(line, highlight=False)


def main() -> int:
    console = Console(soft_wrap=True)
    asked = os.environ.get
    terms = Terms(
        float(asked("SOAK_MINUTES", "30")) * 60,
        float(asked("SOAK_RATE", "40")),
        int(asked("SOAK_SEED", "9")),
    )
    with tempfile.TemporaryDirectory() as folder, Live(console=console) as live:
        tell = live.update if console.is_terminal else EachMinute(console)
        outcome = Soak(terms, Path(folder)).run(tell)
    told = keep(outcome)
    show(told, console)
    console.print(f"{FOLDER / 'report.json'}", highlight=False)
    return 1 if told["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
