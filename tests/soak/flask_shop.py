"""The soak's shop on WSGI: `tests.soak.flask_shop:app`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify, redirect, request, send_from_directory

import pixelpair
from pixelpair.flask import PixelPair
from tests.soak import site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Response as Answer

app = Flask(__name__, static_folder=None)


@app.get("/products/<sku>")
def product(sku: str) -> str:
    return site.product_page(sku)


@app.get("/kept/<sku>")
def kept(sku: str) -> Response:
    return Response(site.product_page(sku), headers=site.KEPT)


@app.get("/search")
@app.get("/cart")
@app.get("/checkout")
def plain() -> str:
    return site.page(request.path)


@app.get("/stream")
def stream() -> Response:
    def body() -> Iterator[str]:
        for piece in site.pieces(8):
            yield piece
            time.sleep(0.02)

    return Response(body(), mimetype="text/html")


@app.get("/orders/<order_id>/complete")
def complete(order_id: str) -> str:
    site.bought()
    return site.page(f"Order {order_id}")


@app.get("/api/stock")
def stock() -> Response:
    return jsonify(left=12)


@app.get("/static/<path:name>")
def file(name: str) -> Response:
    return send_from_directory(site.HERE, name)


@app.post("/cart/add")
def add() -> Answer:
    request.form.get("sku")
    return redirect("/cart", 303)


@app.post("/api/cart")
def add_by_script() -> Response:
    return jsonify(request.get_json())


@app.post("/orders")
def order() -> Answer:
    site.joined(request.form["email"])
    return redirect(f"/orders/{request.form['order']}/complete", 303)


@app.post("/register")
def register() -> Answer:
    site.joined(request.form["email"])
    return redirect("/cart", 303)


@app.post("/consent/<choice>")
def consent(choice: str) -> Answer:
    pixelpair.consent(choice == "yes")
    return redirect("/cart", 303)


PixelPair(app)
