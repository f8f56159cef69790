"""Starlette's and FastAPI's shops, as mypy reads them."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from pixelpair import Settings
from pixelpair.asgi import PixelPairMiddleware

Message = MutableMapping[str, Any]

settings = Settings(pixel_id="1234567890", access_token="sandbox-token")

api = FastAPI()
api.add_middleware(PixelPairMiddleware)
api.add_middleware(PixelPairMiddleware, settings=settings)

shop = Starlette(middleware=[Middleware(PixelPairMiddleware)])
shop.add_middleware(PixelPairMiddleware, settings)


async def bare(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    await send({"type": "http.response.start", "status": 204})


wrapped = PixelPairMiddleware(bare)
wrapped = PixelPairMiddleware(wrapped, settings)

api.add_middleware(PixelPairMiddleware, settings="1234567890")  # type: ignore[arg-type]
api.add_middleware(PixelPairMiddleware, pixel_id="1234567890")  # type: ignore[call-arg]
PixelPairMiddleware("shop:app")  # type: ignore[arg-type]
PixelPairMiddleware(bare, None, None)  # type: ignore[call-arg]
