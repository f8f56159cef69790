"""FastAPI: docs/frameworks.md's shop, and the added views."""

from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from shop import app

from . import words


@app.get("/json")
async def facts() -> dict[str, list[str]]:
    return words.FACTS


@app.get("/moved")
async def moved() -> RedirectResponse:
    return RedirectResponse("/cart", 302)


@app.get("/sync", response_class=HTMLResponse)
def lead() -> str:
    return words.lead()


@app.get("/async", response_class=HTMLResponse)
async def contact() -> str:
    return words.contact()


@app.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(words.pieces_later(), media_type="text/html")


@app.get("/stream-sync")
def stream_sync() -> StreamingResponse:
    return StreamingResponse(words.pieces(), media_type="text/html")


@app.get("/broken", response_class=HTMLResponse)
async def broken() -> str:
    return words.broken()


app.mount("/static", StaticFiles(directory="static"))
