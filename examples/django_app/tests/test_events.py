"""What this shop tells Meta of its customers' acts. Nothing is sent: see docs/testing.md."""

import pytest
from django.core import signing
from store import payments

pytestmark = pytest.mark.django_db

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


def order(client, **fields):
    """Put a tea into the cart and order it; the answer is the redirect to the thank-you page."""
    client.post("/cart/add", {"content_id": TEA, "quantity": "1"})
    client.get("/checkout")
    return client.post("/checkout", {**BUYER, **fields})


def test_looking_at_a_tea(client, pixelpair_events):
    client.get(f"/products/{TEA}")
    pixelpair_events.pair("ViewContent").has(value="89.00", currency="SEK", content_ids=[TEA])
    assert pixelpair_events.names() == ["PageView", "ViewContent"]
    pixelpair_events.assert_no_lone_halves()


def test_ordering_counts_once_however_often_the_page_is_opened(client, pixelpair_events):
    page = order(client, payment="card").url
    client.get(page)
    client.get(page)
    bought = pixelpair_events.pair("Purchase").has(value=89, currency="SEK", num_items=1)
    assert bought.data["order_id"] in page
    pixelpair_events.pair("AddToCart").has(value=89, content_ids=[TEA])
    pixelpair_events.assert_no_lone_halves()


def test_customers_are_known_by_their_profile(client, django_user_model, pixelpair_events):
    anna = django_user_model.objects.create(email="anna@example.com")
    client.force_login(anna)
    client.get(f"/products/{TEA}")
    assert len(pixelpair_events.pair("ViewContent").server["user_data"]["em"]) == 1


def test_an_invoice_is_a_purchase_when_it_is_paid(client, pixelpair_events, monkeypatch):
    monkeypatch.setattr(payments, "bill", lambda *_order: None)
    page = order(client, payment="invoice").url
    client.get(page)
    pixelpair_events.none("Purchase")

    number = page.split("/")[-2]
    paid = signing.dumps(number, salt="payments")
    assert client.post("/payments", {"paid": paid}).status_code == 204
    pixelpair_events.lone("Purchase").has(value=89, currency="SEK", order_id=number)
    pixelpair_events.assert_no_lone_halves()
