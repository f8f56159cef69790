"""What was found in the heads of this shop's pages: where they end, and why to leave one alone.

Visitors ask for the same pages again and again, and a head of 2 KB takes 10 µs to read: those that
were met before are remembered by their bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pixelpair.core.csp import meta_policies
from pixelpair.core.html import usual_places
from pixelpair.core.snippet import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable

# Heads of a few KB each, by how they begin. 512 bytes tell most pages of a shop apart, and to
# compare the whole head with a few more takes 50 ns each; to look for its end would take 1.6 µs.
BEGINNING = 512
REMEMBERED = 64
ALIKE = 4
LONGEST = 16 * 1024

_AMP = re.compile(rb"<html\s(?:[^<>]*\s)?(?:amp|\xe2\x9a\xa1)[\s=>]")
_INIT = rb"fbq\(\s*['\"]init['\"]\s*,\s*['\"]?%b(?!\d)"


class Found(NamedTuple):
    """Where the head ends and the body starts, a flaw ("pixel", "amp", "ours" or none), and the
    content security policies that the head sets."""

    head_end: int
    body_start: int
    flaw: str | None
    policies: tuple[bytes, ...]


class Heads:
    """Looks into heads for a shop's pixels. Safe among threads: at worst a head is read twice."""

    __slots__ = ("_known", "_pixels")

    def __init__(self, pixels: Iterable[str]) -> None:
        self._pixels = [pixel_id.encode() for pixel_id in pixels]
        self._known: dict[bytes, tuple[tuple[bytes, Found], ...]] = {}

    def find(self, chunk: bytes) -> Found | None:
        """What a document's first chunk says, if its head and body start in it as usual."""
        beginning = chunk[:BEGINNING]
        alike = self._known.get(beginning, ())
        for start, found in alike:
            if chunk.startswith(start):
                return found
        read = self._read(chunk)
        # What follows the body's tag cannot have mattered.
        if read is not None and read.body_start <= LONGEST:
            if beginning not in self._known and len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[beginning] = ((chunk[: read.body_start], read), *alike[: ALIKE - 1])
        return read

    def judge(self, head: bytes) -> tuple[str | None, tuple[bytes, ...]]:
        """Why a page with this head is left alone (it has the pixel already, or it is AMP), and
        its policies.
        """
        flaw = "amp" if _is_amp(head.lower()) else None
        for pixel_id in self._pixels:
            if pixel_id in head and re.search(_INIT % pixel_id, head):
                flaw = "pixel"
        if BLOCK in head:  # Django's cache may lie between us and a page that has ours
            flaw = "ours"
        return flaw, meta_policies(head)

    def _read(self, chunk: bytes) -> Found | None:
        places = usual_places(chunk)
        return None if places is None else Found(*places, *self.judge(chunk[: places[0]]))


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
