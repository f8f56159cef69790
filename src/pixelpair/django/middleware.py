"""Django's middleware: responses are changed in place, streams are looked at as they pass."""

from __future__ import annotations

from contextlib import contextmanager
from http.cookies import SimpleCookie
from itertools import chain
from typing import TYPE_CHECKING, Any

from asgiref.sync import (
    async_to_sync,
    iscoroutinefunction,
    markcoroutinefunction,
    sync_to_async,
)
from django.conf import settings as django_settings
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse

from pixelpair.asking import ask
from pixelpair.asking_async import ask_async, load_ahead
from pixelpair.core.exchange import CURRENT, Exchange
from pixelpair.core.heard import Heard
from pixelpair.core.http import (
    WANTED_AT_DESK,
    WANTED_OF_COPIES,
    WANTED_TO_JUDGE,
    Headers,
    Request,
    tell,
)
from pixelpair.django.users import user_of, user_of_async
from pixelpair.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from pixelpair.core.routes import RouteMatch
    from pixelpair.core.served import Answer

_KEY = "pixelpair.served"  # in request.META: a door further out serves this request already


def project_tracker() -> Tracker:
    """The tracker of this project, whether it serves pages in this process or not."""
    return Tracker.for_door(
        None,
        framework_secret=secret_key(),
        given=getattr(django_settings, "PIXELPAIR", None),
        debug=bool(getattr(django_settings, "DEBUG", False)),
    )


class PixelPairMiddleware:
    """`MIDDLEWARE = ["pixelpair.django.PixelPairMiddleware", ...]`.

    Reads `PIXELPAIR_*` variables and the dict `PIXELPAIR` of the settings, which goes before them.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[..., Any]) -> None:
        self.get_response = get_response
        self.tracker = project_tracker()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
            if self.tracker.settings.active:
                load_ahead()

    def __call__(self, request: HttpRequest) -> Any:
        if _KEY in request.META or _KEY in getattr(request, "scope", ()):
            return self.get_response(request)
        request.META[_KEY] = True
        if self._is_async and self.tracker.shops is not None:
            return self._after_asking(request)
        return self._met(request)

    async def _after_asking(self, request: HttpRequest) -> Any:
        await self.tracker.ask_ahead(request_of, request, self.tracker.wanted, in_django=True)
        return await self._met(request)

    def _met(self, request: HttpRequest) -> Any:
        if self.tracker.mark in request.path_info:
            claimed = self._claimed(request)
            if claimed is not None:
                return (self._answer_async if self._is_async else self._answer)(request, *claimed)
        exchange = self.tracker.begin(
            request.method or "GET", request_of, request, self.tracker.wanted
        )
        if exchange.listens:
            _listen(exchange, request)
        return (
            self._serve_async(exchange, request)
            if self._is_async
            else self._serve(exchange, request)
        )

    def _claimed(self, request: HttpRequest) -> tuple[Any, Request, bytes] | None:
        """The desk and what comes to an address of ours; None where the app answers."""
        desk = self.tracker.desk
        asked = request_of(request, self.tracker.wanted | WANTED_AT_DESK)
        room = desk.room(asked) if desk else None
        if desk is None or room is None:
            return None
        try:
            return desk, asked, request.read(room) if room else b""
        except OSError:  # the visitor has left
            return desk, asked, b""

    def _answer(self, request: HttpRequest, desk: Any, asked: Request, body: bytes) -> HttpResponse:
        inquiry = desk.inquiry(asked, request)
        if inquiry is not None:
            ask(inquiry)
        return _response(desk.answer(asked, body, inquiry))

    async def _answer_async(
        self, request: HttpRequest, desk: Any, asked: Request, body: bytes
    ) -> HttpResponse:
        inquiry = desk.inquiry(asked, request)
        if inquiry is not None:
            await ask_async(inquiry, in_django=True)
        return _response(desk.answer(asked, body, inquiry))

    def _serve(self, exchange: Exchange, request: HttpRequest) -> HttpResponseBase:
        token = CURRENT.set(exchange)
        try:
            with _admitted(exchange, request):
                response = self.get_response(request)
            if exchange.curious:
                with _as_it_was(exchange, request):
                    _learn(exchange, request, response)
            if _is_held_stream(exchange, response):
                if response.is_async and hasattr(request, "scope"):
                    # Behind a sync-only middleware under ASGI: the stream belongs to its loop.
                    async_to_sync(_stream_async)(exchange, response)
                else:
                    _stream(exchange, response)
        finally:
            CURRENT.reset(token)
        return response

    async def _serve_async(self, exchange: Exchange, request: HttpRequest) -> HttpResponseBase:
        token = CURRENT.set(exchange)
        try:
            with _admitted(exchange, request):
                response = await self.get_response(request)
            if exchange.curious:
                with _as_it_was(exchange, request):
                    await _learn_async(exchange, request, response)
            if _is_held_stream(exchange, response):
                if response.is_async:
                    await _stream_async(exchange, response)
                else:
                    await sync_to_async(_stream)(exchange, response)
        finally:
            CURRENT.reset(token)
        return response


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    del response["Content-Type"]
    _set_headers(response, [], answer.headers)
    return response


@contextmanager
def _admitted(exchange: Exchange, request: HttpRequest) -> Iterator[None]:
    """The request as the app may know it. Outside of us ConditionalGetMiddleware still compares
    what the client sent.
    """
    meta = request.META
    if meta.keys().isdisjoint(WANTED_OF_COPIES):
        yield
        return
    before = {key: meta[key] for key in WANTED_TO_JUDGE if key in meta}
    given = [(WANTED_TO_JUDGE[k], str(v).encode("latin-1", "replace")) for k, v in before.items()]
    admitted = exchange.admit(given)
    if admitted is None:
        yield
        return
    tell(meta, admitted)
    if "HTTP_IF_MODIFIED_SINCE" not in meta:  # a date has no suffix that would tell it
        before.pop("HTTP_IF_MODIFIED_SINCE", None)
    try:
        yield
    finally:
        meta.update(before)


def _listen(exchange: Exchange, request: HttpRequest) -> None:
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


def secret_key() -> object:
    try:
        return django_settings.SECRET_KEY
    except ImproperlyConfigured:  # a shop without sessions may have none
        return None


def _learn(exchange: Exchange, request: HttpRequest, response: Any) -> None:
    """What this shop knows of its visitor; for an event, also the user whom its session names."""
    inquiry = exchange.inquiry(response.status_code, _headers(response))
    if inquiry is None:
        return
    ask(inquiry)
    inquiry.learn(lambda: user_of(request, load=inquiry.wants_user))


async def _learn_async(exchange: Exchange, request: HttpRequest, response: Any) -> None:
    inquiry = exchange.inquiry(response.status_code, _headers(response))
    if inquiry is None:
        return
    await ask_async(inquiry, in_django=True)
    try:
        user = await user_of_async(request, load=inquiry.wants_user)
    except Exception:  # as where the user is asked for in learn()
        inquiry.unloaded()
    else:
        inquiry.learn(lambda: user)


@contextmanager
def _as_it_was(exchange: Exchange, request: HttpRequest) -> Iterator[None]:
    """In shadow mode the session does not tell that the shop's functions looked into it: outside of
    us SessionMiddleware would add `Vary: Cookie`.
    """
    session = getattr(request, "session", None) if exchange.watches else None
    was_untouched = getattr(session, "accessed", None) is False
    try:
        yield
    finally:
        if session is not None and was_untouched:
            session.accessed = False


def _forget(*_args: object, **_said: object) -> None:
    """Who logs out is nobody whom the next visitor of this browser should be taken for."""
    exchange = CURRENT.get()
    if exchange is not None:
        exchange.identify(None)


user_logged_out.connect(_forget, dispatch_uid="pixelpair")


def _is_held_stream(exchange: Exchange, response: Any) -> bool:
    """Whether a stream must be begun before the headers are known; all else is done here."""
    headers = _headers(response)
    fixed = exchange.respond(response.status_code, headers)
    if fixed is not None and fixed is not headers:
        _set_headers(response, headers, fixed)
    if not response.streaming:
        if fixed is None:
            _whole(exchange, response)
    elif fixed is not None or exchange.watches:
        _follow(exchange, response)
    return fixed is None and response.streaming and not exchange.watches


def _follow(exchange: Exchange, response: Any) -> None:
    """A stream that passes is still its request's: its view may call track()."""
    if response.is_async:
        response.streaming_content = _fed_async(exchange, aiter(response.streaming_content))
    elif getattr(response, "file_to_stream", None) is None:  # else the server may send the file
        response.streaming_content = _fed(exchange, iter(response.streaming_content))


