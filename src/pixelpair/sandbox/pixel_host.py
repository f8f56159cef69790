"""The fake pixel host: `/tr` and the configuration that the pixel's script asks for."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

from starlette.responses import Response

from . import beacon, bodies
from .web import ANY_ORIGIN, TooLargeError, body_of, content_type

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.requests import Request

    from .box import Sandbox

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def tr(box: Sandbox) -> Callable[[Request], Awaitable[Response]]:
    async def take_beacon(request: Request) -> Response:
        """An image, whatever it was asked."""
        try:
            pairs = await _pairs(request)
        except (TooLargeError, bodies.BadBodyError):
            return _gif(400)
        found = beacon.read(
            pairs,
            user_agent=request.headers.get("user-agent", ""),
            referer=request.headers.get("referer", ""),
        )
        if found is None:
            return _gif(400)
        key = (found.pixel_id, found.name, found.event_id)
        box.book.record("browser", key, found.half, time.time())
        return _gif(200)

    return take_beacon


async def config(_request: Request) -> Response:
    """An empty script: no account, no automatic events."""
    return Response(b"", 200, ANY_ORIGIN, "text/javascript")


async def _pairs(request: Request) -> Iterable[tuple[str, str]]:
    in_url = bodies.query(request.scope["query_string"].decode("latin-1"))
    if request.method != "POST":
        return in_url
    return [*in_url, *bodies.pairs(content_type(request), await body_of(request))]


def _gif(status: int) -> Response:
    return Response(GIF, status, ANY_ORIGIN, "image/gif")
