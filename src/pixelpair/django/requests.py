"""Django's request in the neutral form, and what the app may know and hear of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pixelpair.core.heard import Heard
from pixelpair.core.http import WANTED_OF_COPIES, WANTED_TO_JUDGE, Request, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.http import HttpRequest

    from pixelpair.core.exchange import Exchange
    from pixelpair.core.routes import RouteMatch


def request_of(request: HttpRequest, wanted: Mapping[str, bytes]) -> Request:
    """The neutral form of Django's request, with the view that was found for it."""
    raw = request.path.replace("%", "%25").encode("utf-8", "surrogateescape")
    match = getattr(request, "resolver_match", None)
    root = request.path[: -len(request.path_info)] if request.path_info else request.path
    return Request(
        method=request.method or "GET",
        scheme=request.scheme or "http",
        host=request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", ""),
        root=root,
        path=request.path_info or "/",
        raw_path=raw,
        query=request.META.get("QUERY_STRING", ""),
        index=_request_headers(request, wanted),
        client=request.META.get("REMOTE_ADDR") or "",
        route=_route(match),
        excluded=match is not None and "admin" in match.app_names,
        nonce=_nonce(request),
    )


def _request_headers(request: HttpRequest, wanted: Mapping[str, bytes]) -> dict[bytes, bytes]:
    given = ((name, request.META.get(key)) for key, name in wanted.items())
    return {name: str(value).encode("latin-1", "replace") for name, value in given if value}


def _nonce(request: HttpRequest) -> str:
    """The nonce that Django (6) or django-csp gave the page's scripts, if it gave one."""
    nonce = getattr(request, "_csp_nonce", None)  # false until a template asked for it
    return str(nonce) if nonce else ""


def _route(match: Any) -> RouteMatch | None:
    return (match.view_name, match.kwargs) if match is not None and match.view_name else None


@contextmanager
def admitted(exchange: Exchange, request: HttpRequest) -> Iterator[None]:
    """The request as the app may know it. Outside of us ConditionalGetMiddleware still compares
    what the client sent.
    """
    meta = request.META
    if meta.keys().isdisjoint(WANTED_OF_COPIES):
        yield
        return
    before = {key: meta[key] for key in WANTED_TO_JUDGE if key in meta}
    given = [(WANTED_TO_JUDGE[k], str(v).encode("latin-1", "replace")) for k, v in before.items()]
    known = exchange.admit(given)
    if known is None:
        yield
        return
    tell(meta, known)
    if "HTTP_IF_MODIFIED_SINCE" not in meta:  # a date has no suffix that would tell it
        before.pop("HTTP_IF_MODIFIED_SINCE", None)
    try:
        yield
    finally:
        meta.update(before)


def listen(exchange: Exchange, request: HttpRequest) -> None:
    """Hear the body that the app reads, if a rule asks for a field of it.

    Everything reads through `_stream`: POST, body, read(), upload handlers, REST framework. A
    middleware further out may have read it before: then it stands in `_body`.
    """
    said = (str(request.META.get(key) or "") for key in ("CONTENT_TYPE", "CONTENT_LENGTH"))
    reader = exchange.listen(*(text.encode("latin-1", "replace") for text in said))
    if reader is None:
        return
    held, stream = vars(request).get("_body"), vars(request).get("_stream")
    if isinstance(held, bytes):
        reader.feed(held)
        reader.finish()
    elif stream is not None:
        request._stream = Heard(stream, reader)
