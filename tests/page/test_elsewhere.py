"""Pages that we do not serve, and events that a page tells by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.conftest import until
from tests.page.shop import WHOLE

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.page.conftest import Fires
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

VIEW = ["PageView", {}]


def open_front_end(shop: Shop, tab: Page, *, body: str = "", **config: object) -> str:
    """A page of www.shop.test with the script of api.shop.test."""
    shop.served = shop.config(to="events", **config)
    script = f'<script src="{shop.at("api.shop.test")}/_pixelpair/pixel.js" async></script>'
    shop.serve("/front", "", head=script, body=body)
    tab.goto(shop.at("www.shop.test") + "/front")
    return shop.at("www.shop.test")


def test_a_front_end_makes_its_own_page_views(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    url = open_front_end(shop, tab)
    [event] = fires.after_grace("PageView")
    [report] = shop.reports
    assert report["made"] == [["PageView", {}, event["event_id"]]]
    assert report["url"] == url + "/front"
    [fbp] = [cookie for cookie in visitor.cookies() if cookie["name"] == "_fbp"]
    assert (fbp["domain"], fbp["value"][:5]) == (".shop.test", "fb.1.")
    assert event["browser"]["fbp"] == fbp["value"]
    assert fbp["value"] in report["cookie"]
    tab.evaluate("history.pushState({}, '', '/next')")
    fires.after_grace("PageView", "PageView")
    assert shop.reports[1]["url"] == url + "/next"


def test_a_front_end_shown_again_by_going_back_is_no_view(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.headers = {"Cache-Control": "no-store"}
    open_front_end(shop, tab)
    fires("PageView")
    tab.goto("about:blank")
    tab.go_back()
    fires.after_grace("PageView")
    assert shop.asked == ["/front", "/front"]


@pytest.mark.parametrize(("view", "names"), [("off", []), ("browser", ["PageView"])])
def test_a_setting_decides_on_page_views_there_too(
    shop: Shop, fires: Fires, tab: Page, view: str, names: list[str]
) -> None:
    open_front_end(shop, tab, view=view)
    fires.after_grace(*names)
    assert shop.reports == []


def test_a_block_in_the_page_wins(shop: Shop, fires: Fires, tab: Page) -> None:
    block = shop.signed("/front", [VIEW, ["Lead", {}]])
    shop.served = shop.config(to="events")
    shop.serve("/p", "", head=block + '<script src="/_pixelpair/pixel.js" async></script>')
    tab.goto(shop.url + "/p")
    fires.after_grace("PageView", "Lead")
    [report] = shop.reports
    assert len(report["ids"]) == 2


@pytest.mark.parametrize(
    ("policy", "sent"),
    [
        ("require-trusted-types-for 'script'", ["PageView"]),
        ("require-trusted-types-for 'script'; trusted-types pixelpair", ["PageView"]),
        ("require-trusted-types-for 'script'; trusted-types 'none'", []),
    ],
)
def test_trusted_types_let_the_pixel_load_where_they_can(
    shop: Shop, fires: Fires, tab: Page, policy: str, sent: list[str]
) -> None:
    shop.headers = {"Content-Security-Policy": policy}
    open_front_end(shop, tab)
    assert until(lambda: shop.reports)
    fires(*sent)


def test_the_page_tells_an_event(shop: Shop, fires: Fires, tab: Page) -> None:
    shop.serve("/p", shop.block(events=[], names=["AddToWishlist"]))
    tab.goto(shop.url + "/p")
    tab.evaluate("pixelpair.track('AddToWishlist', {value: 2})")
    [event] = fires("AddToWishlist")
    [report] = shop.reports
    assert report["made"] == [["AddToWishlist", {"value": 2}, event["event_id"]]]
    assert re.fullmatch(r"[0-9a-f]{32}", event["event_id"])
    assert event["browser"]["custom_data"] == {"value": 2}


@pytest.mark.parametrize("config", [{}, {"names": ["AddToWishlist"]}])
def test_other_names_are_refused_in_a_clear_sentence(
    shop: Shop, fires: Fires, tab: Page, config: dict
) -> None:
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    shop.serve("/p", shop.block(events=[], **config))
    tab.goto(shop.url + "/p")
    tab.evaluate("pixelpair.track('Purchase', {value: 2}); pixelpair.track('Add')")
    fires.after_grace()
    assert said == [f"pixelpair: no {name}" for name in ("Purchase", "Add")]
    assert shop.reports == []


def test_the_whole_script_does_inline_too(shop: Shop, fires: Fires, tab: Page) -> None:
    """As the source stands; also what is by URL only must not harm here."""
    block = shop.signed("/p", [VIEW]).replace('"cookie"', '"unknown"')
    shop.serve("/p", "", head=f"{block}<script>{WHOLE}</script>")
    tab.goto(shop.url + "/p")
    fires.after_grace("PageView")
    assert re.match(r"_fbp=fb\.0\.[0-9]{13}\.[0-9]{1,10}", shop.reports[0]["cookie"])


def test_a_form_named_track_is_not_taken_for_the_script(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    """Seen: document.track was the form that tracks an order, and the script thought it ran."""
    open_front_end(shop, tab, body="<form name=track></form>")
    fires.after_grace("PageView")


@pytest.mark.parametrize(
    "data",
    ["{content_name: 'x'.repeat(9000)}", "((data) => data.self = data)({})"],
    ids=["too long for a report", "no JSON"],
)
def test_what_cannot_be_reported_does_not_fire(
    shop: Shop, fires: Fires, tab: Page, data: str
) -> None:
    """Seen: the browser half of it left alone."""
    shop.serve("/p", shop.block(events=[], names=["AddToWishlist"]))
    tab.goto(shop.url + "/p")
    tab.evaluate(f"pixelpair.track('AddToWishlist', {data})")
    fires.after_grace()
    assert shop.reports == []


def test_a_report_of_endless_addresses_is_still_taken(shop: Shop, fires: Fires, tab: Page) -> None:
    shop.serve("/p", shop.signed("/p", [VIEW]))
    tab.goto(shop.url + "/p?q=" + "x" * 4000, referer="https://news.test/?" + "y" * 4000)
    fires("PageView")
    [report] = shop.reports
    assert (len(report["url"]), len(report["referrer"]) < 1000) == (999, True)
