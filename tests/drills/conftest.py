"""A Graph, a ledger and a spool for each drill; the drills that wait begin with the first."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.delivery.redis_server import fresh_url

from .parts import Ledger, Meta
from .waits import WAITS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from .waits import Outcome

APART = 1.5


@pytest.fixture(scope="session", autouse=True)
def waiting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    """The drills that wait, under way in the background if they were asked for."""
    asked = [item for item in request.session.items if item.path.name == "test_waits.py"]
    if not asked:
        yield {}
        return
    fresh_url()  # sees to it that there is a redis-server at all
    # One after the other would take a quarter of an hour.
    with ThreadPoolExecutor(len(WAITS)) as pool:
        yield {
            name: pool.submit(begin, number, name, tmp_path_factory.mktemp(name))
            for number, name in enumerate(WAITS)
        }


def begin(number: int, name: str, folder: Path) -> Outcome:
    """A second of CPU for each server's start: all at once would hold up the other drills."""
    time.sleep(number * APART)
    return WAITS[name](name.partition("-")[2], folder)


@pytest.fixture
def meta() -> Iterator[Meta]:
    graph = Meta()
    yield graph
    graph.close()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"
