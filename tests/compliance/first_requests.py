"""A shop in a fresh process meets its first visitors: tells as JSON what held the loop up.

Imports no more than a shop with one door does. `python -m tests.compliance.first_requests DOOR`
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from os import environ
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .watch import WATCH

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = b"""<!doctype html><html lang="en"><head><title>Tea</title>
<meta property="og:type" content="product"><meta property="product:price:amount" content="1.249,00">
</head><body><div itemscope itemtype="https://schema.org/Product"><b itemprop="sku">A</b>
<span itemprop="offers" itemscope itemtype="https://schema.org/Offer">
<b itemprop="price">1 249,00 kr</b></span></div></body></html>"""
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0"
REPORT = {"url": "http://shop.example/", "referrer": "", "made": [["PageView", {}, "a" * 32]]}
REQUESTS: dict[str, tuple[str, str, bytes, dict[str, str]]] = {
    "page": ("GET", "/products/A", b"", {"cookie": "_fbp=fb.1.1700000000000.77"}),
    "dated": ("GET", "/", b"", {"if-modified-since": "Wed, 01 Oct 2025 10:00:00 GMT"}),
    "form": (
        "POST",
        "/register",
        urlencode({"email": "a@shop.example", "price": "1 249,00 kr"}).encode(),
        {"content-type": "application/x-www-form-urlencoded"},
    ),
    "json": (
        "POST",
        "/register",
        b'{"price": 19.9}',
        {"content-type": "application/json"},
    ),
    "report": ("POST", "/_pixelpair/events", json.dumps(REPORT).encode(), {}),
    "script": ("GET", "/_pixelpair/pixel.js", b"", {"accept-encoding": "gzip"}),
    "figures": ("GET", "/_pixelpair/metrics", b"", {"authorization": f"Bearer {'f' * 32}"}),
    "page again": ("GET", "/products/B", b"", {}),
}
SETTINGS = {
    "PIXEL_ID": "1234567890",
    "ACCESS_TOKEN": "sandbox-token",
    "SECRET": "a secret of these tests",
    "GRAPH_URL": "http://127.0.0.1:9",
    "SENDER": "none",
    "CURRENCY": "SEK",
    "PHONE_COUNTRY": "DE",
    "ADVANCED_MATCHING": "1",
    "METRICS_TOKEN": "f" * 32,
    "ROUTES": "ViewContent /products/{sku}\nLead POST /register form:price=value",
}


def view(method: str) -> None:
    if method == "POST":
        import pixelpair

        pixelpair.identify(email="a@shop.example", phone="+33 1 70 18 99 00")
        pixelpair.track("Contact", value="19.90", currency="SEK")


async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    await receive()
    view(scope["method"])
    kind = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": kind})
    await send({"type": "http.response.body", "body": PAGE})


def by_asgi() -> Callable[..., Any]:
    from pixelpair.asgi import PixelPairMiddleware

    return PixelPairMiddleware(app)


def by_django() -> Callable[..., Any]:
    from django import setup
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import re_path

    async def django_view(request: Any) -> HttpResponse:
        assert request.body is not None
        view(request.method)
        return HttpResponse(PAGE)

    settings.configure(
        SECRET_KEY="s",
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["pixelpair.django.PixelPairMiddleware"],
        ROOT_URLCONF=(re_path("", django_view),),
        LOGGING_CONFIG=None,
    )
    setup()
    from django.core.handlers.asgi import ASGIHandler

    return ASGIHandler()


async def ask(
    door: Callable[..., Any], method: str, path: str, body: bytes, more: dict[str, str]
) -> int:
    own = {"host": "shop.example", "user-agent": AGENT, "origin": "http://shop.example"}
    headers = {**own, "content-length": str(len(body)), **more}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "client": ("203.0.113.9", 50123),
        "server": ("127.0.0.1", 80),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }
    said, sent = [{"type": "http.request", "body": body}], []

    async def receive() -> dict[str, Any]:
        if not said:
            await asyncio.Event().wait()
        return said.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await door(scope, receive, send)
    return int(sent[0]["status"])


async def first(door: Callable[..., Any]) -> dict[str, Any]:
    """The status of each answer, and what was called in the loop for it."""
    met = {}
    for name, asked in REQUESTS.items():
        with WATCH.on():
            status = await ask(door, *asked)
        met[name] = [status, sorted({(what, *place) for what, place in WATCH.calls})]
    return met


def main(which: str) -> None:
    environ.update({f"PIXELPAIR_{name}": value for name, value in SETTINGS.items()})
    with tempfile.TemporaryDirectory() as folder:
        environ["PIXELPAIR_SPOOL"] = f"{folder}/spool"
        print(json.dumps(asyncio.run(first({"asgi": by_asgi, "django": by_django}[which]()))))


if __name__ == "__main__":
    main(sys.argv[1])
