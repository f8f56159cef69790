"""What this process counts and measures of its deliveries, until somebody asks: plain numbers
that cost a request nothing. Who shows them to whom is not said here.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final

from pixelpair.delivery import forks, sums
from pixelpair.delivery.numbers import Numbers

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Counts = Mapping[tuple[str, str], int]

log = logging.getLogger("pixelpair")

# What a killed process had counted since is missing from its host's sums: a few seconds' worth.
SAVE_EVERY: Final = 2.0
# How often the sender adds the files of dead processes to the total.
FOLD_EVERY: Final = 30.0


class Meters:
    """Counters by name and label, distributions by name.

    With a `spool` they are saved in it, so that every process of the host can show the sums of
    all; the folder is not made for that. `also` is called with each save: what else is due now
    and then.
    """

    def __init__(
        self, spool: Path | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.spool = spool
        self.also: list[Callable[[], object]] = []
        self.recorders: list[Callable[[str, float], object]] = []
        self._clock = clock
        self._followed: list[tuple[Callable[[], Counts], bool]] = []
        self._file = sums.Own(spool) if spool is not None else None
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self.fork_lock = threading.RLock()
        self._numbers = Numbers()
        self._known: list[Counts] = [{} for _ in self._followed]
        self._save_at = self._fold_at = 0.0
        self._said = self.closed = False

    def after_fork(self) -> None:
        """In a child nothing is counted yet; what it inherited is its parent's to tell."""
        self._begin()
        if self._file is not None:
            self._file.begin()
        for place, (read, keeps) in enumerate(self._followed):
            if keeps:
                with suppress(Exception):
                    self._known[place] = dict(read())

    @property
    def path(self) -> Path | None:
        """The file that holds what this process counts."""
        return None if self.spool is None or self._file is None else self.spool / self._file.name

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """What this process has counted."""
        return self._numbers.counts

    def add(self, name: str, amount: int = 1, label: str = "") -> None:
        """Count what happened; `label` tells kinds of it apart."""
        with self.fork_lock:
            self._numbers.count(name, label, amount)

    def observe(self, name: str, value: float) -> None:
        """Measure something that varies from case to case."""
        with self.fork_lock:
            self._numbers.measure(name, value)
        for record in self.recorders:
            record(name, value)

    def tell(self, name: str, value: float) -> None:
        """Note how something stands; of several processes the last word holds."""
        with self.fork_lock:
            self._numbers.tell(name, value, self._clock())

    def follow(self, read: Callable[[], Counts], *, inherited: bool = True) -> None:
        """Count what somebody else counts, whose counts only grow.

        `inherited`: a forked child begins with its parent's there.
        """
        with self.fork_lock:
            self._followed.append((read, inherited))
            self._known.append({})

    def own(self) -> Numbers:
        """What this process has counted, as it is now."""
        with self.fork_lock:
            for place, (read, _) in enumerate(self._followed):
                with suppress(RuntimeError):  # it grew under our eyes: the next time, then
                    self._take_in(place, dict(read()))
            return self._numbers.copy()

    def _take_in(self, place: int, now: Counts) -> None:
        before, self._known[place] = self._known[place], now
        for (name, label), amount in now.items():
            if (more := amount - before.get((name, label), 0)) > 0:
                self._numbers.count(name, label, more)

    def host(self) -> Numbers:
        """What all processes of this host have counted, dead or alive. May block, and may raise.

        What is shown of this process is in its file: no later sum, whoever tells it, is less.
        """
        if self.spool is None or self._file is None:
            return self.own()
        with self.fork_lock:
            own, name, closed = self.save(), self._file.name, self.closed
        numbers = sums.host(self.spool, but="" if closed else name)
        if not closed:
            numbers.merge(own)
        return numbers

    def save(self, *, ended: bool = False) -> Numbers:
        """Write what this process has counted to its file; gives it. Never raises."""
        with self.fork_lock:
            own = self.own()
            counted = own.counts or own.spreads or own.levels
            if self._file is not None and counted and not self.closed:
                try:
                    self._file.save(own, ended=ended)
                except OSError as error:
                    self._say("written to %s", self.spool, error.strerror)
            return own

    def tick(self, *, leads: bool = False) -> None:
        """Save, if that is due; `leads`: this process is its host's sender. Never raises.

        Costs 0.1 µs when nothing is due.
        """
        if monotonic() >= self._save_at:
            self._tick(leads)

    def _tick(self, leads: bool) -> None:
        now = monotonic()
        with self.fork_lock:
            if now < self._save_at:  # another thread was here
                return
            self._save_at = now + SAVE_EVERY
            try:
                self.save()
                if leads and now >= self._fold_at:
                    self._fold_at = now + FOLD_EVERY
                    self.fold()
            except Exception as error:
                self._say("kept in %s", self.spool, type(error).__name__)
        for work in self.also:
            work()

    def fold(self) -> None:
        """Add up what dead processes left; for the host's one sender. Raises OSError."""
        if self.spool is not None and self.spool.is_dir():
            sums.fold(self.spool)

    def close(self) -> None:
        """Save for the last time. What is counted later is told by this process alone."""
        with self.fork_lock:
            self.save(ended=True)
            self._save_at, self.closed = math.inf, True
            if self._file is not None:
                self._file.close()

    def _say(self, where: str, *args: object) -> None:
        if not self._said:
            self._said = True
            log.warning(f"numbers of this process cannot be {where}: %s", *args)
