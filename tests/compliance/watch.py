"""Sees what would hold an event loop up: what blockbuster stands in front of, and audit events.

Calls are written down and may pass: our own code would catch what is raised into it.
"""

from __future__ import annotations

import sys
from asyncio import get_running_loop
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from blockbuster import BlockBuster, BlockBusterFunction

import pixelpair
from pixelpair.delivery import journal

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = Path(pixelpair.__file__).parent
TESTS = str(Path(__file__).parent.parent)
# What blockbuster leaves out; a module of ours has the first under a name of its own.
ALSO = {
    "writev": BlockBusterFunction(journal, "_writev"),
    "fsync": BlockBusterFunction(None, "os.fsync"),
    "fdatasync": BlockBusterFunction(None, "os.fdatasync"),
}
# These are told whoever calls: nothing has to be replaced.
AUDITED = frozenset(
    {"open", "import", "socket.connect", "socket.getaddrinfo", "sqlite3.connect", "os.mkdir"}
    | {"os.rename", "os.remove", "os.listdir", "os.scandir", "os.truncate", "subprocess.Popen"}
    | {"fcntl.flock", "fcntl.lockf", "shutil.rmtree", "tempfile.mkdtemp", "tempfile.mkstemp"}
)


class Place(NamedTuple):
    """A function of ours that called what may block."""

    file: str
    function: str


def in_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def _frames() -> Iterator[Any]:
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename != __file__:
            yield frame.f_code
        frame = frame.f_back


def _caller() -> Place | None:
    """The nearest function that is ours; None where the shop's own code is nearer."""
    for code in _frames():
        if code.co_filename.startswith(str(OURS)):
            return Place(str(Path(code.co_filename).relative_to(OURS)), code.co_name)
        if code.co_filename.startswith(TESTS):
            return None
    return None


class Watch:
    """What was called in event loops while it was on, and how often."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, Place]] = Counter()
        self._is_on = False
        sys.addaudithook(self._hear)

    @property
    def places(self) -> set[Place]:
        return {place for _, place in self.calls}

    @contextmanager
    def on(self) -> Iterator[Watch]:
        """See what happens meanwhile, and nothing from before."""
        buster = BlockBuster()
        buster.functions |= ALSO
        for name, function in buster.functions.items():
            known = function.can_block_predicate
            function.can_block_predicate = partial(self._judge, name, function, known)
        self.calls.clear()
        buster.activate()
        self._is_on = True
        try:
            yield self
        finally:
            self._is_on = False
            buster.deactivate()
            for function in ALSO.values():
                function.can_block_predicate = lambda *_, **__: False

    def _judge(
        self, name: str, function: BlockBusterFunction, known: Any, *given: Any, **named: Any
    ) -> bool:
        """In the place of blockbuster's own predicate: what it would raise is written down."""
        if not (known(*given, **named) or _is_known(function.can_block_functions)):
            self._met(name)
        return True

    def _hear(self, event: str, _given: object) -> None:
        if self._is_on and event in AUDITED and in_loop():
            self._met(event)

    def _met(self, what: str) -> None:
        place = _caller()
        if place is not None:
            self.calls[what, place] += 1


def _is_known(functions: Any) -> bool:
    """Whether blockbuster says that this may block there: a thread's start, for one."""
    return any(
        code.co_filename.endswith(file) and code.co_name in names
        for code in _frames()
        for file, names in functions or ()
    )


WATCH = Watch()  # one for a process: audit hooks cannot be taken away
