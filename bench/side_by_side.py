"""Times several subjects in interleaved rounds of one run, so that they meet the same weather."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds a call: the quartiles over all rounds."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:9.2f} µs   (quartiles {self.low:.2f} … {self.high:.2f})"


def measure(
    subjects: Mapping[str, Callable[[int], None]], *, rounds: int, calls: int
) -> dict[str, Timing]:
    """Each subject is called with the number of calls to make; prints one line for each."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for subject in subjects.values():
        subject(calls)
    order = list(subjects.items())
    for _ in range(rounds):
        random.shuffle(order)  # who comes after a heavy one finds cold caches: not always the same
        for name, subject in order:
            start = time.perf_counter()
            subject(calls)
            times[name].append((time.perf_counter() - start) / calls * 1e6)
    timings = {name: Timing(*statistics.quantiles(taken, n=4)) for name, taken in times.items()}
    for name, timing in timings.items():
        print(f"{name:44}{timing}")
    return timings


def say(what: str, ratio: float, bar: float) -> None:
    """One line: a ratio beside its bar."""
    verdict = "ok" if ratio <= bar else "MISSED"
    print(f"  {what:58} {ratio:6.3f}   bar {bar:g}   {verdict}")


def say_least(what: str, ratio: float, bar: float) -> None:
    """The same where more is better."""
    verdict = "ok" if ratio >= bar else "MISSED"
    print(f"  {what:58} {ratio:6.3f}   bar {bar:g}   {verdict}")
