"""Twins to deliver, a clock that stands still, and a Graph on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from pixelpair.core.events import Twin

from .sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = 1_800_000_000


class Clock:
    """Time as a test wants it."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_twin(
    number: int | str = 1,
    *,
    pixel_id: str = "111",
    name: str = "ViewContent",
    at: int = NOW,
    lasting: bool = False,
    fault: str | None = None,
    **custom: object,
) -> Twin:
    event_id = f"id-{number}"
    body = {"event_name": name, "event_id": event_id, "event_time": at, "custom_data": custom}
    return Twin(pixel_id, name, event_id, at, orjson.dumps(body), lasting, fault)


@pytest.fixture
def twin() -> Callable[..., Twin]:
    return make_twin


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()
