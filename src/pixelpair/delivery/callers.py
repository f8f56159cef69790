"""Calls to Graph that are under way side by side, each in a thread that lives as long as its call.

Knows threads; what a call carries and what its answer means is the dispatch's business.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixelpair.delivery.dispatch import Send
    from pixelpair.delivery.lanes import Batch, Job
    from pixelpair.graph.client import Reply

# As many as the client keeps connections. A call takes Graph up to 0.6 s: four are 6,000 events/s
# of one pixel at the least, and 4,000 bodies of 1 KB in memory.
CALLS: Final = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended. `began` and `ended` are times of day, `seconds` is what it took."""

    job: Job
    batch: Batch
    outcome: Reply | BaseException
    began: float
    ended: float
    seconds: float


class Calls:
    """Those of one turn. Nothing outlives it: no idle thread, nothing that a fork could copy."""

    def __init__(self, send: Send, clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        # Looked up here: gevent and eventlet put their own in its place.
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.under_way = 0

    def begin(self, ready: Iterable[tuple[Job, Batch]]) -> None:
        """Make them, each as soon as another is known. One that is alone is made here and now: a
        thread would only cost."""
        held: tuple[Job, Batch] | None = None
        for found in ready:
            if held is not None:
                self._begin(*held)
            held = found
        if held is not None:
            self._begin(*held, alone=not self.under_way)

    def next(self) -> Answer:
        """The next that ends."""
        answer = self._answers.get()
        self.under_way -= 1
        return answer

    def _begin(self, job: Job, batch: Batch, *, alone: bool = False) -> None:
        self.under_way += 1
        if alone or not self._in_thread(job, batch):
            self._make(job, batch)

    def _in_thread(self, job: Job, batch: Batch) -> bool:
        """Whether there was a thread to be had; at the interpreter's end there is none."""
        # Daemons: Python would wait for others before it exits, as long as Graph takes.
        call = threading.Thread(
            target=self._make, args=(job, batch), name="pixelpair call", daemon=True
        )
        try:
            call.start()
        except RuntimeError:
            return False
        return True

    def _make(self, job: Job, batch: Batch) -> None:
        began, start = self._clock(), time.perf_counter()
        outcome: Reply | BaseException
        try:
            outcome = self._send(batch.twins)
        except BaseException as error:  # raised again in the turn's thread
            outcome = error
        seconds = time.perf_counter() - start
        self._answers.put(Answer(job, batch, outcome, began, self._clock(), seconds))
