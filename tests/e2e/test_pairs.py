"""A customer walks through the example shops in Chromium, and the sandbox must see pairs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.events import purchase_id
from tests.conftest import Sandbox, running_sandbox, until
from tests.e2e.shops import COMMANDS, shop, walk
from tests.e2e.visits import watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.e2e

SKU, PRICE, QUANTITY = "TEA-SENCHA-100", 89.0, 2
LINES = [{"id": SKU, "quantity": QUANTITY, "item_price": PRICE}]
# Home, search, product, cart, checkout, complete, the sign-up form and the page behind it.
OCCURRENCES = Counter(
    PageView=8,
    Search=1,
    ViewContent=1,
    AddToCart=1,
    InitiateCheckout=1,
    Purchase=1,
    CompleteRegistration=1,
)
MONEY = {"value": PRICE * QUANTITY, "currency": "SEK", "content_ids": [SKU]}
CART = MONEY | {"contents": LINES, "num_items": QUANTITY}
EXPECTED = {
    "Search": {"search_string": "sencha"},
    "ViewContent": {"content_ids": [SKU], "value": PRICE, "currency": "SEK"},
    "AddToCart": MONEY,
    "InitiateCheckout": CART,
    "Purchase": CART,
    "CompleteRegistration": {},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as made:
        yield made


@pytest.fixture(autouse=True)
def _empty(sandbox: Sandbox) -> None:
    sandbox.clear()


def settled(sandbox: Sandbox, status: str, number: int = OCCURRENCES.total()) -> list[dict]:
    """All events, as soon as there are as many as there should be, all of one status."""

    def complete() -> list[dict]:
        events = sandbox.events()
        statuses = {event["status"] for event in events}
        return events if len(events) >= number and statuses == {status} else []

    until(complete, 30)
    return sandbox.events()


def halves(event: dict) -> list[dict]:
    """The custom data of both halves, those that are there."""
    browser, server = event["browser"], event["server"]
    return [half.get("custom_data", {}) for half in (browser, server) if half is not None]


def assert_all_said(events: list[dict], status: str) -> None:
    """Each occurrence once, in the one status, with the right facts in every half."""
    assert Counter(event["name"] for event in events) == OCCURRENCES
    assert {event["status"] for event in events} == {status}
    assert len({event["event_id"] for event in events}) == len(events)
    for event in events:
        for half in (event["browser"], event["server"]):
            assert half is None or half["repeats"] == 0
        for data in halves(event):
            expected = EXPECTED.get(event["name"], {})
            assert {key: data.get(key) for key in expected} == expected, event["name"]


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_occurrence_is_one_pair(
    kind: str, browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    environ = sandbox.environ(tmp_path / "spool") | {"PIXELPAIR_TRUSTED_PROXIES": "private"}
    with watched(browser) as context, shop(kind, environ, tmp_path) as url:
        context.set_extra_http_headers({"X-Forwarded-For": "203.0.113.7"})  # as the shop's nginx
        order_id = walk(context.new_page(), url)
        cookies = {cookie["name"] for cookie in context.cookies()}
        events = settled(sandbox, "paired")

    assert_all_said(events, "paired")
    assert not {name for name in cookies if name.startswith("_pixelpair")}
    by_name = {event["name"]: event for event in events}
    key = environ["PIXELPAIR_SECRET"].split()[-1].encode()
    assert by_name["Purchase"]["event_id"] == purchase_id(key, "1234567890", order_id)
    for event in events:
        server, there = event["server"], event["browser"]
        assert server["action_source"] == "website"
        assert server["user_data"]["client_ip_address"] == "203.0.113.7"
        assert "Chrome" in server["user_data"]["client_user_agent"]
        assert server["user_data"]["fbp"] == there["fbp"]
    assert len({event["server"]["user_data"]["fbp"] for event in events}) == 1
    assert by_name["AddToCart"]["server"]["event_source_url"].rstrip("/").endswith(SKU)


@pytest.mark.parametrize("kind", ["flask on gunicorn", "django on uvicorn"])
def test_blocked_pixel_leaves_the_server_halves(
    kind: str, browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    with watched(browser) as context:
        context.route("**/fbevents.js", lambda route: route.abort())
        with shop(kind, sandbox.environ(tmp_path / "spool"), tmp_path) as url:
            walk(context.new_page(), url)
            events = settled(sandbox, "server_only")
    assert_all_said(events, "server_only")


@pytest.mark.parametrize("kind", ["flask on gunicorn", "django on uvicorn"])
def test_without_a_token_only_the_browser_halves_leave(
    kind: str, browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    environ = sandbox.environ(tmp_path / "spool") | {"PIXELPAIR_ACCESS_TOKEN": ""}
    with watched(browser) as context, shop(kind, environ, tmp_path) as url:
        walk(context.new_page(), url)
        events = settled(sandbox, "browser_only")
    assert_all_said(events, "browser_only")
    assert not (tmp_path / "spool").exists()


def test_thank_you_page_loaded_twice_and_elsewhere_is_one_purchase(
    browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    with shop("flask on gunicorn", sandbox.environ(tmp_path / "spool"), tmp_path) as url:
        with watched(browser) as phone:
            page = phone.new_page()
            order_id = walk(page, url)
            page.goto(f"{url}/orders/{order_id}/complete")
            page.wait_for_load_state("networkidle")
        with watched(browser) as laptop:
            page = laptop.new_page()
            page.goto(f"{url}/orders/{order_id}/complete")
            page.wait_for_load_state("networkidle")
        events = settled(sandbox, "paired", OCCURRENCES.total() + 2)
    purchases = [event for event in events if event["name"] == "Purchase"]
    assert len(purchases) == 1
    assert purchases[0]["status"] == "paired"
    assert purchases[0]["server"]["repeats"] == 0


def test_form_with_errors_and_sold_out_goods_report_nothing(
    browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    with (
        watched(browser) as context,
        shop("flask on gunicorn", sandbox.environ(tmp_path / "spool"), tmp_path) as url,
    ):
        page = context.new_page()
        page.goto(f"{url}/register")
        page.click("text=Create account")
        page.wait_for_load_state("networkidle")
        events = settled(sandbox, "paired", 2)
    assert [(event["name"], event["status"]) for event in events] == [("PageView", "paired")] * 2
