"""`pixelpair purge`: what waits of one person is deleted, queued or dead, and never sent.

The person is named by what the shop knows; it is compared as hashes, and not repeated.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.spools import in_portions, opened
from pixelpair.commands.words import LEFT, OK, USAGE, add
from pixelpair.core.user_data import FIELDS, hashed
from pixelpair.delivery.leader import LOCK_FILE
from pixelpair.delivery.locks import Lock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pixelpair.commands.spools import Opened
    from pixelpair.commands.words import Commands, Read
    from pixelpair.core.events import Twin
    from pixelpair.delivery.outbox import Key, Outbox

    Kind = tuple[str, str]

# A sender takes the journals in five times a second, unless a call to Graph is under way.
PATIENCE: Final = 15.0
LOOK_EVERY: Final = 0.1
_UNREAD: Final = (
    "{} events are still in journals that the sender has not taken in, and were not looked at:"
    " run this again"
)


@dataclass(frozen=True, slots=True)
class Person:
    """Whose events are meant: under Meta's key, any of these values."""

    key: str
    values: frozenset[str]

    def has(self, body: bytes) -> bool:
        """Whether an event's body names this person."""
        # Most bodies need no parsing: an orjson text stands in them as orjson writes it.
        if not any(orjson.dumps(value)[1:-1] in body for value in self.values):
            return False
        found = orjson.loads(body).get("user_data", {}).get(self.key, ())
        return not self.values.isdisjoint([found] if isinstance(found, str) else found)


def add_purge(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "purge",
        _purge,
        "delete what waits of one person, queued or dead",
        "What Meta has already, and what is on its way at this moment, stays with Meta.\n"
        "VALUE - is read from the standard input, so that no list of processes shows it.\n"
        "Exit code 0: done; 1: some journals could not be looked at yet; 2: wrong settings or "
        "arguments.",
        "pixelpair purge --email anna@example.com\npixelpair purge --external-id 1001\n"
        "pixelpair purge --fbp fb.1.1700000000000.1234567890\n"
        "echo anna@example.com | pixelpair purge --email -",
    )
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--email", metavar="VALUE", help="as the shop knows it, or its SHA-256")
    who.add_argument("--external-id", metavar="VALUE", help="as the shop knows it, or its SHA-256")
    who.add_argument("--fbp", metavar="VALUE", help="the value of the cookie _fbp")


def _purge(arguments: argparse.Namespace, read: Read) -> int:
    settings = read()
    person = _person(arguments)
    if person is None:
        print("this VALUE cannot be one: nothing was looked for", file=sys.stderr)
        return USAGE
    # Made where it is missing: journals are taken in.
    with opened(settings, make=True) as found:
        unread = _take_in(found) if found.spool.is_dir() else 0
        queued, dead = _erase(found.outbox, person)
    answer(_document(queued, dead, unread), _shown(queued, dead), as_json=arguments.json)
    if unread:
        print(_UNREAD.format(unread), file=sys.stderr)
    return LEFT if unread else OK


def _person(arguments: argparse.Namespace) -> Person | None:
    named = {"email": arguments.email, "external_id": arguments.external_id}
    field, value = next(((f, v) for f, v in named.items() if v is not None), ("", arguments.fbp))
    if value == "-":
        value = sys.stdin.readline().strip()
    if not field:
        return Person("fbp", frozenset([value])) if value else None
    key = FIELDS[field]
    values = hashed(key, value, year=time.gmtime().tm_year)
    return Person(key, frozenset(values)) if values else None


def _take_in(found: Opened) -> int:
    """See that what the journals hold is in the outbox; gives how many events are not."""
    lock, end = Lock(found.spool / LOCK_FILE), time.monotonic() + PATIENCE
    try:
        while left := found.intake.unread():
            if lock.acquire():
                while found.intake.take():
                    pass
                return found.intake.unread()
            if time.monotonic() >= end:
                return left
            time.sleep(LOOK_EVERY)
        return 0
    finally:
        lock.close()


def _erase(outbox: Outbox, person: Person) -> tuple[Counter[Kind], Counter[Kind]]:
    """Delete what is this person's; gives how many events of which kind were queued, and dead."""
    # The queue first: what dies meanwhile is found among the dead.
    queued, of_queue = _theirs(((row.key, row.twin) for row in outbox.queued()), person)
    in_portions(queued, outbox.erase)
    dead, of_dead = _theirs(((letter.key, letter.twin) for letter in outbox.letters()), person)
    in_portions(dead, outbox.purge)
    return of_queue, of_dead


def _theirs(events: Iterable[tuple[Key, Twin]], person: Person) -> tuple[list[Key], Counter[Kind]]:
    keys: list[Key] = []
    kinds: Counter[Kind] = Counter()
    for key, twin in events:
        if person.has(twin.body):
            keys.append(key)
            kinds[twin.pixel_id, twin.event_name] += 1
    return keys, kinds


def _document(queued: Counter[Kind], dead: Counter[Kind], unread: int) -> dict[str, Any]:
    events = [
        {"pixel": kind[0], "event": kind[1], "queued": queued[kind], "dead": dead[kind]}
        for kind in sorted(queued.keys() | dead.keys())
    ]
    return {
        "queued": queued.total(),
        "dead": dead.total(),
        "unread": unread,
        "events": events,
    }


def _shown(queued: Counter[Kind], dead: Counter[Kind]) -> list[Grid | str]:
    kinds = sorted(queued.keys() | dead.keys())
    rows = [(*kind, count(queued[kind]), count(dead[kind])) for kind in kinds]
    grid = Grid(rows, ("pixel", "event", "queued", "dead"), frozenset({2, 3}))
    if not kinds:
        return ["nothing of this person waits"]
    return [f"deleted {count(queued.total())} queued, {count(dead.total())} dead", grid]
