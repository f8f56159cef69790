"""The way nearly every page goes, in one pass: a whole private page that is merely viewed.

Anything out of the ordinary (a rule that fits, a new visitor, a click id, an odd header) gives
None, and the Exchange goes its general way. Both ways agree to the byte, which a test checks; this
one takes a third of the time, since it makes no value that only one page needs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from pixelpair.core.events import PAGE_VIEW, Twin
from pixelpair.core.http import client_ip

if TYPE_CHECKING:
    from pixelpair.core.http import Headers, Request
    from pixelpair.core.visit import Shop

_PAGES = frozenset({None, b"document", b"iframe"})
_ODD = frozenset({b"sec-purpose", b"purpose", b"x-moz", b"x-varnish"})
_FBP = re.compile(rb"_fbp=(fb\.[0-9]{1,3}\.[0-9]{1,20}\.[0-9]{1,40})(?:;|\Z)")


def usual_page(
    shop: Shop, request: Request, headers: Headers, chunk: bytes, now: float
) -> tuple[Headers, bytes] | None:
    """The page's headers and first chunk with its PageView in them, its server half queued."""
    index = request.index
    if (
        index.get(b"sec-fetch-dest") not in _PAGES
        or not _ODD.isdisjoint(index)
        or shop.page_view != "both"
        or request.excluded
        or shop.excludes(request.path)
        or shop.routes.match("GET", request.path, request.query, request.route)
    ):
        return None
    fbp = _own_fbp(request)
    referrer = request.referrer
    if fbp is None or "fbclid=" in request.query or "fbclid=" in referrer:
        return None
    found = shop.heads.find(chunk)
    if found is None or found.flaw is not None:
        return None
    length = _length_at(headers)
    if length is None:
        return None
    event_id = shop.new_id()
    snippet, images = shop.snippet.view(event_id)
    if shop.sends:
        shop.accept([_twin(shop, request, event_id, int(now), fbp, referrer)])
    head_end, body_start, _ = found
    view = memoryview(chunk)
    pieces = (view[:head_end], snippet, view[head_end:body_start], images, view[body_start:])
    grown = [*headers, (b"cache-control", b"private")]
    if length >= 0:
        by = len(snippet) + len(images)
        grown[length] = (b"content-length", b"%d" % (int(headers[length][1]) + by))
    return grown, b"".join(pieces)


def _own_fbp(request: Request) -> str | None:
    """The visitor's `_fbp`, if it is alone of its kind in a header as browsers send it."""
    raw = request.cookies
    if raw.count(b"_fb") != 1:
        return None
    found = _FBP.search(raw)
    if found is None:
        return None
    start = found.start()
    first = start == 0 or raw[start - 2 : start] == b"; "
    return found[1].decode() if first else None


def _twin(shop: Shop, request: Request, event_id: str, time: int, fbp: str, referrer: str) -> Twin:
    user_data: dict[str, object] = {}
    if ip := client_ip(request.client):
        user_data["client_ip_address"] = ip
    if agent := request.user_agent:
        user_data["client_user_agent"] = agent
    user_data["fbp"] = fbp
    row: dict[str, object] = {
        "event_name": PAGE_VIEW,
        "event_time": time,
        "event_id": event_id,
        "action_source": "website",
        "event_source_url": request.url,
    }
    if referrer:
        row["referrer_url"] = referrer
    row["user_data"] = user_data
    return Twin(shop.pixel_id, PAGE_VIEW, event_id, time, orjson.dumps(row))


def _length_at(headers: Headers) -> int | None:
    """Where Content-Length stands, -1 where it does not; None where it is no number."""
    for index, (name, value) in enumerate(headers):
        if name == b"content-length":
            return index if value.isdigit() else None
    return -1
