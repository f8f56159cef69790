"""Shops that work by script: carts by fetch, XHR, htmx and Turbo, and pages that they swap in."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import BROWSER, PLAIN_CHROME, Sandbox, until
from tests.e2e.caches import PASS_HOST, nginx
from tests.e2e.script_shops import LINES, ROUTES
from tests.e2e.visits import Shops, left, pairs, settled, shops, told
from tests.page.conftest import QUIET, npm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.e2e

__all__ = ["npm"]  # a fixture
KINDS = ("flask", "starlette")
GRACE = 700  # ms: longer than the page waits for the block of a navigation


@pytest.fixture(scope="module")
def shop(running: Sandbox, tmp_path_factory: pytest.TempPathFactory, npm: Path) -> Iterator[Shops]:
    module, folder = "tests.e2e.script_shops", tmp_path_factory.mktemp
    settings = {"PIXELPAIR_ROUTES": ROUTES, "SHOP_NPM": str(npm)}
    # Two workers share nothing: what holds must hold across both.
    with shops(module, running, folder, workers=2, **settings) as opened:
        yield opened


# --- carts ---------------------------------------------------------------------------------------

FETCH = """() => Promise.all([1, 2, 3].map(
  (n) => fetch("/cart/add/T" + n, { method: "POST", headers: { Accept: "application/json" } })
    .then((answer) => answer.json())))"""
FOLLOW = """() => Promise.all([1, 2, 3].map(
  (n) => fetch("/cart/add/T" + n, { method: "POST" }).then((answer) => answer.text())))"""
XHR = """() => Promise.all([1, 2, 3].map((n) => new Promise((done) => {
  const asked = new XMLHttpRequest();
  asked.open("POST", "/cart/add/T" + n);
  asked.setRequestHeader("Accept", "application/json");
  asked.onload = done;
  asked.send();
})))"""
CLICK = "document.querySelectorAll('.add').forEach((button) => button.click())"
SUBMIT = "document.querySelectorAll('.add').forEach((form) => form.requestSubmit())"
# How the page is asked for, what it does, how many answers it then shows.
WAYS = {
    "fetch": ("", FETCH, 0),
    "fetch that follows a redirect": ("", FOLLOW, 0),
    "XHR": ("", XHR, 0),
    "htmx": ("?with=htmx&parts=htmx", CLICK, 3),
    "Turbo frames": ("?with=turbo&parts=frames", SUBMIT, 3),
    "Turbo streams": ("?with=turbo&parts=streams", SUBMIT, 3),
}


def sold(events: list[dict]) -> list[list[str]]:
    """The goods of the AddToCart pairs, as the page told them."""
    adds = [event for event in events if event["name"] == "AddToCart"]
    return sorted(event["browser"]["custom_data"]["content_ids"] for event in adds)


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("flask", "fetch"),
        ("flask", "htmx"),
        ("flask", "Turbo streams"),
        ("starlette", "fetch"),
        ("starlette", "fetch that follows a redirect"),
        ("starlette", "XHR"),
        ("starlette", "Turbo frames"),
        ("django", "fetch"),
        ("django", "htmx"),
    ],
)
def test_three_adds_at_one_moment_are_three_pairs(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, kind: str, way: str
) -> None:
    query, act, shown = WAYS[way]
    tab.goto(f"{shop(kind)}/plain{query}")
    tab.evaluate(act)
    events = settled(sandbox, tab, pairs("PageView", *["AddToCart"] * 3))
    assert sold(events) == [["T1"], ["T2"], ["T3"]]
    assert tab.locator(".done").count() == shown
    assert left(visitor) == []


@pytest.mark.parametrize(
    ("kind", "library"), [("flask", ""), ("starlette", "turbo"), ("django", "turbo")]
)
def test_a_form_that_leads_to_the_cart_is_one_pair(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, kind: str, library: str
) -> None:
    """By the browser itself, and by Turbo, which fetches the cart."""
    tab.goto(f"{shop(kind)}/plain?with={library}&parts=forms")
    tab.evaluate("document.querySelector('.add').requestSubmit()")
    tab.wait_for_url("**/cart**")
    events = settled(sandbox, tab, pairs("PageView", "AddToCart", "PageView"), GRACE)
    assert sold(events) == [["T1"]]
    assert left(visitor) == []


@pytest.mark.parametrize("kind", KINDS)
def test_two_tabs_are_one_pair_of_each(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, kind: str
) -> None:
    """Both add three at each of four moments, and see each other's cookies."""
    tabs = [tab, visitor.new_page()]
    for one in tabs:
        one.goto(f"{shop(kind)}/plain")
    settled(sandbox, tab, pairs("PageView", "PageView"), 0)
    for one in tabs:
        one.evaluate(f"void (async () => {{ for (let n = 0; n < 4; n++) await ({FETCH})() }})()")
    wanted = pairs(*["PageView"] * 2, *["AddToCart"] * 24)
    events = settled(sandbox, tab, wanted, GRACE)
    assert sold(events) == sorted([["T1"], ["T2"], ["T3"]] * 8)
    assert left(visitor) == []


