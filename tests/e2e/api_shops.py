"""A shop that is only an API: its pages are somebody else's, or are read by no browser."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING

from pixelpair.tracker import LIVING

if TYPE_CHECKING:
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

HTML = "<!doctype html><html><head><title>tea</title></head><body>tea</body></html>"
KEPT = {"Cache-Control": "public, max-age=60"}


def _to_log() -> None:
    """What pixelpair says is read by the tests."""
    logging.basicConfig(filename=os.environ["SHOP_LOG"], level=logging.WARNING)


def _counts() -> dict[str, int]:
    """What this process's pixelpair counted."""
    (tracker,) = [one for one in LIVING if one.settings.active]
    return dict(tracker.counts)


def flask_shop() -> Flask:
    from flask import Flask, Response

    from pixelpair.flask import PixelPair

    _to_log()
    app = Flask(__name__)

    @app.get("/kept/<name>")
    def kept(name: str) -> Response:
        return Response(HTML, headers=KEPT)

    @app.get("/counts")
    def counts() -> Response:
        return Response(json.dumps(_counts()), mimetype="application/json")

    PixelPair(app)
    return app


def starlette_shop() -> Starlette:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import HTMLResponse, JSONResponse
    from starlette.routing import Route

    from pixelpair.asgi import PixelPairMiddleware

    _to_log()

    async def kept(_request: Request) -> HTMLResponse:
        return HTMLResponse(HTML, headers=KEPT)

    async def counts(_request: Request) -> JSONResponse:
        return JSONResponse(_counts())

    routes = [Route("/kept/{name}", kept), Route("/counts", counts)]
    return Starlette(routes=routes, middleware=[Middleware(PixelPairMiddleware)])
