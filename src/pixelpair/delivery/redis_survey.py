"""What the outbox in Redis tells a person: counts by pixel and name, and what waits, page by page.

Knows keys and answers; how Redis is asked is the outbox's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pixelpair.core.events import Twin
from pixelpair.delivery.outbox import DeadLetter, Row, Tally
from pixelpair.delivery.redis_upkeep import LETTERS, SURVEY
from pixelpair.delivery.redis_words import key_of, purchase_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pixelpair.delivery.ledger import Purchase

    Ask = Callable[..., Any]

# Read at once: a record has 1 KB, seldom 20.
PAGE: Final = 500


def tallies(run: Ask, lanes: Iterable[str], sent: Mapping[bytes, bytes]) -> list[Tally]:
    """Where the events are, by pixel and name."""
    waiting, dead = _counted(run, lanes), _counted(run, [""])
    delivered = {tuple(kind.decode().split("\0", 1)): int(number) for kind, number in sent.items()}
    return [
        Tally(
            pixel_id=kind[0],
            event_name=kind[1],
            queued=waiting.get(kind, (0, None))[0],
            dead=dead.get(kind, (0, None))[0],
            delivered=delivered.get(kind, 0),
            oldest=waiting.get(kind, (0, None))[1],
        )
        for kind in sorted(waiting.keys() | dead.keys() | delivered.keys())
    ]


def _counted(run: Ask, lanes: Iterable[str]) -> dict[tuple[str, ...], tuple[int, int | None]]:
    """How many of each kind there are in these lanes, and the oldest's time."""
    found: dict[tuple[str, ...], tuple[int, int | None]] = {}
    for lane in lanes:
        after: object = 0
        while after is not None:
            after, *cells = run(SURVEY, lane, after)
            after = after or None
            for pixel, name, number, oldest in zip(*(cells[i::4] for i in range(4)), strict=True):
                kind = (pixel.decode(), name.decode())
                count, least = found.get(kind, (0, None))
                found[kind] = (count + number, oldest if least is None else min(least, oldest))
    return found


def queued(do: Ask, lane: str) -> Iterator[tuple[int, Row]]:
    """Every event of a lane with its number, oldest first."""
    after = b"-"
    while page := do("xrange", f"queue:{lane}", after, "+", PAGE):
        numbers = [int(found.partition(b"-")[0]) for found, _ in page]
        tries = do("hmget", f"tries:{lane}", numbers)
        for number, (_, fields), tried in zip(numbers, page, tries, strict=True):
            row = Row(key_of(number, lane), Twin.unpack(fields[b"r"]), int(tried or 0))
            yield number, row
        after = b"(" + page[-1][0]


def purchases(do: Ask, lane: str) -> Iterator[Purchase]:
    """The ledger of a pixel."""
    after = None
    while after != 0:
        after, page = do("hscan", f"bought:{lane}", after or 0, None, PAGE)
        yield from (purchase_from(lane, word) for word in page.values())


def letters(run: Ask) -> Iterator[DeadLetter]:
    """Every dead letter, newest first."""
    before: object = "+inf"
    while page := run(LETTERS, before, PAGE):
        for key, record, reason, died in zip(*(page[i::4] for i in range(4)), strict=True):
            yield DeadLetter(int(key), Twin.unpack(record), reason.decode(), float(died))
        before = b"(" + page[-4]
