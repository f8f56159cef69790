"""The test kit's pytest plugin: its fixtures. What they need is imported when one is asked for."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelpair.testing.events import Events
    from pixelpair.testing.sandbox import Sandbox


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--pixelpair-sandbox=URL`."""
    parser.getgroup("pixelpair").addoption(
        "--pixelpair-sandbox",
        metavar="URL",
        help="deliver to this running sandbox instead of one of the tests' own",
    )


@pytest.fixture
def pixelpair_settings() -> dict[str, object]:
    """Options over the shop's own in this test, such as `{"consent": "required"}`."""
    return {}


@pytest.fixture
def pixelpair_events(
    pixelpair_settings: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Events]:
    """The events that the shop makes in this test, recorded: nothing is sent."""
    from pixelpair.testing.recorded import recording

    with recording(pixelpair_settings, tmp_path_factory.mktemp("pixelpair")) as events:
        yield events


@pytest.fixture(scope="session")
def pixelpair_sandbox_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the sandbox: of `--pixelpair-sandbox`, else of one in a thread."""
    from pixelpair.sandbox.server import running

    given = request.config.getoption("--pixelpair-sandbox")
    with nullcontext(given) if given else running() as url:
        yield url


@pytest.fixture
def pixelpair_sandbox(
    pixelpair_sandbox_url: str,
    pixelpair_settings: dict[str, object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sandbox]:
    """The sandbox that the shop delivers to in this test, and that its pages load the pixel of."""
    from pixelpair.testing.sandbox import delivering

    spool = tmp_path_factory.mktemp("pixelpair")
    with delivering(pixelpair_sandbox_url, pixelpair_settings, spool) as sandbox:
        yield sandbox
