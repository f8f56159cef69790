"""Facts from what a page pushes to its data layer for Google Analytics 4: `view_item` and lists.

https://developers.google.com/analytics/devguides/collection/ga4/reference/events
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..currencies import currency_code
from .facts import DATA_LAYER, NOTHING, Draft, Facts
from .literals import read_items
from .prices import read_price
from .products import MOST_LISTED, Listing
from .texts import code, label

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

_CALL = re.compile(r"\bgtag\s*\(|\.push\s*\(|\bdataLayer\s*=\s*(?:[\w.$]+\s*\|\|\s*)?\[")
_LIST_EVENTS = ("view_item_list", "view_search_results")

Push = tuple[str, Mapping[str, Any]]  # an event and its e-commerce data


def pushes(text: str, tokens: int) -> tuple[list[Push], int]:
    """The item views that a script tells, as far as they are written out; and the tokens left."""
    found: list[Push] = []
    pos = 0
    for call in _CALL.finditer(text):
        if call.start() < pos:  # within what was read
            continue
        closing = "]" if call.group().endswith("[") else ")"
        try:
            values, pos, tokens = read_items(text, call.end(), closing, tokens)
        except (ValueError, RecursionError):
            return found, 0
        found += _events(values, gtag=call.group().startswith("gtag"))
    return found, tokens


def _events(values: list[Any], *, gtag: bool) -> Iterator[Push]:
    if gtag:
        match values:
            case ["event", str(name), dict(data), *_]:
                yield name, data
        return
    for value in values:
        match value:
            case {"event": str(name), "ecommerce": dict(data)}:
                yield name, data


def read(found: list[Push]) -> Facts:
    """The product of the page's `view_item`, if it tells of one item."""
    if not found:
        return NOTHING
    draft = Draft(DATA_LAYER)
    for name, data in found:
        if name != "view_item":
            continue
        items = _items(data)
        if len(items) == 1:
            _put(draft, items[0], data)
        elif items:
            draft.drop("product_id", "view_item has several items")
    return draft.done()


def read_list(found: list[Push]) -> Listing | None:
    """The items of the page's longest list."""
    lists = [_listed(data) for name, data in found if name in _LIST_EVENTS]
    longest = max(lists, key=len, default=())
    return Listing(longest, DATA_LAYER) if longest else None


def _listed(data: Mapping[str, Any]) -> tuple[Facts, ...]:
    read = []
    for item in _items(data)[: 2 * MOST_LISTED]:
        draft = Draft(DATA_LAYER)
        _put(draft, item, data)
        facts = draft.done()
        if facts.has_id:
            read.append(facts)
    return tuple(read[:MOST_LISTED])


def _items(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = data.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


_FACTS: tuple[tuple[str, str, Callable[[object], str]], ...] = (
    ("product_id", "item_id", code),
    ("name", "item_name", label),
    ("brand", "item_brand", label),
)
_CATEGORIES = ("item_category", *(f"item_category{level}" for level in range(2, 6)))


def _put(draft: Draft, item: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    for fact, key, check in _FACTS:
        draft.put(fact, item.get(key), check)
    draft.put("category", _category(item), label)
    given = item.get("currency", data.get("currency"))
    currency = currency_code(given) if isinstance(given, str) else None
    if given is not None and currency is None:
        draft.drop("currency", "is no ISO 4217 code")
    price = item.get("price")
    if price is None and item.get("quantity", 1) in (1, "1"):
        price = data.get("value")
    draft.put("price", price, lambda value: _asked(value, currency))
    draft.put("currency", currency, str)


def _asked(price: object, currency: str | None) -> Decimal:
    amount = read_price(price, currency)
    if amount.lowest:
        raise ValueError("is a range")
    return amount.value


def _category(item: Mapping[str, Any]) -> str | None:
    levels = [item[key] for key in _CATEGORIES if isinstance(item.get(key), str) and item[key]]
    return " > ".join(levels) or None
