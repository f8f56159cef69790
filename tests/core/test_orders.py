from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import Twin, purchase_id
from pixelpair.core.exchange import Exchange
from pixelpair.core.orders import OLDEST, Later, NotSent, twins_of
from pixelpair.core.sealed import NINETY_DAYS, opened
from pixelpair.core.seals import signer
from tests.core.exchanges import (
    FBP,
    HTML,
    KEY,
    MATCHING,
    NEW_FBP,
    NOW,
    PAGE,
    PIXEL,
    Site,
    answer,
    digest,
    request,
    site,
)

ORDER: dict[str, object] = {"order_id": "1001", "value": 10, "currency": "SEK"}
SECRETS = (b"a secret of these tests",)
CHECKOUT = request("POST", "/checkout", headers={"referer": "https://www.shop.example/cart"})


def sealed(where: Site | None = None, asked: Any = CHECKOUT) -> str:
    """What a view of the shop gets from seal()."""
    where = where or site()
    texts: list[str] = []
    answer(where, asked, view=lambda exchange: texts.append(exchange.seal()), status=302)
    return texts[0]


def sent(text: object, now: float = NOW + 60, **changes: Any) -> list[Twin] | NotSent:
    told = {"event_name": "Purchase", "sealed": text, "data": ORDER} | changes
    return twins_of(site().shop, Later(**told), now)


def twin(text: object, now: float = NOW + 60, **changes: Any) -> Twin:
    found = sent(text, now, **changes)
    assert not isinstance(found, NotSent)
    (only,) = found
    return only


# --- in the checkout -----------------------------------------------------------------------------


def test_seal_holds_the_facts_of_the_request() -> None:
    checkout = opened(sealed(), SECRETS, NOW)
    assert checkout.time == int(NOW)
    visitor = checkout.visitor
    assert (visitor.fbp, visitor.client_ip) == (FBP, "203.0.113.7")
    assert visitor.url == "https://www.shop.example/cart"
    assert visitor.user_agent.startswith("Mozilla/5.0")


def test_seal_holds_what_identify_said_before_it() -> None:
    where = site(policy=MATCHING)
    texts = []

    def view(exchange: Exchange) -> None:
        exchange.identify({"email": "jane@shop.example"})
        texts.append(exchange.seal())

    answer(where, CHECKOUT, view=view, status=302)
    visitor = opened(texts[0], SECRETS, NOW).visitor
    assert visitor.hashed == {"em": [digest("jane@shop.example")]}


def test_new_visitor_keeps_the_fbp_that_is_in_the_seal() -> None:
    """Each look at the visitor would make another one."""
    clock = iter([NOW + n for n in range(20)])
    numbers = iter(range(7, 99))
    where = site(new_random=lambda: next(numbers), clock=lambda: next(clock))
    texts = []
    view = lambda exchange: texts.extend([exchange.seal(), exchange.seal()])  # noqa: E731
    got = answer(where, request(headers={"cookie": ""}), view=view)
    first, second = (opened(text, SECRETS, NOW).visitor.fbp for text in texts)
    assert first == second
    assert first == where.rows[0]["user_data"]["fbp"]
    assert any(f"_fbp={first};".encode() in value for value in got.values(b"set-cookie"))


def test_sealing_changes_nothing_else() -> None:
    quiet, sealing = site(), site()
    view = lambda exchange: exchange.seal()  # noqa: E731
    one, other = (
        answer(quiet, CHECKOUT, status=302),
        answer(sealing, CHECKOUT, view=view, status=302),
    )
    assert (one.headers, one.body, quiet.rows) == (other.headers, other.body, sealing.rows)


@pytest.mark.parametrize(
    "asked",
    [
        request(headers={"user-agent": "Googlebot/2.1"}),
        request(path="/admin/orders"),
    ],
)
def test_who_is_no_customer_is_not_sealed(asked: Any) -> None:
    assert sealed(asked=asked) == ""


def test_seal_after_the_answer_has_begun_is_made_all_the_same() -> None:
    """A view that streams."""
    where = site()
    exchange = Exchange(where.shop, "GET", lambda _source: CHECKOUT, "")
    exchange.respond(200, HTML)
    exchange.feed(PAGE)
    assert opened(exchange.seal(), SECRETS, NOW).visitor.fbp == FBP


# --- later ---------------------------------------------------------------------------------------


def test_purchase_has_the_checkouts_facts_and_the_payments_time() -> None:
    found = twin(sealed(), NOW + 5 * 86400)
    assert found.event_id == purchase_id(KEY, PIXEL, "1001")
    assert (found.event_time, found.met) == (int(NOW) + 5 * 86400, int(NOW))
    assert (found.lasting, found.fault) == (True, None)
    assert f'"fbp":"{FBP}"'.encode() in found.body
    assert b'"event_source_url":"https://www.shop.example/cart"' in found.body


def test_id_is_that_of_the_page() -> None:
    where = site(page_view="off")
    got = answer(where, request("GET", "/orders/1001/complete"), view=_paid)
    assert got.shown == [("Purchase", twin(sealed()).event_id)]


