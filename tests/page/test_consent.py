"""Pages of shops that ask: nothing before consent, all of it then, and nothing after withdrawal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.consent import parse_consent
from tests.conftest import until
from tests.page.shop import COOKIE, FULL, INLINE, PIXEL, hold

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request

    from tests.page.conftest import Fires
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

OWN = parse_consent("required").in_page()
TOOL = parse_consent("cookie:ok=yes").in_page()
VIEW = ["PageView", {}]
PRODUCT = ["ViewContent", {"value": 2}]
ORDER = ["Purchase", {"value": 9}, "e" * 32]
LEAD = "pixelpair.track('Lead', {value: 3})"
CALLS = "Array.from(fbq.queue, (call) => Array.from(call))"
DEAF = "window.PerformanceObserver = class { observe() {} };"  # sees not even the favicon's answer
KEPT = "[typeof fbq, typeof _fbq, localStorage.length, sessionStorage.length]"
NOTHING = ["undefined", "undefined", 0, 0]
PUT = "(html) => document.body.insertAdjacentHTML('beforeend', html)"
SWAP = """
const swap = async (path) => {
  const page = new DOMParser().parseFromString(await (await fetch(path)).text(), "text/html");
  history.pushState({}, "", path);
  document.body.replaceChildren(...page.body.childNodes);
};
"""


@pytest.fixture
def foreign(shop: Shop, visitor: BrowserContext) -> list[str]:
    """The requests to the pixel's host."""
    host, found = shop.src.rpartition("/en_US")[0], []

    def seen(request: Request) -> None:
        if request.url.startswith(host):
            found.append(request.url)

    visitor.on("request", seen)
    return found


def serve(shop: Shop, path: str = "/p", *calls: list, body: str = "", **more: object) -> str:
    block = shop.signed(path, list(calls) or [VIEW], **{"consent": OWN, "names": ["Lead"], **more})
    shop.serve(path, block, body=body, code=FULL)
    shop.serve_fetched(f"fetched {path}", block)
    shop.pages[f"fetched {path}"] = shop.pages.pop(f"fetched {path}")
    return shop.url + path


def cookies(visitor: BrowserContext) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in visitor.cookies()}


def give(visitor: BrowserContext, shop: Shop, **given: str) -> None:
    visitor.add_cookies([{"name": k, "value": v, "url": shop.url} for k, v in given.items()])


def block_pixel(visitor: BrowserContext) -> None:
    visitor.route("**/fbevents.js", lambda route: route.abort())


def in_order(events: list[dict]) -> list[str]:
    events.sort(key=lambda event: int(event["browser"]["parameters"]["ec"]))
    return [event["name"] for event in events]


def paths(shop: Shop) -> list[str]:
    return [report["url"].removeprefix(shop.url) for report in shop.reports]


# --- before consent, and at consent


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({}, {}),
        ({"_pp_consent": "0.1795300000"}, {}),
        ({"ok": "no"}, {"consent": TOOL}),
        ({"ok": "%u", "_pp_consent": "1.1795300000"}, {"consent": {**TOOL, "yes": "("}}),
        ({"_pp_consent": "1.1795300000"}, {"deny": 1}),
        ({}, {"deny": 1, "consent": None}),
    ],
    ids=["pending", "denied", "another cookie", "broken rule", "signal", "signal alone"],
)
def test_without_consent_nothing_leaves_and_nothing_is_kept(
    shop: Shop, foreign: list, visitor: BrowserContext, tab: Page, given: dict, more: dict
) -> None:
    tab.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    given = given | dict([hold(1, "a" * 32)])
    give(visitor, shop, **given)
    tab.goto(serve(shop, "/p", VIEW, ORDER, **more) + "?fbclid=IwAR-1")
    tab.evaluate(f"{LEAD}; history.pushState({{}}, '', '/q')")
    own = shop.block(events=[["Lead", {}, "b" * 32]], cookie=COOKIE, **{"consent": OWN} | more)
    tab.evaluate(PUT, own)
    tab.wait_for_timeout(250)
    assert (foreign, shop.reports, cookies(visitor)) == ([], [], given)
    assert tab.evaluate(KEPT) == NOTHING


