"""What people type: each command of `pixelpair catalog` and `tags`, with each of its options.

`$catalog` and the like are made on the sandbox when a run names them.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

from ..conftest import PIXEL
from .conftest import BUSINESS, tea
from .test_nodes import ALL
from .test_parts import CAR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Shop

ACCOUNT = "17841400000000000"
FILM, IMAGE = "https://shop.example/a.mp4", "https://shop.example/a.jpg"


@dataclass(frozen=True)
class Run:
    """A command and its words, the exit code, and the keys of the answer."""

    command: str
    words: str
    code: int = 0
    keys: str = ""

    def typed(self, things: Things) -> list[str]:
        words = (Template(word).substitute(things) for word in shlex.split(self.words))
        return [*self.command.split(), *words]


def settings(*names: str) -> str:
    """Options of create and update, as on a command line."""
    return shlex.join(w for name in names for w in (f"--{name.replace('_', '-')}", ALL[name]))


BOTH = settings(
    *("additional_vertical_option", "da_display_settings", "destination_catalog_settings"),
    *("flight_catalog_settings", "partner_integration", "store_catalog_settings"),
)
SEGMENT = settings(
    *("catalog_segment_filter", "catalog_segment_product_set_id", "business_metadata"),
)
URLS = settings("checkout_country", "checkout_url", "default_image_url")
# What is read is a list; the sandbox takes one in a text too.
URLS += """ --fallback-image-url '["https://shop.example/dynamic.png"]'"""
NODE = (
    "id business fallback_image_url feed_count is_catalog_segment is_local_catalog name"
    " product_count vertical"
)
LINKED = "dry_run before due sent after added removed"
TAGGED = "sent removed tags"
VEHICLES = "added fitting wrong"
POSTED = "container_id status media_id"

RUNS = (
    Run("catalog list", BUSINESS, 0, "catalogs"),
    Run("catalog list", f"{BUSINESS} --shared", 0, "catalogs"),
    Run("catalog show", "$catalog --field creator_user --segment-use-case COLLAB_ADS", 0, NODE),
    Run(
        "catalog show",
        """$catalog --edge products --with 'filter={"retailer_id": {"eq": "ASSAM"}}'""",
        0,
        "edge data",
    ),
    Run(
        "catalog create",
        f"{BUSINESS} --name N --vertical commerce --parent-catalog-id $catalog {BOTH} {SEGMENT}",
        0,
        "id",
    ),
    Run("catalog update", f"$catalog --name Newer {BOTH} {URLS}", 0, "changed"),
    Run("catalog delete", "$catalog --confirm wrong", 1, "deleted"),
    Run("catalog delete", "$catalog --confirm 'Tea shop' --with-live-product-set", 0, "deleted"),
    Run("catalog sets list", "$catalog", 0, "sets"),
    Run(
        "catalog sets create",
        """$catalog --name Green --filter '{"brand": {"eq": "Tea"}}' --retailer-id green"""
        """ --metadata '{"description": "d"}' --ordering-info '[1, 2]'"""
        """ --publish-to-shops '[{"shop_id": "1"}]'""",
        0,
        "id",
    ),
    Run("catalog users add", "$catalog 55 --task MANAGE", 0, "user tasks"),
    Run("catalog users remove", "$catalog $user", 0, "user tasks"),
    Run("catalog sources", "$catalog", 0, "sources"),
    Run("catalog link", "$catalog --dry-run", 0, LINKED),
    Run("catalog link", f"$catalog {PIXEL} 987", 0, LINKED),
    Run("catalog unlink", f"$linked {PIXEL} --dry-run", 0, LINKED),
    Run("catalog unlink", f"$linked {PIXEL}", 0, LINKED),
    Run("catalog vehicles add", "$lot $cars", 0, VEHICLES),
    Run("catalog vehicles add", "$lot $cars --dry-run", 0, VEHICLES),
    Run(
        "catalog diagnostics",
        "$catalog --type EVENT_SOURCE_ISSUES --severity MUST_FIX --channel da"
        " --entity product_catalog --feature checkout",
        0,
        "diagnostics",
    ),
    Run("catalog diagnostics", "$catalog --severity MUST_FIX", 1, "diagnostics"),
    Run("catalog stats", "$catalog --by-device", 1, "problem stats"),
    Run(
        "catalog checks",
        f"{PIXEL} --check pixel_missing_dpa_event --connection SERVER",
        1,
        "pixel checks",
    ),
    Run("tags list", "$medium", 0, "tags"),
    Run("tags add", "$medium $other@0.5,0.8 --kind image --max-tags 5", 0, TAGGED),
    Run("tags move", "$medium $product@0.2,0.3", 0, TAGGED),
    Run("tags remove", "$medium $product", 0, TAGGED),
    Run("tags replace", "$medium $other --kind image --max-tags 1", 0, TAGGED),
    Run("tags search", f"{ACCOUNT} $catalog oolong", 0, "products"),
    Run("tags eligible", ACCOUNT, 0, "eligible catalogs"),
    Run(
        "tags publish",
        f"{ACCOUNT} --image {IMAGE} $product@0.5,0.8 --video {FILM} $other"
        " --caption Tea --max-tags 1",
        0,
        POSTED,
    ),
    Run("tags publish", f"{ACCOUNT} --reel {FILM} $product", 0, POSTED),
)
# Their options are tested where they are made, in tests/catalog.
FILES = (
    Run("catalog sync", "$teas --catalog $catalog --full"),
    Run("catalog sync", "$teas --catalog $catalog --volatile"),
    Run("catalog feed", "$teas --to $feed"),
    Run("catalog match", "$teas", 1),
)


class Things(dict[str, str]):
    """What a run names."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        super().__init__(catalog=shop.catalog)
        self.shop, self.folder = shop, folder

    def __missing__(self, name: str) -> str:
        make: Callable[[], str] = getattr(self, f"_{name}")
        return self.setdefault(name, make())

    def _user(self) -> str:
        self.shop.post(f"{self['catalog']}/assigned_users", user="55", tasks=["MANAGE"])
        return "55"

    def _linked(self) -> str:
        body = {"external_event_sources": [PIXEL, "987"]}
        self.shop.post(f"{self['catalog']}/external_event_sources", **body)
        return self["catalog"]

    def _lot(self) -> str:
        body = {"name": "Cars", "vertical": "vehicles"}
        return str(self.shop.post(f"{BUSINESS}/owned_product_catalogs", **body)["id"])

    def _cars(self) -> str:
        return self._file("cars.jsonl", json.dumps(CAR))

    def _teas(self) -> str:
        return self._file("teas.jsonl", json.dumps(tea("SENCHA")))

    def _feed(self) -> str:
        return str(self.folder / "feed.csv")

    def _file(self, name: str, text: str) -> str:
        file = self.folder / name
        file.write_text(text)
        return str(file)

    def _product(self) -> str:
        return self._products()[0]

    def _other(self) -> str:
        return self._products()[1]

    def _products(self) -> list[str]:
        found = self.shop.get(f"{ACCOUNT}/catalog_product_search", catalog_id=self["catalog"])
        return [str(row["product_id"]) for row in found["data"]]

    def _medium(self) -> str:
        tags = [{"product_id": self["product"], "x": 0.1, "y": 0.1}]
        body = {"image_url": IMAGE, "product_tags": tags}
        container = self.shop.post(f"{ACCOUNT}/media", **body)["id"]
        return str(self.shop.post(f"{ACCOUNT}/media_publish", creation_id=container)["id"])
