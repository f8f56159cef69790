"""From the outbox to Meta: claim, post, decide, settle; the only place that obeys decisions.

Knows pixels and their pauses; threads, files and HTTP are elsewhere.
"""

from __future__ import annotations

import logging
import math
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from pixelpair.delivery import mend
from pixelpair.delivery.callers import CALLS, Calls
from pixelpair.delivery.clocks import ClockWatch
from pixelpair.delivery.lanes import Job, Lane
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt, Split, decide, kind_of
from pixelpair.graph import conversions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair.core.events import Twin
    from pixelpair.delivery.callers import Answer
    from pixelpair.delivery.lanes import Batch
    from pixelpair.delivery.outbox import Queue, Row, Verdict
    from pixelpair.graph.client import Reply

    Send = Callable[[list[Twin]], Reply]

log = logging.getLogger("pixelpair")

T = TypeVar("T")

_NUMBER: Final = re.compile(r"\d+")
_KEPT: Final = "events of pixel %s are kept and tried again: %s"
_MENDED: Final = "a %s event was refused, and is sent again without %s"


@dataclass(slots=True)
class Round:
    """One turn: how many events were claimed, and what became of them."""

    claimed: int = 0
    delivered: int = 0
    dead: int = 0

    def add(self, other: Round) -> None:
        self.claimed += other.claimed
        self.delivered += other.delivered
        self.dead += other.dead


_NEW: Final = Lane()


