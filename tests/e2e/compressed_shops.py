"""Shops whose own middleware compresses each page inside of pixelpair: brotli-asgi, Flask-Compress.

`/slow` sends its head, and the rest once somebody asks for `/go`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

HEAD = "<!doctype html><html><head><title>Tea</title></head><body>"
PAGE = HEAD + "".join(f"<p>Tea {number}</p>" for number in range(200)) + "</body></html>"


def starlette_shop() -> Starlette:
    from brotli_asgi import BrotliMiddleware
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    from pixelpair.asgi import PixelPairMiddleware

    asked = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        yield HEAD
        await asked.wait()
        yield PAGE.removeprefix(HEAD)

    async def home(request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    async def slow(request: Request) -> StreamingResponse:
        return StreamingResponse(pieces(), media_type="text/html")

    async def go(request: Request) -> PlainTextResponse:
        asked.set()
        return PlainTextResponse("gone")

    routes = [Route("/", home), Route("/slow", slow), Route("/go", go)]
    return Starlette(
        routes=routes, middleware=[Middleware(PixelPairMiddleware), Middleware(BrotliMiddleware)]
    )


def flask_shop() -> Flask:
    from flask import Flask
    from flask_compress import Compress

    from pixelpair.flask import PixelPair

    app = Flask(__name__)
    app.add_url_rule("/", "home", lambda: PAGE)
    Compress(app)
    PixelPair(app)
    return app
