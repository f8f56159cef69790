from __future__ import annotations

import base64
import json

import pytest

from pixelpair.sandbox import catalog_nodes, catalogs, event_sources
from pixelpair.sandbox.catalog_edges import EMPTY
from pixelpair.sandbox.refusals import RefusedError

from .goods import World, product, update


def code(world: World, *call, **given) -> tuple:
    with pytest.raises(RefusedError) as caught:
        world.call(*call, **given)
    error = caught.value.rejection.error
    return error["code"], error.get("error_subcode")


# --- the node ----------------------------------------------------------------------------------


def test_a_catalog_is_made_with_every_setting():
    world = World()
    display = {"transformation_type": "none"}
    given = {
        "name": "Shop",
        "vertical": "vehicles",
        "additional_vertical_option": "LOCAL_PRODUCTS",
        "catalog_segment_filter": {"brand": {"eq": "Acme"}},
        "da_display_settings": {"carousel_ad": display, "single_ad": display},
        "destination_catalog_settings": {"generate_items_from_pages": True},
        "flight_catalog_settings": {"generate_items_from_events": False},
        "parent_catalog_id": "77",
        "partner_integration": {"external_merchant_id": "m"},
        "store_catalog_settings": {"page_id": "5"},
        "fields": "vertical,is_catalog_segment,is_local_catalog,business{id},"
        "store_catalog_settings",
    }
    told = world.call("POST", "1", "owned_product_catalogs", **given)
    assert told == {
        "id": told["id"],
        "vertical": "vehicles",
        "is_catalog_segment": True,
        "is_local_catalog": True,
        "business": {"id": "1"},
        "store_catalog_settings": {"page": {"id": "5"}},
    }
    assert world.call("GET", "1", "owned_product_catalogs")["data"] == [
        {"id": told["id"], "name": "Shop"}
    ]
    assert world.call("GET", "2", "owned_product_catalogs") == {"data": []}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "x", "vertical": "hats"},
        {"name": "x", "da_display_settings": {"single_ad": {"transformation_type": "none"}}},
        {"name": "x", "store_catalog_settings": {}},
        {"name": "x", "store_catalog_settings": {"page": "5"}},
        {"name": "x" * 8001},
        {"name": "x", "catalog_segment_filter": {"brand": {"eq": "x" * 65536}}},
        {"name": "x", "flight_catalog_settings": {"other": 1}},
        {"name": "x", "partner_integration": "{"},
        {"name": "x", "fields": "nothing"},
    ],
)
def test_no_catalog_is_made_of_wrong_settings(given):
    world = World()
    assert code(world, "POST", "1", "owned_product_catalogs", **given) == (100, None)
    assert len(world.catalogs) == 0


def test_a_refused_update_changes_nothing():
    world = World()
    catalog = world.catalog()
    for given in ({"fields": "nothing"}, {"fallback_image_url": ["x" * 8000] * 9}):
        assert code(world, "POST", catalog, name="New", **given) == (100, None)
    assert world.call("GET", catalog) == {"id": catalog, "name": "Shop"}


def test_an_update_passes_over_what_only_creating_sets():
    world = World()
    catalog = world.catalog()
    once = {"vertical": "hotels", "parent_catalog_id": "77", "catalog_segment_filter": {"a": "b"}}
    told = world.call("POST", catalog, **once, fields="vertical,is_catalog_segment")
    assert told == {
        "success": True,
        "id": catalog,
        "vertical": "commerce",
        "is_catalog_segment": False,
    }


@pytest.mark.parametrize(
    "given",
    [
        "https://shop.example/a.png",
        ["https://shop.example/a.png"],
        '["https://shop.example/a.png"]',
    ],
)
def test_a_fallback_image_is_one_address_or_a_list(given):
    world = World()
    catalog = world.catalog()
    told = world.call("POST", catalog, fallback_image_url=given, fields="fallback_image_url")
    assert told["fallback_image_url"] == ["https://shop.example/a.png"]


@pytest.mark.parametrize("given", [5, {"a": 1}, [5.5, None], [["https://shop.example/"]], "[", ""])
def test_a_fallback_image_is_text(given):
    world = World()
    assert code(world, "POST", world.catalog(), fallback_image_url=given) == (100, None)


