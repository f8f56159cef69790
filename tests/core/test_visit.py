from __future__ import annotations

import hmac
import logging
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.asking import ask
from pixelpair.core.policy import Policy, Question
from tests.core.exchanges import (
    AGENT,
    FBP,
    HTML,
    JSON,
    KEY,
    MATCHING,
    NEW_FBP,
    NOW,
    PIXEL,
    answer,
    blocks,
    digest,
    every,
    ids,
    pending,
    request,
    routes,
    site,
    tracks,
)

if TYPE_CHECKING:
    from pixelpair.core.exchange import Exchange
    from pixelpair.core.http import Request
    from tests.core.exchanges import Answered, Site, View

ORDER = "/orders/1001/complete"
MOVED = [(b"location", b"/cart")]
PAID = tracks("Purchase", value=19.9, currency="SEK")


def order_id(order: str, key: bytes = KEY, pixel: str = PIXEL) -> str:
    return hmac.new(key, f"{pixel}{order}".encode(), sha256).hexdigest()[:32]


def moved(where: Site, view: Any = None, **changes: Any) -> Answered:
    """An act that is answered with a redirect."""
    asked = request("POST", "/cart/add", **changes)
    return answer(where, asked, status=302, headers=MOVED, chunks=[], view=view)


# --- both halves ---------------------------------------------------------------------------------


def test_server_half_says_what_the_browser_half_says_and_who_it_was() -> None:
    where = site()
    asked = request(
        "GET",
        "/products/SKU-1",
        query="utm_source=x",
        headers={"referer": "https://news.example/a?b=c"},
    )
    got = answer(where, asked, view=tracks("ViewContent", value=5, currency="sek", colour="green"))
    data = {
        "content_ids": ["SKU-1"],
        "content_type": "product",
        "value": 5,
        "currency": "SEK",
        "colour": "green",
    }
    page, view = ids(2)
    facts = {
        "event_time": int(NOW),
        "action_source": "website",
        "event_source_url": "https://www.shop.example/products/SKU-1?utm_source=x",
        "referrer_url": "https://news.example/a?b=c",
        "user_data": {
            "client_ip_address": "203.0.113.7",
            "client_user_agent": AGENT,
            "fbp": FBP,
        },
    }
    assert where.rows == [
        {"event_name": "PageView", "event_id": page, **facts},
        {"event_name": "ViewContent", "event_id": view, **facts, "custom_data": data},
    ]
    assert got.browser == [["PageView", {}, page], ["ViewContent", data, view]]
    assert [twin.pixel_id for twin in where.accepted] == [PIXEL, PIXEL]
    assert [twin.lasting for twin in where.accepted] == [False, False]


def test_custom_event_is_marked_for_the_pixel() -> None:
    where = site(page_view="off")
    got = answer(where, view=tracks("Took a sample", cups=2))
    assert got.browser == [["Took a sample", {"cups": 2}, ids(1)[0], 1]]
    assert where.rows[0]["event_name"] == "Took a sample"


# --- what a view says ----------------------------------------------------------------------------


def test_first_track_fills_the_rules_event_and_each_further_one_is_its_own() -> None:
    where = site()
    again = every(
        tracks("AddToCart", content_ids=["A"]),
        tracks("AddToCart", content_ids=["B"]),
        tracks("AddToCart", content_ids=["C"]),
    )
    got = moved(where, again)
    assert [call[1] for call in got.pending] == [{"content_ids": [c]} for c in "ABC"]
    assert len({event_id for _, event_id in where.sent}) == 3


def test_track_says_more_than_the_address_and_wins() -> None:
    where = site(page_view="off")
    view = tracks("ViewContent", content_ids=["OTHER"], content_name="Tea")
    got = answer(where, request("GET", "/products/SKU-1"), view=view)
    data = {"content_ids": ["OTHER"], "content_type": "product", "content_name": "Tea"}
    assert [call[:2] for call in got.browser] == [["ViewContent", data]]


def test_blank_of_the_view_leaves_what_the_address_says() -> None:
    where = site(page_view="off")
    got = answer(
        where, request("GET", "/products/SKU-1"), view=tracks("ViewContent", content_name=None)
    )
    assert got.browser[0][1] == {"content_ids": ["SKU-1"], "content_type": "product"}


