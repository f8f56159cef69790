"""What the one sending process of a host holds: its lock, the outbox and the journals' reader.

Knows who leads and what one pass is; when a pass is due is the worker's business.
"""

from __future__ import annotations

import json
import logging
import os
import random
import socket
import sys
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pixelpair.core.events import Withdrawal, unpacked
from pixelpair.delivery import locks
from pixelpair.delivery.dispatch import Dispatch, Round
from pixelpair.delivery.express import Express
from pixelpair.delivery.intake import Intake
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.outbox import WITHDRAWALS, Bypass, Stats
from pixelpair.errors import PixelPairError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.delivery.dispatch import Send
    from pixelpair.delivery.journal import Journal
    from pixelpair.delivery.meters import Meters
    from pixelpair.delivery.outbox import Outbox

log = logging.getLogger("pixelpair")

T = TypeVar("T")

LOCK_FILE: Final = "leader.lock"
# A thread that wants Python's lock gets it after 5 ms, or when the holder waits for something. So
# the sender in a web process waits now and then: at 5,000 events/s a page's p99 was 1.7 times an
# idle one's with this, 2.6 times without; 0.1 ms was too short to help.
BREATHER: Final = 0.0002

# A child keeps its parent's outbox unused and unclosed: an SQLite connection may be neither
# (https://www.sqlite.org/howtocorrupt.html, 2.6).
_inherited: list[object] = []


