"""A sandbox and a browser for each file of tests that walk through shops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import Sandbox, running_sandbox
from tests.e2e.visits import launched, watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with running_sandbox() as made:
        yield made


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clear()
    return running


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    with watched(chromium) as context:
        yield context


@pytest.fixture
def tab(visitor: BrowserContext) -> Page:
    return visitor.new_page()


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with launched(chromium_path) as browser:
        yield browser
