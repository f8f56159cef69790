"""What was found in the heads of this shop's pages: where they end, and why to leave one alone.

Visitors ask for the same pages again and again, and a head of 2 KB takes 10 µs to read: those that
were met before are remembered by their bytes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pixelpair.core.html import usual_places

# Of a few KB each; a head that never comes again (a token in it) costs 1 µs more for the attempt.
REMEMBERED = 256
LONGEST = 16 * 1024

_AMP = re.compile(rb"<html\s(?:[^<>]*\s)?(?:amp|\xe2\x9a\xa1)[\s=>]")
_INIT = rb"fbq\(\s*['\"]init['\"]\s*,\s*['\"]?%b(?!\d)"


class Found(NamedTuple):
    """Where the head ends and the body starts, and a flaw: "pixel", "amp" or none."""

    head_end: int
    body_start: int
    flaw: str | None


class Heads:
    """Looks into heads for one pixel. Safe among threads: at worst a head is read twice."""

    __slots__ = ("_known", "_pixel_id")

    def __init__(self, pixel_id: str) -> None:
        self._pixel_id = pixel_id.encode()
        self._known: dict[bytes, Found] = {}

    def find(self, chunk: bytes) -> Found | None:
        """What a document's first chunk says, if its head and body start in it as usual."""
        head = chunk.find(b"</head>", 0, LONGEST)
        body = chunk.find(b"<body", head, head + 200) if head >= 0 else -1
        end = chunk.find(b">", body, body + 1000) + 1 if body >= 0 else 0
        if not end:
            return self._read(chunk)
        start = chunk[:end]
        found = self._known.get(start)
        if found is None:
            found = self._read(chunk)
            # What follows the body's tag cannot have mattered: all else is remembered too rarely.
            if found is not None and found.body_start == end:
                self._remember(start, found)
        return found

    def flaw(self, head: bytes) -> str | None:
        """Why a page with this head is left alone: it has the pixel already, or it is AMP."""
        if self._pixel_id in head and re.search(_INIT % self._pixel_id, head):
            return "pixel"
        return "amp" if _is_amp(head.lower()) else None

    def _read(self, chunk: bytes) -> Found | None:
        places = usual_places(chunk)
        return None if places is None else Found(*places, self.flaw(chunk[: places[0]]))

    def _remember(self, start: bytes, found: Found) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known), b""), None)
        self._known[start] = found


def _is_amp(head: bytes) -> bool:
    """Whether one of the `<html>` tags (the first may be in a comment) is AMP's."""
    start = head.find(b"<html")
    while start >= 0:
        end = head.find(b">", start) + 1 or len(head)
        tag = head[start:end]
        # Searched only where it can be: each failing search walks the attributes.
        if (b"amp" in tag or b"\xe2\x9a\xa1" in tag) and _AMP.search(tag):
            return True
        start = head.find(b"<html", end)
    return False
