"""The rules of `custom_data`: what was bought, for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import NUMBER, is_currency, is_id, part
from .verdicts import Fault

if TYPE_CHECKING:
    from .fields import Event, Rule


def _custom_data(event: Event, _now: float) -> Fault | None:
    if isinstance(event.get("custom_data", {}), dict | None):
        return None
    return Fault(("custom_data",), "custom_data must be a JSON object", 2804016)


def _value(event: Event, _now: float) -> Fault | None:
    """A number; Meta's own samples also write it as a string ("142.52")."""
    value, path = part(event, "custom_data").get("value"), ("custom_data", "value")
    if value in (None, ""):
        if event.get("event_name") == "Purchase":
            return Fault(path, "a Purchase needs a value", 2804009)
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return None
    return Fault(path, "value must be a number", 2804016)


def _currency(event: Event, _now: float) -> Fault | None:
    if event.get("event_name") != "Purchase":
        return None
    currency, path = part(event, "custom_data").get("currency"), ("custom_data", "currency")
    if currency in (None, ""):
        return Fault(path, "a Purchase needs a currency", 2804010)
    if not is_currency(currency):
        return Fault(path, "currency must be an ISO 4217 code", 2804011)
    return None


def _contents(event: Event, _now: float) -> Fault | None:
    contents, path = part(event, "custom_data").get("contents"), ("custom_data", "contents")
    if contents is None:
        return None
    if not isinstance(contents, list) or not all(isinstance(item, dict) for item in contents):
        return Fault(path, "contents must be a list of JSON objects", 2804008)
    for index, item in enumerate(contents):
        if not is_id(item.get("id")):
            return Fault((*path, str(index), "id"), "each item of contents needs an id", 2804023)
    return None


def _content_ids(event: Event, _now: float) -> Fault | None:
    ids = part(event, "custom_data").get("content_ids")
    if ids is None or (isinstance(ids, list) and all(map(is_id, ids))):
        return None
    detail = "content_ids must be a list of strings or integers"
    return Fault(("custom_data", "content_ids"), detail, 2804016)


CUSTOM_RULES: tuple[Rule, ...] = (_custom_data, _value, _currency, _contents, _content_ids)
