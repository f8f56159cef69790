"""The example shops as their customers meet them, and how little pixelpair asks of them."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from pixelpair.core.user_data import customer_information

from .conftest import running_sandbox, until
from .e2e.shops import shop as served
from .example_shops import (
    BUYER,
    DJANGO,
    FLASK,
    ROOT,
    SHOPS,
    SPAWN,
    Answer,
    Outline,
    Shop,
    Shops,
    django_key,
    flask_key,
    run,
)

PAGES = ("/", "/categories/green-tea", "/search", "/search?q=tea", "/cart", "/register")
SOLD_OUT = "TEA-GYOKURO-50"


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    opened = Shops(tmp_path_factory.mktemp("shops"))
    yield opened
    opened.close()


@pytest.fixture(params=SHOPS)
def shop(request, shops):
    shops[request.param].forget()
    return shops[request.param]


# --- looking around


@pytest.mark.parametrize("path", [*PAGES, "/products/TEA-SENCHA-100", f"/products/{SOLD_OUT}"])
def test_shows_page(shop, path):
    answer = shop.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text.startswith('<!doctype html>\n<html lang="en">\n<head>\n')
    assert re.search(r"<title>[^<]+ · Bryggan Tea</title>", answer.text)


@pytest.mark.parametrize("path", [*PAGES, "/products/TEA-SENCHA-100"])
def test_leaves_caching_of_pages_unsaid(shop, path):
    assert {"ETag", "Cache-Control", "Last-Modified", "Expires"}.isdisjoint(shop.get(path).headers)


@pytest.mark.parametrize(
    "path", ["/nope", "/products/nope", "/categories/nope", "/orders/NOPE/complete", "/static/x"]
)
def test_unknown_address_is_not_found(shop, path):
    assert shop.get(path).status == 404


def test_lists_all_goods(shop):
    assert shop.get("/").goods == [
        "TEA-SENCHA-100",
        "TEA-GENMAICHA-100",
        "TEA-GYOKURO-50",
        "TEA-EARLGREY-100",
        "TEA-ASSAM-250",
        "TEA-ROOIBOS-100",
        "WARE-POT-700",
        "WARE-CUP-200",
    ]


def test_category_lists_its_goods_only(shop):
    assert shop.get("/categories/black-tea").goods == ["TEA-EARLGREY-100", "TEA-ASSAM-250"]


@pytest.mark.parametrize(
    ("query", "goods"),
    [
        ("sencha", ["TEA-SENCHA-100"]),
        ("GREEN+brew", ["TEA-SENCHA-100", "TEA-GENMAICHA-100"]),
        ("black+tea", ["TEA-EARLGREY-100", "TEA-ASSAM-250"]),
        ("sencha+teapot", []),
        ("coffee", []),
        ("+", []),
    ],
)
def test_search_finds_goods_with_every_word(shop, query, goods):
    assert shop.get(f"/search?q={query}").goods == goods


def test_search_shows_markup_as_text(shop):
    page = shop.get("/search?q=%3Cscript%3Ex%22").text
    assert "<script>" not in page
    assert "&lt;script&gt;x" in page


# --- the cart


def test_cart_adds_up(shop):
    assert shop.add("TEA-ASSAM-250", "3").headers["Location"] == "/cart"
    shop.add("TEA-SENCHA-100")
    shop.add("TEA-SENCHA-100")
    page = shop.get("/cart")
    assert page.goods == ["TEA-SENCHA-100", "TEA-ASSAM-250"]
    assert page.element("cart-total") == "566.50 SEK"
    assert page.typed("quantity") == "2"
    assert '<span class="count">5<' in page.text


def test_cart_changes_quantity(shop):
    shop.add("WARE-CUP-200", "2")
    shop.get("/cart")
    answer = shop.post("/cart/update", content_id="WARE-CUP-200", quantity="7")
    assert (answer.status, answer.headers["Location"]) == (302, "/cart")
    assert shop.get("/cart").element("cart-total") == "833.00 SEK"


@pytest.mark.parametrize("act", [("remove", {}), ("update", {"quantity": "0"})])
def test_cart_removes_line(shop, act):
    verb, fields = act
    shop.add("WARE-CUP-200", "2")
    shop.add("WARE-POT-700")
    shop.get("/cart")
    shop.post(f"/cart/{verb}", content_id="WARE-CUP-200", **fields)
    assert shop.get("/cart").goods == ["WARE-POT-700"]


@pytest.mark.parametrize("quantity", ["21", "-1", "", "1.5", "٣"])
def test_cart_keeps_quantity_when_the_new_one_is_no_number_from_0_to_20(shop, quantity):
    shop.add("WARE-CUP-200", "2")
    shop.get("/cart")
    shop.post("/cart/update", content_id="WARE-CUP-200", quantity=quantity)
    page = shop.get("/cart")
    assert page.messages == ["Choose between 1 and 20 of each, or 0 to remove it."]
    assert page.element("cart-total") == "238.00 SEK"


def test_sold_out_good_is_not_added(shop):
    answer = shop.add(SOLD_OUT)
    assert (answer.status, answer.headers["Location"]) == (302, f"/products/{SOLD_OUT}")
    assert shop.get(f"/products/{SOLD_OUT}").messages == ["Gyokuro Okumidori is sold out."]
    assert shop.get("/cart").goods == []


def test_unknown_good_is_not_added(shop):
    shop.get("/products/TEA-SENCHA-100")
    answer = shop.post("/cart/add", content_id="TEA-NONE", quantity="1")
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    assert shop.get("/").messages == ["We do not sell that."]


@pytest.mark.parametrize("quantity", ["0", "21", "-1", "x", ""])
def test_impossible_quantity_is_not_added(shop, quantity):
    answer = shop.add("WARE-CUP-200", quantity)
    assert answer.headers["Location"] == "/products/WARE-CUP-200"
    assert shop.get("/cart").goods == []


def test_twenty_of_each_is_the_most_in_all(shop):
    shop.add("WARE-CUP-200", "15")
    shop.add("WARE-CUP-200", "6")
    page = shop.get("/cart")
    assert page.messages == ["Choose between 1 and 20 of each."]
    assert page.element("cart-total") == "1785.00 SEK"


# --- checkout


def test_checkout_of_empty_cart_leads_back_to_it(shop):
    shop.get("/register")
    assert shop.get("/checkout").headers["Location"] == "/cart"
    assert shop.post("/checkout", **BUYER).headers["Location"] == "/cart"


def test_checkout_shows_form_again_with_every_problem(shop):
    shop.add("WARE-CUP-200")
    shop.get("/checkout")
    page = shop.post("/checkout", email="anna@", last_name="Åkesson", phone="call me", country="XX")
    assert page.status == 200
    assert page.problems == [
        "email", "first_name", "phone", "address", "zip", "city", "country",
    ]  # fmt: skip
    assert page.typed("last_name") == "Åkesson"
    assert page.typed("email") == "anna@"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "anna"),
        ("email", "anna@example"),
        ("email", "an na@example.com"),
        ("phone", "12345"),
        ("phone", "070-123 45 67 89 01 23 45"),
        ("zip", "4"),
        ("zip", "411 03 / 2"),
        ("first_name", "   "),
        ("city", "x" * 101),
        ("country", ""),
    ],
)
def test_checkout_names_the_wrong_field(shop, field, value):
    shop.add("WARE-CUP-200")
    shop.get("/checkout")
    page = shop.post("/checkout", **{**BUYER, field: value})
    assert (page.status, page.problems) == (200, [field])


def test_order_shows_lines_and_total_and_empties_the_cart(shop):
    shop.add("TEA-SENCHA-100", "2")
    shop.add("TEA-ASSAM-250", "3")
    shop.get("/checkout")
    answer = shop.post("/checkout", **BUYER)
    assert answer.status == 302
    number = re.fullmatch(r"/orders/([A-Z2-7]{16})/complete", answer.headers["Location"])[1]
    page = shop.get(answer.headers["Location"])
    assert page.element("order-number") == number
    assert page.element("order-total") == "566.50 SEK"
    assert re.findall(r"(\d+) × ([\d.]+) SEK", page.text) == [("2", "89.00"), ("3", "129.50")]
    assert shop.get("/cart").goods == []


def test_order_page_tells_nothing_of_the_buyer(shop):
    shop.add("TEA-SENCHA-100")
    shop.get("/checkout")
    place = shop.post("/checkout", **BUYER).headers["Location"]
    shop.forget()
    page = shop.get(place)
    assert page.status == 200
    assert not [value for value in BUYER.values() if len(value) > 2 and value in page.text]


def test_second_click_places_no_second_order(shop):
    shop.add("TEA-SENCHA-100")
    shop.get("/checkout")
    first = shop.post("/checkout", **BUYER).headers["Location"]
    assert shop.post("/checkout", **BUYER).headers["Location"] == first


def test_next_cart_is_another_order(shop):
    places = set()
    for _ in range(2):
        shop.add("TEA-SENCHA-100")
        shop.get("/checkout")
        places.add(shop.post("/checkout", **BUYER).headers["Location"])
    assert len(places) == 2


# --- customers


def test_sign_up_opens_the_account(shop):
    answer = shop.sign_up(email="first@example.com")
    assert (answer.status, answer.headers["Location"]) == (302, "/account")
    page = shop.get("/account").text
    assert "Welcome, Anna" in page
    assert "first@example.com" in page


def test_account_lists_the_customers_orders(shop):
    shop.sign_up(email="buyer@example.com")
    shop.add("TEA-SENCHA-100", "2")
    form = shop.get("/checkout")
    assert [form.typed(name) for name in ("email", "last_name", "city")] == [
        "buyer@example.com", "Åkesson", "Göteborg",
    ]  # fmt: skip
    number = shop.post("/checkout", **BUYER).headers["Location"].split("/")[2]
    page = shop.get("/account").text
    assert number in page
    assert "178.00 SEK" in page
    assert "/complete" not in page


def test_account_without_sign_up_leads_there(shop):
    assert shop.get("/account").headers["Location"] == "/register"


def test_sign_up_shows_form_again_with_every_problem(shop):
    page = shop.sign_up(
        email="x", first_name=" ", last_name="", phone="0", date_of_birth="1990", password="7 chars"
    )
    assert page.status == 200
    assert page.problems == [
        "email", "first_name", "last_name", "phone", "date_of_birth", "password",
    ]  # fmt: skip
    assert page.typed("password") is None


def test_sign_up_refuses_address_that_has_an_account(shop):
    shop.sign_up(email="twice@example.com")
    shop.forget()
    page = shop.sign_up(email="Twice@Example.com")
    assert (page.status, page.problems) == (200, ["email"])
    assert "This address already has an account." in page.text


def test_sign_up_needs_no_phone_no_date_of_birth_and_no_city(shop):
    less = {"phone": "", "date_of_birth": "", "city": ""}
    assert shop.sign_up(email="short@example.com", **less).status == 302


@pytest.mark.parametrize("name", ["django", "django-asgi"])
def test_django_refuses_post_without_csrf_token(shops, name):
    shops[name].forget()
    assert shops[name].post("/cart/add", content_id="WARE-CUP-200").status == 403


# --- what Meta gets to know of a customer

PROFILE = ("email", "first_name", "last_name", "phone", "date_of_birth", "city")
# What a shop platform's owner is told to select for each event: who, and what it was worth.
WANTED = {
    "PageView": ((), None),
    "CompleteRegistration": (("ct",), 50.0),
    "ViewContent": (("fn",), 89.0),
    "AddToCart": (("fn", "ph"), 89.0),
    "InitiateCheckout": (("db",), 89.0),
    "Purchase": (("db",), 89.0),
}
# Sign-up, account, product, cart, checkout, order.
WALKED = Counter(dict.fromkeys(WANTED, 1) | {"PageView": 6})


def shopping(page, url):
    """From sign-up to order; what the forms know already is not typed again."""
    page.goto(f"{url}/register")
    for name in PROFILE:
        page.fill(f"main [name={name}]", BUYER[name])
    page.fill("main [name=password]", "twelve words")
    page.click("text=Create account")
    page.wait_for_url("**/account")
    page.goto(f"{url}/products/TEA-SENCHA-100")
    page.click("text=Add to cart")
    page.wait_for_url("**/cart")
    page.click("text=Go to checkout")
    page.wait_for_url("**/checkout")
    page.fill("main [name=address]", BUYER["address"])
    page.fill("main [name=zip]", BUYER["zip"])
    page.click("text=Place order")
    page.wait_for_url("**/complete")


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["django on gunicorn", "django on uvicorn"])
def test_customers_profile_goes_with_each_event(kind, browser, tmp_path):
    def events():
        found = sandbox.events()
        return found if Counter(e["name"] for e in found) == WALKED else []

    def all_paired():
        return {e["status"] for e in events()} == {"paired"}

    with running_sandbox() as sandbox, browser.new_context() as context:
        with served(kind, sandbox.environ(tmp_path / "spool"), tmp_path) as url:
            shopping(context.new_page(), url)
            assert until(all_paired, 20), sandbox.events()
        found = events()

    told = {name: BUYER[name] for name in PROFILE}
    hashes, _ = customer_information(told, phone_country="SE", year=2026)
    for event in found:
        there, server = event["browser"], event["server"]
        keys, value = WANTED[event["name"]]
        assert {key: server["user_data"].get(key) for key in keys} == {
            key: hashes[key] for key in keys
        }
        values = [half.get("custom_data", {}).get("value") for half in (there, server)]
        assert values == [value, value]
        assert there["repeats"] == server["repeats"] == 0


@pytest.mark.e2e
def test_visitors_are_asked_where_consent_is_required(browser, tmp_path):
    with running_sandbox() as sandbox, browser.new_context() as context:
        environ = sandbox.environ(tmp_path / "spool") | {"PIXELPAIR_CONSENT": "required"}
        page = context.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        with served("flask on gunicorn", environ, tmp_path) as url:
            page.goto(f"{url}/products/TEA-SENCHA-100")
            page.wait_for_load_state("networkidle")
            assert page.is_visible("text=Accept")
            assert [it for it in asked if it.startswith(sandbox.url)] == []
            assert sandbox.events() == []
            page.click("text=Accept")
            assert not page.is_visible("text=Accept")

            def pairs():
                return sorted(e["name"] for e in sandbox.events() if e["status"] == "paired")

            assert until(lambda: pairs() == ["PageView", "ViewContent"], 15), sandbox.events()
            page.goto(f"{url}/cart")
            assert not page.is_visible("text=Accept")


def test_nobody_is_asked_by_default(shop):
    assert "Decline" not in shop.get("/").text


# --- the two shops are one


@pytest.mark.parametrize("name", ["django", "django-asgi"])
def test_both_shops_show_the_same_pages(shops, name):
    for ours, theirs in zip(walk(shops["flask"], name), walk(shops[name], name), strict=True):
        assert Outline(ours.text).parts == Outline(theirs.text).parts


def walk(shop: Shop, customer: str) -> Iterator[Answer]:
    shop.forget()
    yield from map(shop.get, PAGES)
    yield from (shop.get(f"/products/{sku}") for sku in shop.get("/").goods)
    shop.add("TEA-SENCHA-100", "2")
    yield from map(shop.get, ("/cart", "/checkout", "/nope"))
    yield shop.post("/checkout", country="SE")
    yield shop.sign_up(email="x", password="")
    shop.sign_up(email=f"{customer}@walk.example.com")
    yield from map(shop.get, ("/account", "/checkout"))


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("shop.css", "text/css"),
        ("goods.svg", "image/svg+xml"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_serves_static_file(shop, file, kind):
    answer = shop.get(f"/static/{file}")
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, kind)
    assert answer.text == (FLASK / "static" / file).read_text()


# --- how they are set up


def lines_with(word: str, folder: Path) -> list[str]:
    files = sorted(folder.rglob("*.py"))
    return [ln.strip() for file in files for ln in file.read_text().splitlines() if word in ln]


def test_flask_needs_one_line_and_its_import():
    assert [ln for ln in lines_with("PixelPair", FLASK) if not ln.startswith('"""')] == [
        "from pixelpair.flask import PixelPair",
        "PixelPair(app)",
    ]


def test_django_needs_one_line():
    assert lines_with("PixelPair", DJANGO) == ['"pixelpair.django.PixelPairMiddleware",']


@pytest.mark.parametrize("key", [flask_key, django_key])
def test_workers_that_start_together_share_one_secret(key, tmp_path):
    with ProcessPoolExecutor(3, mp_context=SPAWN) as workers:
        keys = list(workers.map(key, [str(tmp_path / "new" / "shop.sqlite3")] * 3))
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 40


def test_flask_command_finds_the_shop(tmp_path):
    command = ("-m", "flask", "--app", "examples/flask_app/app", "routes")
    shown = run(*command, cwd=ROOT, database=tmp_path / "db")
    assert "/orders/<order_id>/complete" in shown


def test_django_models_and_migrations_agree(tmp_path):
    database = tmp_path / "db"
    check = ("manage.py", "check", "--fail-level", "WARNING")
    run(*check, cwd=DJANGO, database=database)
    shown = run("manage.py", "makemigrations", "--check", cwd=DJANGO, database=database)
    assert shown == "No changes detected\n"
