"""Shops that ask their visitors: pages for one and for all, a cart by script, a choice in a form.

`visits.py` runs them as servers. The banner's cookie is one that a consent tool could write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pixelpair

if TYPE_CHECKING:
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

ROUTES = """\
ViewContent /products/{content_id}
ViewContent /kept/{content_id}
AddToCart POST /cart/add/{content_id}
CompleteRegistration POST /join
"""
PAGE = """<!doctype html><html><head><title>%s</title></head><body><h1>%s</h1>
<button id="grant" onclick="pixelpair.grant()">Accept</button>
<button id="revoke" onclick="pixelpair.revoke()">Decline</button>
<button id="yes" onclick="document.cookie = 'banner=yes; path=/'">Banner: accept</button>
<button id="no" onclick="document.cookie = 'banner=no; path=/'">Banner: decline</button>
<form method="post" action="/choice/yes"><button id="choose">Form: accept</button></form>
<form method="post" action="/choice/no"><button id="withdraw">Form: decline</button></form>
<form method="post" action="/join"><button id="join">Join</button></form>
</body></html>"""
CACHED = {"Cache-Control": "public, max-age=60"}
KNOWN = {
    "email": "jane.doe@shop.example",
    "phone": "+46 70 123 45 67",
    "first_name": "Jane",
    "city": "Göteborg",
}


def _page(name: str) -> str:
    return PAGE % (name, name)


def _chosen(choice: str) -> None:
    pixelpair.consent(choice == "yes")


def _joined() -> None:
    pixelpair.identify(**KNOWN)
    pixelpair.track("CompleteRegistration", value=1, currency="SEK", content_name=KNOWN["email"])


def who(_request: object) -> dict[str, object]:
    """PIXELPAIR_IDENTIFY of the shops that have one."""
    return {"external_id": "customer-4711"}


def flask_shop() -> Flask:
    from flask import Flask, Response, jsonify, redirect

    from pixelpair.flask import PixelPair

    app = Flask(__name__)

    @app.get("/products/<name>")
    @app.get("/reset-password/<name>")
    def product(name: str) -> str:
        return _page(name)

    @app.get("/kept/<name>")
    def kept(name: str) -> Response:
        return Response(_page(name), headers=CACHED)

    @app.post("/cart/add/<content_id>")
    def add(content_id: str) -> Response:
        return jsonify(added=content_id)

    @app.post("/choice/<choice>")
    def choose(choice: str) -> Response:
        _chosen(choice)
        return redirect("/products/chosen", 303)

    @app.post("/join")
    def join() -> Response:
        _joined()
        return redirect("/products/joined", 303)

    @app.get("/counts")
    def counts() -> Response:
        return jsonify(app.extensions["pixelpair"].counts)

    PixelPair(app)
    return app


def starlette_shop() -> Starlette:
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
    from starlette.routing import Route

    from pixelpair.asgi import PixelPairMiddleware

    async def product(request: Request) -> HTMLResponse:
        return HTMLResponse(_page(request.path_params["name"]))

    async def kept(request: Request) -> HTMLResponse:
        return HTMLResponse(_page(request.path_params["name"]), headers=CACHED)

    async def add(request: Request) -> JSONResponse:
        return JSONResponse({"added": request.path_params["content_id"]})

    async def choose(request: Request) -> RedirectResponse:
        _chosen(request.path_params["choice"])
        return RedirectResponse("/products/chosen", 303)

    async def join(_request: Request) -> RedirectResponse:
        _joined()
        return RedirectResponse("/products/joined", 303)

    async def counts(_request: Request) -> JSONResponse:
        return JSONResponse(served.tracker.counts)

    app = Starlette(
        routes=[
            Route("/products/{name}", product),
            Route("/reset-password/{name}", product),
            Route("/kept/{name}", kept),
            Route("/cart/add/{content_id}", add, methods=["POST"]),
            Route("/choice/{choice}", choose, methods=["POST"]),
            Route("/join", join, methods=["POST"]),
            Route("/counts", counts),
        ]
    )
    served = PixelPairMiddleware(app)
    return served  # type: ignore[return-value]
