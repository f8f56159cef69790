"""How much one visitor may report, and which events were reported already: both in bounded memory.

Per process, and nothing that needs a lock: what two threads miscount by one is no harm.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

MOST_ADDRESSES = 10_000
MOST_EVENTS = 10_000


class Rate:
    """At most `per_minute` of something for each visitor's address."""

    __slots__ = ("_counts", "_minute", "_per_minute")

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._minute = 0
        self._counts: dict[str, int] = {}

    def allows(self, address: str, now: float) -> bool:
        """Whether this one may pass too; it is counted then."""
        minute, counts, key = int(now // 60), self._counts, network(address)
        if minute != self._minute or (len(counts) >= MOST_ADDRESSES and key not in counts):
            self._minute, self._counts = minute, {}
            counts = self._counts
        number = counts.get(key, 0)
        if number >= self._per_minute:
            return False
        counts[key] = number + 1
        return True

    def spent(self, address: str, now: float) -> bool:
        """Whether this one has no more; nothing is counted."""
        here = int(now // 60) == self._minute
        return here and self._counts.get(network(address), 0) >= self._per_minute


class Seen:
    """The newest keys that were added: at least half of MOST_EVENTS, at most all."""

    __slots__ = ("_new", "_old")

    def __init__(self) -> None:
        self._new: set[object] = set()
        self._old: set[object] = set()

    def __contains__(self, key: object) -> bool:
        return key in self._new or key in self._old

    def add(self, key: object) -> None:
        """Remember a key; the oldest half goes when both are full."""
        if len(self._new) >= MOST_EVENTS // 2:
            self._old, self._new = self._new, set()
        self._new.add(key)


@lru_cache(4096)
def network(address: str) -> str:
    """Whose an address is: an IPv6 customer has a whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return parsed.packed[:8].hex()
