"""What becomes of locks and descriptors when the process forks: held still during the copy,
let go in the child. Knows nothing of what is locked.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Forkable(Protocol):
    """Has a lock to hold during a fork, and a way to forget in the child what is the parent's."""

    fork_lock: threading.RLock

    def after_fork(self) -> None: ...


_known: weakref.WeakSet[Forkable] = weakref.WeakSet()
_held: list[Forkable] = []
_hooked = False


def watch(thing: Forkable) -> None:
    """Tell this object of forks for as long as it lives."""
    global _hooked
    _known.add(thing)
    if not _hooked and hasattr(os, "register_at_fork"):
        _hooked = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


class Imports:
    """Whoever imports in a thread holds its lock."""

    def __init__(self) -> None:
        self.after_fork()
        watch(self)

    def after_fork(self) -> None:
        self.fork_lock = threading.RLock()


_made: dict[type[Imports], Imports] = {}


def _imports() -> Imports:
    # Not by `cache`: two threads that come first at once would each get their own.
    return _made.get(Imports) or _made.setdefault(Imports, Imports())


@contextmanager
def importing() -> Iterator[None]:
    """No fork meanwhile. Seen: a module that was half imported when the process forked was so in
    the child for ever, and the child's sender waited for it."""
    with _imports().fork_lock:
        yield


def watched() -> list[Forkable]:
    """The objects that live, always in the same order, so that two forks cannot deadlock."""
    while True:
        try:
            return sorted(_known, key=id)
        except RuntimeError:  # another thread has made one meanwhile
            continue


def _before() -> None:
    for thing in watched():
        thing.fork_lock.acquire()
        _held.append(thing)


def _in_parent() -> None:
    while _held:
        _held.pop().fork_lock.release()


def _in_child() -> None:
    # uWSGI runs this hook without the one before: no lock is assumed to be ours here.
    _held.clear()
    for thing in watched():
        thing.after_fork()