def test_consent_fires_and_reports_all_that_was_held_in_its_order(
    shop: Shop, fires: Fires, foreign: list, visitor: BrowserContext, tab: Page
) -> None:
    give(visitor, shop, **dict([hold(1, "a" * 32)]))
    tab.goto(serve(shop, "/p", VIEW, ORDER) + "?fbclid=IwAR-1", referer=shop.url + "/before")
    tab.evaluate(LEAD)
    tab.evaluate("history.pushState({}, '', '/q')")
    tab.wait_for_timeout(200)
    tab.evaluate("history.replaceState({}, '', '/q?sort=1')")
    assert foreign == []
    tab.evaluate("pixelpair.grant()")
    names = ["PageView", "Purchase", "Lead", "PageView", "AddToCart"]
    events = fires.after_grace(*names)
    assert in_order(events) == names
    ids = [event["event_id"] for event in events]
    # They leave in this order, at one moment: they may overtake each other on their way.
    told = [report.get("ids") or report["made"][0][2:3] for report in shop.reports]
    assert sorted(told) == sorted([ids[:2], ids[2:3], ids[3:4]])
    assert sorted(paths(shop)) == ["/p?fbclid=IwAR-1", "/p?fbclid=IwAR-1", "/q"]
    assert {report["referrer"] for report in shop.reports} == {shop.url + "/before"}
    now = cookies(visitor)
    assert re.fullmatch(r"1\.1[0-9]{9}", now.pop("_pp_consent"))
    # The address that was clicked is no longer shown: its click id is not known any more.
    assert re.fullmatch(r"fb\.0\.[0-9]{13}\.[0-9]+", now.pop("_fbp"))
    assert now == {}
    assert all("_pp_consent=1." in report["cookie"] for report in shop.reports)


def test_swapped_pages_are_held_each_with_its_address(
    shop: Shop, fires: Fires, foreign: list, tab: Page
) -> None:
    for path in ("/q", "/r"):
        serve(shop, path, VIEW, PRODUCT)
    tab.goto(serve(shop))
    tab.evaluate(f"async () => {{ {SWAP} await swap('/q'); {LEAD}; await swap('/r'); }}")
    tab.evaluate("pixelpair.track('Lead', {content_name: 'too long'.repeat(2000)})")
    tab.wait_for_timeout(200)
    assert foreign == []
    tab.evaluate("pixelpair.grant()")
    names = ["PageView", "PageView", "ViewContent", "Lead", "PageView", "ViewContent"]
    assert in_order(fires.after_grace(*names)) == names
    told = zip(paths(shop), [len(report.get("ids", "-")) for report in shop.reports], strict=True)
    # They leave at once, so they arrive in any order.
    assert sorted(told) == [("/p", 1), ("/q", 1), ("/q", 2), ("/r", 2)]


@pytest.mark.parametrize(
    "then",
    ["", "fetch('/p')", "document.body.append('x')", "pixelpair.grant()", LEAD],
    ids=["within a second", "an answer", "a change of the page", "grant", "an event"],
)
def test_a_tools_cookie_is_noticed(shop: Shop, fires: Fires, tab: Page, then: str) -> None:
    if then:
        tab.add_init_script("window.setInterval = () => 1;" + DEAF * ("append" in then))
    tab.goto(serve(shop, consent=TOOL))
    tab.evaluate(f"document.cookie = 'ok=yes'; {then}")
    assert until(lambda: len(shop.reports), 5)
    fires("PageView", *["Lead"] * (then == LEAD))
    assert "ok=yes" in shop.reports[0]["cookie"]


