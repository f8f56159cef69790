"""Requests whose address shows no proof of the app's secret, to whoever logs or traces them.

httpx logs the address of each request, and tools that trace it ask for it as a text: that text
lacks what travels.
"""

from __future__ import annotations

import re
from typing import Final

import httpx

_PROOF: Final = re.compile(r"(appsecret_proof=)[^&#]+")


class _Discreet(httpx.URL):
    """Travels whole, and is shown without the proof."""

    def __str__(self) -> str:
        return _PROOF.sub(r"\1(hidden)", super().__str__())

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


def discreet(request: httpx.Request) -> httpx.Request:
    """The request; its address is another where there is something to hide."""
    if b"appsecret_proof=" in request.url.query:
        request.url = _Discreet(request.url)
    return request
