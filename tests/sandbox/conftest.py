"""A sandbox on a real port, a shop beside it, and a visitor's browser tab."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pixelpair.sandbox.server import running as running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page
    from starlette.requests import Request


class Shop:
    """Serves one page, whatever `html` and `headers` say at the moment."""

    def __init__(self) -> None:
        self.url = ""
        self.html = ""
        self.headers: dict[str, str] = {}

    def app(self) -> Starlette:
        async def page(_request: Request) -> HTMLResponse:
            return HTMLResponse(self.html, headers=self.headers)

        return Starlette(routes=[Route("/{path:path}", page)])


class Running:
    """A running sandbox and a client to talk to it."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.url = url
        self.client = client

    def events(self) -> list[dict]:
        return self.client.get("/api/events").json()["events"]

    def wait_for(self, count: int) -> list[dict]:
        """The events once there are `count`; fails after twenty seconds."""
        deadline = time.monotonic() + 20
        while len(found := self.events()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(found) == count
        return found


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with running_server() as url, httpx.Client(base_url=url) as client:
        yield Running(url, client)


@pytest.fixture
def sandbox(running: Running) -> Running:
    """The one sandbox, emptied: starting a server per test takes longer than most tests."""
    running.client.delete("/api/events")
    running.client.delete("/api/faults")
    running.client.delete("/api/catalogs")
    return running


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    made = Shop()
    with running_server(made.app()) as made.url:
        yield made


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A fresh visitor's tab; an uncaught error on the page fails the test."""
    context = browser.new_context()
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert failures == []
