"""Pages that caches keep: each visitor has ids of his own, and nobody's are in the kept bytes."""

from __future__ import annotations

import pickle
import re
import time
import zlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import httpx
import pytest

from pixelpair.core.events import purchase_id
from tests.conftest import BROWSER, Sandbox, free_port, running_sandbox, until
from tests.e2e.cached_shops import CONDITIONAL, FETCH, OURS, SAYS, STOCK, STOCK_TAG, TAG, UPDATE
from tests.e2e.caches import (
    CACHING,
    OWN_TERMS,
    PASS_HOST,
    cached_shop,
    nginx,
    varnish,
)
from tests.e2e.visits import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    Open = Callable[..., int]

pytestmark = pytest.mark.e2e

FLASK, STARLETTE, DJANGO = "flask on gunicorn", "starlette on uvicorn", "django on gunicorn"
BY_BROWSER = {"PIXELPAIR_EVENT_ID": "browser"}
ROUTES = "ViewContent /products/{content_id}\nViewContent /kept/{content_id}"
# What a browser sends when its user opens a page.
DOCUMENT = BROWSER | {
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Accept": "text/html",
}
RETURNING = "_fbp=fb.0.1700000000000.1234567890"
PATIENCE = 20
BLOCK = b'<script type="application/json" id="pixelpair">'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as made:
        yield made


@pytest.fixture(autouse=True)
def _empty(sandbox: Sandbox) -> None:
    sandbox.clear()


