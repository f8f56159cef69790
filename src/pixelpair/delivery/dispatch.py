"""From the outbox to Meta: claim, post, decide, settle; the only place that obeys decisions.

Knows pixels and their pauses; threads, files and HTTP are elsewhere.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pixelpair.delivery.outbox import Trouble
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt, Split, decide, too_old
from pixelpair.graph import conversions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.events import Twin
    from pixelpair.delivery.outbox import Key, Outbox, Row, Verdict
    from pixelpair.graph.client import Reply

    Send = Callable[[list[Twin]], Reply]

log = logging.getLogger("pixelpair")

_KEPT: Final = "events of pixel %s are kept and tried again: %s"
# What is logged once is remembered; Meta's remarks could otherwise fill the memory.
REMEMBERED: Final = 200
# So long may one pixel keep the others waiting while its bad events are looked for: a thousand of
# them would take 2000 calls. As long as a call that is not answered.
PATIENCE: Final = 10.0


@dataclass(slots=True)
class Round:
    """One turn: how many events were claimed, and what became of them."""

    claimed: int = 0
    delivered: int = 0
    dead: int = 0


@dataclass(slots=True)
class Lane:
    """One pixel's way to Meta: closed by which verdict, and how often it failed in a row.

    `first` is the size of the next call (0: what fits), where a search for bad events broke off.
    `noted` is the trouble that the outbox knows of (None: what it knows is a predecessor's).
    """

    closed: RetryAt | Hold | None = None
    failures: int = 0
    trouble: str = ""
    noted: str | None = None
    first: int = 0


_NEW: Final = Lane()


class Dispatch:
    """Sends what an outbox has due. One lane a pixel: a dead token never starves the others.

    Once `stop` says so, no further call begins.
    """

    def __init__(self, send: Send, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._random = random
        self._lanes: dict[str, Lane] = {}
        self._said: set[str] = set()
        self.stop: Callable[[], bool] = _never

    def turn(self, outbox: Outbox, *, all_due: bool = False) -> Round:
        """Claim one batch of each open lane and see it through, those that failed lately last.

        With `all_due` no row waits for its time.
        """
        tally, errors = Round(), []
        for pixel_id in self._open(outbox.lanes(), self._clock()):
            if self.stop():
                break
            try:
                self._serve(outbox, pixel_id, all_due, tally)
            except Exception as error:  # the others' events shall leave all the same
                errors.append(error)
        if errors:
            raise errors[0]
        return tally

    def reopen(self) -> None:
        """Forget every pause: somebody asked for delivery now."""
        for lane in self._lanes.values():
            lane.closed = None

    def closed(self) -> RetryAt | Hold | None:
        """Why a lane is closed: a reason that may pass soon before one that needs a person."""
        verdicts = [lane.closed for lane in self._lanes.values() if lane.closed is not None]
        return min(verdicts, key=lambda verdict: isinstance(verdict, Hold), default=None)

    def _open(self, pixel_ids: list[str], now: float) -> list[str]:
        lanes = [(self._lanes.get(pixel_id, _NEW), pixel_id) for pixel_id in pixel_ids]
        lanes.sort(key=lambda found: found[0].failures)
        return [p for lane, p in lanes if lane.closed is None or lane.closed.when <= now]

    def _serve(self, outbox: Outbox, pixel_id: str, all_due: bool, tally: Round) -> None:
        now = self._clock()
        rows = outbox.claim(conversions.MAX_EVENTS, math.inf if all_due else now, pixel_id)
        turn = _Turn(outbox, now, rows, tally)
        try:
            if young := turn.set_old_aside(rows):
                self._deliver(turn, pixel_id, young)
        finally:
            turn.release()

    def _deliver(self, turn: _Turn, pixel_id: str, rows: list[Row]) -> None:
        """Post them; a batch that is refused for a bad event is halved until that stands alone."""
        lane = self._lanes.setdefault(pixel_id, Lane())
        waiting = _batches(rows, lane.first)[::-1]
        end = self._clock() + PATIENCE
        while waiting and not turn.closed:
            self._post(turn, pixel_id, lane, waiting)
            if self._clock() >= end or self.stop():
                break
        lane.first = len(waiting[-1]) if waiting else 0

    def _post(self, turn: _Turn, pixel_id: str, lane: Lane, waiting: list[list[Row]]) -> None:
        rows = waiting.pop()
        reply = self._send([row.twin for row in rows])
        attempts = max(row.attempts for row in rows)
        decision = decide(reply, attempts, self._clock(), self._random(), len(rows), lane.failures)
        if isinstance(decision, Split):
            middle = len(rows) // 2
            waiting += [rows[middle:], rows[:middle]]
        else:
            self._note(pixel_id, lane, decision, reply, rows)
            turn.judge(rows, decision, self._clock())
            if lane.noted != lane.trouble:
                turn.tell(_trouble(pixel_id, lane, self._clock()), pixel_id)
                lane.noted = lane.trouble

    def _note(
        self, pixel_id: str, lane: Lane, decision: Verdict, reply: Reply, rows: list[Row]
    ) -> None:
        """Keep the lane's state and say what a person should know, once."""
        match decision:
            case Delivered():
                if lane.trouble:
                    log.info("events of pixel %s are delivered again", pixel_id)
                lane.failures, lane.closed, lane.trouble = 0, None, ""
                for remark in conversions.remarks(reply, len(rows)):
                    self._say(logging.WARNING, remark)
            case Dead(reason):
                lane.failures = 0
                name = rows[0].twin.event_name
                self._say(logging.WARNING, f"a {name} event became a dead letter: {reason}")
            case Hold() | RetryAt():
                lane.failures += isinstance(decision, RetryAt)
                lane.closed = decision
                if lane.trouble != decision.reason:
                    lane.trouble = decision.reason
                    level = logging.ERROR if isinstance(decision, Hold) else logging.WARNING
                    log.log(level, _KEPT, pixel_id, decision.reason)

    def _say(self, level: int, line: str) -> None:
        if line not in self._said and len(self._said) < REMEMBERED:
            self._said.add(line)
            log.log(level, "%s", line)


class _Turn:
    """One pixel's claimed rows: each gets its verdict, or is released for the next claim."""

    def __init__(self, outbox: Outbox, now: float, rows: list[Row], tally: Round) -> None:
        self.closed = False
        self._tally = tally
        self._tally.claimed += len(rows)
        self._outbox = outbox
        self._now = now
        self._open: set[Key] = {row.key for row in rows}

    def set_old_aside(self, rows: list[Row]) -> list[Row]:
        """The rows that are young enough; one older than 7 days would sink its whole batch."""
        old = {row.key: dead for row in rows if (dead := too_old(row.twin.event_time, self._now))}
        for dead in set(old.values()):
            self.judge([row for row in rows if row.key in old], dead, self._now)
        return [row for row in rows if row.key not in old]

    def judge(self, rows: list[Row], verdict: Verdict, now: float) -> None:
        self._open.difference_update(row.key for row in rows)
        self._outbox.settle([(row.key, verdict) for row in rows], now)
        match verdict:
            case Delivered():
                self._tally.delivered += len(rows)
            case Dead():
                self._tally.dead += len(rows)
            case RetryAt() | Hold():
                self.closed = True

    def tell(self, trouble: Trouble | None, pixel_id: str) -> None:
        """Note it for people. Where that fails, nothing else needs to."""
        with suppress(Exception):
            self._outbox.note(pixel_id, trouble)

    def release(self) -> None:
        if self._open:
            idle = Hold(self._now, "not tried")
            self._outbox.settle([(key, idle) for key in self._open], self._now)


def _never() -> bool:
    return False


def _trouble(pixel_id: str, lane: Lane, now: float) -> Trouble | None:
    held = isinstance(lane.closed, Hold)
    return Trouble(pixel_id, lane.trouble, now, held) if lane.trouble else None


def _batches(rows: list[Row], first: int) -> list[list[Row]]:
    """The rows in portions that fit one call each; the first is no larger than `first`."""
    heads = [rows[:first], rows[first:]] if 0 < first < len(rows) else [rows]
    return [
        head[part]
        for head in heads
        for part in conversions.portions(len(row.twin.body) for row in head)
    ]
