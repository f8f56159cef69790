"""`pixelpair catalog feed`: what the shop sells, as a file that Meta fetches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelpair.catalog.feed import write_feed
from pixelpair.catalog.sources import rows_of
from pixelpair.commands.catalog_sync import (
    add_source,
    faults_document,
    importable,
    percent,
    told,
)
from pixelpair.commands.managing import telling
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import LEFT, OK, add

if TYPE_CHECKING:
    import argparse

    from pixelpair.catalog.feed import Written
    from pixelpair.commands.words import Commands, Read


def add_feed(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "feed",
        telling(_feed, "stopped: the file is as it was"),
        "write a feed file for Meta to fetch, whole or not at all",
        "Meta deletes what a feed has no more: one that suddenly is small is not written, and the\n"
        "old file stays. Rows with faults are left out and named.\n"
        "Exit code 0: written, every row; 1: rows were left out, or the old file stays;\n"
        "2: the source cannot be read, or the file not written.",
        "pixelpair catalog feed products.jsonl --to static/feed.csv\n"
        "pixelpair catalog feed shop.feeds.products --to static/feed.xml --max-shrink 5",
    )
    add_source(parser)
    parser.add_argument(
        "--to", required=True, type=Path, metavar="FILE", help="its name ends in .csv, .tsv or .xml"
    )
    parser.add_argument(
        "--max-shrink",
        type=percent,
        default=20.0,
        metavar="PERCENT",
        help="keep the old file where the new one has so much less; default: %(default)g",
    )


def _feed(arguments: argparse.Namespace, _read: Read) -> int:
    importable()
    rows = rows_of(arguments.source)
    written = write_feed(rows, arguments.to, max_shrink=arguments.max_shrink)
    answer(_document(written, arguments.to), _shown(written, arguments.to), as_json=arguments.json)
    return LEFT if written.refused or written.faulty else OK


def _document(written: Written, file: Path) -> dict[str, Any]:
    return {
        "file": str(file),
        "written": not written.refused,
        "refused": written.refused or None,
        "rows": written.rows,
        "items": written.items,
        "before": written.before,
        "faulty": written.faulty,
        "faults": faults_document(written.told),
    }


def _shown(written: Written, file: Path) -> list[Grid | str]:
    figures = [("rows", count(written.rows)), ("items", count(written.items))]
    figures += [("before", count(written.before))] if written.before else []
    figures += [("rows with faults", count(written.faulty))] if written.faulty else []
    end = f"{file} stays as it is: {written.refused}" if written.refused else f"wrote {file}"
    return [
        Grid(figures, right=frozenset({1})),
        told(list(map(str, written.told)), written.noted),
        end,
    ]
