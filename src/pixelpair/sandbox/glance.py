"""A half at a glance: consent, Limited Data Use, and the names of what it carried.

No value of a customer is here: those are in the half itself, hashed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ldu
from .fields import listed, part
from .user_rules import USER_KEYS_IN_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .fields import Event

# No parameter of Meta's: how its pixel tells of consent is not documented. The stand-in
# fbevents.js says by this one that fbq('consent', 'grant') was called.
CONSENT = "pixelpair_sandbox_consent"
NOT_ASKED = "not asked"
# Meta's API has no field for consent: who sends an event says that it may be sent.
SENT = "sent"
DATA_KEYS_IN_ORDER = (
    "value",
    "currency",
    "content_ids",
    "contents",
    "content_type",
    "content_name",
    "content_category",
    "order_id",
    "num_items",
    "predicted_ltv",
    "net_revenue",
    "search_string",
    "status",
    "delivery_category",
)


def of_event(event: Event) -> dict[str, Any]:
    """A server half's."""
    return {
        "consent": SENT,
        "ldu": ldu.of_event(event).shown(),
        "match_keys": carried(part(event, "user_data"), USER_KEYS_IN_ORDER),
        "data_keys": carried(part(event, "custom_data"), DATA_KEYS_IN_ORDER),
    }


def of_beacon(
    plain: Mapping[str, str], custom: Mapping[str, Any], user: Mapping[str, str]
) -> dict[str, Any]:
    """A browser half's. Its IP address and user agent came with the request and are not named."""
    limited = ldu.of_beacon(plain)
    cookies = {key: plain[key] for key in ("fbp", "fbc") if key in plain}
    return {
        "consent": "granted" if plain.get(CONSENT) == "granted" else NOT_ASKED,
        "ldu": limited.shown(),
        "match_keys": carried({**user, **cookies}, USER_KEYS_IN_ORDER),
        "data_keys": carried(custom, DATA_KEYS_IN_ORDER),
        "notes": limited.remarks(),
    }


def carried(values: Mapping[str, Any], order: Iterable[str]) -> list[str]:
    """The keys with a value: Meta's in this order, then the others by name."""
    full = {key for key, value in values.items() if any(map(_says, listed(value)))}
    known = [key for key in order if key in full]
    return [*known, *sorted(full.difference(known))]


def _says(value: object) -> bool:
    """A price of 0 and a status of false say something."""
    return value not in (None, "", [], {})
