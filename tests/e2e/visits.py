"""What the browser tests of pages share: shops as processes, a visitor, and what he must leave."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.conftest import PLAIN_CHROME, Sandbox, free_port, server, until
from tests.page.conftest import QUIET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

GUNICORN = [sys.executable, "-m", "gunicorn", "--log-level", "warning", "--bind"]
GUNICORN += ["127.0.0.1:{port}", "--workers", "{workers}", "--threads", "4"]
UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
UVICORN += ["--port", "{port}", "--factory"]
STARTS = {"flask": GUNICORN, "django": GUNICORN, "starlette": UVICORN}


class Shops:
    """The apps of one module as servers that stay up: a process each is most of a test's time."""

    def __init__(
        self, module: str, workers: int, stack: ExitStack, environ: Callable[[], dict]
    ) -> None:
        self._module, self._workers = module, workers
        self._stack, self._environ = stack, environ
        self._running: dict[tuple[object, ...], str] = {}

    def __call__(self, kind: str, **settings: str) -> str:
        """The address of a running shop."""
        key = (kind, *settings.items())
        if key not in self._running:
            self._running[key] = self._started(kind, settings)
        return self._running[key]

    def _started(self, kind: str, settings: Mapping[str, str]) -> str:
        factory = f"{self._module}:{kind}_shop"
        command = STARTS[kind]
        command = [*command, factory if command is UVICORN else f"{factory}()"]
        port = free_port()
        filled = [word.format(port=port, workers=self._workers) for word in command]
        self._stack.enter_context(server(filled, port, self._environ() | dict(settings)))
        return f"http://127.0.0.1:{port}"


@contextmanager
def shops(
    module: str,
    sandbox: Sandbox,
    folder: Callable[[str], Path],
    workers: int = 1,
    **settings: str,
) -> Iterator[Shops]:
    """Shops that send to the sandbox, each with a spool of its own; `workers` of gunicorn."""
    with ExitStack() as stack:
        yield Shops(module, workers, stack, lambda: sandbox.environ(folder("spool")) | settings)


@contextmanager
def launched(chromium_path: str, *more: str) -> Iterator[Browser]:
    """Chromium as users have it: with its back/forward cache."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path,
            args=[*QUIET, f"--user-agent={PLAIN_CHROME}", *more],
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, **options: str) -> Iterator[BrowserContext]:
    """A new customer; an error on a page, or the sandbox's warning, fails the test."""
    context = browser.new_context(**options)
    failures: list[str] = []
    context.on("weberror", lambda error: failures.append(str(error.error)))
    context.on("console", lambda m: failures.append(m.text) if m.type == "warning" else None)
    try:
        yield context
    finally:
        context.close()
    assert failures == []


Told = list[tuple[str, str, int, int]]


def told(events: list[dict]) -> Told:
    """Of each event its name, its status, and how often each half came again."""

    def repeats(half: dict | None) -> int:
        return half["repeats"] if half else 0

    return sorted(
        (e["name"], e["status"], repeats(e["browser"]), repeats(e["server"])) for e in events
    )


def pairs(*names: str) -> Told:
    return sorted((name, "paired", 0, 0) for name in names)


def settled(sandbox: Sandbox, tab: Page, wanted: Told, quiet: int = 150) -> list[dict]:
    """The events, once they are as they should be and `quiet` ms more brought no others."""
    until(lambda: told(sandbox.events()) == wanted)
    tab.wait_for_timeout(quiet)
    events = sandbox.events()
    assert told(events) == wanted, f"{told(events)} instead of {wanted}"
    assert_agree(events)
    return events


def assert_agree(events: list[dict]) -> None:
    """Both halves say the same of one visitor."""
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == len(ids)
    for event in events:
        there, server = event["browser"], event["server"]
        if there and server:
            assert server["user_data"]["fbp"] == there["fbp"]
            data = there.get("custom_data", {})
            assert data.items() <= server.get("custom_data", {}).items()


def left(context: BrowserContext) -> list[str]:
    """The cookies of ours that still carry events."""
    return [c["name"] for c in context.cookies() if c["name"].startswith("_pixelpair_")]