@pytest.mark.parametrize("depth", [70, 300, 900])
def test_what_is_nested_too_deeply_is_refused(depth):
    """orjson reads 1024 levels and writes 254: it was a HTTP 500."""
    world = World()
    catalog = world.catalog()
    deep = "[" * depth + "]" * depth
    rule = f'{{"brand": {deep}}}'
    call = (world, "POST", "1", "owned_product_catalogs")
    assert code(*call, name="x", catalog_segment_filter=rule) == (100, None)
    assert code(world, "POST", catalog, "product_sets", name="x", ordering_info=deep) == (100, None)
    assert code(world, "POST", "17", "media", image_url="x", caption=json.loads(deep)) == (
        100,
        None,
    )


def test_what_is_not_asked_for_is_left_out():
    world = World()
    catalog = world.catalog(product())
    assert world.call("GET", catalog) == {"id": catalog, "name": "Shop"}
    fields = "product_count,feed_count,default_image_url"
    assert world.call("GET", catalog, fields=fields) == {
        "id": catalog,
        "product_count": 1,
        "feed_count": 0,
    }
    assert code(world, "GET", catalog, segment_use_cases=["NONE_SUCH"]) == (100, None)
    assert world.call("GET", catalog, segment_use_cases='["TEST"]')["id"] == catalog


def test_an_object_that_is_not_there():
    world = World()
    missing = (100, 33)
    assert code(world, "GET", "5") == missing
    assert code(world, "POST", "5", "items_batch") == missing
    assert code(world, "GET", world.catalog(), "nothing") == missing
    assert code(world, "GET", "act_5") == missing


def test_users_come_and_go():
    world = World()
    catalog = world.catalog()
    assert world.call("POST", catalog, "assigned_users", user=7, tasks=["MANAGE"])["success"]
    assert world.call("GET", catalog, "assigned_users", business="1")["data"] == [
        {"id": "7", "tasks": ["MANAGE"]}
    ]
    told = {"id": "7", "business": {"id": "1", "name": "Business 1"}}
    fields = "name,user_type,business"
    found = world.call("GET", catalog, "assigned_users", business="1", fields=fields)
    assert found["data"] == [told]
    assert code(world, "GET", catalog, "assigned_users") == (100, None)
    assert code(world, "POST", catalog, "assigned_users", user="8", tasks=["OWN"]) == (100, None)
    assert world.call("DELETE", catalog, "assigned_users", user="7") == {"success": True}
    assert code(world, "DELETE", catalog, "assigned_users", user="7") == (100, None)


def test_live_sets_keep_a_catalog_from_being_deleted():
    world = World()
    catalog = world.catalog()
    made = world.call("POST", catalog, "product_sets", name="All")["id"]
    assert code(world, "DELETE", catalog) == (801, None)
    world.call("DELETE", catalog, allow_delete_catalog_with_live_product_set="true")
    assert code(world, "GET", made) == code(world, "GET", catalog) == (100, 33)


# --- items, sets, the other edges --------------------------------------------------------------


def test_the_bridge_from_the_shops_id_to_metas():
    world = World()
    catalog = world.catalog(product("a"), product("b"))
    number = world.number(catalog, "b")
    rule = '{"retailer_id": {"eq": "b"}}'
    found = world.call("GET", catalog, "products", filter=rule, fields="retailer_id")["data"]
    assert found == [{"id": number, "retailer_id": "b"}]
    rule = {"product_item_id": {"is_any": [number]}}
    assert world.call("GET", catalog, "products", filter=rule, fields="id")["data"] == [
        {"id": number}
    ]
    address = f"catalog:{catalog}:{base64.urlsafe_b64encode(b'b').decode()}"
    assert world.call("GET", address, fields="retailer_id")["id"] == number
    assert code(world, "GET", f"catalog:{catalog}:AAAA") == (100, 33)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"brand": {"eq": "Acme"}}, ["a", "b"]),
        ({"brand": {"neq": "Acme"}}, ["c"]),
        ({"name": {"i_contains": "PRODUCT B"}}, ["b"]),
        ({"or": [{"retailer_id": {"eq": "a"}}, {"brand": {"contains": "Bo"}}]}, ["a", "c"]),
        ({"retailer_id": {"is_not_any": ["a", "b"]}}, ["c"]),
    ],
)
def test_a_set_is_what_its_rule_chooses(rule, expected):
    world = World()
    catalog = world.catalog(product("a"), product("b"), product("c", brand="Bolt"))
    made = world.call("POST", catalog, "product_sets", name="Some", filter=rule)["id"]
    found = world.call("GET", made, "products", fields="retailer_id")["data"]
    assert [row["retailer_id"] for row in found] == expected
    [row] = world.call("GET", catalog, "product_sets", fields="name,product_count")["data"]
    assert row == {"id": made, "name": "Some", "product_count": len(expected)}
    world.call("POST", made, name="Renamed")
    assert world.call("GET", made, fields="name") == {"id": made, "name": "Renamed"}