def _paid(exchange: Exchange) -> None:
    from pixelpair.core.shop import Tracked

    exchange.track(Tracked("Purchase", {"value": 10, "currency": "SEK"}))


PAID_AT = datetime(2025, 10, 9, 10, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("occurred_at", "time"),
    [
        (None, int(NOW) + 86400),
        (PAID_AT, int(PAID_AT.timestamp())),
        (PAID_AT.astimezone(UTC), int(PAID_AT.timestamp())),
        (NOW, int(NOW)),
        (int(NOW) - 86400, int(NOW) - 86400),
        (NOW + 86400 + 300, int(NOW) + 86400),  # another machine's clock
    ],
)
def test_event_happened_when_the_shop_says(occurred_at: object, time: int) -> None:
    assert twin(sealed(), NOW + 86400, occurred_at=occurred_at).event_time == time


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sealed": ""}, "no seal"),
        ({"sealed": None}, "no seal"),
        ({"sealed": "abc"}, "malformed seal"),
        ({"sealed": 5}, "malformed seal"),
        ({"event_name": "Kauf!"}, "bad name"),
        ({"event_name": None}, "bad name"),
        ({"data": {"value": 1, "currency": "SEK"}}, "no order id"),
        ({"data": {"order_id": 1, "value": 1}}, "faults"),
        ({"data": {"order_id": 1, "currency": "SEK"}}, "faults"),
        ({"data": {"order_id": 1, "currency": "SEK", "value": "NaN"}}, "faults"),
        ({"occurred_at": datetime(2025, 10, 9)}, "bad time"),
        ({"occurred_at": "yesterday"}, "bad time"),
        ({"occurred_at": True}, "bad time"),
        ({"occurred_at": float("nan")}, "too old"),
        ({"occurred_at": NOW + 60 - OLDEST - 1}, "too old"),
        ({"occurred_at": NOW + 86400}, "bad time"),
        ({"occurred_at": 10**400}, "bad time"),
    ],
)
def test_what_cannot_be_sent_is_said(changes: dict[str, Any], reason: str) -> None:
    found = sent(**{"text": sealed()} | {k: v for k, v in changes.items() if k != "sealed"} | (
        {"text": changes["sealed"]} if "sealed" in changes else {}
    ))  # fmt: skip
    assert isinstance(found, NotSent)
    assert found.reason == reason
    assert FBP not in found.text


def test_seal_of_another_shop_is_forged() -> None:
    text = sealed(site(sealing=(b"another secret",)))
    assert isinstance(found := sent(text), NotSent)
    assert found.reason == "forged seal"


def test_seal_is_good_after_a_rotation_and_for_ninety_days() -> None:
    text = sealed(site(sealing=(b"a secret of these tests", b"older")))
    assert twin(text, NOW + NINETY_DAYS - 1).event_name == "Purchase"
    assert isinstance(found := sent(text, NOW + NINETY_DAYS + 2), NotSent)
    assert found.reason == "expired seal"


def test_page_seal_opens_no_order() -> None:
    text = signer(SECRETS, f"pixelpair.page.{PIXEL}").sign("abc").decode()
    assert isinstance(found := sent(text), NotSent)
    assert found.reason == "forged seal"


def test_all_pixels_of_the_shop_get_it_or_the_one_that_is_named() -> None:
    shop = site(pixels=("111", "222")).shop
    later = Later("Purchase", sealed(), ORDER)
    both = twins_of(shop, later, NOW)
    one = twins_of(shop, Later("Purchase", sealed(), ORDER, pixel_id="222"), NOW)
    assert not isinstance(both, NotSent)
    assert not isinstance(one, NotSent)
    assert [t.pixel_id for t in both] == ["111", "222"]
    assert [t.pixel_id for t in one] == ["222"]
    assert {t.event_id for t in both} == {t.event_id for t in one}


def test_renewals_bear_the_id_that_the_shop_gives() -> None:
    found = twin(sealed(), event_name="Subscribe", data={"predicted_ltv": 90, "currency": "SEK"},
                 event_id="invoice-7")  # fmt: skip
    assert (found.event_id, found.lasting) == ("invoice-7", True)


@given(
    st.text() | st.binary() | st.none() | st.integers(),
    st.text() | st.none(),
    st.none() | st.integers() | st.floats() | st.datetimes() | st.text(),
    st.dictionaries(st.text("abcdeorv_"), st.none() | st.integers() | st.text()),
)
def test_never_raises(text: object, name: object, when: object, data: dict[str, object]) -> None:
    twins_of(site().shop, Later(name, text, data, "e-1", when), NOW)
    found = twins_of(site().shop, Later("Lead", _SEAL, data, "e-1", when), NOW)
    assert isinstance(found, NotSent) or [t.event_id for t in found] == ["e-1"]


_SEAL = sealed()


def test_new_fbp_is_what_these_tests_think() -> None:
    text = sealed(asked=request(headers={"cookie": ""}))
    assert opened(text, SECRETS, NOW).visitor.fbp == NEW_FBP
