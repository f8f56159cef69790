"""`pixelpair catalog match`: are the content ids of this shop's events items of its feed?"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pixelpair.catalog.items import read_items
from pixelpair.catalog.matching import CAUSES, Counted, FeedIds
from pixelpair.catalog.sources import rows_of
from pixelpair.commands.catalog_sync import importable
from pixelpair.commands.managing import telling
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import LEFT, OK, add
from pixelpair.delivery import carried
from pixelpair.errors import SpoolError
from pixelpair.sending import spool_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pixelpair.catalog.items import Item
    from pixelpair.catalog.matching import Match
    from pixelpair.catalog.rows import Fault, Row
    from pixelpair.commands.words import Commands, Read

_HEADINGS: Final = ("content id", "event", "times", "feed has", "cause")
_NUMBERS: Final = frozenset({2})
_SHOWN: Final = 30
MOST_TOLD: Final = 1000


def add_match(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "match",
        telling(_match, "stopped"),
        "tell which content ids of this shop's events are no items of its feed, and why",
        "Needs no token: compares the ids that delivered events carried, counted in the spool,\n"
        "with a feed, or any source of `catalog sync`.\n"
        "Exit code 0: each matches; 1: some do not, or no event carried any yet; 2: the feed or\n"
        "the spool cannot be read.",
        "pixelpair catalog match static/feed.csv\npixelpair catalog match products.jsonl --json",
    )
    parser.add_argument("feed", metavar="FEED", help="a file, or a dotted path of Python")
    parser.add_argument(
        "--pixel",
        metavar="ID",
        default="",
        help="events of this pixel alone",
    )


def _match(arguments: argparse.Namespace, read_settings: Read) -> int:
    found = _counted(spool_of(read_settings()), arguments.pixel)
    importable()
    feed = FeedIds(_items(rows_of(arguments.feed)))
    matches = [feed.match(one) for one in found]
    document = _document(feed, matches)
    answer(document, _shown(document, matches), as_json=arguments.json)
    return OK if matches and document["share"] == 100 else LEFT


def _items(rows: Iterable[Row | Fault]) -> Iterator[Item]:
    """Whatever has an id: what else is wrong with a row is told by others."""
    for item, _faults in read_items(rows, ""):
        if item is not None:
            yield item


def _counted(spool: Path, pixel: str) -> list[Counted]:
    try:
        rows = carried.read(spool)
    except sqlite3.Error as error:
        raise SpoolError(f"the counts in {spool} cannot be read: {error}") from error
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        if pixel in ("", row.pixel):
            counts[row.event, row.content_type, row.id] += row.times
    return [Counted(*key, number) for key, number in counts.most_common()]


def _document(feed: FeedIds, matches: list[Match]) -> dict[str, Any]:
    events = sum(match.counted.times for match in matches)
    good = sum(match.counted.times for match in matches if CAUSES[match.cause].matches)
    by_cause = Counter(dict.fromkeys(CAUSES, 0))
    for match in matches:
        by_cause[match.cause] += match.counted.times
    bad = [match for match in matches if not CAUSES[match.cause].matches]
    return {
        "items": len(feed.ids),
        "ids": len({match.counted.id for match in matches}),
        "times": events,
        "matched": good,
        "share": round(100 * good / events, 1) if events > good else 100 if events else None,
        "causes": {cause: number for cause, number in by_cause.items() if number},
        "unmatched": [
            {**match.counted._asdict(), "cause": match.cause, "feed_has": match.there or None}
            for match in bad[:MOST_TOLD]
        ],
    }


def _shown(document: dict[str, Any], matches: list[Match]) -> list[Grid | str]:
    share = document["share"]
    figures = [
        ("items in the feed", count(document["items"])),
        ("ids in events", count(document["ids"])),
        ("matched", "-" if share is None else f"{share:g} %"),
    ]
    bad = [match for match in matches if not CAUSES[match.cause].matches]
    rows = [_row(match) for match in bad[:_SHOWN]]
    causes = dict.fromkeys(match.cause for match in bad)
    more = len(bad) - len(rows)
    return [
        Grid(figures),
        Grid(rows, _HEADINGS, _NUMBERS),
        f"and {count(more)} more (--json tells {count(MOST_TOLD)})" if more > 0 else "",
        Grid([(cause, f"{CAUSES[cause].meaning}: {CAUSES[cause].fix}") for cause in causes]),
        "" if matches else "no delivered event has carried a content id yet",
    ]


def _row(match: Match) -> tuple[str, ...]:
    counted = match.counted
    event = f"{counted.event} ({counted.content_type})" if counted.content_type else counted.event
    return counted.id, event, count(counted.times), match.there or "-", match.cause
