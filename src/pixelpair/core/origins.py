"""Whose pages may report: the shop's own, and those of the front ends that it names.

A browser says where a page stands, and no page can make it say otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelpair.core.http import Headers, printable

if TYPE_CHECKING:
    from pixelpair.core.http import Request
    from pixelpair.core.notes import Notes

RUN = 5  # refusals without a welcome between them: no stranger, but a wrong setting
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+(?::[0-9]+)?|\[[0-9a-f:.]+\](?::[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class Asker:
    """A page that may report: its host, and its origin where that is another than ours."""

    host: str
    foreign: str = ""

    @property
    def headers(self) -> Headers:
        """What lets the browser of a foreign page read the answer and keep its cookies."""
        if not self.foreign:
            return []
        return [
            (b"access-control-allow-origin", self.foreign.encode()),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]


class Gate:
    """Tells a page that may report from any other; a run of refusals is one warning."""

    __slots__ = ("_notes", "_origins", "_run")

    def __init__(self, origins: frozenset[str], notes: Notes) -> None:
        self._origins = origins
        self._notes = notes
        self._run = 0

    def admits(self, request: Request) -> Asker | None:
        """The page that asks, or None where it may not."""
        origin = request.index.get(b"origin", b"").decode("latin-1")
        asker = self.knows(request)
        self._run = 0 if asker else self._run + 1
        if self._run >= RUN and _ORIGIN.fullmatch(origin):
            asked = printable(request.host)[:100]
            self._notes.say("origin", origin[:100], asked, origin[:100])
        return asker

    def knows(self, request: Request) -> Asker | None:
        """The same, of whom nothing is noted."""
        origin = request.index.get(b"origin", b"").decode("latin-1")
        found = _ORIGIN.fullmatch(origin)
        theirs = found[1] if found else ""  # "null" where the page's referrer policy hides it
        if origin in self._origins:
            return Asker(theirs, origin)
        ours = request.host.lower().removesuffix(":443").removesuffix(":80")
        site = request.index.get(b"sec-fetch-site")
        if site == b"same-origin":  # even if a proxy told the app another host
            return Asker(theirs or ours)
        # The scheme is not compared: behind a proxy that ends TLS the app may not know it.
        return Asker(ours) if site is None and theirs and theirs == ours else None
