"""Quart: docs/frameworks.md's shop, and the added views."""

from quart import Response, redirect, request
from shop import app

from . import words


@app.get("/json")
async def facts():
    return words.FACTS


@app.get("/moved")
async def moved():
    return redirect("/cart")


@app.get("/sync")
def lead():
    return words.lead()


@app.get("/async")
async def contact():
    return words.contact()


@app.get("/stream")
async def stream():
    return Response(words.pieces_later())


@app.get("/stream-sync")
async def stream_sync():
    """Quart iterates a sync stream in threads."""
    return Response(words.pieces())


@app.get("/tagged")
async def tagged():
    response = Response(words.PAGE)
    await response.add_etag()
    return await response.make_conditional(request)


@app.get("/broken")
async def broken():
    return words.broken()
