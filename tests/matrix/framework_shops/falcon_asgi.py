"""Falcon as an ASGI app: docs/frameworks.md's shop, and the added views."""

import asyncio
from pathlib import Path

import falcon
from shop import app, shop

from . import words

__all__ = ["app"]


class Added:
    async def on_get_json(self, req, resp):
        resp.media = words.FACTS

    async def on_get_moved(self, req, resp):
        raise falcon.HTTPFound("/cart")

    async def on_get_sync(self, req, resp):
        resp.content_type = falcon.MEDIA_HTML
        resp.text = await asyncio.to_thread(words.lead)

    async def on_get_async(self, req, resp):
        resp.content_type, resp.text = falcon.MEDIA_HTML, words.contact()

    async def on_get_stream(self, req, resp):
        resp.content_type, resp.stream = falcon.MEDIA_HTML, words.pieces_later()

    async def on_get_broken(self, req, resp):
        words.broken()


for name in ("json", "moved", "sync", "async", "stream", "broken"):
    shop.add_route(f"/{name}", Added(), suffix=name)
shop.add_static_route("/static", Path("static").resolve())
