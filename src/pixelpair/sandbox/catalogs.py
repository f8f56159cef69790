"""All that a sandbox knows of catalogs, and which object a Graph id names.

`mint` makes the handles of batches, `entries` are the events that the sandbox received.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson

from .fields import MAX_DEPTH, is_deep
from .item_batches import Jobs
from .items import Item, Items
from .refusals import bad_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .book import Entry
    from .call_budgets import Calls

# Beyond 2**53, where a client that reads ids as floats changes them.
FIRST_ID = 9_100_000_000_000_001
MAX_CATALOGS = 100
# In all catalogs together; each takes 1 KB.
MAX_ITEMS = 250_000
MAX_ITEM_BYTES = 512 * 1024 * 1024
MAX_NODES = 10_000
# Of one of them, or of a catalog's settings, as JSON.
MAX_DATA = 64 * 1024


@dataclass(slots=True)
class Node:
    """What hangs on a catalog or an account: a product set, a feed, a vehicle, a medium."""

    kind: str
    id: str
    owner: str
    data: dict[str, Any]


@dataclass(slots=True)
class Catalog:
    """One product catalog. `sources` are the pixels and apps that are linked to it, by id."""

    id: str
    business: str
    settings: dict[str, Any]
    items: Items
    jobs: Jobs
    merchant: int
    sources: dict[str, str] = field(default_factory=dict)
    users: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, Calls] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.settings["name"])


@dataclass(frozen=True, slots=True)
class Product:
    """An item with the catalog that it is in."""

    catalog: Catalog
    item: Item


def fitting(data: dict[str, Any]) -> dict[str, Any]:
    """What an object is to keep. RefusedError where it is more than anyone can mean."""
    if is_deep(data, MAX_DEPTH):
        raise bad_parameter("the object is nested too deeply")
    if len(orjson.dumps(data)) > MAX_DATA:
        raise bad_parameter(f"the sandbox keeps {MAX_DATA // 1024} KB of an object")
    return data


Found = Catalog | Product | Node | None


class Catalogs:
    """The catalogs of one sandbox, and every other object that has an id."""

    def __init__(
        self,
        mint: Callable[[], str] = lambda: secrets.token_urlsafe(24),
        entries: Callable[[], Iterable[Entry]] = tuple,
    ) -> None:
        self.mint = mint
        self.entries = entries
        self._catalogs: dict[str, Catalog] = {}
        self._nodes: dict[str, Node] = {}
        self._ids = count(FIRST_ID)

    def __iter__(self) -> Iterator[Catalog]:
        return iter(self._catalogs.values())

    def __len__(self) -> int:
        return len(self._catalogs)

    def clear(self) -> None:
        """Forget everything. Ids go on: none comes twice."""
        self._catalogs.clear()
        self._nodes.clear()

    def forget_calls(self) -> None:
        """Each catalog's hour begins anew."""
        for catalog in self:
            catalog.calls.clear()

    def create(self, business: str, settings: dict[str, Any]) -> Catalog:
        if len(self._catalogs) >= MAX_CATALOGS:
            raise bad_parameter(f"the sandbox keeps {MAX_CATALOGS} catalogs")
        items, made = Items(), str(next(self._ids))
        jobs = Jobs(items, self._ids, self._room)
        catalog = Catalog(made, business, settings, items, jobs, next(self._ids))
        self._catalogs[made] = catalog
        return catalog

    def delete(self, catalog: Catalog) -> None:
        del self._catalogs[catalog.id]
        gone = [node.id for node in self._nodes.values() if node.owner == catalog.id]
        for node_id in gone:
            del self._nodes[node_id]

    def add(self, kind: str, owner: str, data: dict[str, Any]) -> Node:
        if len(self._nodes) >= MAX_NODES:
            raise bad_parameter(f"the sandbox keeps {MAX_NODES} objects beside items")
        made = str(next(self._ids))
        node = self._nodes[made] = Node(kind, made, owner, fitting(data))
        return node

    def remove(self, node: Node) -> None:
        del self._nodes[node.id]

    def of(self, kind: str, owner: str) -> list[Node]:
        return [node for node in self._nodes.values() if (node.kind, node.owner) == (kind, owner)]

    def get(self, catalog_id: str) -> Catalog | None:
        return self._catalogs.get(catalog_id)

    def at(self, catalog_id: str) -> Catalog:
        """The catalog of a node, which ends with it."""
        return self._catalogs[catalog_id]

    def find(self, node: str) -> Found:
        """What this id names; None where the sandbox made no such object."""
        if node.startswith("catalog:"):
            return self._by_address(node)
        return self._catalogs.get(node) or self._nodes.get(node) or self.product(node)

    def product(self, number: str) -> Product | None:
        """The item with this id of Meta's."""
        if not (number.isascii() and number.isdecimal() and len(number) < 20):
            return None
        for catalog in self:
            if item := catalog.items.numbered(int(number)):
                return Product(catalog, item)
        return None

    def settle(self, now: float) -> bool:
        """Do the batches that are due, of all catalogs. Says whether there were any."""
        return sum(catalog.jobs.settle(now) for catalog in self) > 0

    def _room(self, more: int, grown: int) -> bool:
        """For so many more items, which make all of them so many bytes longer."""
        count = sum(len(catalog.items) for catalog in self) + more
        size = sum(catalog.items.size for catalog in self) + grown
        return count <= MAX_ITEMS and size <= MAX_ITEM_BYTES

    def _by_address(self, node: str) -> Product | None:
        """`catalog:{id}:{retailer id in base64url}`."""
        _, catalog_id, encoded = (*node.split(":", 2), "", "")[:3]
        catalog = self._catalogs.get(catalog_id)
        try:
            plain = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
            item = catalog.items.get(plain.decode()) if catalog else None
        except (binascii.Error, ValueError):
            return None
        return Product(catalog, item) if catalog and item else None
