"""What accepting an event costs: beside a Redis XADD, four processes at once, on a full backlog.

Run: python bench/bench_accept.py [--quick]. An accept is what a request pays: `Journal.append` of a
packed event. Needs redis-server.
"""

from __future__ import annotations

import multiprocessing
import re
import resource
import socket
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import redis
from redis_process import redis_server
from shop_events import PIXEL_ID, twins
from side_by_side import say
from sink import Sink

from pixelpair.delivery.journal import Journal
from pixelpair.sending import open_outbox, open_worker
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from pixelpair.delivery.worker import Worker

CALLS, RATE, SECONDS, PROCESSES, BACKLOG = 20_000, 5_000, 10, 4, 1_000_000
ROUNDS, AT_ONCE = 40, 1_000
SPAWN = multiprocessing.get_context("spawn")


def new_records() -> Iterator[bytes]:
    """Packed events without end, each with an id of its own."""
    (twin,) = twins(1)
    parts = twin.pack().split(twin.event_id.encode())
    assert len(parts) == 3
    number = 0
    while True:
        number += 1
        event_id = b"%032x" % number
        yield event_id.join(parts)


def opened(folder: str, url: str) -> tuple[Settings, Journal, Worker]:
    settings = Settings(pixel_id=PIXEL_ID, access_token="t", graph_url=url, spool=folder)
    journal = Journal(Path(folder))
    return settings, journal, open_worker(settings, Path(folder), journal)


def timed(calls: int, work: Callable[[bytes], object], records: Iterator[bytes]) -> list[int]:
    """Nanoseconds of each call."""
    taken = []
    for _, record in zip(range(calls), records, strict=False):
        start = perf_counter_ns()
        work(record)
        taken.append(perf_counter_ns() - start)
    return taken


# --- beside a Redis ------------------------------------------------------------------------


def beside_redis(calls: int) -> None:
    records = new_records()
    with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder, redis_server() as port:
        journal, client = Journal(Path(folder)), redis.Redis(port=port)
        works: dict[str, Callable[[bytes], object]] = {
            "Journal.append": journal.append,
            "redis-py XADD": lambda record: client.xadd("events", {"event": record}),
        }
        times: dict[str, list[int]] = {name: [] for name in works}
        for _ in range(calls // 100):
            for name, work in works.items():
                times[name] += timed(100, work, records)
        journal.close()
    medians = {}
    for name, series in times.items():
        low, medians[name], high = (ns / 1000 for ns in statistics.quantiles(series, n=4))
        print(f"{name:32}{medians[name]:9.2f} µs   (quartiles {low:.2f} … {high:.2f})")
    say("accept p50 / XADD p50", medians["Journal.append"] / medians["redis-py XADD"], 0.1)
    print()


# --- four processes at once ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stalls:
    """The worst of one process, in milliseconds.

    `blocked` is the worst append in which the kernel did not take the processor away: it waited
    for a lock, the disk or Python's other thread, which is ours to answer for. `empty` is a loop
    of the same length that does nothing.
    """

    appended: int
    errors: int
    worst: float
    blocked: float
    empty: float
    usual: float


def accept(folder: str, url: str, rate: float, seconds: float) -> Stalls:
    """One web process: it accepts at this rate, and one of all of them is the sender."""
    _, journal, worker = opened(folder, url)
    records = [record for _, record in zip(range(int(rate * seconds)), of_process(), strict=False)]
    worker.start()
    begin = time.perf_counter()
    appends, blocked, empty = [], 0, 0
    for number, record in enumerate(records):
        while (ahead := begin + number / rate - time.perf_counter()) > 0:
            time.sleep(ahead)
        preempted = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
        start = perf_counter_ns()
        journal.append(record)
        middle = perf_counter_ns()
        if resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw == preempted:
            blocked = max(blocked, middle - start)
        appends.append(middle - start)
        middle = perf_counter_ns()
        for _ in range(50):
            pass
        empty = max(empty, perf_counter_ns() - middle)
    errors = journal.dropped + journal.held
    worker.close(30)
    worst, usual = max(appends) / 1e6, statistics.median(appends) / 1e6
    return Stalls(len(appends), errors, worst, blocked / 1e6, empty / 1e6, usual)


def of_process() -> Iterator[bytes]:
    """New records that no other process makes."""
    return (twin.pack() for twin in twins(10**9))


def together(seconds: float) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder,
        Sink() as sink,
        ProcessPoolExecutor(PROCESSES, mp_context=SPAWN) as pool,
    ):
        asked = [
            pool.submit(accept, folder, sink.url, RATE / PROCESSES, seconds)
            for _ in range(PROCESSES)
        ]
        found = [one.result() for one in asked]
        accepted = sum(one.appended for one in found)
        sink.wait_for(accepted, 5)
        lost = accepted - sink.counts().events
        _, _, rest = opened(folder, sink.url)
        lost -= rest.drain().delivered if lost else 0
    print(f"{PROCESSES} processes, {RATE} events/s in all, one of them the sender: {accepted}")
    usual = statistics.median(one.usual for one in found) * 1000
    worst, empty = max(one.worst for one in found), max(one.empty for one in found)
    print(f"  accept p50 {usual:.2f} µs; worst {worst:.1f} ms; of an empty loop {empty:.1f} ms")
    say("errors, and events that did not arrive", sum(one.errors for one in found) + lost, 0)
    say("worst stall that was no preemption, ms", max(one.blocked for one in found), 25)
    print()


