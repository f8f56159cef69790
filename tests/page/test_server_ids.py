"""Pages whose ids the server made: what the loader says to the pixel, and when it is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.page.shop import INLINE, PIXEL

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.page.conftest import Fires
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

VIEW = ["PageView", {}, "a" * 32]
LEAD = ["Lead", {"value": 3}, "b" * 32]
OWN = ["SizeChosen", {}, "c" * 32, 1]
CALLS = "Array.from(fbq.queue, (call) => Array.from(call))"


def block_pixel(visitor: BrowserContext) -> None:
    visitor.route("**/fbevents.js", lambda route: route.abort())


def test_events_keep_their_ids_and_nothing_is_reported(shop: Shop, fires: Fires, tab: Page) -> None:
    shop.serve("/p", shop.block(events=[VIEW, LEAD, OWN]))
    tab.goto(shop.url + "/p")
    events = fires.after_grace("PageView", "Lead", "SizeChosen")
    assert {event["event_id"] for event in events} == {VIEW[2], LEAD[2], OWN[2]}
    assert shop.reports == []


@pytest.mark.parametrize(
    ("more", "before"),
    [
        ({}, [["set", "autoConfig", False, PIXEL], ["init", PIXEL, {}]]),
        ({"auto": 1, "match": {"em": "x"}}, [["init", PIXEL, {"em": "x"}]]),
    ],
)
def test_a_blocked_pixel_is_told_all_and_nothing_breaks(
    shop: Shop, visitor: BrowserContext, tab: Page, more: dict, before: list
) -> None:
    block_pixel(visitor)
    shop.serve("/p", shop.block(events=[VIEW, OWN], **more))
    tab.goto(shop.url + "/p")
    assert tab.evaluate(CALLS) == [
        *before,
        ["trackSingle", PIXEL, *VIEW[:2], {"eventID": VIEW[2]}],
        ["trackSingleCustom", PIXEL, *OWN[:2], {"eventID": OWN[2]}],
    ]
    assert tab.evaluate("[fbq.disablePushState, fbq.version, _fbq === fbq]") == [True, "2.0", True]


def test_a_second_block_of_the_page_initialises_nothing_again(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    block_pixel(visitor)
    late = shop.block(events=[LEAD]) + f"<script>{INLINE}</script>"
    shop.serve("/p", shop.block(events=[VIEW]), body=late)
    tab.goto(shop.url + "/p")
    names = [call[0] for call in tab.evaluate(CALLS)]
    assert names == ["set", "init", "trackSingle", "trackSingle"]
    assert tab.locator("#pixelpair").count() == 0


def test_a_page_shown_again_by_going_back_fires_nothing_again(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.headers = {"Cache-Control": "no-store"}
    shop.serve("/p", shop.block(events=[VIEW]))
    shop.serve("/q", shop.block(events=[LEAD]))
    tab.goto(shop.url + "/p")
    fires("PageView")
    tab.goto(shop.url + "/q")
    tab.go_back()
    fires.after_grace("PageView", "Lead")
    assert shop.asked.count("/p") == 2


def test_a_purchase_shown_in_another_tab_fires_once(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    shop.serve("/p", shop.block(events=[["Purchase", {"value": 1}, "d" * 32]]))
    tab.goto(shop.url + "/p")
    fires("Purchase")
    visitor.new_page().goto(shop.url + "/p")
    fires.after_grace("Purchase")


def test_a_purchase_is_forgotten_after_eight_days(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    block_pixel(visitor)
    shop.serve("/p", shop.block(events=[["Purchase", {}, "d" * 32]]))
    told = []
    for age in (0, 7.9, 16):
        made = f"constructor(time = {1.7e12 + age * 864e5}) {{ super(time); }}"
        tab.add_init_script(f"Date = class extends Date {{ {made} }}")
        tab.goto(shop.url + "/p")
        told.append([call[0] for call in tab.evaluate(CALLS)].count("trackSingle"))
    assert told == [1, 0, 1]


def test_what_fired_is_remembered_within_bounds(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    block_pixel(visitor)
    shop.serve("/p", shop.block(events=[["Lead", {}, f"{n:032x}"] for n in range(2000)]))
    tab.goto(shop.url + "/p")
    assert tab.evaluate("sessionStorage._pixelpair.length") == 9_999
    assert tab.evaluate(CALLS + ".length") == 2002


BLOCKED_STORAGE = """
for (const name of ["sessionStorage", "localStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });
}
"""
FULL_STORAGE = """
Storage.prototype.setItem = function () { throw new DOMException("no", "QuotaExceededError"); };
for (const name of ["sessionStorage", "localStorage"]) {
  const full = new Proxy({}, { set() { throw new DOMException("no", "QuotaExceededError"); } });
  Object.defineProperty(window, name, { value: full });
}
"""


@pytest.mark.parametrize("storage", [BLOCKED_STORAGE, FULL_STORAGE])
def test_blocked_storage_does_not_matter(shop: Shop, fires: Fires, tab: Page, storage: str) -> None:
    tab.add_init_script(storage)
    again = shop.block(events=[VIEW, ["Purchase", {}, "d" * 32]])
    shop.serve("/p", shop.block(events=[VIEW]), body=again)
    tab.goto(shop.url + "/p")
    fires.after_grace("PageView", "Purchase")


OTHER = "<script>window.fbq = (...call) => fbq.queue.push(call); fbq.queue = []; INIT</script>"
LOADED = "fbq.callMethod = (...call) => fbq.queue.push(call);"
LOADED += "fbq.getState = () => ({ pixels: [{ id: ID }] });"


@pytest.mark.parametrize(
    ("before", "twice"),
    [
        (f"fbq('init', '{PIXEL}')", True),
        (f"fbq('init', {PIXEL})", True),
        (LOADED.replace("ID", f"'{PIXEL}'"), True),
        ("fbq('init', '77')", False),
        ("fbq('track', 'Lead', window)", False),
        (LOADED.replace("ID", "'77'"), False),
    ],
)
def test_a_pixel_of_another_script_is_not_initialised_again(
    shop: Shop, tab: Page, before: str, twice: bool
) -> None:
    warnings: list[str] = []
    tab.on("console", lambda message: warnings.append(message.text))
    shop.serve("/p", shop.block(events=[VIEW]), head=OTHER.replace("INIT", before))
    tab.goto(shop.url + "/p")
    calls = tab.evaluate(CALLS + ".filter((call) => call[2] !== window)")
    assert calls[-1] == ["trackSingle", PIXEL, *VIEW[:2], {"eventID": VIEW[2]}]
    assert (["init", PIXEL, {}] in calls) is not twice
    assert [text for text in warnings if "pixelpair" in text] == (
        ["pixelpair: twice"] if twice else []
    )


TRUSTED = "require-trusted-types-for 'script'"


@pytest.mark.parametrize("policy", [TRUSTED, f"{TRUSTED}; trusted-types 'none'"])
def test_trusted_types_see_no_error_of_ours(
    shop: Shop, visitor: BrowserContext, tab: Page, policy: str
) -> None:
    shop.headers = {"Content-Security-Policy": policy}
    shop.serve("/p", shop.block(events=[VIEW]))
    tab.goto(shop.url + "/p")
    assert tab.evaluate("fbq.queue ? fbq.queue.length : 0") in (0, 3)


def test_a_block_that_is_no_script_is_not_read(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    """A comment field that keeps ids must not be able to choose the pixel's address."""
    block_pixel(visitor)
    evil = '<div id="pixelpair">{"pixel":"666","src":"/evil.js","to":"/","events":[]}</div>'
    shop.serve("/p", shop.block(events=[VIEW]), body=evil)
    tab.goto(shop.url + "/p")
    assert [call for call in tab.evaluate(CALLS) if "666" in call] == []
    assert tab.locator("div#pixelpair").count() == 1
