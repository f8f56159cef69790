"""What every log line of ours has: fields for machines, and a bound on how often it comes.

A filter on the logger "pixelpair" sees to it, whoever says the line and whoever reads it. Knows
no line of its own.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NAME: Final = "pixelpair"
# A fault that comes with every request fills a disk in an hour; once in so long shows that it goes
# on, and how often it came.
EVERY: Final = 600.0
# Lines that are remembered; a route's name in each is a line of its own.
REMEMBERED: Final = 500
# Below it nothing is held back: those lines tell of what ended well.
LEAST: Final = logging.WARNING


class Seldom(logging.Filter):
    """Lets the same line pass once in a while, with the number of those that were held back.

    The same is what has the same `pixelpair_key` among its extras, else the same text. Each line
    that passes has `pixelpair_what` (a name that stays, else the module that said it) and
    `pixelpair_held_back`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, every: float = EVERY) -> None:
        super().__init__()
        self._clock = clock
        self._every = every
        # No lock, which a fork could leave held: two threads may say a line each.
        self._said: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is said now."""
        held_back = self._held_back(record) if record.levelno >= LEAST else 0
        if held_back is None:
            return False
        record.__dict__.setdefault("pixelpair_what", record.module)
        record.pixelpair_held_back = held_back
        if held_back:
            record.msg = f"{record.getMessage()} (and {held_back} more like it before)"
            record.args = ()
        return True

    def forget(self) -> None:
        """Say everything anew."""
        self._said = {}

    def _held_back(self, record: logging.LogRecord) -> int | None:
        """How many like this one were not said since the last; None: nor is this."""
        key = getattr(record, "pixelpair_key", None) or (record.levelno, record.getMessage())
        said, now = self._said, self._clock()
        until, number = said.get(key, (0.0, 0))
        if now < until:
            said[key] = until, number + 1
            return None
        said.pop(key, None)
        said[key] = now + self._every, 0
        with suppress(KeyError, RuntimeError):  # another thread makes room too
            while len(said) > REMEMBERED:
                del said[next(iter(said))]
        return number


SELDOM: Final = Seldom()


def watch() -> None:
    """Put the filter in its place; done as often as one likes."""
    logging.getLogger(NAME).addFilter(SELDOM)
