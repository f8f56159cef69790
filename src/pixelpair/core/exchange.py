"""One request and its response: decides what happens to both, and never raises.

A door asks `respond()` with the status and headers. Where the answer is None it holds them, hands
each chunk through `feed()`, ends with `finish()`, and sends `headers` before the first bytes.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

from pixelpair.core import answers
from pixelpair.core.html import HtmlStream
from pixelpair.core.http import Headers, header_value, location_path, may_be_shown_again, without
from pixelpair.core.routes import READS
from pixelpair.core.usual import usual_page
from pixelpair.core.visit import Said, SetCookie, Shop, Tracked, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pixelpair.core.events import Event
    from pixelpair.core.http import Request
    from pixelpair.core.routes import Answer

# The browser asks again elsewhere, the same way or not: a rule's act has not run yet. Seen with the
# trailing slash that Flask and Starlette add: one act, two events.
_MOVED = frozenset({301, 307, 308})

# What most answers but pages are: not even looked at, where no rule hears of them.
_JSON = (b"content-type", b"application/json")

# What a page gets: nothing, the base code without events, or its events as pairs.
Mode = Literal["alone", "base", "pairs"]


class Exchange:
    """One request and its response. `passing` says: hand on whatever comes, unread."""

    # Class attributes, not __init__: most requests of a shop are no page and need none of them.
    passing = False
    headers: Headers | None = None
    _said: Said | None = None
    _mode: Mode = "alone"
    _mute = False
    _fetched = False
    _begun = False
    _usual = False
    _inserted = 0
    _length = -1  # where the app's Content-Length stands
    _stream: HtmlStream | None = None
    _shown: Sequence[Event] = ()
    _plain = False
    _asked: Request
    _given: Headers  # the app's headers as they came
    _held: Headers  # the same with lower-case names
    _visit: Visit | None = None

    def __init__(
        self, shop: Shop, method: str, request: Callable[..., Request], *source: object
    ) -> None:
        """`request(*source)` is asked for once, after the app, where it is needed at all."""
        self._shop = shop
        self._method = method
        self._request = request
        self._source = source

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
            self._too_late(tracked.event_name)

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
        if self.passing:
            return headers
        if _JSON in headers and self._said is None and self._method in self._shop.unheard:
            self.passing = True
            return headers
        for name, value in headers:
            if len(name) == 12 and name.lower() == b"content-type":
                html = value[:9].lower() == b"text/html"
                break
        else:
            html = False
        if not html and self._said is None and self._method in self._shop.unheard:
            self.passing = True
            return headers
        try:
            self._asked = self._request(*self._source)
            if html and status == 200 and self._method == "GET" and self._said is None:
                little, self._length = answers.gist(headers)
                if little:  # the rest is decided with the first bytes
                    self._usual, self._given = True, headers
                    return None
            return self._respond(status, headers, self._asked, html=html)
        except Exception:
            self._failed()
            return headers

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send for this chunk of the body."""
        if self.passing or not chunk:
            return chunk
        if not self._begun:
            self._begun = True
            out = self._begin(chunk)
            if out is not None:
                return out
            self._stream = HtmlStream(self._at_head_end, self._at_body_start)
        return chunk if self._stream is None else self._fed(self._stream, chunk)

    def finish(self) -> bytes:
        """The last bytes; the response is complete."""
        stream, self._stream = self._stream, None
        if self.passing:
            return b""
        if not self._begun:  # no body at all
            self._begun = True
            if self._usual and self._begin(b"") is not None:
                return b""
            stream = HtmlStream(self._at_head_end, self._at_body_start)
        out = b"" if stream is None else self._finished(stream)
        if self._said is not None and self._said.tracked:
            out += self._late_script(self._said)
        self.passing = True
        return out

    def abandon(self) -> Headers:
        """The body will not come as bytes (the server sends a file): leave it alone."""
        return self._leave("left alone")

    # --- the usual page ---------------------------------------------------------------------

    def _begin(self, chunk: bytes) -> bytes | None:
        """The first chunk: the usual way if it can be gone, else the general one."""
        if self._usual:
            try:
                request, now = self._asked, self._shop.clock()
                if self._said is None:
                    page = usual_page(self._shop, request, self._given, self._length, chunk, now)
                    if page is not None:
                        self.headers, out = page
                        self._mode, self._inserted = "pairs", len(out) - len(chunk)
                        return out
                self.headers = self._respond(200, self._given, request, html=True)
            except Exception:
                self._failed()
                self.headers = self._given
            if self.headers is not None:
                return chunk
        return self._whole(chunk)

    # --- an answer and what it is ----------------------------------------------------------

    def _respond(
        self, status: int, given: Headers, request: Request, *, html: bool
    ) -> Headers | None:
        shop, self._given = self._shop, given
        headers = self._held = answers.lower_case(given)
        now = shop.clock()
        visit = self._visit = Visit(shop, request, self._said, now)
        if request.excluded or shop.excludes(request.path):
            self._mute = True
            return self._leave()
        if self._method == "HEAD" or not 200 <= status < 400 or status == 304:
            return self._leave("failed acts")
        if status in _MOVED and self._method not in READS:
            return self._report(visit, visit.tracked_events())
        if status >= 300:
            to_login = self._to_login(request)
            return self._leave("login redirects") if to_login else self._act(visit, "redirect")
        if not html or status in answers.NO_BODY:
            return self._act(visit, "other")
        destination = request.index.get(b"sec-fetch-dest")
        if destination is not None and destination not in answers.FOR_PAGES:
            return self._leave("no document")
        self._plain = answers.is_plain(headers)
        reason = None if self._plain and status == 200 else answers.unreadable(status, headers)
        if reason:
            return self._leave(reason)
        # A service worker that passes a navigation on fetches it itself: seen in Chromium.
        navigates = request.index.get(b"sec-fetch-mode") == b"navigate"
        if destination == b"empty" and not navigates:
            self._fetched = True
        else:
            alone = answers.carries_no_id(headers, request, now, plain=self._plain)
            self._mode = "base" if alone else "pairs"
        return None

    def _leave(self, reason: str | None = None) -> Headers:
        """Let the answer go as it is; `reason` counts the view's events that go nowhere."""
        self.passing = True
        if reason == "encoded":
            self._shop.notes.say("encoded")
        if reason and self._said is not None and self._said.tracked:
            self._shop.notes.count(reason, len(self._said.tracked))
        return self._given

    def _to_login(self, request: Request) -> bool:
        location = header_value(self._held, b"location") or b""
        path = location_path(location, request).removeprefix(request.root)
        return (path.rstrip("/") or "/") in self._shop.login_paths

    # --- an answer that is no page: the server half now, the browser half rides -------------

    def _act(self, visit: Visit, answer: Answer) -> Headers:
        return self._report(visit, visit.events(answer))

    def _report(self, visit: Visit, events: list[Event]) -> Headers:
        self.passing = True
        if not events:
            return self._given
        cookies = visit.pending(visit.accept(events))
        return self._with_cookies(visit.request, [*visit.cookies, *cookies])

    def _with_cookies(self, request: Request, cookies: list[SetCookie]) -> Headers:
        if self._method not in READS:
            return [*self._held, *cookies]
        if may_be_shown_again(self._held, request, self._shop.clock()):
            self._shop.notes.say("cacheable act", request.route_label)
            return self._given
        return [*answers.private(self._held), *cookies]

    # --- a page, whole or in pieces ---------------------------------------------------------

    def _whole(self, chunk: bytes) -> bytes | None:
        """How nearly every page comes, head and all in its first chunk; None for any other."""
        try:
            found = self._shop.heads.find(chunk)
            if found is None:
                return None
            head_end, body_start, flaw = found
            snippet = self._snippet(flaw)
            images = self._at_body_start() if snippet else b""
            self._inserted = len(snippet) + len(images)
            self.headers = self._page_headers(settled=True)
        except Exception:
            self._failed()
            self.headers = self._given
            return chunk
        if not snippet:
            return chunk
        view = memoryview(chunk)
        pieces = (view[:head_end], snippet, view[head_end:body_start], images, view[body_start:])
        return b"".join(pieces)

    def _fed(self, stream: HtmlStream, chunk: bytes) -> bytes:
        try:
            out = stream.feed(chunk)
        except Exception:
            out = self._released(stream)  # with this chunk
        self._fix_headers(stream, ended=False)
        if stream.kind == "fragment" and not self.passing:
            self._report_late_fragment()
        if self.passing:
            out += stream.release()
        if stream.done:
            self._stream = None  # it refers back to us: a cycle would keep the page's bytes
        return out

    def _finished(self, stream: HtmlStream) -> bytes:
        try:
            out = stream.finish()
        except Exception:
            out = self._released(stream)
        self._fix_headers(stream, ended=True)
        if stream.kind == "undecided" and not self.passing:
            self._report_late_fragment()
        return out

    def _released(self, stream: HtmlStream) -> bytes:
        """The scanner failed: all it holds, as it came, behind the app's own headers."""
        self._failed()
        self._inserted = 0
        if self.headers is None:
            self.headers = self._given
        return stream.release()

    def _at_head_end(self, head: memoryview) -> bytes:
        try:
            snippet = self._snippet(self._shop.heads.flaw(bytes(head)))
        except Exception:
            self._failed()
            self._mode = "alone"
            return b""
        self._inserted += len(snippet)
        return snippet

    def _at_body_start(self) -> bytes:
        try:
            images = self._shop.snippet.images(self._shown)
        except Exception:
            self._failed()
            return b""
        self._inserted += len(images)
        return images

    def _snippet(self, flaw: str | None) -> bytes:
        """What is inserted where the head ends; b"" leaves the page alone."""
        shop, visit = self._shop, self._visit
        if flaw is not None:
            self._mode = "alone"
            if flaw == "pixel":
                shop.notes.say("second pixel", shop.pixel_id)
        if visit is None or self._mode == "alone":
            return b""
        if self._mode == "base":
            shop.notes.count("browser id", len(visit.events("page")))
            shop.notes.say("browser id", visit.request.route_label)
            return shop.snippet.script((), {})
        self._shown = visit.accept(visit.events("page"))
        hashed = visit.facts().hashed
        match = {key: hashes[0] for key, hashes in hashed.items()} if hashed else {}
        return shop.snippet.script(self._shown, match)

    # --- the headers of a page, once its first bytes are known ------------------------------

    def _fix_headers(self, stream: HtmlStream, *, ended: bool) -> None:
        if self.headers is not None:
            return
        try:
            if stream.kind == "fragment" or (ended and stream.kind == "undecided"):
                self.headers = self._no_page()
            else:
                self.headers = self._page_headers(settled=stream.done or ended)
        except Exception:
            self._failed()
            sized = without(self._held, b"content-length")
            self.headers = sized if self._inserted else self._given

    def _no_page(self) -> Headers:
        return self._given if self._visit is None else self._act(self._visit, "other")

    def _page_headers(self, *, settled: bool) -> Headers:
        visit = self._visit
        if visit is None:
            return self._given
        if self._mode == "alone":
            return self._leave_page(visit)
        if settled and not self._inserted:
            return self._leave("no head")
        by = self._inserted if settled else None
        if self._mode == "base":
            return answers.grown(self._held, by)
        visit.facts()
        headers = answers.grown(self._held, by, plain=self._plain)
        if not self._plain:
            return [*answers.private(headers), *visit.cookies]
        headers.append((b"cache-control", b"private"))
        headers += visit.cookies
        return headers

    def _leave_page(self, visit: Visit) -> Headers:
        """A script's POST that got a whole page: its rules do not fire, its view's events do."""
        if self._fetched and self._method not in READS:
            return self._report(visit, visit.tracked_events())
        return self._leave("left alone")

    # --- what comes late, or fails ----------------------------------------------------------

    def _late_script(self, said: Said) -> bytes:
        """Events of a view that went on after the head was out, at the end of the document."""
        shop = self._shop
        sized = header_value(self.headers or [], b"content-length") is not None
        if self._mode != "pairs" or sized or not self._inserted:
            shop.notes.count("too late", len(said.tracked))
            self._too_late(said.tracked[0].event_name)
            return b""
        try:
            visit = self._visit or Visit(shop, self._asked, said, shop.clock())
            return shop.snippet.script(visit.accept(visit.tracked_events()), {})
        except Exception:
            self._failed()
            return b""

    def _report_late_fragment(self) -> None:
        """A fragment that looked like nothing yet when its headers left: no cookie can follow."""
        self.passing = True
        try:
            if self._visit is not None:
                events = self._visit.accept(self._visit.events("other"))
                self._shop.notes.count("server half alone", len(events))
        except Exception:
            self._failed()

    def _too_late(self, event_name: str) -> None:
        self._shop.notes.count("too late")
        self._shop.notes.say("too late", event_name, per=event_name)

    def _failed(self) -> None:
        """The fail-open boundary: a shop's answer outranks any event."""
        self.passing = True
        self._shop.notes.count("failures")
        self._shop.notes.say("failed", exc_info=True)


def _muted() -> Exchange:
    exchange = Exchange.__new__(Exchange)
    exchange.passing = exchange._mute = True
    return exchange


# Where pixelpair is inert: hands everything on and hears nothing.
MUTED = _muted()

# The exchange that this thread or task is serving.
CURRENT: ContextVar[Exchange | None] = ContextVar("pixelpair", default=None)
