"""Starlette: docs/frameworks.md's shop, and the added views."""

from shop import app
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from . import words


async def facts(request):
    return JSONResponse(words.FACTS)


async def moved(request):
    return RedirectResponse("/cart", 302)


def lead(request):
    return HTMLResponse(words.lead())


async def contact(request):
    return HTMLResponse(words.contact())


async def stream(request):
    return StreamingResponse(words.pieces_later(), media_type="text/html")


async def stream_sync(request):
    """Starlette iterates a sync stream in threads."""
    return StreamingResponse(words.pieces(), media_type="text/html")


async def broken(request):
    return HTMLResponse(words.broken())


app.routes.extend(
    [
        Route("/json", facts),
        Route("/moved", moved),
        Route("/sync", lead),
        Route("/async", contact),
        Route("/stream", stream),
        Route("/stream-sync", stream_sync),
        Route("/broken", broken),
        Mount("/static", StaticFiles(directory="static")),
    ]
)
