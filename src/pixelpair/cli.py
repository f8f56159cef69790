"""The `pixelpair` command: deliver what waits, and the sandbox to try everything in."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pixelpair.delivery.journal import Journal
from pixelpair.errors import PixelPairError
from pixelpair.settings import Settings
from pixelpair.tracker import open_worker, spool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixelpair.delivery.drain import Drained

# Exit codes, as in sysexits.h where it has one.
OK, LEFT, USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0: done, 1: events are left or it failed, 2: wrong settings or usage."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        return int(arguments.run(arguments))
    except PixelPairError as error:
        print(error, file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("stopped; the spool keeps what is left", file=sys.stderr)
        return LEFT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pixelpair", description="Meta Pixel and Conversions API events as pairs"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    drain = commands.add_parser(
        "drain",
        help="deliver every waiting event and exit",
        description="Deliver every event of this host's spool and exit. Reads PIXELPAIR_*. "
        "Exit code 0: everything was delivered; 1: events are left, or became dead letters; "
        "2: the settings are wrong.",
    )
    drain.add_argument(
        "--timeout",
        type=float,
        default=None,
        metavar="SECONDS",
        help="give up after so long (default: as long as Graph answers)",
    )
    drain.set_defaults(run=_drain)
    sandbox = commands.add_parser(
        "sandbox",
        help="run a local Events Manager and fake Graph",
        description="A local Events Manager: point PIXELPAIR_GRAPH_URL, PIXELPAIR_PIXEL_SCRIPT_URL "
        "and PIXELPAIR_PIXEL_IMAGE_URL at it and watch the pairs appear. Needs no Meta account.",
    )
    sandbox.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    sandbox.add_argument("--port", type=int, default=8765, help="default: %(default)s")
    sandbox.set_defaults(run=_sandbox)
    return parser


def _sandbox(arguments: argparse.Namespace) -> int:
    from pixelpair.sandbox.server import serve  # its extra may be missing

    serve(arguments.host, arguments.port)
    return OK


def _drain(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    missing = [n for n in ("pixel_id", "access_token") if not getattr(settings, n)]
    if missing and not settings.shops:
        names = " and ".join(f"PIXELPAIR_{name.upper()}" for name in missing)
        print(f"{names} must be set to deliver events", file=sys.stderr)
        return USAGE
    spool = spool_of(settings)
    sys.path.append("")  # the shop's object may lie where this is run, beside its app
    worker = open_worker(settings, spool, Journal(spool))
    with _Progress() as show:
        drained = worker.drain(arguments.timeout, show)
    worker.close(0)
    return _say(drained)


def _say(drained: Drained) -> int:
    print(f"delivered {drained.delivered}, dead {drained.dead}, left {max(drained.left, 0)}")
    if drained.reason:
        print(drained.reason, file=sys.stderr)
    return LEFT if drained.left or drained.dead or drained.reason else OK


class _Progress:
    """A bar on a terminal's stderr while events leave; nothing elsewhere."""

    def __init__(self) -> None:
        columns = (TextColumn("delivering"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._shows = self._bar.console.is_terminal

    def __enter__(self) -> Callable[[int, int], None]:
        task = self._bar.add_task("events", total=None)
        if self._shows:
            self._bar.start()
        return lambda done, total: self._bar.update(task, completed=done, total=total)

    def __exit__(self, *exc: object) -> None:
        if self._shows:
            self._bar.stop()
