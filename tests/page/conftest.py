"""The shop, the sandbox and one browser for all page tests; htmx and Turbo from npm."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pixelpair.sandbox.server import running as running_server
from tests.conftest import LEAN, ROOT, Sandbox, missing_tool, running_sandbox, until
from tests.page.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

PACKAGES = {"htmx.org": "2.0.10", "@hotwired/turbo": "8.0.23", "terser": "5.51.2"}
NPM_FOLDER = ROOT / ".cache" / "npm"
QUIET = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", *LEAN]
QUIET += ["--host-resolver-rules=MAP *.test 127.0.0.1"]


@pytest.fixture(scope="package")
def npm() -> Path:
    """A folder with node_modules: fetched once, in the versions named here."""
    NPM_FOLDER.mkdir(parents=True, exist_ok=True)
    with (NPM_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another folder's tests may be fetching them right now
        fetch([f"{name}@{version}" for name, version in PACKAGES.items()])
    return NPM_FOLDER / "node_modules"


def fetch(wanted: list[str]) -> None:
    stamp = NPM_FOLDER / "installed.txt"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return
    if not shutil.which("npm"):
        missing_tool("npm")
    command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]
    if subprocess.run([*command, "--prefix", str(NPM_FOLDER), *wanted], check=False).returncode:
        missing_tool("the npm registry")
    stamp.write_text("\n".join(wanted))


@pytest.fixture(scope="package")
def running() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clear()
    return running


@pytest.fixture(scope="package")
def served_shop(running: Sandbox) -> Iterator[Shop]:
    shop = Shop(f"{running.url}/en_US/fbevents.js")
    with running_server(shop.app(NPM_FOLDER / "node_modules")) as url:
        shop.url = url.replace("127.0.0.1", "localhost")
        yield shop


@pytest.fixture
def shop(served_shop: Shop) -> Shop:
    served_shop.clear()
    return served_shop


@pytest.fixture(scope="package")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """Knows *.test as this machine, and has its back/forward cache on."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium_path,
            args=QUIET,
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield launched
        launched.close()


# The page's half second of grace is a fifth here.
HASTE = "const wait = setTimeout; window.setTimeout = (act, ms) => wait(act, ms / 5);"


@contextmanager
def new_visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A visitor whose pages never see an error of ours, thrown or rejected."""
    context = chromium.new_context()
    context.add_init_script(f"{{ {HASTE} }}")
    failures: list[str] = []
    context.on("weberror", lambda error: failures.append(str(error.error)))
    yield context
    context.close()
    assert failures == []


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    with new_visitor(chromium) as context:
        yield context


@pytest.fixture
def tab(visitor: BrowserContext) -> Page:
    return visitor.new_page()


class Fires:
    """The browser halves that arrived in the sandbox."""

    def __init__(self, sandbox: Sandbox, tab: Page) -> None:
        self._sandbox = sandbox
        self._tab = tab

    def __call__(self, *names: str) -> list[dict]:
        """The events once these have arrived, however they are ordered; and no others."""
        until(lambda: len(self._sandbox.events()) >= len(names), 8)
        self._tab.wait_for_timeout(60)
        events = self._sandbox.events()
        assert sorted(event["name"] for event in events) == sorted(names)
        assert [event["browser"]["repeats"] for event in events] == [0] * len(events)
        return sorted(events, key=lambda event: int(event["browser"]["parameters"]["ts"]))

    def after_grace(self, *names: str) -> list[dict]:
        """The same, when the page's wait for a block must be over."""
        self._tab.wait_for_timeout(250)
        return self(*names)


@pytest.fixture
def fires(sandbox: Sandbox, tab: Page) -> Fires:
    return Fires(sandbox, tab)
