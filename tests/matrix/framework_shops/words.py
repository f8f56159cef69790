"""What the added views of all frameworks say and do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pixelpair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PAGE = "<!doctype html><html><head><title>Tea</title></head><body><p>Grünt\u00e9</p></body></html>"
PIECES = (
    "<!doctype html><html><head><title>Tea</title></head><body>",
    "<p>Sencha</p>" * 500,
    "</body></html>",
)
FACTS = {"teas": ["Sencha", "Gyokuro"]}
STYLE = b"h1 { color: teal }\n" * 400


class BrokenError(Exception):
    """What a view of these shops raises."""


def lead() -> str:
    """The page of a sync view."""
    pixelpair.track("Lead", value=20, currency="EUR")
    return PAGE


def contact() -> str:
    """The page of an async view."""
    pixelpair.track("Contact")
    return PAGE


def pieces() -> Iterator[bytes]:
    """A page that says an event when its head has left."""
    for piece in PIECES:
        if piece == PIECES[-1]:
            pixelpair.track("Schedule")
        yield piece.encode()


async def pieces_later() -> AsyncIterator[bytes]:
    for piece in pieces():
        yield piece


def broken() -> str:
    raise BrokenError
