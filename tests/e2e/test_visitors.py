"""Visitors and what they agree to, in Chromium: both channels open and close together."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import BROWSER, PLAIN_CHROME, Sandbox, until
from tests.e2e.visitor_shops import KNOWN, ROUTES
from tests.e2e.visits import Shops, pairs, settled, shops, told, watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.e2e

KINDS = ("flask", "starlette")
VIEWED = ("PageView", "ViewContent")
ADD = """(id) => fetch("/cart/add/" + id, { method: "POST" }).then((answer) => answer.json())"""
REQUIRED = {"PIXELPAIR_CONSENT": "required"}
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
SIGNAL = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { value: true })"
GRACE = 1500  # ms: longer than the page waits between two looks at a cookie


@pytest.fixture(scope="module")
def shop(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    settings = {"PIXELPAIR_ROUTES": ROUTES}
    with shops("tests.e2e.visitor_shops", running, tmp_path_factory.mktemp, **settings) as opened:
        yield opened


class Asked:
    """Every request that leaves the browser for the host that stands for Meta."""

    def __init__(self, tab: Page, meta: str) -> None:
        self.urls: list[str] = []
        tab.on(
            "request", lambda sent: self.urls.append(sent.url) if sent.url.startswith(meta) else 0
        )


def own_cookies(visitor: BrowserContext) -> set[str]:
    """Names of the cookies that are ours or Meta's."""
    names = {str(cookie["name"]) for cookie in visitor.cookies()}
    return {name for name in names if name.startswith(("_fb", "_pp", "_pixelpair"))}


# --- asked first ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["products", "kept"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_leaves_before_consent_and_the_held_events_after_it(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, kind: str, page: str
) -> None:
    url, asked = shop(kind, **REQUIRED), Asked(tab, sandbox.url)
    before = httpx.get(f"{url}/counts").json()
    tab.goto(f"{url}/{page}/tea")
    tab.evaluate(ADD, "early")
    tab.wait_for_timeout(GRACE)
    assert (asked.urls, own_cookies(visitor), sandbox.events()) == ([], set(), [])
    counts = httpx.get(f"{url}/counts").json()
    assert counts["no consent"] - before.get("no consent", 0) == 1

    tab.click("#grant")
    events = settled(sandbox, tab, pairs(*VIEWED))
    assert [event["browser"]["consent"] for event in events] == ["granted"] * 2
    tab.evaluate(ADD, "late")
    events = settled(sandbox, tab, pairs(*VIEWED, "AddToCart"))
    assert own_cookies(visitor) == {"_fbp", "_pp_consent"}
    tab.goto(f"{url}/{page}/coffee")  # nobody is asked twice
    settled(sandbox, tab, pairs(*VIEWED * 2, "AddToCart"))


@pytest.mark.parametrize("page", ["products", "kept"])
def test_a_banners_cookie_opens_the_page_that_holds_its_events(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, page: str
) -> None:
    url, asked = shop("flask", PIXELPAIR_CONSENT="cookie:banner=yes"), Asked(tab, sandbox.url)
    tab.goto(f"{url}/{page}/tea")
    tab.click("#no")
    tab.wait_for_timeout(GRACE)
    assert (asked.urls, own_cookies(visitor)) == ([], set())
    tab.click("#yes")
    settled(sandbox, tab, pairs(*VIEWED))


def test_a_view_says_that_the_visitor_agrees(shop: Shops, sandbox: Sandbox, tab: Page) -> None:
    url = shop("starlette", **REQUIRED)
    tab.goto(f"{url}/products/tea")
    tab.click("#choose")
    tab.wait_for_url("**/products/chosen")
    settled(sandbox, tab, pairs(*VIEWED))


# --- the way back --------------------------------------------------------------------------------


