"""What the commands have in common: exit codes, arguments, and how people write spans of time."""

from __future__ import annotations

import argparse
import re
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.settings import Settings

    Read = Callable[[], Settings]
    Run = Callable[[argparse.Namespace, Read], int]
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

# Done; done, but not as one would wish; wrong settings, arguments, or a spool that cannot be read.
OK, LEFT, USAGE = 0, 1, 2

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)")


def add(
    commands: Commands, name: str, run: Run, summary: str, more: str = "", examples: str = ""
) -> argparse.ArgumentParser:
    """A command with its help; each can answer in JSON."""
    indented = "".join(f"\n  {line}" for line in examples.strip().splitlines())
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{more}".strip(),
        epilog=f"examples:{indented}" if indented else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON, with stable keys")
    parser.set_defaults(run=run)
    return parser


def group(commands: Commands, name: str, summary: str) -> Commands:
    """A command that has commands of its own."""
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    return parser.add_subparsers(required=True, metavar="COMMAND")


def seconds(text: str) -> float:
    """A span like 90, 90s, 15m, 2h or 7d."""
    found = _SPAN.fullmatch(text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time like 90s, 15m, 2h or 7d")
    return float(found[1]) * _UNITS[found[2] or "s"]


def span(length: float) -> str:
    """How long that is, in its two largest units: 3d 4h, 2m 5s."""
    left, parts = max(0, int(length)), []
    for unit in "dhms":
        number, left = divmod(left, _UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2]) or "0s"


def moment(at: float) -> str:
    """A point in time as people write it, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
