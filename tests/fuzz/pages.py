"""What shops answer: documents, whole responses, policies, markup of products."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import html5lib

from pixelpair.core.body_end import BodyEnd
from pixelpair.core.csp import Scripts, permission
from pixelpair.core.custom_data import clean_data
from pixelpair.core.html import HtmlStream, usual_places
from pixelpair.core.product import Facts, Scan, custom_data, listing_data
from tests.core.exchanges import HTML, answer, request, site, tracks
from tests.core.test_hostile import bare

from .pieces import bytewise, chunks, drawn, message, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixelpair.core.http import Headers
    from pixelpair.core.product import Listing
    from tests.core.exchanges import Answered

# As in our pages: a block of data, a script, an image that is shown where no script runs.
DATA = b'<script type="application/json" id="pixelpair">{}</script>'
CODE = b"<script>/* pixelpair */</script>"
IMAGE = b'<noscript><img src="/pixelpair"></noscript>'
# html5lib takes milliseconds, and long documents have nothing that short ones have not.
SMALL = 600
JUDGED = 0.5
# Those that move or drop what stands in them, or swallow the rest.
UNJUDGED = re.compile(rb"(?i)<(?:template|frameset|select|plaintext|math|svg)")


def html(data: bytes) -> None:
    """Insertions at the head's end and the body's start."""

    def play(parts: Iterable[bytes]) -> bytes:
        stream = HtmlStream(lambda _: DATA + CODE, lambda: IMAGE)
        return b"".join(map(stream.feed, parts)) + stream.finish()

    sent = _in_every_cut(play, data)
    _rest_stays(sent, data, DATA + CODE, IMAGE)
    places = usual_places(data)
    if places is not None:
        head, body = places
        assert sent == b"".join((data[:head], DATA, CODE, data[head:body], IMAGE, data[body:]))
    _released(HtmlStream(lambda _: DATA, lambda: IMAGE), data)
    _is_an_element(sent, data)


def body_end(data: bytes) -> None:
    """One insertion at the body's end."""

    def play(parts: Iterable[bytes]) -> bytes:
        end = BodyEnd(lambda: DATA)
        sent = b"".join(map(end.feed, parts)) + end.finish()
        assert (sent != data) == end.inserted
        return sent

    sent = _in_every_cut(play, data)
    _rest_stays(sent, data, DATA)
    _released(BodyEnd(lambda: DATA), data)
    _is_an_element(sent, data)


def _in_every_cut(play: Callable[[Iterable[bytes]], bytes], data: bytes) -> bytes:
    whole = play([data])
    assert play(chunks(data)) == whole
    if len(data) <= SMALL:
        assert play(bytewise(data)) == whole
    return whole


def _rest_stays(sent: bytes, data: bytes, *insertions: bytes) -> None:
    """Less what we put in it is as it was; nobody can tell where it has had the same before."""
    if any(insertion in data for insertion in insertions):
        return
    for insertion in insertions:
        sent = sent.replace(insertion, b"")
    assert sent == data


def _released(stream: HtmlStream | BodyEnd, data: bytes) -> None:
    parts = chunks(data)
    half = len(parts) // 2
    sent = b"".join([stream.feed(part) for part in parts[:half]])
    rest = stream.release() + b"".join(map(stream.feed, parts[half:])) + stream.finish()
    _rest_stays(sent + rest, data, DATA, IMAGE)


def _is_an_element(sent: bytes, data: bytes) -> None:
    """What was put in is a script, says html5lib: in no comment, no attribute, no other script."""
    if sent == data or len(data) > SMALL or UNJUDGED.search(data) or b"pixelpair" in data:
        return
    draw = drawn(data)
    if draw.random() > JUDGED:
        return
    try:
        parser = html5lib.HTMLParser(html5lib.getTreeBuilder("etree", fullTree=True))
        root = parser.parse(sent, scripting=draw.random() < 0.5, override_encoding="windows-1252")
    except Exception:  # html5lib 1.1 fails on some
        return
    found = [e for e in root.iter() if str(e.tag).endswith("html}script")]
    blocks = [e for e in found if e.attrib.get("id") == "pixelpair" and e.text == "{}"]
    assert len(blocks) == 1, sent


def response(data: bytes) -> None:
    """A whole answer of a shop through an Exchange: METHOD STATUS, headers, body."""
    given = message(data)
    words = given.text.split()
    method = words[0] if words[:1] and words[0] in ("GET", "POST", "HEAD") else "GET"
    status = int(words[1]) if words[1:] and re.fullmatch("[1-5][0-9]{2}", words[1]) else 200
    body = b"" if method == "HEAD" else given.body
    headers = given.headers or HTML
    whole, cut = (
        _answered(method, status, headers, parts) for parts in ([body], chunks(body) or [b""])
    )
    coded = any(name == b"content-encoding" for name, _ in headers)
    # Headers leave with the first piece, by what it tells; and a coder flushes at each cut.
    if not coded:
        assert cut.body == whole.body
    if whole.untouched:
        assert whole.body == body
    said = [value for name, value in headers if name == b"content-length"]
    if said == [b"%d" % len(body)] and method != "HEAD":  # of several which one counts?
        assert set(whole.values(b"content-length")) <= {b"%d" % len(whole.body)}
    if not coded and not UNBARED.search(data):
        assert bare(site(), whole.body) == body


# What has a nonce of the page's, what has a pixel already.
UNBARED = re.compile(rb"(?i)nonce|pixelpair|facebook")


def _answered(method: str, status: int, headers: Headers, parts: list[bytes]) -> Answered:
    where = site()
    view = one_of([None, tracks("AddToCart", content_ids=["</script>"])], b"".join(parts))
    got = answer(where, request(method), view=view, status=status, headers=headers, chunks=parts)
    assert "failures" not in where.counts
    return got


SCRIPTS = Scripts("https://www.shop.example", "/_pixelpair/pixel.js", "https://connect.example/a")


def csp(data: bytes) -> None:
    """Policies in headers and in a head's elements; the first line is the framework's nonce."""
    given = message(data)
    allowed = permission(given.headers, given.body, SCRIPTS, given.first)
    assert allowed.way in ("inline", "external", "never")
    assert allowed.pixel in ("loads", "trusted", "blocked")
    assert re.fullmatch(rb"(?:[A-Za-z0-9+/_-]+={0,2})?", allowed.nonce), allowed.nonce


URL = "https://www.shop.example/p/tea?variant=2"


def product(data: bytes) -> None:
    """A page with JSON-LD, Open Graph, microdata, a data layer."""
    whole, cut = _facts([data]), _facts(chunks(data))
    assert cut == whole
    facts, listing = whole
    named = custom_data(facts, currency="EUR")
    named |= listing_data(listing.items) if listing else {}
    json.dumps(clean_data(named)[0], allow_nan=False).encode("ascii")
    for fact in facts.known.values():
        assert 0 < fact.confidence <= 1


def _facts(parts: Iterable[bytes]) -> tuple[Facts, Listing | None]:
    scan = Scan(URL)
    for part in parts:
        scan.feed(part)
    scan.finish()
    return (scan.read_microdata() if scan.needs_microdata else scan.facts), scan.listing
