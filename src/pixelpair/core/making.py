"""From what a shop says to an Event: clean data, money in pairs, and the id that names it once."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import orjson

from pixelpair.core.custom_data import clean_data
from pixelpair.core.events import Event, clean_event_id, purchase_id
from pixelpair.core.money import KEYS, clean_money, line_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from pixelpair.core.shop import Shop

    PriceOf = Callable[[str], tuple[Decimal, str] | None]  # of a content id: sum and currency

_BASKET = ("content_ids", "contents", "value", "currency")


def event_of(
    shop: Shop, name: str, given: Mapping[str, object], given_id: object, now: float
) -> Event:
    """The event that the shop means. What cannot be read is dropped, and said."""
    if not given and given_id is None:
        return Event(name, shop.new_id(), int(now), {})
    data, dropped = data_of(name, given, shop.currency)
    event_id, lasting = _event_id(shop, name, given_id, data, dropped)
    for why in dropped:
        shop.notes.say("dropped", name, why, per=(name, why))
    return Event(name, event_id, int(now), shop.wall.data(data), lasting)


def data_of(
    name: str, given: Mapping[str, object], currency: str | None
) -> tuple[dict[str, object], list[str]]:
    """The custom data worth sending, and a sentence for each field that was dropped.

    `currency` is that of sums that name none.
    """
    if KEYS.isdisjoint(given):
        return clean_data(given)
    data, dropped = clean_data({key: given[key] for key in given if key not in KEYS})
    money, why = clean_money(given, currency, lone=name == "Purchase")
    return {**data, **money}, dropped + why


def priced(data: dict[str, object], price_of: PriceOf) -> dict[str, object]:
    """The line just added with its price and value, where they are known and nobody said others."""
    line = _unpriced_line(data)
    known = None if line is None else price_of(str(line["id"]))
    if line is None or known is None:
        return data
    price, currency = known
    value = line_value(line["quantity"], price)
    if value is None or str(data.get("currency") or currency).upper() != currency:
        return data
    lines = [{**line, "item_price": price}]
    return {**data, "contents": lines, "value": value, "currency": currency}


def _unpriced_line(data: Mapping[str, object]) -> Mapping[str, object] | None:
    """The only line of an event whose value nobody said, if it has all but its price."""
    lines, ids = data.get("contents"), data.get("content_ids")
    if lines is None and isinstance(ids, list) and len(ids) == 1:
        lines = [{"id": ids[0], "quantity": 1}]
    if data.get("value") is not None or not isinstance(lines, list) or len(lines) != 1:
        return None
    line = lines[0]
    if not isinstance(line, dict) or line.get("item_price") is not None:
        return None
    return line if {"id", "quantity"} <= line.keys() else None


def _event_id(
    shop: Shop, name: str, given_id: object, data: Mapping[str, object], dropped: list[str]
) -> tuple[str, bool]:
    if given_id is not None:
        given = clean_event_id(given_id)
        if given:
            return given, True
        dropped.append("event_id is not 1 to 64 printable ASCII characters")
    if name == "Purchase" and "order_id" in data:
        return purchase_id(shop.id_key, shop.pixel_id, str(data["order_id"])), True
    return shop.new_id(), False


def tied(shop: Shop, event: Event, fbp: str | None) -> Event:
    """A Purchase that names no order, under an id of its browser and its basket.

    So its page can be opened again. Weaker than an order id: the same basket bought again within
    the ledger's days counts once, and another device or a webhook counts it twice.
    """
    if event.name != "Purchase" or event.lasting or event.fault or not fbp:
        return event
    basket = orjson.dumps([event.data.get(key) for key in _BASKET])
    said = f"cart\0{shop.pixel_id}\0{fbp}\0".encode() + basket
    event_id = hmac.new(shop.id_key, said, hashlib.sha256).hexdigest()[:32]
    return event._replace(id=event_id, lasting=True)
