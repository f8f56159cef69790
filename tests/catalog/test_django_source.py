"""A real Django's models, by dotted path: read in pieces, by properties of Meta's names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ..conftest import ROOT
from .conftest import TOKEN
from .shelf import CATALOG, Shelf, served

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = 5000  # more than are fetched at once
MODELS = """
from django.db import models

class Product(models.Model):
    title = models.CharField(max_length=100)
    cents = models.IntegerField()
    on_sale = models.BooleanField(default=True)
    brand, condition, description, availability = "Kiln", "new", "Holds tea.", "in stock"

    class Meta:
        app_label = "shop"

    @property
    def price(self):
        return f"{self.cents / 100:.2f} EUR"

    @property
    def link(self):
        return f"https://shop.example/p/{self.id}"

    image_link = link
"""
FEEDS = """
from shop.models import Product

products = Product.objects.filter(on_sale=True)
manager = Product.objects

def newest():
    return products.order_by("-id")[:1]
"""
MANAGE = """
import sys
import django
from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    SECRET_KEY="s" * 50,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}},
    INSTALLED_APPS=["shop", "pixelpair.django"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    PIXELPAIR={"pixel_id": "1", "access_token": sys.argv[1], "graph_url": sys.argv[2]},
)
django.setup()
if sys.argv[3] == "fill":
    from django.db import connection
    from shop.models import Product
    with connection.schema_editor() as editor:
        editor.create_model(Product)
    Product.objects.bulk_create(
        Product(title=f"Mug {n}", cents=999, on_sale=n > 0) for n in range(int(sys.argv[4]) + 1)
    )
else:
    execute_from_command_line([sys.argv[0], *sys.argv[3:]])
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("django")
    (folder / "shop").mkdir()
    for name, text in {
        "shop/__init__.py": "",
        "shop/models.py": MODELS,
        "shop/feeds.py": FEEDS,
        "manage.py": MANAGE,
    }.items():
        (folder / name).write_text(text)
    manage(folder, "", "fill", str(ITEMS))
    return folder


def manage(folder: Path, url: str, *words: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PIXELPAIR_SPOOL": str(folder / "s")}
    command = [sys.executable, "manage.py", TOKEN, url, *words]
    ran = subprocess.run(command, cwd=folder, env=environ, stdout=subprocess.PIPE, check=False)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout.decode()


def test_queryset_manager_and_function_are_sources(shop: Path) -> None:
    shelf = Shelf()
    with served(shelf) as url:

        def sync(path: str, *words: str) -> tuple[int, int]:
            line = ["pixelpair", "catalog", "sync", path, "--catalog", CATALOG, "--json", *words]
            document = json.loads(manage(shop, url, *line))
            return document["saved"], document["unchanged"]

        assert sync("shop.feeds.products", "--full") == (ITEMS, 0)
        assert sync("shop.feeds.manager") == (1, ITEMS)
        assert sync("shop.feeds.newest", "--volatile") == (0, 1)
    assert len(shelf.items) == ITEMS + 1
    assert shelf.items["2"] == {
        "id": "2",
        "title": "Mug 1",
        "description": "Holds tea.",
        "availability": "in stock",
        "condition": "new",
        "price": "9.99 EUR",
        "link": "https://shop.example/p/2",
        "brand": "Kiln",
        "image_link": "https://shop.example/p/2",
    }
