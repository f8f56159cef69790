"""A sync against the sandbox's catalog, which shares no code with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pixelpair import Settings
from pixelpair.cli import main
from pixelpair.graph.client import appsecret_proof
from pixelpair.sandbox.app import create_app
from pixelpair.sandbox.server import running

from .conftest import TOKEN, product

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def meta() -> Iterator[httpx.Client]:
    """One that refuses calls without the proof that its app makes them, of fifty in one too."""
    proof = {"appsecret_proof": appsecret_proof(SECRET, TOKEN)}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        running(create_app(app_secret=SECRET)) as url,
        httpx.Client(base_url=url, headers=headers, params=proof) as client,
    ):
        yield client


Synced = Callable[..., tuple[int, Any]]


@pytest.fixture
def catalog(meta: httpx.Client) -> str:
    made = meta.post("/v25.0/77/owned_product_catalogs", json={"name": "Shop"})
    return str(made.json()["id"])


@pytest.fixture
def sync(
    meta: httpx.Client, catalog: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Synced:
    lines = tmp_path / "products.jsonl"
    settings = Settings(
        pixel_id="1",
        access_token=TOKEN,
        app_secret=SECRET,
        graph_url=str(meta.base_url),
        spool=tmp_path / "spool",
    )

    def run(products: list[dict[str, Any]], *words: str, source: Path = lines) -> tuple[int, Any]:
        lines.write_text("\n".join(map(json.dumps, products)))
        command = ["catalog", "sync", str(source), "--catalog", catalog, "--json", *words]
        code = main(command, settings=lambda: settings)
        return code, json.loads(capsys.readouterr().out)

    return run


def items(meta: httpx.Client, catalog: str) -> list[tuple[Any, ...]]:
    fields = {"fields": "retailer_id,name", "limit": "100"}
    found = meta.get(f"/v25.0/{catalog}/products", params=fields).json()["data"]
    return sorted((one["retailer_id"], one["name"]) for one in found)


def test_sandbox_ends_as_the_source(meta: httpx.Client, catalog: str, sync: Synced) -> None:
    goods = [product(n) for n in range(20)]
    code, document = sync(goods, "--full")
    assert (code, document["saved"], document["calls"]) == (0, 20, 1)
    assert items(meta, catalog) == sorted((f"p{n}", f"Mug {n}") for n in range(20))
    code, document = sync([product(0, title="Cup"), *goods[1:19]], "--full")
    assert (code, document["saved"], document["deleted"], document["unchanged"]) == (0, 1, 1, 18)
    assert ("p0", "Cup") in items(meta, catalog)
    assert len(items(meta, catalog)) == 19
    stock = [{"id": "p1", "availability": "out of stock"}, {"id": "new", "price": "1.00 EUR"}]
    code, document = sync(stock, "--volatile")
    assert (code, document["saved"], list(document["failed"])) == (1, 1, ["new"])
    assert sync(goods[1:19])[1]["calls"] == 1  # the stock that the source says is there again
    assert sync(goods[1:19])[1]["calls"] == 0


def test_items_that_somebody_else_deleted_are_gone(
    meta: httpx.Client, catalog: str, sync: Synced
) -> None:
    """Meta fails such a deletion; whether an item is there is looked up, for each."""
    goods = [product(n) for n in range(200)]
    assert sync(goods, "--full")[0] == 0
    requests = [{"method": "DELETE", "data": {"id": f"p{n}"}} for n in range(140, 200)]
    body = {"item_type": "PRODUCT_ITEM", "requests": requests}
    assert meta.post(f"/v25.0/{catalog}/items_batch", json=body).json()["handles"]
    code, document = sync(goods[:130], "--full", "--max-delete", "50")
    assert (code, document["deleted"], document["failures"]) == (0, 70, 0)
    assert meta.get(f"/api/catalogs/{catalog}/items").json()["items"] == goods[:130]


XML = """<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item>
<g:id>x1</g:id><g:title>Mug</g:title><g:description>A mug</g:description><g:brand>Potter</g:brand>
<g:availability>in stock</g:availability><g:condition>new</g:condition><g:price>9.99 EUR</g:price>
<g:link>https://shop.example/x1</g:link>
<g:image><g:url>https://shop.example/x1.jpg</g:url><g:tag>front</g:tag></g:image>
</item></channel></rss>"""


def test_one_image_in_xml_is_a_list_of_one(
    meta: httpx.Client, catalog: str, sync: Synced, tmp_path: Path
) -> None:
    """Seen: an object where Meta wants a list, and the item refused."""
    (tmp_path / "products.xml").write_text(XML)
    code, document = sync([], source=tmp_path / "products.xml")
    assert (code, document["saved"], document["failed"]) == (0, 1, {})
    (item,) = meta.get(f"/api/catalogs/{catalog}/items").json()["items"]
    assert item["image"] == [{"url": "https://shop.example/x1.jpg", "tag": ["front"]}]
