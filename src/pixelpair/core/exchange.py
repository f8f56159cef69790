"""One request and its response: decides what happens to both, and never raises.

A door asks `respond()` with the status and headers. Where the answer is None it holds them, hands
each chunk through `feed()`, ends with `finish()`, and sends `headers` before the first bytes.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

from pixelpair.core.html import HtmlStream
from pixelpair.core.http import (
    Headers,
    Request,
    header_value,
    location_path,
    may_be_shown_again,
    without,
)
from pixelpair.core.visit import READS, Said, SetCookie, Shop, Tracked, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.events import Event
    from pixelpair.core.routes import Answer

# What a page gets: nothing, the base code without events, or its events as pairs.
Mode = Literal["alone", "base", "pairs"]

_SHOWN = frozenset({b"", b"document", b"iframe"})
_NO_WHOLE_BODY = frozenset({204, 205, 206})
# They describe bytes that we change.
_STALE = (b"etag", b"accept-ranges", b"content-md5", b"digest", b"content-digest", b"repr-digest")
_AMP = re.compile(rb"<html\s(?:[^>]{0,500}\s)?(?:amp|\xe2\x9a\xa1)[\s=>]")
_INIT = rb"fbq\(\s*['\"]init['\"]\s*,\s*['\"]?%b(?!\d)"


class Exchange:
    """One request and its response. `passing` says: hand on whatever comes, unread."""

    # Class attributes, not __init__: most requests of a shop are no page and need none of them.
    passing = False
    headers: Headers | None = None
    _said: Said | None = None
    _visit: Visit | None = None
    _stream: HtmlStream | None = None
    _mode: Mode = "alone"
    _mute = False
    _fetched = False
    _inserted = 0
    _shown_events: tuple[Event, ...] | list[Event] = ()
    _held: Headers

    def __init__(self, shop: Shop, method: str, request: Callable[[], Request]) -> None:
        self._shop = shop
        self._method = method
        self._request = request

    # --- what a view says ------------------------------------------------------------------

    @property
    def said(self) -> Said:
        if self._said is None:
            self._said = Said()
        return self._said

    def track(self, tracked: Tracked) -> None:
        """Fill the event that the route makes, or make one."""
        if not self.passing:
            self.said.tracked.append(tracked)
        elif not self._mute:
            self._say_late(tracked.event_name)

    def identify(self, given: Mapping[str, object]) -> None:
        """Customer information for this request's events: hashed now, a later value wins."""
        if not self.passing and self._shop.advanced_matching:
            self.said.hashed.update(self._shop.hashed(given))

    def discard(self, event_names: tuple[str, ...]) -> None:
        """These events, or all where none is named, do not leave: the act failed."""
        if not self.passing:
            self.said.discarded.update(event_names)
            self.said.discards_all |= not event_names

    # --- what a door asks ------------------------------------------------------------------

    def respond(self, status: int, headers: Headers) -> Headers | None:
        """The headers to send now, or None: hold them until `headers` is set."""
        if self.passing or (self._said is None and self._method in READS and not _is_html(headers)):
            self.passing = True
            return headers
        try:
            return self._respond(status, headers)
        except Exception:
            self._failed()
            return headers

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send for this chunk of the body."""
        stream = self._stream
        if self.passing or stream is None or not chunk:
            return chunk
        try:
            out = stream.feed(chunk)
        except Exception:
            self._failed()
            out = stream.release()  # with this chunk
        self._fix_headers(ended=False)
        return out + stream.release() if self.passing else out

    def finish(self) -> bytes:
        """The last bytes; the response is complete."""
        stream = self._stream
        if self.passing or stream is None:
            return b""
        try:
            out = stream.finish()
        except Exception:
            self._failed()
            out = stream.release()
        self._fix_headers(ended=True)
        out += self._late_script()
        self.passing = True
        return out

    def abandon(self) -> Headers:
        """The body will not come as bytes (the server sends a file): leave it alone."""
        self.passing = True
        return self._held

    # --- an answer and what it is ----------------------------------------------------------

    def _respond(self, status: int, headers: Headers) -> Headers | None:
        request = self._request()
        self._held = headers
        self._visit = visit = Visit(self._shop, request, self.said)
        if request.excluded or self._shop.excludes(request.path):
            self._mute = True
            return self._leave()
        if self._method == "HEAD" or not 200 <= status < 400 or status == 304:
            return self._leave("failed acts")
        if status >= 300:
            to_login = self._to_login(request, headers)
            return self._leave("login redirects") if to_login else self._act(visit, "redirect")
        if not _is_html(headers):
            return self._act(visit, "other")
        reason = _unreadable(status, headers, request)
        if reason:
            return self._leave(reason)
        self._fetched = request.header(b"sec-fetch-dest") == b"empty"
        self._mode = self._mode_of(request, headers)
        self._stream = HtmlStream(self._at_head_end, self._at_body_start)
        return None

    def _leave(self, reason: str | None = None) -> Headers:
        """Let the answer go as it is; `reason` counts the view's events that go nowhere."""
        self.passing = True
        if reason == "encoded":
            self._say_encoded()
        if reason and self.said.tracked:
            self._shop.notes.count(reason, len(self.said.tracked))
        return self._held

    def _to_login(self, request: Request, headers: Headers) -> bool:
        location = header_value(headers, b"location") or b""
        path = location_path(location, request.origin).removeprefix(request.root)
        return (path.rstrip("/") or "/") in self._shop.login_paths

    def _mode_of(self, request: Request, headers: Headers) -> Mode:
        if self._fetched:
            return "alone"
        purposes = (b"sec-purpose", b"purpose", b"x-moz")
        ahead = any(b"prefetch" in request.header(name) for name in purposes)
        again = ahead or may_be_shown_again(headers, request, self._shop.clock())
        return "base" if again else "pairs"

    # --- an answer that is no page: the server half now, the browser half rides -------------

    def _act(self, visit: Visit, answer: Answer) -> Headers:
        return self._report(visit, visit.events(answer))

    def _report(self, visit: Visit, events: list[Event]) -> Headers:
        self.passing = True
        if not events:
            return self._held
        cookies = [visit.pending(event) for event in visit.accept(events)]
        return self._with_cookies(visit.request, [*visit.cookies, *cookies])

    def _with_cookies(self, request: Request, cookies: list[SetCookie]) -> Headers:
        if self._method not in READS:
            return [*self._held, *cookies]
        if may_be_shown_again(self._held, request, self._shop.clock()):
            self._say_cacheable(request)
            return self._held
        return [*_private(self._held), *cookies]

    # --- a page ----------------------------------------------------------------------------

    def _at_head_end(self, head: memoryview) -> bytes:
        try:
            snippet = self._snippet(bytes(head))
        except Exception:
            self._failed()
            self._mode = "alone"
            return b""
        self._inserted += len(snippet)
        return snippet

    def _snippet(self, head: bytes) -> bytes:
        visit = self._visit
        if visit is None or _is_amp(head) or self._has_pixel(head):
            self._mode = "alone"
        if visit is None or self._mode == "alone":
            return b""
        if self._mode == "base":
            self._say_base_only(visit)
            return self._shop.snippet.script((), {})
        self._shown_events = visit.accept(visit.events("page"))
        match = {key: hashes[0] for key, hashes in visit.facts().hashed.items()}
        return self._shop.snippet.script(self._shown_events, match)

    def _has_pixel(self, head: bytes) -> bool:
        pixel = self._shop.pixel_id.encode()
        if pixel not in head or not re.search(_INIT % pixel, head):
            return False
        self._say_second_pixel()
        return True

    def _at_body_start(self) -> bytes:
        try:
            images = self._shop.snippet.images(self._shown_events)
        except Exception:
            self._failed()
            return b""
        self._inserted += len(images)
        return images

    def _late_script(self) -> bytes:
        """Events of a view that went on after the head was out, at the end of the document."""
        visit = self._visit
        if visit is None or not self.said.tracked:
            return b""
        sized = header_value(self.headers or [], b"content-length") is not None
        if self._mode != "pairs" or sized:
            self._shop.notes.count("too late", len(self.said.tracked))
            self._say_late(self.said.tracked[0].event_name)
            return b""
        try:
            return self._shop.snippet.script(visit.accept(visit.tracked_events()), {})
        except Exception:
            self._failed()
            return b""

    # --- the headers of a page, once its first bytes are known ------------------------------

    def _fix_headers(self, *, ended: bool) -> None:
        if self.headers is not None:
            return
        try:
            self.headers = self._page_headers(ended=ended)
        except Exception:
            self._failed()
            self.headers = without(self._held, b"content-length")

    def _page_headers(self, *, ended: bool) -> Headers:
        stream, visit = self._stream, self._visit
        if stream is None or visit is None:
            return self._held
        if stream.kind == "fragment" or (ended and stream.kind == "undecided"):
            return self._act(visit, "other")
        if self._mode == "alone":
            return self._leave_page(visit)
        settled = stream.done or ended
        if settled and not self._inserted:
            return self._leave("no head")
        headers = without(self._held, *_STALE)
        if self._mode == "pairs":
            visit.facts()
            headers = [*_private(headers), *visit.cookies]
        return _resized(headers, self._inserted if settled else None)

    def _leave_page(self, visit: Visit) -> Headers:
        """A script's POST that got a whole page: its rules do not fire, its view's events do."""
        if self._fetched and self._method not in READS:
            return self._report(visit, visit.tracked_events())
        return self._leave("left alone")

    # --- words to the developer ------------------------------------------------------------

    def _failed(self) -> None:
        self.passing = True
        self._shop.notes.count("failures")
        self._shop.notes.once(
            "failed",
            logging.ERROR,
            "pixelpair failed and let the response through",
            exc_info=True,
        )

    def _say_late(self, event_name: str) -> None:
        self._shop.notes.count("too late")
        self._shop.notes.once(
            ("late", event_name),
            logging.WARNING,
            "track(%r) came after the answer was on its way: it left on neither channel",
            event_name,
        )

    def _say_base_only(self, visit: Visit) -> None:
        self._shop.notes.count("browser id", len(visit.events("page")))
        self._shop.notes.once(
            "browser id",
            logging.WARNING,
            "a page that may be shown again from a cache (%s) got the base code only, its "
            "events left on neither channel: with Cache-Control: no-store they leave as pairs",
            visit.request.path,
        )

    def _say_cacheable(self, request: Request) -> None:
        self._shop.notes.once(
            "cacheable act",
            logging.WARNING,
            "an event of an answer that caches may keep (%s) left by the server only: a cookie "
            "in it would reach other visitors",
            request.path,
        )

    def _say_second_pixel(self) -> None:
        self._shop.notes.once(
            "second pixel",
            logging.WARNING,
            "a page carries a snippet of pixel %s already and was left alone: remove that one",
            self._shop.pixel_id,
        )

    def _say_encoded(self) -> None:
        self._shop.notes.once(
            "encoded",
            logging.WARNING,
            "pages arrive compressed and are left alone: put pixelpair inside the compressing "
            "middleware, nearer to the app",
        )


