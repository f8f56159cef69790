"""Counts, distributions and levels as values: added up, written down and read again. Pure.

What is counted under which name is said by those who count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

# A label is a name of ours, of an event or a reason of Meta's; a page may make names up, and each
# would be a series for ever.
MOST_LABELS: Final = 100
# Of all processes together: so many that which of them are "other" does not depend on the order.
MOST_TOGETHER: Final = 1000
LONGEST_LABEL: Final = 80
OTHER: Final = "other"

_SECONDS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
# Where the upper ends of the buckets lie; what is not named here is taken for seconds.
BOUNDS: Final[Mapping[str, tuple[float, ...]]] = {
    "batch_size": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    "graph_seconds": _SECONDS,
    # From a linger of a second to Meta's limit of seven days.
    "lag_seconds": (1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400, 259200, 604800),
}


class Spread:
    """How often a value fell into which bucket, and the sum of all; the last has no upper end."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    @property
    def total(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def add(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times

    def merge(self, bounds: list[float], counts: list[int], total: float) -> None:
        """Add what was measured with these bounds: a release may have had others."""
        for bound, count in zip([*bounds, float("inf")], counts, strict=True):
            self.counts[bisect_left(self.bounds, bound)] += count
        self.sum += total


class Numbers:
    """Counters by name and label, distributions by name, and levels: the latest word on each."""

    __slots__ = ("_labels", "counts", "levels", "spreads")

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.spreads: dict[str, Spread] = {}
        self.levels: dict[str, tuple[float, float]] = {}  # the value, and when it was so
        self._labels: Counter[str] = Counter()

    def count(self, name: str, label: str, amount: int, most: int = MOST_LABELS) -> None:
        """Add to a counter; labels beyond the bound are one."""
        key = name, label
        if key not in self.counts and label:
            key = name, self._bounded(name, label, most)
        self.counts[key] += amount

    def _bounded(self, name: str, label: str, most: int) -> str:
        label = "".join(c if c.isprintable() else "?" for c in label[:LONGEST_LABEL])
        if (name, label) in self.counts:
            return label
        if self._labels[name] >= most:
            return OTHER
        self._labels[name] += 1
        return label

    def measure(self, name: str, value: float) -> None:
        self._spread(name).add(value)

    def _spread(self, name: str) -> Spread:
        if name not in self.spreads:
            self.spreads[name] = Spread(BOUNDS.get(name, _SECONDS))
        return self.spreads[name]

    def tell(self, name: str, value: float, at: float) -> None:
        """Note a level, unless a later word on it is known."""
        if at >= self.levels.get(name, (0.0, at))[1]:
            self.levels[name] = value, at

    def merge(self, other: Numbers) -> None:
        """Add what another process counted."""
        for (name, label), amount in other.counts.items():
            self.count(name, label, amount, MOST_TOGETHER)
        for name, spread in other.spreads.items():
            self._spread(name).merge(list(spread.bounds), spread.counts, spread.sum)
        for name, (value, at) in other.levels.items():
            self.tell(name, value, at)

    def copy(self) -> Numbers:
        made = Numbers()
        made.merge(self)
        return made

    def document(self) -> dict[str, Any]:
        """These numbers as JSON has them; `of` reads it."""
        return {
            "counts": [[name, label, amount] for (name, label), amount in self.counts.items()],
            "spreads": {n: [list(s.bounds), s.counts, s.sum] for n, s in self.spreads.items()},
            "levels": {name: list(level) for name, level in self.levels.items()},
        }

    @classmethod
    def of(cls, document: object) -> Numbers:
        """The numbers of a document; what is wrong in it is left out."""
        made = cls()
        if isinstance(document, Mapping):
            for cells in _list(document.get("counts")):
                made._read_count(cells)
            for name, cells in _dict(document.get("spreads")).items():
                made._read_spread(name, cells)
            for name, cells in _dict(document.get("levels")).items():
                if _is_list(cells, 2) and all(map(_is_number, cells)):
                    made.tell(name, *cells)
        return made

    def _read_count(self, cells: object) -> None:
        if _is_list(cells, 3) and _is_whole(cells[2]):
            name, label, amount = cells
            if isinstance(name, str) and isinstance(label, str):
                self.count(name, label, amount, MOST_TOGETHER)

    def _read_spread(self, name: str, cells: object) -> None:
        if not _is_list(cells, 3):
            return
        bounds, counts, total = _list(cells[0]), _list(cells[1]), cells[2]
        fits = len(counts) == len(bounds) + 1 and all(map(_is_whole, counts))
        if fits and all(map(_is_number, bounds)) and _is_number(total):
            self._spread(name).merge(bounds, counts, total)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_list(value: object, size: int) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and len(value) == size


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
