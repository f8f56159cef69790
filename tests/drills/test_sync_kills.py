"""A sync killed at random, again and again, ends with the catalog as the source has it.

The catalog is the sandbox's, in a process of its own: a judge that shares no code with the sync.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.catalog.conftest import TOKEN, product
from tests.conftest import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Sandbox

pytestmark = pytest.mark.drill

# Each generation has other prices, and 200 products less, which the next full sync takes away.
ITEMS, FEWER, KILLS = 20_000, 200, 10
MODES = ("--full", "--full", "--delta", "--volatile")


class Shop:
    """A source, a spool, and a catalog at the sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.source, self.folder = folder / "products.csv", folder
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self._http = httpx.Client(base_url=sandbox.url, headers=headers, timeout=30)
        made = self._http.post("/v26.0/77/owned_product_catalogs", json={"name": "Shop"})
        self.catalog = made.json()["id"]
        self.environ = {
            **os.environ,
            **sandbox.environ(folder / "spool"),
            "PIXELPAIR_ACCESS_TOKEN": TOKEN,
        }

    def write(self, generation: int) -> dict[str, dict[str, Any]]:
        """The source, and the items that the catalog then should have."""
        numbers = range(generation * FEWER, ITEMS)
        products = [product(n, price=f"{n % 50 + generation + 1}.00 EUR") for n in numbers]
        with self.source.open("w", newline="") as file:
            rows = csv.DictWriter(file, list(products[0]))
            rows.writeheader()
            rows.writerows(products)
        return {one["id"]: one for one in products}

    def begin(self, mode: str) -> subprocess.Popen[bytes]:
        words = ["catalog", "sync", str(self.source), "--catalog", self.catalog, mode, "--json"]
        command = [sys.executable, "-m", "pixelpair", *words, "--max-delete", "50"]
        return subprocess.Popen(command, env=self.environ, stdout=subprocess.PIPE)

    def ended(self, mode: str) -> tuple[int, dict[str, Any]]:
        process = self.begin(mode)
        document = json.loads(process.communicate()[0])
        return process.returncode, document

    def items(self) -> dict[str, dict[str, Any]]:
        """Those that the catalog has. Of what a killed run may have sent nobody knows whether it
        had a sale: an empty one, which ends it, travels along."""
        found = self._http.get(f"/api/catalogs/{self.catalog}/items").json()["items"]
        for item in found:
            assert item.pop("sale_price", "") == ""
        return {item["id"]: item for item in found}

    def row(self) -> dict[str, Any]:
        rows = self._http.get("/api/catalogs").json()["catalogs"]
        return next(row for row in rows if row["id"] == self.catalog)

    def close(self) -> None:
        self._http.close()

    def at_work(self) -> bool:
        """Whether a batch was taken in and is not done yet."""
        return bool(self.row()["open"])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with running_sandbox() as sandbox, closing(Shop(sandbox, tmp_path)) as shop:
        yield shop


def kill_somewhere(shop: Shop, mode: str, rng: random.Random) -> bool:
    """Whether the run could be killed before it was over: half of them amid a batch, so that its
    answer is lost, or its handle is."""
    process = shop.begin(mode)
    end, in_batch = time.monotonic() + rng.uniform(0.6, 2.5), rng.random() < 0.5
    while process.poll() is None and time.monotonic() < end:
        if in_batch and shop.at_work():
            break
        time.sleep(0.005 if in_batch else 0.05)
    killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return killed


def test_killed_ten_times_ends_as_the_source(shop: Shop) -> None:
    rng, kills, expected = random.Random(8), 0, dict[str, Any]()
    for generation in range(4 * KILLS):
        expected = shop.write(generation)
        kills += kill_somewhere(shop, MODES[generation % len(MODES)], rng)
        if kills == KILLS:
            break
    assert kills == KILLS
    code, document = shop.ended("--full")
    assert (code, document["complete"], document["left"]) == (0, True, None)
    assert shop.items() == expected
    batches = shop.row()["batches"]
    code, document = shop.ended("--full")
    assert (code, document["calls"], shop.row()["batches"]) == (0, 0, batches)
