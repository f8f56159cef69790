"""One request and its response: decides what happens to both, and never raises.

A door asks `respond()` with the status and headers. Where the answer is None it holds them, hands
each chunk through `feed()`, ends with `finish()`, and sends `headers` before the first bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pixelpair.core import answers
from pixelpair.core.charsets import has_wide_bom, reads_as_ascii
from pixelpair.core.codings import Recoded, coding_of
from pixelpair.core.current import CURRENT as CURRENT
from pixelpair.core.forms import BodyReader
from pixelpair.core.http import (
    Headers,
    header_value,
    location_path,
    may_be_shown_again,
    printable,
    without,
)
from pixelpair.core.inquiry import Inquiry, order_of
from pixelpair.core.page import Mode, Page
from pixelpair.core.rehearsal import DOCTOR, Held, Rehearsal, admits, rehearsal
from pixelpair.core.routes import READS
from pixelpair.core.shop import Said
from pixelpair.core.usual import usual_page
from pixelpair.core.validators import asks_for_document, inbound, outbound_304, outbound_page
from pixelpair.core.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.events import Event
    from pixelpair.core.http import Request
    from pixelpair.core.policy import Learned
    from pixelpair.core.routes import Answer, Field
    from pixelpair.core.shop import SetCookie, Shop, Tracked

# The browser asks again elsewhere, the same way or not: a rule's act has not run yet. Seen with the
# trailing slash that Flask and Starlette add: one act, two events.
_MOVED = frozenset({301, 307, 308})

_SHOWN: frozenset[Mode] = frozenset({"server", "browser"})  # pages that visitors see

_READ_BY = {"encoded": b"content-encoding", "charset": b"content-type"}
_readable = lru_cache(256)(reads_as_ascii)

# What most answers but pages are: not even looked at, where no rule hears of them.
_JSON = (b"content-type", b"application/json")


class Exchange:
    """One request and its response. `passing` says: hand on whatever comes, unread."""

    # Class attributes, not __init__: most requests of a shop are no page and need none of them.
    passing = False
    watches = False  # it changes nothing, and is shown the bytes all the same: see core/shadow.py
    headers: Headers | None = None
    stripped: tuple[bytes, ...] = ()  # entity tags of ours that the door took from the request
    curious = False  # the door must make its `inquiry` before it responds
    listens = False  # the door must `listen` before the app reads the body
    _inquiry: Inquiry | None = None
    _body: BodyReader | None = None
    _said: Said | None = None
    _mute = False
    _begun = False
    _usual = False
    _viewed = False  # it went the usual way
    _length = -1  # where the app's Content-Length stands
    _page: Page | None = None
    _recoded: Recoded | Held | None = None
    _rehearsal: Rehearsal | None = None  # the shop's own doctor asks
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
        if shop.curious:
            self.curious = True
        if method in shop.asking:
            self.listens = True

    # --- what a view says ------------------------------------------------------------------

    @property
    def said(self) -> Said:
        """What the view says, from its first word on."""
        if self._said is None:
            self._said = Said()
            if self._visit is not None:
                self._visit.person.said = self._said
        return self._said

    def track(self, tracked: Tracked) -> None:
        """Fill the event that the route makes, or make one."""
        if not self.passing:
            self.said.tracked.append(tracked)
        elif not self._mute and self._method != "HEAD":  # nothing comes of that anyway
            self._too_late(tracked.event_name)

    def identify(self, given: Mapping[str, object] | None) -> None:
        """Customer information for this request's events: hashed now, a later value wins.

        None: the visitor is nobody whom the shop knows, or no longer.
        """
        if self.passing or not self._shop.policy.matches:
            return
        said = self.said
        if given is None:
            said.hashed, said.forgets = {}, True
        else:
            said.hashed.update(self._shop.hashed(given))

    def consent(self, granted: bool) -> None:
        """The visitor's own decision, from this answer on."""
        if not self.passing:
            self.said.consent = granted
            if self._visit is not None:
                self._visit.person.decide_again()
        if (self.passing or self.headers is not None) and not self._mute:
            self._shop.notes.say("consent too late")

    def seal(self, learn: Callable[[Inquiry], object] | None = None) -> str:
        """This request's visitor as a text to keep with an order; "" where nothing may leave.

        `learn` asks the shop what its door would ask before an answer.
        """
        if self._mute or self._rehearsal is not None:
            return ""
        try:
            request = self._met()
            if self._is_excluded(request):
                return ""
            learned = None if learn is None else self._learned_now(learn, request)
            visit = Visit(self._shop, request, self.said, self._shop.clock(), learned)
            return visit.seal(self.said)
        except Exception:
            self._failed()
            return ""

    def _learned_now(self, learn: Callable[[Inquiry], object], request: Request) -> Learned:
        inquiry = Inquiry(self._shop, request, self._source[0], self.said, has_event=True)
        if self.curious:
            learn(inquiry)
        return inquiry.learned

    def discard(self, event_names: tuple[str, ...]) -> None:
        """These events, or all where none is named, do not leave: the act failed."""
        if not self.passing:
            self.said.discarded.update(event_names)
            self.said.discards_all |= not event_names

    # --- what a door asks ------------------------------------------------------------------

    def inquiry(self, status: int, headers: Headers) -> Inquiry | None:
        """What the door asks the shop before it responds; None where nothing can leave."""
        if self.passing or not self.curious or not 200 <= status < 400 or status == 304:
            return None
        try:
            request, said = self._met(), self._said
            if self._is_excluded(request):
                return None
            match = self._shop.routes.match
            asked = (self._method, request.path, request.query, request.route)
            matched = match(*asked, self._field)
            has_event = bool(matched or (said is not None and said.tracked))
            value = header_value(answers.lower_case(headers), b"content-type") or b""
            if has_event or said is not None or value.lower().startswith(b"text/html"):
                order, who = order_of(matched, said), (self._shop, request, self._source[0], said)
                self._inquiry = Inquiry(*who, has_event=has_event, order=order)
        except Exception:
            self._failed()
        return self._inquiry

    def listen(self, content_type: bytes, content_length: bytes | None) -> BodyReader | None:
        """What is to hear the body that the app reads; None where no rule asks for a field of it.

        Asked when the app first reads, or just before: apps move what they mount.
        """
        try:
            path = self._request(*self._source).path
            if self._shop.routes.wants_body(self._method, path) and not self._shop.excludes(path):
                reader = BodyReader(content_type, content_length)
                self._body = reader if reader.listens else None
        except Exception:
            self._failed()
        return self._body

    def admit(self, headers: Headers) -> Headers | None:
        """The request's headers for the app, where it must not know of the client's copy as it is
        told; None leaves them. Asked only where there are such as JUDGED.
        """
        if self.passing:
            return None
        try:
            request = self._met()
            tickets = [value for name, value in headers if name == DOCTOR]
            if len(tickets) == 1:  # each costs a signature
                self._rehearse(tickets[0], request)
            if self._is_excluded(request):
                return None
            document = asks_for_document(self._method, dict(headers))
            asked = inbound(headers, self._shop.version, document=document)
        except Exception:
            self._failed()
            return None
        if asked is None:
            return None
        self.stripped = asked.stripped
        return asked.headers

    def respond(self, status: int, headers: Headers) -> Headers | None:
        """The headers to send now, or None: hold them until `headers` is set."""
        if self.passing:
            return headers
        if status == 304 and self.stripped:
            return self._revalidated(headers)
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
            self._asked = self._met()
            if html and status == 200 and self._method == "GET" and self._said is None:
                little, self._length = answers.gist(headers)
                if little and _readable(value):  # the rest is decided with the first bytes
                    self._usual, self._given = True, headers
                    return None
            return self._told(self._respond(status, headers, self._asked, html=html))
        except Exception:
            self._failed()
            return headers

    @property
    def _field(self) -> Field | None:
        """Looks into the request's body, where a rule asks for it."""
        return None if self._body is None else self._body.value

    def _met(self) -> Request:
        """The request as the outermost trusted proxy met it."""
        request = self._request(*self._source)
        self._shop.arrive(request)
        return request

    def _is_excluded(self, request: Request) -> bool:
        return request.excluded or bool(self._shop.excludes(request.path))

    def _revalidated(self, headers: Headers) -> Headers:
        """The client may keep its copy, under the name that we gave it."""
        self.passing = True
        try:
            return outbound_304(answers.lower_case(headers), self.stripped, self._shop.version)
        except Exception:
            self._failed()
            return headers

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send for this chunk of the body."""
        if not chunk or (self.passing and self._recoded is None):
            return chunk
        if self._usual and not self._begun:
            return self._first(chunk)
        return self._changed(chunk) if self._recoded is None else self._recode(chunk)

    def finish(self) -> bytes:
        """The last bytes; the response is complete."""
        if self._usual and not self._begun and not self.passing:  # no body at all
            self._first(b"")
        last = b"" if self.passing or self._viewed else self._finished()
        if self._said is not None and self._said.tracked and not self.passing:
            last += self._late(self._said)
        if self._rehearsal is not None:
            self.headers = self._told(self.headers)
        recoded, self._recoded = self._recoded, None
        self.passing = True
        try:
            return last if recoded is None else recoded.finish(last)
        except Exception:
            self._failed()
            return b""

    @property
    def rehearsed(self) -> tuple[Visit | None, bool]:
        """For a shop that rehearses: the visit with all that would have left, and whether the
        answer is a page that would have been changed.
        """
        page = self._page
        return self._visit, page is not None and page.kind == "page" and page.mode in _SHOWN

    def abandon(self) -> Headers:
        """The body will not come as bytes (the server sends a file): leave it alone."""
        try:
            return self._leave("left alone")
        except Exception:
            self._failed()
            return self._given

    def release(self) -> bytes:
        """What is held of the body, as it came: what follows does not come as bytes."""
        page, coded, self.passing = self._page, self._recoded, True
        held = b"" if page is None else page.release()
        return held if coded is None else coded.release(held)

    # --- the usual page ---------------------------------------------------------------------

    def _first(self, chunk: bytes) -> bytes:
        """The first chunk of what may be a usual page: that way if it can be gone."""
        request, now = self._asked, self._shop.clock()
        try:
            if self._said is None:
                page = usual_page(self._shop, request, self._given, self._length, chunk, now)
                if page is not None:
                    self._begun = self._viewed = True
                    self.headers, out = page
                    return out
            self.headers = self._told(self._respond(200, self._given, request, html=True))
        except Exception:
            self._failed()
            self.headers = self._given
        self._usual = False
        return chunk if self.headers is not None else self.feed(chunk)

    # --- an answer and what it is ----------------------------------------------------------

    def _respond(
        self, status: int, given: Headers, request: Request, *, html: bool
    ) -> Headers | None:
        shop, self._given = self._shop, given
        headers = self._held = answers.lower_case(given)
        now = shop.clock()
        learned = None if self._inquiry is None else self._inquiry.learned
        if learned is not None and learned.unpaid:  # what tells of the payment sends it
            self.said.discarded.add("Purchase")
            shop.notes.count("not paid yet")
        visit = self._visit = Visit(shop, request, self._said, now, learned, self._field)
        if self._is_excluded(request):
            self._mute = True
            return self._leave()
        if self._method == "HEAD" and html and status == 200:
            return self._head_of_page(headers, request, now)
        if self._method == "HEAD" or not 200 <= status < 400 or status == 304:
            return self._leave("failed acts")
        if status in _MOVED and self._method not in READS:
            return self._report(visit, visit.tracked_events())
        if status >= 300:
            to_login = self._to_login(request)
            return self._leave("login redirects") if to_login else self._act(visit, "redirect")
        if not html or status in answers.NO_BODY:
            return self._act(visit, "other")
        if not answers.is_for_page(request) and not self._is_shared(headers, request, now):
            return self._leave("no document")
        reason = answers.unreadable(status, headers)
        if reason:
            return self._leave(reason)
        coding = coding_of(header_value(headers, b"content-encoding"))
        if coding == "gzip" or coding == "deflate":
            self._recoded = Recoded(coding, self._changed, self._changes)
        elif self._rehearsal is not None:
            self._recoded = Held(self._changed)
        self._page = self._make_page(visit, headers, now)
        return None

    def _head_of_page(self, headers: Headers, request: Request, now: float) -> Headers:
        """A cache would drop the page that it keeps if its HEAD had another tag or length."""
        self._leave("failed acts")
        if answers.unreadable(200, headers) or not self._is_shared(headers, request, now):
            return self._given
        return answers.grown(outbound_page(headers, self._shop.version), None)

    def _make_page(self, visit: Visit, headers: Headers, now: float) -> Page:
        """The rule of the modes (architecture, "How an event id is chosen")."""
        shop, request = self._shop, visit.request
        shared = self._is_shared(headers, request, now)
        as_page = answers.is_for_page(request) and not answers.is_ahead(request)
        mode: Mode = "server"
        muted = visit.person.muted
        if muted == "staff" and not shared and not shop.rehearses:
            mode = "alone"
        elif answers.is_fetched(request):
            mode = "browser" if shared else "fetched"
            mode = mode if self._method in READS else "alone"
        elif not as_page or muted or (shared and shop.event_id != "server"):
            mode = "browser"
        return Page(shop, visit, headers, mode, shared=shared)

    def _is_shared(self, headers: Headers, request: Request, now: float) -> bool:
        """Whether others may be shown these bytes: then they do not depend on who asks first."""
        if self._shop.event_id == "browser" and self._method in READS:
            return True
        return answers.is_shared(headers, request, now)

    def _leave(self, reason: str | None = None) -> Headers:
        """Let the answer go as it is; `reason` counts the view's events that go nowhere."""
        self.passing = True
        if self._rehearsal is not None:
            self._rehearsal.reason = reason or "excluded"
        if reason in _READ_BY:
            value = header_value(self._held, _READ_BY[reason]) or b""
            self._shop.notes.count(f"{reason} pages")
            self._shop.notes.say(reason, printable(value.decode("latin-1"))[:100])
        if reason and self._said is not None and self._said.tracked:
            self._shop.notes.count(reason, len(self._said.tracked))
        visit = self._visit
        if visit is None or self._said is None:
            return self._given
        if self._page is not None and self._is_shared(
            self._held, visit.request, self._shop.clock()
        ):
            return self._given
        word = visit.word()
        return self._with_cookies(visit.request, word) if word else self._given

    def _to_login(self, request: Request) -> bool:
        location = header_value(self._held, b"location") or b""
        path = location_path(location, request).removeprefix(request.root)
        return (path.rstrip("/") or "/") in self._shop.login_paths

    # --- an answer that is no page: the server half now, the browser half rides -------------

    def _act(self, visit: Visit, answer: Answer) -> Headers:
        if self._method in READS and answers.is_ahead(visit.request):
            return self._leave("fetched ahead")
        return self._report(visit, visit.events(answer))

    def _report(self, visit: Visit, events: list[Event]) -> Headers:
        self.passing = True
        pending = visit.pending(visit.accept(events)) if events else []
        if self._said is not None and self._said.sealed is not None:
            visit.facts()  # its _fbp stands in an order
        cookies = [*visit.word(), *visit.cookies, *pending]
        return self._with_cookies(visit.request, cookies) if cookies else self._given

    def _with_cookies(self, request: Request, cookies: list[SetCookie]) -> Headers:
        if self._method not in READS:
            return [*self._held, *cookies]
        if may_be_shown_again(self._held, request, self._shop.clock()):
            self._shop.notes.say("cacheable act", request.route_label)
            return self._given
        return [*answers.private(self._held), *cookies]

    # --- a page ----------------------------------------------------------------------------

    def _changed(self, chunk: bytes) -> bytes:
        """The plain bytes of a page for those that came."""
        page = self._page
        if self.passing or page is None:
            return chunk
        waits = self._recoded is not None
        try:
            if self._begun:
                out = page.feed(chunk)
            elif has_wide_bom(chunk):
                self.headers = self._leave("charset")
                return chunk
            else:
                self._begun = True
                out = page.first(chunk)
        except Exception:
            return self._released(page)
        if (page.judged or not waits) and not isinstance(self._recoded, Held):
            self._settle(page, ended=False)
        return out + page.release() if self.passing else out

    def _finished(self) -> bytes:
        page = self._page
        if page is None:
            return b""
        out = b""
        try:
            out = page.first(b"") if not self._begun else b""
            out += page.finish()
        except Exception:
            out += self._released(page)
        self._settle(page, ended=True)
        return out

    def _released(self, page: Page) -> bytes:
        """The page failed: all it holds, as it came."""
        self._failed()
        if self.headers is None:  # nothing was sent yet
            self.headers, page.inserted = self._given, 0
        return page.release()

    def _settle(self, page: Page, *, ended: bool) -> None:
        """The headers, as soon as the first bytes tell what the answer is."""
        if self.headers is not None:
            if page.kind == "fragment" and not self.passing:
                self._report_late_fragment()
            return
        try:
            whole = ended or page.settled
            if page.kind == "fragment" or (ended and page.kind == "undecided"):
                self.headers = self._act(page.visit, "other")
            elif page.mode == "alone":
                self.headers = self._leave_page(page.visit)
            elif ended and not page.inserted and not page.silent:
                self.headers = self._leave("no head")
            else:
                plain = self._recoded is None or isinstance(self._recoded, Held)
                self.headers = page.headers(whole=whole and plain)
        except Exception:
            self._failed()
            sized = without(self._held, b"content-length")
            self.headers = sized if page.inserted else self._given

    def _leave_page(self, visit: Visit) -> Headers:
        """A script's POST that got a whole page: its rules do not fire, its view's events do."""
        if self._method not in READS and answers.is_fetched(visit.request):
            return self._report(visit, visit.tracked_events())
        return self._leave("left alone")

    # --- a coded page ----------------------------------------------------------------------

    def _recode(self, chunk: bytes) -> bytes:
        coded, page = self._recoded, self._page
        if coded is None or page is None:
            return chunk
        try:
            out = coded.feed(chunk)
        except Exception:
            self._failed()
            out = coded.release(page.release())
        if coded.state == "changed":
            self._settle(page, ended=False)
        elif coded.state == "alone" and self.headers is None:  # it is not what it says it is
            self.headers = self._leave("left alone")
        if self._rehearsal is not None:
            self.headers = self._told(self.headers)
        return out

    def _changes(self) -> bool | None:
        """Whether the page's bytes are changed; None where that is open."""
        if self.passing:
            return self._page is not None and self._page.inserted > 0
        return None if self.headers is None else True

    # --- a rehearsal ------------------------------------------------------------------------

    def _rehearse(self, value: bytes, request: Request) -> None:
        """The shop's own doctor asks: decide as for a customer, and hand on nothing."""
        shop = self._shop
        if self._rehearsal is None and admits(shop.doctors, value, request.host, shop.clock()):
            peer = self._request(*self._source).client
            self._rehearsal = rehearsal(shop, request, peer)
            self._shop = self._rehearsal.shop

    def _told(self, headers: Headers | None) -> Headers | None:
        """The headers, with the report where this is a rehearsal."""
        if self._rehearsal is None or headers is None:
            return headers
        page = self._page
        mode, inserted = ("none", 0) if page is None else (page.mode, page.inserted)
        try:
            return self._rehearsal.told(headers, self._given, self._visit, mode, inserted)
        except Exception:
            self._failed()
            return headers

    # --- what comes late, or fails ----------------------------------------------------------

    def _late(self, said: Said) -> bytes:
        """Events of a view that went on after the head was out, at the end of the document."""
        sized = header_value(self.headers or [], b"content-length") is not None
        page, visit = self._page, self._visit
        if sized or (page is not None and not page.inserted):
            for tracked in said.tracked:
                self._too_late(tracked.event_name)
            return b""
        try:
            if page is None or visit is None:
                visit = Visit(self._shop, self._asked, said, self._shop.clock())
                page = Page(self._shop, visit, [], "server", shared=False)
            return page.late()
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
