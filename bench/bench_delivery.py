"""What sending costs: journals → outbox → Graph, beside Meta's own SDK, to one TLS sink.

Run: python bench/bench_delivery.py [--quick]. Our side is the real worker with its SQLite outbox,
from journals whose process has ended, and from an outbox that an outage filled. The SDK's objects
are made beforehand; it normalises, serialises and posts them, and has no queue that survives it.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shop_events import PIXEL_ID, sdk_events, sdk_request, twins
from side_by_side import say, say_least
from sink import Sink

from pixelpair.delivery.intake import Intake
from pixelpair.delivery.journal import Journal
from pixelpair.sending import open_outbox, open_worker
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.delivery.worker import Worker

# Of ours so many that opening the outbox and the first connection, 25 ms, do not count.
ROUNDS, EVENTS, SDK_BATCHES, SDK_SINGLES = 7, 50_000, 3, 150
OURS, BACKLOG = "pixelpair: journals → Graph", "pixelpair: a full outbox → Graph"
BATCH, SINGLE = "facebook_business: 1000 a request", "facebook_business: 1 a request"


@dataclass(frozen=True, slots=True)
class Spent:
    """What one round cost, per event: microseconds, microseconds of CPU, bytes on the wire."""

    wall: float
    cpu: float
    wire: float


class Sending:
    """A spool with so many events in it, and the worker that is to send them."""

    def __init__(self, records: list[bytes], url: str, folder: str, *, taken_in: bool) -> None:
        spool = Path(folder)
        settings = Settings(pixel_id=PIXEL_ID, access_token="t", graph_url=url, spool=folder)
        journal = Journal(spool)
        for record in records:
            journal.append(record)
        journal.close()
        if taken_in:
            outbox = open_outbox(settings, spool)
            intake = Intake(spool, outbox)
            while intake.take():
                pass
            outbox.close()
        self._worker: Worker = open_worker(settings, spool, journal)

    def run(self) -> None:
        done = self._worker.drain()
        assert done.reason is None, done
        assert not done.dead

    def close(self) -> None:
        self._worker.close()


def spent(sink: Sink, events: int, work: Callable[[], object]) -> Spent:
    before, cpu, start = sink.counts(), time.process_time(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    came = sink.counts().since(before)
    assert came.events == events, (came, events)
    return Spent(wall / events * 1e6, cpu / events * 1e6, came.wire / events)


def ours(sink: Sink, number: int, *, taken_in: bool) -> Spent:
    records = [twin.pack() for twin in twins(number)]
    with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder:
        sending = Sending(records, sink.url, folder, taken_in=taken_in)
        try:
            return spent(sink, number, sending.run)
        finally:
            sending.close()


def theirs(sink: Sink, requests: int, size: int) -> Spent:
    batches = [sdk_events(size) for _ in range(requests)]

    def post() -> None:
        for events in batches:
            sdk_request(events, sink.url, sink.certificate).execute()

    return spent(sink, requests * size, post)


def medians(taken: list[Spent]) -> Spent:
    columns = ([getattr(one, name) for one in taken] for name in ("wall", "cpu", "wire"))
    return Spent(*map(statistics.median, columns))


def show(name: str, taken: list[Spent]) -> None:
    low, rate, high = statistics.quantiles([1e6 / one.wall for one in taken], n=4)
    cpu, wire = medians(taken).cpu, medians(taken).wire
    print(
        f"{name:36}{rate:9.0f} events/s   (quartiles {low:.0f} … {high:.0f})"
        f"{cpu:9.1f} µs CPU{wire:7.0f} bytes an event"
    )


def compare(rounds: int, events: int) -> dict[str, list[Spent]]:
    with Sink() as sink:
        subjects: dict[str, Callable[[], Spent]] = {
            OURS: lambda: ours(sink, events, taken_in=False),
            BACKLOG: lambda: ours(sink, events, taken_in=True),
            BATCH: lambda: theirs(sink, SDK_BATCHES, 1000),
            SINGLE: lambda: theirs(sink, SDK_SINGLES, 1),
        }
        taken: dict[str, list[Spent]] = {name: [] for name in subjects}
        for warm in (True, *[False] * rounds):
            for name, subject in subjects.items():
                found = subject()
                taken[name] += [] if warm else [found]
    return taken


def main(rounds: int = ROUNDS, events: int = EVENTS) -> None:
    if importlib.util.find_spec("facebook_business") is None:
        print("facebook_business is missing: this bench is left out (pip install it)")
        return
    taken = compare(rounds, events)
    for name, series in taken.items():
        show(name, series)
    median = {name: medians(series) for name, series in taken.items()}
    print()
    for name in (OURS, BACKLOG):
        mine = median[name]
        say_least(f"{name}, events/s / SDK", median[BATCH].wall / mine.wall, 8)
        say_least("  / SDK with 1 a request", median[SINGLE].wall / mine.wall, 70)
        say("  CPU an event / SDK", mine.cpu / median[BATCH].cpu, 0.15)
    say("bytes on the wire an event / SDK", median[OURS].wire / median[BATCH].wire, 0.65)


if __name__ == "__main__":
    main(*((3, 30_000) if "--quick" in sys.argv else ()))