@pytest.mark.parametrize(
    "rule", [{"a": 1}, {"a": {"like": 1}}, {"a": {"is_any": 1}}, {"a": {"eq": [1]}}, "[1]"]
)
def test_a_rule_that_is_none(rule):
    world = World()
    catalog = world.catalog(product())
    assert code(world, "GET", catalog, "products", filter=rule) == (100, None)


def test_groups_are_made_of_their_items():
    world = World()
    goods = (product("a", item_group_id="g"), product("b", item_group_id="g"), product("c"))
    catalog = world.catalog(*goods)
    [group] = world.call("GET", catalog, "product_groups")["data"]
    assert (group["retailer_id"], group["id"].isdecimal()) == ("g", True)
    world.send(catalog, update({"id": "a", "item_group_id": ""}, {"id": "b", "item_group_id": "h"}))
    names = [row["retailer_id"] for row in world.call("GET", catalog, "product_groups")["data"]]
    assert names == ["h"]


def test_items_tell_what_is_wrong_with_them():
    world = World()
    catalog = world.catalog(product("a", price="0 EUR"), product("b"))
    [row] = world.call("GET", catalog, "products", error_type="ITEM_PRICE_NOT_POSITIVE")["data"]
    assert row["retailer_id"] == "a"
    [error] = world.call("GET", row["id"], fields="errors")["errors"]
    assert (error["error_type"], error["error_priority"]) == ("ITEM_PRICE_NOT_POSITIVE", "HIGH")


def test_items_are_chosen_by_what_is_wrong_with_them():
    world = World()
    goods = (product("a", price="0 EUR"), product("b", gtin=None), product("c"))
    catalog = world.catalog(*goods)

    def names(**given) -> list[str]:
        found = world.call("GET", catalog, "products", fields="retailer_id,status", **given)
        return [row["retailer_id"] for row in found["data"]]

    assert (names(), names(error_priority="HIGH")) == (["a", "b", "c"], ["a"])
    assert names(error_priority="LOW", error_type="ITEM_PRICE_NOT_POSITIVE") == []
    rule = {"retailer_id": {"eq": "b"}}
    assert (names(filter=rule), names(filter=rule, error_priority="HIGH")) == (["b"], [])
    assert code(world, "GET", catalog, "products", error_priority="TOP") == (100, None)


@pytest.mark.parametrize(
    ("method", "edge", "given"),
    [
        ("POST", "products", {"retailer_id": "x"}),
        ("POST", "batch", {"requests": []}),
        ("POST", "localized_items_batch", {"requests": []}),
        ("GET", "nothing", {}),
    ],
)
def test_edges_that_are_not_there(method, edge, given):
    world = World()
    assert code(world, method, world.catalog(), edge, **given) == (100, 33)


def test_neither_uploads_nor_writes_by_address():
    world = World()
    catalog = world.catalog(product("a"))
    feed = world.call("POST", catalog, "product_feeds", name="Daily")["id"]
    address = f"catalog:{catalog}:{base64.urlsafe_b64encode(b'a').decode()}"
    for call in (("POST", feed, "uploads"), ("GET", feed, "uploads"), ("POST", address)):
        assert code(world, *call) == (100, 33)


@pytest.mark.parametrize("edge", EMPTY)
def test_edges_with_nothing_on_them(edge):
    world = World()
    given = {"handle": "h", "categorization_criteria": "BRAND"}
    assert world.call("GET", world.catalog(), edge, **given) == {"data": []}


def test_feeds_are_kept_and_listed():
    world = World()
    catalog = world.catalog()
    schedule = {"interval": "DAILY", "url": "https://shop.example/feed.xml"}
    made = world.call("POST", catalog, "product_feeds", name="Daily", schedule=schedule)["id"]
    found = world.call("GET", catalog, "product_feeds", fields="name,schedule")["data"]
    assert found == [{"id": made, "name": "Daily", "schedule": schedule}]
    assert world.call("GET", catalog, "data_sources")["data"] == [{"id": made, "name": "Daily"}]
    assert world.call("DELETE", made) == {"success": True}
    assert code(world, "POST", catalog, "product_feeds") == (100, None)


