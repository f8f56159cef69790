"""`pixelpair drain` and `pixelpair worker`: processes that send, until all went or for ever."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pixelpair.commands.screen import answer, count
from pixelpair.commands.words import LEFT, OK, USAGE, add
from pixelpair.delivery.meters import Meters
from pixelpair.sending import open_journal, open_worker, spool_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from types import FrameType

    from pixelpair.commands.words import Commands, Read
    from pixelpair.delivery.drain import Drained
    from pixelpair.delivery.worker import Worker
    from pixelpair.settings import Settings

# How soon a signal is heeded; a sleep that a signal meets goes on afterwards.
BLINK: Final = 0.1
# A worker says so often what it has done, if it has done anything.
SAY_EVERY: Final = 60.0
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def add_drain(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "drain",
        _drain,
        "deliver every waiting event and exit",
        "Deliver every event of this host's spool and exit. Reads PIXELPAIR_*.\n"
        "Exit code 0: everything was delivered; 1: events are left, or became dead letters; "
        "2: the\nsettings are wrong.",
        "pixelpair drain\npixelpair drain --timeout 50 --json",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=None,
        metavar="SECONDS",
        help="give up after so long (default: as long as Graph answers)",
    )


def add_worker(commands: Commands) -> None:
    """Add the command."""
    add(
        commands,
        "worker",
        _work,
        "send events until it is told to stop",
        "For shops whose own processes only write (PIXELPAIR_SENDER=none). Of several on one spool"
        "\none sends, and the others wait to take its place. SIGTERM or SIGINT ends it after the "
        "call at\nhand; once more ends it at once. Reads PIXELPAIR_*.\n"
        "Exit code 0: it was told to stop; 2: the settings are wrong.",
        "PIXELPAIR_SPOOL=/var/lib/shop pixelpair worker",
    )


def say(drained: Drained, as_json: bool = False) -> int:
    """Say what a drain did; gives the exit code."""
    left = max(drained.left, 0)
    document = {"delivered": drained.delivered, "dead": drained.dead, "left": left}
    line = f"delivered {drained.delivered}, dead {drained.dead}, left {left}"
    answer(document | {"reason": drained.reason}, [line], as_json=as_json)
    if drained.reason and not as_json:
        print(drained.reason, file=sys.stderr)
    return LEFT if drained.left or drained.dead or drained.reason else OK


def _drain(arguments: argparse.Namespace, read: Read) -> int:
    worker = _worker(read())
    if worker is None:
        return USAGE
    with _Progress() as show:
        drained = worker.drain(arguments.timeout, show)
    worker.close(0)
    return say(drained, arguments.json)


def _worker(settings: Settings) -> Worker | None:
    """A sender with these settings; None, and said, where they do not suffice."""
    missing = [n for n in ("pixel_id", "access_token") if not getattr(settings, n)]
    if missing and not settings.shops:
        names = " and ".join(f"PIXELPAIR_{name.upper()}" for name in missing)
        print(f"{names} must be set to deliver events", file=sys.stderr)
        return None
    spool = spool_of(settings)
    sys.path.append("")  # the shop's object may lie where this is run, beside its app
    return open_worker(settings, spool, open_journal(settings, spool), meters=Meters(spool))


class _Progress:
    """A bar on a terminal's stderr while events leave; nothing elsewhere."""

    def __init__(self) -> None:
        columns = (TextColumn("delivering"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._shows = self._bar.console.is_terminal

    def __enter__(self) -> Callable[[int, int], None]:
        task = self._bar.add_task("events", total=None)
        if self._shows:
            self._bar.start()
        return lambda done, total: self._bar.update(task, completed=done, total=total)

    def __exit__(self, *exc: object) -> None:
        if self._shows:
            self._bar.stop()


# --- for ever ------------------------------------------------------------------------------------


def _work(arguments: argparse.Namespace, read: Read) -> int:
    worker = _worker(read())
    if worker is None:
        return USAGE
    logging.getLogger("pixelpair").setLevel(logging.INFO)
    _say(f"worker {os.getpid()} for the spool {worker.spool}")
    with _Stop() as stop:
        worker.serve(stop.asked, _Life(worker, stop).rest)
        worker.close(0)
    done = {"delivered": worker.done.delivered, "dead": worker.done.dead}
    if arguments.json:
        answer(done, [], as_json=True)
    _say(f"stopped: delivered {count(done['delivered'])}, dead {count(done['dead'])}")
    return OK


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class _Stop:
    """Whether SIGTERM or SIGINT came. A second one meets what was there before us."""

    def __init__(self) -> None:
        self._asked = False

    def asked(self) -> bool:
        return self._asked

    def __enter__(self) -> _Stop:
        self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        # A flag and no event: a handler that waits for a lock of its own thread waits for ever.
        self._asked = True
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        os.write(2, b"stopping after the call at hand; once more stops at once\n")


class _Life:
    """What a worker says of itself between its passes, and how it waits for the next."""

    def __init__(self, worker: Worker, stop: _Stop) -> None:
        self._worker = worker
        self._stop = stop
        self._led: bool | None = None
        self._said = 0
        self._say_at = 0.0

    def rest(self, seconds: float) -> None:
        self._tell()
        end = time.monotonic() + seconds
        while not self._stop.asked() and (left := end - time.monotonic()) > 0:
            time.sleep(min(BLINK, left))

    def _tell(self) -> None:
        leads, done = self._worker.leads, self._worker.done
        if leads != self._led:
            self._led = leads
            _say("sends" if leads else "waits: another process is the sender")
        if done.delivered + done.dead > self._said and time.monotonic() >= self._say_at:
            self._said, self._say_at = done.delivered + done.dead, time.monotonic() + SAY_EVERY
            _say(f"so far: delivered {count(done.delivered)}, dead {count(done.dead)}")
