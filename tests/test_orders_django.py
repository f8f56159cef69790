"""The mixin for a Django shop's orders: what it keeps, what it sends, and when it says so."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, models, transaction
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

import pixelpair
from pixelpair import Settings, Tracker
from pixelpair.core.sealed import opened
from pixelpair.tracker import LIVING
from tests.conftest import BROWSER
from tests.delivery.sink import Sink
from tests.doors.django_shop import DOOR, Door

# Behind the settings that the line above makes.
from pixelpair.django import orders  # isort: skip
from pixelpair.django.orders import PixelOrderMixin, purchase_paid  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from django.http import HttpRequest

    Open = Callable[..., Tracker]

SECRET = "of-these-tests"
FACTS: dict[str, Any] = {"order_id": "1001", "value": 178, "currency": "SEK"}
ANNA = SimpleNamespace(is_authenticated=True, email="anna@example.com")


class Order(PixelOrderMixin, models.Model):
    number = models.CharField(max_length=20, primary_key=True)

    class Meta:
        app_label = "orders_of_these_tests"


def checkout(request: HttpRequest) -> HttpResponse:
    order = Order(number="1001")
    if "anna" in request.GET:
        request.user = ANNA
    if "for" in request.GET:
        pixelpair.identify(email=request.GET["for"])
    order.keep_pixel(request if "asks" in request.GET else None)
    order.save()
    return HttpResponse(status=204)


def everybody(request: HttpRequest) -> bool:
    return True


urlpatterns = [path("checkout", checkout)]


@pytest.fixture(autouse=True)
def table() -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.create_model(Order)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Order)


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def opens(tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    made: list[Tracker] = []

    def tracker(**options: Any) -> Tracker:
        told = {"pixel_id": "1234567890", "access_token": "t", "graph_url": sink.url}
        told |= {"secret": SECRET, "spool": str(tmp_path / "spool"), "page_view": "off"}
        made.append(Tracker(Settings(**told | options)))
        monkeypatch.setattr("pixelpair.verbs.LIVING", made)
        Door.TRACKERS.append(made[-1])
        return made[-1]

    with override_settings(MIDDLEWARE=[DOOR], ROOT_URLCONF=__name__):
        yield tracker
    for one in made:
        one.close()
        Door.TRACKERS.remove(one)


@pytest.fixture
def tracker(opens: Open) -> Tracker:
    return opens()


def ordered(query: str = "") -> Order:
    Client(headers=BROWSER).post(f"/checkout?{query}")
    return Order.objects.get()


def who(order: Order) -> list[str]:
    """The customer information in an order's seal."""
    return list(hashed(order.pixel))


def hashed(sealed: str) -> Any:
    shop = next(
        one._front.shop for one in LIVING if one._front and one.settings.secret == (SECRET,)
    )
    checkout = opened(sealed, shop.sealing, datetime.now(UTC).timestamp())
    return checkout.visitor.hashed  # type: ignore[union-attr]


# --- at the checkout -----------------------------------------------------------------------------


def test_order_keeps_its_visitor(tracker: Tracker) -> None:
    order = ordered()
    assert 0 < len(order.pixel) <= 500
    assert (order.pixel_sent, who(order)) == (None, [])


def test_without_a_request_only_what_the_view_said_is_kept(opens: Open) -> None:
    opens(advanced_matching=True, identify=lambda _request: {"phone": "+46701234567"})
    assert who(ordered("anna&for=bo@example.com")) == ["em"]


def test_with_it_the_shop_is_asked_and_its_user_object(opens: Open) -> None:
    opens(advanced_matching=True, identify=lambda _request: {"phone": "+46701234567"})
    assert sorted(who(ordered("anna&asks"))) == ["em", "ph"]


def test_customer_of_the_view_goes_before_the_clerk_who_is_logged_in(opens: Open) -> None:
    opens(advanced_matching=True)
    of_view = hashed(ordered("for=bo@example.com").pixel)
    assert hashed(ordered("asks&anna&for=bo@example.com").pixel) == of_view


def test_nobody_is_identified_without_advanced_matching(tracker: Tracker) -> None:
    assert who(ordered("anna&asks&for=bo@example.com")) == []


def test_callable_that_says_no_leaves_no_seal(opens: Open) -> None:
    opens(consent=lambda _request: False)
    assert ordered("asks").pixel == ""


