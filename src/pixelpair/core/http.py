"""The neutral form of a request and of headers that every door translates to.

Header names are lower-case bytes, as ASGI has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping
    from typing import Any

    from pixelpair.core.routes import RouteMatch

Headers = list[tuple[bytes, bytes]]


# What may come in parts: HTTP/2 splits cookies (RFC 9113, 8.2.3), each proxy may add a line.
_IN_PARTS = {b"cookie": b"; ", b"forwarded": b", ", b"x-forwarded-for": b", "}


def indexed(headers: Headers) -> dict[bytes, bytes]:
    """Headers by name, of a repeated one the last, or all as one where it may come in parts."""
    index = dict(headers)
    if len(index) < len(headers):
        for name in _IN_PARTS.keys() & index.keys():
            index[name] = _IN_PARTS[name].join([value for key, value in headers if key == name])
    return index


def by_environ(*names: str) -> dict[str, bytes]:
    """Headers by their keys in a WSGI environ."""
    return {f"HTTP_{name.upper().replace('-', '_')}": name.encode() for name in names}


# The request's headers that are ever read, by their name in a WSGI environ: doors that must
# translate them translate no others.
WANTED = by_environ(
    "cookie",
    "dnt",
    "hx-request",
    "purpose",
    "referer",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-gpc",
    "sec-purpose",
    "turbo-frame",
    "user-agent",
    "x-forwarded-for",
    "x-moz",
    "x-requested-with",
    "x-sec-purpose",
    "x-varnish",
    "x-vinyl",
)
# What tells the app of the client's copy (the last: a rehearsal), and what tells a document
# request from others.
WANTED_OF_COPIES = by_environ(
    "if-match", "if-modified-since", "if-none-match", "if-range", "pixelpair-doctor"
)
WANTED_TO_JUDGE = WANTED_OF_COPIES | by_environ("accept", "range", "sec-fetch-dest")
# What our own addresses ask for beside it.
WANTED_AT_DESK = by_environ(
    "accept-encoding", "authorization", "if-none-match", "origin", "sec-fetch-site"
)


def tell(environ: MutableMapping[str, Any], admitted: Headers) -> None:
    """Write into an environ what the app may know of the client's copy."""
    left = dict(admitted)
    for key, name in WANTED_TO_JUDGE.items():
        if name in left:
            environ[key] = left[name].decode("latin-1")
        else:
            environ.pop(key, None)


# No browser sends a longer address bar than servers take (8 KB); an event needs far less.
MAX_URL = 2048
CACHE_HEADERS = frozenset(
    {
        b"cache-control",
        b"etag",
        b"expires",
        b"last-modified",
        b"x-accel-expires",
    }
)
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9/._~-]*")
_SAFE_PATH = "/:@!$&'()*+,;=~-._%"
_FRESH = re.compile(
    rb"(?:^|[,\s])(?:s-maxage|max-age|stale-while-revalidate|stale-if-error)\s*=\s*\"?0*[1-9]"
)
_PUBLIC = re.compile(rb"(?:^|[,\s])(?:public|s-maxage)(?:$|[,\s=])")


