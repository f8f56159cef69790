"""Events of answers that are no page, carried by cookies: each fires once, in one tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.page.shop import hold

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

    from tests.conftest import Sandbox
    from tests.page.conftest import Fires
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

XHR = """
const xhr = new XMLHttpRequest();
xhr.open("POST", "/add");
xhr.send();
"""
HTMX = '<script src="/npm/htmx.org/dist/htmx.min.js"></script>' + (
    '<form hx-post="/add" hx-trigger="go from:body" hx-target="find p"><p></p></form>' * 3
)
TURBO = '<script src="/npm/@hotwired/turbo/dist/turbo.es2017-umd.js"></script><div id=list></div>'
FRAME = '<turbo-frame id="f{}"><form method=post action="/add"></form></turbo-frame>'
TURBO += "".join([FRAME.format(number) for number in range(3)])
SUBMIT = "document.querySelectorAll('form').forEach((form) => form.requestSubmit())"


def page(shop: Shop, body: str = "", path: str = "/p") -> str:
    shop.serve(path, shop.block(events=[]), body=body)
    return shop.url + path


def put(visitor: BrowserContext, shop: Shop, *held: tuple[str, str]) -> None:
    visitor.add_cookies([{"name": name, "value": value, "url": shop.url} for name, value in held])


def left(visitor: BrowserContext) -> list[str]:
    return [cookie["name"] for cookie in visitor.cookies() if "_pixelpair" in cookie["name"]]


@pytest.mark.parametrize(
    ("body", "act"),
    [
        ("", "for (let n = 0; n < 3; n++) fetch('/add', {method: 'POST'})"),
        ("", f"for (let n = 0; n < 3; n++) {{ {XHR} }}"),
        (HTMX, "htmx.trigger(document.body, 'go')"),
        (TURBO, SUBMIT),
    ],
    ids=["fetch", "XHR", "htmx", "Turbo"],
)
def test_three_answers_at_once_are_three_events(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page, npm: Path, body: str, act: str
) -> None:
    tab.goto(page(shop, body))
    tab.evaluate(act)
    events = fires("AddToCart", "AddToCart", "AddToCart")
    assert len({event["event_id"] for event in events}) == 3
    assert left(visitor) == []


def test_what_a_redirect_left_fires_on_load_oldest_first(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    put(visitor, shop, hold(2, "b" * 32), hold(1, "a" * 32), hold(3, "c" * 32))
    visitor.add_cookies(
        [
            {"name": "_pixelpair_broken", "value": "%%%", "url": shop.url},
            {"name": "_pixelpair_noid", "value": "eyJ0IjoxfQ", "url": shop.url},
            {"name": "x_pixelpair_other", "value": "eyJ0IjoxfQ", "url": shop.url},
        ]
    )
    tab.goto(page(shop))
    events = fires("AddToCart", "AddToCart", "AddToCart")
    order = sorted(events, key=lambda event: int(event["browser"]["parameters"]["ec"]))
    assert [event["event_id"][0] for event in order] == ["a", "b", "c"]
    assert left(visitor) == ["_pixelpair_broken", "x_pixelpair_other"]


@pytest.mark.parametrize("host", ["localhost", "www.shop.test"])
def test_an_event_held_twice_fires_once(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page, host: str
) -> None:
    page(shop)
    for _ in range(2):
        name, value = hold(1, "a" * 32)
        visitor.add_cookies([{"name": name, "value": value, "url": shop.at(host)}])
        tab.goto(shop.at(host) + "/p")
        fires("AddToCart")


def test_two_open_tabs_fire_an_event_once(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page, sandbox: Sandbox
) -> None:
    """Both tabs are woken at the same moment, forty times."""
    other = visitor.new_page()
    for one in (tab, other):
        one.goto(page(shop))
    wake = """() => { new BroadcastChannel("wake").onmessage = () => fetch("/p"); }"""
    for one in (tab, other):
        one.evaluate(wake)
    caller = visitor.new_page()
    shop.pages["/plain"] = "<title>plain</title>"
    caller.goto(shop.url + "/plain")
    for number in range(40):
        put(visitor, shop, hold(number, f"{number:08x}" * 4))
        caller.evaluate("new BroadcastChannel('wake').postMessage(1)")
        caller.wait_for_timeout(40)
    fires(*["AddToCart"] * 40)


def test_a_page_from_the_back_forward_cache_fires_what_came_meanwhile(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    tab.goto(page(shop))
    tab.evaluate("window.same = 1")
    shop.pages["/plain"] = "<title>plain</title>"
    tab.evaluate("location.href = '/plain'")
    tab.wait_for_url("**/plain")
    put(visitor, shop, hold(1, "a" * 32))
    tab.evaluate("void setTimeout(() => history.back())")
    fires("AddToCart")
    assert tab.evaluate("[location.pathname, window.same]") == ["/p", 1]


def test_a_page_that_is_being_left_leaves_the_event_to_the_next(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    tab.goto(page(shop))
    page(shop, path="/q")
    tab.evaluate("fetch('/add', {method: 'POST', keepalive: true}); location.href = '/q'")
    tab.wait_for_url("**/q")
    tab.wait_for_timeout(200)
    tab.reload()
    fires("AddToCart")
    assert left(visitor) == []


@pytest.mark.parametrize("garbled", ["bnVsbA", "MQ", "e30", "eyJlIjpudWxsfQ", "x"])
def test_a_garbled_cookie_costs_no_other_event(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page, garbled: str
) -> None:
    """Seen: `null`, which a sibling host can set, ate all events that waited."""
    good = hold("AddToCart", "a" * 32)
    put(visitor, shop, ("_pixelpair_x", garbled), good)
    tab.goto(page(shop))
    fires("AddToCart")
    assert left(visitor) == []
