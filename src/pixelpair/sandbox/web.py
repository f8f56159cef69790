"""What the sandbox's endpoints share: bounded bodies, and answers that nobody stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY = 8 * 1024 * 1024
FRESH = {"Cache-Control": "no-store"}
# A page of any origin, isolated ones too, may load the pixel and its image.
ANY_ORIGIN = {
    **FRESH,
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class TooLargeError(Exception):
    """The request body exceeds what its endpoint reads."""


async def body_of(request: Request, limit: int = MAX_BODY) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLargeError
        chunks.append(chunk)
    return b"".join(chunks)


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "")


def json_answer(
    value: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(orjson.dumps(value), status, headers or FRESH, "application/json")
