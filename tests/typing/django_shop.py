"""A Django shop, as mypy reads it."""

from datetime import UTC, datetime
from decimal import Decimal

from pixelpair.django import PixelPairMiddleware
from pixelpair.django.orders import PixelOrderMixin, purchase_paid


class Order(PixelOrderMixin):
    pass


def paid(order: Order) -> bool:
    return order.send_purchase(order_id=1, value=Decimal("8.90"), currency="EUR")


def paid_before(order: Order) -> bool:
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return order.send_purchase(order_id="1", value=8.9, occurred_at=when, content_ids=["TEA"])


Order().keep_pixel()
purchase_paid.send(Order, order=Order(), order_id=1, value=8.9, currency="EUR")
middleware = PixelPairMiddleware(lambda request: request)

Order().send_purchase()  # type: ignore[call-arg]
Order().send_purchase("1", 8.9)  # type: ignore[call-arg]
Order().send_purchase(order_id=1, value=1, occurred_at="today")  # type: ignore[arg-type]
PixelPairMiddleware()  # type: ignore[call-arg]
