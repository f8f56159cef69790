"""A shop's goods in a sandbox's catalog, and the calls that put them there."""

from __future__ import annotations

import json
import time
from typing import Any

from pixelpair.sandbox.asks import Ask
from pixelpair.sandbox.catalogs import Catalogs

BEARER = {"Authorization": "Bearer t"}
PIXEL = "1234567890"


def product(one: str = "SKU-1", **changes: Any) -> dict[str, Any]:
    """A sound item; a change to None takes a field away."""
    sound = {
        "id": one,
        "title": f"Product {one}",
        "description": "A green one.",
        "availability": "in stock",
        "condition": "new",
        "price": "19.90 EUR",
        "link": f"https://shop.example/p/{one}",
        "image_link": f"https://shop.example/i/{one}.jpg",
        "brand": "Acme",
        "gtin": "4006381333931",
    }
    return {key: value for key, value in {**sound, **changes}.items() if value is not None}


def update(*goods: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"method": "UPDATE", "data": one} for one in goods]


class World:
    """Catalogs without a web, and a clock that is turned by hand."""

    def __init__(self, entries: Any = tuple) -> None:
        handles = iter(f"handle-{n}" for n in range(1, 1000))
        self.catalogs = Catalogs(lambda: next(handles), entries)
        self.now = 1_800_000_000.0

    def ask(self, method: str, node: str, edge: str = "", **given: Any) -> Ask:
        return Ask(method, node, edge, given, self.now, "t", f"https://graph/v26.0/{node}/{edge}")

    def call(self, method: str, node: str, edge: str = "", **given: Any) -> dict[str, Any]:
        from pixelpair.sandbox.catalog_edges import answer

        return answer(self.catalogs, self.ask(method, node, edge, **given))

    def catalog(self, *goods: dict[str, Any], name: str = "Shop") -> str:
        made = self.call("POST", "1", "owned_product_catalogs", name=name)["id"]
        if goods:
            self.send(made, update(*goods))
        return made

    def send(self, catalog: str, requests: list[Any], **given: Any) -> dict[str, Any]:
        """One batch, and time enough for it."""
        given = {"item_type": "PRODUCT_ITEM", "requests": requests, **given}
        told = self.call("POST", catalog, "items_batch", **given)
        self.now += 10
        self.catalogs.settle(self.now)
        return told

    def items(self, catalog: str) -> list[dict[str, Any]]:
        return [item.read() for item in self.catalogs.at(catalog).items]

    def number(self, catalog: str, one: str) -> str:
        item = self.catalogs.at(catalog).items.get(one)
        assert item is not None
        return str(item.number)


class Web:
    """The same over HTTP."""

    def __init__(self, sandbox: Any) -> None:
        self.client = sandbox.client

    def call(self, method: str, path: str, **given: Any) -> Any:
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
        body = {"json": given} if method == "POST" else {"params": texts}
        return self.client.request(method, f"/v26.0/{path}", headers=BEARER, **body)

    def catalog(self, *goods: dict[str, Any], link: str = "") -> str:
        made = self.call("POST", "1/owned_product_catalogs", name="Shop").json()["id"]
        if goods:
            self.send(made, update(*goods))
        if link:
            self.call("POST", f"{made}/external_event_sources", external_event_sources=[link])
        return made

    def send(self, catalog: str, requests: list[Any]) -> dict[str, Any]:
        """One batch, waited for: its status."""
        path = f"{catalog}/items_batch"
        told = self.call("POST", path, item_type="PRODUCT_ITEM", requests=requests).json()
        return self.ended(catalog, told["handles"][0])

    def ended(self, catalog: str, handle: str) -> dict[str, Any]:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            path = f"{catalog}/check_batch_request_status"
            [row] = self.call("GET", path, handle=handle).json()["data"]
            if row["status"] in ("finished", "error", "canceled"):
                return row
        raise AssertionError("the batch never ended")
