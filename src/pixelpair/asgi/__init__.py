"""The ASGI door: Starlette, FastAPI and any other ASGI app."""

from __future__ import annotations

from asyncio import get_running_loop, timeout, to_thread
from contextlib import suppress
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction

from pixelpair.asgi.answers import Page, nothing
from pixelpair.asgi.requests import heard, request_of
from pixelpair.asking_async import ask_async, load_ahead
from pixelpair.core.current import CURRENT
from pixelpair.core.validators import JUDGED
from pixelpair.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from pixelpair.core.exchange import Exchange
    from pixelpair.core.http import Headers
    from pixelpair.settings import Settings

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[..., Awaitable[None]]

_NAME = itemgetter(0)
_KEY = "pixelpair.served"  # in the scope: a door further out serves this request already
_ENDS = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})
_PATIENCE = 2.5  # seconds; halting takes 2, and the loop's threads may all be busy


class PixelPairMiddleware:
    """`app.add_middleware(PixelPairMiddleware)`, or `app = PixelPairMiddleware(app)`."""

    def __init__(
        self, app: App, settings: Settings | None = None, *, tracker: Tracker | None = None
    ) -> None:
        self.app = app
        self.tracker = tracker or Tracker.for_door(settings)
        if self.tracker.settings.active:
            load_ahead()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _KEY in scope:
            await self.app(scope, receive, _lasting(self.tracker, scope, send))
            return
        scope[_KEY] = True
        tracker, headers = self.tracker, scope["headers"]
        if type(headers) is not list:  # the app may read an iterator dry before us
            scope["headers"] = headers = list(headers)
        if tracker.shops is not None:
            await tracker.ask_ahead(request_of, scope, None)
        if tracker.mark in scope["path"] and await _served(tracker, scope, receive, send):
            return
        # Starlette moves root_path for what it mounts; this door may itself be inside of a mount.
        root = scope.get("root_path", "") if "app_root_path" in scope else None
        exchange = tracker.begin(scope["method"], request_of, scope, root)
        if not JUDGED.isdisjoint(map(_NAME, headers)):
            admitted = exchange.admit(headers)
            scope["headers"] = headers if admitted is None else admitted
        if exchange.listens:
            receive = heard(exchange, receive, headers)
        page: Page | None = None

        # A plain function: what passes costs no coroutine of ours.
        def send_through(message: Message) -> Awaitable[None]:
            nonlocal page
            if page is not None:
                return page.send(message)
            if exchange.passing or message["type"] != "http.response.start":
                return send(message)
            given = message.get("headers", ())
            pairs: Headers = given if isinstance(given, list) else list(given)
            if exchange.curious:
                return _asked(exchange, send_through, {**message, "headers": pairs})
            headers = exchange.respond(message["status"], pairs)
            if headers is None:
                start = message if pairs is given else {**message, "headers": pairs}
                page = Page(exchange, send, start)
                return page.begin() if exchange.watches else nothing()
            return send(message if headers is given else {**message, "headers": headers})

        markcoroutinefunction(send_through)  # asgiref's WsgiToAsgi warns of one that is none
        token = CURRENT.set(exchange)
        try:
            await self.app(scope, receive, send_through)
        finally:
            CURRENT.reset(token)


def _lasting(tracker: Tracker, scope: Scope, send: Send) -> Send:
    """`send` of a lifespan: what waits is sent before the server hears that the app has ended.

    uvicorn ends by its signal then: no exit handler of Python's runs.
    """
    if scope["type"] != "lifespan" or _KEY in scope or not tracker.sends:
        return send
    scope[_KEY] = True

    async def send_through(message: Message) -> None:
        if message["type"] in _ENDS:
            await _halt(tracker)
        await send(message)

    return send_through


async def _halt(tracker: Tracker) -> None:
    try:
        get_running_loop()
    except RuntimeError:  # trio: nobody else waits any more
        tracker.halt()
        return
    with suppress(Exception):  # the app has ended, whatever is wrong with us
        async with timeout(_PATIENCE):
            await to_thread(tracker.halt)


async def _asked(exchange: Exchange, send: Send, start: Message) -> None:
    """What only the shop knows of its visitor comes before what is decided on its answer."""
    inquiry = exchange.inquiry(start["status"], start["headers"])
    if inquiry is not None:
        await ask_async(inquiry)
    exchange.curious = False
    await send(start)


async def _served(tracker: Tracker, scope: Scope, receive: Receive, send: Send) -> bool:
    """Answer what comes to an address of ours."""
    request, desk = request_of(scope, None), tracker.desk
    room = desk.room(request) if desk else None
    if desk is None or room is None:
        return False
    body = b""
    while room and len(body) < room:
        message = await receive()
        if message["type"] != "http.request":  # it hung up
            return True
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    inquiry = desk.inquiry(request, scope)
    if inquiry is not None:
        await ask_async(inquiry)
    answer = desk.answer(request, body[:room], inquiry)
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})
    return True
