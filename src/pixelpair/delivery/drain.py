"""Delivering everything now, because somebody waits for it: the command line, a flush, a test.

Knows when to stop asking; what one pass does is the leader's business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pixelpair.delivery.dispatch import Round
from pixelpair.delivery.retry import Hold

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from pixelpair.delivery.leader import Leader

    Progress = Callable[[int, int], None]

# A failing Graph is asked so often, with growing pauses: about six seconds in all.
TRIES: Final = 5
PAUSE: Final = 0.2
# While another process sends: how often to look, and how long nothing may move.
LOOK_EVERY: Final = 0.2
STANDSTILL: Final = 10.0
_NOT_OURS = "another process is the sender, and has not sent them yet"


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did, how many events are left, and why (None: all went)."""

    delivered: int = 0
    dead: int = 0
    left: int = 0
    reason: str | None = None


def drain(
    leader: Leader, stop: threading.Event, end: float, progress: Progress | None = None
) -> Drained:
    """Send all there is until `end` (monotonic) or `stop`. Without regard to retry times."""
    report = progress or (lambda done, total: None)
    if not leader.lead() and leader.spool.is_dir():
        watched = _watch(leader, stop, end, report)
        if watched is not None:
            return watched
    return _send_all(leader, stop, end, progress)


def _send_all(
    leader: Leader, stop: threading.Event, end: float, report: Progress | None
) -> Drained:
    tally, tries, reason = Round(), 0, None
    all_of_it = leader.left() if report else 0
    leader.dispatch.reopen()
    while reason is None:
        leader.troubles = 0
        before = tally.delivered + tally.dead
        more = leader.turn(tally, all_due=True)
        done, queued = tally.delivered + tally.dead, leader.queued()
        if report:
            report(done, max(done + queued, all_of_it * more))
        # Claimed but not settled is no progress: the lane is closed then, and the next turn idle.
        tries = 0 if done > before else tries + (not more)
        if not (more or queued or leader.troubles):
            break
        reason = _why_stop(leader, stop, end, tries)
        if reason is None and not more:
            stop.wait(min(PAUSE * 2**tries, max(0.0, end - time.monotonic())))
            leader.dispatch.reopen()
    if leader.outbox is None and reason is None:
        reason = leader.trouble or None
    left = leader.left() if reason else 0
    if not left and leader.outbox is not None and not leader.troubles:
        reason = None  # the last of them went with the end of the time
    return Drained(tally.delivered, tally.dead, left, reason)


def _why_stop(leader: Leader, stop: threading.Event, end: float, tries: int) -> str | None:
    closed = leader.dispatch.closed()
    said = closed.reason if closed else leader.trouble
    if stop.is_set() or time.monotonic() >= end:
        return f"there was no more time ({said})" if said else "there was no more time"
    if tries >= TRIES or (tries and isinstance(closed, Hold)):
        return said or "no event could be sent"
    return None


def _watch(leader: Leader, stop: threading.Event, end: float, report: Progress) -> Drained | None:
    """Another process sends: wait until it has sent all. None: it is gone, we lead now."""
    known = first = leader.look()
    moved = time.monotonic()
    while known and first:
        left, delivered = known[0], known[1] - first[1]
        report(delivered, delivered + left)
        if not left:
            return Drained(delivered)
        if leader.lead():
            return None
        if stop.is_set() or time.monotonic() >= min(end, moved + STANDSTILL):
            return Drained(delivered, left=left, reason=_NOT_OURS)
        stop.wait(LOOK_EVERY)
        before, known = known, leader.look()
        moved = moved if known == before else time.monotonic()
    return Drained(reason=leader.trouble)
