"""Pyramid: docs/frameworks.md's shop, and the added views."""

from pathlib import Path

from pyramid.httpexceptions import HTTPFound
from pyramid.response import Response
from shop import app, config

from . import words

__all__ = ["app"]


def facts(request):
    return words.FACTS


def moved(request):
    return HTTPFound("/cart")


def lead(request):
    return Response(words.lead())


def stream(request):
    return Response(app_iter=words.pieces(), content_type="text/html", charset="utf-8")


def tagged(request):
    return Response(words.PAGE, etag="1", conditional_response=True)


def broken(request):
    return Response(words.broken())


with config:
    config.add_static_view("static", str(Path("static").resolve()))
    for name, view in (
        ("json", facts),
        ("moved", moved),
        ("sync", lead),
        ("stream", stream),
        ("tagged", tagged),
        ("broken", broken),
    ):
        config.add_route(name, f"/{name}")
        config.add_view(view, route_name=name, renderer="json" if view is facts else None)