def test_several_rules_of_one_name_fire_once() -> None:
    table = routes("Lead /a\nLead /{x}\nContact /a")
    got = answer(site(routes=table, page_view="off"), request("GET", "/a"))
    assert [name for name, _ in got.shown] == ["Lead", "Contact"]


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (("AddToCart",), ["Lead"]),
        (("AddToCart", "Lead"), []),
        (("Contact",), ["AddToCart", "AddToCart", "Lead"]),
        ((), []),
    ],
)
def test_discarded_events_do_not_leave(names: tuple[str, ...], left: list[str]) -> None:
    where = site()
    said = every(
        lambda exchange: exchange.discard(names),
        tracks("AddToCart"),
        tracks("AddToCart"),
        tracks("Lead"),
    )
    got = moved(where, said)
    assert [name for name, _ in got.shown] == left
    assert where.sent == got.shown


def test_failed_act_is_still_a_page_shown() -> None:
    where = site()
    got = answer(where, request("GET", "/checkout"), view=lambda exchange: exchange.discard(()))
    assert [name for name, _ in got.shown] == ["PageView"]


def test_bad_field_is_dropped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    where = site(page_view="off")
    for _ in range(2):
        got = answer(where, view=tracks("Lead", value="19,90", currency="SEK"))
        assert got.browser[0][:2] == ["Lead", {"currency": "SEK"}]
    assert [(r.levelno, r.message) for r in caplog.records] == [
        (logging.WARNING, "Lead: value is no number; it was dropped")
    ]


# --- currency ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"value": 1}, {"value": 1, "currency": "SEK"}),
        ({"value": 1, "currency": None}, {"value": 1, "currency": "SEK"}),
        ({"value": 1, "currency": "EUR"}, {"value": 1, "currency": "EUR"}),
        ({"value": 1, "currency": "euro"}, {}),
        ({"value": "one"}, {}),
        ({"content_name": "Tea"}, {"content_name": "Tea"}),
    ],
)
def test_default_currency_is_for_a_value_given_without_one(
    given: dict[str, object], sent: dict[str, object]
) -> None:
    """Seen: a currency that could not be read was replaced: 1 euro became 1 crown."""
    got = answer(site(page_view="off", currency="SEK"), view=tracks("Lead", **given))
    assert got.browser[0][1] == sent


# --- ids -----------------------------------------------------------------------------------------


def test_purchase_id_derives_from_the_order() -> None:
    where = site(page_view="off")
    for _ in range(2):
        got = answer(where, request("GET", ORDER), view=PAID)
        assert got.shown == [("Purchase", order_id("1001"))]
    assert where.sent == [("Purchase", order_id("1001"))] * 2
    assert [twin.lasting for twin in where.accepted] == [True, True]


def test_purchase_id_is_the_same_from_the_view_as_from_the_address() -> None:
    where = site(page_view="off")
    view = tracks("Purchase", order_id=1001, value=1, currency="SEK")
    assert moved(where, view).shown[1] == ("Purchase", order_id("1001"))
    other = site(page_view="off", pixels=("99",))
    answer(other, request("GET", ORDER), view=PAID)
    assert other.sent == [("Purchase", order_id("1001", pixel="99"))]


def test_purchase_without_an_order_is_known_by_its_browser_and_basket() -> None:
    where = site(page_view="off")
    first, again = answer(where, view=PAID), answer(where, view=PAID)
    assert first.shown == again.shown == where.sent[:1] == where.sent[1:]
    assert [twin.lasting for twin in where.accepted] == [True, True]


@pytest.mark.parametrize(
    ("asked", "view"),
    [
        (request(headers={"cookie": f"_fbp={FBP}1"}), PAID),
        (request(), tracks("Purchase", value=2, currency="SEK")),
        (request(), tracks("Purchase", value=1, currency="EUR")),
        (request(), tracks("Purchase", value=1, currency="SEK", content_ids=["1"])),
    ],
)
def test_another_browser_or_basket_is_another_purchase(asked: Request, view: View) -> None:
    where = site(page_view="off")
    answer(where, view=PAID)
    answer(where, asked, view=view)
    assert where.sent[0] != where.sent[1]


def test_page_that_makes_its_ids_names_no_browser() -> None:
    where = site(page_view="off")
    got = answer(where, headers=[*HTML, (b"cache-control", b"public, max-age=60")], view=PAID)
    assert got.sealed == [["/", []], ["/", []]]


def test_given_id_goes_before_a_derived_one() -> None:
    where = site(page_view="off")
    view = tracks("Purchase", "order-1001", value=1, currency="SEK")
    got = answer(where, request("GET", ORDER), view=view)
    assert where.sent == got.shown == [("Purchase", "order-1001")]
    assert [twin.lasting for twin in where.accepted] == [True]


