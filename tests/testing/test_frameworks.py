"""The kit with the frameworks' own test clients, each in a shop that knows nothing of tests."""

from __future__ import annotations

import pytest

from .conftest import INI

PAGE = "<!doctype html><html><head><title>Tea</title></head><body>Tea</body></html>"

# The same shop for every framework: a page for one visitor, one for a cache, and an act.
FLASK = f"""
from flask import Flask, redirect
import pixelpair
from pixelpair.flask import PixelPair

app = Flask(__name__)
app.secret_key = "of the shop"

@app.get("/products/<sku>")
def product(sku):
    pixelpair.track("ViewContent", value="49.90", currency="EUR", content_ids=[sku])
    return {PAGE!r}

@app.get("/cached/<sku>")
def cached(sku):
    return product(sku), {{"Cache-Control": "public, max-age=60"}}

@app.post("/cart/add")
def add():
    pixelpair.track("AddToCart", value=49.9, currency="EUR", content_ids=["sku-1"], num_items=1)
    return redirect("/cart")

PixelPair(app)
"""
STARLETTE = f"""
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
import pixelpair
from pixelpair.asgi import PixelPairMiddleware

async def product(request):
    sku = request.path_params["sku"]
    pixelpair.track("ViewContent", value="49.90", currency="EUR", content_ids=[sku])
    return HTMLResponse({PAGE!r})

async def cached(request):
    response = await product(request)
    response.headers["cache-control"] = "public, max-age=60"
    return response

async def add(request):
    pixelpair.track("AddToCart", value=49.9, currency="EUR", content_ids=["sku-1"], num_items=1)
    return RedirectResponse("/cart", 303)

app = Starlette(routes=[
    Route("/products/{{sku}}", product),
    Route("/cached/{{sku}}", cached),
    Route("/cart/add", add, methods=["POST"]),
])
app.add_middleware(PixelPairMiddleware)
"""
FASTAPI = f"""
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
import pixelpair
from pixelpair.asgi import PixelPairMiddleware

app = FastAPI()
app.add_middleware(PixelPairMiddleware)

@app.get("/products/{{sku}}", response_class=HTMLResponse)
def product(sku: str):
    pixelpair.track("ViewContent", value="49.90", currency="EUR", content_ids=[sku])
    return {PAGE!r}

@app.get("/cached/{{sku}}")
def cached(sku: str):
    return HTMLResponse(product(sku), headers={{"cache-control": "public, max-age=60"}})

@app.post("/cart/add")
def add():
    pixelpair.track("AddToCart", value=49.9, currency="EUR", content_ids=["sku-1"], num_items=1)
    return RedirectResponse("/cart", 303)
"""
DJANGO = f"""
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
import pixelpair

SECRET_KEY = "of the shop"
ROOT_URLCONF = __name__
ALLOWED_HOSTS = ["testserver", "localhost"]
MIDDLEWARE = ["pixelpair.django.PixelPairMiddleware"]
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}

def product(request, sku):
    pixelpair.track("ViewContent", value="49.90", currency="EUR", content_ids=[sku])
    return HttpResponse({PAGE!r})

def cached(request, sku):
    response = product(request, sku)
    response["Cache-Control"] = "public, max-age=60"
    return response

def add(request):
    pixelpair.track("AddToCart", value=49.9, currency="EUR", content_ids=["sku-1"], num_items=1)
    return HttpResponseRedirect("/cart")

urlpatterns = [
    path("products/<sku>", product),
    path("cached/<sku>", cached),
    path("cart/add", add),
]
"""
DJANGO_INI = f"{INI}DJANGO_SETTINGS_MODULE = shop\n"

CHECKS = """
def check(events):
    first, second = events.pairs("ViewContent")
    first.has(value="49.90", currency="EUR", content_ids=["sku-1"])
    second.has(value="49.90", currency="EUR", content_ids=["sku-2"])
    assert (first.browser["carrier"], second.browser["carrier"]) == ("page", "report")
    added = events.pair("AddToCart").has(value=49.9, content_ids=["sku-1"], num_items=1)
    assert added.browser["carrier"] == "cookie"
    assert events.names() == ["PageView", "ViewContent"] * 2 + ["AddToCart"]
    events.assert_no_lone_halves()
    assert events.held == {}
    urls = [event.server["event_source_url"].split("/", 3)[3] for event in events.pairs()]
    assert urls == ["products/sku-1"] * 2 + ["cached/sku-2"] * 2 + ["cart/add"]

def visit(client):
    client.get("/products/sku-1")
    client.get("/cached/sku-2")
    client.post("/cart/add")
"""
VISITS = {
    "flask": (
        FLASK,
        """
def test_visit(pixelpair_events):
    visit(app.test_client())
    check(pixelpair_events)
""",
    ),
    "starlette": (
        STARLETTE,
        """
from starlette.testclient import TestClient

def test_visit(pixelpair_events):
    with TestClient(app, follow_redirects=False) as client:
        visit(client)
    check(pixelpair_events)
""",
    ),
    "fastapi": (
        FASTAPI,
        """
import httpx
from fastapi.testclient import TestClient

def test_visit(pixelpair_events):
    visit(TestClient(app, follow_redirects=False))
    check(pixelpair_events)

async def test_visit_in_the_loop(pixelpair_events):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        await client.get("/products/sku-1")
        await client.get("/cached/sku-2")
        await client.post("/cart/add")
    check(pixelpair_events)
""",
    ),
    "django": (
        DJANGO,
        """
import httpx

def test_visit(client, pixelpair_events):
    visit(client)
    check(pixelpair_events)

async def test_async_client(async_client, pixelpair_events):
    await async_client.get("/products/sku-1")
    await async_client.get("/cached/sku-2")
    await async_client.post("/cart/add")
    check(pixelpair_events)

def test_live_server(live_server, pixelpair_events):
    with httpx.Client(base_url=live_server.url) as client:
        visit(client)
    check(pixelpair_events)
""",
    ),
}


@pytest.mark.parametrize("framework", VISITS)
def test_visit_is_told_in_pairs(framework, shop_tests):
    shop, tests = VISITS[framework]
    own = {"ini": DJANGO_INI} if framework == "django" else {}
    imports = "from shop import *\n" if framework != "django" else ""
    ran = shop_tests(shop=shop, test_shop=imports + CHECKS + tests, **own)
    assert ran.outcomes == {"passed": tests.count("def test_")}, ran.text