def _muted() -> Exchange:
    exchange = Exchange.__new__(Exchange)
    exchange.passing = exchange._mute = True
    return exchange


# Where pixelpair is inert: hands everything on and hears nothing.
MUTED = _muted()

# The exchange that this thread or task is serving.
CURRENT: ContextVar[Exchange | None] = ContextVar("pixelpair", default=None)


def _is_html(headers: Headers) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value[:9].lower() == b"text/html"
    return False


def _is_amp(head: bytes) -> bool:
    lower = head.lower()
    start = lower.find(b"<html")
    return start >= 0 and _AMP.match(lower, start) is not None


def _unreadable(status: int, headers: Headers, request: Request) -> str | None:
    """Why an HTML answer is none that we may look into, or None."""
    if status in _NO_WHOLE_BODY:
        return "no whole body"
    encoding = header_value(headers, b"content-encoding")
    if encoding and encoding.strip().lower() != b"identity":
        return "encoded"
    disposition = header_value(headers, b"content-disposition") or b""
    if disposition.strip().lower().startswith(b"attachment"):
        return "attachment"
    if request.header(b"sec-fetch-dest") not in _SHOWN | {b"empty"}:
        return "no document"
    return None


def _private(headers: Headers) -> Headers:
    """Caches store pages without Cache-Control (Varnish for 120 s): say whose this one is."""
    if header_value(headers, b"cache-control") is not None:
        return headers
    return [*headers, (b"cache-control", b"private")]


def _resized(headers: Headers, grown: int | None) -> Headers:
    """Content-Length of a body that grew; removed where nobody knows yet by how much."""
    length = header_value(headers, b"content-length")
    if length is None:
        return headers
    rest = without(headers, b"content-length")
    if grown is None or not length.isdigit():
        return rest
    return [*rest, (b"content-length", str(int(length) + grown).encode())]
