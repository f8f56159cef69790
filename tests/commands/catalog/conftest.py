"""The sandbox with one catalog of three teas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pixelpair.sandbox.server import running

from ...conftest import until
from ..conftest import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSINESS = "1234567"
TEAS = ("SENCHA", "OOLONG", "ASSAM")


class Shop:
    """The sandbox as a client of nobody's code sees it."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.catalog = self.post(f"{BUSINESS}/owned_product_catalogs", name="Tea shop")["id"]
        data = [tea(name) for name in TEAS]
        requests = [{"method": "CREATE", "data": one} for one in data]
        body = {"item_type": "PRODUCT_ITEM", "requests": requests}
        self.handle = self.post(f"{self.catalog}/items_batch", **body)["handles"][0]
        assert until(self._is_filled)

    def _is_filled(self) -> bool:
        told = self.get(f"{self.catalog}/check_batch_request_status", handle=self.handle)
        return bool(told["data"][0]["status"] == "finished")

    def post(self, path: str, **body: Any) -> Any:
        answer = self.http.post(f"/v26.0/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str, **params: str) -> Any:
        answer = self.http.get(f"/v26.0/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


def tea(name: str) -> dict[str, str]:
    return {
        "id": name,
        "title": f"{name.title()} tea",
        "description": "Leaves",
        "availability": "in stock",
        "condition": "new",
        "price": "9.90 EUR",
        "link": f"https://shop.example/{name}",
        "image_link": f"https://shop.example/{name}.jpg",
        "brand": "Tea",
    }


@pytest.fixture(autouse=True)
def no_roots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each command's client would load the world's certificates, 40 ms, for plain HTTP here."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def shop(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("PIXELPAIR_GRAPH_URL", sandbox_url)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=sandbox_url, headers=headers) as http:
        http.delete("/api/events").raise_for_status()
        http.delete("/api/catalogs").raise_for_status()
        yield Shop(http)