@dataclass(slots=True)
class Request:
    """What the core wants to know of a request, whichever door it came through.

    `path` is decoded and below the mount `root`; `raw_path` is the whole path as it came; `index`
    holds the headers by name, several Cookie headers as one; `route` is the framework's name and
    parameters of the matched route, if seen. A door tells what the server says of `client`,
    `scheme` and `host`; the core then asks the proxies that the shop trusts (`Shop.arrive`).
    """

    method: str
    scheme: str
    host: str
    root: str
    path: str = field(repr=False)
    raw_path: bytes = field(repr=False)
    query: str = field(repr=False)
    index: Mapping[bytes, bytes] = field(repr=False)
    client: str = field(repr=False)
    route: RouteMatch | None = None
    excluded: bool = False
    nonce: str = ""  # that the framework gives the scripts of this page
    peer: str = field(
        default="", repr=False
    )  # who asks, where `client` is "" by now since theirs is no public address

    @property
    def cookies(self) -> bytes:
        """The Cookie header."""
        return self.index.get(b"cookie", b"")

    @property
    def route_label(self) -> str:
        """The place of this request, for a log line: its route's name, else its path."""
        return printable(self.route[0] if self.route else self.path)[:200]

    @property
    def url(self) -> str:
        """The address of this request as the browser knows it, bounded."""
        query = f"?{self.query}" if self.query else ""
        whole = f"{self.scheme}://{self.host}{self.url_path}{query}"
        if not (whole.isascii() and whole.isprintable()):
            whole = quote(whole, safe=_SAFE_PATH + "?#[]")
        return whole if len(whole) <= MAX_URL else whole[:MAX_URL].partition("?")[0]

    @property
    def url_path(self) -> str:
        """The path of this request as the browser knows it."""
        raw = self.raw_path
        return raw.decode() if _PLAIN_PATH.fullmatch(raw) else quote(raw, safe=_SAFE_PATH)

    @property
    def user_agent(self) -> str:
        """The User-Agent without control characters, bounded."""
        return user_agent(self.index.get(b"user-agent", b""))

    @property
    def referrer(self) -> str:
        """The Referer when it is a web address; else ""."""
        raw = self.index.get(b"referer")
        if raw is None or len(raw) > MAX_URL or not raw.startswith((b"http://", b"https://")):
            return ""
        value = raw.decode("latin-1")
        return value if value.isprintable() else ""

    @property
    def same_origin_referrer(self) -> str:
        """The page that an act came from, if it is one of this shop's."""
        referrer = self.referrer
        scheme, _, rest = referrer.partition("://")
        # Behind a proxy that ends TLS the app may not know that it is https.
        fits = scheme in (self.scheme, "https") and rest.partition("/")[0] == self.host
        return referrer if fits else ""


def user_agent(raw: bytes) -> str:
    """A User-Agent header's value without control characters, bounded."""
    return printable(raw.decode("latin-1"))[:1000]


def printable(text: str) -> str:
    """Text without control characters, which no JSON reader should have to meet."""
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())


def header_value(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The value of a response header; repeated ones joined as a list."""
    found = [value for key, value in headers if key == name]
    return b", ".join(found) if found else None


def without(headers: Iterable[tuple[bytes, bytes]], *names: bytes) -> Headers:
    """The headers but those named."""
    return [pair for pair in headers if pair[0] not in names]


def location_path(location: bytes, request: Request) -> str:
    """The path that a Location header of this shop leads to; "" for another site's.

    The scheme is not compared: behind a proxy that ends TLS the app may know only half of it.
    """
    try:
        parts = urlsplit(urljoin(request.url, location.decode("latin-1")))
    except ValueError:
        return ""
    return parts.path if parts.netloc.lower() == request.host.lower() else ""


def is_targeted(name: bytes) -> bool:
    """Whether a header tells one CDN what Cache-Control tells all (RFC 9213, and those before)."""
    return name.endswith(b"-cache-control") or name in (b"surrogate-control", b"edge-control")


def _keeps(control: bytes) -> bool:
    return _PUBLIC.search(control) is not None or _FRESH.search(control) is not None


def tells_caches(names: Iterable[bytes]) -> bool:
    """Whether one of these headers says anything to caches."""
    return any(name in CACHE_HEADERS or is_targeted(name) for name in names)


def came_through_varnish(request: Request) -> bool:
    """Its ninth version is called Vinyl Cache, and says that."""
    return b"x-varnish" in request.index or b"x-vinyl" in request.index


def may_be_shown_again(headers: Headers, request: Request, now: float) -> bool:
    """Whether these stored bytes could be shown again to anyone, the same visitor included.

    Then no id may stand in them (architecture, the rule of the two modes).
    """
    if came_through_varnish(request):
        return True
    # What a CDN or nginx reads before the page's own no-store.
    if any(is_targeted(n) and _keeps(v.lower()) for n, v in headers):
        return True
    if any(n == b"x-accel-expires" and v.strip() not in (b"0", b"off") for n, v in headers):
        return True
    control = (header_value(headers, b"cache-control") or b"").lower()
    if b"no-store" in control:
        return False
    if _keeps(control):
        return True
    validators = (b"etag", b"last-modified")
    if any(name in validators for name, _ in headers):
        return True
    return b"max-age" not in control and _expires_later(headers, now)


def _expires_later(headers: Headers, now: float) -> bool:
    value = header_value(headers, b"expires")
    if value is None:
        return False
    from email.utils import parsedate_to_datetime  # 16 ms; servers and frameworks have it

    try:
        return parsedate_to_datetime(value.decode("latin-1")).timestamp() > now
    except (ValueError, TypeError, OverflowError):
        return False  # "0" and other non-dates mean: expired (RFC 9111, 5.3)
