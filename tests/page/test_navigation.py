"""Client-side navigation: one PageView each, by the page that was fetched for it or made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.core.consent import parse_consent
from tests.conftest import until
from tests.page.shop import FULL, INLINE

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.page.conftest import Fires
    from tests.page.shop import Shop

pytestmark = pytest.mark.e2e

VIEW = ["PageView", {}]
PRODUCT = ["ViewContent", {"value": 2}]
HTMX = '<script src="/npm/htmx.org/dist/htmx.min.js"></script>'
TURBO = '<script src="/npm/@hotwired/turbo/dist/turbo.es2017-umd.js"></script>'
TOOLS = """
const get = async (path) => (await fetch(path)).text();
const show = (html) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  document.body.replaceChildren(...page.body.childNodes);
};
const push = (path) => history.pushState({}, "", path);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
"""
OLD = "Object.defineProperty(window, 'navigation', { value: undefined });"


@pytest.fixture(params=["navigation", "popstate"])
def tab_of_either_kind(request: pytest.FixtureRequest, tab: Page) -> Page:
    """With the Navigation API, and without it."""
    if request.param == "popstate":
        tab.add_init_script(OLD)
    return tab


def open_first(shop: Shop, tab: Page, *, head: str = "", body: str = "") -> None:
    shop.serve("/p", shop.signed("/p", [VIEW]), head=head, body=body)
    tab.goto(shop.url + "/p")
    assert until(lambda: len(shop.reports) == 1)


def add_product(shop: Shop, path: str = "/q", *, head: str = "", body: str = "") -> None:
    """A page that answers a script with its block at the end of the body."""
    block = shop.signed(path, [VIEW, PRODUCT])
    shop.serve(path, block, head=head, body=body)
    whole = shop.pages[path]
    shop.serve_fetched(path, block, head=head, body=body)
    shop.pages[f"fetched {path}"], shop.pages[path] = shop.pages[path], whole


def urls(events: list[dict]) -> list[str]:
    return [event["browser"]["url"].rpartition("/")[2] for event in events]


def test_each_navigation_is_one_page_view(
    shop: Shop, fires: Fires, tab_of_either_kind: Page
) -> None:
    tab = tab_of_either_kind
    open_first(shop, tab)
    tab.evaluate("history.pushState({}, '', '/q?a=1'); document.body.append('q')")
    views = fires.after_grace("PageView", "PageView")
    tab.evaluate("void setTimeout(() => history.back())")
    views = fires.after_grace("PageView", "PageView", "PageView")
    assert urls(views) == ["p", "q?a=1", "p"]
    made = [report["made"] for report in shop.reports[1:]]
    assert made == [[["PageView", {}, view["event_id"]]] for view in views[1:]]
    assert [report["url"] for report in shop.reports] == [
        shop.url + path for path in ("/p", "/q?a=1", "/p")
    ]


def test_other_changes_of_the_address_are_no_navigation(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    open_first(shop, tab)
    tab.evaluate("""
        history.replaceState({}, "", "/other?sort=1");
        document.body.append("x");
        history.pushState({}, "", "#a");
        location.hash = "b";
        history.pushState({}, "", location.href);
    """)
    fires.after_grace("PageView")


@pytest.mark.parametrize(("view", "names"), [("off", []), ("browser", ["PageView"])])
def test_a_setting_decides_on_page_views(
    shop: Shop, fires: Fires, tab: Page, view: str, names: list[str]
) -> None:
    shop.serve("/p", shop.block(events=[], view=view))
    tab.goto(shop.url + "/p")
    tab.evaluate("history.pushState({}, '', '/q')")
    fires.after_grace(*names)
    assert shop.reports == []


# --- addresses that are secrets

HIDE = "/(?:account|reset/[^/?]*-[^/?]*)(?:[/?]|$)"
LEAD = "pixelpair.track('Lead', {value: 3})"


@pytest.mark.parametrize("view", ["both", "browser"])
@pytest.mark.parametrize("code", [INLINE, FULL], ids=["base", "full"])
@pytest.mark.parametrize("path", ["/Account?a=1#top", "/en/reset/MQ-c0ffee", "/account"])
def test_nothing_is_made_at_a_hidden_address(
    shop: Shop, fires: Fires, tab: Page, path: str, code: str, view: str
) -> None:
    """And what is made before and after it is."""
    more = {"view": "browser"} if view == "browser" else {}
    block = shop.block(events=[], names=["Lead"], hide=HIDE, **more)
    shop.serve("/p", block, code=code)
    tab.goto(shop.url + "/p")
    tab.evaluate(LEAD)
    tab.evaluate(f"history.pushState({{}}, '', {path!r}); {LEAD}")
    fires.after_grace("Lead")
    tab.evaluate(f"history.pushState({{}}, '', '/accounts'); {LEAD}")
    events = fires.after_grace("Lead", "Lead", "PageView")
    assert {*urls(events)} == {"p", "accounts"}
    told = ["/p", "/accounts"] if more else ["/p", "/accounts", "/accounts"]
    assert [report["url"] for report in shop.reports] == [shop.url + path for path in told]


def test_a_hidden_address_left_at_once_makes_nothing(shop: Shop, fires: Fires, tab: Page) -> None:
    shop.serve("/p", shop.block(events=[], hide=HIDE))
    tab.goto(shop.url + "/p")
    tab.evaluate("for (const to of ['/account', '/q']) history.pushState({}, '', to)")
    fires.after_grace("PageView")
    assert [report["url"] for report in shop.reports] == [shop.url + "/q"]


def test_an_address_that_turns_into_a_hidden_one_makes_nothing(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.serve("/p", shop.block(events=[], hide=HIDE))
    tab.goto(shop.url + "/p")
    tab.evaluate("history.pushState({}, '', '/q'); history.replaceState({}, '', '/account')")
    fires.after_grace()
    assert shop.reports == []


@pytest.mark.parametrize("code", [INLINE, FULL], ids=["base", "full"])
@pytest.mark.parametrize("more", [{}, {"hide": "(?!)"}], ids=["older page", "nothing hidden"])
def test_where_nothing_is_hidden_all_is_made(
    shop: Shop, fires: Fires, tab: Page, more: dict, code: str
) -> None:
    shop.serve("/p", shop.block(events=[], names=["Lead"], **more), code=code)
    tab.goto(shop.url + "/p")
    tab.evaluate(f"history.pushState({{}}, '', '/account'); {LEAD}")
    fires.after_grace("Lead", "PageView")
    assert len(shop.reports) == 2


def test_a_second_navigation_loses_none(shop: Shop, fires: Fires, tab: Page) -> None:
    open_first(shop, tab)
    tab.evaluate("for (const n of [1, 2, 3]) history.pushState({}, '', '/q?' + n)")
    fires.after_grace(*["PageView"] * 4)
    assert [report["url"][-2:] for report in shop.reports] == ["/p", "?1", "?2", "?3"]


def test_leaving_loses_none(shop: Shop, tab: Page) -> None:
    open_first(shop, tab)
    shop.pages["/plain"] = "<title>plain</title>"
    tab.evaluate("history.pushState({}, '', '/q'); location.href = '/plain'")
    tab.wait_for_url("**/plain")
    assert until(lambda: len(shop.reports) == 2)
    assert shop.reports[1]["url"] == shop.url + "/q"


ORDERS = {
    "push, then swap": "const page = await get('/q'); push('/q'); show(page);",
    "swap, then push": "show(await get('/q')); push('/q');",
    "swap, push in a while": "show(await get('/q')); await pause(60); push('/q');",
    "push, swap after the grace": "push('/q'); await pause(700); show(await get('/q'));",
    "redirected": "show(await get('/q')); push('/elsewhere?x');",
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_fetched_page_is_the_navigations_page_view(
    shop: Shop, fires: Fires, tab: Page, order: str
) -> None:
    open_first(shop, tab)
    add_product(shop)
    tab.evaluate(f"async () => {{ {TOOLS} {ORDERS[order]} }}")
    events = fires.after_grace("PageView", "PageView", "ViewContent")
    signed = [report for report in shop.reports[1:] if "signed" in report]
    made = [report for report in shop.reports[1:] if "made" in report]
    assert len(signed) == 1
    assert set(signed[0]["ids"]) <= {event["event_id"] for event in events}
    # The PageView that could not wait is named again, so that it counts once.
    assert [report["made"][0][2] for report in made] == (
        signed[0]["ids"][:1] if "after the grace" in order else []
    )
    assert tab.locator("#pixelpair").count() == 0


def test_a_swap_after_a_swap_doubles_nothing(shop: Shop, fires: Fires, tab: Page) -> None:
    """Twenty navigations, half of them pushed before their page is there."""
    open_first(shop, tab)
    for number in range(20):
        add_product(shop, f"/q{number}")
        acts = [f"push('/q{number}');", "show(page);"]
        order = "".join(acts if number % 2 else reversed(acts))
        tab.evaluate(f"async () => {{ {TOOLS} const page = await get('/q{number}'); {order} }}")
    fires.after_grace(*["PageView"] * 21, *["ViewContent"] * 20)
    assert len(shop.reports) == 21


def test_a_page_swapped_in_before_its_push_after_a_page_with_server_ids(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    shop.serve("/p", shop.block(events=[["PageView", {}, "a" * 32]]))
    tab.goto(shop.url + "/p")
    add_product(shop)
    tab.evaluate(f"async () => {{ {TOOLS} {ORDERS['swap, then push']} }}")
    fires.after_grace("PageView", "PageView", "ViewContent")
    assert len(shop.reports) == 1


def test_a_fetched_page_that_is_never_shown_fires_nothing(
    shop: Shop, fires: Fires, tab: Page
) -> None:
    open_first(shop, tab)
    add_product(shop)
    tab.evaluate("fetch('/q').then((answer) => answer.text())")
    fires.after_grace("PageView")


@pytest.mark.parametrize("library", [HTMX, TURBO], ids=["htmx", "Turbo"])
def test_links_that_swap_pages_and_back_again(
    shop: Shop, fires: Fires, tab: Page, npm: Path, library: str
) -> None:
    links = '<div hx-boost="true"><a href="/q">q</a><a href="/r">r</a></div>'
    open_first(shop, tab, head=library, body=links)
    for path in ("/q", "/r"):
        add_product(shop, path, head=library, body=links)
    tab.evaluate("window.same = 1")
    tab.click("text=q >> nth=-1")
    fires("PageView", "PageView", "ViewContent")
    tab.click("a[href='/r']")
    tab.wait_for_function("document.querySelector('h1')?.textContent == '/r'")
    told = ["PageView", "PageView", "ViewContent", "PageView", "ViewContent"]
    fires.after_grace(*told)
    assert [("signed" in report) for report in shop.reports] == [True] * 3
    tab.evaluate("void setTimeout(() => history.back())")
    tab.wait_for_function("document.querySelector('h1')?.textContent == '/q'")
    back = fires.after_grace(*told, "PageView")
    assert urls(back)[-1] == "q"
    assert tab.evaluate("window.same") == 1


def test_a_script_in_the_body_run_again_by_turbo_doubles_nothing(
    shop: Shop, fires: Fires, tab: Page, npm: Path
) -> None:
    """Also a whole page, loader and all, that some cache gave to a script."""
    links = '<a href="/q">q</a>'
    open_first(shop, tab, head=TURBO, body=links)
    shop.serve("/q", "", head=TURBO)
    body = shop.signed("/q", [VIEW, PRODUCT]) + shop.pages["/p"].split("</script>")[2] + "</script>"
    shop.serve("/q", "", head=TURBO, body=body + '<a href="/p">p</a>')
    tab.click("text=q >> nth=-1")
    fires.after_grace("PageView", "PageView", "ViewContent")


def test_a_turbo_frame_of_a_page_is_no_page_view(
    shop: Shop, fires: Fires, tab: Page, npm: Path
) -> None:
    """The block stands outside the frame and is never shown."""
    frame = '<turbo-frame id="f"><a href="/q">q</a></turbo-frame>'
    open_first(shop, tab, head=TURBO, body=frame)
    add_product(shop, body='<turbo-frame id="f"><b>shown</b></turbo-frame>')
    tab.click("text=q >> nth=-1")
    tab.wait_for_selector("b")
    fires.after_grace("PageView")


@pytest.mark.parametrize(("code", "setting"), [(INLINE, "granted"), (FULL, "cookie:ok=yes")])
def test_a_page_that_changes_a_lot_is_not_slowed(
    shop: Shop, tab: Page, code: str, setting: str
) -> None:
    """A hundred thousand nodes, two thousand batches of changes: the ticks cost microseconds."""
    consent = parse_consent(setting).in_page() or None
    tab.context.add_cookies([{"name": "ok", "value": "yes", "url": shop.url}])
    shop.serve("/p", shop.signed("/p", [VIEW], consent=consent), code=code)
    tab.goto(shop.url + "/p")
    assert until(lambda: len(shop.reports) == 1)
    spent = tab.evaluate("""async () => {
        const box = document.createElement("div");
        for (let n = 0; n < 1e5; n++) box.append(document.createElement("i"));
        document.body.append(box);
        await new Promise((done) => setTimeout(done, 100));
        const start = performance.now();
        for (let n = 0; n < 2000; n++) { box.firstChild.append("x"); await null; }
        return (performance.now() - start) / 2000;
    }""")
    assert spent < 0.2
