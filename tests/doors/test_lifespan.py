"""The ASGI door at the end of an app: what waits is sent before the server hears of it."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pixelpair import Settings, Tracker
from pixelpair.asgi import PixelPairMiddleware
from tests.delivery.sink import Answer, Sink

from .drive import PIXEL, Ask, converse, scope_of
from .fronts import asgi_site
from .site import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    Messages = list[dict[str, Any]]

STARTED = {"type": "lifespan.startup.complete"}
ENDED = {"type": "lifespan.shutdown.complete"}


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture
def tracker(tmp_path: Path, graph: Sink) -> Iterator[Tracker]:
    """One that looks for events when it starts, and when it ends."""
    given = {"pixel_id": PIXEL, "access_token": "token", "secret": "s", "graph_url": graph.url}
    made = Tracker(Settings(**given, spool=tmp_path))
    made._worker.poll = 60.0
    yield made
    made.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - threads know no loop's events
            await asyncio.sleep(0.01)


async def leads(tracker: Tracker) -> None:
    """The first event starts the sender, which sends it."""
    await converse(PixelPairMiddleware(asgi_site, tracker=tracker), scope_of(Ask()))
    await until(lambda: tracker._worker.done.delivered)


async def live(
    app: Callable[..., Any], graph: Sink | None = None, during: Callable[[], Any] | None = None
) -> list[tuple[str, int]]:
    """A whole life as a server gives it: each message of the app, and how many events had arrived
    at Meta by then."""
    asked = iter(["lifespan.startup", "lifespan.shutdown"])
    heard: list[tuple[str, int]] = []

    async def receive() -> dict[str, Any]:
        kind = next(asked)
        if kind == "lifespan.shutdown" and during is not None:
            await during()
        return {"type": kind}

    async def send(message: dict[str, Any]) -> None:
        heard.append((message["type"], len(graph.events) if graph else 0))

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    return heard


def starlette(tracker: Tracker, **more: Any) -> Starlette:
    async def front(_request: object) -> HTMLResponse:
        return HTMLResponse(DOCUMENT)

    app = Starlette(routes=[Route("/", front)], **more)
    app.add_middleware(PixelPairMiddleware, tracker=tracker)
    return app


async def test_what_waits_is_sent_before_the_app_has_ended(tracker: Tracker, graph: Sink) -> None:
    app = starlette(tracker)

    async def during() -> None:
        await leads(tracker)
        for _ in range(3):
            await converse(app, scope_of(Ask()))

    assert await live(app, graph, during) == [(STARTED["type"], 0), (ENDED["type"], 4)]
    assert (tracker.closed, tracker._worker.leads) == (False, False)


async def test_an_event_of_a_later_request_starts_the_sender_again(
    tracker: Tracker, graph: Sink
) -> None:
    """A part of a site may end before the rest of it."""
    await leads(tracker)
    await live(starlette(tracker))
    await converse(starlette(tracker), scope_of(Ask()))
    await until(lambda: len(graph.events) == 2)
    assert [event["event_name"] for event in graph.events] == ["PageView"] * 2


async def test_an_app_whose_end_fails_ends_like_any_other(tracker: Tracker, graph: Sink) -> None:
    @asynccontextmanager
    async def fails(_app: object) -> AsyncIterator[None]:
        yield
        await leads(tracker)
        await converse(starlette(tracker), scope_of(Ask()))
        raise ValueError("what the shop closes")

    heard: list[tuple[str, int]] = []
    with pytest.raises(ValueError, match="what the shop closes"):
        heard += await live(starlette(tracker, lifespan=fails), graph)
    assert len(graph.events) == 2


async def test_other_requests_are_served_while_a_hanging_graph_is_waited_for(
    tracker: Tracker, graph: Sink
) -> None:
    called, release = threading.Event(), threading.Event()

    def hang(_events: Messages) -> Answer:
        called.set()
        release.wait(30)
        return Answer(503)

    graph.answer = hang
    app, beats = starlette(tracker), 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    async def during() -> None:
        await converse(app, scope_of(Ask()))
        await until(called.is_set)

    heart, began = asyncio.create_task(beat()), time.monotonic()
    heard = await live(app, graph, during)
    took = time.monotonic() - began
    heart.cancel()
    release.set()
    await until(lambda: "pixelpair" not in {thread.name for thread in threading.enumerate()})
    assert heard == [(STARTED["type"], 0), (ENDED["type"], 0)]
    assert took < 5.0  # 2, and a machine that has more to do
    assert beats > 50


async def test_an_app_without_a_lifespan_fails_as_it_would_alone(tracker: Tracker) -> None:
    """Its server takes that for its answer."""
    with pytest.raises(KeyError) as alone:
        await live(asgi_site)
    with pytest.raises(KeyError) as behind:
        await live(PixelPairMiddleware(asgi_site, tracker=tracker))
    assert repr(alone.value) == repr(behind.value)


async def test_the_outer_of_two_doors_waits_for_both(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted: list[Tracker] = []
    monkeypatch.setattr(Tracker, "halt", lambda its: halted.append(its))
    await live(PixelPairMiddleware(starlette(tracker), tracker=tracker))
    assert halted == [tracker]


async def test_an_inert_door_hands_on_the_servers_own_send() -> None:
    met: list[object] = []

    async def app(*given: object) -> None:
        met.extend(given)

    given = {"type": "lifespan"}, object(), object()
    door = PixelPairMiddleware(app, tracker=Tracker(Settings()))
    await door(*given)  # type: ignore[arg-type]
    assert [mine is theirs for mine, theirs in zip(met, given, strict=True)] == [True] * 3


async def test_a_failure_of_ours_keeps_no_app_from_ending(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_tracker: Tracker) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Tracker, "halt", broken)
    assert await live(starlette(tracker)) == [(STARTED["type"], 0), (ENDED["type"], 0)]