class Leader:
    """Leads where it gets the lock. Leading or not, it sends what its own journal must hold in
    memory because nothing can be written. `considerate`: requests of its process wait for the
    interpreter, so it rests now and then."""

    def __init__(
        self,
        spool: Path,
        outbox_factory: Callable[[], Outbox],
        journal: Journal,
        send: Send,
        clock: Callable[[], float],
        meters: Meters | None = None,
    ) -> None:
        self.spool = spool
        self.journal = journal
        self.outbox: Outbox | None = None
        self.troubles = 0
        self.trouble = ""
        self._intake: Intake | None = None
        self._outbox_factory = outbox_factory
        self._lock = locks.Lock(spool / LOCK_FILE)
        self._clock = clock
        self._memory = MemoryOutbox(clock)
        # Of the journal's memory; the other outboxes learn of them from its file.
        self._withdrawals: deque[Withdrawal] = deque(maxlen=WITHDRAWALS)
        self._meters = meters
        self.dispatch = Dispatch(send, clock, random.random, meters=meters)
        self._said: set[str] = set()
        self.considerate = False

    def abandon(self) -> None:
        """In a forked child: what is open belongs to the parent. The lock sees to itself."""
        _inherited.append((self.outbox, self._intake))

    def lead(self) -> bool:
        """Whether this process leads its host, now or already. Never raises."""
        return self.outbox is not None or self.guarded("lead", self._take_over, False)

    def let_go(self) -> None:
        """Lead no longer: another process may."""
        outbox, self.outbox, self._intake = self.outbox, None, None
        if outbox is not None:
            self.guarded("close the outbox", outbox.close, None)
        self._lock.close()

    def turn(self, tally: Round, *, all_due: bool = False, full: int = 1) -> bool:
        """One pass: journals, then one batch of each outbox. Whether another may bring more,
        which it may not after a pass over fewer events than `full`.

        What was done is added to `tally`. Never raises; see `troubles`.
        """
        self.guarded("write events from memory", self._rescue, None)
        more = self._intake is not None and self._take_in(self._intake, tally)
        for outbox in self._outboxes():
            claimed = tally.claimed
            self.guarded("send", partial(self._send, outbox, tally, all_due), None)
            more = more or tally.claimed - claimed >= full
        return more

    def _rest(self) -> None:
        if self.considerate:
            time.sleep(BREATHER)

    def _take_in(self, intake: Intake, tally: Round) -> bool:
        more = self.guarded("read the spool", intake.take, False)
        tally.add(intake.sent)
        intake.sent = Round()
        return more

    def queued(self) -> int:
        """How many events wait in this process's outboxes."""
        boxes = self._outboxes()
        return self.guarded("count", lambda: sum(box.stats().queued for box in boxes), 0)

    def left(self) -> int:
        """How many events are not delivered yet, those included that are only in journals."""
        unread = self.guarded("count", self._intake.unread, 0) if self._intake else 0
        return self.queued() + self.journal.held + unread

    def look(self) -> tuple[int, int] | None:
        """While another leads: how many events are left, and were ever delivered."""
        return self.guarded("look into the outbox", self._look, None)

    def _look(self) -> tuple[int, int]:
        outbox = self._outbox_factory()
        try:
            stats = outbox.stats()
            return stats.queued + Intake(self.spool, outbox).unread(), stats.delivered
        finally:
            outbox.close()

    def lost(self) -> int:
        """How many events end with this process, or have found no room in its memory."""
        stats = self.guarded("count", self._memory.stats, Stats())
        return stats.queued + stats.dead + self.journal.held + self.journal.dropped

    def save(self) -> None:
        """The last chance of what is in memory: the journal, whenever it failed last."""
        self.journal.recover(at_once=True)
        self._write_back()

    def guarded(self, kind: str, work: Callable[[], T], otherwise: T) -> T:
        """Do it; an exception is counted, and logged the first time."""
        try:
            return work()
        except Exception as error:
            self.troubles += 1
            self.trouble = f"could not {kind}: {error}"
            if (known := f"{kind} {type(error).__name__}") not in self._said:
                self._said.add(known)
                if isinstance(error, PixelPairError):  # it says what to do
                    log.error("delivery could not %s: %s", kind, error)
                else:
                    log.exception("delivery could not %s; it goes on trying", kind)
            return otherwise

    def _take_over(self) -> bool:
        try:
            self.spool.mkdir(mode=locks.PRIVATE_FOLDER, parents=True, exist_ok=True)
            if not self._lock.acquire():
                return False
        except OSError as error:
            # Said by the journal already, which keeps what it cannot write in memory.
            self.trouble = f"the spool {self.spool} cannot be used: {error.strerror}"
            return False
        try:
            self.outbox = self._outbox_factory()
        except BaseException:
            self._lock.close()
            raise
        box, express = self.outbox, None
        if isinstance(box, Bypass):
            express = Express(self.dispatch, box, box.note, self._clock, self._rest)
        self._intake = Intake(
            self.spool, box, self._memory, meters=self._meters, express=express, rest=self._rest
        )
        self._lock.sign(_signature(self._clock()))
        return True

    def _outboxes(self) -> list[Outbox]:
        return [self._memory] if self.outbox is None else [self.outbox, self._memory]

    def _rescue(self) -> None:
        """Move what the journal holds in memory to its file, or else straight to the sending."""
        self.journal.recover()
        self._write_back()
        room = self.journal.memory_rows - self._memory.stats().queued
        size = self.journal.memory_bytes - self._memory.size
        if held := self.journal.take_held(max(0, room), size):
            records = [unpacked(record) for record in held]
            self._memory.put_many(records)
            self._withdrawals += [record for record in records if isinstance(record, Withdrawal)]

    def _write_back(self) -> None:
        """Give what waits in memory for its sending to the journal, if that can be written."""
        while self.journal.ready and self._withdrawals:
            self.journal.append(self._withdrawals.popleft().pack())
        while self.journal.ready and (twin := self._memory.take_back()):
            self.journal.append(twin.pack())

    def _send(self, outbox: Outbox, tally: Round, all_due: bool) -> None:
        tally.add(self.dispatch.turn(outbox, all_due=all_due))


def _signature(now: float) -> str:
    """Who leads, for people: the name of the program without its arguments."""
    program = Path(sys.argv[0] or "python").name if hasattr(sys, "argv") and sys.argv else "python"
    who = {"pid": os.getpid(), "host": socket.gethostname(), "program": program, "since": now}
    return json.dumps(who)
