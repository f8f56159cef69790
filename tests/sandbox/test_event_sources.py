from __future__ import annotations

import pytest

from pixelpair.sandbox.book import Book
from pixelpair.sandbox.catalog_matches import matches
from pixelpair.sandbox.event_matches import device
from pixelpair.sandbox.refusals import RefusedError

from .goods import PIXEL, World, product

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148"


class Shop(World):
    """A world whose pixel is linked to a catalog, and what visitors do there."""

    def __init__(self, *goods) -> None:
        self.book = Book()
        super().__init__(self.book.entries)
        self.main = self.catalog(*goods)
        self.call("POST", self.main, "external_event_sources", external_event_sources=[PIXEL])
        self.count = 0

    def happens(self, name: str, ids, *channels: str, ago: float = 0, **custom) -> None:
        self.count += 1
        for channel in channels or ("server",):
            half = {"custom_data": {"content_ids": ids, **custom}, "user_agent": IPHONE}
            if channel == "server":
                half["event_time"] = int(self.now - ago)
            self.book.record(channel, (PIXEL, name, str(self.count)), half, self.now - ago)

    def stats(self, **given) -> list[dict]:
        return self.call("GET", self.main, "event_stats", **given)["data"]

    def seen(self) -> list[tuple]:
        told = matches(self.catalogs, self.catalogs.at(self.main), self.now)
        return [(row["id"], row["match"], row["why"]) for row in told["products"]]


# --- links -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"external_event_sources": [PIXEL, 99]},
        {"external_event_sources": f'["{PIXEL}", "99"]'},
        {"external_event_sources[0]": PIXEL, "external_event_sources[1]": "99"},
        {"0": PIXEL, "1": "99"},
    ],
)
def test_every_documented_spelling_links_and_unlinks(given):
    world = World()
    catalog = world.catalog()
    world.call("POST", catalog, "external_event_sources", **given)
    told = world.call("GET", catalog, "external_event_sources", summary="total_count")
    assert [row["id"] for row in told["data"]] == [PIXEL, "99"]
    assert told["summary"] == {"total_count": 2}
    world.call("DELETE", catalog, "external_event_sources", **given)
    assert world.call("GET", catalog, "external_event_sources") == {"data": []}


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("POST", {}),
        ("POST", {"external_event_sources": ["shop"]}),
        ("POST", {"external_event_sources": [[1]]}),
        ("DELETE", {"external_event_sources": ["5"]}),
    ],
)
def test_what_is_no_source_is_refused(method, given):
    world = World()
    with pytest.raises(RefusedError):
        world.call(method, world.catalog(), "external_event_sources", **given)


# --- stats -------------------------------------------------------------------------------------


def test_stats_count_what_was_received():
    shop = Shop(product("a"), product("b", item_group_id="g"))
    shop.catalog(product("z"), name="Other")
    shop.happens("ViewContent", ["a", "a", "b", "z", "nix"], "browser", "server")
    shop.happens("ViewContent", ["g"], content_type="product_group")
    shop.happens("ViewContent", ["g"], content_type="product")
    shop.happens("PageView", ["a"])
    shop.happens("Purchase", ["a"], ago=29 * 86_400)
    shop.happens("Purchase", ["a"], product_catalog_id="5")
    assert shop.stats() == [
        {
            "date_start": "2027-01-15",
            "date_stop": "2027-01-15",
            "event": "ViewContent",
            "event_source": {"id": PIXEL, "name": f"Pixel {PIXEL}", "source_type": "PIXEL"},
            "total_matched_content_ids": 4,
            "total_unmatched_content_ids": 2,
            "total_content_ids_matched_other_catalogs": 1,
            "unique_matched_content_ids": 3,
            "unique_unmatched_content_ids": 2,
            "unique_content_ids_matched_other_catalogs": 1,
        }
    ]


def test_stats_have_a_row_for_each_day_and_device():
    shop = Shop(product("a"))
    shop.happens("ViewContent", ["a"])
    shop.happens("ViewContent", ["a"], ago=86_400)
    fields = "date_start,device_type"
    assert shop.stats(breakdowns='["device_type"]', fields=fields) == [
        {"date_start": "2027-01-14", "device_type": "mobile_iphone"},
        {"date_start": "2027-01-15", "device_type": "mobile_iphone"},
    ]


