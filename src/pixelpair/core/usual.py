"""The way nearly every page goes, in one pass: a whole private page that is merely viewed.

Anything out of the ordinary (a rule that fits, a new visitor, a click id, an odd header) gives
None, and the Exchange goes its general way. Both ways agree to the byte, which a test checks; this
one takes a third of the time, since it makes no value that only one page needs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from pixelpair.core.http import user_agent
from pixelpair.core.machines import machine

if TYPE_CHECKING:
    from pixelpair.core.http import Headers, Request
    from pixelpair.core.shop import Shop

_PAGES = frozenset({None, b"document", b"iframe"})
_ODD = frozenset(
    {
        b"hx-request",
        b"purpose",
        b"sec-gpc",
        b"sec-purpose",
        b"turbo-frame",
        b"x-moz",
        b"x-requested-with",
        b"x-sec-purpose",
        b"x-varnish",
        b"x-vinyl",
    }
)
_FBP = re.compile(rb"_fbp=(fb\.[0-9]{1,3}\.[0-9]{1,20}\.[0-9]{1,40})(?:;|\Z)")
# As Twin.pack() and Event.row() write it.
_RECORD = (
    b'["%b","PageView","%b",%d,false,null,""]\n'
    b'{"event_name":"PageView","event_time":%d,"event_id":"%b","action_source":"website",'
    b'"event_source_url":%b%b,"user_data":{%b%b"fbp":"%b"}}'
)


def usual_page(
    shop: Shop, request: Request, headers: Headers, length: int, chunk: bytes, now: float
) -> tuple[Headers, bytes] | None:
    """The page's headers and first chunk with its PageView in them, its server half queued.

    `length` is the place of Content-Length among the headers, or -1.
    """
    index = request.index
    if (
        index.get(b"sec-fetch-dest") not in _PAGES
        or not index.keys().isdisjoint(_ODD)
        or not shop.plain
        or request.excluded
        or request.nonce
        or shop.event_id == "browser"
        or not shop.merely_viewed(request.path)
        or (request.route is not None and shop.routes.names_views)
        or machine(index.get(b"user-agent", b"")) is not None
    ):
        return None
    fbp = _own_fbp(request.cookies)
    referrer = request.referrer
    if fbp is None or "fbclid=" in request.query or "fbclid=" in referrer:
        return None
    found = shop.heads.find(chunk)
    if found is None or found.flaw is not None or found.policies:
        return None
    size = headers[length][1] if length >= 0 else b"0"
    if not size.isdigit():
        return None
    event_id = shop.new_id().encode()
    maker = shop.snippet.below(request.root) if request.root else shop.snippet
    snippet, images = maker.view(event_id)
    if shop.sends:
        shop.queue(_record(shop, request, event_id, int(now), fbp, referrer))
    head_end, body_start = found[:2]
    view = memoryview(chunk)
    pieces = (view[:head_end], snippet, view[head_end:body_start], images, view[body_start:])
    grown = [*headers, (b"cache-control", b"private")]
    if length >= 0:
        grown[length] = (b"content-length", b"%d" % (int(size) + len(snippet) + len(images)))
    return grown, b"".join(pieces)


def _own_fbp(cookies: bytes) -> bytes | None:
    """The visitor's `_fbp`, if it is alone of its kind in a header as browsers send it."""
    start = cookies.find(b"_fb")
    found = _FBP.match(cookies, start) if start >= 0 else None
    if found is None or cookies.find(b"_fb", start + 3) >= 0:
        return None
    return found[1] if start == 0 or cookies[start - 2 : start] == b"; " else None


def _record(
    shop: Shop, request: Request, event_id: bytes, time: int, fbp: bytes, referrer: str
) -> bytes:
    pixel_id, dumps, clean = shop.pixel_id.encode(), orjson.dumps, shop.wall.url
    return _RECORD % (
        pixel_id,
        event_id,
        time,
        time,
        event_id,
        dumps(clean(request.url)),
        b',"referrer_url":%b' % dumps(clean(referrer)) if referrer else b"",
        _address(request.client),
        _agent(request.index.get(b"user-agent", b"")),
        fbp,
    )


@lru_cache(1024)
def _address(client: str) -> bytes:
    return b'"client_ip_address":"%b",' % client.encode() if client else b""


@lru_cache(1024)
def _agent(raw: bytes) -> bytes:
    agent = user_agent(raw)
    return b'"client_user_agent":%b,' % orjson.dumps(agent) if agent else b""
