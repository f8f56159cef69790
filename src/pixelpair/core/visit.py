"""The visitor's side of an exchange: what happened, who says so, and which cookies follow.

Makes the events of one answer and the facts that travel with them; knows no HTML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.core.cookies import (
    click_id,
    cookie_attributes,
    fbc_for,
    meta_cookies,
    new_fbp,
    valid_fbp,
)
from pixelpair.core.events import PAGE_VIEW, Event, Visitor
from pixelpair.core.making import event_of, priced, tied
from pixelpair.core.person import Person
from pixelpair.core.routes import READS
from pixelpair.core.sealed import seal
from pixelpair.core.shop import Said, SetCookie, Shop, Tracked
from pixelpair.core.shown import ABOUT, ACTS, named, page_data, under
from pixelpair.core.snippet import (
    PENDING,
    PENDING_AROUND,
    PENDING_MOST,
    PENDING_ROOM,
    PENDING_SECONDS,
    pending_cookie,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pixelpair.core.http import Request
    from pixelpair.core.policy import Learned
    from pixelpair.core.routes import Answer, Field, Match
    from pixelpair.core.shown import Shown

NINETY_DAYS = 90 * 24 * 3600  # the life that Meta gives _fbp and _fbc


class Visit:
    """One request as its visitor's visit: its events, its facts and its cookies."""

    __slots__ = (
        "_awaited",
        "_facts",
        "_field",
        "_matches",
        "_now",
        "_shop",
        "_shown_by",
        "awaits",
        "cookies",
        "order",
        "person",
        "rehearsed",
        "request",
        "shown",
    )

    def __init__(
        self,
        shop: Shop,
        request: Request,
        said: Said | None,
        now: float,
        learned: Learned | None = None,
        field: Field | None = None,
    ) -> None:
        self.request = request
        self.person = Person(shop, request, said, learned)
        self._shop = shop
        self._now = now
        self._field = field
        self._facts: Visitor | None = None
        self.cookies: list[SetCookie] = []
        self._matches: list[Match] | None = None
        self.order: Mapping[str, object] = {} if learned is None else learned.order
        self.shown: Shown | None = None
        self.awaits = False  # events about the page's product wait for `shown`
        self._awaited: list[tuple[dict[str, object], Tracked]] = []
        self._shown_by: set[str] = set()  # the events that have told what the page shows
        # Where the shop only rehearses: what would be handed over, and why it may not leave.
        self.rehearsed: list[tuple[Event, str]] = []

    # --- events ----------------------------------------------------------------------------

    @property
    def is_about_product(self) -> bool:
        """Whether an event of this page may say what the page shows."""
        said = self.person.said
        if any(match.event_name in ABOUT for match in self._matched()):
            return True
        return said is not None and any(t.event_name in ABOUT for t in said.tracked)

    def events(self, answer: Answer) -> list[Event]:
        """What this answer reports: the page, what its route makes, and what its view said."""
        shop = self._shop
        is_view = answer == "page" and shop.page_view != "off"
        matches, said = self._matched(), self.person.said
        if said is None and not matches:  # most pages are just viewed
            return [Event(PAGE_VIEW, shop.new_id(), int(self._now), {})] if is_view else []
        drafts: dict[str, dict[str, object]] = {PAGE_VIEW: {}} if is_view else {}
        for match in matches:
            if answer in match.fires_on:
                drafts.setdefault(match.event_name, match.data)
        tracked = [Tracked(name, {}) for name in drafts]
        told = tracked if said is None else self._filled(list(drafts), said)
        return self._made(drafts, told, waits=self.awaits and answer == "page")

    def tracked_events(self) -> list[Event]:
        """The view's own events alone."""
        said = self.person.said
        return [] if said is None else self._made({}, self._filled({}, said))

    def awaited_events(self) -> list[Event]:
        """The events that waited for what the page shows; its view may have said more by now."""
        self.awaits = False
        said, events = self.person.said, []
        awaited, self._awaited = self._awaited, []
        for matched, told in awaited:
            if said is None or not said.discards(told.event_name):
                events.append(self._event(matched, self._told_by_now(told, said)))
        return events

    def _told_by_now(self, told: Tracked, said: Said | None) -> Tracked:
        """What a view says while its page is on its way, of an event that only a rule has made."""
        if said is None or told.data or told.event_id is not None:
            return told
        late = next((t for t in said.tracked if t.event_name == told.event_name), told)
        said.tracked = [t for t in said.tracked if t is not late]
        return late

    def _matched(self) -> list[Match]:
        if self._matches is None:
            asked = self.request
            address = (asked.method, asked.path, asked.query, asked.route)
            self._matches = self._shop.routes.match(*address, self._field)
        return self._matches

    def _filled(self, drafts: Iterable[str], said: Said) -> Iterator[Tracked]:
        """The first track() of a name fills the route's event; each further one is its own."""
        tracked, said.tracked = said.tracked, []
        for name in drafts:
            first = next((t for t in tracked if t.event_name == name), Tracked(name, {}))
            tracked = [t for t in tracked if t is not first]
            if not said.discards(name):
                yield first
        yield from (own for own in tracked if not said.discards(own.event_name))

    def _made(
        self,
        drafts: dict[str, dict[str, object]],
        tracked: Iterable[Tracked],
        *,
        waits: bool = False,
    ) -> list[Event]:
        """The events; what the address said goes into the first of a name."""
        events = []
        for told in tracked:
            matched = drafts.pop(told.event_name, {})
            if waits and told.event_name in ABOUT:
                self._awaited.append((matched, told))
            else:
                events.append(self._event(matched, told))
        return events

    def _event(self, matched: dict[str, object], told: Tracked) -> Event:
        """One event of all that is known: by its view, the page and the address, in this order."""
        shop, name = self._shop, told.event_name
        page: Mapping[str, object] = self.order if name == "Purchase" else {}
        if name not in ABOUT:
            matched = named(shop.naming.book, matched)
        elif self.shown is not None and name not in self._shown_by:
            self._shown_by.add(name)  # a second one is of another product
            page = page_data(shop.naming, self.shown, name, matched, shop.currency)
        data = under(page, matched, told.data)
        if matched and name in ACTS:
            data = priced(data, shop.naming.book.price_of)
        return event_of(shop, name, data, told.event_id, self._now)

    # --- the server halves -----------------------------------------------------------------

    def accept(self, events: list[Event]) -> list[Event]:
        """Queue the server halves; returns the events whose browser half may leave.

        An event with a fault leaves on neither channel: its twin goes to the dead letters. None
        leaves of a visitor who is muted.
        """
        shop, muted = self._shop, self.person.muted
        if shop.rehearses:
            self._rehearse(events)
        if muted:
            shop.notes.count(muted, len(events))
            return []
        visitor = self.facts()
        events = [tied(shop, event, visitor.fbp) for event in events]
        if shop.sends:
            skipped = PAGE_VIEW if shop.page_view == "browser" else None
            for event in events:
                if event.name != skipped:
                    for pixel_id in shop.pixels:
                        shop.queue(event.twin(pixel_id, visitor).pack())
        faulty = [event for event in events if event.name == "Purchase" and event.fault]
        if not faulty:
            return events
        for event in faulty:
            self._say_fault(event)
        return [event for event in events if event not in faulty]

    def sealable(self, events: Iterable[Event]) -> list[list[object]]:
        """The calls of a page that makes its ids itself, without those it may not make.

        Whoever opens such a page can report it again: a Purchase must name its order.
        """
        calls = []
        if self._shop.rehearses:
            events = self._rehearse(events, nameless="no order id")
        for event in events:
            if event.name == "Purchase" and event.fault:
                self._say_fault(event, kept=False)
            elif event.name == "Purchase" and not event.lasting:
                self._shop.notes.count("faults")
                self._shop.notes.say("no order id", self.request.route_label)
            else:
                calls.append(event.call() if event.lasting else event.call_without_id())
        return calls

    def _rehearse(self, events: Iterable[Event], nameless: str = "") -> list[Event]:
        """Note what would be handed over; `nameless`: what is wrong with a Purchase of no order."""
        told, muted = list(events), self.person.muted
        for event in told:
            lacks = nameless if event.name == "Purchase" and not event.lasting else ""
            self.rehearsed.append((event, muted or event.fault or lacks))
        return told

    def _say_fault(self, event: Event, *, kept: bool = True) -> None:
        shop, place = self._shop, self.request.route_label
        route = self.request.route and self.request.route[0]  # a path may hold an order's number
        where = " and is kept as a dead letter" if kept and shop.sends else ""
        shop.notes.count("faults")
        shop.notes.say("fault", event.fault, place, event.name, where, per=(event.fault, route))

    # --- facts and cookies -----------------------------------------------------------------

    def facts(self) -> Visitor:
        """The visitor as both channels know them; the cookies to set are in `cookies` then."""
        if self._facts is None:
            self._facts = self._stamped()
        return self._facts

    def _stamped(self) -> Visitor:
        request, shop = self.request, self._shop
        raw = request.cookies
        cookies = meta_cookies(raw) if b"_fb" in raw else {}
        _, index = shop.domains(request.host)
        said = self.person.said
        sealed = None if said is None else said.sealed
        ms = int((self._now if sealed is None else sealed[0]) * 1000)
        fbp = cookies.get("_fbp")
        if fbp is None or not valid_fbp(fbp):
            fbp = new_fbp(index, ms, shop.new_random()) if sealed is None else sealed[1]
            self.cookies.append(self._lasting("_fbp", fbp))
        fbc, referrer = cookies.get("_fbc"), request.referrer
        if fbc is not None or "fbclid=" in request.query or "fbclid=" in referrer:
            click = click_id(request.query) or click_id(referrer.partition("?")[2])
            fbc, write = fbc_for(fbc, click, index, ms)
            if fbc and write:
                self.cookies.append(self._lasting("_fbc", fbc))
        person, wall = self.person, shop.wall
        asked, ldu = bool(shop.policy.consent.cookie), person.consent.ldu
        of_person = person.hashed(fbp), asked, ldu
        ip, agent = request.client, request.user_agent
        if request.method in READS:
            url, referrer = wall.url(request.url), wall.url(referrer) if referrer else ""
        else:
            url, referrer = wall.url(request.same_origin_referrer or request.url), ""
        return Visitor(url, referrer, ip, agent, fbp, fbc, *of_person)

    def seal(self, said: Said) -> str:
        """The facts sealed for an order; "" of a visitor of whom nothing may leave."""
        shop = self._shop
        if self.person.muted:
            shop.notes.count("not sealed")
            return ""
        facts = self.facts()
        said.sealed = said.sealed or (self._now, facts.fbp or "")
        return seal(facts, shop.sealing, self._now)

    def word(self) -> list[SetCookie]:
        """The cookies that keep what the visitor said of themselves in this request."""
        return self.person.cookies(self._now)

    def meta_cookies_again(self) -> list[SetCookie]:
        """Meta's cookies as they are, from the server: Safari keeps a script's for 7 days only."""
        visitor = self.facts()
        known = (("_fbp", visitor.fbp), ("_fbc", visitor.fbc))
        return [self._lasting(name, value) for name, value in known if value]

    def cookie_terms(self) -> tuple[str, str]:
        """How a page writes Meta's cookies as this server does, the same for all visitors."""
        domain, index = self._shop.domains(self.request.host)
        secure = self.request.scheme == "https"
        return f"=fb.{index}.", f"; {cookie_attributes(NINETY_DAYS, domain, secure=secure)}"

    @property
    def own_terms(self) -> tuple[str, str] | None:
        """The same where the page may keep its visitor's decision."""
        return self.cookie_terms() if self._shop.policy.consent.cookie else None

    def pending(self, events: list[Event]) -> list[SetCookie]:
        """The cookies that take browser halves to the next page, as many as still fit.

        A visitor who acts by script alone collects them: at 8 KB gunicorn answers nothing but 431.
        """
        held, sent, ms = sum(map(len, PENDING.findall(self.request.cookies))), 0, self._now * 1000
        cookies = []
        for event in events:
            for bare, (answer_room, room) in ((False, PENDING_ROOM), (True, PENDING_MOST)):
                name, value = pending_cookie(event, int(ms), bare=bare)
                size = len(name) + len(value) + 1
                if held + size <= room and sent + size + PENDING_AROUND <= answer_room:
                    cookies.append(self.person.cookie(name, value, PENDING_SECONDS))
                    held, sent = held + size, sent + size + PENDING_AROUND
                    break
            else:
                self._shop.notes.count("server half alone")
        return cookies

    def _lasting(self, name: str, value: str) -> SetCookie:
        return self.person.cookie(name, value, NINETY_DAYS, wide=True)
