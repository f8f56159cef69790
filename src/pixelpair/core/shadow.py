"""Shadow mode: an exchange that decides everything and hands on nothing. The answer stays as it
came, to the byte; what would have left is compared with what the page does by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from pixelpair.core.answers import lower_case
from pixelpair.core.charsets import charset_of
from pixelpair.core.codings import coding_of, unpacker
from pixelpair.core.events import PAGE_VIEW
from pixelpair.core.exchange import Exchange
from pixelpair.core.http import Headers, header_value, printable, without
from pixelpair.core.shadow_differences import Difference, differences
from pixelpair.core.shadow_page import MOST_BYTES, Existing, existing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.coded import Unpacker
    from pixelpair.core.forms import BodyReader
    from pixelpair.core.http import Request
    from pixelpair.core.inquiry import Inquiry
    from pixelpair.core.shop import Said, Shop, Tracked
    from pixelpair.core.visit import Visit

_FIELD: Final = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
LONGEST_PLACE: Final = 100
LONGEST_PATH: Final = 200
# Whose addresses are a product's or a search's: any other's digits may be an order's or a person's.
_PUBLIC: Final = frozenset({"ViewContent", "Search"})
_SHOWN: Final = _PUBLIC | {PAGE_VIEW}
_DIGITS: Final = re.compile(r"[^/]*[0-9][^/]*")

# What is counted of an event, beside its differences.
WOULD_SEND: Final = "would send"
NOT_SENT: Final = "not sent: "
PAGE_SENDS: Final = "page sends"
PAGE_MAY: Final = "page may send"
PAGES: Final = "pages"
UNREAD: Final = "not read to the end"


class Sight(NamedTuple):
    """What was seen of one answer. Holds no visitor, no event's id and no query."""

    pixel: str
    place: str  # the route's name, or the rule or the folder of its address
    path: str
    counts: Mapping[tuple[str, str], int]  # by event and what; the event of a page is ""
    differences: tuple[Difference, ...]


class Shadow:
    """One request and its response, as an Exchange is to its door. Never raises.

    `tell` gets what was seen.
    """

    watches = True
    passing = False
    headers: Headers | None = None
    stripped: tuple[bytes, ...] = ()

    def __init__(
        self,
        tell: Callable[[Sight], None],
        shop: Shop,
        method: str,
        request: Callable[..., Request],
        *source: object,
    ) -> None:
        self._tell = tell
        self._shop = shop
        self._inner = Exchange(shop, method, request, *source)
        self.curious = self._inner.curious
        self.listens = self._inner.listens
        self._unpacker: Unpacker | None = None
        self._room = MOST_BYTES
        self._page: list[bytes] = []
        self._type = b""

    # --- what a view says ------------------------------------------------------------------

    @property
    def said(self) -> Said:
        """What the view says: it is heard as ever."""
        return self._inner.said

    def track(self, tracked: Tracked) -> None:
        """As an Exchange; the event is counted."""
        self._inner.track(tracked)

    def identify(self, given: Mapping[str, object] | None) -> None:
        """Of nobody anything leaves, so nobody need be known."""

    def consent(self, granted: bool) -> None:
        """As an Exchange, for this answer: no cookie keeps it."""
        self._inner.consent(granted)

    def seal(self, learn: Callable[[Inquiry], object] | None = None) -> str:
        """As of a visitor of whom nothing may leave."""
        return ""

    def discard(self, event_names: tuple[str, ...]) -> None:
        """As an Exchange."""
        self._inner.discard(event_names)

    # --- what a door asks ------------------------------------------------------------------

    def inquiry(self, status: int, headers: Headers) -> Inquiry | None:
        """As an Exchange: consent and staff decide here as they would there."""
        return self._inner.inquiry(status, headers)

    def listen(self, content_type: bytes, content_length: bytes | None) -> BodyReader | None:
        """As an Exchange: rules may ask for a field."""
        return self._inner.listen(content_type, content_length)

    def admit(self, headers: Headers) -> Headers | None:
        """The app hears all that the client said."""
        return None

    def respond(self, status: int, headers: Headers) -> Headers | None:
        """The headers as they came; None where the body is to be shown, and they can go now."""
        if self.passing:
            return headers
        try:
            fixed = self._inner.respond(status, self._plain(headers))
            if fixed is None:
                self.headers = headers
                return None
            self._conclude()
        except Exception:
            self._failed()
        return headers

    def feed(self, chunk: bytes) -> bytes:
        """The chunk itself."""
        if chunk and self._room > 0 and not self.passing:
            try:
                self._look(chunk)
            except Exception:
                self._failed()
        return chunk

    def finish(self) -> bytes:
        """Nothing; the response is complete."""
        if not self.passing:
            try:
                self._inner.finish()
                self._conclude()
            except Exception:
                self._failed()
        return b""

    def abandon(self) -> Headers:
        """The server sends a file."""
        self.passing = True
        return self.headers or []

    def release(self) -> bytes:
        """Nothing is held here."""
        self.passing = True
        return b""

    # --- what is seen ----------------------------------------------------------------------

    def _plain(self, headers: Headers) -> Headers:
        """The headers as if the body came plain, where it can be read."""
        lower = lower_case(headers)
        self._type = header_value(lower, b"content-type") or b""
        encoding = header_value(lower, b"content-encoding")
        coding = coding_of(encoding)
        if coding is None or coding == "plain":
            return headers
        self._unpacker = unpacker(coding)
        return without(lower, b"content-encoding")

    def _look(self, chunk: bytes) -> None:
        unpacker = self._unpacker
        if unpacker is None:
            self._read(chunk)
            return
        unpacker.push(chunk)
        while self._room > 0 and (piece := unpacker.take()):
            self._read(piece)
        self.passing = unpacker.fault is not None  # it is not what it says it is

    def _read(self, plain: bytes) -> None:
        plain = plain[: self._room]
        self._room -= len(plain)
        self._page.append(plain)
        self._inner.feed(plain)

    def _conclude(self) -> None:
        """All is said: count and compare it."""
        self.passing = True
        visit, is_page = self._inner.rehearsed
        if visit is None or (not is_page and not visit.rehearsed):
            return
        whole = self._room > 0
        page, self._page = b"".join(self._page), []
        found = existing(page, charset_of(self._type)) if is_page else Existing()
        self._tell(_sight(self._shop, visit, found, is_page=is_page, whole=whole))

    def _failed(self) -> None:
        self.passing = True
        self._shop.notes.failed()


