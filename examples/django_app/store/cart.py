"""The cart: so many of each product, kept in the session as {sku: quantity}."""

from collections.abc import Iterable
from decimal import Decimal

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from store.models import Category, OrderLine, Product, new_number

MOST_OF_EACH = 20


def contents(session: SessionBase) -> dict[str, int]:
    return session.get("cart", {})


def keep(session: SessionBase, cart: dict[str, int]) -> None:
    """A changed cart is another order: the old one's number goes."""
    session["cart"] = {sku: quantity for sku, quantity in cart.items() if quantity}
    session.pop("order", None)


def order_number(session: SessionBase) -> str:
    """The number this cart's order will have: a double click places one order, not two."""
    return session.setdefault("order", new_number())


def line(product: Product, quantity: int) -> OrderLine:
    return OrderLine(
        product=product, name=product.name, quantity=quantity, unit_price=product.price
    )


def lines(session: SessionBase) -> list[OrderLine]:
    """The cart's lines at today's prices, without what is no longer sold."""
    cart = contents(session)
    if not cart:
        return []
    products = Product.objects.filter(sku__in=cart, sold_out=False)
    return [line(product, cart[product.sku]) for product in products]


def total(of: Iterable[OrderLine]) -> Decimal:
    return sum((each.total for each in of), Decimal())


def count(of: Iterable[OrderLine]) -> int:
    return sum(each.quantity for each in of)


def header(request: HttpRequest) -> dict[str, object]:
    """What every page shows: the context processor of the templates."""
    held = lines(request.session)
    return {
        "cart_count": count(held),
        "categories": dict(Category.choices),
        "most": MOST_OF_EACH,
    }
