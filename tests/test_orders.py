"""Orders that are paid later: sealed in one process, sent from another, asked about in between."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import flask
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

import pixelpair
from pixelpair import Settings
from pixelpair.asgi import PixelPairMiddleware
from pixelpair.core.events import purchase_id
from pixelpair.flask import PixelPair
from pixelpair.start import NOTES
from pixelpair.tracker import Tracker
from tests.conftest import BROWSER, PLAIN_CHROME, ROOT
from tests.delivery.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[..., "Shop"]

SECRET, PIXEL = "a secret of these tests", "1234567890"
FACTS: dict[str, Any] = {"value": 178, "currency": "SEK"}
PURCHASE = purchase_id(SECRET.split()[-1].encode(), PIXEL, "1001")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other tracker lives here, and nothing was said yet."""
    living: WeakSet[Tracker] = WeakSet()
    monkeypatch.setattr("pixelpair.tracker.LIVING", living)
    monkeypatch.setattr("pixelpair.verbs.LIVING", living)
    monkeypatch.setattr(NOTES, "_said", set())


class Shop:
    """A Flask shop with a checkout that seals, and a thank-you page that tracks."""

    def __init__(self, settings: Settings) -> None:
        app = flask.Flask(__name__)
        app.secret_key = "of the tests"
        app.add_url_rule("/checkout", view_func=self.checkout, methods=["POST"])
        app.add_url_rule("/orders/<order_id>/complete", view_func=self.complete)
        app.add_url_rule("/refuse", view_func=self.refuse, methods=["POST"])
        PixelPair(app, settings)
        self.tracker: Tracker = app.extensions["pixelpair"]
        self.client = app.test_client()
        self.client.environ_base |= {"HTTP_USER_AGENT": PLAIN_CHROME, "REMOTE_ADDR": "203.0.113.7"}
        self.sealed = ""

    def checkout(self) -> Any:
        pixelpair.identify(email="anna@example.com")
        self.sealed = pixelpair.seal()
        return flask.redirect("/orders/1001/complete")

    def complete(self, order_id: str) -> str:
        pixelpair.track("Purchase", **FACTS)
        return "<!doctype html><html><head><title>Thanks</title></head><body></body></html>"

    def refuse(self) -> Any:
        pixelpair.consent(False)
        return flask.redirect("/")


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def make(tmp_path: Path, sink: Sink) -> Iterator[Make]:
    made: list[Shop] = []

    def shop(**options: object) -> Shop:
        told = {"pixel_id": PIXEL, "access_token": "t", "secret": SECRET, "graph_url": sink.url}
        told |= {"spool": str(tmp_path / f"spool{len(made)}"), "page_view": "off"}
        made.append(Shop(Settings(**told | options)))
        return made[-1]

    yield shop
    for one in made:
        one.tracker.close()


def sent(shop: Shop, **more: Any) -> bool:
    return pixelpair.send("Purchase", sealed=shop.sealed, order_id="1001", **FACTS | more)


# --- later, elsewhere ----------------------------------------------------------------------------


def test_order_is_told_with_the_facts_of_its_checkout(make: Make, sink: Sink) -> None:
    shop = make(advanced_matching=True)
    shop.client.set_cookie("_fbp", "fb.1.1700000000000.12")
    shop.client.post("/checkout", headers={"Referer": "http://localhost/cart?utm_source=letter"})
    assert sent(shop)
    assert pixelpair.flush(10) == 0
    (event,) = sink.events
    assert (event["event_name"], event["event_id"]) == ("Purchase", PURCHASE)
    assert event["event_source_url"] == "http://localhost/cart?utm_source=letter"
    assert event["custom_data"] == {"order_id": "1001", **FACTS}
    user = event["user_data"]
    assert user.pop("em")
    assert user == {
        "client_ip_address": "203.0.113.7",
        "client_user_agent": PLAIN_CHROME,
        "fbp": "fb.1.1700000000000.12",
    }


def test_page_webhook_refresh_and_retry_are_one_event(make: Make, sink: Sink) -> None:
    shop = make()
    shop.client.post("/checkout")
    pages = [shop.client.get("/orders/1001/complete").text for _ in range(2)]
    assert [sent(shop), sent(shop)] == [True, True]
    assert pixelpair.flush(10) == 0
    assert [sent(shop), pixelpair.flush(10)] == [True, 0]
    assert sink.ids == {PURCHASE: 1}
    assert all(PURCHASE in page for page in pages)


