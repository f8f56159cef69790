"""A shop as its settings describe it: where its cookies go, and when its pages are others."""

from __future__ import annotations

from typing import Any

import pytest

from pixelpair import Settings
from pixelpair.core.events import Visitor
from pixelpair.core.notes import Notes
from pixelpair.core.product.facts import NOTHING
from pixelpair.core.sealed import Checkout, Problem, opened, seal
from pixelpair.storefront import Outlets, storefront
from tests.core.exchanges import FBP, NOW, PIXEL, request

OUTLETS = Outlets(lambda: NOW, lambda: "0" * 32, lambda: 1, lambda record: None)


def shop(**options: object) -> Any:
    given = {"pixel_id": PIXEL, "access_token": "EAAtoken", "secret": "ours"}
    return storefront(Settings(**given | options), OUTLETS, Notes()).shop


DOMAINS = [
    ("", "www.shop.example", "shop.example"),
    ("", "shop.co.uk:8000", "shop.co.uk"),
    ("", "shop.herokuapp.com", "shop.herokuapp.com"),
    ("", "localhost:8000", None),
    ("", "203.0.113.7", None),
    ("www.shop.example", "www.shop.example", "www.shop.example"),
    ("www.shop.example", "a.www.shop.example:8000", "www.shop.example"),
    ("www.shop.example", "shop.example", None),
    ("www.shop.example", "notwww.shop.example", None),
    ("shop.example", "other.example", None),
]


@pytest.mark.parametrize(("own", "host", "domain"), DOMAINS)
def test_cookies_are_for_the_widest_domain_or_the_shops_own(
    own: str, host: str, domain: str | None
) -> None:
    assert shop(cookie_domain=own).domains(host)[0] == domain


IN_PAGES: dict[str, dict[str, object]] = {
    "another pixel": {"pixel_id": "7"},
    "one more pixel": {"pixel_id": f"{PIXEL} 7"},
    "consent": {"consent": "required"},
    "another tool": {"consent": "cookie:ok=1"},
    "gpc": {"gpc": "deny"},
    "dnt": {"dnt": "1"},
    "ldu": {"ldu": "1,1000"},
    "path": {"path": "/events"},
    "page view": {"page_view": "browser"},
    "page events": {"page_events": "Lead"},
    "rules": {"routes": "Lead /a"},
    "currency": {"currency": "SEK"},
    "secret": {"secret": "next ours"},
    "cookie domain": {"cookie_domain": "www.shop.example"},
    "private keys": {"private_keys": "coupon"},
}
NOT_IN_PAGES: dict[str, dict[str, object]] = {
    "token": {"access_token": "EAAother"},
    "staff": {"staff": "192.0.2.1"},
    "proxies": {"trusted_proxies": "1"},
    "matching": {"advanced_matching": "1"},
    "rate": {"report_rate": "7"},
    "code": {"test_event_code": "TEST1"},
}


@pytest.mark.parametrize("what", IN_PAGES)
def test_version_is_another_where_cacheable_pages_are(what: str) -> None:
    assert shop(**IN_PAGES[what]).version != shop().version


@pytest.mark.parametrize("what", NOT_IN_PAGES)
def test_version_is_the_same_where_cacheable_pages_are(what: str) -> None:
    assert shop(**NOT_IN_PAGES[what]).version == shop().version == shop().version


def test_sensitive_pages_are_excluded() -> None:
    made = shop(sensitive="/mail/*")
    paths = ["/mail/7", "/accounts/password_reset/x", "/admin/orders", "/mailings", "/"]
    assert [bool(made.excludes(path)) for path in paths] == [True, True, True, False, False]
    assert [made.is_sensitive(path) for path in paths] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("options", "plain"),
    [
        ({}, True),
        ({"gpc": "deny"}, True),
        ({"trusted_proxies": "1"}, True),
        ({"consent": "required"}, False),
        ({"ldu": "0,0"}, False),
        ({"dnt": "1"}, False),
        ({"staff": "192.0.2.1"}, False),
        ({"advanced_matching": "1"}, False),
        ({"pixel_id": "1 2"}, False),
    ],
    ids=str,
)
def test_plain_is_the_shop_that_treats_all_alike(options: dict[str, object], plain: bool) -> None:
    assert shop(**options).plain is plain


def test_arrival_keeps_the_peer_and_hides_who_is_nobody() -> None:
    met = request(client="10.0.0.1")
    shop().arrive(met)
    assert (met.client, met.peer) == ("", "10.0.0.1")


@pytest.mark.parametrize("answer", [b"TP-1", True, {"id": 1}, object()])
def test_choice_of_ids_that_is_none_is_said_and_costs_no_event(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen: one whose str() raised took the page's PageView with it; an async one's coroutine was
    sent as an id.
    """
    found = shop(content_id=lambda _facts: answer)
    assert found.naming.content(NOTHING) is None
    assert [r.getMessage().partition(":")[0] for r in caplog.records] == ["PIXELPAIR_CONTENT_ID"]


@pytest.mark.parametrize("answer", ["TP-1", 7, None])
def test_choice_of_ids_is_the_shops(answer: object) -> None:
    assert shop(content_id=lambda _facts: answer).naming.content(NOTHING) == answer


def test_seal_opens_for_its_own_shop_only() -> None:
    """Seen: shops of one process and one SECRET sent each other's visitors to their own pixels."""
    visitor = Visitor("https://a.example/", "", "203.0.113.7", "", FBP, None, {})
    ours, theirs = shop(), shop(pixel_id="7")
    text = seal(visitor, ours.sealing, NOW)
    assert isinstance(opened(text, ours.sealing, NOW), Checkout)
    assert isinstance(opened(text, theirs.sealing, NOW), Problem)
