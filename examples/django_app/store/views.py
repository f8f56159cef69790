"""The shop's pages. `track` stands only where the shop knows more than an address can say."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.forms import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import pixelpair
from store import cart, payments
from store.forms import CheckoutForm, RegisterForm
from store.models import CURRENCY, Category, Order, OrderLine, Product

CUSTOMER_VALUE = 50  # what a new account is worth to this shop, by its own estimate
PERSON = ("email", "phone", "first_name", "last_name", "city", "zip", "country")
STATIC = Path(__file__).with_name("static")
STATIC_FILES = {
    "shop.css": "text/css; charset=utf-8",
    "goods.svg": "image/svg+xml",
    "icon.svg": "image/svg+xml",
}
page_with_form = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "store/home.html", {"goods": Product.objects.all()})


@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in Category.values:
        raise Http404
    found = {"goods": Product.objects.filter(category=slug), "chosen": Category(slug)}
    return render(request, "store/home.html", found)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    return render(request, "store/search.html", {"text": text, "goods": _matching(text)})


@require_safe
def product(request: HttpRequest, content_id: str) -> HttpResponse:
    good = get_object_or_404(Product, sku=content_id)
    pixelpair.track("ViewContent", content_name=good.name, **_facts([cart.line(good, 1)]))
    return render(request, "store/product.html", {"good": good})


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    good = Product.objects.filter(sku=request.POST.get("content_id", "")).first()
    quantity = _whole(request.POST.get("quantity", "1"))
    held = cart.contents(request.session)
    if problem := _refusal(good, quantity, held):
        pixelpair.discard("AddToCart")
        messages.error(request, problem)
        return redirect("product", good.sku) if good else redirect("home")
    cart.keep(request.session, {**held, good.sku: held.get(good.sku, 0) + quantity})
    pixelpair.track("AddToCart", **_facts([cart.line(good, quantity)]))
    messages.success(request, f"{quantity} × {good.name} added to your cart.")
    return redirect("cart")


@require_safe
def cart_page(request: HttpRequest) -> HttpResponse:
    return render(request, "store/cart.html", _summary(request))


@require_POST
def update(request: HttpRequest) -> HttpResponse:
    held, sku = cart.contents(request.session), request.POST.get("content_id", "")
    quantity = _whole(request.POST.get("quantity", ""))
    if sku not in held or quantity is None or quantity > cart.MOST_OF_EACH:
        most = cart.MOST_OF_EACH
        messages.error(request, f"Choose between 1 and {most} of each, or 0 to remove it.")
    else:
        cart.keep(request.session, {**held, sku: quantity})
        messages.success(request, "Your cart is up to date.")
    return redirect("cart")


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    held = cart.contents(request.session)
    cart.keep(request.session, {**held, request.POST.get("content_id", ""): 0})
    messages.success(request, "Removed from your cart.")
    return redirect("cart")


@page_with_form
def checkout(request: HttpRequest) -> HttpResponse:
    summary = _summary(request)
    if request.method == "POST":
        return _place_order(request, summary)
    if not summary["lines"]:
        return redirect("cart")
    cart.order_number(request.session)
    pixelpair.track("InitiateCheckout", num_items=summary["count"], **_facts(summary["lines"]))
    known = model_to_dict(request.user) if request.user.is_authenticated else {}
    form = CheckoutForm(initial={"country": "SE"} | known)
    return render(request, "store/checkout.html", summary | {"form": form})


@require_safe
def complete(request: HttpRequest, order_id: str) -> HttpResponse:
    order = get_object_or_404(Order.objects.prefetch_related("lines__product"), number=order_id)
    lines = order.lines.all()
    # It leaves if `visitors.is_paid` says so; else with the payment.
    pixelpair.track("Purchase", num_items=cart.count(lines), **_facts(lines))
    # Whoever merely opens a forwarded link is not the buyer.
    if request.session.get("bought") == order.number:
        pixelpair.identify(**_person(model_to_dict(order)))
    return render(request, "store/complete.html", {"order": order, "lines": lines})


@require_safe
def is_paid(request: HttpRequest, order_id: str) -> HttpResponse:
    """What the order's page asks once a second."""
    order = get_object_or_404(Order, number=order_id)
    return JsonResponse({"paid": order.paid_at is not None})


