"""`pixelpair reconcile`: a shop's paid orders beside the Purchases that Meta has."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from pixelpair.commands.books import Books, in_units
from pixelpair.commands.orders import opened_file, orders
from pixelpair.commands.screen import Grid, answer, count
from pixelpair.commands.spools import opened
from pixelpair.commands.words import LEFT, OK, USAGE, add, moment
from pixelpair.core.events import Twin
from pixelpair.core.money import json_number
from pixelpair.delivery.ledger import DEAD, PURCHASE, WAITING, purchase_of
from pixelpair.shops import directory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo
    from decimal import Decimal

    from pixelpair.commands.books import Some
    from pixelpair.commands.orders import Order
    from pixelpair.commands.spools import Opened
    from pixelpair.commands.words import Commands, Read
    from pixelpair.delivery.ledger import Purchase
    from pixelpair.settings import Settings

_ORDER: Final = ("line", "order", "value", "paid at")
_NO_PIXEL: Final = "--pixel must name a pixel of this shop: {}"


# --- the command ---------------------------------------------------------------------------------


def add_reconcile(commands: Commands) -> None:
    """Add the command."""
    parser = add(
        commands,
        "reconcile",
        _reconcile,
        "hold a file of paid orders against the Purchases that were delivered",
        "The file has a header with order_id, value, currency and paid_at, in any order.\n"
        "Exit code 0: all agree; 1: something differs, or a row cannot be read; 2: wrong settings, "
        "arguments\nor file.",
        "pixelpair reconcile orders.csv\n"
        "pixelpair reconcile orders.csv --timezone Europe/Stockholm --limit 0 --json\n"
        "psql -c 'COPY (...) TO STDOUT CSV HEADER' | pixelpair reconcile -",
    )
    parser.add_argument("file", metavar="FILE", help="CSV in UTF-8; - is the standard input")
    parser.add_argument("--pixel", default="", metavar="ID", help="default: the shop's first")
    parser.add_argument(
        "--timezone",
        type=_zone,
        default=UTC,
        metavar="NAME",
        help="of days, and of times that name none; default: UTC",
    )
    parser.add_argument(
        "--limit",
        type=_limit,
        default=20,
        metavar="N",
        help="of each list; default: 20; 0: all",
    )


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{name!r} is no time zone like Europe/Paris") from None


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _reconcile(arguments: argparse.Namespace, read: Read) -> int:
    settings = read()
    shop = _shop(settings, arguments.pixel)
    pixel = arguments.pixel or (shop.pixel_id.split()[0] if shop and shop.pixels else "")
    if shop is None or pixel not in shop.pixels:
        print(_NO_PIXEL.format(" ".join(settings.pixels) or "none is set"), file=sys.stderr)
        return USAGE
    zone = arguments.timezone
    with opened(settings) as found:
        known, since = _known(found, pixel), found.outbox.purchases_since()
        books = Books(shop.key, shop.pixels[0], known, since, arguments.limit or None)
    with opened_file(arguments.file) as file:
        books.compare(orders(file, shop.currency, zone), zone)
    answer(_document(books, pixel), _shown(books, zone), as_json=arguments.json)
    if books.hint:
        print(books.hint, file=sys.stderr)
    return OK if books.agree else LEFT


def _shop(settings: Settings, pixel: str) -> Settings | None:
    """The shop whose pixel this is."""
    if not settings.shops:
        return settings
    found = directory(settings.shops).for_pixel(pixel) if pixel else None
    return found.within(settings) if found else None


def _known(found: Opened, pixel: str) -> list[Purchase]:
    """What journals and outbox know, the better word last."""
    # Journals first: what is taken in meanwhile is seen twice rather than not at all.
    waiting = [
        purchase_of(twin, DEAD if twin.fault else WAITING)
        for twin in found.intake.waiting()
        if isinstance(twin, Twin) and twin.event_name == PURCHASE
    ]
    both = (*waiting, *found.outbox.purchases())
    return [purchase for purchase in both if purchase.pixel_id == pixel]


# --- as a document -------------------------------------------------------------------------------


def _document(books: Books, pixel: str) -> dict[str, Any]:
    return {
        "pixel": pixel,
        "since": books.since,
        "orders": books.total,
        "matched": books.matched,
        "missing": _list(books.missing, lambda it: _of_order(it[0]) | {"state": it[1]}),
        "differing": _list(books.differing, _difference),
        "extra": _list(books.extra, _of_purchase),
        "unknown": _list(books.unknown, _of_order),
        "bad": _list(books.bad, lambda bad: {"line": bad.line, "reason": bad.reason}),
        "days": [
            {
                "day": day,
                "currency": currency,
                "orders": sums.orders,
                "order_value": json_number(sums.ordered),
                "delivered": sums.purchases,
                "delivered_value": json_number(sums.delivered),
            }
            for (day, currency), sums in sorted(books.days.items())
        ],
    }


def _list(some: Some[Any], told: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    return {"total": some.total, "first": [told(one) for one in some.first]}


def _of_order(order: Order) -> dict[str, Any]:
    return {
        "line": order.line,
        "order_id": order.order_id,
        "value": json_number(order.value),
        "currency": order.currency,
        "paid_at": order.paid,
    }


def _difference(pair: tuple[Order, Purchase]) -> dict[str, Any]:
    order, purchase = pair
    value = None if purchase.value is None else json_number(purchase.value)
    return _of_order(order) | {"delivered_value": value, "delivered_currency": purchase.currency}


def _of_purchase(purchase: Purchase) -> dict[str, Any]:
    return {
        "event_id": purchase.event_id,
        "order_id": purchase.order_id,
        "value": None if purchase.value is None else json_number(purchase.value),
        "currency": purchase.currency,
        "time": purchase.event_time,
        "state": purchase.state,
    }


# --- on a screen ---------------------------------------------------------------------------------


def _shown(books: Books, zone: tzinfo) -> list[Grid | str]:
    counted = (
        ("orders", books.total),
        ("with a delivered Purchase", books.matched + books.differing.total),
        ("without", books.missing.total),
        ("too old to know", books.unknown.total),
        ("rows that cannot be read", books.bad.total),
    )
    facts = [*((name, count(n)) for name, n in counted), ("known since", moment(books.since))]
    days = [
        (
            day,
            code,
            count(s.orders),
            _sum(s.ordered, code),
            count(s.purchases),
            _sum(s.delivered, code),
        )
        for (day, code), s in sorted(books.days.items())
    ]
    headings = ("day", "currency", "orders", "value", "delivered", "value")
    shown: list[Grid | str] = [Grid(facts), Grid(days, headings, frozenset({2, 3, 4, 5}))]
    shown += _part(
        "orders without a delivered Purchase",
        books.missing,
        [(*_cells(order, zone), state) for order, state in books.missing.first],
        (*_ORDER, "Purchase"),
    )
    shown += _part(
        "orders of another value than their Purchase",
        books.differing,
        [(*_cells(order, zone), _named(p.value, p.currency)) for order, p in books.differing.first],
        (*_ORDER, "delivered"),
    )
    shown += _part(
        "Purchases without an order",
        books.extra,
        [
            (
                p.order_id or p.event_id,
                _named(p.value, p.currency),
                _at(p.event_time, zone),
                p.state,
            )
            for p in books.extra.first
        ],
        ("order or event", "value", "time", "state"),
    )
    old = [_cells(order, zone) for order in books.unknown.first]
    shown += _part("orders too old to know", books.unknown, old, _ORDER)
    bad = [(str(bad.line), bad.reason) for bad in books.bad.first]
    return [*shown, *_part("rows that cannot be read", books.bad, bad, ("line", "reason"))]


def _part(
    heading: str, some: Some[Any], rows: Sequence[tuple[str, ...]], headings: tuple[str, ...]
) -> list[Grid | str]:
    if not rows:
        return []
    right = frozenset({0}) if headings[0] == "line" else frozenset[int]()
    left = some.total - len(rows)
    more = [f"{count(left)} more: --limit 0"] if left else []
    return [heading, Grid(rows, headings, right), *more]


def _cells(order: Order, zone: tzinfo) -> tuple[str, ...]:
    value = _named(order.value, order.currency)
    return str(order.line), order.order_id, value, _at(order.paid, zone)


def _named(value: Decimal | None, currency: str | None) -> str:
    return "-" if value is None else f"{_sum(value, currency or '')} {currency or ''}".strip()


def _sum(value: Decimal, currency: str) -> str:
    return f"{in_units(value, currency):,}"


def _at(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")