def _sight(shop: Shop, visit: Visit, found: Existing, *, is_page: bool, whole: bool) -> Sight:
    request, events = visit.request, [event for event, _ in visit.rehearsed]
    clean = shop.wall.text
    counts: Counter[tuple[str, str]] = Counter()
    for event, reason in visit.rehearsed:
        counts[event.name, f"{NOT_SENT}{reason}" if reason else WOULD_SEND] += 1
    for call in found.calls:
        counts[clean(call.name), PAGE_SENDS if call.sure else PAGE_MAY] += 1
    unlike: list[Difference] = []
    if is_page:
        counts["", PAGES] += 1
        counts["", UNREAD] += not (found.whole and whole)
        unlike = differences(replace(found, whole=found.whole and whole), events, shop.pixels)
    told = (Difference(clean(d.event), d.what, clean(d.page), clean(d.ours)) for d in unlike)
    place = place_of(shop, request)
    path = _path_of(shop, request, place, {event.name for event in events})
    return Sight(shop.pixel_id, place, path, +counts, tuple(told))


def place_of(shop: Shop, request: Request) -> str:
    """Which kind of page this is: its route's name, else the first rule that fits its path, else
    the folder that it lies in.
    """
    if request.route is not None:
        return printable(request.route[0])[:LONGEST_PLACE]
    for rule in shop.routes.rules:
        if rule.method == request.method and rule.pattern and rule.pattern.match(request.path):
            path = _FIELD.sub(r"{\1}", rule.pattern.pattern[1:-1]).replace("\\", "")
            return f"{request.method} {path}"[:LONGEST_PLACE]
    folder, slash, below = request.path.lstrip("/").partition("/")
    folder = "{id}" if _DIGITS.fullmatch(folder) else shop.wall.text(folder)
    return f"{request.method} /{printable(folder)}{slash}{'…' if below else ''}"[:LONGEST_PLACE]


def _path_of(shop: Shop, request: Request, place: str, names: set[str]) -> str:
    """An example of an address, without what may be an order's or a person's in it."""
    path = printable(request.path)
    if not _PUBLIC.isdisjoint(names) and names <= _SHOWN:
        return shop.wall.text(path)[:LONGEST_PATH]
    if request.route is None:
        return place.partition(" ")[2]
    parts, given = path.split("/"), request.route[1].items()
    named = {str(value): f"{{{name}}}" for name, value in given}
    if not named.keys() <= set(parts):  # of several parts, or converted: which are its, is not told
        return ""
    return "/".join(named.get(part, _DIGITS.sub("*", part)) for part in parts)[:LONGEST_PATH]
