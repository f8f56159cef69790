"""Reads what the pixel sends to `/tr`: parameters in, the browser half of an event out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from . import glance
from .fields import is_deep

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH = 32
# Digits in these are names, not numbers: an order "1001" must not come out as 1001.
TEXT_KEYS = (
    "content_category",
    "content_name",
    "content_type",
    "currency",
    "delivery_category",
    "order_id",
    "search_string",
)
_BRACKETED = re.compile(r"(cd|ud)\[(.+)\]", re.DOTALL)
_KNOWN = frozenset({"id", "ev", "eid", "dl", "rl", "fbp", "fbc", "noscript", glance.CONSENT})


@dataclass(frozen=True, slots=True)
class Beacon:
    """One browser event. `half` is what the record shows of it."""

    pixel_id: str
    name: str
    event_id: str
    half: dict[str, Any]


def read(pairs: Iterable[tuple[str, str]], *, user_agent: str, referer: str) -> Beacon | None:
    """The event of these parameters; None without the two that make one, `id` and `ev`."""
    plain: dict[str, str] = {}
    groups: dict[str, dict[str, str]] = {"cd": {}, "ud": {}}
    for key, value in pairs:
        bracketed = _BRACKETED.fullmatch(key)
        if bracketed:
            groups[bracketed[1]][bracketed[2]] = value
        else:
            plain[key] = value
    if not plain.get("id") or not plain.get("ev"):
        return None
    custom = {key: custom_value(key, text) for key, text in groups["cd"].items()}
    half = {
        "url": plain.get("dl") or referer,
        "referrer": plain.get("rl", ""),
        "custom_data": custom,
        "user_data": groups["ud"],
        "fbp": plain.get("fbp"),
        "fbc": plain.get("fbc"),
        "user_agent": user_agent,
        "noscript": plain.get("noscript") == "1",
        "parameters": {key: value for key, value in plain.items() if key not in _KNOWN},
        **glance.of_beacon(plain, custom, groups["ud"]),
    }
    return Beacon(plain["id"], plain["ev"], plain.get("eid", ""), half)


def custom_value(key: str, text: str) -> Any:
    """Lists, objects, numbers and booleans as such; everything else is the text it is."""
    if key in TEXT_KEYS:
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if value is None or isinstance(value, str) or is_deep(value, MAX_DEPTH) else value
