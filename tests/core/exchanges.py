"""A shop with a clock that stands, and one request through an Exchange as a door would do it."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

from publicsuffixlist import PublicSuffixList

from pixelpair.core.cookies import CookieDomains
from pixelpair.core.events import Twin, Withdrawal, unpacked
from pixelpair.core.exchange import Exchange
from pixelpair.core.heads import Heads
from pixelpair.core.http import Headers, Request
from pixelpair.core.identity import Keepsake
from pixelpair.core.notes import Notes
from pixelpair.core.person import IN_FLIGHT
from pixelpair.core.policy import Policy
from pixelpair.core.routes import DEFAULT_ROUTES, RouteTable, parse_routes
from pixelpair.core.seals import Seal
from pixelpair.core.shop import Shop, Tracked
from pixelpair.core.snippet import Snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    View = Callable[[Exchange], object]

NOW = 1_760_000_000.5
PIXEL = "1234567890"
SCRIPT = "https://connect.facebook.net/en_US/fbevents.js"
IMAGE = "https://www.facebook.com/tr"
KEY = b"the oldest secret"
RANDOM = 246813579
FBP = "fb.1.1750000000000.1116446470"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
NEW_FBP = f"fb.1.1760000000500.{RANDOM}"

TYPE = (b"content-type", b"text/html; charset=utf-8")
HTML: Headers = [TYPE]
JSON: Headers = [(b"content-type", b"application/json")]
PAGE = b"<!doctype html><html><head><title>Tea</title></head><body><p>Tea</p></body></html>"
HEAD_END, BODY_START = PAGE.index(b"</head>"), PAGE.index(b"<p>")
FRAGMENT = b"<li>1 tea</li>"

DOMAINS = CookieDomains(PublicSuffixList().privatesuffix)
SNIPPET = Snippet([PIXEL], SCRIPT, IMAGE)
MATCHING = Policy(keepsake=Keepsake([b"a secret of these tests"], PIXEL))
SEAL = Seal([b"a secret of these tests"], PIXEL)
VERSION = b"0a1b2c3d"
ROUTES = parse_routes(DEFAULT_ROUTES)[0]


def ids(number: int) -> list[str]:
    """The first ids that a shop of these tests makes."""
    return [f"{n:032x}" for n in range(1, number + 1)]


def digest(value: object) -> str:
    return sha256(str(value).encode()).hexdigest()


def routes(text: str) -> RouteTable:
    table, problems = parse_routes(text)
    assert problems == []
    return table


@dataclass
class Site:
    """A shop and what came of it: the twins that were queued, the notes that were taken."""

    shop: Shop
    accepted: list[Twin] = field(default_factory=list)
    withdrawn: list[Withdrawal] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(twin.body) for twin in self.accepted]

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Name and id of each server half that may leave."""
        return [(t.event_name, t.event_id) for t in self.accepted if not t.fault]

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.shop.notes.counts)


def site(**changes: Any) -> Site:
    """A shop with the default routes; `changes` are fields of Shop."""
    accepted: list[Twin] = []
    withdrawn: list[Withdrawal] = []
    numbers = count(1)

    def queue(record: bytes) -> None:
        found = unpacked(record)
        if isinstance(found, Twin):
            accepted.append(found)
        else:
            withdrawn.append(found._replace(time=found.time - IN_FLIGHT))

    shop = Shop(
        pixels=(PIXEL,),
        sends=True,
        page_view="both",
        event_id="auto",
        currency=None,
        login_paths=frozenset({"/login", "/signin", "/accounts/login"}),
        excludes=lambda path: path.startswith("/admin"),
        routes=ROUTES,
        id_key=KEY,
        snippet=SNIPPET,
        seal=SEAL.seal,
        sealing=(b"a secret of these tests",),
        version=VERSION,
        heads=Heads([PIXEL]),
        domains=DOMAINS,
        clock=lambda: NOW,
        new_id=lambda: f"{next(numbers):032x}",
        new_random=lambda: RANDOM,
        hashed=lambda given: {"em": [digest(given["email"])]},
        queue=queue,
        notes=Notes(),
    )
    return Site(replace(shop, **changes), accepted, withdrawn)


def request(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    **changes: Any,
) -> Request:
    """A request of https://www.shop.example, from a visitor that has an _fbp already."""
    given = {"user-agent": AGENT, "cookie": f"_fbp={FBP}"} | dict(headers or {})
    made = Request(
        method=method,
        scheme="https",
        host="www.shop.example",
        root="",
        path=path,
        raw_path=path.encode("utf-8", "surrogateescape"),
        query=query,
        index={k.encode(): v.encode("latin-1") for k, v in given.items()},
        client="203.0.113.7",
    )
    return replace(made, **changes)


@dataclass
class Answered:
    """What the visitor gets, and whether the app's own header list went through."""

    headers: Headers
    body: bytes
    untouched: bool

    @property
    def browser(self) -> list[list[Any]]:
        """The browser halves in the page: name, data, id."""
        return [call for block in blocks(self.body) for call in block.get("events", ())]

    @property
    def sealed(self) -> list[Any]:
        """What the page's sealed texts say, one after the other: path and calls."""
        texts = [SEAL.opened(b["signed"]) for b in blocks(self.body) if "signed" in b]
        return [json.loads(text or "null") for text in texts]

    @property
    def pending(self) -> list[list[Any]]:
        """The browser halves that ride in cookies."""
        return [pending(value)["e"] for value in self.values(b"set-cookie") if is_pending(value)]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Name and id of each browser half, wherever it rides."""
        return [(call[0], call[2]) for call in self.browser + self.pending]

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]


def answer(
    where: Site,
    asked: Request | None = None,
    *,
    view: View | None = None,
    status: int = 200,
    headers: Headers = HTML,
    chunks: Iterable[bytes] = (PAGE,),
) -> Answered:
    """One request through an Exchange, by the rules that every door keeps."""
    asked = asked or request()
    exchange = Exchange(where.shop, asked.method, lambda _source: asked, "the framework's request")
    if view:
        view(exchange)
    sent = exchange.respond(status, headers)
    held = sent is None
    out: list[bytes] = []
    for chunk in chunks:
        piece = exchange.feed(chunk)
        assert not held or exchange.headers is not None or not piece
        out.append(piece)
    out.append(exchange.finish())
    if sent is None:
        sent = exchange.headers
    assert sent is not None
    return Answered(sent, b"".join(out), sent is headers)


def tracks(event_name: str, event_id: str | None = None, **data: object) -> View:
    """A view that calls track() once."""
    return lambda exchange: exchange.track(Tracked(event_name, data, event_id))


def every(*views: View) -> View:
    return lambda exchange: [view(exchange) for view in views]


_BLOCK = re.compile(rb'<script type="application/json" id="pixelpair">([^<]*)</script>')


def blocks(body: bytes) -> list[dict[str, Any]]:
    """The data blocks that the page script reads."""
    return [json.loads(text) for text in _BLOCK.findall(body)]


def is_pending(cookie: bytes) -> bool:
    return cookie.startswith(b"_pixelpair_")


def pending(cookie: bytes) -> dict[str, Any]:
    """What the page script reads from a Set-Cookie value of ours."""
    value = cookie.partition(b"=")[2].partition(b";")[0]
    return json.loads(urlsafe_b64decode(value + b"=" * (-len(value) % 4)))
