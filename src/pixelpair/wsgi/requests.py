"""A WSGI environ in the neutral form, and what the app may know and hear of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixelpair.core.heard import Heard
from pixelpair.core.http import WANTED_TO_JUDGE, Request, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.exchange import Exchange
    from pixelpair.core.routes import RouteMatch

    Environ = dict[str, Any]


def no_route() -> RouteMatch | None:
    """Where no framework knows it."""
    return None


def request_of(
    environ: Environ,
    route: Callable[[], RouteMatch | None],
    below: str,
    wanted: Mapping[str, bytes],
) -> Request:
    """The neutral form of a WSGI environ (PEP 3333: text is latin-1 of the raw bytes).

    `below` is the PATH_INFO that the door met: dispatchers further in shorten it in place.
    """
    mount, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    # Bottle leaves "/" behind where nothing was, once an app that it mounts has answered.
    whole = ("" if mount == "/" and path else mount) + path
    below = below if whole.endswith(below) else path
    root, raw = whole.removesuffix(below), whole.encode("latin-1")
    if not whole.isascii():
        root, below = (t.encode("latin-1").decode("utf-8", "replace") for t in (root, below))
    return Request(
        environ["REQUEST_METHOD"],
        environ.get("wsgi.url_scheme", "http"),
        environ.get("HTTP_HOST") or _server(environ),
        root.rstrip("/"),
        below or "/",
        raw.replace(b"%", b"%25"),
        environ.get("QUERY_STRING", ""),
        {name: environ[key].encode("latin-1") for key, name in wanted.items() if key in environ},
        environ.get("REMOTE_ADDR") or "",
        route(),
    )


def _server(environ: Environ) -> str:
    name, port = environ.get("SERVER_NAME", ""), environ.get("SERVER_PORT", "")
    return name if port in ("80", "443", "") else f"{name}:{port}"


def read(environ: Environ, room: int) -> bytes:
    """The first bytes of the request's body; none where the visitor has left."""
    size = environ.get("CONTENT_LENGTH") or ""
    length = min(int(size), room) if size.isdecimal() and len(size) < 10 else 0
    try:
        return environ["wsgi.input"].read(length) if length else b""
    except (OSError, ValueError):  # gunicorn's, uWSGI's and mod_wsgi's are OSErrors
        return b""


def admit(exchange: Exchange, environ: Environ) -> None:
    """Let the app know only what may be compared with the copies that clients hold."""
    given = [(n, environ[k].encode("latin-1")) for k, n in WANTED_TO_JUDGE.items() if k in environ]
    admitted = exchange.admit(given)
    if admitted is not None:
        tell(environ, admitted)


def listen(exchange: Exchange, environ: Environ) -> None:
    """Hear the body that the app reads, if a rule asks for a field of it."""
    said = (str(environ.get(key) or "") for key in ("CONTENT_TYPE", "CONTENT_LENGTH"))
    reader = exchange.listen(*(text.encode("latin-1", "replace") for text in said))
    if reader is not None and "wsgi.input" in environ:
        environ["wsgi.input"] = Heard(environ["wsgi.input"], reader)