@csrf_exempt
@require_POST
def take_payment(request: HttpRequest) -> HttpResponse:
    """The payment provider's call, seconds or days later: no visitor is here, the seal speaks."""
    number = payments.paid(request.POST.get("paid", ""))
    if number is None:
        return HttpResponse(status=403)
    Order.objects.filter(number=number, paid_at=None).update(paid_at=timezone.now())
    order = get_object_or_404(Order.objects.prefetch_related("lines__product"), number=number)
    lines = order.lines.all()
    order.send_purchase(order_id=number, num_items=cart.count(lines), **_facts(lines))
    return HttpResponse(status=204)


@page_with_form
def register(request: HttpRequest) -> HttpResponse:
    form = RegisterForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "store/register.html", {"form": form})
    customer = form.save(commit=False)
    customer.set_password(form.cleaned_data["password"])
    try:
        customer.save()
    except IntegrityError:
        form.add_error("email", "This address already has an account.")
        return render(request, "store/register.html", {"form": form})
    pixelpair.track("CompleteRegistration", value=CUSTOMER_VALUE, currency=CURRENCY, status=True)
    login(request, customer)
    return redirect("account")


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("register")
    orders = request.user.orders.prefetch_related("lines")
    return render(request, "store/account.html", {"orders": orders})


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "store/missing.html", status=404)


def static(request: HttpRequest, name: str) -> HttpResponse:
    """Three small files, served the same by every server; a real shop has WhiteNoise or nginx."""
    if name not in STATIC_FILES:
        raise Http404
    body = (STATIC / name).read_bytes()
    return HttpResponse(body, STATIC_FILES[name], headers={"Cache-Control": "max-age=300"})


def _place_order(request: HttpRequest, summary: dict[str, Any]) -> HttpResponse:
    if not summary["lines"]:
        return _already_bought(request)
    form = CheckoutForm(request.POST)
    if not form.is_valid():
        return render(request, "store/checkout.html", summary | {"form": form})
    order = form.save(commit=False)
    order.number = cart.order_number(request.session)
    order.customer = request.user if request.user.is_authenticated else None
    pixelpair.identify(**_person(form.cleaned_data))
    order.keep_pixel(request)
    by_invoice = form.cleaned_data["payment"] == "invoice"
    order.paid_at = None if by_invoice else timezone.now()
    _keep_once(order, summary["lines"])
    if by_invoice:
        payments.bill(order.number, request.get_port())
    cart.keep(request.session, {})
    request.session["bought"] = order.number
    return redirect("complete", order.number)


def _already_bought(request: HttpRequest) -> HttpResponse:
    """A second click on "Place order" belongs to the order that the first one placed."""
    number = request.session.get("bought")
    return redirect("complete", number) if number else redirect("cart")


def _keep_once(order: Order, lines: list[OrderLine]) -> None:
    try:
        with transaction.atomic():
            order.save(force_insert=True)
            for line in lines:
                line.order = order
            OrderLine.objects.bulk_create(lines)
    except IntegrityError:
        return  # the same number again, as after a double click: that order stands


def _matching(text: str) -> QuerySet[Product]:
    """The goods in which every word of `text` occurs; none when it has no words."""
    found = Product.objects.all() if text else Product.objects.none()
    for word in text.split():
        found = found.filter(
            Q(name__icontains=word) | Q(category__icontains=word) | Q(description__icontains=word)
        )
    return found


def _summary(request: HttpRequest) -> dict[str, Any]:
    lines = cart.lines(request.session)
    return {"lines": lines, "count": cart.count(lines), "total": cart.total(lines)}


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,3}", text) else None


def _refusal(good: Product | None, quantity: int | None, held: Mapping[str, int]) -> str | None:
    if good is None:
        return "We do not sell that."
    if good.sold_out:
        return f"{good.name} is sold out."
    if not quantity or held.get(good.sku, 0) + quantity > cart.MOST_OF_EACH:
        return f"Choose between 1 and {cart.MOST_OF_EACH} of each."
    return None


def _facts(lines: Sequence[OrderLine]) -> dict[str, Any]:
    """What the event says of these lines; Decimals become floats only here, for JSON."""
    return {
        "content_ids": [line.product.sku for line in lines],
        "content_type": "product",
        "contents": [
            {
                "id": line.product.sku,
                "quantity": line.quantity,
                "item_price": float(line.unit_price),
            }
            for line in lines
        ],
        "value": float(cart.total(lines)),
        "currency": CURRENCY,
    }


def _person(details: Mapping[str, Any]) -> dict[str, str]:
    return {name: details[name] for name in PERSON if details.get(name)}
