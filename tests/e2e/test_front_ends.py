"""Pages that we do not serve, on another origin of the same site; and what anybody may send."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pixelpair.core.origins import RUN
from pixelpair.sandbox.server import running as running_app
from tests.conftest import BROWSER, Sandbox, until
from tests.e2e.visits import Shops, pairs, settled, shops, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page
    from starlette.requests import Request

pytestmark = pytest.mark.e2e

KINDS = ("flask", "starlette")
FRONT = """<!doctype html><html><head><title>front</title>
<script src="{api}/_pixelpair/pixel.js" async></script></head><body><h1>front</h1></body></html>"""
READY = "window.pixelpair !== undefined"
GRACE = 700  # ms: longer than the page waits for the block of a navigation


class Front:
    """A static front end on an origin of its own; `api` says whose script its pages have."""

    url = ""
    api = ""

    async def page(self, _request: Request) -> HTMLResponse:
        return HTMLResponse(FRONT.format(api=self.api))


def at_localhost(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    front = Front()
    with running_app(Starlette(routes=[Route("/{path:path}", front.page)])) as url:
        front.url = at_localhost(url)
        yield front


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "shop.log"


@pytest.fixture(scope="module")
def shop(
    running: Sandbox, front: Front, log: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shops]:
    settings = {"PIXELPAIR_ORIGINS": front.url, "PIXELPAIR_PAGE_EVENTS": "AddToWishlist"}
    settings |= {"SHOP_LOG": str(log)}
    with shops("tests.e2e.api_shops", running, tmp_path_factory.mktemp, **settings) as opened:
        yield lambda kind, **more: at_localhost(opened(kind, **more))


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A visitor who sees no error on any page."""
    with chromium.new_context() as context:
        thrown: list[str] = []
        context.on("weberror", lambda error: thrown.append(str(error.error)))
        yield context
    assert thrown == []


@pytest.fixture
def tab(visitor: BrowserContext) -> Page:
    return visitor.new_page()


# --- a front end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_front_end_has_pairs_of_its_views_and_of_what_it_tells(
    shop: Callable[..., str], front: Front, sandbox: Sandbox, tab: Page, kind: str
) -> None:
    front.api = shop(kind)
    tab.goto(f"{front.url}/tea")
    settled(sandbox, tab, pairs("PageView"))
    tab.evaluate("history.pushState({}, '', '/cup?size=2')")
    settled(sandbox, tab, pairs("PageView", "PageView"), 0)
    wish = {"content_ids": ["TEA"], "value": 89.5, "currency": "SEK"}
    tab.evaluate("(data) => pixelpair.track('AddToWishlist', data)", wish)
    events = settled(sandbox, tab, pairs("AddToWishlist", "PageView", "PageView"))
    seen = {(e["name"], e["server"]["event_source_url"], e["browser"]["url"]) for e in events}
    tea, cup = f"{front.url}/tea", f"{front.url}/cup?size=2"
    assert seen == {("PageView", tea, tea), ("PageView", cup, cup), ("AddToWishlist", cup, cup)}
    (wished,) = [event for event in events if event["name"] == "AddToWishlist"]
    assert wished["browser"]["custom_data"] == wished["server"]["custom_data"] == wish
    assert all(re.fullmatch("[0-9a-f]{32}", event["event_id"]) for event in events)


def test_the_visitors_cookies_come_back_from_the_api(
    shop: Callable[..., str], front: Front, sandbox: Sandbox, visitor: BrowserContext, tab: Page
) -> None:
    front.api = shop("starlette")
    with tab.expect_response("**/_pixelpair/events") as answered:
        tab.goto(f"{front.url}/tea?fbclid=Click_1")
    settled(sandbox, tab, pairs("PageView"))
    kept = {cookie["name"]: cookie["value"] for cookie in visitor.cookies()}
    again = answered.value.header_values("set-cookie")
    assert [line.partition(";")[0] for line in again] == [
        f"{name}={kept[name]}" for name in ("_fbp", "_fbc")
    ]
    assert kept["_fbc"].endswith(".Click_1")


def test_names_that_are_not_listed_leave_nothing(
    shop: Callable[..., str], front: Front, sandbox: Sandbox, tab: Page
) -> None:
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    front.api = shop("starlette")
    tab.goto(f"{front.url}/tea")
    tab.wait_for_function(READY)
    for name in ("Lead", "Purchase"):
        tab.evaluate(f"pixelpair.track('{name}', {{ value: 1, currency: 'SEK' }})")
    settled(sandbox, tab, pairs("PageView"), GRACE)
    assert said == [f"pixelpair: no {name}" for name in ("Lead", "Purchase")]


def test_a_front_end_that_is_not_listed_is_refused_and_named_once(
    shop: Callable[..., str], front: Front, sandbox: Sandbox, tab: Page, log: Path
) -> None:
    front.api = shop("starlette", PIXELPAIR_ORIGINS="")
    with tab.expect_response("**/_pixelpair/events") as answered:
        tab.goto(f"{front.url}/tea")
    for number in range(RUN):
        with tab.expect_response("**/_pixelpair/events"):
            tab.evaluate(f"history.pushState({{}}, '', '/{number}')")
    assert answered.value.status == 403
    statuses = {event["status"] for event in until(sandbox.events)}
    assert statuses == {"browser_only"}
    host = urlsplit(front.api).netloc
    warning = f"reports from pages at {front.url} are refused, the app is asked as {host}"
    assert log.read_text().count(warning) == 1


