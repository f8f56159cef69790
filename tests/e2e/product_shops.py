"""A shop whose product pages say what they sell, each in another way; `visits.py` runs it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

from pixelpair.asgi import PixelPairMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

FACTS = {
    "@context": "https://schema.org",
    "@type": "Product",
    "sku": "TEA-1",
    "name": "Sencha",
    "offers": {"@type": "Offer", "price": "19.90", "priceCurrency": "SEK"},
}
JSON_LD = f'<script type="application/ld+json">{json.dumps(FACTS)}</script>'
MICRODATA = """<div itemscope itemtype="https://schema.org/Product"><h2 itemprop="name">Sencha</h2>
<meta itemprop="sku" content="TEA-1"><div itemprop="offers" itemscope
itemtype="https://schema.org/Offer"><meta itemprop="price" content="19.90">
<meta itemprop="priceCurrency" content="SEK"></div></div>"""
HEAD = "<!doctype html><html><head><title>Sencha</title></head><body><h1>Sencha</h1>"
END = "<p>A green tea.</p></body></html>"
PAUSE = 0.3  # seconds that the streamed page takes between its pieces


async def _piece_by_piece() -> AsyncIterator[str]:
    for piece in (HEAD, JSON_LD, END):
        yield piece
        await asyncio.sleep(PAUSE)


async def product(request: Request) -> HTMLResponse | StreamingResponse:
    kind = request.path_params["kind"]
    if kind == "streamed":
        return StreamingResponse(_piece_by_piece(), media_type="text/html")
    headers = {"Cache-Control": "public, max-age=60"} if kind == "kept" else {}
    said = MICRODATA if kind == "microdata" else JSON_LD
    return HTMLResponse(HEAD + said + END, headers=headers)


def starlette_shop() -> Starlette:
    app = Starlette(routes=[Route("/products/{kind}", product)])
    app.add_middleware(PixelPairMiddleware)
    return app
