"""What a page shows, in the events of that page and of the acts that follow."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.exchange import Exchange
from pixelpair.core.product import Fact, Facts, Scan
from pixelpair.core.shown import PARSE_EVERY, Book, Known, Naming, under
from tests.core.exchanges import (
    HTML,
    NOW,
    PAGE,
    Answered,
    Site,
    answer,
    every,
    request,
    routes,
    site,
    tracks,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelpair.core.http import Headers
    from tests.core.exchanges import View

POT: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Tea pot",
    "sku": "TP-1",
    "mpn": "M-1",
    "offers": {"@type": "Offer", "price": "199.50", "priceCurrency": "SEK"},
}
LINE = {"id": "TP-1", "quantity": 1, "item_price": 199.5}
FOUND = {
    "content_ids": ["TP-1"],
    "content_type": "product",
    "contents": [LINE],
    "content_name": "Tea pot",
    "value": 199.5,
    "currency": "SEK",
}
VIEW = request("GET", "/products/tea-pot")
MICRODATA = b"""<div itemscope itemtype="https://schema.org/Product">
<h1 itemprop="name">Tea pot</h1>
<meta itemprop="sku" content="TP-1"><div itemprop="offers" itemscope
itemtype="https://schema.org/Offer"><meta itemprop="price" content="199.50">
<meta itemprop="priceCurrency" content="SEK"></div></div>"""
PUBLIC = [*HTML, (b"cache-control", b"public, max-age=60")]


def markup(*things: object) -> bytes:
    scripts = (f'<script type="application/ld+json">{json.dumps(t)}</script>' for t in things)
    return "".join(scripts).encode()


def page(inside: bytes) -> bytes:
    """The page with this in its body."""
    return PAGE.replace(b"<p>", inside + b"<p>")


def viewed(where: Site, chunks: Iterable[bytes] = (page(markup(POT)),), **given: Any) -> Answered:
    return answer(where, given.pop("asked", VIEW), chunks=chunks, **given)


def of_view(got: Answered) -> dict[str, Any]:
    """The data of the ViewContent that the browser shows."""
    (data,) = [call[1] for call in got.browser if call[0] == "ViewContent"]
    return dict(data)


# --- one page ------------------------------------------------------------------------------------


def test_both_halves_have_what_the_page_shows() -> None:
    where = site()
    assert of_view(viewed(where)) == where.rows[1]["custom_data"] == FOUND


@pytest.mark.parametrize("cut", [1, 40, len(PAGE) // 2, len(page(markup(POT))) - 20])
def test_streamed_page_has_its_event_at_its_end(cut: int) -> None:
    where, whole = site(), page(markup(POT))
    got = viewed(where, [whole[:cut], whole[cut:]])
    assert of_view(got) == FOUND
    assert [row["event_name"] for row in where.rows] == ["PageView", "ViewContent"]
    assert where.rows[1]["custom_data"] == FOUND


def test_page_that_says_all_in_its_first_chunk_waits_for_nothing() -> None:
    where = site()
    got = viewed(where, [page(markup(POT)), b"<!-- made in 4 ms -->"])
    assert of_view(got) == FOUND
    assert got.body.endswith(b"<!-- made in 4 ms -->")


def test_length_is_not_promised_where_an_event_will_follow() -> None:
    whole = page(markup(POT))
    headers = [*HTML, (b"content-length", b"%d" % len(whole))]
    streamed = viewed(site(), [whole[:200], whole[200:]], headers=headers)
    assert streamed.values(b"content-length") == []
    at_once = viewed(site(), [whole], headers=headers)
    assert at_once.values(b"content-length") == [b"%d" % len(at_once.body)]


@pytest.mark.parametrize(
    "changes",
    [{"headers": PUBLIC}, {"asked": replace(VIEW, index=VIEW.index | {
        b"sec-fetch-dest": b"empty", b"sec-fetch-mode": b"cors"})}],
    ids=["cacheable", "fetched"],
)  # fmt: skip
def test_page_that_makes_its_own_ids_tells_it_too(changes: dict[str, Any]) -> None:
    got = viewed(site(), **changes)
    for _, calls in got.sealed:
        assert ["ViewContent", FOUND] in calls


def test_cacheable_page_in_pieces_is_the_same_for_all() -> None:
    whole = page(markup(POT))
    first, second = (viewed(site(), [whole[:150], whole[150:]], headers=PUBLIC) for _ in "12")
    assert first.body == second.body
    assert first.sealed[0][1][1] == [
        "ViewContent",
        {"content_ids": ["tea-pot"], "content_type": "product"},
    ]


def test_search_lists_what_it_shows() -> None:
    things = [{**POT, "sku": f"TP-{n}", "url": f"/products/{n}"} for n in range(12)]
    listed = {"@type": "ItemList", "itemListElement": [
        {"@type": "ListItem", "position": n + 1, "item": thing} for n, thing in enumerate(things)
    ]}  # fmt: skip
    where = site()
    viewed(where, [page(markup(listed))], asked=request("GET", "/search", query="q=pot"))
    assert where.rows[1]["custom_data"] == {
        "search_string": "pot",
        "content_ids": [f"TP-{n}" for n in range(10)],
        "content_type": "product",
    }


def test_page_without_facts_is_what_its_address_says() -> None:
    assert of_view(viewed(site(), [PAGE])) == {
        "content_ids": ["tea-pot"],
        "content_type": "product",
    }


def test_page_without_such_an_event_is_not_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelpair.core.page.Scan", None)
    where = site()
    viewed(where, asked=request("GET", "/about"))
    assert [row["event_name"] for row in where.rows] == ["PageView"]


# --- a page on its way ---------------------------------------------------------------------------


def streamed(where: Site, said: View) -> list[tuple[str, dict[str, Any] | None]]:
    """The server halves of a page whose view says this when its first bytes are out."""
    exchange = Exchange(where.shop, "GET", lambda _source: VIEW, "the framework's request")
    assert exchange.respond(200, HTML) is None
    whole = page(markup(POT))
    exchange.feed(whole[:150])
    said(exchange)
    exchange.feed(whole[150:])
    exchange.finish()
    return [(row["event_name"], row.get("custom_data")) for row in where.rows]


def test_late_track_fills_the_event_that_waits() -> None:
    """Seen: the rule's ViewContent and the view's, two for one look."""
    said = tracks("ViewContent", value=5, currency="EUR")
    seen = streamed(site(), said)
    assert seen == [("PageView", None), ("ViewContent", {**FOUND, "value": 5, "currency": "EUR"})]


def test_late_tracks_beyond_the_first_are_their_own() -> None:
    said = every(tracks("ViewContent", status="a"), tracks("ViewContent", content_ids=["B"]))
    assert streamed(site(), said)[1:] == [
        ("ViewContent", {**FOUND, "status": "a"}),
        ("ViewContent", {"content_ids": ["B"]}),
    ]


def test_late_discard_ends_the_event_that_waits() -> None:
    def said(exchange: Exchange) -> None:
        exchange.discard(("ViewContent",))

    assert streamed(site(), said) == [("PageView", None)]


# --- who is believed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (
            {"content_ids": ["X"]},
            {"content_ids": ["X"], "content_name": "Tea pot", "value": 199.5, "currency": "SEK"},
        ),
        ({"value": 5, "currency": "EUR"}, {**FOUND, "value": 5, "currency": "EUR"}),
        ({"content_name": "Pot"}, {**FOUND, "content_name": "Pot"}),
        ({"content_type": "product"}, FOUND),
        ({"currency": "SEK"}, FOUND),
        ({"content_ids": ["TP-1"], "currency": "SEK"}, FOUND),
    ],
)
def test_the_views_word_wins_as_a_whole(said: dict[str, object], sent: dict[str, object]) -> None:
    got = viewed(site(), view=tracks("ViewContent", **said))
    assert of_view(got) | {"content_type": "product"} == sent | {"content_type": "product"}


def test_second_event_is_not_about_what_the_page_shows() -> None:
    """Seen: the other product with the name and the price of the page's."""
    where = site()
    viewed(where, view=every(tracks("ViewContent"), tracks("ViewContent", content_ids=["OTHER"])))
    assert [row.get("custom_data") for row in where.rows[1:]] == [FOUND, {"content_ids": ["OTHER"]}]


