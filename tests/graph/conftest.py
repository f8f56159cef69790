"""A Graph on loopback, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.graph.client import Graph

from . import meta as server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .meta import Meta


@pytest.fixture
def meta() -> Iterator[Meta]:
    with server.running() as running:
        yield running


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph(timeout=2.0) as client:
        yield client