def test_a_page_with_server_ids_waits_too(
    shop: Shop, fires: Fires, foreign: list, visitor: BrowserContext, tab: Page
) -> None:
    """Its consent cookie is gone: deleted in another tab, or out of date."""
    block = shop.block(events=[[*VIEW, "a" * 32]], cookie=COOKIE, consent=OWN)
    shop.serve("/p", block, body=block, code=FULL)
    tab.goto(shop.url + "/p")
    assert (foreign, tab.evaluate(KEPT)) == ([], NOTHING)
    for _ in range(3):
        tab.evaluate("pixelpair.grant()")
    [event] = fires.after_grace("PageView")
    assert event["event_id"] == "a" * 32
    assert shop.reports == []
    assert event["browser"]["fbp"] == cookies(visitor)["_fbp"]


def test_consent_given_before_the_block_is_there_counts(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    shop.pages["/p"] = f"<script>{FULL}</script><body>"
    tab.goto(shop.url + "/p")
    tab.evaluate("pixelpair.revoke(); pixelpair.grant()")
    assert cookies(visitor) == {}
    block = shop.signed("/p", [VIEW], consent=OWN)
    tab.evaluate(PUT, block)
    fires("PageView")
    assert cookies(visitor)["_pp_consent"][:2] == "1."


def test_a_visitor_who_agreed_before_is_not_kept_waiting(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    """And the pixel is told so before init."""
    block_pixel(visitor)
    give(visitor, shop, _pp_consent="1.1795300000")
    tab.goto(serve(shop, ldu=[1, 1000]))
    assert [call[:2] for call in tab.evaluate(CALLS)] == [
        ["dataProcessingOptions", ["LDU"]],
        ["consent", "grant"],
        ["set", "autoConfig"],
        ["init", PIXEL],
        ["trackSingle", PIXEL],
    ]


# --- other tabs, and pages that come back


def test_what_was_held_and_fired_fires_not_again_by_going_back(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.headers = {"Cache-Control": "no-store"}
    tab.goto(serve(shop))
    tab.evaluate("pixelpair.grant()")
    fires("PageView")
    tab.goto("about:blank")
    tab.go_back()
    fires.after_grace("PageView")
    assert shop.asked == ["/p", "/p"]


def test_consent_in_one_tab_opens_the_others(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    """A Purchase held in both fires in one of them."""
    other = visitor.new_page()
    other.add_init_script(DEAF + "window.setInterval = (act) => { window.nextSecond = act; };")
    for one in (other, tab):
        one.goto(serve(shop, "/p", VIEW, ORDER))
    tab.evaluate("pixelpair.grant()")
    fires("PageView", "Purchase")
    other.evaluate("nextSecond()")
    fires("PageView", "Purchase", "PageView")
    assert [len(report["ids"]) for report in shop.reports] == [2, 2]


def test_a_page_from_the_back_forward_cache_sees_what_was_decided_meanwhile(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    tab.goto(serve(shop))
    tab.evaluate("window.same = 1")
    shop.pages["/plain"] = "<title>plain</title>"
    tab.evaluate("location.href = '/plain'")
    tab.wait_for_url("**/plain")
    give(visitor, shop, _pp_consent="1.1795300000")
    tab.evaluate("void setTimeout(() => history.back())")
    fires("PageView")
    assert tab.evaluate("[location.pathname, window.same]") == ["/p", 1]


# --- withdrawal


def withdraw(shop: Shop, visitor: BrowserContext, tab: Page) -> None:
    """A page with consent whose visitor withdraws it."""
    give(visitor, shop, _pp_consent="1.1795300000", _fbc="fb.1.17.Old")
    tab.goto(serve(shop))
    assert until(lambda: len(shop.reports) == 1)
    pending = "=".join(hold(1, "a" * 32))
    write = f"document.cookie = {pending!r}; document.cookie = 'other=kept'"
    tab.evaluate(f"{write}; pixelpair.revoke()")


def test_withdrawal_is_told_with_the_cookies_and_then_they_go(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    withdraw(shop, visitor, tab)
    assert until(lambda: cookies(visitor).keys() == {"_pp_consent", "other"}, 3)
    assert cookies(visitor)["_pp_consent"][:2] == "0."
    told = shop.reports[1]
    assert {key: told[key] for key in ("url", "referrer", "revoked")} == {
        "url": shop.url + "/p",
        "referrer": "",
        "revoked": 1,
    }
    assert told.keys() <= {"url", "referrer", "revoked", "twice", "how", "cookie"}
    assert all(f"{name}=" in told["cookie"] for name in ("_fbp", "_fbc", hold(1, "a" * 32)[0]))
    tab.evaluate(f"{LEAD}; history.pushState({{}}, '', '/q')")
    fires.after_grace("PageView")
    assert len(shop.reports) == 2


def test_what_an_answer_on_its_way_brings_back_goes_again(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    """Within a second; and who agrees again keeps the new ones, with which he withdraws again."""
    block_pixel(visitor)
    withdraw(shop, visitor, tab)
    gone = {"_pp_consent", "other"}
    assert until(lambda: cookies(visitor).keys() == gone, 3)
    for _ in range(2):
        back = {"_fbp": "fb.1.17.4711", "_fbc": "fb.1.17.Back"} | dict([hold(1, "a" * 32)])
        give(visitor, shop, **back)
        assert until(lambda: cookies(visitor).keys() == gone, 3)
    tab.evaluate("pixelpair.grant()")
    kept = cookies(visitor)["_fbp"]
    tab.wait_for_timeout(1100)
    assert cookies(visitor)["_fbp"] == kept
    tab.evaluate("pixelpair.revoke()")
    assert until(lambda: cookies(visitor).keys() == gone, 3)
    told = [report for report in shop.reports if "revoked" in report]
    assert len(told) == 2
    assert f"_fbp={kept}" in told[1]["cookie"]


def test_withdrawal_deletes_also_when_the_report_does_not_arrive(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    def fail(route: object, request: Request) -> None:
        if "revoked" in (request.post_data or ""):
            route.abort()
        else:
            route.continue_()

    block_pixel(visitor)
    visitor.route("**/_pixelpair/events", fail)
    withdraw(shop, visitor, tab)
    assert until(lambda: cookies(visitor).keys() == {"_pp_consent", "other"}, 3)
    assert len(shop.reports) == 1
    tab.evaluate("pixelpair.grant()")
    assert "_fbp" in cookies(visitor)


def test_who_agrees_again_goes_on(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    withdraw(shop, visitor, tab)
    assert until(lambda: "_fbp" not in cookies(visitor), 3)
    tab.evaluate(f"pixelpair.revoke(); {LEAD}; pixelpair.grant(); pixelpair.grant()")
    first, second = fires("PageView", "Lead")
    assert second["browser"]["fbp"] == cookies(visitor)["_fbp"] != first["browser"]["fbp"]
    assert [next(iter(report)) for report in shop.reports] == ["signed", "revoked", "made"]


def test_who_agrees_again_at_once_keeps_the_cookies(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    block_pixel(visitor)
    give(visitor, shop, _pp_consent="1.1795300000", _fbp="fb.1.17.4711")
    tab.goto(serve(shop))
    tab.evaluate("pixelpair.revoke(); pixelpair.grant()")
    assert until(lambda: len(shop.reports) == 2)
    tab.wait_for_timeout(100)
    assert cookies(visitor)["_fbp"] == "fb.1.17.4711"
    told = [call for call in tab.evaluate(CALLS) if call[0] == "consent"]
    assert told == [["consent", choice] for choice in ("grant", "revoke", "grant")]


def test_withdrawal_in_another_tab_is_noticed(
    shop: Shop, fires: Fires, visitor: BrowserContext, tab: Page
) -> None:
    """At the next event at the latest, which then does not leave."""
    give(visitor, shop, ok="yes")
    tab.goto(serve(shop, consent=TOOL))
    fires("PageView")
    give(visitor, shop, ok="no")
    tab.evaluate(LEAD)
    fires.after_grace("PageView")
    assert [next(iter(report)) for report in shop.reports] == ["signed", "revoked"]


def test_who_refuses_was_never_there(
    shop: Shop, foreign: list, visitor: BrowserContext, tab: Page
) -> None:
    tab.goto(serve(shop))
    tab.evaluate("pixelpair.revoke(); pixelpair.revoke()")
    tab.wait_for_timeout(150)
    assert (foreign, shop.reports) == ([], [])
    assert cookies(visitor).keys() == {"_pp_consent"}


# --- several cookies of one name


@pytest.mark.parametrize(
    ("wide", "narrow", "agreed"),
    [
        ("1.1795300000", "0.1795300001", False),
        ("0.1795300000", "1.1795300001", True),
        ("0.1795300001", "1.1795300000", False),
        ("0.1795300000", "1.1795300000", False),
    ],
)
def test_of_own_cookies_at_two_domains_the_latest_counts(
    shop: Shop, visitor: BrowserContext, tab: Page, wide: str, narrow: str, agreed: bool
) -> None:
    """The wide one was written first, so document.cookie has it first."""
    block_pixel(visitor)
    front = shop.at("www.shop.test")
    for value, where in ((wide, {"domain": ".shop.test", "path": "/"}), (narrow, {})):
        where = where or {"url": front}
        visitor.add_cookies([{"name": "_pp_consent", "value": value, **where}])
    serve(shop)
    tab.goto(front + "/p")
    assert tab.evaluate("document.cookie.match(/_pp_consent=[\\d.]+/g)") == [
        f"_pp_consent={value}" for value in (wide, narrow)
    ]
    assert tab.evaluate("typeof fbq") == ("function" if agreed else "undefined")


# --- what grant() and revoke() are where they do not decide


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        (INLINE, {}, []),
        (FULL, {}, []),
        (FULL, {"consent": TOOL}, ["pixelpair: the consent tool's cookie decides"] * 2),
    ],
)
def test_where_another_decides_grant_and_revoke_change_nothing(
    shop: Shop, visitor: BrowserContext, tab: Page, code: str, more: dict, said: list
) -> None:
    block_pixel(visitor)
    heard: list[str] = []
    tab.on("console", lambda message: heard.append(message.text))
    shop.serve("/p", shop.signed("/p", [VIEW], **more), code=code)
    tab.goto(shop.url + "/p")
    tab.evaluate("pixelpair.grant(); pixelpair.revoke()")
    assert "_pp_consent" not in cookies(visitor)
    assert [text for text in heard if "pixelpair:" in text] == said


@pytest.mark.parametrize(
    ("code", "more", "timers"),
    [(INLINE, {}, 0), (FULL, {"deny": 1}, 0), (FULL, {"consent": OWN}, 1)],
)
def test_only_shops_that_ask_look_every_second(
    shop: Shop, visitor: BrowserContext, tab: Page, code: str, more: dict, timers: int
) -> None:
    block_pixel(visitor)
    tab.add_init_script("window.timers = 0; window.setInterval = () => ++window.timers")
    block = shop.signed("/p", [VIEW], **more)
    shop.serve("/p", block, body=block, code=code)
    tab.goto(shop.url + "/p")
    assert tab.evaluate("timers") == timers


# --- a front end of its own


def test_a_front_end_asks_too(
    shop: Shop, fires: Fires, foreign: list, visitor: BrowserContext, tab: Page
) -> None:
    """The decision goes to the widest domain, so that the reports' host hears of it."""
    shop.served = shop.config(to="events", consent=OWN)
    script = f'<script src="{shop.at("api.shop.test")}/_pixelpair/pixel.js" async></script>'
    shop.serve("/front", "", head=script)
    tab.goto(shop.at("www.shop.test") + "/front")
    tab.wait_for_function("window.pixelpair")
    tab.wait_for_timeout(150)
    assert (foreign, cookies(visitor)) == ([], {})
    tab.evaluate("pixelpair.grant()")
    fires("PageView")
    assert {(c["name"], c["domain"]) for c in visitor.cookies()} == {
        ("_pp_consent", ".shop.test"),
        ("_fbp", ".shop.test"),
    }
    assert "_pp_consent=1." in shop.reports[0]["cookie"]
    tab.evaluate("document.cookie = '_fbc=fb.2.17.Of-this-host'; pixelpair.revoke()")
    assert until(lambda: cookies(visitor).keys() == {"_pp_consent"}, 3)
    assert "_fbp=" in shop.reports[1]["cookie"]
