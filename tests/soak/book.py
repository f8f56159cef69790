"""What visitors know of their events: which must come, which may, which must not; and the reckoning
with what Graph has taken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Book:
    """Of one visit, or of all. Names as `graph.name_of` says them; the id is the browser half's."""

    due: dict[str, str] = field(default_factory=dict)
    perhaps: set[str] = field(default_factory=set)
    never: set[str] = field(default_factory=set)
    answers: list[tuple[float, float]] = field(default_factory=list)  # when, and how long it took
    requests: int = 0
    unanswered: int = 0
    odd: Counter[str] = field(default_factory=Counter)

    def withdraw(self) -> None:
        """Nothing of this visit must come any more; what has left already has."""
        self.perhaps |= self.due.keys()
        self.due.clear()

    def add(self, other: Book) -> None:
        self.due |= other.due
        self.perhaps |= other.perhaps
        self.never |= other.never
        self.answers += other.answers
        self.requests += other.requests
        self.unanswered += other.unanswered
        self.odd += other.odd


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What became of it all: every list but `again` must be empty."""

    due: int
    arrived: int
    lost: list[str]
    unlawful: list[str]  # came, and must not
    unknown: list[str]  # came, and nobody did it
    other_id: list[str]  # came under another id than its browser half has
    two_ids: list[str]  # came under several
    again: int  # how often an id came that had come
    needless: list[str]  # came again although an answer had told that it had come

    @property
    def wrong(self) -> dict[str, list[str]]:
        lists = {
            "lost": self.lost,
            "came without consent or customer": self.unlawful,
            "came from nowhere": self.unknown,
            "came under another id than in the page": self.other_id,
            "came under two ids": self.two_ids,
        }
        return {what: names for what, names in lists.items() if names}


def reckon(book: Book, ledger: dict[str, Any]) -> Reckoning:
    """Hold what the visitors know against what Graph took."""
    times: dict[str, dict[str, int]] = ledger["times"]
    unconfirmed = set(ledger["unanswered"])
    known = book.due.keys() | book.perhaps | book.never
    repeats = {i: n - 1 for ids in times.values() for i, n in ids.items() if n > 1}
    return Reckoning(
        due=len(book.due),
        arrived=len(book.due.keys() & times.keys()),
        lost=sorted(book.due.keys() - times.keys()),
        unlawful=sorted(book.never & times.keys()),
        unknown=sorted(times.keys() - known),
        other_id=sorted(n for n, i in book.due.items() if n in times and i not in times[n]),
        two_ids=sorted(name for name, ids in times.items() if len(ids) > 1),
        again=sum(repeats.values()),
        needless=sorted(repeats.keys() - unconfirmed),
    )
