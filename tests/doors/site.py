"""One small shop as a table: what is asked, what its views do and answer, what must leave."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pixelpair
from pixelpair.core.routes import DEFAULT_ROUTES

from .drive import Answer, Ask

HEAD = b'<!doctype html>\n<html lang="sv"><head><title>Stolar</title>'
BODY = b'</head><body class="shop"><h1>Stolar</h1>'
TAIL = b"<p>Slut</p></body></html>\n"
DOCUMENT = HEAD + BODY + TAIL
FORM = DOCUMENT.replace(b"<h1>", b'<form method="post"><p class="error">E-post saknas</p><h1>')
LIST = b"<ul>" + b"<li>Stol</li>" * 3000 + b"</ul>"
FILE = Path(__file__).parent / "site.py"

Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a view does and answers. A streamed body may do something between its chunks."""

    chunks: tuple[bytes | Act, ...] = (DOCUMENT,)
    status: int = 200
    type: str | None = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    acts: tuple[Act, ...] = ()
    streams: bool = False
    file: Path | None = None
    reads: str = ""  # how the view reads the request's body: one of READINGS, or not at all

    @property
    def whole(self) -> bytes:
        if self.file:
            return self.file.read_bytes()
        return b"".join(chunk for chunk in self.chunks if isinstance(chunk, bytes))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The headers; of a body that is there as a whole, its length too."""
        kind = [("content-type", self.type)] if self.type else []
        named = {name for name, _ in self.headers}
        sized = not self.streams and self.status not in (204, 304) and "content-length" not in named
        length = [("content-length", str(len(self.whole)))] if sized else []
        return [*kind, *length, *self.headers]

    @property
    def cookie_pairs(self) -> list[tuple[str, str]]:
        ends = "HttpOnly; Path=/; SameSite=Lax"
        return [("set-cookie", f"{name}={value}; {ends}") for name, value in self.cookies]

    def act(self) -> Reply:
        for act in self.acts:
            act()
        return self

    def stream(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, bytes):
                yield chunk
            else:
                chunk()

    def answer(self) -> Answer:
        """The answer without pixelpair."""
        return Answer.of(self.status, [*self.pairs, *self.cookie_pairs], self.whole)


@dataclass(frozen=True, slots=True)
class Case:
    """`twins` and `shown` name the server and browser halves, `sealed` the events whose ids the
    page makes; `alone` says: the answer is bare.
    """

    ask: Ask
    reply: Reply = field(default_factory=Reply)
    twins: str = ""
    shown: str | None = None
    sealed: str = ""
    alone: bool = False


def track(*args: object, **data: object) -> Act:
    return partial(pixelpair.track, *args, **data)  # type: ignore[arg-type]


def _chunks(body: bytes) -> tuple[bytes, ...]:
    sizes = [1, 2, 3, 5, 7, 0, 11, 13, 1, 17, 4096]
    cut, pieces = 0, []
    while cut < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[cut : cut + size])
        cut += size
    return tuple(pieces)


def page(**more: object) -> Reply:
    return Reply(**more)  # type: ignore[arg-type]


def redirect(to: str, *acts: Act, **more: object) -> Reply:
    return Reply((), status=302, headers=(("location", to),), acts=acts, **more)  # type: ignore[arg-type]


CHAIR = track("ViewContent", value=1490.0, currency="SEK", content_name="Stol «Å» </script>")
ADDED = track("AddToCart", content_ids=["SKU-1"], value=1490, currency="SEK")
CONTACT = track("Contact")


def report(event_id: str, origin: str = "http://www.shop.example") -> Ask:
    """What a page posts to our own address."""
    said = {"url": f"{origin}/a?b=c", "referrer": "", "made": [["PageView", {}, event_id]]}
    body = json.dumps(said).encode()
    return Ask("POST", "/_pixelpair/events", headers=(("origin", origin),), body=body)


CASES = {
    "plain page": Case(Ask(), twins="PageView"),
    "product": Case(Ask(path="/products/SKU-1"), page(acts=(CHAIR,)), "PageView ViewContent"),
    "product below a mount": Case(
        Ask(path="/products/SKU-1", root="/butik"), page(acts=(CHAIR,)), "PageView ViewContent"
    ),
    "search": Case(Ask(path="/search", query="q=r%C3%B6d+stol&page=2"), page(), "PageView Search"),
    "two events of one name": Case(
        Ask(path="/two"), page(acts=(CONTACT, CONTACT)), "PageView Contact Contact"
    ),
    "discarded": Case(
        Ask(path="/products/GONE"),
        page(acts=(partial(pixelpair.discard, "ViewContent"),)),
        "PageView",
    ),
    "purchase": Case(
        Ask(path="/orders/1001/complete"),
        page(acts=(track("Purchase", value="1490.00", currency="sek"),)),
        "PageView Purchase",
    ),
    "purchase without a value": Case(
        Ask(path="/orders/1002/complete"), page(), "PageView Purchase", shown="PageView"
    ),
    "streamed in odd chunks": Case(
        Ask(path="/stream"),
        page(chunks=_chunks(HEAD + BODY + LIST + TAIL), streams=True),
        "PageView",
    ),
    "tracked in a stream, before the head": Case(
        Ask(path="/stream/early"),
        page(chunks=(CONTACT, HEAD, BODY, TAIL), streams=True),
        "PageView Contact",
    ),
    "tracked in a stream, after the head": Case(
        Ask(path="/stream/late"),
        page(chunks=(HEAD, BODY, LIST, CONTACT, TAIL), streams=True),
        "PageView Contact",
    ),
    "no head": Case(Ask(path="/bare"), page(chunks=(b"<!doctype html><p>Hej",)), "PageView"),
    "latin-1": Case(
        Ask(path="/latin"),
        page(chunks=(DOCUMENT.replace(b"Slut", b"K\xf6p"),), type="text/html; charset=latin-1"),
        "PageView",
    ),
    "signs in the path": Case(Ask(path="/100% bomull/höst"), page(), "PageView"),
    "own cookies": Case(
        Ask(path="/own"), page(cookies=(("session", "abc.def"), ("csrftoken", "x1"))), "PageView"
    ),
    "a known visitor with a new click": Case(
        Ask(
            query="fbclid=IwAR0_x-Y",
            headers=(("cookie", "a=1; _fbp=fb.1.1700000000000.77; _fbc=fb.1.1700000000000.old"),),
        ),
        twins="PageView",
    ),
    "no-store with an etag": Case(
        Ask(path="/fresh"),
        page(headers=(("cache-control", "no-store"), ("etag", '"1"'))),
        "PageView",
    ),
    "public": Case(
        Ask(path="/public"), page(headers=(("cache-control", "public"),)), sealed="PageView"
    ),
    "validator": Case(Ask(path="/etag"), page(headers=(("etag", '"1"'),)), sealed="PageView"),
    "prefetched": Case(
        Ask(path="/ahead", headers=(("sec-purpose", "prefetch"),)), page(), sealed="PageView"
    ),
    "cacheable product": Case(
        Ask(path="/products/SKU-9"),
        page(headers=(("cache-control", "public, max-age=60"), ("etag", 'W/"2"')), acts=(CHAIR,)),
        sealed="PageView ViewContent",
    ),
    "revalidated": Case(
        Ask(path="/etag", headers=(("sec-fetch-dest", "document"), ("if-none-match", '"1"'))),
        page(headers=(("etag", '"1"'),)),
        sealed="PageView",
    ),
    "other addresses below ours": Case(Ask(path="/_pixelpair/x"), page(status=404), alone=True),
    "post and redirect": Case(
        Ask("POST", "/cart/add", headers=(("referer", "http://www.shop.example/products/SKU-1"),)),
        redirect("/cart", ADDED),
        "AddToCart",
    ),
    "post and redirect to login": Case(
        Ask("POST", "/cart/add/SKU-2"), redirect("/login?next=/", ADDED), alone=True
    ),
    "route alone": Case(Ask("POST", "/basket/add/SKU-3"), redirect("/cart"), "AddToCart"),
    "json": Case(
        Ask("POST", "/api/wish"),
        page(chunks=(b'{"ok":true}',), type="application/json", acts=(track("AddToWishlist"),)),
        "AddToWishlist",
    ),
    "json that was read": Case(
        Ask(path="/api/wishes"), page(chunks=(b"[]",), type="application/json"), alone=True
    ),
    "custom event without content": Case(
        Ask("POST", "/api/seen"),
        page(chunks=(), status=204, type=None, acts=(track("Seen", shelf=3),)),
        "Seen",
    ),
    "form with errors": Case(Ask("POST", "/register"), page(chunks=(FORM,)), "PageView"),
    "fragment": Case(
        Ask("POST", "/cart/row"), page(chunks=(b"<li>Stol</li>",), acts=(ADDED,)), "AddToCart"
    ),
    "fragment that says nothing": Case(
        Ask(path="/row"), page(chunks=(b"<li>Stol</li>",)), alone=True
    ),
    "fetched by a script": Case(Ask(headers=(("sec-fetch-dest", "empty"),)), sealed="PageView"),
    "not found": Case(Ask(path="/products/x/y"), page(status=404, acts=(CONTACT,)), alone=True),
    "server error": Case(Ask(path="/broken"), page(status=500, acts=(CONTACT,)), alone=True),
    "not modified": Case(
        Ask(path="/same"),
        page(chunks=(), status=304, type=None, headers=(("etag", '"1"'),)),
        alone=True,
    ),
    "attachment": Case(
        Ask(path="/offer.html"),
        page(headers=(("content-disposition", 'attachment; filename="offer.html"'),)),
        alone=True,
    ),
    "compressed": Case(
        Ask(path="/small"),
        page(chunks=(gzip.compress(DOCUMENT, mtime=0),), headers=(("content-encoding", "gzip"),)),
        "PageView",
    ),
    "compressed otherwise": Case(
        Ask(path="/brotli"), page(headers=(("content-encoding", "br, gzip"),)), alone=True
    ),
    "file": Case(Ask(path="/site.py"), page(file=FILE, type="text/x-python"), alone=True),
    "head": Case(
        Ask("HEAD", "/products/SKU-1"),
        page(chunks=(), headers=(("content-length", str(len(DOCUMENT))),)),
        alone=True,
    ),
    "empty": Case(Ask(path="/empty"), page(chunks=()), alone=True),
    "empty stream": Case(Ask(path="/dry"), page(chunks=(b"",), streams=True), alone=True),
    "staff": Case(Ask(path="/admin/orders"), page(acts=(CONTACT,)), alone=True),
}

# Only doors that see the framework's route names know what these are.
NAMED = Case(Ask(path="/goods/SKU-7"), page(), "PageView ViewContent")
ROUTES = DEFAULT_ROUTES + "ViewContent name:goods sku=content_id"

# How views read what is posted, and what they read, in the order of the requests.
READINGS = ("whole", "pieces", "lines", "form", "twice", "half", "never")
READ: list[object] = []

_VIEWS = {(c.ask.method, c.ask.path): c.reply for c in (*CASES.values(), NAMED)}
_VIEWS |= {("POST", f"/read/{how}"): redirect("/cart", reads=how) for how in READINGS}


def view(method: str, path: str) -> Reply:
    """The shop: what it does and answers."""
    return _VIEWS[method, path].act()
