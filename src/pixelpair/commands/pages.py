"""A page to look at: asked for as browsers do, or read from a file; bounded in size and time."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import httpx

from pixelpair.core.charsets import charset_of
from pixelpair.errors import PixelPairError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Twice what a shop's page is scanned for.
MOST: Final = 2_000_000
READ: Final = 10.0  # seconds without a byte
PATIENCE: Final = 30.0  # seconds for all of it
MOST_REDIRECTS: Final = 10
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_SCHEMES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Page:
    """A page's bytes, and the address that it has (""; not known). `cut`: there is more of it."""

    address: str
    body: bytes
    charset: str | None = None
    cut: bool = False
    asked: str = ""  # the address before redirects, where there were any


def page_at(place: str, address: str = "") -> Page:
    """The page at a URL, in a file, or (`-`) in the standard input; `address` is that of a file.

    Raises PixelPairError where there is none.
    """
    if "://" in place:
        if address:
            _refuse(place, "has an address of its own: --url is for files")
        return _fetched(place)
    if address:
        _check(address)
    return _read(place, address)


def _refuse(place: str, why: str) -> NoReturn:
    raise PixelPairError(f"{place} {why}") from None


def _check(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError) as error:
        _refuse(address, f"is no address: {error}")
    if url.scheme not in _SCHEMES or not url.host:
        _refuse(address, "is no address: it begins with https:// or http:// and a host")
    return url


def _read(place: str, address: str) -> Page:
    try:
        if place == "-":
            body = sys.stdin.buffer.read(MOST + 1)
        else:
            with Path(place).open("rb") as file:
                body = file.read(MOST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror if isinstance(error, OSError) else error
        _refuse(place, f"cannot be read ({why}); an address begins with https:// or http://")
    if b"<" not in body:
        _refuse(place, "is no HTML page")
    return Page(address, body[:MOST], cut=len(body) > MOST)


def _agent() -> str:
    # With "compatible;", as crawlers say it: the shop must not count this as a customer.
    return f"Mozilla/5.0 (compatible; pixelpair-inspect/{version('pixelpair')})"


def _fetched(place: str) -> Page:
    url = _check(place)
    headers = {"User-Agent": _agent(), "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    shown = str(url.copy_with(username=None, password=None, query=None, fragment=None))
    try:
        with (
            httpx.Client(
                follow_redirects=True,
                max_redirects=MOST_REDIRECTS,
                timeout=READ,
                headers=headers,
            ) as client,
            client.stream("GET", url) as response,
        ):
            _check_answer(shown, response)
            body = b"".join(_bounded(shown, response))
    except httpx.UnsupportedProtocol:
        _refuse(shown, "leads to an address that is neither https:// nor http://")
    except httpx.TimeoutException:
        _refuse(shown, f"does not answer within {READ:g} seconds")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        _refuse(shown, f"cannot be reached: {error or type(error).__name__}")
    said = response.headers.get("content-type", "").encode("latin-1", "replace")
    ended = str(response.url)
    asked = shown if response.history else ""
    return Page(ended, body[:MOST], charset_of(said), len(body) > MOST, asked)


def _check_answer(shown: str, response: httpx.Response) -> None:
    if not response.is_success:
        _refuse(shown, f"answers {response.status_code}: of such an answer no event is made")
    kind = response.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
    if kind not in _HTML:
        _refuse(shown, f"is {kind or 'of no type'}, and no HTML page")


def _bounded(shown: str, response: httpx.Response) -> Iterator[bytes]:
    end, size = time.monotonic() + PATIENCE, 0
    for chunk in response.iter_bytes():
        if time.monotonic() > end:
            _refuse(shown, f"is not whole after {PATIENCE:g} seconds")
        yield chunk
        size += len(chunk)
        if size > MOST:
            return
