"""What a request pays: a JSON route, a 50 KB page with its PageView queued durably, and Flask.

Run: python bench/bench_request.py. In process, without a server: anything else would hide it.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_html import PAGE
from flask import Flask, Response
from side_by_side import measure, say
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from pixelpair.asgi import PixelPairMiddleware
from pixelpair.settings import Settings
from pixelpair.tracker import Tracker
from pixelpair.wsgi import PixelPairMiddleware as WsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

ROUNDS, CALLS = 200, 50
CART = {"items": [{"sku": f"SKU-{n}", "quantity": n, "price": "19.90"} for n in range(5)]}
HEADERS = {
    "Host": "shop.example.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "Accept-Language": "sv-SE,sv;q=0.9,en;q=0.8",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "https://shop.example.com/",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Cookie": "session=abcdef0123456789; _fbp=fb.1.1749651650057.639940942831715561; theme=dark",
}


class PassThrough:
    """The least that an ASGI middleware which looks at responses can do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_through(message: Any) -> None:
            await send(message)

        await self.app(scope, receive, send_through)


class Base(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Any:
        return await call_next(request)


async def cart(_request: Request) -> JSONResponse:
    return JSONResponse(CART)


async def page(_request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


# More heads than are remembered, so that none is met again in time.
NEW_PAGES = cycle([PAGE.replace(b"<title>", b"<title>%d " % n) for n in range(1000)])


async def new_page(_request: Request) -> HTMLResponse:
    return HTMLResponse(next(NEW_PAGES))


def starlette(around: Callable[[Any], Any]) -> Any:
    return around(
        Starlette(routes=[Route("/api/cart", cart), Route("/", page), Route("/new", new_page)])
    )


def asgi(app: Any, path: str) -> Callable[[int], None]:
    """Calls the app as a server does, so many times."""
    raw = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
    base = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": raw,
        "client": ("203.0.113.9", 50000),
        "server": ("127.0.0.1", 8000),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Any) -> None:
        pass

    async def calls(number: int) -> None:
        for _ in range(number):
            await app(dict(base), receive, send)

    loop = asyncio.new_event_loop()
    return lambda number: loop.run_until_complete(calls(number))


def wsgi(app: Any) -> Callable[[int], None]:
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.example.com",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.9",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ |= {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in HEADERS.items()}

    def start_response(*_: Any) -> Callable[[bytes], None]:
        return lambda _: None

    def calls(number: int) -> None:
        for _ in range(number):
            body = app(dict(environ), start_response)
            for _chunk in body:
                pass
            if hasattr(body, "close"):
                body.close()

    return calls


def flask_shop() -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def home() -> Response:
        return Response(PAGE, content_type="text/html; charset=utf-8")

    return app


def tracker(folder: str, name: str, **more: object) -> Tracker:
    settings = Settings(
        pixel_id="1234567890",
        access_token="token",
        secret="a secret of this bench",
        sender="none",
        spool=str(Path(folder) / name),
        **more,
    )
    return Tracker(settings)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder:
        ours = tracker(folder, "asgi")
        wrapped = flask_shop()
        wrapped.wsgi_app = WsgiMiddleware(wrapped.wsgi_app, tracker=tracker(folder, "wsgi"))
        silent = flask_shop()
        quiet = tracker(folder, "silent", page_view="off")
        silent.wsgi_app = WsgiMiddleware(silent.wsgi_app, tracker=quiet)
        subjects = {
            "json, bare": asgi(starlette(lambda app: app), "/api/cart"),
            "json, pass-through": asgi(starlette(PassThrough), "/api/cart"),
            "json, pixelpair": asgi(
                starlette(lambda app: PixelPairMiddleware(app, tracker=ours)), "/api/cart"
            ),
            "page, bare": asgi(starlette(lambda app: app), "/"),
            "page, BaseHTTPMiddleware": asgi(starlette(Base), "/"),
            "page, pixelpair": asgi(
                starlette(lambda app: PixelPairMiddleware(app, tracker=ours)), "/"
            ),
            "page met for the first time, pixelpair": asgi(
                starlette(lambda app: PixelPairMiddleware(app, tracker=ours)), "/new"
            ),
            "flask page, bare": wsgi(flask_shop()),
            "flask page, pixelpair": wsgi(wrapped),
            "flask page, pixelpair without any event": wsgi(silent),
        }
        took = measure(subjects, rounds=ROUNDS, calls=CALLS)
    median = {name: timing.median for name, timing in took.items()}
    base = median["page, BaseHTTPMiddleware"] - median["page, bare"]
    added = median["page, pixelpair"] - median["page, bare"]
    bare = median["flask page, bare"]
    print()
    json = median["json, pixelpair"] / median["json, pass-through"]
    say("JSON: pixelpair / pass-through", json, 1.05)
    say("page: added by pixelpair / added by BaseHTTPMiddleware", added / base, 0.25)
    first = median["page met for the first time, pixelpair"] - median["page, bare"]
    say("the same, for a page met for the first time", first / base, 0.25)
    say("Flask page: pixelpair / bare", median["flask page, pixelpair"] / bare, 1.5)
    plain = median["flask page, pixelpair without any event"] / bare
    print(f"  Flask page without any event: pixelpair / bare {plain:25.3f}")


if __name__ == "__main__":
    main()
