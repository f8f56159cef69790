"""The page script as a file, for pages that forbid inline scripts or that others serve."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelpair.core.http import Headers, Request

_YEAR = b"public, max-age=31536000, immutable"
_HOUR = b"public, max-age=3600"  # for a page that names no version: so old a script may be


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response; header names are lower-case."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""


def version_of(source: bytes) -> str:
    """What names this script and no other in an address."""
    return sha256(source).hexdigest()[:12]


class Script:
    """Its bytes, compressed once, and the version that stands in the address of each page."""

    __slots__ = ("_forms", "version")

    def __init__(self, source: bytes) -> None:
        version = self.version = version_of(source)
        packed = gzip.compress(source, 9, mtime=0)
        self._forms = (source, f'"{version}"'.encode()), (packed, f'"{version}-gzip"'.encode())

    def answer(self, request: Request) -> Answer:
        """The file for a GET or HEAD request: whole, or 304 where the browser has it."""
        index = request.index
        packed = _takes_gzip(index.get(b"accept-encoding", b""))
        body, etag = self._forms[packed]
        current = f"v={self.version}" in request.query.split("&")
        headers = [
            (b"cache-control", _YEAR if current else _HOUR),
            (b"etag", etag),
            (b"vary", b"Accept-Encoding"),
            (b"cross-origin-resource-policy", b"cross-origin"),  # other hosts' pages may load it
        ]
        if self._is_known(index.get(b"if-none-match", b"")):
            return Answer(304, headers)
        headers += [
            (b"content-type", b"text/javascript; charset=utf-8"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-length", b"%d" % len(body)),
        ]
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        return Answer(200, headers, b"" if request.method == "HEAD" else body)

    def _is_known(self, tags: bytes) -> bool:
        given = {tag.strip().removeprefix(b"W/") for tag in tags.split(b",")}
        return b"*" in given or any(etag in given for _, etag in self._forms)


def _takes_gzip(accepted: bytes) -> bool:
    for part in accepted.lower().replace(b" ", b"").split(b","):
        coding, _, quality = part.partition(b";q=")
        if coding == b"gzip":
            return not quality or quality.strip(b"0.") != b""
    return False
