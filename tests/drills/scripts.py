"""Processes of the drills that are no server: each prints the ids of what it has accepted."""

from __future__ import annotations

import os
import sys
import threading
import time


def say(ids: list[str]) -> None:
    # One write, so that lines of several processes stay whole.
    os.write(1, "".join(f"{event_id}\n" for event_id in ids).encode())


def forking(children: int, each: int) -> None:
    """Accept, so that the sender runs, then fork children that accept while the parent does."""
    import multiprocessing

    from tests.drills.shop import visit_here

    say(visit_here("parent", 0, each))
    time.sleep(0.5)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_accept, args=(n, each)) for n in range(children)]
    for number, process in enumerate(processes, 1):
        process.start()
        say(visit_here("parent", number * each, each))
    for process in processes:
        process.join(30)
    sys.exit(any(process.exitcode != 0 for process in processes))


def _accept(name: int, each: int) -> None:
    """In a child, which `multiprocessing` ends by os._exit: no exit handler runs."""
    from tests.drills.shop import visit_here

    for first in range(0, each, 10):
        say(visit_here(f"child{name}", first, 10))


def forked_leader() -> None:
    """Lead, fork a child that only lives on, say its pid, and accept until the end."""
    from tests.drills.shop import visit_here

    say(visit_here("first", 0, 1))
    while "pixelpair" not in [thread.name for thread in threading.enumerate()]:
        time.sleep(0.01)
    time.sleep(0.5)
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    os.write(1, f"child {child}\n".encode())
    accept_on(f"at{os.getpid()}")


def accept_on(name: str) -> None:
    """Accept an event every 20 ms for as long as this process may."""
    from tests.drills.shop import visit_here

    first = 0
    while True:
        say(visit_here(name, first, 1))
        first += 1
        time.sleep(0.02)


TASKS = {"forking": forking, "forked_leader": forked_leader, "accept_on": accept_on}


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    TASKS[name](*[int(word) if word.isdecimal() else word for word in given])  # type: ignore[operator]