# --- reports that nobody should send -------------------------------------------------------------

MINE = {"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}
BLOCK = re.compile(r'<script type="application/json" id="pixelpair">(.*?)</script>')
VIEW = "a" * 32


class Reporter:
    """Sends what it likes from an address of its own, so that its minute is nobody else's."""

    def __init__(self, url: str, address: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, headers=BROWSER | {"X-Forwarded-For": address})

    def __call__(self, body: object, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = MINE | {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.post("/_pixelpair/events", content=content, headers=given)

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def counts(self) -> dict[str, int]:
        return self.get("/counts").json()

    def signed(self) -> dict:
        """An honest report of a page that caches may keep."""
        (found,) = set(BLOCK.findall(self.get("/kept/tea").text))
        block = json.loads(found)
        return self.made() | {"made": [], "signed": block["signed"], "ids": [VIEW]}

    def made(self, name: str = "PageView", event_id: str = VIEW, **data: object) -> dict:
        url = f"{self.url}/kept/tea"
        return {"url": url, "referrer": "", "made": [[name, data, event_id]]}

    def close(self) -> None:
        self._client.close()


@contextmanager
def reporter(url: str, address: str = "203.0.113.1") -> Iterator[Reporter]:
    made = Reporter(url, address)
    try:
        yield made
    finally:
        made.close()


def forged(report: Reporter) -> dict:
    signed = report.signed()
    return signed | {"signed": signed["signed"].replace("PageView", "Purchase")}


# What is sent, with which headers, what is answered, and how it is counted.
BAD: dict[str, tuple[Callable[[Reporter], object], dict[str, str], int, str]] = {
    "forged": (forged, {}, 400, "signature"),
    "unsigned": (lambda r: r.signed() | {"signed": "[]"}, {}, 400, "signature"),
    "without ids": (lambda r: r.signed() | {"ids": []}, {}, 400, "id"),
    "id of another shape": (lambda r: r.signed() | {"ids": ["A" * 32]}, {}, 400, "id"),
    "not JSON": (lambda _: b"\xff{", {}, 400, "shape"),
    "no report": (lambda _: [1], {}, 400, "shape"),
    "empty": (lambda _: b"", {}, 400, "shape"),
    "Purchase": (lambda r: r.made("Purchase", value=1, currency="SEK"), {}, 400, "name"),
    "name that is not listed": (lambda r: r.made("Lead"), {}, 400, "name"),
    "another host's page": (lambda r: r.made() | {"url": "https://x.test/"}, {}, 400, "url"),
    "oversized": (lambda r: r.made(filler="x" * 8192), {}, 413, "size"),
    # gunicorn ends a connection whose last body nobody read.
    "endless": (lambda _: b"x" * 3_000_000, {"Connection": "close"}, 413, "size"),
    "cross-site": (
        lambda r: r.made(),
        {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.test"},
        403,
        "origin",
    ),
    "of a sandboxed frame": (
        lambda r: r.made(),
        {"Sec_Fetch_Site": "cross-site", "Origin": "null"},
        403,
        "origin",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_bad_reports_are_refused_and_counted_and_leave_nothing(
    shop: Callable[..., str], sandbox: Sandbox, kind: str
) -> None:
    with reporter(shop(kind)) as report:
        for what, (made, headers, status, counted) in BAD.items():
            name = f"report refused: {counted}"
            before = report.counts().get(name, 0)
            answer = report(made(report), **headers)
            assert (what, answer.status_code) == (what, status)
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert report.counts()[name] == before + 1
        assert report(report.signed()).status_code == 204  # the server is well
    events = until(sandbox.events)
    assert told(events) == [("PageView", "server_only", 0, 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_report_again_adds_nothing(
    shop: Callable[..., str], sandbox: Sandbox, kind: str
) -> None:
    with reporter(shop(kind), "203.0.113.2") as report:
        honest = report.signed() | {"ids": ["b" * 32]}
        before = report.counts().get("reported again", 0)
        answers = [report(honest) for _ in range(3)]
        assert report.counts()["reported again"] == before + 2
        other = report.signed() | {"ids": ["c" * 32]}
        answers.append(report(other))
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 4
    until(lambda: len(sandbox.events()) == 2)
    events = sandbox.events()
    assert told(events) == [("PageView", "server_only", 0, 0)] * 2
    assert {event["event_id"] for event in events} == {"b" * 32, "c" * 32}


def in_one_minute(act: Callable[[], list[int]]) -> list[int]:
    """What `act` gives when no minute ends meanwhile: the limit counts by the clock's minutes."""
    while True:
        minute = time.time() // 60
        found = act()
        if time.time() // 60 == minute:
            return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_sixty_first_report_of_a_minute_is_one_too_many(
    shop: Callable[..., str], kind: str
) -> None:
    addresses = iter(range(10, 20))

    def sixty_one() -> list[int]:
        with reporter(shop(kind), f"203.0.113.{next(addresses)}") as report:
            body = report.made("Lead")  # refused for its name, and counted all the same
            return [report(body).status_code for _ in range(61)]

    assert in_one_minute(sixty_one) == [400] * 60 + [429]
    with reporter(shop(kind), "203.0.113.99") as somebody_else:
        assert somebody_else(somebody_else.made("Lead")).status_code == 400
        assert somebody_else.counts()["report refused: rate"] >= 1
