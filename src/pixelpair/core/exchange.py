"""One request and its response: decides what happens to both, and never raises.

A door asks `respond()` with the status and headers. Where the answer is None it holds them, hands
each chunk through `feed()`, ends with `finish()`, and sends `headers` before the first bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pixelpair.core import answers
from pixelpair.core.charsets import reads_as_ascii
from pixelpair.core.current import CURRENT as CURRENT
from pixelpair.core.forms import BodyReader
from pixelpair.core.inquiry import Inquiry, inquiry_of
from pixelpair.core.leaving import obeyed
from pixelpair.core.page import Mode, Page
from pixelpair.core.passage import Passage, late
from pixelpair.core.rehearsal import DOCTOR, Rehearsal, admits, rehearsal
from pixelpair.core.response import Response
from pixelpair.core.shop import Said
from pixelpair.core.usual import usual_page
from pixelpair.core.validators import asks_for_document, inbound, outbound_304
from pixelpair.core.verdict import EXCLUDED, is_excluded, judged
from pixelpair.core.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.http import Headers, Request
    from pixelpair.core.policy import Learned
    from pixelpair.core.routes import Field
    from pixelpair.core.shop import Shop, Tracked

_SHOWN: frozenset[Mode] = frozenset({"server", "browser"})  # pages that visitors see

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
    _usual = False  # it may be gone the usual way: its first bytes tell
    _length = -1  # where the app's Content-Length stands
    _response: Response | None = None  # none yet, or it went the usual way
    _passage: Passage | None = None
    _rehearsal: Rehearsal | None = None  # the shop's own doctor asks
    _asked: Request
    _given: Headers  # the app's headers as they came

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
            if self._response is not None:
                self._response.visit.person.said = self._said
        return self._said

    def track(self, tracked: Tracked) -> None:
        """Fill the event that the route makes, or make one."""
        if not self.passing:
            self.said.tracked.append(tracked)
        elif not self._mute and self._method != "HEAD":  # nothing comes of that anyway
            self._shop.notes.too_late(tracked.event_name)

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
            if self._response is not None:
                self._response.visit.person.decide_again()
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
            if is_excluded(self._shop, request):
                return ""
            learned = None if learn is None else self._learned_now(learn, request)
            visit = Visit(self._shop, request, self.said, self._shop.clock(), learned)
            return visit.seal(self.said)
        except Exception:
            self._shop.notes.failed()  # and no more: a page may be on its way, with bytes held
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
            if is_excluded(self._shop, request):
                return None
            asked = (self._method, request.path, request.query, request.route)
            matched = self._shop.routes.match(*asked, self._field)
            who = (self._shop, request, self._source[0], said)
            self._inquiry = inquiry_of(*who, matched, answers.lower_case(headers))
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
            self._shop.notes.failed()  # and no more: some apps read when their answer has begun
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
            if is_excluded(self._shop, request):
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
        if self._passage is not None or self._usual:  # a second answer, in the first one's place
            self._passage, self._usual = None, False
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
        if self._usual and chunk and not self.passing:
            return self._first(chunk)
        passage = self._passage
        if passage is None or not chunk:
            return chunk
        return self._through(passage, passage.feed(chunk))

    def finish(self) -> bytes:
        """The last bytes; the response is complete."""
        if self._usual and not self.passing:  # no body at all
            self._first(b"")
        last, passage = b"", self._passage
        if passage is not None:
            last = self._through(passage, passage.finish())
        elif self._said is not None and self._said.tracked and not self.passing:
            last = self._late(self._said)
        self.passing = True
        return last

    @property
    def rehearsed(self) -> tuple[Visit | None, bool]:
        """For a shop that rehearses: the visit with all that would have left, and whether the
        answer is a page that would have been changed.
        """
        page = None if self._passage is None else self._passage.page
        is_shown = page is not None and page.kind == "page" and page.mode in _SHOWN
        return None if self._response is None else self._response.visit, is_shown

    def abandon(self) -> Headers:
        """The body will not come as bytes (the server sends a file): leave it alone."""
        self.passing = True
        try:
            if self._passage is not None:
                return self._passage.abandon()
            if self._said is not None:
                self._shop.notes.count("left alone", len(self._said.tracked))
        except Exception:
            self._failed()
        return self._given

    def release(self) -> bytes:
        """What is held of the body, as it came: what follows does not come as bytes."""
        self.passing = True
        return b"" if self._passage is None else self._passage.release()

    # --- the answer ------------------------------------------------------------------------

    def _first(self, chunk: bytes) -> bytes:
        """The first chunk of what may be a usual page: that way if it can be gone."""
        shop, request, self._usual = self._shop, self._asked, False
        try:
            if self._said is None:
                page = usual_page(shop, request, self._given, self._length, chunk, shop.clock())
                if page is not None:
                    self.headers, out = page
                    return out
            self.headers = self._told(self._respond(200, self._given, request, html=True))
        except Exception:
            self._failed()
            self.headers = self._given
        return chunk if self.headers is not None else self.feed(chunk)

    def _respond(
        self, status: int, given: Headers, request: Request, *, html: bool
    ) -> Headers | None:
        shop, self._given = self._shop, given
        held, now = answers.lower_case(given), shop.clock()
        learned = None if self._inquiry is None else self._inquiry.learned
        if learned is not None and learned.unpaid:  # what tells of the payment sends it
            self.said.discarded.add("Purchase")
            shop.notes.count("not paid yet")
        visit = Visit(shop, request, self._said, now, learned, self._field)
        asked = (visit, self._method, status, given, held)
        response = self._response = Response(shop, *asked, html, now, self._rehearsal)
        verdict = judged(response)
        if verdict.way == "page":
            self._passage = Passage(response)
            return None
        self.passing, self._mute = True, verdict is EXCLUDED
        return obeyed(verdict, response)

    def _through(self, passage: Passage, out: bytes) -> bytes:
        """What has passed, and what is known of the page by now."""
        self.passing = passage.passing
        if self.headers is None:
            self.headers = self._told(passage.headers)
        return out

    def _late(self, said: Said) -> bytes:
        """The view of a usual page went on: its page was never made."""
        try:
            visit = Visit(self._shop, self._asked, said, self._shop.clock())
            page = Page(self._shop, visit, [], "server", shared=False)
            return late(self._shop, said, self.headers, page)
        except Exception:
            self._failed()
            return b""

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
        page = None if self._passage is None else self._passage.page
        mode, inserted = ("none", 0) if page is None else (page.mode, page.inserted)
        try:
            visit = None if self._response is None else self._response.visit
            return self._rehearsal.told(headers, self._given, visit, mode, inserted)
        except Exception:
            self._failed()
            return headers

    def _failed(self) -> None:
        """The fail-open boundary: a shop's answer outranks any event."""
        self.passing = True
        self._shop.notes.failed()


def _muted() -> Exchange:
    exchange = Exchange.__new__(Exchange)
    exchange.passing = exchange._mute = True
    return exchange


# Where pixelpair is inert: hands everything on and hears nothing.
MUTED = _muted()
