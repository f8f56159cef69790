"""The shop's pages. `track` stands only where the shop knows more than an address can say."""

import base64
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import forms
import goods
import payments
from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from goods import MOST_OF_EACH, Good, Line
from store import Store
from werkzeug.security import generate_password_hash
from werkzeug.wrappers import Response

import pixelpair

shop = Blueprint("shop", __name__)
CUSTOMER_VALUE = 50  # what a new account is worth to this shop, by its own estimate
PERSON = (
    "email", "phone", "first_name", "last_name", "date_of_birth", "city", "zip", "country",
)  # fmt: skip


@shop.get("/")
def home() -> str:
    return render_template("home.html", goods=goods.GOODS, chosen=None)


@shop.get("/categories/<slug>")
def category(slug: str) -> str:
    if slug not in goods.CATEGORIES:
        abort(404)
    found = [good for good in goods.GOODS if good.category == slug]
    return render_template("home.html", goods=found, chosen=slug)


@shop.get("/search")
def search() -> str:
    text = request.args.get("q", "").strip()
    return render_template("search.html", text=text, goods=goods.search(text))


@shop.get("/products/<content_id>")
def product(content_id: str) -> str:
    good = goods.find(content_id) or abort(404)
    pixelpair.track("ViewContent", content_name=good.name, **_facts([_line(good, 1)]))
    return render_template("product.html", good=good)


@shop.post("/cart/add")
def add() -> Response:
    good = goods.find(request.form.get("content_id", ""))
    quantity = _whole(request.form.get("quantity", "1"))
    cart = _cart()
    if problem := _refusal(good, quantity, cart):
        pixelpair.discard("AddToCart")
        flash(problem, "error")
        return redirect(url_for(".product", content_id=good.sku) if good else url_for(".home"))
    _keep({**cart, good.sku: cart.get(good.sku, 0) + quantity})
    pixelpair.track("AddToCart", **_facts([_line(good, quantity)]))
    flash(f"{quantity} × {good.name} added to your cart.", "success")
    return redirect(url_for(".cart"))


@shop.get("/cart")
def cart() -> str:
    return render_template("cart.html", **_summary())


@shop.post("/cart/update")
def update() -> Response:
    cart, sku = _cart(), request.form.get("content_id", "")
    quantity = _whole(request.form.get("quantity", ""))
    if sku not in cart or quantity is None or quantity > MOST_OF_EACH:
        flash(f"Choose between 1 and {MOST_OF_EACH} of each, or 0 to remove it.", "error")
    else:
        _keep({**cart, sku: quantity})
        flash("Your cart is up to date.", "success")
    return redirect(url_for(".cart"))


@shop.post("/cart/remove")
def remove() -> Response:
    _keep({**_cart(), request.form.get("content_id", ""): 0})
    flash("Removed from your cart.", "success")
    return redirect(url_for(".cart"))


@shop.get("/checkout")
def checkout() -> str | Response:
    summary = _summary()
    lines = summary["lines"]
    if not lines:
        return redirect(url_for(".cart"))
    session.setdefault("order", _new_number())
    pixelpair.track("InitiateCheckout", num_items=summary["count"], **_facts(lines))
    typed = {"country": "SE"} | (_customer() or {})
    return render_template(
        "checkout.html", fields=forms.CHECKOUT, typed=typed, problems={}, **summary
    )


@shop.post("/checkout")
def place_order() -> str | Response:
    summary = _summary()
    if not summary["lines"]:
        return _already_bought()
    typed = forms.read(forms.CHECKOUT, request.form)
    if found := forms.problems(forms.CHECKOUT, typed):
        return render_template(
            "checkout.html", fields=forms.CHECKOUT, typed=typed, problems=found, **summary
        )
    number = session.setdefault("order", _new_number())
    pixelpair.identify(**_person(typed))
    buyer = session.get("customer"), typed
    _store().place(number, *buyer, summary["lines"], pixel=pixelpair.seal())
    if typed["payment"] == "invoice":
        payments.bill(number, request.environ["SERVER_PORT"], current_app.secret_key)
    else:
        _store().pay(number)
    _keep({})
    session["bought"] = number
    return redirect(url_for(".complete", order_id=number))


@shop.get("/orders/<order_id>/complete")
def complete(order_id: str) -> str:
    order = _store().order(order_id) or abort(404)
    if order.paid:
        pixelpair.track("Purchase", num_items=_count(order.lines), **_facts(order.lines))
    else:
        pixelpair.discard("Purchase")  # it leaves when the order is paid
    # Whoever merely opens a forwarded link is not the buyer.
    if session.get("bought") == order.number:
        pixelpair.identify(**_person(order.buyer))
    return render_template("complete.html", order=order)


