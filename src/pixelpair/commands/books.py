"""Orders held against Purchases: which of them belong together, and what each day comes to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pixelpair.commands.orders import Bad, Order
from pixelpair.commands.screen import count
from pixelpair.core.events import purchase_id
from pixelpair.core.money import rounded
from pixelpair.delivery.ledger import DELIVERED, WAITING, Purchase

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    Day = tuple[str, str]  # as 2026-11-22, and a currency

T = TypeVar("T")
NEVER: Final = "never made"
_HINT: Final = (
    "no order of the file is among the {} Purchases of these days: does order_id have the same form"
    " there, such as {}?"
)


@dataclass(slots=True)
class Some(Generic[T]):
    """The first of many, and how many there are."""

    most: int | None
    total: int = 0
    first: list[T] = field(default_factory=list)

    def add(self, one: T) -> None:
        self.total += 1
        if self.most is None or len(self.first) < self.most:
            self.first.append(one)


@dataclass(slots=True)
class Sums:
    """Of one day and currency."""

    orders: int = 0
    ordered: Decimal = Decimal(0)
    purchases: int = 0
    delivered: Decimal = Decimal(0)


class Books:
    """The Purchases of one pixel, which orders are held against; keeps what differs only."""

    def __init__(
        self, key: bytes, pixel: str, known: Iterable[Purchase], since: float, most: int | None
    ) -> None:
        self._key, self._pixel = key, pixel
        self.since = since
        self._known = {purchase.event_id: purchase for purchase in known}
        self._by_order = {p.order_id: p for p in self._known.values() if p.order_id is not None}
        self._met: set[str] = set()
        self.total = self.matched = 0
        self.missing = Some[tuple[Order, str]](most)
        self.differing = Some[tuple[Order, Purchase]](most)
        self.unknown = Some[Order](most)
        self.extra = Some[Purchase](most)
        self.bad = Some[Bad](most)
        self.days: dict[Day, Sums] = defaultdict(Sums)
        self.hint = ""

    def compare(self, found: Iterable[Order | Bad], zone: tzinfo) -> None:
        """Hold all orders against the ledger, then the ledger against them."""
        for order in found:
            if isinstance(order, Bad):
                self.bad.add(order)
            else:
                self._compare(order, _day(order.paid, zone))
        if not self.days:
            return
        first, last = min(day for day, _ in self.days), max(day for day, _ in self.days)
        left = [p for p in self._known.values() if p.event_id not in self._met]
        for purchase in sorted(left, key=lambda p: p.event_time):
            day = _day(purchase.event_time, zone)
            if first <= day <= last and purchase.state in (DELIVERED, WAITING):
                self.extra.add(purchase)
                self._count(purchase, day)
        if not self._met and self.extra.total:
            named = next((p.order_id for p in self.extra.first if p.order_id), "none")
            self.hint = _HINT.format(count(self.extra.total), named)

    def _compare(self, order: Order, day: str) -> None:
        self.total += 1
        purchase = self._find(order.order_id)
        if purchase is None and order.paid < self.since:
            self.unknown.add(order)
            return
        sums = self.days[day, order.currency]
        sums.orders, sums.ordered = sums.orders + 1, sums.ordered + order.value
        if purchase is None:
            self.missing.add((order, NEVER))
            return
        self._met.add(purchase.event_id)
        self._count(purchase, day)
        if purchase.state != DELIVERED:
            self.missing.add((order, purchase.state))
        elif not _agree(order, purchase):
            self.differing.add((order, purchase))
        else:
            self.matched += 1

    def _find(self, order_id: str) -> Purchase | None:
        derived = purchase_id(self._key, self._pixel, order_id)
        # By its order's id where the shop named the event itself, or has another secret since.
        return self._known.get(derived) or self._by_order.get(order_id)

    def _count(self, purchase: Purchase, day: str) -> None:
        if purchase.state == DELIVERED and purchase.value is not None and purchase.currency:
            sums = self.days[day, purchase.currency]
            value = in_units(purchase.value, purchase.currency)
            sums.purchases, sums.delivered = sums.purchases + 1, sums.delivered + value

    @property
    def agree(self) -> bool:
        """Whether nothing differs, as far as the ledger knows."""
        return not any(x.total for x in (self.missing, self.differing, self.extra, self.bad))


def _day(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).date().isoformat()


def _agree(order: Order, purchase: Purchase) -> bool:
    value, code = purchase.value, purchase.currency
    return value is not None and code == order.currency and in_units(value, code) == order.value


def in_units(value: Decimal, currency: str) -> Decimal:
    """A sum with the decimals that its currency has; itself where that is none we know."""
    try:
        return rounded(value, currency)
    except (KeyError, ValueError):
        return value