class Dispatch:
    """Sends what an outbox has due. One lane a pixel: a dead token never starves the others.

    Only `send` runs in other threads. Once `stop` says so, no further call begins.
    """

    def __init__(
        self,
        send: Send,
        clock: Callable[[], float],
        random: Callable[[], float],
        *,
        meters: Meters | None = None,
    ) -> None:
        self._send = send
        self._clock = clock
        self._random = random
        self._meters = Meters() if meters is None else meters
        self._lanes: dict[str, Lane] = {}
        self._watch = ClockWatch()
        self._now = self._due_until = -math.inf
        self.stop: Callable[[], bool] = _never

    @property
    def goes_well(self) -> bool:
        """Whether any lane's last call went through."""
        return any(lane.well for lane in self._lanes.values())

    def is_clear(self, pixel_id: str) -> bool:
        """Whether nothing speaks against sending this pixel's events: no pause, no trouble, no
        search for a bad one, no clock that is ahead."""
        lane = self._lanes.get(pixel_id, _NEW)
        troubled = lane.closed or lane.trouble or lane.first or lane.ahead
        return not troubled

    def turn(self, outbox: Queue, *, all_due: bool = False) -> Round:
        """See a batch of each open lane through, those that failed lately last, and several of a
        lane that is well while fewer than `CALLS` lanes have something to send.

        With `all_due` no row waits for its time.
        """
        now = self._clock()
        if now < self._now - 1:  # the clock was set back: what is due was reckoned by the old one
            self.reopen()
            self._due_until = max(self._due_until, self._now)
        self._now = now
        pixels, all_due = self._open(outbox.lanes(), now), all_due or now < self._due_until
        turn = _Turn(outbox, all_due, deque(pixels), max(1, CALLS // max(1, len(pixels))))
        try:
            self._run(turn)
        finally:
            for job in turn.jobs:
                turn.guarded(job, job.release)
        if turn.errors:
            raise turn.errors[0]
        return turn.tally

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

    def _run(self, turn: _Turn) -> None:
        """Keep calls under way until nothing is left that may leave."""
        calls = Calls(self._send, self._clock)
        while True:
            calls.begin(self._ready(turn, CALLS - calls.under_way))
            if not calls.under_way:
                return
            answer = calls.next()
            answer.job.under_way -= 1
            turn.guarded(answer.job, partial(self._take, answer))

    def _ready(self, turn: _Turn, room: int) -> Iterator[tuple[Job, Batch]]:
        """What may leave now: of the lanes at work, then of those that have not had their turn."""
        jobs = deque(turn.jobs)
        while room and (jobs or turn.pixels) and not self.stop():
            if not jobs:
                jobs.append(turn.begin(self._lanes, self._clock, self._meters))
            batch = turn.guarded(jobs[0], jobs[0].next)
            if batch is None:
                jobs.popleft()
                continue
            room -= 1
            jobs[0].under_way += 1
            yield jobs[0], batch

    def _take(self, answer: Answer) -> None:
        """Decide what an answer means for its batch, and see to that."""
        job, batch, reply = answer.job, answer.batch, answer.outcome
        if isinstance(reply, BaseException):
            raise reply
        self._measure(answer, reply)
        attempts = max([row.attempts for row in batch.rows])
        now, size = self._clock(), len(batch.rows)
        decision = decide(reply, attempts, now, self._random(), size, job.lane.failures)
        if isinstance(decision, Split | Dead) and (cured := batch.cured(reply)):
            self._say_dropped(cured, decision.reason)
            job.search(cured)
        elif isinstance(decision, Split):
            job.search(batch.halves())
        else:
            self._note(job, batch, decision, reply)
            job.judge(batch.rows, decision, now)
            self._count(batch.rows, decision, reply, now)
            job.tell(now)

    def _measure(self, answer: Answer, reply: Reply) -> None:
        lane = answer.job.lane
        lane.seconds = answer.seconds
        self._meters.observe("graph_seconds", answer.seconds)
        if reply.date is None:
            return
        self._watch.compare(reply.date, answer.began, answer.ended)
        self._meters.tell("clock_skew", self._watch.skew)
        if lane.ahead or mend.is_future(reply):
            lane.ahead = max(0.0, answer.ended - reply.date)

    def _note(self, job: Job, batch: Batch, decision: Verdict, reply: Reply) -> None:
        """Keep the lane's state and say what a person should know."""
        lane = job.lane
        match decision:
            case Delivered():
                # What left before the others failed says nothing about now.
                if not job.closed:
                    if lane.trouble:
                        log.info("events of pixel %s are delivered again", job.pixel_id)
                    lane.open()
                for remark in conversions.remarks(reply, len(batch.rows)):
                    _say(remark)
            case Dead(reason):
                lane.failures = 0
                name = batch.rows[0].twin.event_name
                _say(f"a {name} event became a dead letter: {reason}")
            case Hold() | RetryAt():
                lane.failures += isinstance(decision, RetryAt) and not job.closed
                lane.close(decision)
                if lane.trouble != decision.reason:
                    lane.trouble = decision.reason
                    level = logging.ERROR if isinstance(decision, Hold) else logging.WARNING
                    log.log(level, _KEPT, job.pixel_id, decision.reason)

    def _say_dropped(self, batches: list[Batch], reason: str) -> None:
        for batch in batches:
            if batch.dropped:
                name, fields = batch.rows[0].twin.event_name, ", ".join(batch.dropped)
                _say(f"{_MENDED % (name, fields)}: {reason}")

    def _count(self, rows: list[Row], decision: Verdict, reply: Reply, now: float) -> None:
        meters, number = self._meters, len(rows)
        match decision:
            case Delivered():
                meters.observe("batch_size", number)
                meters.observe("lag_seconds", now - min([row.twin.event_time for row in rows]))
                for name, delivered in Counter([row.twin.event_name for row in rows]).items():
                    meters.add("delivered", delivered, name)
            case Dead(reason):
                meters.add("dead", number, reason.partition(" (")[0])
            case Hold() | RetryAt():
                meters.add("retried", number, kind_of(reply))


@dataclass(slots=True)
class _Turn:
    """One turn: the pixels that wait for theirs, the jobs at work, and what went wrong."""

    outbox: Queue
    all_due: bool
    pixels: deque[str]
    share: int
    jobs: list[Job] = field(default_factory=list)
    tally: Round = field(default_factory=Round)
    errors: list[Exception] = field(default_factory=list)

    def begin(self, lanes: dict[str, Lane], clock: Callable[[], float], meters: Meters) -> Job:
        pixel_id = self.pixels.popleft()
        lane = lanes.setdefault(pixel_id, Lane())
        self.jobs.append(
            Job(self.outbox, lane, pixel_id, clock, self.tally, meters, self.all_due, self.share)
        )
        return self.jobs[-1]

    def guarded(self, job: Job, work: Callable[[], T]) -> T | None:
        """Do it. Where it breaks, this job ends: the others' events shall leave all the same."""
        try:
            return work()
        except Exception as error:
            self.errors.append(error)
            job.closed = True
            return None


def _say(line: str) -> None:
    """Say what may come with every batch: to the logger's filter it is the same line, which it
    holds back for a while and counts, if only numbers differ."""
    log.warning("%s", line, extra={"pixelpair_key": ("sender", _NUMBER.sub("#", line))})


def _never() -> bool:
    return False
