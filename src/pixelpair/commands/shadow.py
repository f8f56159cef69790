"""`pixelpair shadow`: what shadow mode saw, page by page: what would be sent, what the pages send
by themselves, and how that differs.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.words import LEFT, OK, add, moment
from pixelpair.core.shadow import NOT_SENT, PAGE_MAY, PAGE_SENDS, PAGES, UNREAD, WOULD_SEND
from pixelpair.delivery.sightings import read, reset
from pixelpair.errors import SpoolError
from pixelpair.sending import spool_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pixelpair.commands.words import Commands, Read
    from pixelpair.delivery.sightings import Example, Seen
    from pixelpair.settings import Settings

_HEADINGS: Final = ("page", "event", "would send", "page sends", "differences", "example")
_NUMBERS: Final = frozenset({2, 3})
# What each difference means for who takes the old calls out.
MEANINGS: Final = {
    "id missing": "the call has no eventID: Meta counts it beside a server event of the same act",
    "other value": "the page's value, and the one that pixelpair would send",
    "other currency": "the page's currency, and the one that pixelpair would send",
    "other content_ids": "the page's products, and those that pixelpair would send",
    "twice": "the page tells the event more often than pixelpair, or starts the pixel twice",
    "other pixel": "the page feeds a pixel that PIXELPAIR_PIXEL_ID does not name",
    "missing there": "pixelpair would send it, and no call stands in the page's HTML: files of"
    " JavaScript and tag managers, which may send it, are not read",
    "missing here": "the page sends it, and pixelpair has no rule for it, nor does a view track it",
    "in a handler": "a click, a function or a condition may send it: an act needs a rule",
}


@dataclass(slots=True)
class _Row:
    """One event of one kind of page."""

    pixel: str
    place: str
    event: str
    counts: Counter[str] = field(default_factory=Counter)
    differences: dict[str, tuple[int, tuple[Example, ...]]] = field(default_factory=dict)

    @property
    def not_sent(self) -> dict[str, int]:
        """How often it would not be sent, by reason."""
        found = self.counts.items()
        return {w.removeprefix(NOT_SENT): n for w, n in found if w.startswith(NOT_SENT)}


def add_shadow(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "shadow",
        _shadow,
        "tell what shadow mode would send, and how the pages' own pixel calls differ",
        "Reads PIXELPAIR_*, and the findings in the spool; with PIXELPAIR_MODE=shadow each shop\n"
        "process adds to them.\n"
        "Exit code 0: nothing differs; 1: something does, or nothing was seen yet; 2: the settings"
        " are\nwrong, or the findings cannot be read.",
        "pixelpair shadow\npixelpair shadow --json\npixelpair shadow --reset",
    )
    parser.add_argument(
        "--reset", action="store_true", help="forget what was seen so far, and begin again"
    )


def _shadow(arguments: argparse.Namespace, read_settings: Read) -> int:
    settings = read_settings()
    spool = spool_of(settings)
    try:
        since, seen = read(spool)
        if arguments.reset:
            reset(spool)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise SpoolError(f"the findings in {spool} cannot be read: {error}") from error
    rows = _rows(seen)
    document = _document(rows, since, settings)
    if arguments.reset:
        pages = document["pages"]
        answer(
            {"forgotten": pages}, [f"forgot what was seen on {pages} pages"], as_json=arguments.json
        )
        return OK
    answer(document, _shown(rows, document), as_json=arguments.json)
    return LEFT if not seen or any(row.differences for row in rows) else OK


def _rows(seen: Iterable[Seen]) -> list[_Row]:
    rows: dict[tuple[str, str, str], _Row] = {}
    for one in seen:
        row = rows.setdefault((one.pixel, one.place, one.event), _Row(*_key(one)))
        if one.what in MEANINGS:
            row.differences[one.what] = one.count, one.examples
        else:
            row.counts[one.what] += one.count
    return list(rows.values())


def _key(one: Seen) -> tuple[str, str, str]:
    return one.pixel, one.place, one.event


def _document(rows: list[_Row], since: float | None, settings: Settings) -> dict[str, Any]:
    of_pages = [row.counts for row in rows if not row.event]
    return {
        "mode": settings.mode,
        "since": since,
        "pages": sum(counts[PAGES] for counts in of_pages),
        "unread": sum(counts[UNREAD] for counts in of_pages),
        "events": [_event(row) for row in rows if row.event],
    }


def _event(row: _Row) -> dict[str, Any]:
    return {
        "pixel": row.pixel,
        "page": row.place,
        "event": row.event,
        "would_send": row.counts[WOULD_SEND],
        "not_sent": row.not_sent,
        "page_sends": row.counts[PAGE_SENDS],
        "page_may_send": row.counts[PAGE_MAY],
        "differences": [
            {"what": what, "count": number, "examples": [e._asdict() for e in examples]}
            for what, (number, examples) in row.differences.items()
        ],
    }


def _shown(rows: list[_Row], document: dict[str, Any]) -> list[Grid | str]:
    facts = [("mode", document["mode"]), ("pages seen", count(document["pages"]))]
    if document["since"] is not None:
        facts.append(("since", moment(document["since"])))
    if document["unread"]:
        facts.append(("not read to the end", count(document["unread"])))
    if document["mode"] != "shadow":
        facts.append(("to begin", "set PIXELPAIR_MODE=shadow and restart the shop"))
    found = [what for what in MEANINGS if any(what in row.differences for row in rows)]
    return [
        Grid(facts),
        Grid([_line(row) for row in rows if row.event], _HEADINGS, _NUMBERS),
        Grid([(what, MEANINGS[what]) for what in found]),
    ]


def _line(row: _Row) -> tuple[str, ...]:
    would = [count(row.counts[WOULD_SEND])]
    would += [f"{count(number)} not: {reason}" for reason, number in row.not_sent.items()]
    sends = [count(row.counts[PAGE_SENDS])]
    sends += [f"{count(row.counts[PAGE_MAY])} in handlers"] if row.counts[PAGE_MAY] else []
    unlike = [_difference(what, *told) for what, told in row.differences.items()]
    path = next((e[-1].path for _, e in row.differences.values() if e), "")
    cells = ", ".join(would), ", ".join(sends), "; ".join(unlike) or "none"
    return row.place, row.event, *cells, path


def _difference(what: str, number: int, examples: tuple[Example, ...]) -> str:
    text = f"{what} {count(number)}"
    last = examples[-1] if examples else None
    if last is None or not (last.page or last.ours):
        return text
    return f"{text} ({last.page} / {last.ours})" if last.ours else f"{text} ({last.page})"
