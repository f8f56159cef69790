"""The sandbox's own API of catalogs: what its page shows, and what tests look into."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from .catalog_matches import matches
from .items import REVIEWS
from .web import FRESH, TooLargeError, body_of, json_answer

if TYPE_CHECKING:
    from starlette.requests import Request

    from .box import Sandbox
    from .catalogs import Catalog

_NONE = {"problem": "no such catalog"}


class CatalogApi:
    """The endpoints under `/api/catalogs`."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    async def catalogs(self, request: Request) -> Response:
        world = self._box.catalogs
        if request.method == "DELETE":
            world.clear()
            self._box.book.revision += 1
            return Response(status_code=204)
        world.settle(time.time())
        return json_answer({"catalogs": [_row(catalog) for catalog in world]})

    async def matches(self, request: Request) -> Response:
        """Which of the products that visitors looked at are in this catalog."""
        catalog = self._catalog(request)
        if catalog is None:
            return json_answer(_NONE, status=404)
        return json_answer(matches(self._box.catalogs, catalog, time.time()))

    async def items(self, request: Request) -> Response:
        """All items as they were sent, oldest first."""
        catalog = self._catalog(request)
        if catalog is None:
            return json_answer(_NONE, status=404)
        told = b'{"items":[' + b",".join(item.data for item in catalog.items) + b"]}"
        return Response(told, 200, FRESH, "application/json")

    async def review(self, request: Request) -> Response:
        """`{"id": …, "status": …}`: let Meta's review of an item have come out so."""
        catalog = self._catalog(request)
        try:
            given = orjson.loads(await body_of(request))
        except (TooLargeError, ValueError):
            given = None
        known = given if isinstance(given, dict) else {}
        item = catalog.items.get(str(known.get("id"))) if catalog else None
        if item is None:
            return json_answer({"problem": "no such item"}, status=404)
        if known.get("status") not in REVIEWS:
            told = ", ".join(word or '""' for word in REVIEWS)
            return json_answer({"problem": f"status must be one of {told}"}, status=400)
        item.review = known["status"]
        return Response(status_code=204)

    def _catalog(self, request: Request) -> Catalog | None:
        self._box.catalogs.settle(time.time())
        return self._box.catalogs.get(request.path_params["catalog"])


def _row(catalog: Catalog) -> dict[str, Any]:
    return {
        "id": catalog.id,
        "name": catalog.name,
        "business": catalog.business,
        "vertical": catalog.settings["vertical"],
        "items": len(catalog.items),
        "batches": catalog.jobs.calls,
        "open": catalog.jobs.open,
        "sources": list(catalog.sources),
    }
