"""Reads JSON-LD scripts as they are found in pages, and finds the products in them.

The nodes keep schema.org's words; `products` makes facts of them. Microdata becomes such nodes too.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

Node = dict[str, Any]

MOST_NODES = 4_000
MOST_DEPTH = 24
MOST_PRODUCTS = 200
MOST_KIND = 200  # characters of a type's name
MOST_REPAIRED = 64 * 1024  # characters of a page; 10 ms

PRODUCTS = {"product", "productgroup", "productmodel", "individualproduct", "someproducts",
            "vehicle", "car", "motorcycle"}  # fmt: skip
_LISTS = {"itemlist", "offercatalog", "collection", "productcollection"}

# --- a script's text -----------------------------------------------------------------------------

# Round JSON: what templates and content systems wrap scripts in.
_WRAPPING = re.compile(
    r"\A(?:\s|\ufeff|<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)+"
    r"|(?:\s|;|-->|//\s*-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>)+\Z"
)
# Strings are kept; comments and commas before a closing bracket go. Everything unclosed runs to the
# end, so that no text is looked at twice.
_REPAIR = re.compile(
    r"""("[^"\\]*+(?:\\.[^"\\]*+)*(?:"|\\?\Z))|/\*.*?(?:\*/|\Z)|//[^\n]*+|,(?=\s*+[\]}])""",
    re.DOTALL,
)


def parse(text: str, room: int = MOST_REPAIRED) -> object:
    """The value of a script. Raises ValueError where it is no JSON even to a friend, or where
    repairing it would take more than there is room for.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    if len(text) > room:
        raise ValueError("is no JSON")
    text = _unwrapped(text)
    if re.match(r"[\[{\s]*&(?:quot|#34);", text):
        text = html.unescape(text)
    try:
        return json.loads(_REPAIR.sub(r"\1", text), strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None


def _unwrapped(text: str) -> str:
    start = _WRAPPING.match(text)
    text = text[start.end() :] if start else text
    end = _WRAPPING.search(text, max(0, len(text) - 100))
    return text[: end.start()] if end else text


# --- its nodes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """A product in its place: said to be the page's own, in a list, or beside another product."""

    node: Node
    role: str  # "main", "page", "list", "beside"


@dataclass(slots=True)
class Graph:
    """All nodes of all scripts of a page."""

    found: list[Found] = field(default_factory=list)
    lists: list[list[Node]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)  # where the breadcrumbs end
    mains: set[str] = field(default_factory=set)  # what a page calls its main entity, by id
    _by_id: dict[str, Node] = field(default_factory=dict)
    _seen: int = 0

    def add(self, tree: object) -> None:
        """Take in a script's value, or the items of a page's microdata."""
        self._visit(tree, "page", 0)

    def resolve(self, value: object) -> object:
        """The node that a mere `{"@id": …}` means, or the value itself."""
        if isinstance(value, dict) and len(value) <= 2 and isinstance(value.get("@id"), str):
            return self._by_id.get(value["@id"], value)
        return value

    def each(self, value: object) -> Iterator[Node]:
        """The nodes that a property has, few or many."""
        for item in value[:200] if isinstance(value, list) else [value]:
            node = self.resolve(item)
            if isinstance(node, dict):
                yield node

    def _visit(self, value: object, role: str, depth: int) -> None:
        self._seen += 1
        if self._seen > MOST_NODES or depth > MOST_DEPTH:
            return
        if isinstance(value, list):
            for item in value:
                self._visit(item, role, depth + 1)
        elif isinstance(value, dict):
            self._node(value, role, depth)

    def _node(self, node: Node, role: str, depth: int) -> None:
        name, kinds = node.get("@id"), types(node)
        if isinstance(name, str) and len(node) > 2:
            self._by_id.setdefault(name, node)
        elif isinstance(name, str) and role == "main":
            self.mains.add(name)
        if kinds & PRODUCTS and len(self.found) < MOST_PRODUCTS:
            self.found.append(Found(node, "main" if _says_main(node, role) else role))
        elif "breadcrumblist" in kinds:
            self._breadcrumbs(node)
            return
        elif kinds & _LISTS or (not kinds and "itemListElement" in node):
            self._list(node)
            role = "list"
        elif "offer" in kinds and isinstance(node.get("itemOffered"), dict):
            node = {"itemOffered": {"offers": node, **node["itemOffered"]}}
        if _INTO.keys().isdisjoint(node):
            return
        for key, new in _INTO.items():
            if key in node:
                self._visit(node[key], new or role, depth + 1)

    def _list(self, node: Node) -> None:
        items = node.get("itemListElement")
        entries = [_entry(item) for item in (items if isinstance(items, list) else [items])[:200]]
        entries.sort(key=lambda entry: entry[0])
        self.lists.append([found for _, found in entries if found is not None])

    def _breadcrumbs(self, node: Node) -> None:
        items = node.get("itemListElement")
        if isinstance(items, list) and items and isinstance(items[-1], dict):
            last = items[-1]
            inner = last.get("item")
            name = last.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
            if isinstance(name, str):
                self.titles.append(" ".join(name.split()).casefold())


# A key under which products are found, and what it makes of them; None leaves it.
_INTO: Mapping[str, str | None] = {
    "@graph": None, "mainEntity": "main", "mainEntityOfPage": None, "itemListElement": "list",
    "item": None, "itemOffered": None, "hasPart": None, "about": None, "hasOfferCatalog": "list",
    "offers": "beside", "isRelatedTo": "beside", "isSimilarTo": "beside", "itemReviewed": None,
    "isAccessoryOrSparePartFor": "beside", "isConsumableFor": "beside",
    "hasVariant": "variant", "isVariantOf": "group", "brand": "beside", "review": "beside",
}  # fmt: skip


def types(node: Mapping[str, object]) -> Set[str]:
    """Its types in lower case, without the vocabulary's address."""
    kinds = node.get("@type")
    if type(kinds) is str and len(kinds) <= MOST_KIND:
        return _kind(kinds)
    several = kinds if isinstance(kinds, list) else (kinds,)
    return {
        kind for name in several[:20] if isinstance(name, str) for kind in _kind(name[:MOST_KIND])
    }


@lru_cache(256)
def _kind(name: str) -> frozenset[str]:
    """One type, as a set: pages of variants ask it a thousand times."""
    start = max(name.rfind("/"), name.rfind("#"), name.rfind(":")) + 1
    return frozenset((name[start:].lower(),))


def _says_main(node: Node, role: str) -> bool:
    return role == "main" or (role == "page" and bool(node.get("mainEntityOfPage")))


def _entry(item: object) -> tuple[float, Node | None]:
    """Where an element of a list stands, and its product, or the mere id of one."""
    if not isinstance(item, dict):
        return (0, None)
    position = item.get("position")
    if isinstance(position, str) and position.isdecimal() and len(position) < 9:
        position = int(position)
    for key in ("item", "itemOffered"):
        inner = item.get(key)
        item = inner if isinstance(inner, dict) else item
    is_product = bool(types(item) & PRODUCTS) or len(item) <= 2
    return (position if isinstance(position, int | float) else 0, item if is_product else None)
