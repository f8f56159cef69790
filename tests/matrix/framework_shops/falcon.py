"""Falcon as a WSGI app: docs/frameworks.md's shop, and the added views."""

from pathlib import Path

import falcon
from shop import app, shop

from . import words

__all__ = ["app"]


class Added:
    def on_get_json(self, req, resp):
        resp.media = words.FACTS

    def on_get_moved(self, req, resp):
        raise falcon.HTTPFound("/cart")

    def on_get_sync(self, req, resp):
        resp.content_type, resp.text = falcon.MEDIA_HTML, words.lead()

    def on_get_stream(self, req, resp):
        resp.content_type, resp.stream = falcon.MEDIA_HTML, words.pieces()

    def on_get_broken(self, req, resp):
        words.broken()


for name in ("json", "moved", "sync", "stream", "broken"):
    shop.add_route(f"/{name}", Added(), suffix=name)
shop.add_static_route("/static", Path("static").resolve())
