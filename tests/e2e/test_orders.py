"""Orders that are paid later, by real servers, processes and a browser: each is one Purchase."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from django.core import signing
from itsdangerous import URLSafeSerializer

from pixelpair.core.events import purchase_id
from tests.conftest import BROWSER, ROOT, Sandbox, until
from tests.e2e.shops import COMMANDS, CUSTOMER, DJANGO, shop, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

SHOP_SECRET = "s" * 50  # as tests/e2e/shops.py sets it
ORDERS = 100
TYPED = CUSTOMER | {"address": "Teagatan 1", "zip": "411 03", "city": "Göteborg", "country": "SE"}
BLOCK = re.compile(r'<script type="application/json" id="pixelpair">(.*?)</script>')


def purchases(sandbox: Sandbox) -> list[dict]:
    return [event for event in sandbox.events() if event["name"] == "Purchase"]


def told(sandbox: Sandbox) -> list[tuple[str, int, int]]:
    """Of each Purchase its status, and how often each half came again."""

    def repeats(half: dict | None) -> int:
        return half["repeats"] if half else 0

    return [(e["status"], repeats(e["browser"]), repeats(e["server"])) for e in purchases(sandbox)]


# --- a customer in a browser ---------------------------------------------------------------------


def order_by_invoice(page: Page, url: str) -> str:
    """The number of an order whose page says that it waits for the money."""
    page.goto(f"{url}/products/TEA-SENCHA-100")
    page.click("text=Add to cart")
    page.wait_for_url("**/cart")
    page.goto(f"{url}/checkout")
    for name in ("email", "first_name", "last_name", "address", "zip", "city"):
        page.fill(f"main [name={name}]", TYPED[name])
    page.select_option("[name=payment]", "invoice")
    page.click("text=Place order")
    page.wait_for_url("**/complete")
    assert "We wait for your payment" in page.inner_text("#payment")
    return page.url.split("/")[-2]


@pytest.mark.parametrize("kind", COMMANDS)
def test_page_that_waits_for_the_money_makes_the_pair_with_the_webhook(
    kind: str, tab: Page, sandbox: Sandbox, tmp_path: Path
) -> None:
    environ = sandbox.environ(tmp_path / "spool") | {"SHOP_PAID_AFTER": "2"}
    with shop(kind, environ, tmp_path) as url:
        number = order_by_invoice(tab, url)
        tab.wait_for_load_state("networkidle")
        assert purchases(sandbox) == []
        tab.wait_for_selector("text=It is paid.")
        assert until(lambda: told(sandbox) == [("paired", 0, 0)], 15), purchases(sandbox)
        tab.reload()
        tab.wait_for_load_state("networkidle")
        tab.wait_for_timeout(300)
    (event,) = purchases(sandbox)
    key = environ["PIXELPAIR_SECRET"].split()[-1].encode()
    assert event["event_id"] == purchase_id(key, "1234567890", number)
    there, server = event["browser"], event["server"]
    assert server["repeats"] == 0
    assert server["user_data"]["fbp"] == there["fbp"]
    assert "Chrome" in server["user_data"]["client_user_agent"]
    assert there["custom_data"].items() <= server["custom_data"].items()


def test_customer_who_has_left_is_told_of_by_the_server_half(
    tab: Page, sandbox: Sandbox, tmp_path: Path
) -> None:
    environ = sandbox.environ(tmp_path / "spool") | {"SHOP_PAID_AFTER": "1"}
    with shop("flask on gunicorn", environ, tmp_path) as url:
        order_by_invoice(tab, url)
        tab.goto("about:blank")
        assert until(lambda: told(sandbox) == [("server_only", 0, 0)], 15), purchases(sandbox)


def test_card_is_paid_at_once(tab: Page, sandbox: Sandbox, tmp_path: Path) -> None:
    with shop("django on gunicorn", sandbox.environ(tmp_path / "spool"), tmp_path) as url:
        walk(tab, url)
        assert until(lambda: told(sandbox) == [("paired", 0, 0)], 15), purchases(sandbox)


# --- a hundred orders at once --------------------------------------------------------------------


def flask_word(number: str) -> str:
    return URLSafeSerializer(SHOP_SECRET, salt="payments").dumps(number)


def django_word(number: str) -> str:
    signer = signing.TimestampSigner(key=SHOP_SECRET, salt="payments", fallback_keys=[])
    return signer.sign_object(number)


WORDS: dict[str, Callable[[str], str]] = {
    "flask on gunicorn": flask_word,
    "django on gunicorn": django_word,
}


class Buyer:
    """Orders, and is at the end of the order's page what a browser is there: an image."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers=BROWSER, timeout=60)

    def post(self, path: str, **fields: str) -> httpx.Response:
        token = self._http.cookies.get("csrftoken", "")
        return self._http.post(path, data={**fields, "csrfmiddlewaretoken": token})

    def order(self) -> str:
        self._http.get("/products/TEA-SENCHA-100")
        self.post("/cart/add", content_id="TEA-SENCHA-100", quantity="1")
        self._http.get("/checkout")
        answer = self.post("/checkout", **TYPED, payment="invoice")
        return answer.headers["location"].split("/")[2]

    def page(self, number: str) -> list[list[Any]]:
        """The calls of the order's page that are Purchases."""
        page = self._http.get(f"/orders/{number}/complete").raise_for_status().text
        calls = orjson.loads(BLOCK.search(page)[1])["events"]  # type: ignore[index]
        return [call for call in calls if call[0] == "Purchase"]

    def __enter__(self) -> Buyer:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


