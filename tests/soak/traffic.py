"""Visitors at a steady rate, until they are told to stop."""

from __future__ import annotations

import random
import threading
import time
from itertools import count
from typing import TYPE_CHECKING

from .book import Book
from .visits import Visit

if TYPE_CHECKING:
    from collections.abc import Iterator

# A step is 1.3 requests, and one in fifty takes two seconds: so many can keep 30 a second up.
THREADS = 6


class Crowd:
    """The visitors of one shop: `rate` steps a second, each visit from its own dice."""

    def __init__(self, name: str, port: int, rate: float, seed: int, *, asked: bool) -> None:
        self.book = Book()
        self._name, self._port, self._asked = name, port, asked
        self._every = THREADS / rate
        self._seed = seed
        self._numbers = count()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._come) for _ in range(THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No visit goes on; what they know is in the book. Raises what a visitor raised."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def _come(self) -> None:
        due = time.monotonic()
        try:
            for _ in self._steps():
                due = max(due + self._every, time.monotonic() - 1.0)
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
        except BaseException as error:
            self._failed.append(error)

    def _steps(self) -> Iterator[None]:
        for number in self._numbers:
            dice = random.Random(f"{self._seed} {self._name} {number}")
            visit = Visit(self._port, f"{self._name}{number}", dice, asked=self._asked)
            walk = visit.walk(dice.randint(3, 12))
            try:
                yield from walk
            finally:
                walk.close()
                with self._lock:
                    self.book.add(visit.book)
