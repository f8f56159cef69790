"""An HTTP scope in the neutral form, and what is heard of the body that the app reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixelpair.core.http import Request, header_value, indexed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from pixelpair.core.exchange import Exchange
    from pixelpair.core.forms import BodyReader
    from pixelpair.core.http import Headers
    from pixelpair.core.routes import RouteMatch

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]


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


def heard(exchange: Exchange, receive: Receive, headers: Headers) -> Receive:
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
