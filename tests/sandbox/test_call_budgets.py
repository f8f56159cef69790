from __future__ import annotations

import json

import pytest

from pixelpair.sandbox.call_budgets import Calls, spend

from .goods import BEARER, PIXEL, Web, World, product, update

HEADER = "X-Business-Use-Case-Usage"
ITEMS = {"item_type": "PRODUCT_ITEM", "requests": update(product())}


@pytest.fixture
def web(sandbox) -> Web:
    return Web(sandbox)


def usage(answer) -> tuple:
    """Kind, percent and minutes of an answer to business 1."""
    [told] = json.loads(answer.headers[HEADER])["1"]
    return told["type"], told["call_count"], told["estimated_time_to_regain_access"]


def send(web: Web, catalog: str):
    return web.call("POST", f"{catalog}/items_batch", **ITEMS)


# --- an hour of calls --------------------------------------------------------------------------


def test_calls_are_counted_for_an_hour():
    calls = Calls()
    assert [calls.count(at) for at in (0.0, 59.0, 60.0)] == [1, 2, 3]
    assert calls.count(3599.0) == 4
    assert calls.count(3600.0) == 3
    assert calls.count(90_000.0) == 1


@pytest.mark.parametrize(("budget", "minutes"), [(3, 40), (2, 50), (1, 60)])
def test_minutes_run_until_enough_calls_are_an_hour_old(budget, minutes):
    """Three calls, twenty, ten and no minutes ago."""
    calls = Calls()
    for minute in (0, 10, 20):
        calls.count(minute * 60.0)
    assert calls.minutes_until_below(budget, 1200.0) == minutes


def test_who_asks_on_waits_longer():
    world = World()
    catalog = world.catalog()
    ask = world.ask("POST", catalog, "items_batch")
    told = []
    for _ in range(3):
        told.append(spend(world.catalogs, ask, 1).minutes)
        world.now += 600
        ask = world.ask("POST", catalog, "items_batch")
    assert told == [0, 60, 60]


def test_what_hangs_on_a_catalog_is_counted_with_it():
    world = World()
    catalog = world.catalog(product("a"))
    made = world.call("POST", catalog, "product_sets", name="All")["id"]
    asks = [world.ask("GET", node) for node in (catalog, made, world.number(catalog, "a"))]
    spent = [spend(world.catalogs, ask) for ask in asks]
    assert [(one.kind, one.calls, one.budget) for one in spent] == [
        ("catalog_management", n, 20_000) for n in (1, 2, 3)
    ]
    assert spend(world.catalogs, world.ask("GET", "5")) is None


# --- over HTTP ---------------------------------------------------------------------------------


def test_usage_grows_with_the_calls_to_one_catalog(web):
    catalog, other = web.catalog(), web.catalog()
    assert [usage(send(web, catalog))[1] for _ in range(4)] == [0, 1, 1, 2]
    assert usage(send(web, other)) == ("catalog_batch", 0, 0)
    assert usage(web.call("GET", f"{catalog}/products")) == ("catalog_management", 0, 0)
    assert HEADER not in web.call("GET", "1/owned_product_catalogs").headers


def test_beyond_a_budget_on_order_a_catalog_is_throttled(web):
    catalog, other = web.catalog(), web.catalog()
    send(web, catalog)
    web.client.post("/api/faults", json={"preset": "catalog-budget", "seconds": 120})
    assert [usage(send(web, catalog))[1:] for _ in range(3)] == [(33, 0), (66, 0), (100, 0)]
    answer = send(web, catalog)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, 80014, "OAuthException")
    assert usage(answer) == ("catalog_batch", 133, 2)
    assert send(web, other).status_code == 200
    assert web.call("GET", f"{catalog}/products").status_code == 200
    web.client.delete("/api/faults")
    assert send(web, catalog).status_code == 200
    jobs = web.client.get("/api/catalogs").json()["catalogs"]
    assert [row["batches"] for row in jobs] == [5, 1]


def test_a_budget_without_an_end_lasts_and_tells_an_hour(web):
    catalog = web.catalog()
    web.client.post("/api/faults", json={"budget": 1, "edge": "items_batch"})
    answers = [send(web, catalog) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert usage(answers[2]) in [("catalog_batch", 300, 60), ("catalog_batch", 300, 59)]
    [order] = web.client.get("/api/faults").json()["faults"]
    assert (order["title"], order["left"], order["until"]) == ("1 calls an hour", None, None)


def test_other_edges_have_the_budget_and_the_code_of_management(web):
    catalog = web.catalog()
    web.client.post("/api/faults", json={"budget": 1, "edge": "*", "seconds": 60})
    assert send(web, catalog).status_code == 200
    answers = [web.call("GET", f"{catalog}/check_batch_request_status", handle="x") for _ in "ab"]
    assert [answer.json()["error"]["code"] for answer in answers] == [100, 80009]
    assert usage(answers[1]) == ("catalog_management", 200, 1)
    assert web.call("GET", "1/owned_product_catalogs").status_code == 200
    given = {"id": PIXEL, "ev": "PageView", "eid": "1"}
    assert web.client.get("/tr/", params=given).status_code == 200


def test_each_call_of_a_batch_counts(web):
    catalog = web.catalog()
    web.client.post("/api/faults", json={"budget": 2, "edge": "products"})
    calls = [{"method": "GET", "relative_url": f"{catalog}/products"}] * 3
    rows = web.client.post("/v26.0", json={"batch": calls}, headers=BEARER).json()
    assert [row["code"] for row in rows] == [200, 200, 400]
    told = {head["name"].lower(): head["value"] for head in rows[2]["headers"]}
    assert json.loads(told[HEADER.lower()])["1"][0]["call_count"] == 150
