"""The soak's shop on ASGI: `tests.soak.starlette_shop:app`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import pixelpair
from pixelpair.asgi import PixelPairMiddleware
from tests.soak import site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request


async def product(request: Request) -> Response:
    return HTMLResponse(site.product_page(request.path_params["sku"]))


async def kept(request: Request) -> Response:
    return HTMLResponse(site.product_page(request.path_params["sku"]), headers=site.KEPT)


async def plain(request: Request) -> Response:
    return HTMLResponse(site.page(request.url.path))


async def stream(_request: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        for piece in site.pieces(8):
            yield piece
            await asyncio.sleep(0.02)

    return StreamingResponse(body(), media_type="text/html")


async def complete(request: Request) -> Response:
    site.bought()
    return HTMLResponse(site.page(f"Order {request.path_params['order_id']}"))


async def stock(_request: Request) -> Response:
    return JSONResponse({"left": 12})


async def add(request: Request) -> Response:
    async with request.form(max_part_size=4_000_000) as form:
        form.get("sku")
    return RedirectResponse("/cart", 303)


async def add_by_script(request: Request) -> Response:
    return JSONResponse(await request.json())


async def order(request: Request) -> Response:
    async with request.form() as form:
        site.joined(str(form["email"]))
        return RedirectResponse(f"/orders/{form['order']}/complete", 303)


async def register(request: Request) -> Response:
    async with request.form() as form:
        site.joined(str(form["email"]))
    return RedirectResponse("/cart", 303)


async def consent(request: Request) -> Response:
    pixelpair.consent(request.path_params["choice"] == "yes")
    return RedirectResponse("/cart", 303)


app = Starlette(
    routes=[
        Route("/products/{sku}", product),
        Route("/kept/{sku}", kept),
        *(Route(path, plain) for path in ("/search", "/cart", "/checkout")),
        Route("/stream", stream),
        Route("/orders/{order_id}/complete", complete),
        Route("/api/stock", stock),
        Route("/cart/add", add, methods=["POST"]),
        Route("/api/cart", add_by_script, methods=["POST"]),
        Route("/orders", order, methods=["POST"]),
        Route("/register", register, methods=["POST"]),
        Route("/consent/{choice}", consent, methods=["POST"]),
        Mount("/static", StaticFiles(directory=site.HERE)),
    ],
    middleware=[Middleware(PixelPairMiddleware)],
)