def test_value_of_the_view_gets_no_currency_of_the_page() -> None:
    """It would be another sum."""
    got = of_view(viewed(site(), view=tracks("ViewContent", value=5)))
    assert "value" not in got
    assert "currency" not in got


def test_currency_is_not_invented_and_the_shops_own_is_taken() -> None:
    bare = {**POT, "offers": {"@type": "Offer", "price": "199.50"}}
    assert "value" not in of_view(viewed(site(), [page(markup(bare))]))
    got = of_view(viewed(site(currency="NOK"), [page(markup(bare))]))
    assert (got["value"], got["currency"]) == (199.5, "NOK")


@pytest.mark.parametrize(
    ("choice", "named"),
    [("mpn", "M-1"), ("route", "tea-pot"), ("sku", "TP-1"), (lambda facts: f"own-{facts.sku.value}",
     "own-TP-1")],
)  # fmt: skip
def test_shop_chooses_the_id(choice: Any, named: str) -> None:
    assert of_view(viewed(site(naming=Naming(choice))))["content_ids"] == [named]


def test_choice_that_the_page_has_not_leaves_what_the_address_says() -> None:
    assert of_view(viewed(site(naming=Naming("gtin"))))["content_ids"] == ["tea-pot"]


# --- what is remembered --------------------------------------------------------------------------


def test_cart_knows_the_product_by_the_id_and_price_of_its_page() -> None:
    where = site()
    viewed(where)
    answer(where, request("POST", "/cart/add/tea-pot"), status=302, headers=[(b"location", b"/")])
    assert where.rows[-1]["custom_data"] == {
        "content_ids": ["TP-1"],
        "content_type": "product",
        "contents": [LINE],
        "value": 199.5,
        "currency": "SEK",
    }


