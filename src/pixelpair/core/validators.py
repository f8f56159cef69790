"""Entity tags of pages that grew: a suffix says with which script, so that no client keeps a page
from before it. Knows RFC 9110's conditional headers; knows no request but them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from pixelpair.core.http import Headers, header_value, without
from pixelpair.core.routes import READS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONDITIONAL = frozenset({b"if-match", b"if-modified-since", b"if-none-match", b"if-range"})
# For what an exchange must look into a request before the app: the last is a rehearsal's.
JUDGED = CONDITIONAL | {b"pixelpair-doctor"}
# They describe bytes that we change.
STALE = frozenset(
    {b"etag", b"accept-ranges", b"content-md5", b"digest", b"content-digest", b"repr-digest"}
)
_DOCUMENTS = frozenset({b"document", b"frame", b"iframe"})
_TAG = re.compile(rb'((?:W/)?"[^"\x00-\x20\x7f]*)"')  # "=" and "," may stand in it
# An entry of a list; what is none stays in one piece, to be handed on as it came.
_ENTRY = re.compile(rb'(?:[Ww]/)?"[^"]*+"|[^\s,"][^,"]*+|"')
_OWN = b'W/"pplm-'


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's headers for the app, and the tags of our pages that its client holds."""

    headers: Headers
    stripped: tuple[bytes, ...]


# --- on the way in -------------------------------------------------------------------------------


def asks_for_document(method: str, index: Mapping[bytes, bytes]) -> bool:
    """Whether a browser will show the answer as a page of its own, or in a frame."""
    if method not in READS:
        return False
    destination = index.get(b"sec-fetch-dest")
    if destination is not None:
        return destination in _DOCUMENTS
    return b"text/html" in index.get(b"accept", b"")


def inbound(headers: Headers, version: bytes, *, document: bool) -> Asked | None:
    """What the app may know of the client's copy (lower-case names); None changes nothing.

    Of a document only a copy with this version's script counts; `*` is no copy and stays.
    """
    if CONDITIONAL.isdisjoint([name for name, _ in headers]):
        return None
    suffix = _suffix(version)
    stripped = tuple(
        entry
        for name, value in headers
        if name == b"if-none-match"
        for entry in _ENTRY.findall(value)
        if entry.endswith(suffix)
    )
    ranged = document and any(name == b"if-range" for name, _ in headers)
    dropped = {b"if-range", b"range"} if ranged else set()
    if document and not stripped:
        dropped.add(b"if-modified-since")
    asked: Headers = []
    for name, value in headers:
        bare: bytes | None = value
        if name == b"if-none-match":
            bare = _known(value, suffix, document=document)
        elif name == b"if-match" and suffix in value:
            bare = _listed(_bare(entry, suffix) for entry in _ENTRY.findall(value))
        if bare is not None and name not in dropped:
            asked.append((name, bare))
    return None if asked == headers else Asked(asked, stripped)


def _known(value: bytes, suffix: bytes, *, document: bool) -> bytes | None:
    """A list as the app knows it; None where nothing is left."""
    if not document and suffix not in value:
        return value
    entries = [
        _bare(entry, suffix)
        for entry in _ENTRY.findall(value)
        if not _is_own(entry, suffix)
        and (not document or entry.endswith(suffix) or entry.strip() == b"*")
    ]
    return _listed(entries) or None


def _suffix(version: bytes) -> bytes:
    return b'-pp%b"' % version


def _is_own(entry: bytes, suffix: bytes) -> bool:
    return entry.startswith(_OWN) and entry.endswith(suffix)


def _bare(entry: bytes, suffix: bytes) -> bytes:
    return entry.removesuffix(suffix) + b'"' if entry.endswith(suffix) else entry


def _listed(entries: Iterable[bytes]) -> bytes:
    return b", ".join([entry.strip() for entry in entries])


# --- on the way out ------------------------------------------------------------------------------


def suffixed(etag: bytes, version: bytes) -> bytes | None:
    """The tag of a page that grew, weak or strong as it was; None for what is no tag."""
    found = _TAG.fullmatch(etag.strip())
    return found[1] + _suffix(version) if found else None


def own_etag(last_modified: bytes, version: bytes) -> bytes:
    """The tag of a page that the app dates but does not tag."""
    return b"%b%b%b" % (_OWN, sha256(last_modified).hexdigest()[:12].encode(), _suffix(version))


def outbound_page(headers: Headers, version: bytes) -> Headers:
    """The headers of a page that grew by this version's script: what described its bytes goes."""
    etag = header_value(headers, b"etag")
    dated = header_value(headers, b"last-modified")
    kept = without(headers, *STALE)
    tag = suffixed(etag, version) if etag else None
    if tag is None and dated:
        tag = own_etag(dated, version)
    return [*kept, (b"etag", tag)] if tag else kept


def outbound_304(headers: Headers, stripped: tuple[bytes, ...], version: bytes) -> Headers:
    """The headers of a 304 for a client that asked with the tags `stripped` of ours.

    Its tag is the one the client knows: another would part the client's copy from its name.
    """
    if not stripped:
        return headers
    etag = header_value(headers, b"etag")
    if etag is not None:
        tag = suffixed(etag, version)
        ours = tag is not None and _opaque(tag) in map(_opaque, stripped)
        return [*without(headers, b"etag"), (b"etag", tag)] if tag and ours else headers
    dated = header_value(headers, b"last-modified")
    held = own_etag(dated, version) if dated else b""
    if held in stripped or len(stripped) == 1:
        return [*headers, (b"etag", held if held in stripped else stripped[0])]
    return headers


def _opaque(etag: bytes) -> bytes:
    """What weak comparison compares."""
    return etag[2:] if etag[:2] in (b"W/", b"w/") else etag
