"""What accepting an event costs: Journal.append beside a bare os.write and SimpleQueue.put.

Each call is timed alone, the three in turn and first in turn, so that they meet the same weather.
Run: python bench/bench_journal.py [rounds]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter_ns

from pixelpair.delivery.journal import Journal

RECORD_BYTES = 1024
WARM_UP = 2_000


def measure(rounds: int, spool: Path) -> dict[str, list[int]]:
    """Nanoseconds of each call, by what was called; who goes first changes from round to round."""
    journal = Journal(spool)
    fd = os.open(spool / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    calls = [
        ("put", SimpleQueue[bytes]().put),
        ("write", partial(os.write, fd)),
        ("append", journal.append),
    ]
    times: dict[str, list[int]] = {name: [] for name, _ in calls}
    record = (b"x" * 61 + b"\xc3\xa9\n") * (RECORD_BYTES // 64)
    for _ in range(rounds + WARM_UP):
        record = record[1:] + record[:1]
        for name, call in calls:
            start = perf_counter_ns()
            call(record)
            times[name].append(perf_counter_ns() - start)
        calls.append(calls.pop(0))
    os.close(fd)
    journal.close()
    return {name: series[WARM_UP:] for name, series in times.items()}


def main(rounds: int = 100_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        times = measure(rounds, Path(folder))
    medians = {}
    for name, series in times.items():
        low, medians[name], high = statistics.quantiles(series, n=4)
        tail = statistics.quantiles(series, n=1000)[-1]
        spread = f"p25 {low:.0f}, p75 {high:.0f}, p99.9 {tail:.0f}"
        print(f"{name:>7}: p50 {medians[name]:.0f} ns  ({spread})")
    print(f"append / bare os.write    = {medians['append'] / medians['write']:.2f}  (bar: 3)")
    print(f"append / SimpleQueue.put  = {medians['append'] / medians['put']:.2f}  (bar: 5)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
