"""`pixelpair catalog link`, `unlink` and `sources`: which pixels' events a catalog gets."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from pixelpair.commands.managing import add_managing, an_id, line, talking
from pixelpair.commands.screen import Grid, answer
from pixelpair.commands.words import LEFT, OK
from pixelpair.errors import PixelPairError
from pixelpair.graph.catalog_sources import Change, Source, link, sources, unlink

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pixelpair.commands.words import Commands, Read

_RIGHTS = "The token's user needs rights on the catalog, on the pixel or app, and on the business."


def add_sources(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "sources",
        _sources,
        "list the pixels and apps that a catalog is linked to",
        "",
        "pixelpair catalog sources 9876543",
    )
    parser.add_argument("catalog", type=an_id, help="the catalog's id")


def _sources(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        found = sources(graph, access, arguments.catalog)
    answer({"sources": [asdict(one) for one in found]}, _grid(found), as_json=arguments.json)
    return OK


def _grid(found: Sequence[Source]) -> list[Grid | str]:
    rows = [(one.id, one.type or "-", one.name or "-") for one in found]
    return [Grid(rows, ("id", "type", "name"))] if rows else ["linked to no pixel and no app"]


def add_link(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "link",
        _link,
        "link pixels or apps to a catalog, so that their events count for its items",
        f"Reads what is linked, posts all of it with the new ones, and reads again.\n{_RIGHTS}",
        "pixelpair catalog link 9876543\npixelpair catalog link 9876543 1234567890 --dry-run",
    )
    _add_ids(parser, "pixels or apps; the shop's own pixels where none is named")


def add_unlink(commands: Commands) -> None:
    parser = add_managing(
        commands,
        "unlink",
        _unlink,
        "take pixels or apps away from a catalog",
        f"Reads what is linked before and after.\n{_RIGHTS}",
        "pixelpair catalog unlink 9876543 1234567890 --dry-run\n"
        "pixelpair catalog unlink 9876543 1234567890",
    )
    _add_ids(parser, "pixels or apps", some="+")


def _add_ids(parser: argparse.ArgumentParser, about: str, some: str = "*") -> None:
    parser.add_argument("catalog", type=an_id, help="the catalog's id")
    parser.add_argument("ids", type=an_id, nargs=some, metavar="ID", help=about)
    parser.add_argument("--dry-run", action="store_true", help="read and show, change nothing")


def _link(arguments: argparse.Namespace, read: Read) -> int:
    settings = read()
    ids = tuple(arguments.ids or settings.pixels)
    if not ids:
        raise PixelPairError("no pixel is named, and no PIXELPAIR_PIXEL_ID is set")
    with talking(settings, arguments.pixel) as (graph, access):
        change = link(graph, access, arguments.catalog, ids, dry_run=arguments.dry_run)
    there = {source.id for source in change.after or ()}
    return _told(arguments, change, ("already linked", "add"), not set(ids) <= there)


def _unlink(arguments: argparse.Namespace, read: Read) -> int:
    with talking(read(), arguments.pixel) as (graph, access):
        change = unlink(graph, access, arguments.catalog, arguments.ids, dry_run=arguments.dry_run)
    there = {source.id for source in change.after or ()}
    return _told(arguments, change, ("not linked", "remove"), bool(set(arguments.ids) & there))


def _told(
    arguments: argparse.Namespace, change: Change, words: tuple[str, str], missed: bool
) -> int:
    answer(
        {
            "dry_run": arguments.dry_run,
            "before": [asdict(source) for source in change.before],
            "due": list(change.due),
            "sent": list(change.sent),
            "after": None if change.after is None else [asdict(s) for s in change.after],
            "added": list(change.added),
            "removed": list(change.removed),
        },
        _shown(change, *words),
        as_json=arguments.json,
    )
    if change.unread:
        print(f"what is linked now could not be read: {change.unread}", file=sys.stderr)
        return LEFT
    if change.after is not None and missed:
        print("Meta took it, but shows it otherwise: look again later", file=sys.stderr)
        return LEFT
    return OK


def _shown(change: Change, idle: str, verb: str) -> list[Grid | str]:
    due, sent = (", ".join(map(line, ids)) for ids in (change.due, change.sent))
    if not due:
        return [f"{idle}: nothing to do", *_grid(change.before)]
    if change.unread:
        return [f"sent {sent}, to {verb} {due}; linked before:", *_grid(change.before)]
    if change.after is None:
        return [f"would {verb} {due}, and send {sent}; linked now:", *_grid(change.before)]
    words = [f"added {', '.join(change.added)}"] if change.added else []
    words += [f"removed {', '.join(change.removed)}"] if change.removed else []
    return [line("; ".join(words)) or "nothing changed", *_grid(change.after)]
