"""For a shop's own models: an order that keeps its visitor, and tells Meta when it is paid.

Nothing imports it but the shop; the mixin is abstract, so no app of ours needs to be installed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models, router, transaction
from django.dispatch import Signal, receiver
from django.utils import timezone

from pixelpair.asking import ask
from pixelpair.core.exchange import CURRENT
from pixelpair.core.sealed import ROOM
from pixelpair.django.users import user_of
from pixelpair.verbs import seal, send

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    from pixelpair.core.inquiry import Inquiry

# `purchase_paid.send(Order, order=order, order_id=…, value=…, currency=…)`: for code that learns
# of payments and knows nothing of pixelpair's models.
purchase_paid = Signal()


class PixelOrderMixin(models.Model):  # type: ignore[misc]
    """`class Order(PixelOrderMixin, models.Model)`: two columns, and what fills them.

    `keep_pixel(request)` in the checkout, before `save()`; `send_purchase(…)` when it is paid.
    """

    pixel = models.CharField(max_length=ROOM, blank=True, default="", editable=False)
    pixel_sent = models.DateTimeField(null=True, blank=True, default=None, editable=False)

    class Meta:
        abstract = True

    def keep_pixel(self, request: HttpRequest | None = None) -> None:
        """Seal the visitor of the request that is being served, for `save()` to keep.

        With `request`, what the shop's callables and its user object know of the customer is asked
        first, as before an answer; it may load the user. In an async view call it in a thread.
        """
        exchange = CURRENT.get()
        if request is None or exchange is None:
            self.pixel = seal()
        else:
            self.pixel = exchange.seal(partial(_learn, request=request))

    def send_purchase(
        self,
        *,
        order_id: object,
        value: object,
        currency: object = None,
        occurred_at: datetime | float | None = None,
        pixel_id: str | None = None,
        **data: Any,
    ) -> bool:
        """Send the Purchase once; whether it was accepted, now or before.

        Only then `pixel_sent` is set: what failed is sent by the next webhook, or by a task that
        looks for orders without it. Who are at it at the same time all send, under one event id.
        """
        orders = type(self)._base_manager.using(_writing(self)).filter(pk=self.pk)
        sent = orders.values_list("pixel_sent", flat=True).first()
        if sent is None:
            data |= {"order_id": order_id, "value": value, "currency": currency}
            visitor, when = self.pixel, _aware(occurred_at)
            if not send("Purchase", sealed=visitor, occurred_at=when, pixel_id=pixel_id, **data):
                return False
            sent = timezone.now()
            orders.filter(pixel_sent__isnull=True).update(pixel_sent=sent)
        self.pixel_sent = sent
        return True


@receiver(purchase_paid, dispatch_uid="pixelpair")  # type: ignore[untyped-decorator]
def _when_paid(signal: object, sender: object, order: Any, **data: object) -> None:
    """Once it is certain: a payment that is rolled back was none."""
    purchase = partial(order.send_purchase, **data)
    transaction.on_commit(purchase, using=_writing(order), robust=True)


def _writing(order: models.Model) -> str:
    """Where an order is kept: it may have been read from a replica, which takes no word."""
    return str(router.db_for_write(type(order), instance=order))


def _learn(inquiry: Inquiry, request: HttpRequest) -> None:
    ask(inquiry)
    inquiry.learn(lambda: user_of(request, load=inquiry.wants_user))


def _aware(when: Any) -> Any:
    """Django's own times have no zone where USE_TZ is off."""
    naive = hasattr(when, "tzinfo") and timezone.is_naive(when)
    return timezone.make_aware(when) if naive else when
