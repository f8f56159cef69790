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

from pixelpair.delivery import forks
from pixelpair.delivery.dispatch import Round
from pixelpair.delivery.drain import Drained, drain
from pixelpair.delivery.leader import Leader

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

# Nobody wakes the thread, which would cost each request a lock: it looks for itself. What
# gathers between two looks shares a call. A leader with nothing to do was measured to take 0.13 s
# of CPU a minute: 0.2 % of a core.
POLL: Final = 0.2
# How soon another process notices that the leader has died.
TAKEOVER: Final = 1.0
# How often the thread puts this process's journal on the disk, leader or not. A power cut takes
# what came since, up to a look and a sync more than this; but all that came during a call, when
# Graph does not answer it (`graph.client.TIMEOUT`), and without a thread what the kernel holds.
SYNC_EVERY: Final = 0.5
# The longest rest after something in the loop went wrong.
LONGEST_REST: Final = 30.0


class Worker:
    """Moves events from the journals to Meta, in one process of the host at a time.

    `poll` and `takeover` are how often it looks for events and for a dead leader, in seconds;
    `done` is what its passes have done so far; `on_close` is called when nothing will be sent any
    more.
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
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.spool = spool
        self.journal = journal
        self.poll = poll
        self.takeover = takeover
        self._post = send
        self._make_leader = partial(Leader, spool, outbox_factory, journal, self._send, clock)
        self._on_close = on_close
        self._closed = False
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self.fork_lock = threading.RLock()
        self._turn = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
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

    def notify(self) -> None:
        """An event was queued in this process: see that the thread runs. Never raises."""
        if self._thread is None:
            self.start()

    def start(self) -> None:
        """Start the thread, unless it runs or was closed."""
        with self.fork_lock:
            if self._thread is None and not self._closed:
                self._leader.guarded("start its thread", self._start, None)

    def step(self) -> float:
        """One pass over everything; gives the pause until the next, in seconds."""
        with self._turn:
            before = self._leader.troubles
            leads = self._leader.lead()
            more = self._leader.turn(self.done)
            if self._leader.troubles > before:
                return float(min(LONGEST_REST, 2.0 ** min(self._leader.troubles, 9)))
            self._leader.troubles = 0
            return 0.0 if more else (self.poll if leads else self.takeover)

    def serve(self, stop: Callable[[], bool], rest: Callable[[float], None]) -> None:
        """Send and do nothing else, in this thread, until `stop`: a call that has begun is seen
        through. `rest` waits so many seconds, or less."""
        self._leader.dispatch.stop = stop
        while not stop():
            rest(self._leader.guarded("run", self.step, LONGEST_REST))
        with self._turn:
            self._leader.let_go()

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
        """While a drain is at it, whose outbox may close at any moment."""
        known = self._leader.look() if self.spool.is_dir() else None
        return known[0] + self.journal.held if known else self._leader.left()

    def drain(self, timeout: float | None = None, progress: Progress | None = None) -> Drained:
        """Send everything now, whatever its retry time, within `timeout` seconds.

        A failing Graph is asked a few times only. Where another process leads, this waits for
        it. `progress` is told (done, done and left) after each batch.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        if not self._turn.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            return Drained(left=self._leader.left(), reason="Graph has not answered in time")
        try:
            if not self.spool.exists() and not self.journal.held:
                return Drained()
            return drain(self._leader, self._wake, end, progress)
        finally:
            if self._thread is None:
                self._leader.let_go()
            self._turn.release()

    def close(self, timeout: float = 2.0) -> None:
        """Send what can be sent in `timeout` seconds; the spool keeps the rest. Never longer."""
        if self._closed:
            return
        self._closed = True
        self._deadline = time.monotonic() + timeout
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        ended = thread is None or not thread.is_alive()
        if ended:
            self._leader.guarded("save what is in memory", self._leader.save, None)
        self.journal.close()
        if lost := self._leader.lost():
            log.error("%d events could be neither sent nor written, and are lost", lost)
        if self._on_close is not None and ended:
            self._leader.guarded("close", self._on_close, None)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="pixelpair", daemon=True)
        thread.start()
        self._thread = thread

    def _run(self) -> None:
        wake, leader = self._wake, self._leader
        pause = 0.0
        while not self._rest(wake, pause):
            pause = leader.guarded("run", self.step, LONGEST_REST)
        leader.guarded("finish", self._last_pass, None)

    def _rest(self, wake: threading.Event, seconds: float) -> bool:
        """Wait so long, with the journal synced meanwhile. Whether to end."""
        end = time.monotonic() + seconds
        while not wake.wait(min(SYNC_EVERY, max(0.0, end - time.monotonic()))):
            self._sync()
            if time.monotonic() >= end:
                return False
        return True

    def _last_pass(self) -> None:
        with self._turn:
            leader = self._leader
            leader.save()
            self.journal.close()
            leader.lead()
            leader.dispatch.reopen()
            while leader.turn(Round()) and time.monotonic() < self._deadline:
                pass
            leader.let_go()

    def _send(self, twins: list[Twin]) -> Reply:
        # The call may take long, and nothing is synced meanwhile.
        self._sync()
        return self._post(twins)

    def _sync(self) -> None:
        if time.monotonic() >= self._sync_at:
            self._sync_at = time.monotonic() + SYNC_EVERY
            self._leader.guarded("sync the journal", self.journal.sync, None)
