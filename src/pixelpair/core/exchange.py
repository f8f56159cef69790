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

_FOR_PAGES = frozenset({b"", b"document", b"iframe", b"empty"})
_AHEAD = frozenset({b"sec-purpose", b"purpose", b"x-moz"})
_DISGUISES = frozenset({b"content-encoding", b"content-disposition"})
_NO_BODY = frozenset({204, 205})  # Flask and Django call it text/html all the same
# They describe bytes that we change.
_STALE = frozenset(
    {b"etag", b"accept-ranges", b"content-md5", b"digest", b"content-digest", b"repr-digest"}
)
_AMP = re.compile(rb"<html\s(?:[^<>]*\s)?(?:amp|\xe2\x9a\xa1)[\s=>]")
_RESTRAINED = re.compile(rb"(?:^|[,\s])(?:private|no-store|no-cache|public)(?:$|[,\s=])")
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
        """What the view says, from its first word on."""
        if self._said is None:
            self._said = Said()
            if self._visit is not None:
                self._visit.said = self._said
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
        if self.passing or (self._said is None and self._is_of_no_interest(headers)):
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
            out = self._released(stream)  # with this chunk
        self._fix_headers(ended=False)
        if stream.kind == "fragment" and not self.passing:
            self._report_late_fragment()
        if self.passing:
            out += stream.release()
        if stream.done:
            self._stream = None  # it refers back to us: a cycle kept 50 KB a page for the collector
        return out

    def finish(self) -> bytes:
        """The last bytes; the response is complete."""
        stream, self._stream = self._stream, None
        if self.passing:
            return b""
        out = b"" if stream is None else self._finished(stream)
        out += self._late_script()
        self.passing = True
        return out

    def _finished(self, stream: HtmlStream) -> bytes:
        try:
            out = stream.finish()
        except Exception:
            out = self._released(stream)
        self._stream = stream
        self._fix_headers(ended=True)
        self._stream = None
        if stream.kind == "undecided" and not self.passing:
            self._report_late_fragment()
        return out

    def abandon(self) -> Headers:
        """The body will not come as bytes (the server sends a file): leave it alone."""
        self.passing = True
        return self._held

    # --- an answer and what it is ----------------------------------------------------------

    def _is_of_no_interest(self, headers: Headers) -> bool:
        return (
            self._method in READS
            and not _is_html(headers)
            and not self._shop.routes.hears_reads_of_any_kind
        )

    def _respond(self, status: int, headers: Headers) -> Headers | None:
        request = self._request()
        self._held = headers
        visit = self._visit = Visit(self._shop, request, self._said, self._shop.clock())
        if request.excluded or self._shop.excludes(request.path):
            self._mute = True
            return self._leave()
        if self._method == "HEAD" or not 200 <= status < 400 or status == 304:
            return self._leave("failed acts")
        if status >= 300:
            to_login = self._to_login(request, headers)
            return self._leave("login redirects") if to_login else self._act(visit, "redirect")
        if not _is_html(headers) or status in _NO_BODY:
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
        if reason and self._said is not None and self._said.tracked:
            self._shop.notes.count(reason, len(self._said.tracked))
        return self._held

    def _to_login(self, request: Request, headers: Headers) -> bool:
        location = header_value(headers, b"location") or b""
        path = location_path(location, request).removeprefix(request.root)
        return (path.rstrip("/") or "/") in self._shop.login_paths

    def _mode_of(self, request: Request, headers: Headers) -> Mode:
        if self._fetched:
            return "alone"
        purposes = (b"sec-purpose", b"purpose", b"x-moz")
        ahead = any(b"prefetch" in request.header(name) for name in purposes)
        read = self._method in READS  # no cache keeps the answer to anything else
        again = read and may_be_shown_again(headers, request, self._shop.clock())
        return "base" if ahead or again else "pairs"

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
        if visit is None or self._said is None or not self._said.tracked:
            return b""
        sized = header_value(self.headers or [], b"content-length") is not None
        if self._mode != "pairs" or sized or not self._inserted:
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
            held = self._held
            self.headers = without(held, b"content-length") if self._inserted else held

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
        headers = [pair for pair in self._held if pair[0] not in _STALE]
        if self._mode == "pairs":
            visit.facts()
            headers = [*_private(headers), *visit.cookies]
        return _resized(headers, self._inserted if settled else None)

    def _leave_page(self, visit: Visit) -> Headers:
        """A script's POST that got a whole page: its rules do not fire, its view's events do."""
        if self._fetched and self._method not in READS:
            return self._report(visit, visit.tracked_events())
        return self._leave("left alone")

    def _report_late_fragment(self) -> None:
        """A fragment that looked like nothing yet when its headers left: no cookie can follow."""
        self.passing = True
        try:
            if self._visit is not None:
                events = self._visit.accept(self._visit.events("other"))
                self._shop.notes.count("server half alone", len(events))
        except Exception:
            self._failed()

    # --- words to the developer ------------------------------------------------------------

    def _released(self, stream: HtmlStream) -> bytes:
        """The scanner failed: all it holds, as it came, behind the app's own headers."""
        self._failed()
        self._inserted = 0
        if self.headers is None:
            self.headers = self._held
        return stream.release()

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
            visit.request.route_label,
        )

    def _say_cacheable(self, request: Request) -> None:
        self._shop.notes.once(
            "cacheable act",
            logging.WARNING,
            "an event of an answer that caches may keep (%s) left by the server only: a cookie "
            "in it would reach other visitors",
            request.route_label,
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
    return _AMP.search(head.lower()) is not None


def _unreadable(status: int, headers: Headers, request: Request) -> str | None:
    """Why an HTML answer is none that we may look into, or None."""
    if status == 206:
        return "no whole body"
    encoding = header_value(headers, b"content-encoding")
    if encoding and encoding.strip().lower() != b"identity":
        return "encoded"
    disposition = header_value(headers, b"content-disposition") or b""
    if disposition.strip().lower().startswith(b"attachment"):
        return "attachment"
    if request.header(b"sec-fetch-dest") not in _FOR_PAGES:
        return "no document"
    return None


def _private(headers: Headers) -> Headers:
    """Caches store pages that forbid nothing (Varnish for 120 s): say whose this one is."""
    control = header_value(headers, b"cache-control")
    if control and _RESTRAINED.search(control.lower()):
        return headers
    said = control + b", private" if control else b"private"
    return [*without(headers, b"cache-control"), (b"cache-control", said)]


def _resized(headers: Headers, grown: int | None) -> Headers:
    """Content-Length of a body that grew; removed where nobody knows yet by how much."""
    for index, (name, value) in enumerate(headers):
        if name == b"content-length":
            headers[index : index + 1] = (
                [(name, b"%d" % (int(value) + grown))] if grown and value.isdigit() else []
            )
            break
    return headers
