"""This machine's clock beside Graph's: how far apart they are, and a word to whoever can set it."""

from __future__ import annotations

import logging
from typing import Final

log = logging.getLogger("pixelpair")

# Meta names no tolerance for times in the future; a machine with NTP is within a second.
SKEW: Final = 60.0
EVERY: Final = 3600.0
_SKEWED: Final = (
    "the clock of this machine is %d s %s Meta's, and so are its events' times: let NTP set it"
)


class ClockWatch:
    """Compares the clock with Graph's. It only tells: an event's time is a fact of its request,
    and one wrong by a minute is no better for being moved by a guess."""

    def __init__(self) -> None:
        self.skew = 0.0
        self._said = -EVERY

    def compare(self, date: float, began: float, ended: float) -> None:
        """`date` is when Graph answered a call of ours, in whole seconds."""
        self.skew = skew(date, began, ended)
        # A clock that was set back is no reason to be silent until it gets there again.
        if abs(self.skew) > SKEW and abs(ended - self._said) >= EVERY:
            self._said = ended
            log.warning(_SKEWED, abs(self.skew), "ahead of" if self.skew > 0 else "behind")


def skew(date: float, began: float, ended: float) -> float:
    """By how many seconds our clock is ahead of Graph's at the least; below 0: behind.

    Graph answered between `began` and `ended`, in the second that begins with `date`.
    """
    return max(0.0, began - date - 1) - max(0.0, date - ended)
