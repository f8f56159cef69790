"""Pages that are the same for everybody: the page makes the ids and reports once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.conftest import until
from tests.page.shop import COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.page.conftest import Fires
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

CALLS = [
    ["PageView", {}],
    ["ViewContent", {"content_ids": ["s.1", "\u2028"], "value": 2}],
    ["Purchase", {"value": 9}, "e" * 32],
    ["SizeChosen", {}, "", 1],
]
MADE_ID = re.compile(r"[0-9a-f]{32}")


def cookies(visitor: BrowserContext) -> dict[str, dict]:
    return {cookie["name"]: cookie for cookie in visitor.cookies()}


def test_one_report_says_all_that_the_page_fired(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    shop.serve("/p", shop.signed("/p", CALLS))
    tab.goto(shop.url + "/p?fbclid=IwAR-1_x&a=1#top", referer=shop.url + "/before")
    events = fires.after_grace(*[call[0] for call in CALLS])
    [report] = shop.reports
    by_name = {event["name"]: event for event in events}
    assert report["ids"] == [by_name[call[0]]["event_id"] for call in CALLS]
    assert report["ids"][2] == "e" * 32
    assert all(MADE_ID.fullmatch(made) for made in report["ids"])
    assert len(set(report["ids"])) == 4
    assert report["url"] == shop.url + "/p?fbclid=IwAR-1_x&a=1"
    assert report["referrer"] == shop.url + "/before"
    assert report["how"].startswith("text/plain")
    assert report["signed"].startswith('["/p",[["PageView",{}],')
    assert set(report) == {"url", "referrer", "signed", "ids", "how", "cookie"}
    kept = cookies(visitor)
    sent = {(event["browser"]["fbp"], event["browser"]["fbc"]) for event in events}
    assert sent == {(kept["_fbp"]["value"], kept["_fbc"]["value"])}
    assert re.fullmatch(r"fb\.0\.[0-9]{13}\.[0-9]{1,10}", kept["_fbp"]["value"])
    assert re.fullmatch(r"fb\.0\.[0-9]{13}\.IwAR-1_x", kept["_fbc"]["value"])
    assert kept["_fbp"]["value"] in report["cookie"]


def test_two_visits_have_different_ids(shop: Shop, fires: Fires, tab: Page) -> None:
    shop.serve("/p", shop.signed("/p", CALLS[:1]))
    tab.goto(shop.url + "/p")
    fires("PageView")
    tab.reload()
    fires("PageView", "PageView")
    first, second = shop.reports
    assert first["signed"] == second["signed"]
    assert first["ids"] != second["ids"]


@pytest.mark.parametrize(
    ("query", "fbp", "fbc", "kept"),
    [
        ("", "fb.1.17.4711", "fb.1.17.Old", (True, True)),
        ("?fbclid=Old", "fb.1.17.4711.AQ", "fb.1.17.Old", (True, True)),
        ("?fbclid=New", "fb.1.17.4711", "fb.1.17.Old", (True, False)),
        ("?x=1&fbclid=Old", "garbage", "fb.1.17.Old", (False, True)),
    ],
)
def test_good_cookies_are_left_alone(
    shop: Shop, visitor: BrowserContext, tab: Page, query: str, fbp: str, fbc: str, kept: tuple
) -> None:
    given = {"_fbp": fbp, "_fbc": fbc}
    visitor.add_cookies([{"name": k, "value": v, "url": shop.url} for k, v in given.items()])
    shop.serve("/p", shop.signed("/p", CALLS[:1]))
    tab.goto(shop.url + "/p" + query)
    now = {name: cookie["value"] for name, cookie in cookies(visitor).items()}
    assert (now["_fbp"] == fbp, now["_fbc"] == fbc) == kept


def test_without_a_secure_context_all_works_too(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    """No crypto.randomUUID, no locks; the cookies go to the domain that the server names."""
    url = shop.at("www.shop.test")
    rules = COOKIE[1].replace("localhost", "shop.test")
    block = shop.signed("/p", CALLS).replace('"=fb.0."', '"=fb.1."')
    shop.serve("/p", block.replace(COOKIE[1], rules))
    tab.goto(url + "/p")
    fires.after_grace(*[call[0] for call in CALLS])
    assert tab.evaluate("[isSecureContext, !!crypto.randomUUID, !!navigator.locks]") == [False] * 3
    [report] = shop.reports
    assert all(MADE_ID.fullmatch(made) for made in report["ids"])
    fbp = cookies(visitor)["_fbp"]
    assert fbp["domain"] == ".shop.test"
    assert fbp["value"].startswith("fb.1.")
    assert fbp["value"] in report["cookie"]


@pytest.mark.parametrize("beacon", ["undefined", "() => false"])
def test_a_report_that_no_beacon_takes_goes_by_fetch(
    shop: Shop, fires: Fires, tab: Page, beacon: str
) -> None:
    tab.add_init_script(f"navigator.sendBeacon = {beacon}")
    shop.serve("/p", shop.signed("/p", CALLS[:1]))
    tab.goto(shop.url + "/p")
    fires("PageView")
    assert until(lambda: len(shop.reports) == 1)


def test_reports_stay_at_home_on_a_page_with_a_foreign_base(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.serve("/p", shop.signed("/p", CALLS[:1]), head='<base href="http://cdn.test/">')
    tab.goto(shop.url + "/p")
    fires("PageView")
    assert until(lambda: shop.reports, 2)


def test_a_blocked_pixel_still_reports(shop: Shop, visitor: BrowserContext, tab: Page) -> None:
    visitor.route("**/fbevents.js", lambda route: route.abort())
    shop.serve("/p", shop.signed("/p", CALLS))
    tab.goto(shop.url + "/p")
    assert until(lambda: shop.reports)
    assert len(shop.reports[0]["ids"]) == 4


def test_the_same_block_shown_by_going_back_fires_nothing_again(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.headers = {"Cache-Control": "no-store"}
    shop.serve("/p", shop.signed("/p", CALLS[:2]))
    shop.serve("/q", shop.signed("/q", CALLS[:1]))
    tab.goto(shop.url + "/p")
    fires("PageView", "ViewContent")
    tab.goto(shop.url + "/q")
    fires("PageView", "ViewContent", "PageView")
    tab.go_back()
    fires.after_grace("PageView", "ViewContent", "PageView")
    assert shop.asked.count("/p") == 2
    assert len(shop.reports) == 2


def test_another_block_shown_by_going_back_fires(shop: Shop, fires: Fires, tab: Page) -> None:
    shop.headers = {"Cache-Control": "no-store"}
    shop.serve("/p", shop.signed("/p", CALLS[:1], "one"))
    tab.goto(shop.url + "/p")
    fires("PageView")
    tab.goto("about:blank")
    shop.serve("/p", shop.signed("/p", CALLS[:2], "two"))
    tab.go_back()
    fires("PageView", "PageView", "ViewContent")


def test_a_block_put_in_again_fires_nothing_again(shop: Shop, fires: Fires, tab: Page) -> None:
    block = shop.signed("/p", CALLS[:2])
    shop.serve("/p", block)
    tab.goto(shop.url + "/p")
    fires("PageView", "ViewContent")
    for _ in range(3):
        tab.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", block)
    fires.after_grace("PageView", "ViewContent")
    assert len(shop.reports) == 1


def test_the_next_report_says_that_another_script_has_the_pixel(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    head = "<script>window.fbq = (...c) => fbq.queue.push(c); fbq.queue = [];"
    head += "fbq('init', '1234567890')</script>"
    shop.serve("/p", shop.signed("/p", CALLS[:1], names=["Lead"]), head=head)
    tab.goto(shop.url + "/p")
    tab.evaluate("pixelpair.track('Lead')")
    until(lambda: len(shop.reports) == 2)
    assert [report.get("twice") for report in shop.reports] == [1, 0]


def test_page_views_of_the_browser_alone_are_not_made_into_reports(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.serve("/p", shop.block(events=[], view="browser"))
    tab.goto(shop.url + "/p")
    tab.evaluate("history.pushState({}, '', '/q')")
    fires.after_grace("PageView")
    assert shop.reports == []
