"""What only the shop knows: a customer's profile, and whether an order is paid."""

from typing import Any

from django.http import HttpRequest

from store.models import Order

PROFILE = ("email", "phone", "first_name", "last_name", "date_of_birth", "city")


def profile(request: HttpRequest) -> dict[str, Any] | None:
    """PIXELPAIR_IDENTIFY: asked on answers with an event, by the names of identify()."""
    if not request.user.is_authenticated:
        return None
    return {name: getattr(request.user, name) for name in PROFILE}


def is_paid(request: HttpRequest, order_id: str) -> bool:
    """PIXELPAIR_PURCHASE_STATUS: asked before a page's Purchase leaves; unpaid orders wait."""
    return Order.objects.filter(number=order_id, paid_at__isnull=False).exists()
