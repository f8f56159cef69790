"""A sandbox and a browser for each file of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import Sandbox, running_sandbox
from tests.e2e.visits import launched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


pytest.register_assert_rewrite("tests.matrix.server_cells", "tests.matrix.sites")
pytest.register_assert_rewrite("tests.matrix.framework_checks", "tests.matrix.framework_judged")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with launched(chromium_path) as browser:
        yield browser