def bought(url: str, sandbox: Sandbox, word: Callable[[str], str]) -> str:
    """One order from its checkout to the last reload; gives its event id."""
    with Buyer(url) as buyer, ThreadPoolExecutor(4) as at_once:
        number = buyer.order()
        assert buyer.page(number) == []
        webhook = partial(httpx.post, f"{url}/payments", data={"paid": word(number)}, timeout=60)
        calls = [at_once.submit(webhook) for _ in range(2)]
        pages = [at_once.submit(buyer.page, number) for _ in range(2)]
        assert [call.result().status_code for call in calls] == [204, 204]
        shown = [call for page in pages for call in page.result()] + buyer.page(number)
        assert webhook().status_code == 204
    assert {call[1]["order_id"] for call in shown} == {number}
    (event_id,) = {call[2] for call in shown}
    shot = {"id": "1234567890", "ev": "Purchase", "eid": event_id, "cd[currency]": "SEK"}
    shot |= {"dl": url, "cd[value]": "89"}
    httpx.get(f"{sandbox.url}/tr", params=shot, headers=BROWSER, timeout=60).raise_for_status()
    return str(event_id)


@pytest.mark.drill
@pytest.mark.parametrize("kind", WORDS)
def test_hundred_orders_are_a_hundred_purchases(
    kind: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Page, webhook, refresh and the webhook's retry at the same time, in several processes."""
    environ = sandbox.environ(tmp_path / "spool") | {"SHOP_PAID_AFTER": "3600"}
    environ["PIXELPAIR_PAGE_VIEW"] = "off"
    with shop(kind, environ, tmp_path) as url, ThreadPoolExecutor(8) as buyers:
        jobs = [buyers.submit(bought, url, sandbox, WORDS[kind]) for _ in range(ORDERS)]
        ids = {job.result() for job in jobs}
        assert len(ids) == ORDERS
        wanted = [("paired", 0, 0)] * ORDERS
        assert until(lambda: told(sandbox) == wanted, 60), told(sandbox)
    assert {event["event_id"] for event in purchases(sandbox)} == ids


# --- processes of their own ----------------------------------------------------------------------

TELLS = """
import sys, pixelpair
done = pixelpair.send(
    "Purchase", sealed=sys.argv[1], order_id=sys.argv[2], value=89, currency="SEK"
)
print(done)
"""
DJANGO_TELLS = """
from store.models import Order
print(Order.objects.get().send_purchase(order_id=Order.objects.get().pk, value=89, currency="SEK"))
"""
SEALS = {
    "flask on gunicorn": "SELECT pixel FROM purchase",
    "django on gunicorn": "SELECT pixel FROM store_order",
}


def ran(*command: str, environ: dict[str, str], cwd: Path = ROOT) -> str:
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    bare = {key: value for key, value in os.environ.items() if not key.startswith("PIXELPAIR_")}
    done = subprocess.run(
        [sys.executable, *command],
        env=bare | environ | {"PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def kept(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[[str], tuple[str, str]]]:
    """Has one order placed at a shop that is gone afterwards; gives its number and its seal."""

    def placed(kind: str, **more: str) -> tuple[str, str]:
        environ = sandbox.environ(tmp_path / "spool") | {"SHOP_PAID_AFTER": "3600"}
        with shop(kind, environ | more, tmp_path) as url, Buyer(url) as buyer:
            number = buyer.order()
        db = sqlite3.connect(tmp_path / "shop.sqlite3")
        ((sealed,),) = db.execute(SEALS[kind])
        db.close()
        return number, sealed

    return placed  # type: ignore[return-value]


def test_one_process_seals_another_sends_and_the_worker_delivers(
    kept: Callable[..., tuple[str, str]], sandbox: Sandbox, tmp_path: Path
) -> None:
    quiet = {"PIXELPAIR_SENDER": "none"}
    number, sealed = kept("flask on gunicorn", **quiet)
    environ = sandbox.environ(tmp_path / "spool") | quiet
    assert ran("-c", TELLS, sealed, number, environ=environ) == "True\n"
    assert purchases(sandbox) == []
    worker = ("-m", "pixelpair", "drain", "--timeout", "30")
    assert "left 0" in ran(*worker, environ=environ)
    (event,) = purchases(sandbox)
    assert event["server"]["event_source_url"].endswith("/checkout")
    assert event["server"]["user_data"]["client_user_agent"] == BROWSER["User-Agent"]


def test_management_command_has_the_projects_own_secret(
    kept: Callable[..., tuple[str, str]], sandbox: Sandbox, tmp_path: Path
) -> None:
    no_secret = {"PIXELPAIR_SECRET": ""}
    number, _ = kept("django on gunicorn", **no_secret)
    environ = sandbox.environ(tmp_path / "spool") | no_secret
    environ |= {"SHOP_DB": str(tmp_path / "shop.sqlite3"), "SHOP_SECRET": SHOP_SECRET}
    command = ("manage.py", "shell", "-c", DJANGO_TELLS)
    assert ran(*command, environ=environ, cwd=DJANGO).endswith("True\n")
    (event,) = purchases(sandbox)
    assert event["event_id"] == purchase_id(SHOP_SECRET.encode(), "1234567890", number)


def test_process_with_another_secret_opens_nothing(
    kept: Callable[..., tuple[str, str]], sandbox: Sandbox, tmp_path: Path
) -> None:
    number, sealed = kept("flask on gunicorn")
    environ = sandbox.environ(tmp_path / "spool") | {"PIXELPAIR_SECRET": "another"}
    assert ran("-c", TELLS, sealed, number, environ=environ) == "False\n"
    assert purchases(sandbox) == []
