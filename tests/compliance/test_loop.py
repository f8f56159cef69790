"""Two hundred requests in a loop that is debugged: none is slow, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair import Settings, Tracker
from tests.delivery.sink import Sink
from tests.doors.drive import PIXEL, converse, scope_of
from tests.doors.site import CASES, ROUTES, report

from .doors import ASGI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLOW = 0.05
# A product, an act, a search, a stream and a report: 200 requests are 40 rounds.
ROUND = [
    *(CASES[name].ask for name in ("product", "post and redirect", "search")),
    CASES["streamed in odd chunks"].ask,
]
ROUNDS = 40


async def agreed(_request: object) -> str:
    await asyncio.sleep(0)
    return "granted"


def nobody(_request: object) -> None:
    return None


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture
def tracker(tmp_path: Path, graph: Sink) -> Iterator[Tracker]:
    """One that asks the shop, and whose thread sends meanwhile."""
    given = {"pixel_id": PIXEL, "access_token": "t", "secret": "s", "graph_url": graph.url}
    asked = {"consent": agreed, "identify": nobody, "advanced_matching": "1", "routes": ROUTES}
    made = Tracker(Settings(**given, **asked, spool=tmp_path, report_rate=1000))
    yield made
    made.close()


async def visit(app: Callable[..., Any]) -> list[asyncio.Task[Any]]:
    """Everything one after the other; gives the tasks that are left."""
    asyncio.get_running_loop().slow_callback_duration = SLOW
    for number in range(ROUNDS):
        for what in (*ROUND, report(f"{number:032x}")):
            await converse(app, scope_of(what), *what.pieces)
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def debugged(app: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> list[list[Any]]:
    """The tasks that are left, what was not awaited or closed, and the lines of asyncio."""
    caplog.clear()
    unraised: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, unraised.append
    try:
        left = asyncio.run(visit(app), debug=True)
        gc.collect()
    finally:
        sys.unraisablehook = hook
    slow = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
    return [left, unraised, slow]


@pytest.mark.parametrize("door", ASGI)
def test_no_request_is_slow_and_nothing_is_left(
    door: str, tracker: Tracker, caplog: pytest.LogCaptureFixture
):
    """Others take the processor for 50 ms now and then: it is looked at again, four times at most.
    What is slow itself is slow in each round, whoever else is there."""
    app, threads = ASGI[door](tracker), threading.active_count()
    caplog.set_level("WARNING", logger="asyncio")
    asyncio.run(converse(app, scope_of(ROUND[0])))  # imports of the site and of its framework
    runs = (debugged(app, caplog) for _ in range(5))
    found = next((run for run in runs if len(run[2]) < ROUNDS // 2), [])
    assert found[:2] == [[], []]
    assert threading.active_count() <= threads + 1  # our own


def test_the_loop_says_what_is_slow(caplog: pytest.LogCaptureFixture):
    async def app(*_given: object) -> None:
        end = asyncio.get_running_loop().time() + SLOW
        while asyncio.get_running_loop().time() < end:
            pass

    async def once() -> None:
        asyncio.get_running_loop().slow_callback_duration = SLOW
        await app()

    caplog.set_level("WARNING", logger="asyncio")
    asyncio.run(once(), debug=True)
    assert {record.name for record in caplog.records} == {"asyncio"}
