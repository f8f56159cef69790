"""The two addresses of our own: where pages report what they showed, and the page script.

Decides on whole requests; a door reads the body and sends the answer. Never raises.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pixelpair.core.consent import OWN_COOKIE, own_again
from pixelpair.core.events import PAGE_VIEW
from pixelpair.core.http import Request
from pixelpair.core.inquiry import Inquiry
from pixelpair.core.limits import Rate, Seen
from pixelpair.core.origins import Asker, Gate
from pixelpair.core.reports import MOST_BYTES, Reader, Refusal, Report
from pixelpair.core.served import Answer, Script
from pixelpair.core.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixelpair.core.http import Headers
    from pixelpair.core.policy import Learned
    from pixelpair.core.seals import Seal
    from pixelpair.core.shop import Shop

_NO_STORE = (b"cache-control", b"no-store")
_FOREIGN = Refusal(403, "origin", "Pages of this origin may not report here.")
_TOO_OFTEN = Refusal(429, "rate", "Too many reports; try again in a minute.")
_METHOD = Refusal(405, "method", "This address does not know the method.")
_PREFLIGHT = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"7200"),  # Chromium keeps it no longer
]


class Desk:
    """Answers what comes to `{path}/events` and `{path}/pixel.js`.

    `script` is the whole of pixel.js; its `version` belongs into the addresses that pages name.
    """

    def __init__(
        self,
        shop: Shop,
        seal: Seal,
        script: bytes,
        *,
        path: str,
        origins: Iterable[str] = (),
        page_events: Iterable[str] = (),
        report_rate: int = 60,
    ) -> None:
        self._shop = shop
        self._reader = Reader(seal, frozenset(page_events), shop.currency)
        self._gate = Gate(frozenset(origins), shop.notes)
        self._rate = Rate(report_rate)
        self._seen = Seen()
        self._script = Script(script)
        self.version = self._script.version
        self._at: dict[str, Callable[[Request, bytes, Learned | None], Answer]] = {
            f"{path}/events": self._events,
            f"{path}/pixel.js": self._pixel_js,
        }
        self.paths = frozenset(self._at)  # below the mount

    def room(self, request: Request) -> int | None:
        """How many bytes of the body to read at most; None where the app answers."""
        if request.path not in self._at:
            return None
        reports = request.path.endswith("/events") and request.method == "POST"
        return MOST_BYTES + 1 if reports else 0

    def inquiry(self, request: Request, source: object) -> Inquiry | None:
        """What a door asks the shop before the answer to a report; None: nothing.

        Who will be refused costs the shop no question.
        """
        if not (self._shop.curious and self.room(request)):
            return None
        met = replace(request)
        self._shop.arrive(met)
        spent = self._rate.spent(_visitor(met), self._shop.clock())
        return None if spent or not self._gate.knows(met) else Inquiry(self._shop, met, source)

    def answer(self, request: Request, body: bytes, asked: Inquiry | None = None) -> Answer:
        """The whole answer to a request that `room` claims; `asked` is its inquiry, if any."""
        try:
            answer = self._at[request.path](request, body, asked.learned if asked else None)
            return answer if request.method != "HEAD" else replace(answer, body=b"")
        except Exception:
            self._shop.notes.failed()
            return Answer(204, [_NO_STORE])

    def _pixel_js(self, request: Request, _body: bytes, _learned: Learned | None) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return self._refused(_METHOD, [(b"allow", b"GET, HEAD")])
        return self._script.answer(request)

    # --- reports ---------------------------------------------------------------------------

    def _events(self, request: Request, body: bytes, learned: Learned | None) -> Answer:
        method = request.method
        if method not in ("POST", "OPTIONS"):
            return self._refused(_METHOD, [(b"allow", b"POST, OPTIONS")])
        self._shop.arrive(request)
        if method == "OPTIONS" and b"origin" not in request.index:  # somebody looks around
            return Answer(204, [_NO_STORE, (b"allow", b"POST, OPTIONS")])
        asker = self._gate.admits(request)
        if asker is None:
            return self._refused(_FOREIGN)
        if method == "OPTIONS":
            return Answer(204, [(b"allow", b"POST, OPTIONS"), *asker.headers, *_PREFLIGHT])
        return self._report(request, body, asker, learned)

    def _report(
        self, request: Request, body: bytes, asker: Asker, learned: Learned | None
    ) -> Answer:
        shop, now = self._shop, self._shop.clock()
        # Of whom the shop was not asked there was no room a moment ago.
        unasked = learned is None and bool(shop.policy.questions)
        room = self._rate.allows(_visitor(request), now) and not unasked
        # A withdrawal is heard however often its visitor reported: it has a rate of its own.
        read = room or b'"revoked"' in body
        report = self._reader.read(body, asker.host, int(now)) if read else _TOO_OFTEN
        if not room and not (isinstance(report, Report) and report.revoked):
            shop.notes.say("report rate")
            return self._refused(_TOO_OFTEN, [(b"retry-after", b"60"), *asker.headers])
        if isinstance(report, Refusal):
            return self._refused(report, asker.headers)
        visit = Visit(shop, _page(request, report), None, now, learned)
        visit.person.withdraws = report.revoked
        if report.revoked:
            report = replace(report, events=())
        if self._is_sensitive(report, request.root):
            shop.notes.count("sensitive page", len(report.events))
            return Answer(204, [_NO_STORE, *asker.headers, *visit.word()])
        self._queue(visit, report)
        word, muted = visit.word(), visit.person.muted
        cookies = word if muted else [*word, *visit.meta_cookies_again()]
        return Answer(204, [_NO_STORE, *asker.headers, *cookies, *self._word_again(visit, now)])

    def _word_again(self, visit: Visit, now: float) -> Headers:
        """What a page's script has written, for as long as it was meant to last."""
        rule, request = self._shop.policy.consent, visit.request
        again = own_again(request.cookies, int(now)) if rule.own else None
        return [visit.person.cookie(OWN_COOKIE, *again, wide=True)] if again else []

    def _is_sensitive(self, report: Report, root: str) -> bool:
        path = unquote(report.path)
        return any(map(self._shop.is_sensitive, {path, path.removeprefix(root)}))

    def _queue(self, visit: Visit, report: Report) -> None:
        notes, seen = self._shop.notes, self._seen
        for name, why in report.dropped:
            notes.say("dropped", name, why, per=(name, why))
        if report.twice:
            notes.say("twice", self._shop.pixel_id)
        views = self._shop.page_view == "both"  # an older page may not know better
        events = [event for event in report.events if views or event.name != PAGE_VIEW]
        fresh = {(e.name, e.id): e for e in events if (e.name, e.id) not in seen}
        if len(fresh) < len(events):
            notes.count("reported again", len(events) - len(fresh))
        clean = self._shop.wall.data
        visit.accept([event._replace(data=clean(event.data)) for event in fresh.values()])
        if visit.person.muted:  # it may come again once its visitor has agreed
            return
        for key in fresh:  # only now: what could not be queued may come again
            seen.add(key)

    def _refused(self, why: Refusal, headers: Headers | None = None) -> Answer:
        self._shop.notes.count(f"report refused: {why.reason}")
        body = why.sentence.encode()
        return Answer(
            why.status,
            [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"%d" % len(body)),
                _NO_STORE,
                *(headers or []),
            ],
            body,
        )


def _page(request: Request, report: Report) -> Request:
    """The request of the reported page, as it would have come had no cache answered it."""
    referrer = report.referrer if report.referrer.isascii() else ""
    return Request(
        "GET",
        report.scheme,
        report.host,
        "",
        report.path,
        report.path.encode(),
        report.query,
        {**request.index, b"referer": referrer.encode()},
        request.client,
        peer=request.peer,
    )


def _visitor(request: Request) -> str:
    """Whose reports are counted together.

    Behind a proxy that nobody trusts all would be one visitor: then it is who the proxy says it is.
    Good enough to count by; to Meta goes no such address.
    """
    forwarded, peer = request.index.get(b"x-forwarded-for", b""), request.peer
    if not request.client and not peer and forwarded:
        return forwarded.rpartition(b",")[2].strip()[:64].decode("latin-1")
    return request.client or peer
