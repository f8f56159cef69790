"""Shops whose carts are told by forms and JSON: a page with each kind of form, and one cart.

`visits.py` runs them as servers; `python -m tests.e2e.form_shops 8000` is Django's runserver.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.requests import Request

ROUTES = """\
ViewContent /products/{content_id}
AddToCart POST /cart/add form:sku=content_id,qty=quantity,price=item_price
AddToCart POST /api/cart form:item.sku=content_id,item.qty=quantity,item.price=item_price
"""
_FACTS = {
    "@context": "https://schema.org",
    "@type": "Product",
    "sku": "TEA-1",
    "name": "Sencha",
    "offers": {"@type": "Offer", "price": "19.90", "priceCurrency": "SEK"},
}
PRODUCT = f"""<!doctype html><html><head><title>Sencha</title>
<script type="application/ld+json">{json.dumps(_FACTS)}</script></head><body><h1>Sencha</h1>
<form method="post" action="/cart/add"><input name="note" value="Grüße, + & =">
<input name="sku" value="TEA-1"><input name="qty" value="2"><button id="plain">Add</button></form>
<form method="post" action="/cart/add" enctype="multipart/form-data">
<input type="file" name="engraving"><input name="note" value="Grüße, + & =">
<input name="sku" value="TEA-1"><input name="qty" value="3"><input name="price" value="18.50">
<button id="parts">Add engraved</button></form></body></html>"""
CART = "<!doctype html><html><head><title>Cart</title></head><body><h1>%s</h1></body></html>"
ADD = """(item) => fetch("/api/cart", {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ item })
}).then((answer) => answer.json())"""


def said(note: str, engraving: bytes | None) -> str:
    """Where the cart shows what the view was given, to the byte."""
    return f"/cart/{note.encode().hex()}.{len(engraving or b'')}.{sum(engraving or b'')}"


def flask_shop() -> Flask:
    from flask import Flask, Response, jsonify, redirect, request

    from pixelpair.flask import PixelPair

    app = Flask(__name__)

    @app.get("/products/<sku>")
    def product(sku: str) -> str:
        return PRODUCT

    @app.get("/cart/<told>")
    def cart(told: str) -> str:
        return CART % told

    @app.post("/cart/add")
    def add() -> Response:
        file = request.files.get("engraving")
        return redirect(said(request.form["note"], file.read() if file else None), 303)

    @app.post("/api/cart")
    def add_by_script() -> Response:
        return jsonify(request.get_json())

    PixelPair(app)
    return app


def starlette_shop() -> Starlette:
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
    from starlette.routing import Route

    from pixelpair.asgi import PixelPairMiddleware

    async def product(_request: Request) -> HTMLResponse:
        return HTMLResponse(PRODUCT)

    async def cart(request: Request) -> HTMLResponse:
        return HTMLResponse(CART % request.path_params["told"])

    async def add(request: Request) -> RedirectResponse:
        async with request.form() as form:
            file = form.get("engraving")
            data = await file.read() if file else None
            return RedirectResponse(said(form["note"], data), 303)

    async def add_by_script(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    app = Starlette(
        routes=[
            Route("/products/{sku}", product),
            Route("/cart/add", add, methods=["POST"]),
            Route("/cart/{told}", cart),
            Route("/api/cart", add_by_script, methods=["POST"]),
        ]
    )
    app.add_middleware(PixelPairMiddleware)
    return app


# --- Django ----------------------------------------------------------------------------------


def django_product(_request: HttpRequest, **_: str) -> HttpResponse:
    from django.http import HttpResponse

    return HttpResponse(PRODUCT)


def django_cart(_request: HttpRequest, told: str) -> HttpResponse:
    from django.http import HttpResponse

    return HttpResponse(CART % told)


def django_add(request: HttpRequest) -> HttpResponse:
    from django.http import HttpResponseRedirect

    file = request.FILES.get("engraving")
    return HttpResponseRedirect(said(request.POST["note"], file.read() if file else None))


def django_add_by_script(request: HttpRequest) -> HttpResponse:
    from django.http import JsonResponse

    return JsonResponse(json.load(request))


def runserver(port: str) -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.urls import path

    settings.configure(
        SECRET_KEY="of the tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(
            path("products/<str:sku>", django_product),
            path("cart/add", django_add),
            path("cart/<str:told>", django_cart),
            path("api/cart", django_add_by_script),
        ),
        MIDDLEWARE=["pixelpair.django.PixelPairMiddleware"],
    )
    django.setup()
    call_command("runserver", f"127.0.0.1:{port}", use_reloader=False, skip_checks=True)


if __name__ == "__main__":
    runserver(sys.argv[1])
