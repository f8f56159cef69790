"""What is worth telling a developer: each thing logged once, everything counted."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = logging.getLogger("pixelpair")
_MOST_KEYS = 1000  # a bound, not a choice: keys hold names of events and fields, never values

SAYINGS: Final[Mapping[str, tuple[int, str]]] = {
    "failed": (logging.ERROR, "pixelpair failed and let the response through"),
    "too late": (
        logging.WARNING,
        "track(%r) came after the answer was on its way: it left on neither channel",
    ),
    "browser id": (
        logging.WARNING,
        (
            "a page that may be shown again from a cache (%s) got the base code only, its events "
            "left on neither channel: with Cache-Control: no-store they leave as pairs"
        ),
    ),
    "cacheable act": (
        logging.WARNING,
        (
            "an event of an answer that caches may keep (%s) left by the server only: "
            "a cookie in it would reach other visitors"
        ),
    ),
    "second pixel": (
        logging.WARNING,
        "a page carries a snippet of pixel %s already and was left alone: remove that one",
    ),
    "encoded": (
        logging.WARNING,
        (
            "pages arrive compressed and are left alone: put pixelpair inside the compressing "
            "middleware, nearer to the app"
        ),
    ),
    "fault": (
        logging.ERROR,
        (
            "%s: the view of %s must call track(%r, value=..., currency=...); "
            "it left on neither channel%s"
        ),
    ),
    "dropped": (logging.WARNING, "%s: %s; it was dropped"),
}


class Notes:
    """Counts by reason, and log lines that are said once per key and process."""

    __slots__ = ("_said", "counts")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._said: set[object] = set()

    def count(self, reason: str, number: int = 1) -> None:
        """Count what did not leave, or left otherwise than hoped."""
        self.counts[reason] += number

    def say(self, what: str, *args: object, per: object = None, exc_info: bool = False) -> None:
        """One of the sayings; once, or once `per` thing that it is said of."""
        level, text = SAYINGS[what]
        self.once((what, per), level, text, *args, exc_info=exc_info)

    def once(
        self, key: object, level: int, text: str, *args: object, exc_info: bool = False
    ) -> None:
        """Log a line the first time its key is met."""
        if key in self._said or len(self._said) >= _MOST_KEYS:
            return
        self._said.add(key)
        _LOG.log(level, text, *args, exc_info=exc_info)
