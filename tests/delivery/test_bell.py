"""The bell: however often it rings, whoever waits hears it once; and it is heard from anywhere."""

from __future__ import annotations

import signal
import threading
import time

from pixelpair.delivery.bell import Bell


def test_who_comes_later_hears_it_once() -> None:
    bell = Bell()
    for _ in range(1000):
        bell.ring()
    assert [bell.wait(0), bell.wait(0)] == [True, False]


def test_who_waits_hears_it_at_once() -> None:
    bell = Bell()
    threading.Timer(0.05, bell.ring).start()
    began = time.monotonic()
    assert bell.wait(30) is True
    assert time.monotonic() - began < 10


def test_a_time_that_has_passed_is_no_wait() -> None:
    assert Bell().wait(-1) is False


def test_a_signal_handler_may_ring_in_the_middle_of_a_ring() -> None:
    """An Event's set() waits there for a lock that its own thread holds, for ever."""
    bell = Bell()
    before = signal.signal(signal.SIGALRM, lambda *_: bell.ring())
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    try:
        for _ in range(50_000):
            bell.ring()
            bell.wait(0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
