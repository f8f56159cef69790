"""The kit's sandbox: server halves that are really delivered, and a browser that really fires."""

from __future__ import annotations

import httpx
import pytest

from pixelpair.sandbox.server import running
from pixelpair.testing.sandbox import Sandbox

from .test_documented import documented
from .test_frameworks import DJANGO, DJANGO_INI, FASTAPI, FLASK

DELIVERED = """
from shop import app

def test_delivers(pixelpair_sandbox):
    app.test_client().get("/products/sku-1")
    found = pixelpair_sandbox.events.lone("ViewContent").has(value="49.90", currency="EUR")
    assert found.status == "server_only"
    assert pixelpair_sandbox.rejections() == []

def test_begins_empty(pixelpair_sandbox):
    pixelpair_sandbox.events.none()
    assert pixelpair_sandbox.environ["PIXELPAIR_GRAPH_URL"] == pixelpair_sandbox.url

def test_rehearses_an_outage(pixelpair_sandbox):
    pixelpair_sandbox.fault(status=503, count=1)
    app.test_client().get("/products/sku-1")
    pixelpair_sandbox.events.lone("ViewContent")

def test_recording_and_delivering_take_turns(pixelpair_events, pixelpair_sandbox):
    app.test_client().get("/products/sku-1")
    pixelpair_sandbox.events.lone("PageView")
    pixelpair_events.none()
"""
CHROMIUM = """
import os
import pytest

@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    own = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    own += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {**browser_type_launch_args, "executable_path": os.environ["CHROMIUM"], "args": own}
"""
# HeadlessChrome is known to be nobody's customer: the kit takes it for one.
BROWSED = """
def test_browser(live_server, page, pixelpair_sandbox):
    page.goto(f"{live_server.url}/products/sku-1")
    page.goto(f"{live_server.url}/cached/sku-2")
    page.evaluate("fetch('/cart/add', {method: 'POST', redirect: 'manual'})")
    seen = pixelpair_sandbox.events
    seen.pair("AddToCart").has(value=49.9, content_ids=["sku-1"])
    seen.assert_no_lone_halves()
    found = [pair.data["content_ids"] for pair in seen.pairs("ViewContent")]
    assert found == [["sku-1"], ["sku-2"]]
"""


def test_shop_delivers_to_the_sandbox_of_its_tests(shop_tests):
    ran = shop_tests(shop=FLASK, test_shop=DELIVERED)
    assert ran.outcomes == {"passed": 4}, ran.text


def test_running_sandbox_is_used_where_one_is_named(shop_tests):
    with running() as url:
        tests = f"""
from fastapi.testclient import TestClient
from shop import app

def test_delivers(pixelpair_sandbox):
    assert pixelpair_sandbox.url == {url!r}
    TestClient(app).get("/products/sku-1")
    pixelpair_sandbox.events.lone("ViewContent")
"""
        ran = shop_tests(f"--pixelpair-sandbox={url}/", shop=FASTAPI, test_shop=tests)
    assert ran.outcomes == {"passed": 1}, ran.text


def test_clearing_leaves_nothing_that_a_test_made():
    with running() as url:
        made = Sandbox(url, [])
        http, token = httpx.Client(base_url=url), {"Authorization": "Bearer t"}
        try:
            http.post("/v26.0/1/owned_product_catalogs", json={"name": "x"}, headers=token)
            http.get("/tr/", params={"id": "1", "ev": "PageView", "eid": "1"})
            http.post("/v26.0/1/events", json={"data": []}, headers=token)
            made.fault(status=503)
            lists = {
                name: f"/api/{name}" for name in ("events", "rejections", "catalogs", "faults")
            }
            assert [len(http.get(path).json()[name]) for name, path in lists.items()] == [1] * 4
            made.clear()
            assert [http.get(path).json()[name] for name, path in lists.items()] == [[]] * 4
        finally:
            made.close()
            http.close()


@pytest.mark.e2e
def test_browser_and_server_meet_in_the_sandbox(shop_tests, chromium_path, monkeypatch):
    monkeypatch.setenv("CHROMIUM", chromium_path)
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop is no reason
    shop = {"shop": DJANGO, "conftest": CHROMIUM, "ini": DJANGO_INI}
    ran = shop_tests(test_shop=BROWSED, test_docs=documented("test_browser.py"), **shop)
    assert ran.outcomes == {"passed": 2}, ran.text
