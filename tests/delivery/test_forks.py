"""Forks: who is told of them, and that nobody forks while somebody imports."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from weakref import WeakSet

from pixelpair.delivery import forks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Watched:
    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        self.fork_lock = threading.RLock()


class Growing(WeakSet[Watched]):
    """One that another thread adds to while it is looked through."""

    def __init__(self, *first: Watched) -> None:
        super().__init__(first)
        self.later = Watched()

    def __iter__(self) -> Iterator[Watched]:
        for thing in super().__iter__():
            self.add(self.later)
            yield thing


def test_an_object_made_during_a_fork_leaves_no_lock_untaken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seen: "Set changed size during iteration", and a fork in the middle of a change."""
    things = [Watched(), Watched()]
    growing = Growing(*things)
    monkeypatch.setattr(forks, "_known", growing)
    assert forks.watched() == sorted([*things, growing.later], key=id)


def test_threads_that_import_first_at_once_share_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen once in 25 processes: two locks, of which a fork took one."""
    both = threading.Barrier(2)

    class Slow(forks.Imports):
        def __init__(self) -> None:
            both.wait(10)
            super().__init__()

    monkeypatch.setattr(forks, "Imports", Slow)
    monkeypatch.setattr(forks, "_made", {})
    with ThreadPoolExecutor(2) as pool:
        first, second = [pool.submit(forks._imports) for _ in range(2)]
        assert first.result() is second.result()


def test_a_fork_waits_for_an_import_of_another_thread_and_not_for_its_own() -> None:
    def free() -> bool:
        lock = forks._imports().fork_lock
        return lock.acquire(blocking=False) and not lock.release()

    with ThreadPoolExecutor(1) as pool, forks.importing():
        assert (free(), pool.submit(free).result()) == (True, False)
    assert free()
    assert forks._imports() in forks.watched()
