"""What a page shows of its product, for the events that its shop says less of; and what a process
remembers of it for the next act.

The shop's own word goes before the page's, as a group: an id, a sum and its currency, are one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeVar

from pixelpair.core.product import Facts, custom_data, listing_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from pixelpair.core.product import Listing, Scan

T = TypeVar("T")

# The events of a page that are about what it shows.
ABOUT: Final = frozenset({"ViewContent", "Search"})
# Acts on one product that a page has shown, which are worth its price. What was paid is not to be
# guessed.
ACTS: Final = frozenset({"AddToCart", "AddToWishlist", "CustomizeProduct"})
# A product of 300 bytes each.
MOST_PRODUCTS: Final = 5000
MOST_PAGES: Final = 5000
# Microdata that says the same is parsed once a minute at most, which takes milliseconds.
PARSE_EVERY: Final = 60.0

# What stands or falls together.
_GROUPS: Final = (
    frozenset({"content_ids", "contents", "content_type"}),
    frozenset({"value", "currency"}),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A product that a page has shown. `disputed`: others were shown it in another currency."""

    content_id: str
    price: Decimal | None
    currency: str | None
    disputed: bool = False


class Book:
    """The products that pages of this process have shown, by each id that an act may name."""

    def __init__(self) -> None:
        self._products: OrderedDict[str, Known] = OrderedDict()
        self._pages: OrderedDict[bytes, tuple[float, Facts | None]] = OrderedDict()

    def note(self, facts: Facts, known: Known, route_id: str | None) -> None:
        """Remember a product that a page shows."""
        told = (facts.sku, facts.product_id, facts.mpn, facts.gtin)
        ids = {known.content_id, *(fact.value for fact in told if fact)}
        for own in ids | ({route_id} if route_id else set()):
            agreed = _agreed(own, self._products.get(own), known)
            _keep(self._products, own, agreed, MOST_PRODUCTS)

    def find(self, own_id: object) -> Known | None:
        """The product that has this id."""
        return self._products.get(str(own_id))

    def price_of(self, own_id: str) -> tuple[Decimal, str] | None:
        """What a piece of it costs, if its page told."""
        known = self._products.get(own_id)
        if known is None or known.price is None or known.currency is None:
            return None
        return known.price, known.currency

    def parsed(self, page: bytes, now: float) -> Facts | None:
        """What this page's microdata was found to say less than PARSE_EVERY ago."""
        until, facts = self._pages.get(page, (0.0, None))
        return facts if now < until else None

    def keep(self, page: bytes, facts: Facts, now: float) -> None:
        """Keep what a page's microdata said."""
        _keep(self._pages, page, (now + PARSE_EVERY, facts), MOST_PAGES)


def _agreed(own: str, before: Known | None, known: Known) -> Known:
    """What an id stands for by now. A guess between two is none.

    Variants share a product's id and pages of many markets their address: whichever somebody else
    has seen last is not what this visitor buys.
    """
    if before is None:
        return known
    if before.content_id != known.content_id:
        return known if own == known.content_id else Known(own, None, None)
    codes = {before.currency, known.currency} - {None}
    if before.disputed or len(codes) > 1:
        return replace(known, price=None, currency=None, disputed=True)
    return known


K = TypeVar("K")


def _keep(kept: OrderedDict[K, T], key: K, value: T, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Naming:
    """By which ids products go to Meta, and the book of those that were shown.

    `content` and `group` are a choice of CONTENT_IDS and GROUP_IDS, a function, or the default.
    """

    content: str | Callable[[Facts], object] | None = None
    group: str | Callable[[Facts], object] | None = None
    book: Book = field(default_factory=Book)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: one product, or a list of them."""

    facts: Facts
    listing: Listing | None = None


def shown_by(scan: Scan, book: Book, url: str, now: float) -> Shown:
    """What a scan that has ended found; its microdata is parsed if nobody did so lately.

    What it says is compared: the price at this address may be another visitor's own.
    """
    facts = scan.facts
    if scan.needs_microdata:
        page = blake2b(url.encode("utf-8", "replace") + scan.said_in_microdata()).digest()
        before = book.parsed(page, now)
        facts = scan.read_microdata() if before is None else before
        if before is None:
            book.keep(page, facts, now)
    return Shown(facts, scan.listing)


def page_data(
    naming: Naming,
    shown: Shown,
    event_name: str,
    matched: Mapping[str, object],
    currency: str | None,
) -> dict[str, object]:
    """What the page says for an event; `matched` is what its address said."""
    if event_name == "Search":
        items = shown.listing.items if shown.listing else ()
        return listing_data(items, naming.content)
    facts = shown.facts
    if not facts.known:
        return {}
    ids = matched.get("content_ids")
    route_id = str(ids[0]) if isinstance(ids, list) and ids else None
    content, group = naming.content, naming.group
    data = custom_data(
        facts,
        content_choice=content,
        group_choice=group,
        route_id=route_id,
        currency=currency,
    )
    named = data.get("content_ids")
    if isinstance(named, list):
        price = facts.price.value if facts.price and "value" in data else None
        code = data.get("currency")
        known = Known(named[0], price, str(code) if code else None)
        if data["content_type"] == "product":
            naming.book.note(facts, known, route_id)
    return data


def under(
    page: Mapping[str, object], matched: Mapping[str, object], said: Mapping[str, object]
) -> dict[str, object]:
    """One event's data from page, address and view: the view's word goes before the page's."""
    other = {key for key, value in said.items() if key not in page or page[key] != value}
    spoken = {key for group in _GROUPS for key in group if not group.isdisjoint(other)}
    kept = {key: value for key, value in page.items() if key not in spoken}
    if "content_ids" in said and "contents" in matched:
        matched = {**matched, "contents": _renamed(matched["contents"], said["content_ids"])}
        matched = {key: value for key, value in matched.items() if value is not None}
    return {**matched, **kept, **said}


def _renamed(lines: object, ids: object) -> object:
    """The address's line under the one id that the view says; None where it says several."""
    one = ids[0] if isinstance(ids, list | tuple) and len(ids) == 1 else ids
    if not isinstance(lines, list) or not isinstance(one, str | int):
        return None
    return [{**line, "id": one} for line in lines]


def named(book: Book, matched: dict[str, object]) -> dict[str, object]:
    """What the address of an act said, with the product's id as its page has told it to Meta."""
    ids = matched.get("content_ids")
    known = book.find(ids[0]) if isinstance(ids, list) and len(ids) == 1 else None
    if known is None:
        return matched
    data = {**matched, "content_ids": [known.content_id]}
    lines = matched.get("contents")
    if isinstance(lines, list):
        data["contents"] = [{**line, "id": known.content_id} for line in lines]
    return data
