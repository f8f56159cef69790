"""What an answer of the shop is, judged from its status and headers, and what becomes of those
when a page grows. Decides nothing about events.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pixelpair.core.charsets import reads_as_ascii
from pixelpair.core.codings import coding_of
from pixelpair.core.csp import POLICIES
from pixelpair.core.http import (
    Headers,
    header_value,
    may_be_shown_again,
    tells_caches,
    without,
)
from pixelpair.core.routes import READS
from pixelpair.core.validators import STALE

if TYPE_CHECKING:
    from pixelpair.core.http import Request

NO_BODY = frozenset({204, 205})  # Flask and Django call it text/html all the same
FOR_PAGES = frozenset({b"document", b"iframe", b"empty"})  # Sec-Fetch-Dest, where it is sent
# Who asks ahead says so in one of these; X-Sec-Purpose is Turbo's.
_AHEAD = frozenset({b"sec-purpose", b"x-sec-purpose", b"purpose", b"x-moz"})
_UNREADABLE = frozenset({b"content-encoding", b"content-disposition"})
_TELLING = POLICIES | STALE | _UNREADABLE
# Django before the last releases of 5.2 stores all that is not private, no-store included.
_RESTRAINED = re.compile(rb"(?:^|[,\s])(?:private|public)(?:$|[,\s])")


def gist(headers: Headers) -> tuple[bool, int]:
    """Whether the headers say little (all names in lower case, none of caches, encodings or
    attachments), and where Content-Length stands, or -1.
    """
    return _gist(*[name for name, _ in headers])


@lru_cache(512)  # a shop has few such lists of names
def _gist(*names: bytes) -> tuple[bool, int]:
    telling = tells_caches(names) or not _TELLING.isdisjoint(names)
    little = not telling and b"".join(names).islower()
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
    if coding_of(header_value(headers, b"content-encoding")) is None:
        return "encoded"
    if not reads_as_ascii(header_value(headers, b"content-type") or b""):
        return "charset"
    disposition = header_value(headers, b"content-disposition") or b""
    return "attachment" if disposition.strip().lower().startswith(b"attachment") else None


def is_for_page(request: Request) -> bool:
    """Whether the answer is asked for as a page, not as an image or a style sheet."""
    destination = request.index.get(b"sec-fetch-dest")
    return destination is None or destination in FOR_PAGES


def is_ahead(request: Request) -> bool:
    """Whether the answer may never be shown: the browser or a script fetches it in advance."""
    index = request.index
    if _AHEAD.isdisjoint(index):
        return False
    return any(b"prefetch" in index.get(name, b"") for name in _AHEAD)


def is_fetched(request: Request) -> bool:
    """Whether a script fetches the page, to show it, a part of it, or nothing at all."""
    index = request.index
    destination = index.get(b"sec-fetch-dest")
    if destination is not None:
        # A service worker that passes a navigation on fetches it itself: seen in Chromium.
        return destination == b"empty" and index.get(b"sec-fetch-mode") != b"navigate"
    # An Android app's web view sends the app's name as X-Requested-With when it navigates.
    by_script = index.get(b"x-requested-with", b"").lower() == b"xmlhttprequest"
    return by_script or b"hx-request" in index or b"turbo-frame" in index


def is_shared(headers: Headers, request: Request, now: float) -> bool:
    """Whether the page's stored bytes may be shown again, to others or to the same visitor."""
    # No cache keeps the answer to anything but a read.
    return request.method in READS and may_be_shown_again(headers, request, now)


def grown(headers: Headers, by: int | None) -> Headers:
    """The headers of a body that we change; Content-Length goes where nobody knows the size."""
    fitting = list(headers)
    for index, (name, value) in enumerate(fitting):
        if name == b"content-length":
            known = by is not None and value.isdigit()
            fitting[index : index + 1] = [(name, b"%d" % (int(value) + (by or 0)))] if known else []
            break
    return fitting


def untagged(headers: Headers) -> Headers:
    """Without what describes bytes that are nobody else's now."""
    return without(headers, *STALE)


def private(headers: Headers) -> Headers:
    """Caches store pages that forbid nothing (Varnish for 120 s): say whose this one is."""
    if not tells_caches([name for name, _ in headers]):
        return [*headers, (b"cache-control", b"private")]
    control = header_value(headers, b"cache-control")
    if control and _RESTRAINED.search(control.lower()):
        return headers
    said = control + b", private" if control else b"private"
    return [*without(headers, b"cache-control"), (b"cache-control", said)]


def unshared(headers: Headers) -> Headers:
    """The headers of a page that the app lets caches keep, and EVENT_ID=server does not."""
    kept = [pair for pair in without(headers, *STALE) if not tells_caches(pair[:1])]
    return [*kept, (b"cache-control", b"private, no-store")]