def _whole(exchange: Exchange, response: Any) -> None:
    body = exchange.feed(response.content) + exchange.finish()
    before = _headers(response)
    if body != response.content:
        response.content = body
    _set_headers(response, before, exchange.headers or before)


def _stream(exchange: Exchange, response: Any) -> None:
    before = _headers(response)
    chunks = _fed(exchange, iter(response))  # under WSGI, Django reads async streams whole here
    first = [next(chunks, b"")]
    _set_headers(response, before, exchange.headers or before)
    response.streaming_content = chain(first, chunks)


async def _stream_async(exchange: Exchange, response: Any) -> None:
    before = _headers(response)
    chunks = _fed_async(exchange, aiter(response.streaming_content))
    first = await anext(chunks, b"")
    _set_headers(response, before, exchange.headers or before)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    response.streaming_content = whole()


def _is_begun(exchange: Exchange) -> bool:
    """Whether the headers are known: then an empty chunk may be there to send them."""
    return exchange.passing or exchange.headers is not None


def _fed(exchange: Exchange, chunks: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        token = CURRENT.set(exchange)  # a streaming view may still call track()
        try:
            chunk = next(chunks, None)
        finally:
            CURRENT.reset(token)
        if chunk is None:
            break
        out = exchange.feed(chunk)
        if out or (not chunk and _is_begun(exchange)):
            yield out
    last = exchange.finish()
    if last:
        yield last


async def _fed_async(exchange: Exchange, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        token = CURRENT.set(exchange)
        try:
            chunk = await anext(chunks, None)
        finally:
            CURRENT.reset(token)
        if chunk is None:
            break
        out = exchange.feed(chunk)
        if out or (not chunk and _is_begun(exchange)):
            yield out
    last = exchange.finish()
    if last:
        yield last


def _headers(response: Any) -> Headers:
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.items()
    ]


def _set_headers(response: Any, before: Headers, after: Headers) -> None:
    """What changed, in Django's own terms: its cookies are no headers."""
    kept = {name for name, _ in after}
    for name, _ in before:
        if name not in kept:
            del response.headers[name.decode()]
    for name, value in after:
        if (name, value) in before:
            continue
        if name == b"set-cookie":
            _add_cookie(response.cookies, value.decode("ascii"))
        else:
            response.headers[name.decode("latin-1").title()] = value.decode("latin-1")


def _add_cookie(cookies: SimpleCookie, text: str) -> None:
    """Django sends the dict's values: a second cookie of one name needs a key of its own."""
    for name, morsel in SimpleCookie(text).items():
        key, number = name, 1
        while key in cookies:
            number += 1
            key = f"{name} ({number})"
        cookies[key] = morsel


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
