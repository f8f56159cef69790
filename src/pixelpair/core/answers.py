"""What an answer of the shop is, judged from its status and headers, and what becomes of those
when a page grows. Decides nothing about events.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pixelpair.core.http import (
    CACHE_HEADERS,
    Headers,
    header_value,
    may_be_shown_again,
    without,
)
from pixelpair.core.routes import READS

if TYPE_CHECKING:
    from pixelpair.core.http import Request

NO_BODY = frozenset({204, 205})  # Flask and Django call it text/html all the same
FOR_PAGES = frozenset({b"document", b"iframe", b"empty"})  # Sec-Fetch-Dest, where it is sent
_AHEAD = frozenset({b"sec-purpose", b"purpose", b"x-moz"})
# They describe bytes that we change.
_STALE = frozenset(
    {b"etag", b"accept-ranges", b"content-md5", b"digest", b"content-digest", b"repr-digest"}
)
_TELLING = CACHE_HEADERS | _STALE | {b"content-encoding", b"content-disposition"}
_RESTRAINED = re.compile(rb"(?:^|[,\s])(?:private|no-store|no-cache|public)(?:$|[,\s=])")


def gist(headers: Headers) -> tuple[bool, int]:
    """Whether the headers say little (all names in lower case, none of caches, encodings or
    attachments), and where Content-Length stands, or -1.
    """
    return _gist(*[name for name, _ in headers])


@lru_cache(512)  # a shop has few such lists of names
def _gist(*names: bytes) -> tuple[bool, int]:
    little = _TELLING.isdisjoint(names) and b"".join(names).islower()
    return little, names.index(b"content-length") if b"content-length" in names else -1


def lower_case(headers: Headers) -> Headers:
    """ASGI asks for lower-case names; Django's handler does not keep to it."""
    if b"".join([name for name, _ in headers]).islower():
        return headers
    return [(name.lower(), value) for name, value in headers]


def unreadable(status: int, headers: Headers) -> str | None:
    """Why an HTML answer is none that we may look into, or None."""
    if status == 206:
        return "no whole body"
    encoding = header_value(headers, b"content-encoding")
    if encoding and encoding.strip().lower() != b"identity":
        return "encoded"
    disposition = header_value(headers, b"content-disposition") or b""
    return "attachment" if disposition.strip().lower().startswith(b"attachment") else None


def is_plain(headers: Headers) -> bool:
    """Whether no header says anything of caches, encodings or attachments: nearly always."""
    return _TELLING.isdisjoint([name for name, _ in headers])


def carries_no_id(headers: Headers, request: Request, now: float, *, plain: bool) -> bool:
    """Whether a page may be shown to others, or never: then no id may stand in it."""
    index = request.index
    if not _AHEAD.isdisjoint(index) and any(b"prefetch" in index.get(n, b"") for n in _AHEAD):
        return True
    if request.method not in READS:  # no cache keeps the answer to anything else
        return False
    return b"x-varnish" in index if plain else may_be_shown_again(headers, request, now)


def grown(headers: Headers, by: int | None, *, plain: bool = False) -> Headers:
    """The headers of a body that we change; Content-Length goes where nobody knows the size."""
    fitting = [pair for pair in headers if plain or pair[0] not in _STALE]
    for index, (name, value) in enumerate(fitting):
        if name == b"content-length":
            known = by is not None and value.isdigit()
            fitting[index : index + 1] = [(name, b"%d" % (int(value) + (by or 0)))] if known else []
            break
    return fitting


def private(headers: Headers) -> Headers:
    """Caches store pages that forbid nothing (Varnish for 120 s): say whose this one is."""
    if CACHE_HEADERS.isdisjoint([name for name, _ in headers]):
        return [*headers, (b"cache-control", b"private")]
    control = header_value(headers, b"cache-control")
    if control and _RESTRAINED.search(control.lower()):
        return headers
    said = control + b", private" if control else b"private"
    return [*without(headers, b"cache-control"), (b"cache-control", said)]
