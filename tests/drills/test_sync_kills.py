"""A sync killed at random, again and again, ends with the catalog as the source has it."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.catalog.conftest import TOKEN, product
from tests.catalog.shelf import CATALOG, Shelf, served

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.drill

ITEMS, KILLS = 20_000, 10


def begin(source: Path, url: str, spool: Path) -> subprocess.Popen[bytes]:
    words = ["catalog", "sync", str(source), "--catalog", CATALOG, "--full", "--json"]
    environ = {
        **os.environ,
        "PIXELPAIR_PIXEL_ID": "1",
        "PIXELPAIR_ACCESS_TOKEN": TOKEN,
        "PIXELPAIR_GRAPH_URL": url,
        "PIXELPAIR_SPOOL": str(spool),
    }
    command = [sys.executable, "-m", "pixelpair", *words]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE)


def write(source: Path, generation: int) -> dict[str, dict[str, str]]:
    products = [
        product(n, price=f"{n % 50 + generation + 1}.00 EUR") for n in range(generation, ITEMS)
    ]
    with source.open("w", newline="") as file:
        rows = csv.DictWriter(file, list(products[0]))
        rows.writeheader()
        rows.writerows(products)
    return {one["id"]: one for one in products}


def test_killed_ten_times_ends_as_the_source(tmp_path: Path) -> None:
    source, spool, shelf = tmp_path / "products.csv", tmp_path / "spool", Shelf(polls=1)
    shelf.keep_bodies = False
    rng, kills = random.Random(8), 0
    with served(shelf, before=lambda method: time.sleep(0.05 if method == "POST" else 0.0)) as url:
        for generation in range(4 * KILLS):
            expected = write(source, generation)
            process = begin(source, url, spool)
            try:
                process.wait(rng.uniform(0.3, 3.0))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.communicate()
            if kills == KILLS:
                break
        assert kills == KILLS
        ended = begin(source, url, spool)
        document = json.loads(ended.communicate()[0])
        assert (ended.returncode, document["complete"]) == (0, True)
        # Of items that a killed run may have sent nobody knows whether they had a sale: an empty
        # one, which ends it, travels with them.
        for item in shelf.items.values():
            assert item.pop("sale_price", "") == ""
        assert shelf.items == expected
        posts = shelf.posts
        again = begin(source, url, spool)
        assert json.loads(again.communicate()[0])["calls"] == 0
        assert (again.returncode, shelf.posts) == (0, posts)
