"""Shops whose pages caches may keep, and those caches: the same pages in Flask, Starlette, Django.

Each page is named for what the app itself says of caching; `caches.py` runs them as servers.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pixelpair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.handlers.wsgi import WSGIHandler
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

PAGE = "<!doctype html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
TAG = '"tea-1"'
SAYS: Mapping[str, Mapping[str, str]] = {
    "silent": {},
    "public": {"Cache-Control": "public, max-age=60"},
    "shared": {"Cache-Control": "s-maxage=60"},
    "brief": {"Cache-Control": "public, max-age=1", "ETag": TAG},
    "tagged": {"ETag": TAG},
    "weak": {"ETag": f"W/{TAG}"},
    "dated": {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"},
}
ORDER = {"Cache-Control": "public, max-age=60"}
STOCK, STOCK_TAG = json.dumps({"TEA-SENCHA-100": 12}), '"stock-12"'


def _page(name: str) -> str:
    return PAGE % (name, name)


def _bought(order_id: str) -> str:
    pixelpair.track("Purchase", order_id=order_id, value=89, currency="SEK", content_ids=["TEA"])
    return _page(f"Order {order_id}")


def flask_shop() -> Flask:
    from flask import Flask, Response, request

    from pixelpair.flask import PixelPair

    app = Flask(__name__)

    def answer(body: str, says: Mapping[str, str], kind: str = "text/html") -> Response:
        return Response(body, headers=says, mimetype=kind).make_conditional(request)

    @app.get("/products/<name>")
    def product(name: str) -> Response:
        return answer(_page(name), SAYS[name])

    @app.get("/orders/<order_id>/complete")
    def order(order_id: str) -> Response:
        return answer(_bought(order_id), ORDER)

    @app.get("/stock.json")
    def stock() -> Response:
        return answer(STOCK, {"ETag": STOCK_TAG}, "application/json")

    PixelPair(app)
    return app


def starlette_shop() -> Starlette:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import Response
    from starlette.routing import Route

    from pixelpair.asgi import PixelPairMiddleware

    def answer(
        request: Request, body: str, says: Mapping[str, str], kind: str = "text/html"
    ) -> Response:
        asked = request.headers
        known = "ETag" in says and says["ETag"] in asked.get("if-none-match", "")
        known |= "Last-Modified" in says and says["Last-Modified"] == asked.get("if-modified-since")
        if known:
            return Response(None, 304, headers=says)
        return Response(body, headers=says, media_type=kind)

    async def product(request: Request) -> Response:
        name = request.path_params["name"]
        return answer(request, _page(name), SAYS[name])

    async def order(request: Request) -> Response:
        return answer(request, _bought(request.path_params["order_id"]), ORDER)

    async def stock(request: Request) -> Response:
        return answer(request, STOCK, {"ETag": STOCK_TAG}, "application/json")

    routes = [
        Route("/products/{name}", product),
        Route("/orders/{order_id}/complete", order),
        Route("/stock.json", stock),
    ]
    return Starlette(routes=routes, middleware=[Middleware(PixelPairMiddleware)])


OURS = "pixelpair.django.PixelPairMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"


def django_shop() -> WSGIHandler:
    """With the middleware that SHOP_MIDDLEWARE lists; `/kept/` pages have `@cache_page`."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import path
    from django.views.decorators.cache import cache_page

    class Urls:
        urlpatterns = ()

    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.configure(
        ALLOWED_HOSTS=["*"],
        CACHES={"default": {"BACKEND": backend, "LOCATION": os.environ["SHOP_CACHE"]}},
        CACHE_MIDDLEWARE_SECONDS=60,
        MIDDLEWARE=os.environ["SHOP_MIDDLEWARE"].split(),
        ROOT_URLCONF=Urls,
        SECRET_KEY="s" * 50,
    )

    def product(request: HttpRequest, name: str) -> HttpResponse:
        return HttpResponse(_page(name), headers=SAYS[name])

    def order(request: HttpRequest, order_id: str) -> HttpResponse:
        return HttpResponse(_bought(order_id), headers=ORDER)

    def stock(request: HttpRequest) -> HttpResponse:
        return HttpResponse(STOCK, "application/json", headers={"ETag": STOCK_TAG})

    Urls.urlpatterns = (
        path("products/<name>", product),
        path("kept/<name>", cache_page(60)(product)),
        path("orders/<order_id>/complete", order),
        path("stock.json", stock),
    )
    return get_wsgi_application()
