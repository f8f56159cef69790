"""What this shop tells Meta of its customers' acts. Nothing is sent: see docs/testing.md."""

import payments
import pytest
from app import create_app
from itsdangerous import URLSafeSerializer

TEA = "TEA-SENCHA-100"
BUYER = {
    "email": "anna@example.com",
    "first_name": "Anna",
    "last_name": "Åkesson",
    "address": "Storgatan 1",
    "zip": "411 03",
    "city": "Göteborg",
    "country": "SE",
}


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.sqlite3"))
    return create_app().test_client()


def order(client, **fields):
    """Put a tea into the cart and order it; the answer is the redirect to the thank-you page."""
    client.post("/cart/add", data={"content_id": TEA, "quantity": "1"})
    client.get("/checkout")
    return client.post("/checkout", data={**BUYER, **fields})


def test_looking_at_a_tea(client, pixelpair_events):
    client.get(f"/products/{TEA}")
    pixelpair_events.pair("ViewContent").has(value="89.00", currency="SEK", content_ids=[TEA])
    assert pixelpair_events.names() == ["PageView", "ViewContent"]
    pixelpair_events.assert_no_lone_halves()


def test_putting_it_into_the_cart(client, pixelpair_events):
    client.post("/cart/add", data={"content_id": TEA, "quantity": "2"})
    pixelpair_events.pair("AddToCart").has(value=178, currency="SEK", content_ids=[TEA])


def test_what_is_refused_is_no_event(client, pixelpair_events):
    client.post("/cart/add", data={"content_id": TEA, "quantity": "0"})
    pixelpair_events.none("AddToCart")


def test_ordering_counts_once_however_often_the_page_is_opened(client, pixelpair_events):
    page = order(client, payment="card").location
    client.get(page)
    client.get(page)
    bought = pixelpair_events.pair("Purchase").has(value=89, currency="SEK", num_items=1)
    assert bought.data["order_id"] in page
    pixelpair_events.pair("InitiateCheckout").has(value=89)
    pixelpair_events.assert_no_lone_halves()


def test_an_invoice_is_a_purchase_when_it_is_paid(client, pixelpair_events, monkeypatch):
    monkeypatch.setattr(payments, "bill", lambda *_order: None)
    page = order(client, payment="invoice").location
    client.get(page)
    pixelpair_events.none("Purchase")

    number = page.split("/")[-2]
    signed = URLSafeSerializer(client.application.secret_key, salt="payments").dumps(number)
    assert client.post("/payments", data={"paid": signed}).status_code == 204
    pixelpair_events.lone("Purchase").has(value=89, currency="SEK", order_id=number)
    pixelpair_events.assert_no_lone_halves()


class TestWhoIsAskedFirst:
    @pytest.fixture
    def pixelpair_settings(self):
        return {"consent": "required"}

    def test_nothing_leaves_before_the_answer(self, client, pixelpair_events):
        client.get(f"/products/{TEA}")
        pixelpair_events.none()
        assert pixelpair_events.held == {"no consent": 2}

    def test_events_leave_once_they_agreed(self, client, pixelpair_events):
        client.set_cookie("_pp_consent", "1.1700000000")
        client.get(f"/products/{TEA}")
        pixelpair_events.pair("ViewContent")
