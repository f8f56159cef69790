"""The demo's catalog, made and linked in a real sandbox: all goods of the shop but one."""

from __future__ import annotations

import csv
import importlib.util
import os
from typing import TYPE_CHECKING, Any

import httpx

from pixelpair.sandbox.server import running

from .conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ROOT / "examples"
PIXEL = "1234567890"
MISSING = "TEA-GENMAICHA-100"


def loaded(name: str, file: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environ(url: str, spool: Path) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("PIXELPAIR_")}
    return own | {
        "PIXELPAIR_PIXEL_ID": PIXEL,
        "PIXELPAIR_ACCESS_TOKEN": "sandbox-token",
        "PIXELPAIR_GRAPH_URL": url,
        "PIXELPAIR_SPOOL": str(spool),
    }


def goods() -> dict[str, str]:
    with (EXAMPLES / "goods.csv").open(newline="") as file:
        return {row["id"]: row["price"] for row in csv.DictReader(file)}


def test_the_file_has_all_goods_of_the_shop_but_one() -> None:
    source = (EXAMPLES / "flask_app" / "goods.py").read_text()
    sold = {line.split('"')[1] for line in source.splitlines() if line.startswith('    Good("')}
    assert goods().keys() == sold - {MISSING}


def test_the_demo_makes_fills_and_links_a_catalog(tmp_path: Path) -> None:
    with running() as url:
        assert loaded("demo_catalog", "catalog.py").fill(environ(url, tmp_path / "spool"))
        (made,) = httpx.get(f"{url}/api/catalogs").json()["catalogs"]
    assert (made["name"], made["items"], made["sources"]) == ("Bryggan Tea", len(goods()), [PIXEL])


def test_without_a_sandbox_the_demo_goes_on(tmp_path: Path) -> None:
    away = environ("http://127.0.0.1:9", tmp_path / "spool")
    assert loaded("demo_catalog", "catalog.py").fill(away) is False
