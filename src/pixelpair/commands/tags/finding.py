"""`pixelpair tags search` and `eligible`: what may be tagged, and whether anything may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.commands.managing import an_id, cell, talking
from pixelpair.commands.screen import Grid, answer
from pixelpair.commands.tags.words import add_tagging
from pixelpair.commands.words import LEFT, OK
from pixelpair.graph import product_tags as tags

if TYPE_CHECKING:
    import argparse

    from pixelpair.commands.words import Commands, Read


def add_search(commands: Commands) -> None:
    parser = add_tagging(
        commands,
        "search",
        _search,
        "look for products of the shop's catalog, and their ids",
        "A rejected product cannot be tagged; others that are not approved show nothing yet.",
        "pixelpair tags search 17841400000000000 9876543 sencha\n"
        "pixelpair tags search 17841400000000000 9876543",
    )
    parser.add_argument("account", type=an_id, help="the Instagram account's id")
    parser.add_argument("catalog", type=an_id, help="as `tags eligible` shows it")
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the product; all where none")


def _search(arguments: argparse.Namespace, read: Read) -> int:
    words = " ".join(arguments.words)
    with talking(read(), arguments.pixel) as (graph, access):
        found = list(tags.search(graph, access, arguments.account, arguments.catalog, words))
    told = [{**row, "product_id": cell(row.get("product_id"))} for row in found]
    names = ("product_id", "retailer_id", "product_name", "review_status")
    rows = [tuple(cell(row.get(name)) for name in names) for row in told]
    shown = [Grid(rows, ("product", "the shop's id", "name", "review"))]
    answer({"products": told}, shown if rows else ["nothing found"], as_json=arguments.json)
    return OK if rows else LEFT


def add_eligible(commands: Commands) -> None:
    parser = add_tagging(
        commands,
        "eligible",
        _eligible,
        "tell whether an Instagram account may tag products, and of which catalog",
        "1 is the exit code where it may not.",
        "pixelpair tags eligible 17841400000000000",
    )
    parser.add_argument("account", type=an_id, help="the Instagram account's id")


def _eligible(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        may = tags.eligible(graph, access, arguments.account)
        found = list(tags.available_catalogs(graph, access, arguments.account)) if may else []
    names = ("catalog_id", "catalog_name", "shop_name", "product_count")
    rows = [tuple(cell(row.get(name)) for name in names) for row in found]
    grid = Grid(rows, ("catalog", "name", "shop", "products"), frozenset({3}))
    sentence = {
        True: "may tag products",
        False: f"may not tag products. It needs {tags.NEEDS}",
        None: f"is one of which Meta does not tell this token. It needs {tags.NEEDS}",
    }[may]
    told = {"eligible": may, "catalogs": found}
    answer(told, [f"account {arguments.account} {sentence}", grid], as_json=arguments.json)
    return OK if may else LEFT