@shop.get("/orders/<order_id>/paid")
def is_paid(order_id: str) -> dict[str, bool]:
    """What the order's page asks once a second."""
    order = _store().order(order_id) or abort(404)
    return {"paid": order.paid}


@shop.post("/payments")
def take_payment() -> tuple[str, int]:
    """The payment provider's call, seconds or days later: no visitor is here, the seal speaks."""
    number = payments.paid(request.form.get("paid", ""), current_app.secret_key) or abort(403)
    _store().pay(number)
    order = _store().order(number) or abort(404)
    facts = {"order_id": number, "num_items": _count(order.lines), **_facts(order.lines)}
    pixelpair.send("Purchase", sealed=order.pixel, **facts)
    return "", 204


@shop.get("/register")
def register() -> str:
    return render_template("register.html", fields=forms.REGISTER, typed={}, problems={})


@shop.post("/register")
def create_account() -> str | Response:
    typed = forms.read(forms.REGISTER, request.form)
    found = forms.problems(forms.REGISTER, typed)
    customer = None if found else _sign_up(typed)
    if customer is None:
        found = found or {"email": "This address already has an account."}
        return render_template("register.html", fields=forms.REGISTER, typed=typed, problems=found)
    pixelpair.track(
        "CompleteRegistration", value=CUSTOMER_VALUE, currency=goods.CURRENCY, status=True
    )
    pixelpair.identify(**_person(typed))
    session["customer"] = customer
    return redirect(url_for(".account"))


@shop.get("/account")
def account() -> str | Response:
    if not (customer := _customer()):
        return redirect(url_for(".register"))
    orders = _store().orders_of(session["customer"])
    return render_template("account.html", customer=customer, orders=orders)


@shop.app_context_processor
def header() -> dict[str, object]:
    return {"customer": _customer(), "cart_count": _count(goods.lines(_cart()))}


@shop.app_errorhandler(404)
def missing(_: Exception) -> tuple[str, int]:
    return render_template("missing.html"), 404


def _store() -> Store:
    return current_app.extensions["store"]


def _customer() -> dict[str, str] | None:
    number = session.get("customer")
    return _store().customer(number) if number else None


def _sign_up(typed: dict[str, str]) -> int | None:
    return _store().add_customer(typed | {"password": generate_password_hash(typed["password"])})


def _cart() -> dict[str, int]:
    return session.get("cart", {})


def _keep(cart: dict[str, int]) -> None:
    """A changed cart is another order: the old one's number goes."""
    session["cart"] = {sku: quantity for sku, quantity in cart.items() if quantity}
    session.pop("order", None)


def _new_number() -> str:
    """80 random bits: whoever has the number may see the order."""
    return base64.b32encode(secrets.token_bytes(10)).decode()


def _already_bought() -> Response:
    """A second click on "Place order" belongs to the order that the first one placed."""
    number = session.get("bought")
    return redirect(url_for(".complete", order_id=number) if number else url_for(".cart"))


def _summary() -> dict[str, Any]:
    lines = goods.lines(_cart())
    return {"lines": lines, "count": _count(lines), "total": goods.total(lines)}


def _count(lines: Iterable[Line]) -> int:
    return sum(line.quantity for line in lines)


def _line(good: Good, quantity: int) -> Line:
    return Line(good.sku, good.name, quantity, good.price)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,3}", text) else None


def _refusal(good: Good | None, quantity: int | None, cart: dict[str, int]) -> str | None:
    if good is None:
        return "We do not sell that."
    if good.sold_out:
        return f"{good.name} is sold out."
    if not quantity or cart.get(good.sku, 0) + quantity > MOST_OF_EACH:
        return f"Choose between 1 and {MOST_OF_EACH} of each."
    return None


def _facts(lines: Sequence[Line]) -> dict[str, Any]:
    """What the event says of these lines; kronor become floats only here, for JSON."""
    return {
        "content_ids": [line.sku for line in lines],
        "content_type": "product",
        "contents": [
            {"id": line.sku, "quantity": line.quantity, "item_price": line.unit_price / 100}
            for line in lines
        ],
        "value": goods.total(lines) / 100,
        "currency": goods.CURRENCY,
    }


def _person(details: Mapping[str, str]) -> dict[str, str]:
    return {name: details[name] for name in PERSON if details.get(name)}
