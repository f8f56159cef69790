"""The ASGI door: Starlette, FastAPI and any other ASGI app."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pixelpair.core.exchange import CURRENT, Exchange
from pixelpair.core.http import Request, url_path
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

_KEY = "pixelpair"  # in the scope: a door further out serves this request already


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
        exchange = self.tracker.begin(scope["method"], partial(request_of, scope))
        token = CURRENT.set(exchange)
        try:
            await self.app(scope, receive, _sender(exchange, send))
        finally:
            CURRENT.reset(token)


def _sender(exchange: Exchange, send: Send) -> Send:
    held: Message | None = None

    async def send_through(message: Message) -> None:
        nonlocal held
        kind = message["type"]
        if kind == "http.response.start":
            headers = exchange.respond(message["status"], _pairs(message))
            if headers is None:
                held = message
                return
            message["headers"] = headers
        elif exchange.passing and held is None:
            pass
        elif kind == "http.response.body":
            body = exchange.feed(message.get("body", b""))
            if not message.get("more_body", False):
                body += exchange.finish()
            if held is not None and exchange.headers is not None:
                await send({**held, "headers": exchange.headers})
                held = None
            if held is not None:
                return
            message = {**message, "body": body}
        elif held is not None:
            start, held = held, None
            await send({**start, "headers": exchange.abandon()})
        await send(message)

    return send_through


def _pairs(message: Message) -> Headers:
    headers = message.get("headers", ())
    return cast("Headers", headers if isinstance(headers, list) else list(headers))


def request_of(scope: Scope) -> Request:
    """The neutral form of an HTTP scope."""
    headers = scope["headers"]
    path, root = scope["path"], scope.get("root_path", "")
    below = path[len(root) :] if root and path.startswith(root) else path
    raw = scope.get("raw_path") or path.encode("utf-8", "surrogateescape")
    if root and not path.startswith(root):  # servers before ASGI 3.1's rule left the root out
        raw = root.encode() + raw
    client = scope.get("client")
    return Request(
        method=scope["method"],
        scheme=scope.get("scheme", "http"),
        host=_host(headers, scope),
        root=root,
        path=below or "/",
        url_path=url_path(raw.partition(b"?")[0]),
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        client=client[0] if client else "",
        route=_route(scope),
    )


def _host(headers: Headers, scope: Scope) -> str:
    for name, value in headers:
        if name == b"host":
            return value.decode("latin-1")
    server = scope.get("server")
    return server[0] if server else ""


def _route(scope: Scope) -> RouteMatch | None:
    """Starlette and FastAPI leave the matched route in the scope."""
    name = getattr(scope.get("route"), "name", None)
    return (name, scope.get("path_params") or {}) if name else None
