"""Limited Data Use and privacy signals on the browser's side, and several pixels in one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.core.consent import parse_consent
from tests.page.shop import COOKIE, FULL, INLINE, PIXEL

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.page.conftest import Fires
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

VIEW = ["PageView", {}, "a" * 32]
CALLS = "window.fbq ? Array.from(fbq.queue, (call) => Array.from(call)) : []"
FIRED = [
    ["set", "autoConfig", False, PIXEL],
    ["init", PIXEL, {}],
    ["trackSingle", PIXEL, *VIEW[:2], {"eventID": VIEW[2]}],
]
USUAL = {"ldu": [0, 0], "gpc": 1}
OTHER = "2222222222"


def limited(country: int, state: int) -> list:
    return [["dataProcessingOptions", ["LDU"], country, state], *FIRED]


def told(shop: Shop, visitor: BrowserContext, tab: Page, code: str, **more: object) -> list:
    """What a page says to a pixel that never comes."""
    visitor.route("**/fbevents.js", lambda route: route.abort())
    shop.serve("/p", shop.block(events=[VIEW], **more), code=code)
    tab.goto(shop.url + "/p")
    return tab.evaluate(CALLS)


@pytest.mark.parametrize(
    ("code", "more", "gpc", "dnt", "calls"),
    [
        (INLINE, {}, True, "1", FIRED),
        (INLINE, USUAL, True, None, limited(0, 0)),
        (INLINE, USUAL, False, "1", FIRED),
        (INLINE, {"ldu": [1, 1000]}, None, None, limited(1, 1000)),
        (FULL, {**USUAL, "dnt": 1}, None, "1", limited(0, 0)),
        (FULL, {"deny": 1, "gpc": 1, "dnt": 1}, False, "1", []),
        (FULL, {"deny": 1, "gpc": 1, "ldu": [1, 1000]}, None, "1", limited(1, 1000)),
        (FULL, {"deny": 1, "gpc": 1, "ldu": [1, 1000]}, True, None, []),
    ],
)
def test_a_signal_limits_or_refuses(
    shop: Shop,
    visitor: BrowserContext,
    tab: Page,
    code: str,
    more: dict,
    gpc: bool | None,
    dnt: str | None,
    calls: list,
) -> None:
    for name, value in {"globalPrivacyControl": gpc, "doNotTrack": dnt}.items():
        said = {True: "true", False: "false", None: "undefined"}.get(value, repr(value))
        tab.add_init_script(f"Object.defineProperty(navigator, '{name}', {{ value: {said} }})")
    assert told(shop, visitor, tab, code, **more) == calls


def test_limits_are_said_once(shop: Shop, visitor: BrowserContext, tab: Page) -> None:
    told(shop, visitor, tab, INLINE, ldu=[1, 0])
    again = shop.block(events=[["Lead", {}, "b" * 32]], ldu=[1, 0])
    tab.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", again)
    names = [call[0] for call in tab.evaluate(CALLS)]
    assert names == ["dataProcessingOptions", "set", "init", "trackSingle", "trackSingle"]


def test_several_pixels_hear_the_same_with_one_id(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    """Two blocks, held until the visitor agrees: each pixel is initialised once."""
    own = ["SizeChosen", {"value": 2}, "c" * 32, 1]
    asked = {"consent": parse_consent("required").in_page(), "cookie": COOKIE}
    blocks = [shop.block(events=[e], pixel=f"{PIXEL} {OTHER}", **asked) for e in (own, VIEW)]
    visitor.route("**/fbevents.js", lambda route: route.abort())
    shop.serve("/p", blocks[0], body=blocks[1], code=FULL)
    tab.goto(shop.url + "/p")
    assert tab.evaluate(CALLS) == []
    tab.evaluate("pixelpair.grant()")
    both = (PIXEL, OTHER)
    starts = [[["set", "autoConfig", False, pixel], ["init", pixel, {}]] for pixel in both]
    assert tab.evaluate(CALLS) == [
        ["consent", "grant"],
        *starts[0],
        *starts[1],
        *[["trackSingleCustom", pixel, *own[:2], {"eventID": own[2]}] for pixel in both],
        *[["trackSingle", pixel, *VIEW[:2], {"eventID": VIEW[2]}] for pixel in both],
    ]


def test_one_of_several_pixels_that_another_script_has_is_not_initialised_again(
    shop: Shop, visitor: BrowserContext, tab: Page
) -> None:
    visitor.route("**/fbevents.js", lambda route: route.abort())
    head = "<script>window.fbq = (...call) => fbq.queue.push(call); fbq.queue = [];"
    head += f"fbq('init', '{OTHER}')</script>"
    shop.serve("/p", shop.signed("/p", [VIEW], pixel=f"{PIXEL} {OTHER}"), head=head, code=FULL)
    tab.goto(shop.url + "/p")
    started = [call[1] for call in tab.evaluate(CALLS) if call[0] == "init"]
    assert started == [OTHER, PIXEL]


def test_several_pixels_share_one_report(shop: Shop, fires: Fires, tab: Page) -> None:
    shop.serve("/p", shop.signed("/p", [["PageView", {}]], pixel=f"{PIXEL} {OTHER}"), code=FULL)
    tab.goto(shop.url + "/p")
    events = fires("PageView", "PageView")
    [report] = shop.reports
    assert {event["event_id"] for event in events} == set(report["ids"])
    assert {event["pixel_id"] for event in events} == {PIXEL, OTHER}