@pytest.mark.parametrize("call", ["set", "feed", "filter"])
def test_an_object_that_is_too_large_is_not_kept(call):
    world = World()
    catalog = world.catalog()
    made = world.call("POST", catalog, "product_sets", name="A")["id"]
    rule = {"brand": {"eq": "x" * 65536}}
    calls = {
        "set": (("POST", catalog, "product_sets"), {"name": "B", "filter": rule}),
        "feed": (("POST", catalog, "product_feeds"), {"name": "B", "schedule": rule}),
        "filter": (("POST", made), {"filter": rule}),
    }
    what, given = calls[call]
    assert code(world, *what, **given) == (100, None)
    assert world.call("GET", made, fields="name,filter") == {"id": made, "name": "A"}


@pytest.mark.parametrize(
    ("limit", "call"),
    [
        ("MAX_CATALOGS", ("1", "owned_product_catalogs", {"name": "x"})),
        ("MAX_NODES", ("CATALOG", "product_sets", {"name": "x"})),
        ("MAX_USERS", ("CATALOG", "assigned_users", {"user": "8", "tasks": ["MANAGE"]})),
        ("MAX_SOURCES", ("CATALOG", "external_event_sources", {"external_event_sources": [8]})),
    ],
)
def test_there_is_an_end_to_what_is_kept(monkeypatch, limit, call):
    for module in (catalogs, catalog_nodes, event_sources):
        if hasattr(module, limit):
            monkeypatch.setattr(module, limit, 1)
    world = World()
    catalog = world.catalog()
    world.call("POST", catalog, "product_sets", name="first")
    world.call("POST", catalog, "assigned_users", user="7", tasks=["MANAGE"])
    world.call("POST", catalog, "external_event_sources", external_event_sources=["7"])
    node, edge, given = call
    with pytest.raises(RefusedError, match="the sandbox keeps 1 "):
        world.call("POST", catalog if node == "CATALOG" else node, edge, **given)
    world.call("POST", catalog, "assigned_users", user="7", tasks=["ADVERTISE"])
    world.call("POST", catalog, "external_event_sources", external_event_sources=["7"])


VEHICLE = {
    "address": {"city": "Ystad", "country": "SE"},
    "body_style": "WAGON",
    "currency": "SEK",
    "description": "One owner.",
    "exterior_color": "blue",
    "images": [{"image_url": "https://cars.example/1.jpg"}],
    "make": "Volvo",
    "mileage": {"unit": "KILOMETERS", "value": 9000},
    "model": "V70",
    "price": 90000,
    "state_of_vehicle": "USED",
    "title": "V70",
    "url": "https://cars.example/1",
    "vehicle_id": "v1",
    "vin": "YV1",
    "year": 2015,
}


def test_a_vehicle_is_kept():
    world = World()
    catalog = world.catalog()
    made = world.call("POST", catalog, "vehicles", **VEHICLE)["id"]
    [row] = world.call("GET", catalog, "vehicles")["data"]
    assert row == {"id": made, **VEHICLE}
    for fields in ("vehicle_id,price", "trim,sale_price"):  # documented, and the SDK's
        empty = world.call("GET", world.catalog(), "vehicles", fields=fields)
        assert empty == {"data": []}
        assert world.call("GET", made, fields=fields)["id"] == made


@pytest.mark.parametrize(
    "change",
    [
        {"vin": ""},
        {"body_style": "TANK"},
        {"currency": "KRONOR"},
        {"mileage": {"unit": "LEAGUES"}},
        {"images": []},
        {"url": "cars"},
        {"price": "cheap"},
        {"year": True},
    ],
)
def test_no_vehicle_is_kept_of_wrong_parameters(change):
    world = World()
    assert code(world, "POST", world.catalog(), "vehicles", **{**VEHICLE, **change})[0] == 100


# --- pages -------------------------------------------------------------------------------------


def test_pages_are_walked_by_cursors_both_ways():
    world = World()
    catalog = world.catalog(*(product(f"p{n}") for n in range(5)))

    def page(**cursor):
        told = world.call("GET", catalog, "products", fields="retailer_id", limit=2, **cursor)
        return [row["retailer_id"] for row in told["data"]], told["paging"]

    first, paging = page()
    assert (first, sorted(paging)) == (["p0", "p1"], ["cursors", "next"])
    assert "access_token=t" in paging["next"]
    second, paging = page(after=paging["cursors"]["after"])
    assert (second, sorted(paging)) == (["p2", "p3"], ["cursors", "next", "previous"])
    back, _ = page(before=paging["cursors"]["before"])
    last, paging = page(after=paging["cursors"]["after"])
    assert (back, last, sorted(paging)) == (["p0", "p1"], ["p4"], ["cursors", "previous"])
    assert paging["cursors"]["after"]
    assert code(world, "GET", catalog, "products", after="abc") == (100, None)
    assert code(world, "GET", catalog, "products", limit="none") == (100, None)
