"""Bottle: docs/frameworks.md's shop, and the added views."""

from bottle import redirect, static_file
from shop import app, shop

from . import words

__all__ = ["app"]


@shop.get("/json")
def facts():
    return words.FACTS


@shop.get("/moved")
def moved():
    redirect("/cart", 302)


@shop.get("/sync")
def lead():
    return words.lead()


@shop.get("/stream")
def stream():
    return words.pieces()


@shop.get("/broken")
def broken():
    return words.broken()


@shop.get("/static/<name>")
def static(name):
    return static_file(name, root="static")
