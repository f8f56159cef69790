"""A shop's items, a shelf to put them on, and a clock that nobody waits for."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.catalog.book import Book
from pixelpair.catalog.plan import Plan, Report
from pixelpair.catalog.rows import Row
from pixelpair.catalog.sync import Sync
from pixelpair.graph.access import Access
from pixelpair.graph.client import Graph

from .shelf import CATALOG, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pixelpair.catalog.rows import Fault

NOW = 1_790_000_000.0
TOKEN = "EAAtokenoftheshop"


class Clock:
    """Rests pass at once, and are noted."""

    def __init__(self) -> None:
        self.now = NOW
        self.rests: list[float] = []

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


def product(number: int | str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"p{number}",
        "title": f"Mug {number}",
        "description": "Holds tea.",
        "availability": "in stock",
        "condition": "new",
        "price": "9.99 EUR",
        "link": f"https://shop.example/p/{number}",
        "brand": "Kiln",
        "image_link": f"https://shop.example/i/{number}.jpg",
        **more,
    }


def rows(products: Iterable[dict[str, Any]]) -> list[Row]:
    return [Row(line, values) for line, values in enumerate(products, 2)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def graph(shelf: Shelf) -> Iterator[Graph]:
    with Graph(transport=shelf.transport()) as graph:
        yield graph


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with closing(Book(tmp_path / "catalog.sqlite3")) as book:
        yield book


@pytest.fixture
def sync(graph: Graph, book: Book, clock: Clock) -> Callable[..., Report]:
    """One run over these rows, with a plan of these options."""
    access = Access("https://graph.example", "v25.0", TOKEN)

    def run(found: Iterable[Row | Fault], **options: Any) -> Report:
        plan = Plan(CATALOG, **options)
        return Sync(plan, access, graph, book, clock=clock, rest=clock.rest).run(found)

    return run