@pytest.mark.parametrize("event_id", ["", "a b", "x" * 65, "é", "a\n", ["x"], 1.5])
def test_bad_id_is_said_and_another_taken(event_id: Any, caplog: pytest.LogCaptureFixture) -> None:
    where = site(page_view="off")
    got = answer(where, view=tracks("Lead", event_id, value=1))
    assert where.sent == got.shown == [("Lead", ids(1)[0])]
    assert "event_id" in caplog.text


def test_only_order_ids_make_ids_last() -> None:
    where = site(page_view="off")
    answer(where, view=tracks("Lead", order_id="1001"))
    assert where.sent == [("Lead", ids(1)[0])]


# --- a Purchase that Meta would refuse -----------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "Purchase without value and currency"),
        ({"value": 1}, "Purchase without currency"),
        ({"currency": "SEK"}, "Purchase without value"),
        ({"value": "?", "currency": "SEK"}, "Purchase without value"),
    ],
)
def test_purchase_without_money_leaves_on_neither_channel(
    given: dict[str, object], fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    where = site()
    for _ in range(2):
        got = answer(where, request("GET", ORDER), view=tracks("Purchase", **given))
        assert [name for name, _ in got.shown] == ["PageView"]
    assert [twin.fault for twin in where.accepted] == [None, fault, None, fault]
    said = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert [(fault in text, ORDER in text, "track('Purchase'" in text) for text in said] == [
        (True, True, True)
    ]
    assert where.counts == {"faults": 2}


def test_free_purchase_leaves() -> None:
    where = site(page_view="off")
    answer(where, request("GET", ORDER), view=tracks("Purchase", value=0, currency="SEK"))
    assert where.sent == [("Purchase", order_id("1001"))]


def test_fault_without_a_token_promises_no_dead_letter(caplog: pytest.LogCaptureFixture) -> None:
    where = site(sends=False)
    answer(where, request("GET", ORDER))
    assert where.accepted == []
    assert "neither channel" in caplog.text
    assert "dead letter" not in caplog.text


def test_fault_names_the_route_where_it_has_a_name(caplog: pytest.LogCaptureFixture) -> None:
    asked = request("GET", "/t/1", route=("thank-you", {"order_id": 1}))
    answer(site(routes=routes("Purchase name:thank-you")), asked)
    assert "the view of thank-you must call" in caplog.text


# --- facts ---------------------------------------------------------------------------------------

HERE = "https://www.shop.example"
# method, Referer; event_source_url, referrer_url
PLACES = {
    "page": ("GET", "", "/x", None),
    "page_from_here": ("GET", f"{HERE}/a?b", "/x", f"{HERE}/a?b"),
    "page_from_there": ("GET", "https://news.example/", "/x", "https://news.example/"),
    "page_from_an_app": ("GET", "android-app://com.example", "/x", None),
    "page_from_garbage": ("GET", "https://a\x01b", "/x", None),
    "act_from_here": ("POST", f"{HERE}/products/1?c=d", f"{HERE}/products/1?c=d", None),
    "act_from_the_root": ("POST", HERE, HERE, None),
    "act_from_there": ("POST", "https://pay.example/done", "/x", None),
    "act_from_a_lookalike": ("POST", f"{HERE}.evil.example/", "/x", None),
    "act_from_another_port": ("POST", f"{HERE}:8443/", "/x", None),
    "act_from_plain_http": ("POST", "http://www.shop.example/", "/x", None),
    "act_without_referer": ("POST", "", "/x", None),
}


@pytest.mark.parametrize("case", PLACES)
def test_place_of_an_event(case: str) -> None:
    method, referer, url, referrer = PLACES[case]
    where = site(page_view="off")
    headers = {"referer": referer} if referer else {}
    asked = request(method, "/x", headers=headers)
    answer(where, asked, headers=JSON, chunks=[b"{}"], view=tracks("Lead"))
    (row,) = where.rows
    expected = f"{HERE}{url}" if url.startswith("/") else url
    assert (row["event_source_url"], row.get("referrer_url")) == (expected, referrer)


@pytest.mark.parametrize(
    ("client", "sent"),
    [("203.0.113.7", "203.0.113.7"), ("2001:db8::1", "2001:db8::1"), ("", None), ("unix:", None)],
)
def test_client_is_the_socket_peer(client: str, sent: str | None) -> None:
    where = site()
    headers = {"x-forwarded-for": "198.51.100.1"}
    answer(where, request(client=client, headers=headers))
    assert where.rows[0]["user_data"].get("client_ip_address") == sent


def test_user_agent_is_bounded_and_printable() -> None:
    where = site()
    answer(where, request(headers={"user-agent": f"{AGENT}\x00b\x1b" + "c" * 2000}))
    assert where.rows[0]["user_data"]["client_user_agent"] == (AGENT + "b" + "c" * 1000)[:1000]


# --- cookies -------------------------------------------------------------------------------------


def cookies(got: Answered) -> list[str]:
    return [value.decode() for value in got.values(b"set-cookie")]


TAIL = "; Max-Age=7776000; Domain=shop.example; Path=/; SameSite=Lax; Secure"


@pytest.mark.parametrize(
    "cookie", ["", "a=1", "_fbp=", "_fbp=garbage", "_fbp=fb.1.x.2", "_fbp=<script>", "=;;=_fbp"]
)
def test_visitor_without_a_good_fbp_gets_one(cookie: str) -> None:
    where = site()
    got = answer(where, request(headers={"cookie": cookie}))
    assert cookies(got) == [f"_fbp={NEW_FBP}{TAIL}"]
    assert where.rows[0]["user_data"]["fbp"] == NEW_FBP


@pytest.mark.parametrize("fbp", [FBP, FBP + ".AQIAAQMC", "fb.2.1749651650057.639940942831715561"])
def test_good_fbp_is_sent_as_it_is_and_not_set_again(fbp: str) -> None:
    where = site()
    got = answer(where, request(headers={"cookie": f"a=1; _fbp={fbp}"}))
    assert cookies(got) == []
    assert where.rows[0]["user_data"]["fbp"] == fbp


OLD_FBC = "fb.1.1554763741205.OldClick"
NEW_FBC = "fb.1.1760000000500.NewClick_1-2"
FROM_AD = "fbclid=NewClick_1-2"
# query, Referer, cookie; the fbc sent, whether it is set
CLICKS = {
    "none": ("", "", "", None, False),
    "kept": ("", "", OLD_FBC, OLD_FBC, False),
    "of_the_query": (f"a=b&{FROM_AD}", "", "", NEW_FBC, True),
    "of_the_referer": ("", f"https://www.shop.example/?{FROM_AD}", "", NEW_FBC, True),
    "new_one": (FROM_AD, "", OLD_FBC, NEW_FBC, True),
    "same_one": ("fbclid=OldClick", "", OLD_FBC, OLD_FBC, False),
    "garbage": ("fbclid=<script>", "", "", None, False),
    "garbage_keeps": ("fbclid=%00", "", OLD_FBC, OLD_FBC, False),
    "empty": ("fbclid=", "", "", None, False),
    "bad_cookie": ("", "", "garbage", None, False),
}


@pytest.mark.parametrize("case", CLICKS)
def test_click_of_an_ad(case: str) -> None:
    query, referer, cookie, sent, is_set = CLICKS[case]
    where = site()
    headers = {"cookie": f"_fbp={FBP}; _fbc={cookie}"} | ({"referer": referer} if referer else {})
    got = answer(where, request(query=query, headers=headers))
    assert where.rows[0]["user_data"].get("fbc") == sent
    assert cookies(got) == ([f"_fbc={sent}{TAIL}"] if is_set else [])


@pytest.mark.parametrize(
    ("host", "tail"),
    [
        ("localhost:8000", "; Max-Age=7776000; Path=/; SameSite=Lax"),
        ("a.b.shop.co.uk", "; Max-Age=7776000; Domain=shop.co.uk; Path=/; SameSite=Lax"),
        ("127.0.0.1", "; Max-Age=7776000; Path=/; SameSite=Lax"),
    ],
)
def test_cookie_is_for_the_widest_domain_of_the_host(host: str, tail: str) -> None:
    got = answer(site(), request(host=host, scheme="http", headers={"cookie": ""}))
    (cookie,) = cookies(got)
    assert cookie.endswith(tail)


@pytest.mark.parametrize("host", ["", "shop.example\r\nx: y", "a" * 300, "é.example", "[::1]:80"])
def test_hostile_host_breaks_nothing(host: str) -> None:
    got = answer(site(), request(host=host, headers={"cookie": ""}))
    assert [name for name, _ in got.shown] == ["PageView"]
    assert cookies(got)[0].endswith("; Max-Age=7776000; Path=/; SameSite=Lax; Secure")


def test_answer_without_events_sets_no_cookie() -> None:
    asked = request("POST", "/other", headers={"cookie": ""}, query=FROM_AD)
    got = answer(site(), asked, headers=JSON, chunks=[b"{}"])
    assert got.untouched


# --- the cookie to the next page -----------------------------------------------------------------


def test_pending_cookie_is_short_lived_and_readable() -> None:
    got = moved(site(), tracks("AddToCart", content_ids=["A"], value=2, currency="SEK"))
    (cookie,) = cookies(got)
    name, _, rest = cookie.partition("=")
    assert name == f"_pixelpair_{ids(1)[0][:8]}"
    assert rest.partition(";")[2] == " Max-Age=600; Path=/; SameSite=Lax; Secure"
    data = {"content_ids": ["A"], "value": 2, "currency": "SEK"}
    assert pending(cookie.encode()) == {"t": int(NOW * 1000), "e": ["AddToCart", data, ids(1)[0]]}


# --- customer information ------------------------------------------------------------------------


def known(exchange: Exchange) -> None:
    exchange.identify({"email": "a@b.example"})


def test_customer_information_leaves_where_the_shop_says_so() -> None:
    where = site(policy=MATCHING)
    got = answer(where, view=known)
    assert where.rows[0]["user_data"]["em"] == [digest("a@b.example")]
    assert blocks(got.body)[0]["match"] == {"em": digest("a@b.example")}


def test_later_customer_information_wins() -> None:
    where = site(policy=MATCHING)
    answer(where, view=every(known, lambda e: e.identify({"email": "c@d.example"})))
    assert where.rows[0]["user_data"]["em"] == [digest("c@d.example")]


def test_customer_information_stays_home_by_default() -> None:
    asked: list[object] = []
    where = site(hashed=asked.append)
    got = answer(where, view=known)
    assert "em" not in where.rows[0]["user_data"]
    assert (asked, b"match" in got.body.partition(b"</script>")[0]) == ([], False)


def test_customer_information_never_rides_in_a_cookie() -> None:
    where = site(policy=MATCHING)
    got = moved(where, known)
    assert where.rows[0]["user_data"]["em"] == [digest("a@b.example")]
    assert got.pending == [["AddToCart", {}, ids(1)[0]]]


def test_customer_information_never_stands_in_a_page_that_may_be_shown_again() -> None:
    where = site(policy=MATCHING)
    got = answer(where, headers=[(b"content-type", b"text/html"), (b"etag", b"1")], view=known)
    assert digest("a@b.example").encode() not in got.body
    assert where.accepted == []


# --- one pair, one id ----------------------------------------------------------------------------

CALLS = st.lists(
    st.tuples(
        st.sampled_from(["PageView", "ViewContent", "Purchase", "Lead", "My own"]),
        st.none() | st.text("abc", min_size=1, max_size=3),
        st.fixed_dictionaries(
            {},
            optional={
                "value": st.integers(0, 9) | st.text(max_size=3),
                "currency": st.sampled_from(["SEK", "kr", None]),
                "order_id": st.integers(0, 3),
                "content_name": st.text(max_size=5),
            },
        ),
    ),
    max_size=5,
)


@given(
    CALLS,
    st.sampled_from(["/", "/products/1", ORDER, "/search"]),
    st.sampled_from([("GET", 200, []), ("POST", 302, MOVED), ("POST", 200, JSON)]),
)
def test_each_half_has_its_twin(calls: Any, path: str, act: Any) -> None:
    where = site()
    method, status, headers = act
    view = every(*(tracks(name, event_id, **data) for name, event_id, data in calls))
    headers = headers or [(b"content-type", b"text/html")]
    got = answer(where, request(method, path), status=status, headers=headers, view=view)
    assert got.shown == where.sent
    assert all(event_id for _, event_id in got.shown)
    halves = zip(got.browser + got.pending, (r for r in where.rows if _may_leave(r)), strict=True)
    assert all(call[1] == row.get("custom_data", {}) for call, row in halves)


def _may_leave(row: dict[str, Any]) -> bool:
    return (
        row["event_name"] != "Purchase"
        or {"value", "currency"} <= row.get("custom_data", {}).keys()
    )


@pytest.mark.parametrize(("cache", "told"), [(b"no-store", True), (b"public, max-age=9", False)])
def test_what_the_shop_knows_of_an_order_is_for_its_own_page(cache: bytes, told: bool) -> None:
    status = Question("purchase_status", lambda *_: {"customer_segmentation": "new"})
    where = site(page_view="off", policy=Policy(questions=(status,)))
    headers = [*HTML, (b"cache-control", cache)]

    def view(exchange: Exchange) -> None:
        PAID(exchange)
        inquiry = exchange.inquiry(200, headers)
        assert inquiry is not None
        ask(inquiry)

    got = answer(where, request("GET", ORDER), view=view, headers=headers)
    assert b"Purchase" in got.body
    assert (b"customer_segmentation" in got.body) == told
