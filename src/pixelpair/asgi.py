"""The ASGI door: Starlette, FastAPI and any other ASGI app."""

from __future__ import annotations

from asyncio import get_running_loop, timeout, to_thread
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction

from pixelpair.asking_async import ask_async, load_ahead
from pixelpair.core.exchange import CURRENT, Exchange
from pixelpair.core.http import Request, header_value, indexed
from pixelpair.core.validators import JUDGED
from pixelpair.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from pixelpair.core.forms import BodyReader
    from pixelpair.core.http import Headers
    from pixelpair.core.routes import RouteMatch
    from pixelpair.settings import Settings

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[..., Awaitable[None]]

_NAME = itemgetter(0)
_KEY = "pixelpair.served"  # in the scope: a door further out serves this request already
_ENDS = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})
_FILES = frozenset({"http.response.pathsend", "http.response.zerocopysend"})
_LARGEST_FILE = 4 * 1024 * 1024  # bytes of a page that are held at once; a larger one is left alone
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
            receive = _heard(exchange, receive, headers)
        page: _Page | None = None

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
                page = _Page(exchange, send, start)
                return page.begin() if exchange.watches else _nothing()
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


def _heard(exchange: Exchange, receive: Receive, headers: Headers) -> Receive:
    """`receive` of a request whose body a rule may ask for: the messages pass as they are."""
    begun, reader = False, None

    async def receive_through() -> Message:
        nonlocal begun, reader
        message = await receive()
        if not begun:  # what the app mounts stands in the scope by now
            begun = True
            length = header_value(headers, b"content-length")
            reader = exchange.listen(header_value(headers, b"content-type") or b"", length)
        if reader is not None and reader.listens and message["type"] == "http.request":
            _tell(reader, message)
        return message

    return receive_through


def _tell(reader: BodyReader, message: Message) -> None:
    body = message.get("body") or b""
    reader.feed(body if type(body) is bytes else bytes(body))
    if not message.get("more_body", False):
        reader.finish()


async def _nothing() -> None: ...


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


class _Page:
    """The answer's start, held until the first bytes of the page are known, and what follows."""

    __slots__ = ("_exchange", "_held", "_send")

    def __init__(self, exchange: Exchange, send: Send, start: Message) -> None:
        self._exchange = exchange
        self._send = send
        self._held: Message | None = start

    def begin(self) -> Awaitable[None]:
        """Send the start that need not be held."""
        start, self._held = self._held, None
        return _nothing() if start is None else self._send(start)

    async def send(self, message: Message) -> None:
        exchange, start, headers, held = self._exchange, self._held, None, b""
        if message["type"] == "http.response.pathsend" and start is not None:
            message = await _read(message)
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if type(body) is not bytes:  # Starlette has memoryviews too
                body = bytes(body)
            body = exchange.feed(body)
            if not message.get("more_body", False):
                body += exchange.finish()
            message = {**message, "body": body}
            headers = exchange.headers
        elif start is not None or message["type"] in _FILES:
            headers = None if start is None else exchange.abandon()
            held = exchange.release()
        if start is not None:
            if headers is None:
                return
            self._held = None
            await self._send({**start, "headers": headers})
        if held:
            await self._send({"type": "http.response.body", "body": held, "more_body": True})
        await self._send(message)


async def _read(message: Message) -> Message:
    """A page that the server would read from its file, as granian can; if it is there."""
    # Without asyncio's loop, as under trio; and what is no path is the server's to judge.
    with suppress(Exception):
        body = await to_thread(_page_of, Path(message["path"]))
        if len(body) <= _LARGEST_FILE:
            return {"type": "http.response.body", "body": body}
    return message


def _page_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST_FILE + 1)


def request_of(scope: Scope, root: str | None) -> Request:
    """The neutral form of an HTTP scope; `root` is the mount, None where only the app knows it."""
    get, index, path = scope.get, indexed(scope["headers"]), scope["path"]
    if root is None:
        root = get("app_root_path", get("root_path", ""))
    raw = get("raw_path") or path.encode("utf-8", "surrogateescape").replace(b"%", b"%25")
    if root:
        root = root.rstrip("/")
        if f"{path}/".startswith(f"{root}/"):
            path = path[len(root) :] or "/"
        else:  # servers before ASGI 3.1's rule left the root out
            raw = root.encode() + raw
    host, client = index.get(b"host"), get("client")
    return Request(
        scope["method"],
        get("scheme", "http"),
        _server(scope) if host is None else host.decode("latin-1"),
        root,
        path or "/",
        raw.partition(b"?")[0] if b"?" in raw else raw,
        get("query_string", b"").decode("latin-1"),
        index,
        client[0] if client else "",
        _route(scope),
    )


def _server(scope: Scope) -> str:
    server: tuple[str, int | None] = scope.get("server") or ("", None)
    return server[0] if server[1] in (80, 443, None) else f"{server[0]}:{server[1]}"


def _route(scope: Scope) -> RouteMatch | None:
    """Starlette and FastAPI leave the matched route in the scope, older Starlette its endpoint."""
    name = getattr(scope.get("route") or _route_to(scope.get("endpoint"), scope), "name", None)
    return (name, scope.get("path_params") or {}) if name else None


def _route_to(endpoint: object, scope: Scope) -> object:
    """The route that leads to an endpoint; of several, the one whose path this is."""
    routes = getattr(scope.get("router"), "routes", ()) if endpoint else ()
    own = [route for route in routes if getattr(route, "endpoint", None) is endpoint]
    if len(own) < 2:
        return own[0] if own else None
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return next((route for route in own if route.path_regex.match(path)), None)
