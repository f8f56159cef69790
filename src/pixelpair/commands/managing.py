"""What the commands that ask Graph itself have in common: by whose word, ids, and refusals told."""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich.console import Console

from pixelpair.commands.screen import MOST_FOLDED, Grid, answer, plain
from pixelpair.commands.words import LEFT, USAGE, add
from pixelpair.errors import PixelPairError
from pixelpair.graph.access import Access
from pixelpair.graph.client import Graph
from pixelpair.graph.errors import OURS, GraphError
from pixelpair.graph.parameters import problems
from pixelpair.shops import directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pixelpair.commands.words import Commands, Read, Run
    from pixelpair.graph.parameters import Parameter
    from pixelpair.settings import Settings

# Meta's objects: some of its answers take a while, and a change is never tried twice.
TIMEOUT: Final = 60.0
EXIT_CODES: Final = (
    "Exit code 0: done; 1: Meta could not, or throttles, or there is something to look at;\n"
    "2: wrong settings, arguments, token or rights."
)
# Columns of ten letters: at 60, a table of products' ten fields folded each word twice.
_LEGIBLE: Final = 12
_ID: Final = re.compile(r"[0-9]{1,32}")
_STOPPED: Final = "stopped; if this was to change something at Meta, look first whether it did"


def add_managing(
    commands: Commands, name: str, run: Run, summary: str, more: str, examples: str
) -> argparse.ArgumentParser:
    """A command that asks Graph, as the shop that --pixel names."""

    def asking(arguments: argparse.Namespace, read: Read) -> int:
        return run(arguments, lambda: shop_of(read(), arguments.pixel))

    told = f"{more}\n{EXIT_CODES}".strip()
    parser = add(commands, name, telling(asking), summary, told, examples)
    add_pixel(parser)
    return parser


def telling(run: Run, stopped: str = _STOPPED) -> Run:
    """A command whose refusals by Graph are one line, and an exit code that tells whose move it
    is; with --json they are documents too, as is all else that ends it. `stopped` is said after
    Ctrl-C, where nobody knows better."""

    def tried(arguments: argparse.Namespace, read: Read) -> int:
        try:
            return run(arguments, read)
        except GraphError as error:
            print(error, file=sys.stderr)
            told_of(error, as_json=arguments.json)
            return USAGE if error.trouble.kind in OURS else LEFT
        except PixelPairError as error:
            told_of(error, as_json=arguments.json)
            raise
        except KeyboardInterrupt as why:
            end = PixelPairError(str(why) or stopped)
            print(end, file=sys.stderr)
            told_of(end, as_json=arguments.json)
            return LEFT

    return tried


def add_pixel(parser: argparse.ArgumentParser) -> None:
    """The option that names the shop."""
    parser.add_argument(
        "--pixel",
        type=an_id,
        metavar="ID",
        help="ask as the shop, or by the token, of this pixel",
    )


def shop_of(settings: Settings, pixel_id: str | None) -> Settings:
    """The settings of the shop whose pixel this is; of the only one where none is named.

    Raises PixelPairError where there are many, and none is it.
    """
    shop = _found(settings, pixel_id) if settings.shops else settings
    if pixel_id and pixel_id not in shop.pixels:
        mine = shop.pixel_id or "none is set"
        raise PixelPairError(f"{pixel_id} is none of this shop's pixels: {mine}")
    return shop


def _found(settings: Settings, pixel_id: str | None) -> Settings:
    if not pixel_id:
        raise PixelPairError("PIXELPAIR_SHOPS has many: name the shop by its pixel, --pixel ID")
    try:
        found = directory(settings.shops).for_pixel(pixel_id)
    except Exception as error:  # the shop's own object
        raise PixelPairError(f"PIXELPAIR_SHOPS failed: {type(error).__name__}") from error
    if found is None:
        raise PixelPairError(f"no shop of PIXELPAIR_SHOPS has the pixel {pixel_id}")
    return found.within(settings)


