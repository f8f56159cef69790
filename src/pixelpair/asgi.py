"""The ASGI door: Starlette, FastAPI and any other ASGI app."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pixelpair.core.exchange import CURRENT, Exchange
from pixelpair.core.http import Request
from pixelpair.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from pixelpair.core.http import Headers
    from pixelpair.core.routes import RouteMatch
    from pixelpair.settings import Settings

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[..., Awaitable[None]]

_KEY = "pixelpair.served"  # in the scope: a door further out serves this request already


class PixelPairMiddleware:
    """`app.add_middleware(PixelPairMiddleware)`, or `app = PixelPairMiddleware(app)`."""

    def __init__(
        self, app: App, settings: Settings | None = None, *, tracker: Tracker | None = None
    ) -> None:
        self.app = app
        self.tracker = tracker or Tracker.for_door(settings)

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        if scope["type"] != "http" or _KEY in scope:
            await self.app(scope, receive, send)
            return
        scope[_KEY] = True
        scope["headers"] = list(scope["headers"])  # the app may read an iterator dry before us
        # Starlette moves root_path for what it mounts; this door may itself be inside of a mount.
        root = scope.get("root_path", "") if "app_root_path" in scope else None
        exchange = self.tracker.begin(scope["method"], partial(request_of, scope, root))
        token = CURRENT.set(exchange)
        try:
            await self.app(scope, receive, _sender(exchange, send))
        finally:
            CURRENT.reset(token)


def _sender(exchange: Exchange, send: Send) -> Send:
    page: _Page | None = None

    # A plain function: what passes costs no coroutine of ours.
    def send_through(message: Message) -> Awaitable[None]:
        nonlocal page
        if page is not None:
            return page.send(message)
        if exchange.passing or message["type"] != "http.response.start":
            return send(message)
        given = message.get("headers", ())
        # The specification says lower-case, and Django's handler does not keep to it.
        pairs: Headers = [(name.lower(), value) for name, value in given]
        headers = exchange.respond(message["status"], pairs)
        if headers is None:
            page = _Page(exchange, send, message)
            return _nothing()
        unread = headers is pairs and isinstance(given, list | tuple)
        return send(message if unread else {**message, "headers": headers})

    return send_through


async def _nothing() -> None: ...


class _Page:
    """The answer's start, held until the first bytes of the page are known, and what follows."""

    __slots__ = ("_exchange", "_held", "_send")

    def __init__(self, exchange: Exchange, send: Send, start: Message) -> None:
        self._exchange = exchange
        self._send = send
        self._held: Message | None = start

    async def send(self, message: Message) -> None:
        exchange = self._exchange
        if message["type"] == "http.response.body":
            body = exchange.feed(bytes(message.get("body", b"")))  # Starlette has memoryviews too
            if not message.get("more_body", False):
                body += exchange.finish()
            message = {**message, "body": body}
            await self._start(exchange.headers)
        elif self._held is not None:
            await self._start(exchange.abandon())
        if self._held is None:
            await self._send(message)

    async def _start(self, headers: Headers | None) -> None:
        if self._held is not None and headers is not None:
            start, self._held = self._held, None
            await self._send({**start, "headers": headers})


def request_of(scope: Scope, root: str | None) -> Request:
    """The neutral form of an HTTP scope; `root` is the mount, None where only the app knows it."""
    headers, path = scope["headers"], scope["path"]
    if root is None:
        root = scope.get("app_root_path", scope.get("root_path", ""))
    root = root.rstrip("/")
    raw = scope.get("raw_path") or path.encode("utf-8", "surrogateescape").replace(b"%", b"%25")
    below = path[len(root) :] if f"{path}/".startswith(f"{root}/") else None
    if below is None:  # servers before ASGI 3.1's rule left the root out
        below, raw = path, root.encode() + raw
    client = scope.get("client")
    return Request(
        method=scope["method"],
        scheme=scope.get("scheme", "http"),
        host=_host(headers, scope),
        root=root,
        path=below or "/",
        raw_path=raw.partition(b"?")[0],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        client=client[0] if client else "",
        route=_route(scope),
    )


def _host(headers: Headers, scope: Scope) -> str:
    for name, value in headers:
        if name == b"host":
            return value.decode("latin-1")
    server: tuple[str, int | None] = scope.get("server") or ("", None)
    return server[0] if server[1] in (80, 443, None) else f"{server[0]}:{server[1]}"


def _route(scope: Scope) -> RouteMatch | None:
    """Starlette and FastAPI leave the matched route in the scope, older Starlette its endpoint."""
    name = getattr(scope.get("route") or _route_to(scope.get("endpoint"), scope), "name", None)
    return (name, scope.get("path_params") or {}) if name else None


def _route_to(endpoint: object, scope: Scope) -> object:
    routes = getattr(scope.get("router"), "routes", ()) if endpoint else ()
    return next((r for r in routes if getattr(r, "endpoint", None) is endpoint), None)
