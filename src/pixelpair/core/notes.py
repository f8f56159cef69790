"""What is worth telling a developer: each thing logged once, everything counted."""

from __future__ import annotations

import logging
from collections import Counter

_LOG = logging.getLogger("pixelpair")
_MOST_KEYS = 1000  # a bound, not a choice: keys hold names of events and fields, never values


class Notes:
    """Counts by reason, and log lines that are said once per key and process."""

    __slots__ = ("_said", "counts")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._said: set[object] = set()

    def count(self, reason: str, number: int = 1) -> None:
        """Count what did not leave, or left otherwise than hoped."""
        self.counts[reason] += number

    def once(
        self, key: object, level: int, text: str, *args: object, exc_info: bool = False
    ) -> None:
        """Log a line the first time its key is met."""
        if key in self._said or len(self._said) >= _MOST_KEYS:
            return
        self._said.add(key)
        _LOG.log(level, text, *args, exc_info=exc_info)
