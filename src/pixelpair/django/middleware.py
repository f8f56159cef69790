"""Django's middleware: what happens around a view, and what is learnt of its visitor."""

from __future__ import annotations

from contextlib import contextmanager
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

from pixelpair.asking import ask
from pixelpair.asking_async import ask_async, load_ahead
from pixelpair.core.current import CURRENT
from pixelpair.core.http import WANTED_AT_DESK, Request
from pixelpair.django.requests import admitted, listen, request_of
from pixelpair.django.responses import headers_of, is_held_stream, response_of, stream, stream_async
from pixelpair.django.users import user_of, user_of_async
from pixelpair.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from pixelpair.core.exchange import Exchange

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
            listen(exchange, request)
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
        return response_of(desk.answer(asked, body, inquiry))

    async def _answer_async(
        self, request: HttpRequest, desk: Any, asked: Request, body: bytes
    ) -> HttpResponse:
        inquiry = desk.inquiry(asked, request)
        if inquiry is not None:
            await ask_async(inquiry, in_django=True)
        return response_of(desk.answer(asked, body, inquiry))

    def _serve(self, exchange: Exchange, request: HttpRequest) -> HttpResponseBase:
        token = CURRENT.set(exchange)
        try:
            with admitted(exchange, request):
                response = self.get_response(request)
            if exchange.curious:
                with _as_it_was(exchange, request):
                    _learn(exchange, request, response)
            if is_held_stream(exchange, response):
                if response.is_async and hasattr(request, "scope"):
                    # Behind a sync-only middleware under ASGI: the stream belongs to its loop.
                    async_to_sync(stream_async)(exchange, response)
                else:
                    stream(exchange, response)
        finally:
            CURRENT.reset(token)
        return response

    async def _serve_async(self, exchange: Exchange, request: HttpRequest) -> HttpResponseBase:
        token = CURRENT.set(exchange)
        try:
            with admitted(exchange, request):
                response = await self.get_response(request)
            if exchange.curious:
                with _as_it_was(exchange, request):
                    await _learn_async(exchange, request, response)
            if is_held_stream(exchange, response):
                if response.is_async:
                    await stream_async(exchange, response)
                else:
                    await sync_to_async(stream)(exchange, response)
        finally:
            CURRENT.reset(token)
        return response


def secret_key() -> object:
    try:
        return django_settings.SECRET_KEY
    except ImproperlyConfigured:  # a shop without sessions may have none
        return None


def _learn(exchange: Exchange, request: HttpRequest, response: Any) -> None:
    """What this shop knows of its visitor; for an event, also the user whom its session names."""
    inquiry = exchange.inquiry(response.status_code, headers_of(response))
    if inquiry is None:
        return
    ask(inquiry)
    inquiry.learn(lambda: user_of(request, load=inquiry.wants_user))


async def _learn_async(exchange: Exchange, request: HttpRequest, response: Any) -> None:
    inquiry = exchange.inquiry(response.status_code, headers_of(response))
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
