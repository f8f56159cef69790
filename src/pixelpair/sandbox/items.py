"""The items of one catalog, each kept as the bytes of its JSON: 100,000 take some 100 MB. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any

import orjson

from .item_flags import flags_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Of items that were deleted, so many ids are remembered: events may still name them.
MAX_GONE = 10_000
REVIEWS = ("approved", "rejected", "pending", "outdated", "")


@dataclass(slots=True)
class Item:
    """`number` is Meta's id of it, `id` the shop's."""

    number: int
    id: str
    data: bytes
    flags: int
    group: str
    review: str = "approved"

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.data)
        return found


class Items:
    """Looked up by the shop's id and by Meta's."""

    def __init__(self) -> None:
        self.size = 0  # of all items, in bytes
        self._by_id: dict[str, Item] = {}
        self._by_number: dict[int, Item] = {}
        self._groups: Counter[str] = Counter()
        self._gone: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._by_id.values())

    def get(self, retailer_id: str) -> Item | None:
        return self._by_id.get(retailer_id)

    def numbered(self, number: int) -> Item | None:
        return self._by_number.get(number)

    def has_group(self, group: str) -> bool:
        return group in self._groups

    def groups(self) -> list[str]:
        return list(self._groups)

    def was_deleted(self, retailer_id: str) -> bool:
        return retailer_id in self._gone

    def put(self, retailer_id: str, number: int, data: Mapping[str, Any], text: bytes) -> Item:
        """Add an item, or change it: then it keeps its number and its review."""
        flags = flags_of(data)
        group = intern(str(data.get("item_group_id") or ""))
        known = self._by_id.get(retailer_id)
        if known is None:
            known = Item(number, retailer_id, text, flags, group)
            self._by_id[retailer_id] = self._by_number[number] = known
            self._gone.pop(retailer_id, None)
        else:
            self._leave(known.group)
            self.size -= len(known.data)
            known.data, known.flags, known.group = text, flags, group
        self.size += len(text)
        if group:
            self._groups[group] += 1
        return known

    def remove(self, retailer_id: str) -> bool:
        known = self._by_id.pop(retailer_id, None)
        if known is None:
            return False
        del self._by_number[known.number]
        self.size -= len(known.data)
        self._leave(known.group)
        self._gone[retailer_id] = None
        if len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]
        return True

    def _leave(self, group: str) -> None:
        if group:
            self._groups[group] -= 1
            if not self._groups[group]:
                del self._groups[group]


def encoded(data: Mapping[str, Any]) -> bytes:
    """A copy: what orjson returns keeps its 4 KB buffer (100,000 items took 440 MB)."""
    return bytes(memoryview(orjson.dumps(data)))


def merged(known: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The item after an update: a key that is left out stays, an empty value takes one away."""
    both = {**known, **change}
    return {key: value for key, value in both.items() if value not in ("", None)}