def environ(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    own = {"PIXELPAIR_ROUTES": ROUTES, "SHOP_CACHE": str(folder / "cache")}
    return sandbox.environ(folder / "spool") | own


@pytest.fixture(scope="module")
def open_shop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Shops that stay up for the module: a new process each would be most of its time."""
    running: dict[tuple[object, ...], int] = {}
    with ExitStack() as stack:

        def opened(kind: str, **settings: str) -> int:
            key = (kind, *settings.items())
            if key not in running:
                own = environ(sandbox, tmp_path_factory.mktemp("shop")) | settings
                running[key] = stack.enter_context(cached_shop(kind, own))
            return running[key]

        yield opened


# --- what must be true of every cached page ------------------------------------------------------


def settled(sandbox: Sandbox, number: int) -> list[dict]:
    """All events, as soon as there are so many pairs; more of them show up in the comparison."""

    def paired() -> bool:
        events = sandbox.events()
        return len(events) >= number and all(event["status"] == "paired" for event in events)

    until(paired, PATIENCE)
    return sandbox.events()


@dataclass(frozen=True, slots=True)
class Shown:
    """What one visitor's browser was answered."""

    headers: dict[str, str]
    body: bytes


def shown_at(tab: Page, url: str) -> Shown:
    answer = tab.goto(url)
    return Shown(answer.headers, answer.body())


def fbp_of(context: BrowserContext) -> str:
    (found,) = [cookie for cookie in context.cookies() if cookie["name"] == "_fbp"]
    return str(found["value"])


def two_visits(
    browser: Browser, sandbox: Sandbox, url: str, names: tuple[str, ...]
) -> tuple[list[Shown], list[str]]:
    """Two visitors open the page; each must have a pair of each event, as himself. Gives both
    answers and what must not stand in any cache.
    """
    answers, fbps = [], []
    with ExitStack() as stack:
        for _ in range(2):
            context = stack.enter_context(watched(browser))
            answers.append(shown_at(context.new_page(), url))
            events = settled(sandbox, len(names) * len(answers))
            fbps.append(fbp_of(context))
    assert_each_has_own_pairs(events, fbps, names, url)
    return answers, [*fbps, *(event["event_id"] for event in events)]


def assert_each_has_own_pairs(
    events: list[dict], fbps: list[str], names: tuple[str, ...], url: str
) -> None:
    assert len(set(fbps)) == len(fbps)
    told = Counter((event["name"], event["browser"]["fbp"]) for event in events)
    assert told == Counter((name, fbp) for name in names for fbp in fbps)
    assert len({event["event_id"] for event in events}) == len(events)
    for event in events:
        there, server = event["browser"], event["server"]
        assert event["status"] == "paired"
        assert (there["repeats"], server["repeats"]) == (0, 0)
        assert server["user_data"]["fbp"] == there["fbp"]
        assert server["event_source_url"] == there["url"] == url
        assert "Chrome" in server["user_data"]["client_user_agent"]
        assert server["action_source"] == "website"


VIEWED = ("PageView", "ViewContent")


def assert_says_nothing_of_anyone(stored: bytes, private: list[str]) -> None:
    """What a cache keeps is a page of ours that knows no visitor."""
    assert BLOCK in stored
    assert b'"signed":' in stored
    assert b"set-cookie" not in stored.lower()
    assert not re.search(rb"fb\.[0-9]\.[0-9]{10,}", stored)
    assert not re.search(rb"(?<![0-9A-Za-z_-])[0-9a-f]{32}(?![0-9A-Za-z_-])", stored)
    assert not [word for word in private if word.encode() in stored]


def returning_visits(sandbox: Sandbox, url: str) -> list[httpx.Response]:
    """Two more answers, for a visitor who has the cookies: caches keep none that sets one."""
    before = len(sandbox.events())
    answers = [httpx.get(url, headers=DOCUMENT | {"Cookie": RETURNING}) for _ in range(2)]
    assert until(lambda: len(sandbox.events()) == before + 2 * len(VIEWED), PATIENCE)
    return answers


def cache_statuses(answers: list[Shown]) -> list[str]:
    return [answer.headers["x-cache-status"] for answer in answers]


# --- nginx ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "page"), [(FLASK, "public"), (FLASK, "shared"), (STARLETTE, "shared")]
)
def test_page_from_nginx_cache_is_a_pair_for_each_visitor(
    kind: str, page: str, browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    with nginx(open_shop(kind), tmp_path, CACHING, PASS_HOST) as front:
        url = f"{front.url}/products/{page}"
        answers, private = two_visits(browser, sandbox, url, VIEWED)
        (stored,) = front.stored()
    assert cache_statuses(answers) == ["MISS", "HIT"]
    assert answers[0].body == answers[1].body
    assert_says_nothing_of_anyone(stored, private)


@pytest.mark.parametrize("kind", [FLASK, STARLETTE])
def test_silent_page_that_nginx_keeps_is_the_browsers_where_the_shop_says_so(
    kind: str, browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    shop = open_shop(kind, **BY_BROWSER)
    with nginx(shop, tmp_path, CACHING, OWN_TERMS, PASS_HOST) as front:
        url = f"{front.url}/products/silent"
        answers, private = two_visits(browser, sandbox, url, VIEWED)
        (stored,) = front.stored()
    assert cache_statuses(answers) == ["MISS", "HIT"]
    assert "cache-control" not in answers[0].headers
    assert_says_nothing_of_anyone(stored, private)


@pytest.mark.parametrize("kind", [FLASK, STARLETTE])
def test_silent_page_is_private_and_nginx_does_not_keep_it(
    kind: str, browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    with nginx(open_shop(kind), tmp_path, CACHING, OWN_TERMS, PASS_HOST) as front:
        url = f"{front.url}/products/silent"
        answers, _ = two_visits(browser, sandbox, url, VIEWED)
        again = returning_visits(sandbox, url)
        assert front.stored() == []
    assert cache_statuses(answers) == ["MISS", "MISS"]
    for answer in again:
        assert answer.headers["x-cache-status"] == "MISS"
        assert answer.headers["cache-control"] == "private"
        assert "set-cookie" not in answer.headers
    assert again[0].content != again[1].content


def test_nginx_that_hides_the_host_changes_nothing_for_the_visitors(
    browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    """The shop takes itself for 127.0.0.1:its-port, the visitors know it by another name."""
    with nginx(open_shop(FLASK), tmp_path, CACHING) as front:
        url = f"http://localhost:{front.port}/products/public"
        answers, private = two_visits(browser, sandbox, url, VIEWED)
        (stored,) = front.stored()
    assert cache_statuses(answers) == ["MISS", "HIT"]
    assert_says_nothing_of_anyone(stored, private)


@pytest.mark.parametrize("kind", [FLASK, STARLETTE])
def test_kept_order_page_is_one_purchase_whoever_opens_it(
    kind: str, browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    """Two workers serve it, so neither the page nor one process's memory can be what counts."""
    own = environ(sandbox, tmp_path)
    expected = purchase_id(own["PIXELPAIR_SECRET"].split()[-1].encode(), "1234567890", "1001")
    with ExitStack() as stack:
        front = stack.enter_context(nginx(open_shop(kind), tmp_path, CACHING, PASS_HOST))
        url = f"{front.url}/orders/1001/complete"
        statuses = []
        for number in (1, 2):
            context = stack.enter_context(watched(browser))
            answer = shown_at(context.new_page(), url)
            statuses += cache_statuses([answer])
            settled(sandbox, 1 + number)
        (stored,) = front.stored()
        reports = until(lambda: len(front.log("/_pixelpair/events")) == 2)
        events = until_repeated(sandbox)
    assert reports
    assert statuses == ["MISS", "HIT"]
    assert Counter(event["name"] for event in events) == {"PageView": 2, "Purchase": 1}
    (bought,) = [event for event in events if event["name"] == "Purchase"]
    assert (bought["event_id"], bought["status"]) == (expected, "paired")
    assert (bought["browser"]["repeats"], bought["server"]["repeats"]) == (1, 0)
    assert expected.encode() in stored
    assert_says_nothing_of_anyone(stored.replace(expected.encode(), b""), [])


def until_repeated(sandbox: Sandbox) -> list[dict]:
    """All events, when the second visitor's Purchase was seen too."""

    def repeated() -> bool:
        events = sandbox.events()
        return any(e["browser"] and e["browser"]["repeats"] for e in events)

    until(repeated, PATIENCE)
    return sandbox.events()


def test_nginx_revalidates_what_it_keeps(
    browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    with nginx(open_shop(FLASK), tmp_path, CACHING, PASS_HOST) as front:
        url = f"{front.url}/products/brief"
        kept = httpx.get(url, headers=DOCUMENT)
        time.sleep(2.1)  # nginx counts whole seconds
        with watched(browser) as context:
            answer = shown_at(context.new_page(), url)
            events = settled(sandbox, 2)
    assert kept.headers["etag"].startswith('"tea-1-pp')
    assert answer.headers["x-cache-status"] == "REVALIDATED"
    assert (answer.headers["etag"], answer.body) == (kept.headers["etag"], kept.content)
    assert Counter(event["name"] for event in events) == Counter(VIEWED)


ASKED = [
    {"Sec-Fetch-Dest": "image", "Accept": "image/*"},
    {"Sec-Fetch-Dest": "frame", "Accept": "text/html"},
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch"},
    {"HX-Request": "true"},
    {"If-None-Match": TAG},
    {"Range": "bytes=0-9"},
    {"Cookie": RETURNING},
]
ENTRIES, TRIES = count(), 20


@pytest.mark.parametrize("kind", [FLASK, STARLETTE])
@pytest.mark.parametrize("page", ["public", "brief"])
def test_page_that_nginx_keeps_is_the_same_whoever_asked_first(
    kind: str, page: str, open_shop: Open, tmp_path: Path
) -> None:
    """Seen: one fetch of it as an image took the pixel away from all visitors for a minute."""
    shop = open_shop(kind)
    usual = httpx.get(f"http://127.0.0.1:{shop}/products/{page}", headers=DOCUMENT)
    expected = (usual.content, usual.headers.get("etag"), "HIT")
    others = {}
    with nginx(shop, tmp_path, CACHING, PASS_HOST) as front:
        for asked in ASKED:
            kept = asked_in_time(f"{front.url}/products/{page}", asked)
            got = (kept.content, kept.headers.get("etag"), kept.headers["x-cache-status"])
            others |= {} if got == expected else {str(asked): got}
    assert BLOCK in usual.content
    assert others == {}


def asked_in_time(url: str, first: dict[str, str]) -> httpx.Response:
    """What a visitor gets after that `first`, while the page is kept: some are for a second. Each
    try has an entry of its own in the cache."""
    for _ in range(TRIES):
        began, entry = time.monotonic(), f"{url}?{next(ENTRIES)}"
        httpx.get(entry, headers=first)
        kept = httpx.get(entry, headers=DOCUMENT)
        if time.monotonic() - began < 0.9:
            return kept
    raise AssertionError(f"each of {TRIES} times the two took longer than a page is kept")


def test_page_and_its_tag_are_the_same_from_every_process(open_shop: Open) -> None:
    """Seen with two workers: each had a version of its own, so nothing was ever revalidated."""
    for page in ("public", "brief", "dated"):
        pages = [
            httpx.get(f"http://127.0.0.1:{open_shop(kind)}/products/{page}", headers=DOCUMENT)
            for kind in (FLASK, STARLETTE)
        ]
        assert len({page.content for page in pages}) == 1
        assert len({page.headers.get("etag") for page in pages}) == 1


# --- Varnish -------------------------------------------------------------------------------------


def test_page_from_varnish_is_a_pair_for_each_visitor(
    browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    """Without configuration it keeps pages that say nothing for two minutes."""
    with varnish(open_shop(FLASK), tmp_path) as front:
        url = f"{front}/products/silent"
        answers, private = two_visits(browser, sandbox, url, VIEWED)
    # Of a hit Varnish names the request that it was fetched for too; since 9 it is Vinyl Cache.
    told = [a.headers.get("x-varnish") or a.headers["x-vinyl"] for a in answers]
    assert [len(numbers.split()) for numbers in told] == [1, 2]
    assert answers[0].body == answers[1].body
    assert_says_nothing_of_anyone(answers[1].body, private)
    assert "set-cookie" not in answers[1].headers


# --- Django's cache ------------------------------------------------------------------------------

ORDERS = {
    "outermost": f"{OURS} {UPDATE} {FETCH}",
    "between": f"{UPDATE} {OURS} {FETCH}",
    "innermost": f"{UPDATE} {FETCH} {OURS}",
    "cache_page": OURS,
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shops keep their caches, each in a folder named for its order."""
    return tmp_path_factory.mktemp("kept")


def ordered(open_shop: Open, order: str, kept: Path) -> str:
    port = open_shop(DJANGO, SHOP_MIDDLEWARE=ORDERS[order], SHOP_CACHE=str(kept / order))
    return f"http://127.0.0.1:{port}"


def kept_by_django(folder: Path) -> bytes:
    """All that its cache holds: a pickled date before compressed values."""
    found = b""
    for path in folder.rglob("*.djcache"):
        with path.open("rb") as file:
            pickle.load(file)
            found += zlib.decompress(file.read())
    return found


@pytest.mark.parametrize(
    ("order", "path"),
    [
        ("outermost", "/products/silent"),
        ("cache_page", "/kept/silent"),
        ("between", "/products/public"),
        ("innermost", "/products/public"),
    ],
)
def test_page_from_djangos_cache_is_a_pair_for_each_visitor(
    order: str, path: str, browser: Browser, sandbox: Sandbox, open_shop: Open, kept: Path
) -> None:
    url = ordered(open_shop, order, kept) + path
    answers, private = two_visits(browser, sandbox, url, VIEWED)
    stored = kept_by_django(kept / order)
    assert b"<!doctype html>" in stored
    assert (BLOCK in stored) == (order in ("between", "innermost"))
    assert answers[0].body == answers[1].body
    assert answers[0].headers["expires"] == answers[1].headers["expires"]
    assert answers[0].body.count(BLOCK) == 2  # in the head, and for scripts that fetch it
    assert_says_nothing_of_anyone(answers[0].body, private)
    assert not re.search(rb"fb\.[0-9]\.[0-9]{10,}", stored)
    assert not [word for word in private if word.encode() in stored]


@pytest.mark.parametrize("order", ["between", "innermost"])
def test_silent_page_is_private_and_djangos_cache_does_not_keep_it(
    order: str, browser: Browser, sandbox: Sandbox, open_shop: Open, kept: Path
) -> None:
    url = f"{ordered(open_shop, order, kept)}/products/silent"
    two_visits(browser, sandbox, url, VIEWED)
    again = returning_visits(sandbox, url)
    for answer in again:
        assert "private" in answer.headers["cache-control"]
        assert "set-cookie" not in answer.headers
    assert again[0].content != again[1].content
    assert b"silent" not in kept_by_django(kept / order)


# --- revalidation --------------------------------------------------------------------------------

OURS_OUTSIDE = {"SHOP_MIDDLEWARE": f"{OURS} {CONDITIONAL}"}
OURS_INSIDE = {"SHOP_MIDDLEWARE": f"{CONDITIONAL} {OURS}"}
NAMED = {"{}": "", str(OURS_OUTSIDE): "ours outside", str(OURS_INSIDE): "ours inside"}


@pytest.mark.parametrize(
    ("kind", "settings", "page"),
    [
        (FLASK, {}, "tagged"),
        (FLASK, {}, "weak"),
        (FLASK, {}, "dated"),
        (STARLETTE, {}, "tagged"),
        (STARLETTE, {}, "dated"),
        (DJANGO, OURS_OUTSIDE, "silent"),
        (DJANGO, OURS_OUTSIDE, "dated"),
        (DJANGO, OURS_INSIDE, "tagged"),
        (DJANGO, OURS_INSIDE, "dated"),
    ],
    ids=lambda value: NAMED.get(str(value), value),
)
def test_reloaded_page_comes_from_the_browsers_cache_with_new_ids(
    kind: str,
    settings: dict[str, str],
    page: str,
    browser: Browser,
    sandbox: Sandbox,
    open_shop: Open,
    tmp_path: Path,
) -> None:
    path = f"/products/{page}"
    with nginx(open_shop(kind, **settings), tmp_path, PASS_HOST) as wire, watched(browser) as one:
        tab = one.new_page()
        tab.goto(wire.url + path)
        settled(sandbox, 2)
        tab.reload()
        events = settled(sandbox, 4)
        fbp, shown = fbp_of(one), tab.inner_text("h1")
        first, second = wire.log(path)
    assert shown == page
    assert (first["status"], second["status"]) == ("200", "304")
    assert re.search(r'-pp[0-9a-f]+"$', first["etag"])
    assert second["asked"] == second["etag"] == first["etag"]
    if page in ("tagged", "weak"):
        assert first["etag"].startswith(SAYS[page]["ETag"].removesuffix('"') + "-pp")
    told = Counter((event["name"], event["status"], event["browser"]["fbp"]) for event in events)
    assert told == {(name, "paired", fbp): 2 for name in VIEWED}
    assert len({event["event_id"] for event in events}) == 4


def test_page_from_the_browsers_own_cache_has_new_ids_without_a_request(
    browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    with nginx(open_shop(STARLETTE), tmp_path, PASS_HOST) as wire, watched(browser) as one:
        tab = one.new_page()
        for number, page in enumerate(("public", "silent", "public"), start=1):
            tab.goto(f"{wire.url}/products/{page}")
            events = settled(sandbox, 2 * number)
        fbp = fbp_of(one)
        (asked,) = wire.log("/products/public")
    assert asked["status"] == "200"
    told = Counter((event["name"], event["status"], event["browser"]["fbp"]) for event in events)
    assert told == {(name, "paired", fbp): 3 for name in VIEWED}
    assert len({event["event_id"] for event in events}) == 6


def test_private_page_that_django_tags_outside_of_us_is_never_shown_again(
    browser: Browser, sandbox: Sandbox, open_shop: Open, tmp_path: Path
) -> None:
    """The tag is that of our bytes, which have another id each time."""
    shop = open_shop(DJANGO, **OURS_INSIDE)
    with nginx(shop, tmp_path, PASS_HOST) as wire, watched(browser) as one:
        tab = one.new_page()
        tab.goto(f"{wire.url}/products/silent")
        settled(sandbox, 2)
        tab.reload()
        events = settled(sandbox, 4)
        first, second = wire.log("/products/silent")
    assert (first["status"], second["status"]) == ("200", "200")
    assert second["asked"] == first["etag"] != ""
    assert len({event["event_id"] for event in events}) == 4
    assert {event["status"] for event in events} == {"paired"}


@pytest.mark.parametrize(
    ("kind", "settings", "page"),
    [
        (FLASK, {}, "tagged"),
        (STARLETTE, {}, "dated"),
        (DJANGO, OURS_OUTSIDE, "tagged"),
    ],
    ids=lambda value: NAMED.get(str(value), value),
)
def test_page_from_before_the_install_is_fetched_anew(
    kind: str,
    settings: dict[str, str],
    page: str,
    browser: Browser,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    path, port = f"/products/{page}", free_port()
    own = environ(sandbox, tmp_path) | settings
    with nginx(port, tmp_path, PASS_HOST) as wire, watched(browser) as one:
        tab = one.new_page()
        with cached_shop(kind, own | {"PIXELPAIR_MODE": "off"}, port):
            tab.goto(wire.url + path)
            tab.reload()
        with cached_shop(kind, own, port):
            tab.reload()
            events = settled(sandbox, 2)
        log = wire.log(path)
    assert [entry["status"] for entry in log] == ["200", "304", "200"]
    assert (log[2]["asked"], log[2]["etag"]) == (log[0]["etag"], log[2]["etag"])
    assert re.search(r'-pp[0-9a-f]+"$', log[2]["etag"])
    assert Counter(event["name"] for event in events) == Counter(VIEWED)
    assert {event["status"] for event in events} == {"paired"}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(FLASK, {}), (STARLETTE, {}), (DJANGO, OURS_OUTSIDE), (DJANGO, OURS_INSIDE)],
    ids=["flask", "starlette", "django outside", "django inside"],
)
def test_json_with_a_tag_of_its_own_is_revalidated_as_ever(
    kind: str, settings: dict[str, str], browser: Browser, open_shop: Open, tmp_path: Path
) -> None:
    ask = "fetch('/stock.json', {cache: 'no-cache'}).then((answer) => answer.text())"
    with nginx(open_shop(kind, **settings), tmp_path, PASS_HOST) as wire, watched(browser) as one:
        tab = one.new_page()
        tab.goto(f"{wire.url}/products/public")
        texts = [tab.evaluate(ask) for _ in range(2)]
        until(lambda: len(wire.log("/stock.json")) == 2)  # a line is written behind its answer
        first, second = wire.log("/stock.json")
    assert texts == [STOCK, STOCK]
    assert (first["status"], first["etag"]) == ("200", STOCK_TAG)
    assert (second["status"], second["asked"], second["etag"]) == ("304", STOCK_TAG, STOCK_TAG)
