"""A shop whose server is told to stop: an app with a lifespan, which the plain site has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pixelpair.asgi import PixelPairMiddleware
from tests.doors.site import DOCUMENT

if TYPE_CHECKING:
    from starlette.requests import Request


async def front(_request: Request) -> HTMLResponse:
    return HTMLResponse(DOCUMENT)


app = Starlette(routes=[Route("/", front)])
app.add_middleware(PixelPairMiddleware)
