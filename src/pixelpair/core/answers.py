"""What an answer of the shop is, judged from its status, its headers and its head.

And what becomes of the headers when a page grows. Decides nothing about events.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pixelpair.core.http import CACHE_HEADERS, Headers, header_value, without

if TYPE_CHECKING:
    from pixelpair.core.http import Request

NO_BODY = frozenset({204, 205})  # Flask and Django call it text/html all the same
_FOR_PAGES = frozenset({b"", b"document", b"iframe", b"empty"})
_AHEAD = frozenset({b"sec-purpose", b"purpose", b"x-moz"})
_DISGUISES = frozenset({b"content-encoding", b"content-disposition"})
# They describe bytes that we change.
_STALE = frozenset(
    {b"etag", b"accept-ranges", b"content-md5", b"digest", b"content-digest", b"repr-digest"}
)
_RESTRAINED = re.compile(rb"(?:^|[,\s])(?:private|no-store|no-cache|public)(?:$|[,\s=])")
_AMP = re.compile(rb"<html\s(?:[^<>]*\s)?(?:amp|\xe2\x9a\xa1)[\s=>]")
_INIT = rb"fbq\(\s*['\"]init['\"]\s*,\s*['\"]?%b(?!\d)"


def is_html(headers: Headers) -> bool:
    """Whether the first Content-Type says HTML."""
    for name, value in headers:
        if name == b"content-type":
            return value[:9].lower() == b"text/html"
    return False


def unreadable(status: int, headers: Headers, request: Request) -> str | None:
    """Why an HTML answer is none that we may look into, or None."""
    if status == 206:
        return "no whole body"
    if request.header(b"sec-fetch-dest") not in _FOR_PAGES:
        return "no document"
    if _DISGUISES.isdisjoint([name for name, _ in headers]):
        return None
    encoding = header_value(headers, b"content-encoding")
    if encoding and encoding.strip().lower() != b"identity":
        return "encoded"
    disposition = header_value(headers, b"content-disposition") or b""
    return "attachment" if disposition.strip().lower().startswith(b"attachment") else None


def is_fetched_ahead(request: Request) -> bool:
    """Whether a browser prefetches or prerenders: the page may never be seen."""
    index = request.index
    if _AHEAD.isdisjoint(index):
        return False
    return any(b"prefetch" in index.get(name, b"") for name in _AHEAD)


def is_amp(head: bytes) -> bool:
    """Whether one of the head's `<html>` tags (the first may be in a comment) is AMP's."""
    head = head.lower()
    start = head.find(b"<html")
    while start >= 0:
        end = head.find(b">", start) + 1 or len(head)
        tag = head[start:end]
        # Searched only where it can be: each failing search walks the attributes.
        if (b"amp" in tag or b"\xe2\x9a\xa1" in tag) and _AMP.search(tag):
            return True
        start = head.find(b"<html", end)
    return False


def has_pixel(head: bytes, pixel_id: bytes) -> bool:
    """Whether the page initialises this pixel itself."""
    return pixel_id in head and re.search(_INIT % pixel_id, head) is not None


def grown(headers: Headers, by: int | None) -> Headers:
    """The headers of a body that we change; Content-Length goes where nobody knows the size."""
    fitting = [pair for pair in headers if pair[0] not in _STALE]
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
