"""Litestar: docs/frameworks.md's shop, and the added views."""

from litestar import MediaType, get
from litestar.response import Redirect, Stream
from litestar.static_files import create_static_files_router
from shop import app

from . import words


@get("/json")
async def facts() -> dict[str, list[str]]:
    return words.FACTS


@get("/moved")
async def moved() -> Redirect:
    return Redirect("/cart")


@get("/sync", media_type=MediaType.HTML, sync_to_thread=True)
def lead() -> str:
    return words.lead()


@get("/async", media_type=MediaType.HTML)
async def contact() -> str:
    return words.contact()


@get("/stream")
async def stream() -> Stream:
    return Stream(words.pieces_later(), media_type=MediaType.HTML)


@get("/stream-sync")
async def stream_sync() -> Stream:
    return Stream(words.pieces(), media_type=MediaType.HTML)


@get("/broken", media_type=MediaType.HTML)
async def broken() -> str:
    return words.broken()


STATIC = create_static_files_router("/static", ["static"])
for handler in (facts, moved, lead, contact, stream, stream_sync, broken, STATIC):
    app.app.register(handler)