# --- a backlog -----------------------------------------------------------------------------


def process(pipe: Connection, folder: str, url: str) -> None:
    """A web process that does what it is asked and says how it went."""
    settings, journal, worker = opened(folder, url)
    records = new_records()

    def append(number: int) -> float:
        return statistics.median(timed(number, journal.append, records)) / 1000

    def fill(number: int) -> int:
        for _, record in zip(range(number), records, strict=False):
            journal.append(record)
        return journal.dropped + journal.held

    def take_in(number: int) -> int:
        worker.step()
        outbox = open_outbox(settings, Path(folder), mends=False)
        while outbox.stats().queued < number:
            worker.step()
        outbox.close()
        return number

    verbs = {
        "append": append,
        "fill": fill,
        "take_in": take_in,
        "start": lambda: worker.start(),
        "rss": memory,
        "close": lambda: worker.close(1),
    }
    for name, *arguments in iter(pipe.recv, None):
        pipe.send(verbs[name](*arguments))


def memory() -> tuple[float, float]:
    """This process's memory now, and the most since it was asked last, in MB."""
    said = Path("/proc/self/status").read_text()
    most, now = (int(re.findall(rf"{key}:\s+(\d+)", said)[0]) / 1024 for key in ("VmHWM", "VmRSS"))
    Path("/proc/self/clear_refs").write_text("5")
    return now, most


class Child:
    """Such a process, asked from here."""

    def __init__(self, folder: str, url: str) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=process, args=(theirs, folder, url), daemon=True)
        self._process.start()

    def ask(self, *words: object) -> Any:
        self._pipe.send(words)
        return self._pipe.recv()

    def close(self) -> None:
        self.ask("close")
        self._pipe.send(None)
        self._process.join(10)


def ratio_of_accepts(full: Child, empty: Child) -> float:
    ratios = [full.ask("append", AT_ONCE) / empty.ask("append", AT_ONCE) for _ in range(ROUNDS)]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"  accept time / empty: {median:.2f}   (quartiles {low:.2f} … {high:.2f})")
    return median


def on_a_backlog(number: int) -> None:
    """Graph cannot be reached; a process that has accepted as good as nothing stands beside."""
    with socket.socket() as nobody, tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as top:
        nobody.bind(("127.0.0.1", 0))
        url = f"https://localhost:{nobody.getsockname()[1]}"
        full, empty = (Child(f"{top}/{name}", url) for name in ("full", "empty"))
        for child in (full, empty):
            child.ask("append", AT_ONCE)
            child.ask("take_in", AT_ONCE)  # what is loaded and cached once is no growth
        before, _ = full.ask("rss")
        print(f"{number} events in journals")
        say("errors", full.ask("fill", number), 0)
        say("RSS growth, MB", full.ask("rss")[1] - before, 40)
        say("accept time / empty", ratio_of_accepts(full, empty), 1.2)
        print(f"{number} events in SQLite, Graph down, the worker's thread running")
        start = time.perf_counter()
        full.ask("take_in", number)
        print(f"  taken in within {time.perf_counter() - start:.0f} s")
        say("RSS growth, MB", full.ask("rss")[1] - before, 40)
        for child in (full, empty):
            child.ask("start")
        say("accept time / empty", ratio_of_accepts(full, empty), 1.2)
        for child in (full, empty):
            child.close()


def main(calls: int = CALLS, seconds: float = SECONDS, backlog: int = BACKLOG) -> None:
    beside_redis(calls)
    together(seconds)
    on_a_backlog(backlog)


if __name__ == "__main__":
    main(*((4_000, 3, 50_000) if "--quick" in sys.argv else ()))
