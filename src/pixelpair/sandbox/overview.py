"""How each event name fares: its halves, its pairs, how well Meta could match it, how fresh it is.

The score is an estimate of ours: Meta tells which keys count most, not how much each.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from .summary import delay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .book import Entry, Half

_TECHNICAL = ("client_ip_address", "client_user_agent", "fbp", "fbc")
_ADDRESS = ("fn", "ln", "ct", "st", "zp", "country", "db", "ge")
KEYS = ("em", "ph", "external_id", *_TECHNICAL, *_ADDRESS)
# Ten in all. Meta names em, ph, fn with ln, and the IP address as those that count most, and wants
# external_id, fbp and fbc always; a group counts by the best covered of its keys.
WEIGHTS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("em",), 2.5),
    (("ph",), 1.5),
    (("client_ip_address",), 1.5),
    (("external_id",), 1.0),
    (("fbp",), 1.0),
    (("fbc",), 1.0),
    (("client_user_agent",), 0.5),
    (("fn", "ln"), 0.5),
    (("ct", "st", "zp", "country", "db", "ge"), 0.5),
)


@dataclass(slots=True)
class Tally:
    """The events of one name, counted."""

    name: str
    browser: int = 0
    server: int = 0
    paired: int = 0
    repeats: int = 0
    ids: Counter[str] = field(default_factory=Counter)
    match: dict[str, Counter[str]] = field(
        default_factory=lambda: {"browser": Counter(), "server": Counter()}
    )
    both: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        for channel, half in entry.halves.items():
            self._add_half(channel, half, bool(entry.event_id))
        if len(entry.halves) == 2:
            self.paired += 1
            self.both.update(set.intersection(*map(_keys, entry.halves.values())))
        late = delay(entry.halves.get("server"))
        if late is not None:
            self.delays.append(late)

    def _add_half(self, channel: str, half: Half, named: bool) -> None:
        setattr(self, channel, getattr(self, channel) + 1)
        self.repeats += half["repeats"]
        self.ids[channel] += named
        self.match[channel].update(_keys(half))
        if channel == "server":
            self.remarks.update(half.get("notes", ()))

    def coverage(self, key: str) -> float:
        """The share of server halves with this key, in percent."""
        return percent(self.match["server"][key], self.server)

    def score(self) -> float | None:
        """1 to 10, as Meta's match quality is; none where nothing came from the server."""
        if not self.server:
            return None
        sum_ = sum(weight * max(map(self.coverage, keys)) / 100 for keys, weight in WEIGHTS)
        return round(max(1.0, sum_), 1)

    def shown(self) -> dict[str, Any]:
        found = [{"key": key, "percentage": self.coverage(key)} for key in KEYS]
        return {
            "name": self.name,
            "browser": self.browser,
            "server": self.server,
            "paired": self.paired,
            "browser_only": self.browser - self.paired,
            "server_only": self.server - self.paired,
            "repeats": self.repeats,
            "score": self.score(),
            "keys": found if self.server else [],
            "delay": median(self.delays) if self.delays else None,
            "slowest": max(self.delays, default=None),
        }


def tallies(entries: Iterable[Entry], pixel_id: str = "") -> list[Tally]:
    """By name, the most frequent first; of one pixel, if that is named."""
    found: dict[str, Tally] = {}
    for entry in entries:
        if not pixel_id or entry.pixel_id == pixel_id:
            found.setdefault(entry.name, Tally(entry.name)).add(entry)
    return sorted(found.values(), key=lambda tally: (-max(tally.browser, tally.server), tally.name))


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _keys(half: Half) -> set[str]:
    return set(half.get("match_keys", ()))