CHECKOUT = "() => fetch('/checkout', { method: 'POST' }).then((answer) => answer.status)"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cart_of_forty_lines_fits_all_headers(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, kind: str, tmp_path: Path
) -> None:
    """Through nginx with its usual buffers of 4 KB."""
    upstream = int(shop(kind).rpartition(":")[2])
    with nginx(upstream, tmp_path, PASS_HOST) as proxy:
        tab.goto(f"{proxy.url}/plain")
        assert tab.evaluate(CHECKOUT) == 200
        events = settled(sandbox, tab, pairs("PageView", "InitiateCheckout"))
    (ordered,) = [event for event in events if event["name"] == "InitiateCheckout"]
    assert ordered["server"]["custom_data"]["contents"] == LINES
    assert ordered["browser"]["custom_data"] == {"value": 7160, "currency": "SEK"}
    assert left(visitor) == []


@pytest.mark.parametrize("kind", KINDS)
def test_carts_that_no_script_reads_never_fill_the_headers(
    shop: Shops, sandbox: Sandbox, kind: str, tmp_path: Path
) -> None:
    """A visitor without scripts keeps his cookies; the servers' limits are 4 and 8 KB."""
    upstream = int(shop(kind).rpartition(":")[2])
    with (
        nginx(upstream, tmp_path, PASS_HOST) as proxy,
        httpx.Client(base_url=proxy.url, headers=BROWSER) as client,
    ):
        answers = [client.post("/checkout") for _ in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 20
    assert max(len(answer.headers.get("set-cookie", "")) for answer in answers) <= 1800
    assert max(len(answer.request.headers.get("cookie", "")) for answer in answers) <= 4000
    wanted = [("InitiateCheckout", "server_only", 0, 0)] * 20
    until(lambda: told(sandbox.events()) == wanted)
    assert told(sandbox.events()) == wanted


# --- pages that a script swaps in ----------------------------------------------------------------

SHOWN = ("PageView", "ViewContent")


def click(tab: Page, place: str) -> None:
    tab.click(f'a[href^="{place}?"]')
    tab.wait_for_function(f"document.querySelector('h1')?.textContent == '{place}'")


def views(events: list[dict]) -> list[str]:
    """Where the PageViews stood, by either half, oldest first."""
    seen = [event for event in events if event["name"] == "PageView"]
    for event in seen:
        assert event["server"]["event_source_url"] == event["browser"]["url"]
    seen.sort(key=lambda event: int(event["browser"]["parameters"]["ts"]))
    return [httpx.URL(event["browser"]["url"]).path for event in seen]


@pytest.mark.parametrize(
    ("kind", "library", "folder"),
    [
        ("flask", "htmx", "/products"),
        ("flask", "turbo", "/kept"),
        ("starlette", "htmx", "/kept"),
        ("starlette", "turbo", "/products"),
    ],
)
def test_each_page_swapped_in_is_one_view(
    shop: Shops, sandbox: Sandbox, tab: Page, kind: str, library: str, folder: str
) -> None:
    """There, and back and forward again, without ever loading a document."""
    tab.goto(f"{shop(kind)}{folder}/1?with={library}")
    settled(sandbox, tab, pairs(*SHOWN), 0)
    tab.evaluate("window.same = 1")
    click(tab, f"{folder}/2")
    settled(sandbox, tab, pairs(*SHOWN * 2), 0)
    tab.evaluate("void setTimeout(() => history.back())")
    tab.wait_for_function(f"document.querySelector('h1')?.textContent == '{folder}/1'")
    settled(sandbox, tab, pairs(*SHOWN * 2, "PageView"), 0)
    tab.evaluate("void setTimeout(() => history.forward())")
    tab.wait_for_function(f"document.querySelector('h1')?.textContent == '{folder}/2'")
    events = settled(sandbox, tab, pairs(*SHOWN * 2, *["PageView"] * 2), GRACE)
    assert views(events) == [f"{folder}/{number}" for number in (1, 2, 1, 2)]
    assert tab.evaluate("window.same") == 1


@pytest.mark.parametrize("folder", ["/products", "/kept"])
def test_turbos_prefetched_page_is_a_view_when_it_is_clicked(
    shop: Shops, sandbox: Sandbox, tab: Page, folder: str
) -> None:
    tab.goto(f"{shop('starlette')}{folder}/1?with=turbo")
    settled(sandbox, tab, pairs(*SHOWN), 0)
    with tab.expect_response(lambda answer: f"{folder}/2" in answer.url) as asked:
        tab.hover(f'a[href^="{folder}/2?"]')
    assert asked.value.request.headers["x-sec-purpose"] == "prefetch"
    settled(sandbox, tab, pairs(*SHOWN), GRACE)
    click(tab, f"{folder}/2")
    events = settled(sandbox, tab, pairs(*SHOWN * 2), GRACE)
    assert views(events) == [f"{folder}/1", f"{folder}/2"]


@pytest.mark.parametrize(("kind", "place"), [("flask", "/kept/2"), ("starlette", "/products/2")])
def test_a_page_that_is_fetched_and_never_shown_is_no_view(
    shop: Shops, sandbox: Sandbox, tab: Page, kind: str, place: str
) -> None:
    tab.goto(f"{shop(kind)}/plain")
    settled(sandbox, tab, pairs("PageView"), 0)
    html = tab.evaluate(f"fetch('{place}').then((answer) => answer.text())")
    assert 'id="pixelpair"' in html
    settled(sandbox, tab, pairs("PageView"), GRACE)


# A lock that is held keeps a page out of the back/forward cache.
HOLD = "navigator.locks.request('held', () => new Promise(() => {}))"


@pytest.mark.parametrize("remembered", [True, False], ids=["remembered", "loaded again"])
@pytest.mark.parametrize(("kind", "folder"), [("flask", "/products"), ("starlette", "/kept")])
def test_documents_shown_again_by_going_back_are_the_same_views(
    shop: Shops, sandbox: Sandbox, tab: Page, kind: str, folder: str, remembered: bool
) -> None:
    """Whether the back/forward cache has them, or their scripts run again."""
    if not remembered:
        tab.add_init_script(HOLD)
    tab.goto(f"{shop(kind)}{folder}/1")
    settled(sandbox, tab, pairs(*SHOWN), 0)
    tab.evaluate("window.same = 1")
    click(tab, f"{folder}/2")
    settled(sandbox, tab, pairs(*SHOWN * 2), 0)
    tab.evaluate("window.same = 1")
    for act, place in (("back", f"{folder}/1"), ("forward", f"{folder}/2")):
        tab.evaluate(f"void setTimeout(() => history.{act}())")
        tab.wait_for_function(f"document.querySelector('h1')?.textContent == '{place}'")
        assert tab.evaluate("window.same") == (1 if remembered else None)
    settled(sandbox, tab, pairs(*SHOWN * 2), GRACE)


# --- pages that the browser gets ahead -----------------------------------------------------------


@contextmanager
def plain_browser(chromium_path: str, folder: Path, url: str) -> Iterator[None]:
    """A browser that no tool is attached to: that would switch prerendering off."""
    agent = f"--user-agent={PLAIN_CHROME}"
    command = [chromium_path, "--headless=new", *QUIET, agent, f"--user-data-dir={folder}", url]
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_a_prerendered_page_is_a_view_when_it_is_shown(
    shop: Shops, sandbox: Sandbox, chromium_path: str, tmp_path: Path
) -> None:
    """Two private pages are prerendered, one is shown: 2 s later, so that it could fire before."""
    wanted = pairs("PageView", "PageView", "ViewContent")
    url = shop("starlette")
    with plain_browser(chromium_path, tmp_path, f"{url}/ahead"):
        until(lambda: told(sandbox.events()) == wanted)
    events, early = sandbox.events(), httpx.get(f"{url}/ahead/asked").json()
    assert sorted(early) == ["/products/1", "/products/2"]
    assert told(events) == wanted
    assert views(events) == ["/ahead", "/products/1"]
