"""Flask: docs/frameworks.md's shop, and the added views."""

from flask import Response, redirect, request
from shop import app

from . import words


@app.get("/json")
def facts():
    return words.FACTS


@app.get("/moved")
def moved():
    return redirect("/cart")


@app.get("/sync")
def lead():
    return words.lead()


@app.get("/async")
async def contact():
    return words.contact()


@app.get("/stream")
def stream():
    return Response(words.pieces())


@app.get("/tagged")
def tagged():
    response = Response(words.PAGE)
    response.add_etag()
    return response.make_conditional(request)


@app.get("/broken")
def broken():
    return words.broken()
