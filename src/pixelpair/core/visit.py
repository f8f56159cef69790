"""The visitor's side of an exchange: what happened, who says so, and which cookies follow.

Makes the events of one answer and the facts that travel with them; knows no HTML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pixelpair.core.cookies import (
    CookieDomains,
    click_id,
    cookie_attributes,
    fbc_for,
    meta_cookies,
    new_fbp,
    set_cookie,
    valid_fbp,
)
from pixelpair.core.events import (
    PAGE_VIEW,
    Event,
    Visitor,
    clean_data,
    clean_event_id,
    purchase_id,
)
from pixelpair.core.http import client_ip
from pixelpair.core.routes import READS
from pixelpair.core.snippet import (
    PENDING,
    PENDING_AROUND,
    PENDING_MOST,
    PENDING_ROOM,
    PENDING_SECONDS,
    Snippet,
    pending_cookie,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pixelpair.core.heads import Heads
    from pixelpair.core.http import Request
    from pixelpair.core.notes import Notes
    from pixelpair.core.routes import Answer, RouteTable

_PATHS_REMEMBERED = 1024  # what rules and exclusions say of a path takes 3 µs to find out
NINETY_DAYS = 90 * 24 * 3600  # the life that Meta gives _fbp and _fbc

SetCookie = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """All an exchange must know of its shop, and its only ways to the world outside."""

    pixel_id: str
    sends: bool  # there is a token: the server halves can leave
    page_view: Literal["both", "browser", "off"]
    event_id: Literal["auto", "server", "browser"]
    advanced_matching: bool
    currency: str | None
    login_paths: frozenset[str]
    excludes: Callable[[str], object]
    routes: RouteTable
    id_key: bytes
    snippet: Snippet
    seal: Callable[[str], str]
    version: bytes  # of all that stands in a cacheable page, for its ETag
    heads: Heads
    domains: CookieDomains
    clock: Callable[[], float]
    new_id: Callable[[], str]
    new_random: Callable[[], int]
    hashed: Callable[[Mapping[str, object]], dict[str, list[str]]]
    queue: Callable[[bytes], None]  # takes a packed Twin
    notes: Notes
    unheard: frozenset[str] = field(init=False, repr=False)  # methods whose JSON fires nothing
    # Whether a page of this path is just viewed: it has its PageView and nothing else.
    merely_viewed: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        def merely_viewed(path: str) -> bool:
            return (
                self.page_view == "both"
                and not self.excludes(path)
                and not self.routes.may_match("GET", path)
            )

        object.__setattr__(self, "unheard", self.routes.unheard)
        object.__setattr__(self, "merely_viewed", lru_cache(_PATHS_REMEMBERED)(merely_viewed))


@dataclass(frozen=True, slots=True)
class Tracked:
    """One call of track()."""

    event_name: str
    data: Mapping[str, object]
    event_id: object = None


@dataclass(slots=True)
class Said:
    """What a view said of its request so far."""

    tracked: list[Tracked] = field(default_factory=list)
    hashed: dict[str, list[str]] = field(default_factory=dict)
    discarded: set[str] = field(default_factory=set)
    discards_all: bool = False

    def discards(self, event_name: str) -> bool:
        """Whether the act behind this event failed."""
        return event_name in self.discarded or (self.discards_all and event_name != PAGE_VIEW)


class Visit:
    """One request as its visitor's visit: its events, its facts and its cookies."""

    __slots__ = ("_facts", "_now", "_shop", "cookies", "request", "said")

    def __init__(self, shop: Shop, request: Request, said: Said | None, now: float) -> None:
        self.request = request
        self._shop = shop
        self.said = said
        self._now = now
        self._facts: Visitor | None = None
        self.cookies: list[SetCookie] = []

    # --- events ----------------------------------------------------------------------------

    def events(self, answer: Answer) -> list[Event]:
        """What this answer reports: the page, what its route makes, and what its view said."""
        shop, request = self._shop, self.request
        is_view = answer == "page" and shop.page_view != "off"
        matches = shop.routes.match(request.method, request.path, request.query, request.route)
        if self.said is None and not matches:  # most pages are just viewed
            return [Event(PAGE_VIEW, shop.new_id(), int(self._now), {})] if is_view else []
        drafts: dict[str, dict[str, object]] = {PAGE_VIEW: {}} if is_view else {}
        for match in matches:
            if answer in match.fires_on:
                drafts.setdefault(match.event_name, match.data)
        if self.said is None:
            return [self._event(name, data) for name, data in drafts.items()]
        return list(self._filled(drafts, self.said))

    def tracked_events(self) -> list[Event]:
        """The view's own events alone."""
        return [] if self.said is None else list(self._filled({}, self.said))

    def _filled(self, drafts: Mapping[str, dict[str, object]], said: Said) -> Iterator[Event]:
        """The first track() of a name fills the route's event; each further one is its own."""
        tracked, said.tracked = said.tracked, []
        for name, data in drafts.items():
            first = next((t for t in tracked if t.event_name == name), Tracked(name, {}))
            tracked = [t for t in tracked if t is not first]
            if not said.discards(name):
                yield self._event(name, {**data, **first.data}, first.event_id)
        for own in tracked:
            if not said.discards(own.event_name):
                yield self._event(own.event_name, own.data, own.event_id)

    def _event(self, name: str, given: Mapping[str, object], given_id: object = None) -> Event:
        shop = self._shop
        if not given and given_id is None:
            return Event(name, shop.new_id(), int(self._now), {})
        data, dropped = clean_data(given)
        # A currency that was given and dropped is not replaced: the value would be another sum.
        if shop.currency and "value" in data and given.get("currency") is None:
            data["currency"] = shop.currency
        event_id, lasting = self._event_id(name, given_id, data, dropped)
        for why in dropped:
            shop.notes.say("dropped", name, why, per=(name, why))
        return Event(name, event_id, int(self._now), data, lasting)

    def _event_id(
        self, name: str, given_id: object, data: Mapping[str, object], dropped: list[str]
    ) -> tuple[str, bool]:
        shop = self._shop
        if given_id is not None:
            given = clean_event_id(given_id)
            if given:
                return given, True
            dropped.append("event_id is not 1 to 64 printable ASCII characters")
        if name == "Purchase" and "order_id" in data:
            return purchase_id(shop.id_key, shop.pixel_id, str(data["order_id"])), True
        return shop.new_id(), False

    # --- the server halves -----------------------------------------------------------------

    def accept(self, events: list[Event]) -> list[Event]:
        """Queue the server halves; returns the events whose browser half may leave.

        An event with a fault leaves on neither channel: its twin goes to the dead letters.
        """
        shop, visitor = self._shop, self.facts()
        if shop.sends:
            skipped = PAGE_VIEW if shop.page_view == "browser" else None
            for event in events:
                if event.name != skipped:
                    shop.queue(event.twin(shop.pixel_id, visitor).pack())
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
        for event in events:
            if event.name == "Purchase" and event.fault:
                self._say_fault(event, kept=False)
            elif event.name == "Purchase" and not event.lasting:
                self._shop.notes.count("faults")
                self._shop.notes.say("no order id", self.request.route_label)
            else:
                calls.append(event.call() if event.lasting else event.call_without_id())
        return calls

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
        domain, index = shop.domains(request.host)
        ms = int(self._now * 1000)
        fbp = cookies.get("_fbp")
        if fbp is None or not valid_fbp(fbp):
            fbp = new_fbp(index, ms, shop.new_random())
            self.cookies.append(self._cookie("_fbp", fbp, NINETY_DAYS, domain))
        fbc, referrer = cookies.get("_fbc"), request.referrer
        if fbc is not None or "fbclid=" in request.query or "fbclid=" in referrer:
            click = click_id(request.query) or click_id(referrer.partition("?")[2])
            fbc, write = fbc_for(fbc, click, index, ms)
            if fbc and write:
                self.cookies.append(self._cookie("_fbc", fbc, NINETY_DAYS, domain))
        hashed = self.said.hashed if self.said else {}
        ip, agent = client_ip(request.client), request.user_agent
        if request.method in READS:
            return Visitor(request.url, referrer, ip, agent, fbp, fbc, hashed)
        url = request.same_origin_referrer or request.url
        return Visitor(url, "", ip, agent, fbp, fbc, hashed)

    def meta_cookies_again(self) -> list[SetCookie]:
        """Meta's cookies as they are, from the server: Safari keeps a script's for 7 days only."""
        visitor = self.facts()
        domain, _ = self._shop.domains(self.request.host)
        known = (("_fbp", visitor.fbp), ("_fbc", visitor.fbc))
        return [self._cookie(name, v, NINETY_DAYS, domain) for name, v in known if v]

    def cookie_terms(self) -> tuple[str, str]:
        """How a page writes Meta's cookies as this server does, the same for all visitors."""
        domain, index = self._shop.domains(self.request.host)
        secure = self.request.scheme == "https"
        return f"=fb.{index}.", f"; {cookie_attributes(NINETY_DAYS, domain, secure=secure)}"

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
                    cookies.append(self._cookie(name, value, PENDING_SECONDS, None))
                    held, sent = held + size, sent + size + PENDING_AROUND
                    break
            else:
                self._shop.notes.count("server half alone")
        return cookies

    def _cookie(self, name: str, value: str, max_age: int, domain: str | None) -> SetCookie:
        secure = self.request.scheme == "https"
        cookie = set_cookie(name, value, max_age=max_age, domain=domain, secure=secure)
        return (b"set-cookie", cookie)
