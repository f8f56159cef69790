"""Events recorded in place of being sent: nothing leaves this process."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from pixelpair.asking_async import ask_async
from pixelpair.testing.events import Events, Source
from pixelpair.testing.stand_in import TOKEN, play_browser, rehearsing, watch
from pixelpair.testing.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pixelpair.tracker import Tracker

NOWHERE: Final = "http://127.0.0.1:9"  # the discard port: should anything be posted all the same
_OFF = (
    "the shop sends nothing: PIXELPAIR_MODE says so ({'mode': 'live'} in pixelpair_settings goes"
    " before it), or its settings were refused, as the log tells"
)
_NONE = "no pixelpair middleware was made in this process"
_BLOCKED = (
    "a Content-Security-Policy blocks Meta's script (script-src https://connect.facebook.net): the"
    " browser halves of such pages never leave"
)
_UNASKED = "no request came through a pixelpair middleware"


@contextmanager
def recording(options: Mapping[str, object], spool: Path) -> Iterator[Events]:
    """The events that this process's shops would send, with `options` over their settings."""
    tape = Tape()
    base = {
        "access_token": TOKEN,
        "graph_url": NOWHERE,
        "outbox": None,
        "report_rate": 100_000,  # a test is quicker than any visitor
        "sender": "none",
        "spool": spool,
        "test_event_code": None,
    }
    with rehearsing({**base, **options}, partial(_record, tape)) as trackers:
        hints = partial(_hints, tape, trackers)
        yield Events(Source(tape.rows, tape.held, hints))


def _record(tape: Tape, tracker: Tracker) -> None:
    tape.follow(tracker.notes, tracker.shops)
    if tracker.sends:
        tracker.journal = tape  # type: ignore[assignment]
    play_browser(tracker)
    watch(tracker, tape, _ask)


def _ask(inquiry: Any) -> None:
    """Ask the shop what its door would ask, wherever the test runs."""
    from asgiref.sync import async_to_sync

    question = partial(async_to_sync(ask_async), inquiry, in_django=True)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        question()
        return
    aside = Thread(target=question)
    aside.start()
    aside.join()


def _hints(tape: Tape, trackers: list[Tracker]) -> list[str]:
    if not trackers:
        return [_NONE]
    if not any(tracker.sends for tracker in trackers):
        return [_OFF]
    told = [f"not sent: {fault}" for fault in dict.fromkeys(tape.faults)]
    told += [_BLOCKED] if tape.blocked else []
    return told if tape.requests else [*told, _UNASKED]