def test_staff_has_no_seal(opens: Open) -> None:
    opens(staff=f"{__name__}.everybody")
    assert ordered("asks").pixel == ""


# --- when it is paid -----------------------------------------------------------------------------


def test_purchase_is_sent_once_and_marked(tracker: Tracker, sink: Sink) -> None:
    order, again = ordered(), Order.objects.get()
    assert order.send_purchase(**FACTS, num_items=2)
    assert order.pixel_sent == Order.objects.get().pixel_sent is not None
    assert again.send_purchase(**FACTS)  # knows from the table
    assert again.pixel_sent == order.pixel_sent
    assert tracker.flush(10) == 0
    (event,) = sink.events
    assert event["custom_data"] == {**FACTS, "num_items": 2}


def test_two_that_send_at_once_are_one_event_and_the_first_mark_stays(
    tracker: Tracker, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other webhook comes between the look at the table and the mark."""
    order, real = ordered(), pixelpair.send
    marks: list[object] = []

    def slow(*given: Any, **told: Any) -> bool:
        monkeypatch.setattr(orders, "send", real)
        Order.objects.get().send_purchase(**FACTS)
        marks.append(Order.objects.get().pixel_sent)
        return real(*given, **told)

    monkeypatch.setattr(orders, "send", slow)
    assert order.send_purchase(**FACTS)
    assert [Order.objects.get().pixel_sent] == marks
    assert tracker.flush(10) == 0
    assert list(sink.ids.values()) == [1]


@pytest.mark.parametrize("wrong", [{"value": None}, {"order_id": None}, {"currency": "kronor"}])
def test_what_is_not_accepted_is_not_marked(
    tracker: Tracker, sink: Sink, wrong: dict[str, Any]
) -> None:
    order = ordered()
    assert not order.send_purchase(**FACTS | wrong)
    assert (order.pixel_sent, Order.objects.get().pixel_sent) == (None, None)
    assert order.send_purchase(**FACTS)
    assert tracker.flush(10) == 0
    assert len(sink.events) == 1


def test_order_without_a_seal_is_never_sent(tracker: Tracker) -> None:
    Order(number="1001").save()
    order = Order.objects.get()
    assert not order.send_purchase(**FACTS)
    assert order.pixel_sent is None


def test_time_without_a_zone_is_djangos(tracker: Tracker, sink: Sink) -> None:
    now = datetime.now(UTC)
    with override_settings(USE_TZ=True, TIME_ZONE="UTC"):
        assert ordered().send_purchase(**FACTS, occurred_at=now.replace(tzinfo=None))
    assert tracker.flush(10) == 0
    assert sink.events[0]["event_time"] == int(now.timestamp())


class Replicas:
    """A project's router: reads go to a replica, which here is a database without the table."""

    def db_for_read(self, model: object, **hints: object) -> str:
        return "replica"

    def db_for_write(self, model: object, **hints: object) -> str:
        return "default"


def test_order_that_a_replica_gave_is_marked_where_it_is_kept(tracker: Tracker) -> None:
    """Seen: the event left, and then the webhook failed at a database that takes no word."""
    order = ordered()
    order._state.db = "replica"
    with override_settings(DATABASE_ROUTERS=[Replicas()]):
        assert order.send_purchase(**FACTS)
        purchase_paid.send(Order, order=order, **FACTS)
    assert Order.objects.get().pixel_sent is not None


# --- the signal ----------------------------------------------------------------------------------


def test_signal_sends_when_the_payment_is_certain(tracker: Tracker, sink: Sink) -> None:
    order = ordered()
    with transaction.atomic():
        purchase_paid.send(Order, order=order, **FACTS)
        assert Order.objects.get().pixel_sent is None
    assert Order.objects.get().pixel_sent is not None
    assert tracker.flush(10) == 0
    assert len(sink.events) == 1


def test_payment_that_is_rolled_back_was_none(tracker: Tracker, sink: Sink) -> None:
    order = ordered()
    with transaction.atomic():
        purchase_paid.send(Order, order=order, **FACTS)
        transaction.set_rollback(True)
    assert Order.objects.get().pixel_sent is None
    assert tracker.flush(10) == 0
    assert sink.events == []
