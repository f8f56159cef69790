"""Reads microdata into the nodes that JSON-LD has, with a real HTML parser.

That costs what parsing costs, so it is asked for only where nothing else told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .json_ld import Graph, types
from .prices import read_price

if TYPE_CHECKING:
    from decimal import Decimal

    from selectolax.lexbor import LexborNode

    from .json_ld import Node

MOST_ITEMS = 200
MOST_PROPERTIES = 5_000  # counted again for each item around them
MOST_TEXT = 2_000_000  # characters; those within each other are taken again and again

_CELL = re.compile(rb"<(?:t[dhr]|tbody)\b", re.IGNORECASE)

# Where a property's value stands; in other elements it is their text.
_VALUES = {"meta": "content", "link": "href", "a": "href", "area": "href", "img": "src",
           "data": "value", "meter": "value", "time": "datetime", "object": "data"}  # fmt: skip
_NAMES = {name.lower(): name for name in (
    "productID", "productGroupID", "inProductGroupWithID", "priceCurrency", "lowPrice",
    "highPrice", "priceSpecification", "priceType", "itemCondition", "itemOffered",
    "itemListElement", "isVariantOf", "hasVariant", "isRelatedTo", "isSimilarTo", "mainEntity",
    "mainEntityOfPage", "businessFunction", "referenceQuantity", "unitCode",
    "valueAddedTaxIncluded", "minPrice", "maxPrice", "eligibleQuantity",
)}  # fmt: skip


def read_items(page: bytes) -> Graph:
    """The items of a page, or of a part of one, in UTF-8. `itemref` is not followed.

    Raises ValueError where parsing it would take long.
    """
    from selectolax.lexbor import LexborHTMLParser  # 4 ms, and most pages never need it

    page = beginning(page)
    if is_bomb(page):
        raise ValueError("has a tag with too many attributes")
    if _CELL.match(page):  # a part of a table, which is nothing alone
        page = b"<table>" + page
    scopes = LexborHTMLParser(page).css("[itemscope]")[:MOST_ITEMS]
    items = {scope.mem_id: _item(scope) for scope in scopes}
    owners: dict[int, Node] = {}
    elements: dict[int, LexborNode] = {}
    left = MOST_PROPERTIES
    for scope in scopes:  # an inner scope comes later, and takes what is its own
        inside = scope.css("[itemprop]")[:left]
        left -= len(inside)
        own, item = scope.mem_id, items[scope.mem_id]
        for element in inside:
            if element.mem_id != own:
                owners[element.mem_id] = item
                elements[element.mem_id] = element
    room = MOST_TEXT
    for name, element in elements.items():
        if room > 0:
            room -= _put(owners[name], element, items.get(name))
    for scope in scopes:
        _forget_crossed_out(items[scope.mem_id], scope)
    graph = Graph()
    graph.add([item for name, item in items.items() if name not in owners])
    return graph


def _item(scope: LexborNode) -> Node:
    attributes = scope.attributes
    item: Node = {"@type": (attributes.get("itemtype") or "").split()[:5]}
    if attributes.get("itemid"):
        item["@id"] = attributes["itemid"]
    if attributes.get("content"):  # of an element that can hold nothing
        item["name"] = attributes["content"]
    if (attributes.get("itemprop") or "").startswith("mainEntity"):
        item["mainEntityOfPage"] = True
    return item


def _put(owner: Node, element: LexborNode, item: Node | None) -> int:
    """Give an item its property; how much text that took."""
    attributes = element.attributes
    value, size = _value(element, attributes) if item is None else (item, 0)
    for name in (attributes.get("itemprop") or "").split()[:5]:
        _add(owner, _NAMES.get(name.lower(), name), value)
    return size


def _value(element: LexborNode, attributes: dict[str, str | None]) -> tuple[str, int]:
    """A property's value, and the characters of the text that it was taken from."""
    if attributes.get("content"):  # on any element, as search engines take it
        return attributes["content"] or "", 0
    attribute = _VALUES.get(element.tag or "")
    if attribute:
        return attributes.get(attribute) or "", 0
    text = element.text() or ""
    return text.strip()[:500], len(text)


def _add(owner: Node, name: str, value: Any) -> None:
    if name not in owner:
        owner[name] = value
    elif isinstance(owner[name], list):
        owner[name].append(value)
    else:
        owner[name] = [owner[name], value]


# --- a price that is no longer asked -------------------------------------------------------------

_CROSSED_OUT = "del,s,strike,[class*=price],[class*=strike],[class*=barred]"
_OLD = re.compile(
    r"(?:\A|[\s_-])(?:old|original|was|before|former|regular|list|rrp|msrp|uvp)(?=[\s_-]|price|\Z)"
    r"|strike|barred|crossed|(?:old|original|was|regular|list)price",
    re.IGNORECASE,
)
MOST_SHOWN = 40


def _forget_crossed_out(item: Node, scope: LexborNode) -> None:
    """Drop a price that its own offer shows as the old one, beside a lower one."""
    price = item.get("price")
    if not isinstance(price, str) or "offer" not in types(item):
        return
    try:
        marked = read_price(price).value
    except ValueError:
        return
    old, asked = _shown(scope)
    if marked in old and any(amount < marked for amount in asked):
        item["priceSpecification"] = {"price": item.pop("price"), "priceType": "StrikethroughPrice"}


def _shown(scope: LexborNode) -> tuple[set[Decimal], set[Decimal]]:
    """The amounts that a reader sees: those that were asked once, and the others."""
    old: set[Decimal] = set()
    asked: set[Decimal] = set()
    for element in scope.css(_CROSSED_OUT)[:MOST_SHOWN]:
        text = element.text().strip()
        if len(text) < 40:
            try:
                amount = read_price(text).value
            except ValueError:
                continue
            crossed = element.tag in ("del", "s", "strike")
            (old if crossed or _OLD.search(element.attributes.get("class") or "") else asked).add(
                amount
            )
    return old, asked - old


# --- what a parser takes long for ----------------------------------------------------------------

# Lexbor's time grows with the square of the depth, and of the attributes of one tag: 128 KB of
# nested elements took 6 s, of attributes 2 s. 2,000 nested elements take 20 ms.
MOST_TAGS = 2_000
LONGEST_TAG = 16 * 1024
MOST_ATTRIBUTES = 2_000


def beginning(page: bytes) -> bytes:
    """As much of a page as a parser gets: up to so many tags."""
    pieces = page.split(b"<", MOST_TAGS)
    return page[: len(page) - len(pieces[-1]) - 1] if len(pieces) > MOST_TAGS else page


def is_bomb(page: bytes) -> bool:
    """Whether a tag of the page has attributes by the thousand."""
    runs = page.split(b">")
    if max(map(len, runs)) <= LONGEST_TAG:
        return False
    tags = [run[run.rfind(b"<") :] for run in runs if len(run) > LONGEST_TAG]
    return any(len(tag.split()) > MOST_ATTRIBUTES for tag in tags)
