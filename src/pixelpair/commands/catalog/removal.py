"""`pixelpair catalog delete`: only after somebody has typed what is to be deleted."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING

from pixelpair.commands.managing import add_managing, an_id, line, talking
from pixelpair.commands.screen import answer
from pixelpair.commands.words import LEFT, OK
from pixelpair.graph import catalog as catalogs

if TYPE_CHECKING:
    import argparse

    from pixelpair.commands.words import Commands, Read


def add_delete(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "delete",
        _delete,
        "delete a catalog with all of its items, for good",
        "Asks for the catalog's name first; without an answer, or with another, nothing is done.",
        "pixelpair catalog delete 9876543\npixelpair catalog delete 9876543 --confirm 'Tea shop'",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    parser.add_argument("--confirm", metavar="NAME", help="the catalog's name, instead of asking")
    parser.add_argument(
        "--with-live-product-set",
        action="store_true",
        help="even if ads use a product set of it, which otherwise prevents it",
    )


def _delete(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        found = catalogs.catalog(graph, access, arguments.catalog)
        given = str(found.get("name") or "")
        name = line(given) or arguments.catalog
        items = line(found.get("product_count", "an unknown number of"))
        typed = arguments.confirm
        if typed is None:
            noun = "item" if items == "1" else "items"
            typed = _asked(f"{name} has {items} {noun}, and nothing brings it back.")
        if _as_typed(typed) not in {_as_typed(name), _as_typed(given)} - {""}:
            print("that is not its name: nothing was deleted", file=sys.stderr)
            answer({"deleted": None}, (), as_json=arguments.json)
            return LEFT
        live = arguments.with_live_product_set
        catalogs.delete(graph, access, arguments.catalog, with_live_product_set=live)
    answer({"deleted": arguments.catalog}, [f"deleted {name}"], as_json=arguments.json)
    return OK


def _asked(warning: str) -> str:
    """What is typed; the answer of nobody is none, nor is Ctrl-C or what is no text."""
    print(f"{warning}\nType the catalog's name to delete it:", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline()
    except (KeyboardInterrupt, UnicodeError):
        return ""


def _as_typed(name: str) -> str:
    """A keyboard composes letters otherwise than whoever named the catalog."""
    return unicodedata.normalize("NFC", name.strip())
