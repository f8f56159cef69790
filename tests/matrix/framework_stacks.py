"""Small apps of several frameworks with other makers' middleware around them, to be asked in this
process: each builder takes a tracker and gives what asks the app."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from warnings import catch_warnings, filterwarnings

import flask
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse
from django.test.utils import override_settings
from django.urls import path
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

import pixelpair
from pixelpair import asgi
from pixelpair.flask import PixelPair
from tests.doors.django_shop import DOOR, Door
from tests.doors.drive import Answer, Ask, ask_asgi, ask_wsgi

from .framework_shops import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair import Tracker

    Asking = Callable[[Ask], Answer]

PAGE = "".join(words.PIECES)
FACTS = {"teas": ["Sencha"] * 200}
HERE = object()  # our place in a list of middleware


def product() -> str:
    """The page, whose event the default rules make; the view says what it is worth."""
    pixelpair.track("ViewContent", value=8.9, currency="EUR")
    return PAGE


def count(session: Any) -> str:
    """A page that a session makes: how often it was seen."""
    session["seen"] = session.get("seen", 0) + 1
    return PAGE.replace("Tea", f"Seen {session['seen']}")


# --- Starlette --------------------------------------------------------------------------------


async def _product(request: Any) -> HTMLResponse:
    return HTMLResponse(product())


async def _count(request: Any) -> HTMLResponse:
    return HTMLResponse(count(request.session))


async def _facts(request: Any) -> JSONResponse:
    return JSONResponse(FACTS)


STARLETTE = [
    Route("/products/{sku}", _product),
    Route("/count", _count),
    Route("/json", _facts),
]


def starlette_app(*middleware: Any) -> Starlette:
    return Starlette(routes=STARLETTE, middleware=middleware)


def starlette(*middleware: Any) -> Callable[[Tracker], Asking]:
    def build(tracker: Tracker) -> Asking:
        ours = Middleware(asgi.PixelPairMiddleware, tracker=tracker)
        return partial(ask_asgi, starlette_app(*(ours if m is HERE else m for m in middleware)))

    return build


# --- Flask ------------------------------------------------------------------------------------


def flask_app(**config: object) -> flask.Flask:
    app = flask.Flask(__name__, static_folder=None)
    app.secret_key = "of the shop"
    app.config.update(config)
    app.add_url_rule("/products/<sku>", "product", lambda sku: product())
    app.add_url_rule("/count", "count", lambda: count(flask.session))
    app.add_url_rule("/json", "facts", lambda: FACTS)
    app.add_url_rule("/stream", "stream", lambda: flask.Response(words.pieces()))
    return app


def behind(app: flask.Flask, tracker: Tracker) -> flask.Flask:
    """The app as `PixelPair(app)` leaves it, with this tracker."""
    PixelPair(app, tracker.settings)
    app.wsgi_app.tracker = tracker  # type: ignore[attr-defined]
    return app


def flask_with(
    extend: Callable[[flask.Flask], object], *, first: bool = False, **config: object
) -> Callable[[Tracker], Asking]:
    """An extension behind ours, or `first`."""

    def build(tracker: Tracker) -> Asking:
        app = flask_app(**config)
        if first:
            extend(app)
        behind(app, tracker)
        if not first:
            extend(app)
        return partial(ask_wsgi, app)

    return build


# --- Django -----------------------------------------------------------------------------------


class Urls:
    urlpatterns: ClassVar = [
        path("products/<sku>", lambda request, sku: HttpResponse(product())),
        path("nonce", lambda request: HttpResponse(PAGE.replace("Tea", str(request.csp_nonce)))),
        path("count", lambda request: HttpResponse(count(request.session))),
        path("json", lambda request: JsonResponse(FACTS)),
    ]


@contextmanager
def _project(middleware: list[str], more: dict[str, object]) -> Iterator[None]:
    with override_settings(
        MIDDLEWARE=middleware, ROOT_URLCONF=Urls, PIXELPAIR={"mode": "off"}, **more
    ):
        yield


def django(
    *middleware: Any, asynchronous: bool = False, **more: object
) -> Callable[[Tracker], Asking]:
    def build(tracker: Tracker) -> Asking:
        Door.TRACKERS.append(tracker)
        named = [DOOR if m is HERE else m for m in middleware]
        with _project(named, more):
            app = ASGIHandler() if asynchronous else WSGIHandler()

        def ask(what: Ask) -> Answer:
            with _project(named, more), catch_warnings():
                filterwarnings("ignore", "StreamingHttpResponse must consume synchronous")
                return (ask_asgi if asynchronous else ask_wsgi)(app, what)

        return ask

    return build
