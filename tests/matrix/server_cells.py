"""What is checked on each server, as a table: a function on a running site, and what it may show.

A check is given the root of the shop with the door, or of the bare one, to tell whose a failure is.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.visits import pairs, settled, watched

from .server_answers import BARE, ETAG, LATE, PAGE, PIECES, TICKS
from .sites import DOOR, LOADER, OURS, Outcome, Site, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from .raw import Reply, Wire

GRACE = 12.0  # seconds for a server's end; it has 2 cores and may share them
# What differs from answer to answer, and what the door may say of a page.
LOOSE = {"date", "etag", "set-cookie", "cache-control", "x-worker"}
FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive"}
OF_PAGES = FRAMING | {"accept-ranges", "last-modified"}  # a changed page has no parts to ask for
Ask = tuple[str, str, dict[str, str]]


def get(path: str, **headers: str) -> Ask:
    return "GET", path, {name.replace("_", "-"): value for name, value in headers.items()}


def head(path: str) -> Ask:
    return "HEAD", path, {}


PAGES = [get("/"), get("/unsized"), get("/gzip"), get("/page.html"), get("/etag")]
HEADS = [head(path) for path in ("/", "/unsized", "/etag", "/page.html", "/json", "/redirect")]
EMPTY = [get("/nothing"), head("/nothing"), get("/same"), get("/etag", if_none_match=ETAG)]
PART = get("/file", range="bytes=100-299")
FILES = [get("/file"), PART, head("/file"), get("/file", range="bytes=0-0"), get("/page.html")]
OTHERS = [get("/json"), get("/redirect"), ("POST", "/cart/add", {})]


def told(reply: Reply, loose: set[str]) -> list[tuple[str, str]]:
    return sorted(pair for pair in reply.headers if pair[0] not in LOOSE | loose)


def alike(method: str, ours: Reply, bare: Reply) -> None:
    """The same answer; a page has ours in it once, and its end is known in a way of its own."""
    assert (ours.status, OURS.sub(b"", plain(ours))) == (bare.status, plain(bare))
    open_ended = length_is_open(method, ours)
    changed = OF_PAGES if plain(ours) != plain(bare) or open_ended else set()
    assert told(ours, changed) == told(bare, changed)
    assert plain(ours).count(LOADER) == (plain(ours) != plain(bare))
    if not changed or ("content-encoding" not in dict(ours.headers) and method != "HEAD"):
        assert ours.keeps == bare.keeps
    if not changed:
        assert ours.framing == bare.framing


def length_is_open(method: str, reply: Reply) -> bool:
    """HEAD of a page need not say how long the page will be."""
    kind = reply.header("content-type") or ""
    return method == "HEAD" and reply.status == 200 and kind.startswith("text/html")


def on_one_connection(site: Site, root: str, asks: list[Ask]) -> list[Reply]:
    """Each answer followed by a page, all on one connection where the server keeps it."""
    form = b"sku=T"
    replies = []
    with site.wire() as wire, site.wire() as bare:
        for method, path, headers in asks:
            body = form if method == "POST" else b""
            for at in (path, "/"):
                verb = method if at is path else "GET"
                given = (verb, headers, body) if at is path else ("GET", {}, b"")
                ours, theirs = wire.ask(root + at, *given), bare.ask(BARE + at, *given)
                alike(verb, ours, theirs)
                if at is path:
                    replies.append(ours)
    return replies


def carries(site: Site, root: str) -> None:
    """Each has the pixel once and ends where it says: whole, unsized, from gzip, from a file."""
    for reply in on_one_connection(site, root, PAGES):
        assert plain(reply).count(LOADER) == (root == DOOR)


def says_no_body(site: Site, root: str) -> None:
    """Headers alone, and a tag that was given is known again."""
    for reply in on_one_connection(site, root, [*HEADS, *EMPTY]):
        assert (reply.framing, reply.body) == ("none", b"")
    with site.wire() as wire:
        tag = wire.ask(f"{root}/etag").header("etag")
        assert tag
        again = wire.ask(f"{root}/etag", headers={"If-None-Match": tag})
        assert (again.status, again.header("etag")) == (304, tag)


def gives_files(site: Site, root: str) -> None:
    """Files come as they are, whole and in part; an HTML file is a page."""
    whole, part, no, first, page = on_one_connection(site, root, FILES)
    assert [reply.status for reply in (whole, part, no, first, page)] == [200, 206, 200, 206, 200]
    assert (part.body, first.body, no.body) == (whole.body[100:300], whole.body[:1], b"")
    assert plain(page).count(LOADER) == (root == DOOR)


def streams(site: Site, root: str) -> None:
    """A page and a stream of events: the first piece is there before the next is made."""
    with site.wire() as wire:
        for path, seen, parts in (("/stream", b"<h1>", PIECES), ("/ticks", b"data: 1", TICKS)):
            whole = b"".join(part for part in parts if isinstance(part, bytes))
            reply = gated(site, wire, root + path, seen)
            assert LATE not in reply.body, "buffered"
            assert OURS.sub(b"", reply.body) == whole
            assert wire.ask(f"{root}/json").status == 200


def gated(site: Site, wire: Wire, path: str, seen: bytes) -> Reply:
    gate = site.gate()

    def watch(body: bytes) -> None:
        if seen in body:
            gate.touch()

    return wire.ask(f"{path}?gate={gate.name}", watch=watch)


def gives_nothing(site: Site, root: str) -> None:
    """An app that gives no body at all."""
    (reply,) = on_one_connection(site, root, [get("/empty")])
    assert (reply.status, reply.body) == (200, b"")


def answers_others(site: Site, root: str) -> None:
    """What is no page stays as it is."""
    replies = on_one_connection(site, root, OTHERS)
    assert [reply.status for reply in replies] == [200, 303, 303]


def writes(site: Site, root: str) -> None:
    """What an app sends with the write() that start_response gives."""
    (reply,) = on_one_connection(site, root, [get("/written")])
    assert OURS.sub(b"", reply.body) == PAGE


def keeps_on(site: Site, root: str) -> None:
    """All of these, one after the other, each followed by a page."""
    on_one_connection(site, root, [*PAGES, *HEADS, *EMPTY, *FILES, *OTHERS, get("/unsized")])


BROKEN = [
    ("GET", path)
    for path in (
        *("/raises", "/raises/sized", "/raises/first", "/raises/plain"),
        *("/long", "/long/plain", "/long/pieces", "/short"),
    )
] + [("HEAD", "/chatty")]


def is_better(path: str, ours: Outcome, bare: Outcome) -> bool:
    """An error where nothing was sent yet; and the length of a page that we change is our own."""
    if path == "/raises/first":
        return ours.status != 200
    whole = ours.body in (PAGE, bare.body) and (ours.end, ours.status) == ("length", 200)
    return path.startswith("/long") and whole and ours.then == "200 on connection 1"


def fits(path: str, ours: Outcome, bare: Outcome) -> bool:
    return ours.is_as(bare) or is_better(path, ours, bare)


def breaks_alike(site: Site, root: str) -> None:
    """Errors in mid-body, wrong lengths, a body for HEAD: the same as without pixelpair."""
    asks = [(at + path, method) for method, path in BROKEN for at in (root, BARE)]
    with ThreadPoolExecutor(len(asks)) as pool:  # what hangs, hangs beside the others
        found = dict(zip(asks, pool.map(lambda ask: site.outcome(*ask), asks), strict=True))
    for method, path in BROKEN:
        ours, bare = found[root + path, method], found[BARE + path, method]
        if not fits(path, ours, bare):  # a busy machine is late with one of two now and then
            ours, bare = (site.outcome(at + path, method) for at in (root, BARE))
        assert fits(path, ours, bare), path
    with site.wire() as wire:
        assert OURS.sub(b"", wire.ask(f"{root}/").body) == PAGE


def pairs_up(site: Site, _root: str) -> None:
    """A visitor's events are pairs: a page, a form, a page whose ids the browser makes."""
    with watched(site.chromium) as context:
        tab = context.new_page()
        tab.goto(site.running.url)
        tab.click("button")
        tab.click("a")
        tab.wait_for_url("**/etag")
        settled(site.sandbox, tab, pairs("PageView", "AddToCart", "PageView", "PageView"))


