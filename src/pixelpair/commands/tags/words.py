"""What the commands of tags have in common: places as people write them, limits, and help."""

from __future__ import annotations

import argparse
import re
from textwrap import fill
from typing import TYPE_CHECKING, Final

from pixelpair.commands.managing import add_managing
from pixelpair.graph.product_places import CAPS, Kind, Place
from pixelpair.graph.product_tags import NEEDS

if TYPE_CHECKING:
    from pixelpair.commands.words import Commands, Run

KINDS: Final = tuple(CAPS)
LIMITS: Final = fill(
    f"Meta takes {CAPS['image']} products on an image or a video, {CAPS['reel']} on a reel (its"
    " older pages say 5), each once; places are for images alone. Stories, lives, IGTV and"
    " creator accounts cannot have product tags.",
    90,
)
_NEEDS: Final = fill(f"Needs {NEEDS}.", 90)
_PLACE: Final = re.compile(r"([0-9]{1,32})(?:@([0-9.]{1,12}),([0-9.]{1,12}))?")


def add_tagging(
    commands: Commands, name: str, run: Run, summary: str, more: str, examples: str
) -> argparse.ArgumentParser:
    """A command of tags: its help says what Meta wants of the token and the shop."""
    return add_managing(commands, name, run, summary, f"{more}\n\n{_NEEDS}\n".strip(), examples)


def a_place(text: str) -> Place:
    """PRODUCT or PRODUCT@X,Y, as an argument."""
    found = _PLACE.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        if found[2] is None:
            return Place(found[1])
        return Place(found[1], float(found[2]), float(found[3]))
    except ValueError:
        wanted = "a product's id, or ID@X,Y with places from 0 to 1"
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None


def add_limits(parser: argparse.ArgumentParser, kinds: tuple[Kind, ...] = KINDS) -> None:
    """What kind of medium it is, as no call tells it, and how many tags it may have."""
    parser.add_argument(
        "--kind", choices=kinds, default="image", help="what the medium is; default: %(default)s"
    )
    parser.add_argument(
        "--max-tags",
        type=int,
        metavar="N",
        help=f"another limit than Meta's {CAPS['image']}, or {CAPS['reel']} on a reel",
    )


def cap_of(arguments: argparse.Namespace) -> int:
    """How many tags may be on one medium."""
    chosen: int | None = arguments.max_tags
    return CAPS[arguments.kind] if chosen is None else chosen
