"""What a tracker can tell at one moment: the sums of its host, and what waits in its spool.

Knows files and outboxes; how a figure is written is the business of those who show it.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import Twin, unpacked
from pixelpair.delivery import frames, locks
from pixelpair.delivery.bounds import SUFFIX
from pixelpair.delivery.leader import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pixelpair.delivery.meters import Meters
    from pixelpair.delivery.numbers import Numbers
    from pixelpair.delivery.outbox import Outbox, Stats

log = logging.getLogger("pixelpair")

# Above so many waiting events they are not counted by pixel: it takes 3 ms for 1,000 of them.
COUNTED_BY_PIXEL: Final = 20_000
# Enough for the first event of a journal, nearly always.
_FIRST: Final = 64 * 1024

Level = tuple[str, str, float]  # the figure's name, its label's value, how it stands


@dataclass(frozen=True, slots=True)
class Unread:
    """What the journals hold that the outbox has not: how many bytes, and the oldest's time."""

    size: int = 0
    oldest: int | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Board:
    """One spool's figures. `outbox` opens what is there to be looked at; None: nothing is yet.

    `leads`: whether this process is the sender; `pixels` are those that are known to be served.
    """

    meters: Meters
    outbox: Callable[[], Outbox | None]
    leads: Callable[[], bool]
    pixels: tuple[str, ...] = ()
    graph_version: str = ""
    clock: Callable[[], float] = field(default=time.time)

    def host(self) -> Numbers:
        """The sums of this host."""
        return self.meters.host()

    def levels(self, numbers: Numbers) -> list[Level]:
        """How things stand now; `numbers` holds what only a process can tell. May block."""
        found: list[Level] = []
        spool = self.meters.spool
        running = locks.holder(spool / LOCK_FILE)[0] if spool is not None else None
        if running is not None:
            found.append(("pixelpair_sender_running", "", float(running)))
        try:
            found += self._of_outbox(spool)
            readable = 1.0
        except Exception:  # whatever the outbox of this shop raises; status tells it
            log.debug("the outbox cannot be read", exc_info=True)
            readable = 0.0
        found.append(("pixelpair_outbox_readable", "", readable))
        if "clock_skew" in numbers.levels:
            found.append(("pixelpair_clock_skew_seconds", "", numbers.levels["clock_skew"][0]))
        return found

    def _of_outbox(self, spool: Path | None) -> list[Level]:
        outbox = self.outbox()
        if outbox is None:
            return [*self._waiting(unread(spool, None), None), *self._troubled(())]
        with closing(outbox):
            # The journals first: what is taken in meanwhile is seen twice rather than not at all.
            found = self._waiting(unread(spool, outbox), stats := outbox.stats())
            held = {trouble.pixel_id: trouble.held for trouble in outbox.troubles()}
            found += self._by_pixel(outbox, stats)
            return [*found, *self._troubled(held.keys(), held)]

    def _waiting(self, unread: Unread, stats: Stats | None) -> list[Level]:
        queued = stats.oldest if stats is not None else None
        times = [at for at in (unread.oldest, queued) if at is not None]
        age = max(0.0, self.clock() - min(times)) if times else 0.0
        found = [
            ("pixelpair_journal_unread_bytes", "", float(unread.size)),
            ("pixelpair_oldest_event_age_seconds", "", age),
            ("pixelpair_events_queued", "", float(stats.queued if stats else 0)),
            ("pixelpair_dead_letters", "", float(stats.dead if stats else 0)),
        ]
        if stats is not None and stats.in_flight is not None:
            found.append(("pixelpair_events_in_flight", "", float(stats.in_flight)))
        return found

    def _by_pixel(self, outbox: Outbox, stats: Stats) -> list[Level]:
        if stats.queued + stats.dead > COUNTED_BY_PIXEL:
            return []
        queued, dead = dict.fromkeys(self.pixels, 0), dict.fromkeys(self.pixels, 0)
        for tally in outbox.tallies():
            queued[tally.pixel_id] = queued.get(tally.pixel_id, 0) + tally.queued
            dead[tally.pixel_id] = dead.get(tally.pixel_id, 0) + tally.dead
        return [
            *(("pixelpair_pixel_events_queued", pixel, float(n)) for pixel, n in queued.items()),
            *(("pixelpair_pixel_dead_letters", pixel, float(n)) for pixel, n in dead.items()),
        ]

    def _troubled(self, waiting: Iterable[str], held: dict[str, bool] | None = None) -> list[Level]:
        pixels = dict.fromkeys((*self.pixels, *waiting))
        closed = held or {}
        return [
            *(("pixelpair_breaker_open", p, float(p in closed)) for p in pixels),
            *(("pixelpair_breaker_held", p, float(closed.get(p, False))) for p in pixels),
        ]


def unread(spool: Path | None, outbox: Outbox | None) -> Unread:
    """What waits in the journals, without reading more of each than its first event."""
    size, times = 0, []
    for path in spool.glob(f"*{SUFFIX}") if spool is not None else ():
        with suppress(FileNotFoundError):
            offset = outbox.offset(path.name) if outbox is not None else 0
            left = path.stat().st_size - offset
            if left > 0:
                size += left
                times += _first(path, offset)
    return Unread(size, min(times, default=None))


def _first(path: Path, offset: int) -> list[int]:
    """The time of the first event in a journal from there on, in a list; none if none is near."""
    with path.open("rb") as file:
        file.seek(offset, os.SEEK_SET)
        found = frames.read_frames(file.read(_FIRST), final=False)
    for payload in found.payloads:
        with suppress(ValueError, TypeError):
            if isinstance(event := unpacked(payload), Twin):
                return [event.event_time]
    return []