def test_a_pixel_that_is_not_linked_counts_nothing():
    shop = Shop(product("a"))
    shop.happens("ViewContent", ["a"])
    shop.call("DELETE", shop.main, "external_event_sources", external_event_sources=[PIXEL])
    assert shop.stats() == []


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (IPHONE, "mobile_iphone"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Mobile Safari", "mobile_android_phone"),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) Safari", "mobile_android_tablet"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "desktop"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0)", "mobile_ipad"),
        ("", "unknown"),
    ],
)
def test_devices_are_read_from_the_user_agent(agent, expected):
    assert device(agent) == expected


# --- why a product does not match --------------------------------------------------------------


def test_each_cause_is_told():
    shop = Shop(product("SKU-1"), product("v", item_group_id="g"), product("old"))
    shop.send(shop.main, [{"method": "DELETE", "data": {"id": "old"}}])
    shop.catalog(product("z"), name="Other")
    for one, kind in (
        ("SKU-1", ""),
        ("sku1", ""),
        ("g", "product"),
        ("v", "product_group"),
        ("old", ""),
        ("z", ""),
        ("?", ""),
    ):
        shop.happens("ViewContent", [one], content_type=kind)
    assert sorted(shop.seen()) == [
        ("?", "unmatched", "The catalog has nothing like it"),
        ("SKU-1", "matched", ""),
        ("g", "unmatched", "It is a group of variants; the event says content_type product"),
        ("old", "unmatched", "It was deleted from this catalog"),
        ("sku1", "unmatched", "The catalog calls it SKU-1"),
        ("v", "unmatched", "It is an item; the event says content_type product_group"),
        ("z", "elsewhere", "The catalog Other has it"),
    ]


# --- diagnostics and checks --------------------------------------------------------------------


def kinds(shop: World, catalog: str, **given) -> list[str]:
    groups = shop.call("GET", catalog, "diagnostics", **given)["data"]
    return [inner["type"] for group in groups for inner in group["diagnostics"]]


def test_diagnoses_of_events():
    shop = Shop(product("a"), product("old"))
    shop.send(shop.main, [{"method": "DELETE", "data": {"id": "old"}}])
    for ids in (["a"], ["nix"], ["old"], []):
        shop.happens("ViewContent", ids)
    assert kinds(shop, shop.main) == [
        "INVALID_CONTENT_ID",
        "DELETED_ITEM",
        "NO_CONTENT_ID",
        "MISSING_EVENT",
    ]
    shop.happens("Purchase", ["a"])
    assert "MISSING_EVENT" not in kinds(shop, shop.main)
    assert kinds(shop, shop.catalog()) == ["CATALOG_NOT_CONNECTED_TO_EVENT_SOURCE"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"types": ["ATTRIBUTES_INVALID"]}, ["ITEM_PRICE_NOT_POSITIVE", "NEGATIVE_PRICE"]),
        ({"severities": '["OPPORTUNITY"]'}, ["LONG_TITLE"]),
        ({"affected_entities": ["product_event"]}, ["CATALOG_NOT_CONNECTED_TO_EVENT_SOURCE"]),
        ({"affected_channels": ["whatsapp"]}, []),
        ({"affected_features": ["checkout"]}, []),
    ],
)
def test_diagnoses_are_filtered(given, expected):
    world = World()
    goods = (
        product("a", price="0 EUR"),
        product("b", price="-1 EUR"),
        product("c", title="t" * 101),
    )
    assert kinds(world, world.catalog(*goods), **given) == expected


def test_an_unknown_filter_is_refused():
    world = World()
    with pytest.raises(RefusedError):
        kinds(world, world.catalog(), types=["NONE_SUCH"])


def checks(shop: Shop, **given) -> dict[str, str]:
    return {
        row["key"]: row["result"] for row in shop.call("GET", PIXEL, "da_checks", **given)["data"]
    }


def test_checks_of_a_pixel():
    shop = Shop(product("a"))
    assert checks(shop) == {
        "pixel_missing_dpa_event": "failed",
        "pixel_missing_param_in_events": "unavailable",
        "pixel_decline": "unavailable",
    }
    for name in ("ViewContent", "AddToCart", "Purchase"):
        shop.happens(name, ["a"])
    assert set(checks(shop).values()) == {"passed"}
    shop.happens("ViewContent", [])
    assert checks(shop, checks=["pixel_missing_param_in_events"]) == {
        "pixel_missing_param_in_events": "failed"
    }
    assert checks(shop, connection_method="BROWSER")["pixel_missing_dpa_event"] == "failed"
    for _ in range(60):
        shop.happens("ViewContent", ["a"], ago=3 * 86_400)
    assert checks(shop)["pixel_decline"] == "failed"