def test_order_of_a_browser_that_is_new_keeps_its_fbp(make: Make, sink: Sink) -> None:
    """A redirect without events told nobody which `_fbp` it had sealed."""
    shop = make()
    told = shop.client.post("/checkout").headers.getlist("Set-Cookie")
    sent(shop)
    assert pixelpair.flush(10) == 0
    fbp = sink.events[0]["user_data"]["fbp"]
    assert any(cookie.startswith(f"_fbp={fbp};") for cookie in told)


def test_who_withdraws_between_checkout_and_payment_is_not_told_of(make: Make, sink: Sink) -> None:
    shop = make(consent="required")
    shop.client.set_cookie("_fbp", "fb.1.1700000000000.12")
    shop.client.set_cookie("_pp_consent", f"1.{int(time.time())}")
    shop.client.post("/checkout")
    assert shop.sealed
    shop.client.post("/refuse")
    assert sent(shop)  # accepted, as any event; the outbox knows who withdrew
    assert pixelpair.flush(10) == 0
    assert sink.events == []


def test_who_has_not_agreed_has_no_seal(
    make: Make, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    shop = make(consent="required")
    shop.client.post("/checkout")
    with caplog.at_level("INFO", "pixelpair"):
        assert (shop.sealed, sent(shop)) == ("", False)
    assert "the order has no seal" in caplog.text
    assert "ERROR" not in caplog.text
    assert shop.tracker.counts["not sealed"] == 1


@pytest.mark.parametrize("sealed", ["nonsense", "a.b", 7, "x" * 600])
def test_nobody_else_makes_a_seal(
    make: Make, sealed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    make()
    assert not pixelpair.send("Purchase", sealed=sealed, order_id="1001", **FACTS)
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert line.startswith("send(): the seal cannot be opened: it ")


def test_seal_that_was_changed_opens_no_more(make: Make, sink: Sink) -> None:
    shop = make()
    shop.client.post("/checkout")
    shop.sealed = ("a" if shop.sealed[0] != "a" else "b") + shop.sealed[1:]
    assert not sent(shop)
    assert pixelpair.flush(10) == 0
    assert sink.events == []


def test_named_pixel_says_whose_order_it_is(make: Make, sink: Sink) -> None:
    one, other = make(), make(pixel_id="222")
    one.client.post("/checkout")
    assert not sent(one)
    assert sent(one, pixel_id=PIXEL)
    assert pixelpair.flush(10) == 0
    assert [path.split("/")[2] for path in sink.paths] == [PIXEL]
    assert not sent(other, pixel_id="333")


def test_closed_tracker_is_asked_last(make: Make) -> None:
    for number in range(8):
        make(currency="SEK" if number % 2 else "EUR").tracker.close()
    living = make()
    living.client.post("/checkout")
    assert sent(living)
    assert list(living.tracker.spool.glob("*.pxj"))


def test_what_fails_never_reaches_the_payment(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop = make()
    shop.client.post("/checkout")
    monkeypatch.setattr(Tracker, "has", lambda *_: 1 / 0)
    assert not sent(shop)
    assert "ZeroDivisionError" in caplog.text


SCRIPT = """
import pixelpair, sys
print(pixelpair.send("Purchase", sealed=sys.argv[1], order_id="1001", value=178, currency="SEK"))
"""


def test_process_that_served_no_page_needs_the_environment_alone(
    make: Make, sink: Sink, tmp_path: Path
) -> None:
    shop = make()
    shop.client.post("/checkout")
    told = {"PIXEL_ID": PIXEL, "ACCESS_TOKEN": "t", "SECRET": SECRET, "GRAPH_URL": sink.url}
    told["SPOOL"] = str(tmp_path / "elsewhere")
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PIXELPAIR_")}
    environ |= {f"PIXELPAIR_{name}": value for name, value in told.items()}
    command = [sys.executable, "-W", "error", "-c", SCRIPT, shop.sealed]
    done = subprocess.run(
        command,
        env=environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert sink.ids == {PURCHASE: 1}  # a normal exit sends


# --- whether it is paid --------------------------------------------------------------------------

ANSWERS = [(True, 1), (None, 1), ("no", 1), (0, 1), (False, 0)]


@pytest.mark.parametrize(("answer", "purchases"), ANSWERS)
def test_page_of_an_unpaid_order_makes_no_purchase(
    make: Make, sink: Sink, answer: object, purchases: int
) -> None:
    asked: list[str] = []

    def is_paid(environ: dict[str, Any], order_id: str) -> object:
        asked.append(f"{environ['PATH_INFO']} {order_id}")
        return answer

    shop = make(purchase_status=is_paid)
    page = shop.client.get("/orders/1001/complete").text
    assert pixelpair.flush(10) == 0
    assert asked == ["/orders/1001/complete 1001"]
    assert (page.count(f'"{PURCHASE}"'), sink.ids[PURCHASE]) == (purchases, purchases)
    assert shop.tracker.counts["not paid yet"] == 1 - purchases


MORE = {"net_revenue": 41.2, "currency": "SEK", "customer_segmentation": "new"}


def test_function_may_say_more_of_a_paid_order(make: Make, sink: Sink) -> None:
    shop = make(purchase_status=lambda _environ, _order_id: MORE)
    page = shop.client.get("/orders/1001/complete").text
    assert pixelpair.flush(10) == 0
    assert '"net_revenue":41.2' in page
    assert '"customer_segmentation":"new"' in page
    assert sink.ids[PURCHASE] == 1


def test_purchase_that_waited_leaves_with_the_payment_and_the_page_after_it(
    make: Make, sink: Sink
) -> None:
    paid: list[bool] = []
    shop = make(purchase_status=lambda _environ, _order_id: bool(paid))
    shop.client.post("/checkout")
    before = shop.client.get("/orders/1001/complete").text
    paid.append(sent(shop))
    after = shop.client.get("/orders/1001/complete").text
    assert pixelpair.flush(10) == 0
    assert sink.ids == {PURCHASE: 1}
    assert (PURCHASE in before, PURCHASE in after) == (False, True)


def test_question_that_fails_is_said_and_counts_as_not_asked(
    make: Make, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    shop = make(purchase_status=lambda _environ, _order_id: 1 / 0)
    assert PURCHASE in shop.client.get("/orders/1001/complete").text
    assert "PIXELPAIR_PURCHASE_STATUS: the callable of the shop failed" in caplog.text


def test_page_that_waits_for_consent_holds_no_unpaid_purchase(make: Make) -> None:
    """Its events would leave when the visitor agrees."""
    paid = [False]
    shop = make(consent="required", purchase_status=lambda *_: paid[-1])
    before = shop.client.get("/orders/1001/complete").text
    paid.append(True)
    after = shop.client.get("/orders/1001/complete").text
    assert [PURCHASE in page for page in (before, after)] == [False, True]


def test_nobody_else_is_asked_whether_it_is_paid(make: Make) -> None:
    asked: list[object] = []
    shop = make(purchase_status=lambda *given: asked.append(given), page_view="both")
    shop.client.get("/")
    shop.client.post("/checkout")
    shop.client.get("/orders/1001/complete", headers={"User-Agent": "Googlebot/2.1"})
    assert asked == []


def test_pages_that_are_merely_viewed_go_the_usual_way(make: Make) -> None:
    front = make(purchase_status=lambda *_: False).tracker._front
    assert front is not None
    assert (front.shop.plain, front.shop.curious) == (True, True)


@pytest.mark.parametrize("is_async", [False, True])
async def test_is_asked_under_asgi_too(
    make: Make, sink: Sink, tmp_path: Path, is_async: bool
) -> None:
    asked: list[str] = []

    def is_paid(scope: Any, order_id: str) -> bool:
        asked.append(order_id)
        return False

    async def is_paid_there(scope: Any, order_id: str) -> bool:
        return is_paid(scope, order_id)

    async def complete(request: Any) -> HTMLResponse:
        pixelpair.track("Purchase", order_id="1001", **FACTS)
        return HTMLResponse("<!doctype html><html><head></head><body></body></html>")

    async def basket(request: Any) -> JSONResponse:
        pixelpair.track("Purchase", order_id="1002", **FACTS)
        return JSONResponse({})

    told = {"pixel_id": PIXEL, "access_token": "t", "secret": SECRET, "graph_url": sink.url}
    told |= {"spool": str(tmp_path / "asgi"), "routes": "none"}
    asks = is_paid_there if is_async else is_paid
    settings = Settings(**told, purchase_status=asks)
    app = Starlette(routes=[Route("/thanks", complete), Route("/json", basket, methods=["POST"])])
    door = PixelPairMiddleware(app, settings)
    transport = httpx.ASGITransport(door)
    shop = httpx.AsyncClient(transport=transport, base_url="http://shop.example", headers=BROWSER)
    async with shop as client:
        page = await client.get("/thanks")
        answer = await client.post("/json")
    door.tracker.close()
    assert asked == ["1001", "1002"]
    assert '["Purchase"' not in page.text
    assert "_pixelpair_" not in answer.headers.get("set-cookie", "")
    assert [event["event_name"] for event in sink.events] == ["PageView"]
