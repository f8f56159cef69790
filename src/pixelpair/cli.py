"""The `pixelpair` command: what waits, what died, who sends, and a sandbox to try everything in."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

from pixelpair import logs
from pixelpair.commands.catalog import add_catalog
from pixelpair.commands.doctor import add_doctor
from pixelpair.commands.erasure import add_purge
from pixelpair.commands.inspect import add_inspect
from pixelpair.commands.letters import add_dead
from pixelpair.commands.quality import add_quality
from pixelpair.commands.reconcile import add_reconcile
from pixelpair.commands.screen import before_any_terminal, plain
from pixelpair.commands.sender import add_drain, add_worker
from pixelpair.commands.shadow import add_shadow
from pixelpair.commands.status import add_status
from pixelpair.commands.tags import add_tags
from pixelpair.commands.words import LEFT, OK, USAGE
from pixelpair.errors import PixelPairError
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pixelpair.commands.words import Commands, Read


def main(
    argv: Sequence[str] | None = None,
    *,
    settings: Callable[[], Settings] = Settings.from_env,
    prog: str = "pixelpair",
) -> int:
    """Run one command; 0: done, 1: events are left or it failed, 2: wrong settings or usage.

    `settings` reads them, when a command needs any; `prog` is what people type.
    """
    return before_any_terminal(lambda: _run(argv, settings, prog), LEFT)


def _run(argv: Sequence[str] | None, settings: Read, prog: str) -> int:
    arguments = _parser(prog).parse_args(argv)
    logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stderr)
    logs.watch()
    try:
        return int(arguments.run(arguments, settings))
    except PixelPairError as error:
        print(plain(str(error), "\n"), file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("stopped; the spool keeps what is left", file=sys.stderr)
        return LEFT


def _parser(prog: str = "pixelpair") -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Meta Pixel and Conversions API events as pairs",
        epilog="Settings are read from PIXELPAIR_*; `COMMAND --help` has examples.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add_family in _FAMILIES:
        add_family(commands)
    return parser


def _add_sandbox(commands: Commands) -> None:
    sandbox = commands.add_parser(
        "sandbox",
        help="run a local Events Manager and fake Graph",
        description="A local Events Manager: point PIXELPAIR_GRAPH_URL, PIXELPAIR_PIXEL_SCRIPT_URL "
        "and PIXELPAIR_PIXEL_IMAGE_URL at it and watch the pairs appear. Needs no Meta account.",
    )
    sandbox.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    sandbox.add_argument("--port", type=int, default=8765, help="default: %(default)s")
    sandbox.add_argument(
        "--app-secret",
        default="",
        metavar="SECRET",
        help="a made-up one: refuse calls whose appsecret_proof does not fit it",
    )
    sandbox.set_defaults(run=_sandbox)


_FAMILIES = (
    *(add_status, add_dead, add_drain, add_worker, add_purge),
    *(add_doctor, add_inspect, add_quality, add_reconcile, add_shadow, _add_sandbox),
    *(add_catalog, add_tags),
)


def _sandbox(arguments: argparse.Namespace, _read: Read) -> int:
    from pixelpair.sandbox.server import serve  # its extra may be missing

    serve(arguments.host, arguments.port, arguments.app_secret)
    return OK