def loses_nothing(site: Site, _root: str) -> None:
    """40 visits to all processes, then the stop: all arrive, at once or by `pixelpair drain`."""
    end = site.stopped
    assert end.shown == end.arrived, end.drained


def stops(site: Site, _root: str) -> None:
    """The server's exit code and no other, no traceback, within 12 seconds."""
    end = site.stopped
    assert (end.code, "Traceback" in end.said) == (site.server.code, False), end.said
    assert end.seconds < GRACE


def warns_of_nothing(site: Site, _root: str) -> None:
    """No line of pixelpair's in the log, and no warning of Python's about it."""
    site.stopped  # noqa: B018
    lines = site.running.text.splitlines()
    assert [line for line in lines if OF_OURS.search(line)] == []


OF_OURS = re.compile(r"pixelpair\||pixelpair/\S+:\d+: \w+Warning")


@dataclass(frozen=True, slots=True)
class Check:
    """A column of the table. `judges_bare`: the same can be asked of the shop without the door."""

    name: str
    run: Callable[[Site, str], None]
    door: str = ""  # where it is asked of one kind of server alone
    judges_bare: bool = True

    @property
    def meaning(self) -> str:
        return str(self.run.__doc__)


# In this order: pairs are counted before other events are made, and the last three end the server.
CHECKS = (
    Check("pairs", pairs_up, judges_bare=False),
    Check("pages", carries),
    Check("HEAD, 204, 304", says_no_body),
    Check("files, 206", gives_files),
    Check("streams, SSE", streams),
    Check("JSON, redirects", answers_others),
    Check("empty", gives_nothing),
    Check("write()", writes, door="wsgi"),
    Check("one connection", keeps_on),
    Check("broken apps", breaks_alike, judges_bare=False),
    Check("nothing lost", loses_nothing, judges_bare=False),
    Check("clean stop", stops, judges_bare=False),
    Check("silent", warns_of_nothing, judges_bare=False),
)
