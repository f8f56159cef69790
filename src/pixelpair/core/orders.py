"""Events behind the visitor's back: an order that is paid later, a renewal. Pure decisions.

Their facts are those of the checkout, as it was sealed; their time is that of the payment.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pixelpair.core.events import clean_event_name
from pixelpair.core.making import event_of
from pixelpair.core.sealed import Problem, opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelpair.core.events import Twin
    from pixelpair.core.shop import Shop

# Meta refuses a batch for one event older than 7 days, and ours needs time to leave.
OLDEST: Final = 7 * 86400 - 3600
# Clocks of two machines differ.
_AHEAD: Final = 600


@dataclass(frozen=True, slots=True)
class Later:
    """What a shop wants to be sent, as it said it."""

    event_name: object
    sealed: object
    data: Mapping[str, object]
    event_id: object = None
    occurred_at: object = None
    pixel_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why not: a word for the counter and a sentence for the log, without anybody's data."""

    reason: str
    text: str


_NO_NAME = NotSent("bad name", "an event's name is 1 to 50 letters, digits, spaces, _ or -")
_NO_SEAL = NotSent(
    "no seal",
    "the order has no seal: its visitor had not agreed, was no customer, or seal() was not called",
)
_NO_TIME = "occurred_at is a datetime with a time zone, or Unix seconds"


def send_later(shop: Shop, later: Later, now: float) -> bool:
    """Queue an event for each pixel of the shop; whether it was. The log says why not."""
    try:
        found = twins_of(shop, later, now)
        if isinstance(found, NotSent):
            shop.notes.count(found.reason)
            level = logging.INFO if found.reason == "no seal" else logging.ERROR
            shop.notes.once(("send", found.text), level, "send(): %s", found.text)
            return False
        for twin in found:
            shop.queue(twin.pack())
    except Exception:  # a webhook that fails is sent again, and the order with it
        shop.notes.failed()
        return False
    return True


def twins_of(shop: Shop, later: Later, now: float) -> list[Twin] | NotSent:
    """The event for each pixel of the shop, or why there is none."""
    name = clean_event_name(later.event_name)
    if name is None:
        return _NO_NAME
    if not later.sealed:
        return _NO_SEAL
    checkout = opened(later.sealed, shop.sealing, now)
    if isinstance(checkout, Problem):
        return NotSent(f"{checkout.reason} seal", f"the seal cannot be opened: {checkout.text}")
    time = _time(later.occurred_at, now)
    if isinstance(time, NotSent):
        return time
    event = event_of(shop, name, later.data, later.event_id, time)
    if event.name == "Purchase" and not event.lasting:
        return NotSent("no order id", "a Purchase that is sent must name its order_id")
    if event.fault:
        return NotSent("faults", f"{event.fault}: send() must say them")
    pixels = [later.pixel_id] if later.pixel_id in shop.pixels else shop.pixels
    visitor = checkout.visitor
    return [event.twin(str(pixel), visitor, met=checkout.time) for pixel in pixels]


def _time(occurred_at: object, now: float) -> float | NotSent:
    """When it happened, in Unix seconds."""
    if occurred_at is None:
        return now
    if isinstance(occurred_at, datetime) and occurred_at.tzinfo is not None:
        time = occurred_at.timestamp()
    elif isinstance(occurred_at, int | float) and not isinstance(occurred_at, bool):
        time = min(occurred_at, now + 2 * _AHEAD)  # no float is as large as an int can be
    else:
        return NotSent("bad time", _NO_TIME)
    if not now - OLDEST <= time:  # NaN too
        return NotSent("too old", "occurred_at is more than 7 days ago: Meta takes no such event")
    if time > now + _AHEAD:
        return NotSent("bad time", "occurred_at lies in the future; " + _NO_TIME)
    return min(time, now)
