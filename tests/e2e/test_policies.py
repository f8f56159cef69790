"""Content security policies of real frameworks in a real browser: pairs, or the server half alone,
and never a report or an error of our own making.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.policy_shops import CSP, OURS
from tests.e2e.visits import Shops, Told, pairs, settled, shops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.conftest import Sandbox

pytestmark = pytest.mark.e2e

PAIR = pairs("PageView")
TWIN: Told = [("PageView", "server_only", 0, 0)]

# Runs before the page's own scripts, and under no policy.
WATCH = """
window.seen = [];
document.addEventListener("securitypolicyviolation", (event) => {
  seen.push([event.effectiveDirective, event.blockedURI]);
});
addEventListener("error", (event) => seen.push(["error", event.message]));
addEventListener("unhandledrejection", (event) => seen.push(["rejection", `${event.reason}`]));
"""


@pytest.fixture(scope="module")
def shop(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    with shops("tests.e2e.policy_shops", running, tmp_path_factory.mktemp) as opened:
        yield opened


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A page that fails the test with what it throws."""
    with chromium.new_context() as context:
        thrown: list[str] = []
        context.on("weberror", lambda error: thrown.append(str(error.error)))
        context.add_init_script(WATCH)
        yield context.new_page()
    assert thrown == []


def look(tab: Page, sandbox: Sandbox, url: str, wanted: Told) -> list[list[str]]:
    """What the page saw of violations and errors, once the events are `wanted`."""
    sandbox.clear()
    tab.goto(url)
    settled(sandbox, tab, wanted)
    return tab.evaluate("window.seen")


FOLDERS = ("", "/kept")  # private pages, and pages that caches may keep


PERMITTING = ("hosts", "default", "nonce", "dynamic", "reported", "in-page", "hosts-in-page")
EXTERNAL = ("hosts", "default", "hosts-in-page")


@pytest.mark.parametrize("name", PERMITTING)
def test_pairs_under_a_policy_that_permits_them(
    shop: Shops, sandbox: Sandbox, tab: Page, name: str
) -> None:
    for folder in FOLDERS:
        assert look(tab, sandbox, f"{shop('starlette')}{folder}/{name}", PAIR) == []
        ours = tab.locator("script[src*='/_pixelpair/pixel.js']").count()
        assert ours == (1 if name in EXTERNAL else 0)


def test_the_server_half_goes_alone_where_no_script_of_ours_may_run(
    shop: Shops, sandbox: Sandbox, tab: Page
) -> None:
    assert look(tab, sandbox, f"{shop('starlette')}/hashes", TWIN) == []
    assert tab.locator("script").count() == 0


@pytest.mark.parametrize("name", ["without-meta", "nonce-without-meta"])
def test_the_server_half_goes_alone_where_metas_may_not(
    shop: Shops, sandbox: Sandbox, tab: Page, name: str
) -> None:
    """Nobody asks for what is blocked, so the browser has nothing to report to the shop."""
    for folder in FOLDERS:
        assert look(tab, sandbox, f"{shop('starlette')}{folder}/{name}", TWIN) == []


@pytest.mark.parametrize("name", ["trusted", "trusted-hosts", "trusted-dynamic"])
def test_trusted_types_throw_nothing_into_the_page(
    shop: Shops, sandbox: Sandbox, tab: Page, name: str
) -> None:
    for folder in FOLDERS:
        assert look(tab, sandbox, f"{shop('starlette')}{folder}/{name}", PAIR) == []


@pytest.mark.parametrize("nonce", ["1", ""], ids=["nonce", "hosts"])
def test_pairs_beside_talisman(shop: Shops, sandbox: Sandbox, tab: Page, nonce: str) -> None:
    url = shop("flask", SHOP_NONCE=nonce)
    for folder in FOLDERS:
        assert look(tab, sandbox, f"{url}{folder}/page", PAIR) == []
        assert tab.evaluate("window.shop") == (1 if nonce else None)


@pytest.mark.parametrize("order", [f"{CSP} {OURS}", f"{OURS} {CSP}"], ids=["inside", "outside"])
def test_pairs_beside_django_csp(shop: Shops, sandbox: Sandbox, tab: Page, order: str) -> None:
    """Inside of it we know the nonce before the policy is written."""
    url = shop("django", SHOP_MIDDLEWARE=order)
    for folder in FOLDERS:
        assert look(tab, sandbox, f"{url}{folder}/page", PAIR) == []
        assert tab.evaluate("window.shop") == 1
