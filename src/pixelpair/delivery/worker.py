"""The only thread: starts with the first event, survives forks, and leads its host or waits.

Knows when; what a pass does is the leader's business.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from pixelpair.delivery import forks, locks
from pixelpair.delivery.bell import Bell
from pixelpair.delivery.dispatch import Round
from pixelpair.delivery.drain import Drained, drain
from pixelpair.delivery.leader import Leader
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.surroundings import surroundings
from pixelpair.graph.conversions import MAX_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelpair.core.events import Twin
    from pixelpair.delivery.dispatch import Send
    from pixelpair.delivery.drain import Progress
    from pixelpair.delivery.journal import Journal
    from pixelpair.delivery.outbox import Outbox
    from pixelpair.graph.client import Reply

log = logging.getLogger("pixelpair")

# Only a Purchase wakes the thread, and only in the process that sends: it looks for itself. What
# gathers between two looks shares a call. A leader with nothing to do was measured to take 0.13 s
# of CPU a minute: 0.2 % of a core.
POLL: Final = 0.2
# However many Purchases wake it: 20 looks a second at most.
BREATH: Final = 0.05
# How soon another process notices that the leader has died.
TAKEOVER: Final = 1.0
# How often the thread puts this process's journal on the disk, leader or not. A power cut takes
# what came since, up to a look and a sync more than this; but all that came during a call, when
# Graph does not answer it (`graph.client.TIMEOUT`), and without a thread what the kernel holds.
SYNC_EVERY: Final = 0.5
# How often an ending follower asks whether the leader has read what it leaves.
ASK_EVERY: Final = 0.02
# The longest rest after something in the loop went wrong.
LONGEST_REST: Final = 30.0


_said: set[str] = set()


class Worker:
    """Moves events from the journals to Meta, in one process of the host at a time.

    `poll` and `takeover` are how often it looks for events and for a dead leader, `sync_every` how
    often it puts the journal on the disk, in seconds; `done` is what its passes have done so far,
    `meters` count it. `on_close` is called when nothing will be sent any more.
    """

    def __init__(
        self,
        spool: Path,
        outbox_factory: Callable[[], Outbox],
        journal: Journal,
        send: Send,
        *,
        clock: Callable[[], float] = time.time,
        poll: float = POLL,
        takeover: float = TAKEOVER,
        sync_every: float = SYNC_EVERY,
        meters: Meters | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.spool = spool
        self.journal = journal
        self.poll = poll
        self.takeover = takeover
        self.sync_every = sync_every
        self.meters = meters or Meters()
        self._post = send
        self._make_leader = partial(
            Leader, spool, outbox_factory, journal, self._send, clock, self.meters
        )
        self._on_close = on_close
        self._closed = False
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self.fork_lock = threading.RLock()
        self._turn = threading.RLock()
        self._stop = threading.Event()
        self._bell = Bell()
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None
        self._barred = False
        self._deadline = math.inf
        self._leader = self._make_leader()
        self._sync_at = 0.0
        self.done = Round()

    def after_fork(self) -> None:
        """In a child nothing runs and nothing is led; its first event starts it again."""
        self._leader.abandon()
        self._begin()

    @property
    def leads(self) -> bool:
        """Whether this process is its host's sender."""
        return self._leader.outbox is not None

    def notify(self, *, urgent: bool = False) -> None:
        """An event was queued in this process: see that the thread runs. Never raises.

        What is urgent is looked at now; where another process leads, it finds it by itself.
        """
        if self._thread is None:
            if self._barred:
                self.meters.tick()
            else:
                self.start()
        elif urgent and self.leads:
            self._bell.ring()

    def start(self) -> None:
        """Start the thread, unless it runs, was closed, or cannot run in this process."""
        with self.fork_lock:
            if self._thread is None and not self._closed and self._may_run():
                self._leader.guarded("start its thread", self._start, None)

    def step(self) -> float:
        """One pass over everything; gives the pause until the next, in seconds."""
        with self._turn:
            before = self._leader.troubles
            leads = self._leader.lead()
            # Fewer would leave one by one as they come, each in a call of its own.
            more = self._leader.turn(self.done, full=MAX_EVENTS)
            if self._leader.troubles > before:
                return float(min(LONGEST_REST, 2.0 ** min(self._leader.troubles, 9)))
            self._leader.troubles = 0
            return 0.0 if more else (self.poll if leads else self.takeover)

    def serve(self, stop: Callable[[], bool], rest: Callable[[float], None]) -> None:
        """Send and do nothing else, in this thread, until `stop`: a call that has begun is seen
        through. `rest` waits so many seconds, or less."""
        self._leader.dispatch.stop = stop
        while not stop():
            pause = self._leader.guarded("run", self.step, LONGEST_REST)
            self.meters.tick(leads=self.leads)
            rest(pause)
        with self._turn:
            self._leader.let_go()
        self.meters.save()

    def flush(self, timeout: float) -> int:
        """Send everything now, but take no longer than `timeout` seconds, whatever Graph does.

        Gives how many events are left. What is under way then may arrive all the same.
        """
        done: list[Drained] = []

        def work() -> None:
            done.append(self.drain(timeout))

        flush = partial(self._leader.guarded, "flush", work, None)
        thread = threading.Thread(target=flush, name="pixelpair flush", daemon=True)
        self._leader.guarded("start its thread", thread.start, None)
        if thread.ident is not None:
            thread.join(timeout)
        return done[0].left if done else self._left()

    def _left(self) -> int:
        """While somebody else is at it, whose outbox may close at any moment."""
        known = self._leader.look() if self.spool.is_dir() else None
        return known[0] + self.journal.held if known else self._leader.left()

    def drain(self, timeout: float | None = None, progress: Progress | None = None) -> Drained:
        """Send everything now, whatever its retry time, within `timeout` seconds.

        A failing Graph is asked a few times only. Where another process leads, this waits for
        it. `progress` is told (done, done and left) after each batch.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        if not self._turn.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            return Drained(left=self._left(), reason="Graph has not answered in time")
        try:
            if not locks.is_there(self.spool) and not self.journal.held:
                return Drained()
            return drain(self._leader, self._stop, end, progress)
        finally:
            if self._thread is None:
                self._leader.let_go()
            self._turn.release()

    def halt(self, timeout: float = 2.0) -> bool:
        """Send what can be sent in `timeout` seconds, then nothing until the next event comes.

        The spool keeps the rest. Never takes longer. Whether the thread has ended.
        """
        self._deadline = time.monotonic() + timeout
        with self.fork_lock:
            thread, self._thread = self._thread, None
            self._ending = thread or self._ending  # which was waited for already
            self._stop.set()
            self._bell.ring()
            # What is queued from here on starts a thread of its own.
            self._stop, self._bell = threading.Event(), Bell()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        ended = self._ending is None or not self._ending.is_alive()
        if ended:
            self._ending = None
            self._leader.guarded("save what is in memory", self._leader.save, None)
        return ended

    def close(self, timeout: float = 2.0) -> None:
        """As `halt`, for good: what is queued later waits in the spool."""
        if self._closed:
            return
        self._closed = True
        ended = self.halt(timeout)
        if ended:
            self._let_go()
        self.journal.close()
        if lost := self._leader.lost():
            log.error("%d events could be neither sent nor written, and are lost", lost)
        if self._on_close is not None and ended:
            self._leader.guarded("close", self._on_close, None)
        self.meters.close()

    def _let_go(self) -> None:
        """A thread that led has done so; and so will a drain that is at it."""
        if self._turn.acquire(blocking=False):
            try:
                self._leader.let_go()
            finally:
                self._turn.release()

    def _may_run(self) -> bool:
        """Whether a thread can send in this process; it is said once if that has a price."""
        if not self._barred:
            around = surroundings()
            # Without a remark it may pass: uWSGI's master is asked again by its next event.
            self._barred = not around.can_send and bool(around.remark)
            if around.remark:
                # Locks made before the threads were replaced keep nobody out.
                self._turn = threading.RLock()
                _warn_once(around.remark)
            return around.can_send
        return False

    def _start(self) -> None:
        # Those made before a server replaced this process's threads would hold all of them up.
        self._stop, self._bell = threading.Event(), Bell()
        thread = threading.Thread(
            target=self._run, args=(self._stop, self._bell), name="pixelpair", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            if "shutdown" not in str(error):  # Python 3.12: the interpreter ends
                raise
            self._barred = True
        else:
            self._thread = thread

    def _run(self, stop: threading.Event, bell: Bell) -> None:
        pause, self._leader.considerate = 0.0, True
        while not self._rest(stop, bell, pause):
            pause = self._leader.guarded("run", self.step, LONGEST_REST)
            self.meters.tick(leads=self.leads)
        self._leader.guarded("finish", self._last_pass, None)

    def _rest(self, stop: threading.Event, bell: Bell, seconds: float) -> bool:
        """Wait so long, with the journal synced meanwhile, or until it rings. Whether to end."""
        began = time.monotonic()
        end = began + seconds
        while not stop.is_set():
            self._sync()
            left = end - time.monotonic()
            if left <= 0:
                return False
            if bell.wait(min(self.sync_every, left)) and seconds <= self.poll:
                end = min(end, began + BREATH)
        return True

    def _last_pass(self) -> None:
        with self._turn:
            self._leader.considerate = False
            leader, written = self._leader, self.journal.path
            leader.save()
            self.journal.close()
            if written != self.journal.path:
                self._wait_for_reader(written)
            leader.lead()
            leader.dispatch.reopen()
            while leader.turn(Round()) and time.monotonic() < self._deadline:
                pass
            leader.let_go()
        self.meters.save()

    def _wait_for_reader(self, written: Path | None) -> None:
        """Where another process leads, it may be about to end too, and then this one is the last:
        it goes when what it has handed over was read, and removed."""
        while not self._leader.lead() and written and written.exists():
            if time.monotonic() >= self._deadline:
                return
            time.sleep(ASK_EVERY)

    def _send(self, twins: list[Twin]) -> Reply:
        # The call may take long, and nothing is synced meanwhile.
        self._sync()
        return self._post(twins)

    def _sync(self) -> None:
        if time.monotonic() >= self._sync_at:
            self._sync_at = time.monotonic() + self.sync_every
            self._leader.guarded("sync the journal", self.journal.sync, None)


def _warn_once(remark: str) -> None:
    if remark not in _said:
        _said.add(remark)
        log.warning("%s", remark)
