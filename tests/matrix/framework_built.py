"""Apps with other makers' layers around them that need more than a list of middleware: mounts,
adapters, WhiteNoise, threads. Each builder gives what asks the app, as in framework_stacks."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import a2wsgi
import bottle
import falcon
import falcon.asgi
import fastapi
import flask_talisman
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from whitenoise import WhiteNoise

from pixelpair import asgi, wsgi
from tests.doors.drive import ask_asgi, ask_wsgi

from . import framework_stacks as stacks
from .framework_stacks import FACTS, PAGE, behind, flask_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair import Tracker

    from .framework_stacks import Asking

STATIC = Path(__file__).parent / "framework_shops" / "static"
META = "https://connect.facebook.net"


def around(app: Callable[..., Any], tracker: Tracker) -> Asking:
    return partial(ask_wsgi, wsgi.PixelPairMiddleware(app, tracker=tracker))


def whitenoise(app: Any) -> WhiteNoise:
    return WhiteNoise(app, root=STATIC, prefix="/static/", max_age=0)


def whitenoise_inside(tracker: Tracker) -> Asking:
    return around(whitenoise(flask_app()), tracker)


def whitenoise_outside(tracker: Tracker) -> Asking:
    return partial(ask_wsgi, whitenoise(behind(flask_app(), tracker)))


def talisman(app: Any) -> None:
    flask_talisman.Talisman(
        app,
        force_https=False,
        content_security_policy={"script-src": f"'self' {META}"},
        content_security_policy_nonce_in=["script-src"],
    )
    app.add_url_rule("/nonce", "nonce", lambda: PAGE)


def starlette_mount(*places: str) -> Callable[[Tracker], Asking]:
    """A shop below /shop; our door around the whole, in the mounted app, or both."""

    def build(tracker: Tracker) -> Asking:
        ours = [Middleware(asgi.PixelPairMiddleware, tracker=tracker)]
        inner = stacks.starlette_app(*(ours if "inside" in places else []))
        outer = ours if "outside" in places else []
        return partial(ask_asgi, Starlette(routes=[Mount("/shop", inner)], middleware=outer))

    return build


def fastapi_mount(*places: str) -> Callable[[Tracker], Asking]:
    def build(tracker: Tracker) -> Asking:
        outer, inner = fastapi.FastAPI(), fastapi.FastAPI(routes=stacks.STARLETTE)
        for place, app in (("outside", outer), ("inside", inner)):
            if place in places:
                app.add_middleware(asgi.PixelPairMiddleware, tracker=tracker)
        outer.mount("/shop", inner)
        return partial(ask_asgi, outer)

    return build


def werkzeug_mount(*places: str) -> Callable[[Tracker], Asking]:
    def build(tracker: Tracker) -> Asking:
        shop = behind(flask_app(), tracker) if "inside" in places else flask_app()
        app: Any = DispatcherMiddleware(NotFound(), {"/shop": shop})
        return around(app, tracker) if "outside" in places else partial(ask_wsgi, app)

    return build


def pyramid_mount(*places: str) -> Callable[[Tracker], Asking]:
    def build(tracker: Tracker) -> Asking:
        # WebOb imports `cgi`, of which Python 3.11 and 3.12 warn.
        from pyramid.config import Configurator
        from pyramid.wsgi import wsgiapp2

        shop = behind(flask_app(), tracker) if "inside" in places else flask_app()
        with Configurator() as config:
            config.add_route("shop", "/shop/*subpath")
            config.add_view(wsgiapp2(shop), route_name="shop")
        app = config.make_wsgi_app()
        return around(app, tracker) if "outside" in places else partial(ask_wsgi, app)

    return build


def bottle_mount(*places: str) -> Callable[[Tracker], Asking]:
    def build(tracker: Tracker) -> Asking:
        shop = behind(flask_app(), tracker) if "inside" in places else flask_app()
        app = bottle.Bottle()
        app.mount("/shop/", shop)
        return around(app, tracker) if "outside" in places else partial(ask_wsgi, app)

    return build


def falcon_threads(run: Callable[..., Any]) -> Callable[[Tracker], Asking]:
    class Product:
        async def on_get(self, req: Any, resp: Any, sku: str) -> None:
            resp.content_type, resp.text = falcon.MEDIA_HTML, await run(stacks.product)

    class Facts:
        async def on_get(self, req: Any, resp: Any) -> None:
            resp.media = FACTS

    def build(tracker: Tracker) -> Asking:
        app = falcon.asgi.App()
        app.add_route("/products/{sku}", Product())
        app.add_route("/json", Facts())
        return partial(ask_asgi, asgi.PixelPairMiddleware(app, tracker=tracker))

    return build


def turned(wrap: Callable[[Any], Any], place: str) -> Callable[[Tracker], Asking]:
    """A Flask shop as an ASGI app; our door is the ASGI one outside, or Flask's inside."""

    def build(tracker: Tracker) -> Asking:
        if place == "inside":
            return partial(ask_asgi, wrap(behind(flask_app(), tracker)))
        return partial(ask_asgi, asgi.PixelPairMiddleware(wrap(flask_app()), tracker=tracker))

    return build


def a2wsgi_asgi(place: str) -> Callable[[Tracker], Asking]:
    """A Starlette shop as a WSGI app; our door is the WSGI one outside, or the ASGI one inside."""

    def build(tracker: Tracker) -> Asking:
        ours = [Middleware(asgi.PixelPairMiddleware, tracker=tracker)]
        app: Any = stacks.starlette_app(*(ours if place == "inside" else []))
        wrapped: Any = a2wsgi.ASGIMiddleware(app, loop=loop())
        return around(wrapped, tracker) if place == "outside" else partial(ask_wsgi, wrapped)

    return build


LOOPS: list[asyncio.AbstractEventLoop] = []


def loop() -> asyncio.AbstractEventLoop:
    """One for all of a2wsgi's, whose own nobody can close."""
    if not LOOPS:
        LOOPS.append(asyncio.new_event_loop())
        threading.Thread(target=LOOPS[0].run_forever, daemon=True).start()
    return LOOPS[0]
