"""What one sandbox has seen, what it refused, and the faults it still owes."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .advice import advice
from .catalogs import Catalogs
from .rehearsals import Rehearsals
from .summary import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from .book import Book

MAX_REJECTIONS = 200
# A message to a page holds this many events: 150 KB, and 5 ms of the sandbox's time.
PIECE = 500


@dataclass(slots=True)
class Sandbox:
    """Everything one application remembers. `ending` says that its server wants to stop."""

    book: Book
    rejections: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_REJECTIONS))
    rehearsals: Rehearsals = field(default_factory=Rehearsals)
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    readers: int = 0
    app_secret: str = field(default="", repr=False)
    ending: Callable[[], bool] = lambda: False
    catalogs: Catalogs = field(init=False)

    def __post_init__(self) -> None:
        self.catalogs = Catalogs(entries=self.book.entries)

    def clear(self) -> None:
        self.book.clear()
        self.rejections.clear()

    def reject(self, row: dict[str, Any]) -> None:
        """Remember an answer that processed nothing."""
        self.book.revision += 1
        told = {"number": self.book.revision, "advice": advice(row["error"])}
        self.rejections.append({**row, **told})

    def mark(self, revision: int) -> str:
        """Where a reader stands; known to this sandbox alone."""
        return f"{self.name}-{revision}"

    def revision_of(self, mark: str) -> int:
        """What a reader has seen: -1 where it must forget that and begin anew."""
        name, _, digits = mark.rpartition("-")
        if name != self.name or not (digits.isascii() and digits.isdecimal()):
            return -1
        seen = int(digits[:18])
        return seen if self.book.cleared <= seen <= self.book.revision else -1

    def news(self, seen: int) -> tuple[dict[str, Any], int]:
        """A piece of what came after that revision, and the revision it brings a reader to."""
        changed = self.book.changed_since(seen)
        piece = changed[:PIECE]
        more = len(changed) > len(piece)
        reached = piece[-1].revision if more else self.book.revision
        return {
            "reset": seen < 0,
            "more": more,
            "oldest": self.book.oldest,
            "events": [summary(entry) for entry in piece],
            "rejections": [row for row in self.rejections if seen < row["number"] <= reached],
        }, reached
