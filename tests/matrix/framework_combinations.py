"""Frameworks with other makers' middleware outside and inside of ours: a table of what is built
and what is checked. Those that are not as one would like them say why."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import a2wsgi
import flask_compress
from asgiref.wsgi import WsgiToAsgi
from brotli_asgi import BrotliMiddleware
from csp.constants import NONCE, SELF
from falcon.util import sync_to_async
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware

from .framework_built import (
    META,
    STATIC,
    a2wsgi_asgi,
    bottle_mount,
    falcon_threads,
    fastapi_mount,
    pyramid_mount,
    starlette_mount,
    talisman,
    turned,
    werkzeug_mount,
    whitenoise_inside,
    whitenoise_outside,
)
from .framework_judged import (
    browsers,
    browsers_streams_too,
    by_file,
    cached,
    file_pages,
    files,
    in_thread,
    mounted,
    nonce,
    pages,
    sessions,
    streams_too,
    uncached,
)
from .framework_stacks import HERE, django, flask_with, starlette

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair import Tracker
    from tests.doors.drive import Ledger

    from .framework_stacks import Asking


@dataclass(frozen=True, slots=True)
class Combination:
    """`place` is where the other one stands. With `why` the check must fail, and say `says`."""

    what: str
    place: str
    build: Callable[[Tracker], Asking]
    check: Callable[[Asking, Ledger], None] = pages
    says: str = ""
    why: str = ""
    link: str = ""
    routes: str = ""  # "" are the default rules


GZIP, BR = partial(pages, coding="gzip"), partial(pages, coding="br")
# Outside of a mount the path is the whole one.
WHOLE_PATH = "ViewContent /shop/products/{content_id}"
DJANGO_GZIP = "django.middleware.gzip.GZipMiddleware"
COMPRESSION = "compression_middleware.middleware.CompressionMiddleware"
NOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
CSP = "csp.middleware.CSPMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CACHE = ["django.middleware.cache.UpdateCacheMiddleware"]
CACHE_END = "django.middleware.cache.FetchFromCacheMiddleware"
FILES = {"STATIC_ROOT": str(STATIC), "STATIC_URL": "/static/", "WHITENOISE_MAX_AGE": 0}
POLICY = {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"script-src": [SELF, NONCE, META]}}}
STARLETTE_GZIP, BROTLI = Middleware(GZipMiddleware), Middleware(BrotliMiddleware)
COOKIES = Middleware(SessionMiddleware, secret_key="of the shop")
COMPRESS = flask_compress.Compress


async def timed(request: Any, call_next: Any) -> Any:
    """As many an app has one: it runs what is inside of it in a task of its own."""
    answer = await call_next(request)
    answer.headers["x-time"] = "1"
    return answer


TIMED = Middleware(BaseHTTPMiddleware, dispatch=timed)


# Where our door stands to a mount, and a rule that is written for it there.
MOUNTED = (
    ("in the sub-app", ["inside"], "ViewContent /products/{content_id}"),
    ("around all", ["outside"], WHOLE_PATH),
    ("in both", ["outside", "inside"], WHOLE_PATH),
)
COMBINATIONS = (
    Combination("Starlette's `GZipMiddleware`", "outside", starlette(STARLETTE_GZIP, HERE), GZIP),
    Combination("Starlette's `GZipMiddleware`", "inside", starlette(HERE, STARLETTE_GZIP), GZIP),
    Combination("brotli-asgi", "outside", starlette(BROTLI, HERE), BR),
    Combination("brotli-asgi", "inside", starlette(HERE, BROTLI), BR),
    Combination("Django's `GZipMiddleware`", "outside", django(DJANGO_GZIP, HERE), GZIP),
    Combination("Django's `GZipMiddleware`", "inside", django(HERE, DJANGO_GZIP), GZIP),
    Combination(
        "Django's `GZipMiddleware`, ASGI",
        "outside",
        django(DJANGO_GZIP, HERE, asynchronous=True),
        GZIP,
    ),
    Combination(
        "Django's `GZipMiddleware`, ASGI",
        "inside",
        django(HERE, DJANGO_GZIP, asynchronous=True),
        GZIP,
    ),
    Combination("django-compression-middleware", "outside", django(COMPRESSION, HERE), browsers),
    Combination("django-compression-middleware", "inside", django(HERE, COMPRESSION), browsers),
    Combination("Flask-Compress as it comes", "inside", flask_with(COMPRESS), browsers_streams_too),
    Combination(
        "Flask-Compress, gzip and deflate",
        "inside",
        flask_with(COMPRESS, COMPRESS_ALGORITHM="gzip", COMPRESS_ALGORITHM_STREAMING="deflate"),
        streams_too,
    ),
    Combination("WhiteNoise around a WSGI app", "outside", whitenoise_outside, files),
    Combination("WhiteNoise around a WSGI app", "inside", whitenoise_inside, files),
    Combination("WhiteNoise in Django", "outside", django(NOISE, HERE, **FILES), files),
    Combination("WhiteNoise in Django", "inside", django(HERE, NOISE, **FILES), files),
    Combination("WhiteNoise, a file that is a page", "inside", whitenoise_inside, file_pages),
    Combination(
        "WhiteNoise, a file that is a page",
        "outside",
        whitenoise_outside,
        file_pages,
        r"\(0, \[\]\) == \(1",
        "it answers for its files itself: none comes to pixelpair",
        "frameworks.md#static-files",
    ),
    Combination("django-csp, nonce", "outside", django(CSP, HERE, **POLICY), nonce),
    Combination("django-csp, nonce", "inside", django(HERE, CSP, **POLICY), nonce),
    Combination("django-csp, no nonce", "inside", django(HERE, CSP, **POLICY), by_file),
    Combination(
        "django-csp, no nonce",
        "outside",
        django(CSP, HERE, **POLICY),
        by_file,
        "pixel.js",
        "its policy comes later, and forbids the inline script",
        "frameworks.md#content-security-policy",
    ),
    Combination("Flask-Talisman, nonce", "inside", flask_with(talisman, first=True), nonce),
    Combination('`@app.middleware("http")`', "outside", starlette(TIMED, HERE)),
    Combination('`@app.middleware("http")`', "inside", starlette(HERE, TIMED)),
    Combination("Starlette's sessions", "outside", starlette(COOKIES, HERE), sessions),
    Combination("Starlette's sessions", "inside", starlette(HERE, COOKIES), sessions),
    Combination("Flask's sessions", "inside", flask_with(lambda app: None), sessions),
    Combination("Django's sessions", "outside", django(SESSION, HERE), sessions),
    Combination("Django's sessions", "inside", django(HERE, SESSION), sessions),
    Combination("Django's cache", "outside", django(*CACHE, HERE, CACHE_END), uncached),
    Combination("Django's cache", "inside", django(HERE, *CACHE, CACHE_END), cached),
    *(
        Combination(name, where, mount(*places), mounted, routes=rule)
        for name, mount in (
            ("Starlette's `Mount`", starlette_mount),
            ("FastAPI's `mount`", fastapi_mount),
            ("werkzeug's `DispatcherMiddleware`", werkzeug_mount),
            ("Pyramid's `wsgiapp2`", pyramid_mount),
            ("Bottle's `mount`", bottle_mount),
        )
        for where, places, rule in MOUNTED
    ),
    Combination("`asyncio.to_thread`", "inside", falcon_threads(asyncio.to_thread), in_thread),
    Combination(
        "`falcon.util.sync_to_async`",
        "inside",
        falcon_threads(sync_to_async),
        in_thread,
        "None == 8.9",
        "`track` does not find its request in that thread",
        "frameworks.md#falcon-asgi",
    ),
    Combination("a2wsgi's `WSGIMiddleware`", "inside", turned(a2wsgi.WSGIMiddleware, "outside")),
    Combination("a2wsgi's `WSGIMiddleware`", "outside", turned(a2wsgi.WSGIMiddleware, "inside")),
    Combination("asgiref's `WsgiToAsgi`", "inside", turned(WsgiToAsgi, "outside")),
    Combination("asgiref's `WsgiToAsgi`", "outside", turned(WsgiToAsgi, "inside")),
    Combination("a2wsgi's `ASGIMiddleware`", "outside", a2wsgi_asgi("inside")),
    Combination("a2wsgi's `ASGIMiddleware`", "inside", a2wsgi_asgi("outside")),
)