def test_cart_of_a_product_that_nobody_saw_has_what_its_address_says() -> None:
    where = site()
    answer(where, request("POST", "/cart/add/tea-pot"), status=302, headers=[(b"location", b"/")])
    assert where.rows[-1]["custom_data"] == {"content_ids": ["tea-pot"], "content_type": "product"}


def added(where: Site, own_id: str, view: View | None = None, **asked: Any) -> dict[str, Any]:
    """The data of an AddToCart."""
    act = request("POST", f"/cart/add/{own_id}", **asked)
    answer(where, act, view=view, status=302, headers=[(b"location", b"/")])
    return dict(where.rows[-1]["custom_data"])


def test_id_that_two_products_share_is_neither() -> None:
    """Seen: the variant that somebody else had looked at last."""
    rules = routes("ViewContent /products/{any}\nAddToCart POST /cart/add/{content_id}")
    where = site(routes=rules)
    for sku in ("RED", "BLUE", "BLUE"):
        viewed(where, [page(markup({**POT, "sku": sku, "productID": "77", "mpn": None}))])
    assert added(where, "77") == {"content_ids": ["77"], "content_type": "product"}
    assert added(where, "RED")["value"] == 199.5


def test_price_of_a_shop_of_many_currencies_is_not_guessed() -> None:
    """Seen: crowns for one who pays in euros, whatever market was looked at last."""
    where = site()
    euros = {"@type": "Offer", "price": "18", "priceCurrency": "EUR"}
    for thing in (POT, {**POT, "offers": euros}, POT):
        viewed(where, [page(markup(thing))])
    assert added(where, "tea-pot") == {"content_ids": ["TP-1"], "content_type": "product"}


@pytest.mark.parametrize(
    ("ids", "sent"),
    [
        (["X"], {"contents": [{"id": "X", "quantity": 2}]}),
        ("X", {"contents": [{"id": "X", "quantity": 2}]}),
        (["X", "Y"], {}),
    ],
)
def test_line_of_the_address_is_about_what_the_view_says(ids: Any, sent: dict[str, Any]) -> None:
    """Seen: content_ids of the view, and a line and a value of another product."""
    where = site(routes=routes("AddToCart POST /cart/add/{content_id}?n={quantity}"))
    got = added(where, "tea-pot", tracks("AddToCart", content_ids=ids), query="n=2")
    named = {"content_ids": [*ids], "content_type": "product"}
    assert got == {**named, **sent}


def test_the_views_id_is_left_alone() -> None:
    where = site()
    viewed(where)
    view = tracks("AddToCart", content_ids=["tea-pot"], value=1, currency="EUR")
    answer(where, request("POST", "/x"), view=view, status=302)
    assert where.rows[-1]["custom_data"] == {
        "content_ids": ["tea-pot"],
        "value": 1,
        "currency": "EUR",
    }


def test_microdata_is_parsed_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [NOW]
    where, parsed = site(clock=lambda: now[0]), []
    read = Scan.read_microdata
    monkeypatch.setattr(Scan, "read_microdata", lambda scan: parsed.append(now[0]) or read(scan))
    for token in (b"a", b"b"):
        form = MICRODATA + b"<p>%b</p>" % (b"." * 300) + b'<input name="csrf" value="%b">' % token
        assert of_view(viewed(where, [page(form)])) == FOUND
    now[0] += PARSE_EVERY
    assert of_view(viewed(where, [page(form)])) == FOUND
    assert parsed == [NOW, NOW + PARSE_EVERY]


@pytest.mark.parametrize("headers", [HTML, PUBLIC], ids=["own", "cacheable"])
def test_price_of_another_visitor_is_not_remembered_for_a_page(headers: Headers) -> None:
    """Seen: who logs in has a price of her own in the microdata; for a minute all others' pages,
    those that caches keep included, had hers.
    """
    where = site()
    viewed(where, [page(MICRODATA.replace(b"199.50", b"5.00"))])
    got = viewed(where, [page(MICRODATA)], headers=headers)
    calls = got.browser or got.sealed[0][1]
    assert [call[1] for call in calls if call[0] == "ViewContent"] == [FOUND]


def test_book_is_bounded() -> None:
    book = Book()
    for number in range(6000):
        known = Known(str(number), Decimal(1), "SEK")
        book.note(Facts(sku=Fact(str(number), "JSON-LD", 1.0)), known, None)
        book.keep(b"%d" % number, Facts(), NOW)
    assert book.find("0") is None
    assert book.find("5999") is not None
    assert book.parsed(b"0", NOW) is None


KEYS = ("content_ids", "contents", "content_type", "value", "currency", "content_name")
SOME = st.dictionaries(st.sampled_from(KEYS), st.integers())


@given(SOME, SOME, SOME)
def test_what_the_view_says_is_never_changed(
    shown: dict[str, object], matched: dict[str, object], said: dict[str, object]
) -> None:
    data = under(shown, matched, said)
    assert data | said == data
    assert data.keys() <= shown.keys() | matched.keys() | said.keys()