def told_of(error: PixelPairError, *, as_json: bool, **more: object) -> None:
    """With --json a refusal is a document too; the line for people stands beside it."""
    if not as_json:
        return
    told: dict[str, object] = {"kind": "usage", "code": None, "subcode": None}
    told |= {"message": str(error), "next": None, "minutes": None}
    if isinstance(error, GraphError):
        told["kind"], told["next"] = error.trouble.kind, error.step
        told["code"], told["subcode"] = error.reply.code, error.reply.subcode
        told["minutes"] = error.minutes
    answer({"error": told, **more}, (), as_json=True)


@contextmanager
def talking(settings: Settings, pixel_id: str | None) -> Iterator[tuple[Graph, Access]]:
    """Graph, and the shop's word. Raises PixelPairError where there is no token."""
    with Graph(timeout=TIMEOUT) as graph:
        yield graph, access_of(settings, pixel_id)


def access_of(settings: Settings, pixel_id: str | None) -> Access:
    """By the shop's token; where each pixel has its own, by this one's, or else the first."""
    token = settings.token_of(pixel_id or "") or settings.access_token.partition(" ")[0]
    if not token:
        raise PixelPairError("no PIXELPAIR_ACCESS_TOKEN is set: Meta answers nobody without one")
    return Access(settings.graph_url, settings.graph_version, token, settings.app_secret)


def an_id(text: str) -> str:
    """An id of Meta's, as an argument."""
    if not _ID.fullmatch(text):
        given = "a token" if text.startswith("EAA") else repr(text)
        raise argparse.ArgumentTypeError(f"{given} is no id of Meta's: digits only")
    return text


def a_pair(text: str) -> tuple[str, str]:
    """KEY=VALUE, as an argument."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not written KEY=VALUE")
    return key, value


def add_parameters(parser: argparse.ArgumentParser, table: tuple[Parameter, ...]) -> None:
    """An option for each parameter; objects and lists are written as JSON."""
    for parameter in table:
        about = parameter.about + (" (JSON)" if parameter.type in ("object", "list") else "")
        if parameter.one_of:
            about = f"{about}: {', '.join(parameter.one_of)}".removeprefix(": ")
        parser.add_argument(
            f"--{parameter.name.replace('_', '-')}",
            dest=parameter.name,
            metavar="JSON" if parameter.type in ("object", "list") else "VALUE",
            required=parameter.required,
            help=about.replace("%", "%%") or None,
        )


def parameters_of(
    arguments: argparse.Namespace, table: tuple[Parameter, ...]
) -> Mapping[str, object]:
    """What was given, read and judged. Raises PixelPairError with everything that is wrong."""
    given = {
        parameter.name: _value(parameter, text)
        for parameter in table
        if (text := getattr(arguments, parameter.name)) is not None
    }
    wrong = list(problems(table, given))
    if wrong:
        raise PixelPairError("; ".join(wrong))
    return given


def _value(parameter: Parameter, text: str) -> object:
    if parameter.type not in ("object", "list"):
        return text
    try:
        return orjson.loads(sys.stdin.read() if text == "-" else text)  # what it reads, it writes
    except ValueError:
        raise PixelPairError(f"{parameter.name} is no JSON") from None


def line(text: object) -> str:
    """Meta's words as one line among others: none of them begins one."""
    return " ".join(plain(str(text), "\r\n\t").split())


def cell(value: Any) -> str:
    """A value of Meta's in a table: objects as short JSON, nothing as a dash."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def legible(grid: Grid) -> list[Grid]:
    """The table; where the terminal is too narrow for its columns, a block for each row."""
    console = Console()
    narrow = console.is_terminal and console.width < len(grid.headings) * _LEGIBLE
    if not narrow or len(grid.rows) > MOST_FOLDED:
        return [grid]
    return [Grid(list(zip(grid.headings, row, strict=True))) for row in grid.rows]
