"""A shop whose pages work by script: one site of plain functions behind Flask, Starlette, Django.

Products are private pages below `/products/`, and pages that caches may keep below `/kept/`.
`?with=htmx` or `?with=turbo` adds that library.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pixelpair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.handlers.wsgi import WSGIHandler
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

ROUTES = """
ViewContent /products/{content_id}
ViewContent /kept/{content_id}
AddToCart POST /cart/add/{content_id}
InitiateCheckout POST /checkout
"""
MOMENT = 0.3  # seconds: what was asked in one of them is answered when it ends
NO_STORE = {"Cache-Control": "no-store"}
KEPT = {"Cache-Control": "public, max-age=60"}
LINES = [
    {"id": f"TEA-SENCHA-{number}", "quantity": 2, "item_price": 89.5} for number in range(100, 140)
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the site knows of a request; header names are lower-case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    body: str = ""
    kind: str = "text/html"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def site(asked: Asked) -> Reply:
    """The whole shop."""
    first, _, rest = asked.path.strip("/").partition("/")
    if first == "cart" and asked.method == "POST":
        return added(rest.removeprefix("add/"), asked)
    if first == "checkout" and asked.method == "POST":
        return ordered()
    if asked.headers.get("sec-purpose", "").startswith("prefetch"):
        AHEAD_OF_TIME.append(asked.path)
    if first == "ahead":
        return Reply(json.dumps(AHEAD_OF_TIME), "application/json") if rest else Reply(AHEAD)
    if first == "favicon.ico":
        return Reply(status=404)
    return page(asked, KEPT if first == "kept" else {})


LIBRARIES = {
    "": "",
    "htmx": '<script src="/npm/htmx.org/dist/htmx.min.js"></script>',
    "turbo": '<script src="/npm/@hotwired/turbo/dist/turbo.es2017-umd.js"></script>',
}
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>{path}</title>{library}</head>
<body><h1>{path}</h1><nav hx-boost="true">{links}</nav>{parts}<div id="done"></div></body></html>"""
PLACES = ("/products/1", "/products/2", "/kept/1", "/kept/2", "/plain")
# Three of each kind; `rename` would be a form's button too.
HTMX = (
    '<button class="add" hx-post="/cart/add/T{n}" hx-target="#done" hx-swap="beforeend"></button>'
)
FORM = '<form class="add" method="post" action="/cart/add/T{n}{how}"></form>'
FRAMED = f'<turbo-frame id="f{{n}}">{FORM}</turbo-frame>'
FRAME = FRAMED.replace("{how}", "?frame=f{n}")
STREAM = FRAMED.replace("{how}", "?stream=1")
PARTS = {"htmx": HTMX, "frames": FRAME, "streams": STREAM, "forms": FORM.replace("{how}", "")}


def page(asked: Asked, headers: Mapping[str, str]) -> Reply:
    library, parts = asked.query.get("with", ""), PARTS.get(asked.query.get("parts", ""), "")
    links = [f'<a href="{place}?with={library}">{place}</a> ' for place in PLACES]
    body = PAGE.format(
        path=asked.path,
        library=LIBRARIES[library],
        links="".join(links),
        parts="".join([parts.replace("{n}", str(n)) for n in (1, 2, 3)]),
    )
    return Reply(body, headers=headers)


# Asked for to be shown later, at /ahead/asked.
AHEAD_OF_TIME: list[str] = []
RULES = {"prerender": [{"urls": ["/products/1", "/products/2"], "eagerness": "immediate"}]}
AHEAD = f"""<!doctype html><title>ahead</title>
<script type="speculationrules">{json.dumps(RULES)}</script>
<script>setTimeout(() => location.href = "/products/1", 2000)</script>"""


def added(content_id: str, asked: Asked) -> Reply:
    """One more in the cart, told the way it was asked for."""
    time.sleep(MOMENT - time.time() % MOMENT)
    pixelpair.track("AddToCart", content_ids=[content_id], value=89.5, currency="SEK")
    done = f'<p class="done">{content_id}</p>'
    frame, headers = asked.query.get("frame"), asked.headers
    if frame:
        return Reply(f'<turbo-frame id="{frame}">{done}</turbo-frame>')
    if "stream" in asked.query and "turbo-stream" in headers.get("accept", ""):
        stream = f'<turbo-stream action="append" target="done"><template>{done}</template>'
        return Reply(f"{stream}</turbo-stream>", "text/vnd.turbo-stream.html")
    if "hx-request" in headers:
        return Reply(done)
    if "json" in headers.get("accept", ""):
        return Reply(f'{{"added": "{content_id}"}}', "application/json")
    library = asked.query.get("with", "")
    return Reply("", status=303, headers={"Location": f"/cart?with={library}"})


def ordered() -> Reply:
    """A cart with forty lines."""
    pixelpair.track(
        "InitiateCheckout",
        contents=LINES,
        content_ids=[line["id"] for line in LINES],
        num_items=80,
        value=40 * 2 * 89.5,
        currency="SEK",
    )
    return Reply('{"lines": 40}', "application/json")


def flask_shop() -> Flask:
    from flask import Flask, Response, request, send_from_directory

    from pixelpair.flask import PixelPair

    app = Flask(__name__)

    @app.get("/npm/<path:name>")
    def npm(name: str) -> Response:
        return send_from_directory(os.environ["SHOP_NPM"], name)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def every(path: str) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = site(Asked(request.method, f"/{path}", request.args, headers))
        return Response(reply.body, reply.status, reply.headers, mimetype=reply.kind)

    PixelPair(app)
    return app


def starlette_shop() -> Starlette:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    from pixelpair.asgi import PixelPairMiddleware

    def every(request: Request) -> Response:
        asked = Asked(request.method, request.url.path, request.query_params, request.headers)
        reply = site(asked)
        return Response(reply.body, reply.status, reply.headers, reply.kind)

    routes = [
        Mount("/npm", StaticFiles(directory=os.environ["SHOP_NPM"])),
        Route("/{path:path}", every, methods=["GET", "POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(PixelPairMiddleware)])


def django_shop() -> WSGIHandler:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import re_path
    from django.views.static import serve

    def every(request: HttpRequest) -> HttpResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = site(Asked(request.method or "", request.path, request.GET, headers))
        return HttpResponse(reply.body, reply.kind, reply.status, headers=reply.headers)

    class Urls:
        urlpatterns = (
            re_path("^npm/(?P<path>.*)$", serve, {"document_root": os.environ["SHOP_NPM"]}),
            re_path("", every),
        )

    settings.configure(
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["pixelpair.django.PixelPairMiddleware"],
        ROOT_URLCONF=Urls,
        SECRET_KEY="s" * 50,
    )
    return get_wsgi_application()
