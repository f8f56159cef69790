"""What page this is: its addresses and titles, against which a product's own are held."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urljoin, urlsplit


class Place(NamedTuple):
    """Where a URL leads, without its host: shops have several, and write their own wrong."""

    path: str
    query: frozenset[tuple[str, str]]


ELSEWHERE, UNSAID, HERE, EXACTLY_HERE = -1, 0, 2, 3


@lru_cache(512)
def place(url: str, base: str = "") -> Place | None:
    """The place that a URL names, or None where it is none."""
    try:
        parts = urlsplit(url.strip() if url.startswith(("/", "http")) else urljoin(base, url))
        query = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", ""):
        return None
    return Place(unquote_plus(parts.path).rstrip("/").lower(), frozenset(query))


@dataclass(frozen=True, slots=True)
class Page:
    """The page's address, the addresses that it gives itself, and its titles."""

    url: str
    others: tuple[str, ...] = ()  # canonical, og:url
    titles: tuple[str, ...] = ()  # og:title, the last of the breadcrumbs; case folded

    def nearness(self, url: object) -> int:
        """How well a product's URL is this page's."""
        if not isinstance(url, str) or not url or len(url) > 2000:
            return UNSAID
        there = place(url, self.url)
        if there is None:
            return UNSAID
        here = place(self.url)
        if here and there.path == here.path and there.query <= here.query:
            return EXACTLY_HERE if there.query else HERE
        for other in self.others:
            named = place(other, self.url)
            if named and there.path == named.path and there.query <= named.query:
                return HERE
        return ELSEWHERE

    def asks_for(self, ids: set[str]) -> bool:
        """Whether its query, or the end of its path, has one of these ids."""
        here = place(self.url)
        if here is None or not ids:
            return False
        if not ids.isdisjoint(value for _, value in here.query):
            return True
        end = here.path.rpartition("/")[2]
        return any(end == i.lower() or (len(i) > 3 and end.endswith(f"-{i.lower()}")) for i in ids)

    def titled(self, name: object) -> int:
        """How much of a title a product's name takes: 0 where it stands in none."""
        if not isinstance(name, str) or not (wanted := " ".join(name.split()).casefold()):
            return 0
        return len(wanted) if any(wanted in title for title in self.titles) else 0