@pytest.mark.drill  # Graph is out, and 8 s must show that nothing comes after it is back
@pytest.mark.parametrize("way", ["#revoke", "#withdraw"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_withdrawal_ends_both_channels_and_what_waits(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, kind: str, way: str
) -> None:
    url, asked = shop(kind, **REQUIRED), Asked(tab, sandbox.url)
    tab.goto(f"{url}/products/tea")
    tab.click("#grant")
    settled(sandbox, tab, pairs(*VIEWED))

    sandbox.fault(status=503, count=3)  # what comes now waits, and is not sent any more
    tab.evaluate(ADD, "waits")
    until(lambda: "AddToCart" in [event["name"] for event in sandbox.events()])
    tab.click(way)
    tab.wait_for_timeout(GRACE)
    assert own_cookies(visitor) == {"_pp_consent"}
    sandbox.clear()  # the faults too
    asked.urls.clear()
    tab.evaluate(ADD, "later")
    tab.goto(f"{url}/products/coffee")
    tab.goto(f"{url}/kept/coffee")
    tab.wait_for_timeout(8000)  # the worker's first pauses are over
    assert (asked.urls, sandbox.events(), own_cookies(visitor)) == ([], [], {"_pp_consent"})

    tab.click("#grant")
    settled(sandbox, tab, pairs(*VIEWED))


# --- signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["products", "kept"])
@pytest.mark.parametrize("kind", KINDS)
def test_global_privacy_control_limits_both_halves(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, kind: str, page: str
) -> None:
    visitor.set_extra_http_headers({"Sec-GPC": "1"})
    visitor.add_init_script(SIGNAL)
    url = shop(kind)
    tab.goto(f"{url}/{page}/tea")
    tab.evaluate(ADD, "tea")
    events = settled(sandbox, tab, pairs(*VIEWED, "AddToCart"))
    assert {tuple(e[half]["ldu"]) for e in events for half in ("browser", "server")} == {(0, 0)}


@pytest.mark.parametrize("page", ["products", "kept"])
def test_global_privacy_control_is_a_refusal_where_the_shop_says_so(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page, page: str
) -> None:
    visitor.set_extra_http_headers({"Sec-GPC": "1"})
    visitor.add_init_script(SIGNAL)
    url, asked = shop("flask", PIXELPAIR_GPC="deny"), Asked(tab, sandbox.url)
    tab.goto(f"{url}/{page}/tea")
    tab.evaluate(ADD, "tea")
    tab.wait_for_timeout(GRACE)
    assert (asked.urls, own_cookies(visitor), sandbox.events()) == ([], set(), [])


def test_limited_data_use_for_everybody(shop: Shops, sandbox: Sandbox, tab: Page) -> None:
    url = shop("flask", PIXELPAIR_LDU="1,1000")
    tab.goto(f"{url}/products/tea")
    tab.goto(f"{url}/kept/tea")
    events = settled(sandbox, tab, pairs(*VIEWED * 2))
    limits = {tuple(e[half]["ldu"]) for e in events for half in ("browser", "server")}
    assert limits == {(1, 1000)}


# --- pages fetched ahead, machines, staff --------------------------------------------------------


def test_nobody_who_is_no_customer_is_counted_by_the_server(
    shop: Shops, sandbox: Sandbox, chromium: Browser
) -> None:
    """A crawler that runs scripts sees the page that others get; its report counts for nothing."""
    url = shop("flask")
    with watched(chromium, user_agent=GOOGLEBOT) as crawler:
        tab = crawler.new_page()
        tab.goto(f"{url}/kept/tea")
        tab.goto(f"{url}/products/tea")
        tab.evaluate(ADD, "tea")
        tab.wait_for_timeout(GRACE)
    assert told(sandbox.events()) == [(name, "browser_only", 0, 0) for name in sorted(VIEWED * 2)]
    counts = httpx.get(f"{url}/counts").json()
    assert {r: n for r, n in counts.items() if r.startswith("machine")} == {"machine: crawler": 7}


def test_staff_are_not_counted(
    shop: Shops, sandbox: Sandbox, visitor: BrowserContext, tab: Page
) -> None:
    url = shop("starlette", PIXELPAIR_STAFF="cookie:staff=1")
    visitor.add_cookies([{"name": "staff", "value": "1", "url": url}])
    asked = Asked(tab, sandbox.url)
    tab.goto(f"{url}/products/tea")
    tab.evaluate(ADD, "tea")
    tab.wait_for_timeout(GRACE)
    assert (asked.urls, sandbox.events()) == ([], [])


def test_a_page_that_gives_an_account_away_has_no_pixel(
    shop: Shops, sandbox: Sandbox, tab: Page
) -> None:
    url, asked = shop("flask"), Asked(tab, sandbox.url)
    tab.goto(f"{url}/reset-password/MTA0-c7n2p4-5f1e6a0b9d8c7f6e5d4c3b2a19181716")
    tab.wait_for_timeout(500)
    assert (asked.urls, "pixelpair" in tab.content().replace("pixelpair.", "")) == ([], False)


# --- several pixels ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["products", "kept"])
def test_all_pixels_of_a_shop_get_each_event_under_one_id(
    shop: Shops, sandbox: Sandbox, tab: Page, page: str
) -> None:
    url = shop("flask", PIXELPAIR_PIXEL_ID="1234567890 9876543210")
    tab.goto(f"{url}/{page}/tea")
    tab.evaluate(ADD, "tea")
    wanted = pairs(*(*VIEWED, "AddToCart") * 2)
    until(lambda: told(sandbox.events()) == wanted, 15)
    events = sandbox.events()
    assert told(events) == wanted
    by_id: dict[str, set[str]] = {}
    for event in events:
        by_id.setdefault(f"{event['name']} {event['event_id']}", set()).add(event["pixel_id"])
    assert list(by_id.values()) == [{"1234567890", "9876543210"}] * 3


# --- who it is -----------------------------------------------------------------------------------


def test_what_a_visitor_said_goes_with_later_pages_that_all_share(
    shop: Shops, sandbox: Sandbox, tab: Page
) -> None:
    url = shop("flask", PIXELPAIR_ADVANCED_MATCHING="1")
    tab.goto(f"{url}/kept/tea")
    settled(sandbox, tab, pairs(*VIEWED))
    tab.click("#join")
    tab.wait_for_url("**/products/joined")
    settled(sandbox, tab, pairs(*VIEWED * 2, "CompleteRegistration"))
    sandbox.clear()
    tab.goto(f"{url}/kept/coffee")
    events = settled(sandbox, tab, pairs(*VIEWED))
    digest = sha256(KNOWN["email"].encode()).hexdigest()
    assert [event["server"]["user_data"]["em"] for event in events] == [[digest]] * 2
    assert not [key for event in events for key in event["browser"]["match_keys"] if key == "em"]


# --- nothing is written down ---------------------------------------------------------------------

PLAIN = ("jane", "doe@shop", "123 45 67", "701234567", "Göteborg", "goteborg", "sandbox-token",
         "s3cr3t-of-a-form", "a secret of these tests", "customer-4711")  # fmt: skip


def test_nothing_that_is_written_holds_a_secret_or_a_name(
    running: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str], tab: Page
) -> None:
    """The spool, its dead letters and all logs, after everything went wrong that can."""
    running.clear()
    folder, spool = tmp_path / "logs", tmp_path / "spool"
    folder.mkdir()
    settings = {
        "PIXELPAIR_ROUTES": ROUTES,
        "PIXELPAIR_ADVANCED_MATCHING": "1",
        "PIXELPAIR_IDENTIFY": "tests.e2e.visitor_shops.who",
        "PIXELPAIR_SPOOL": str(spool),
    }
    running.fault(error={"code": 100}, count=4)  # dead letters
    running.fault(status=503, count=2)
    query = "?email=jane.doe@shop.example&reset_token=s3cr3t-of-a-form&phone=%2B46701234567"
    with shops("tests.e2e.visitor_shops", running, lambda _: spool, **settings) as opened:
        url = opened("flask")
        tab.goto(f"{url}/products/tea{query}")
        tab.click("#join")
        tab.wait_for_url("**/products/joined")
        tab.goto(f"{url}/kept/tea{query}")
        report = {"url": f"{url}/kept/tea{query}", "made": [["Nope", {"a": "jane"}, "b"]]}
        for body in ("jane.doe@shop.example", report):
            httpx.post(f"{url}/_pixelpair/events", json=body, headers=BROWSER | {"Origin": url})
        tab.wait_for_timeout(3000)
    written = {file.name: file.read_bytes() for file in spool.rglob("*") if file.is_file()}
    assert written
    said = capfd.readouterr()
    written |= {"stdout": said.out.encode(), "stderr": said.err.encode()}
    found = [
        (name, word)
        for name, content in written.items()
        for word in PLAIN
        if re.search(re.escape(word.encode()), content, re.IGNORECASE)
    ]
    assert found == []
    assert any(PLAIN_CHROME.encode() in content for content in written.values())  # it can be found
