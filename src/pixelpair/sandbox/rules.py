"""Meta's validation of a Conversions API request, as far as it is documented or was observed.

One invalid event rejects the whole batch. What Meta documents but was seen not to enforce is no
fault here but a remark (module `notes`). Where no subcode is recorded, it is a plain code 100.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import ldu
from .custom_rules import CUSTOM_RULES
from .fields import MAX_DEPTH, is_deep, part
from .user_rules import USER_RULES
from .verdicts import Fault

if TYPE_CHECKING:
    from .fields import Event, Rule

MAX_EVENTS = 1000
DAY = 86_400
# Meta documents no tolerance; two hosts' clocks may differ by this much without anyone's fault.
CLOCK_SKEW = 60
DEFAULT_AGE_DAYS = 7
MAX_AGE_DAYS = {"physical_store": 62}
ACTION_SOURCES = (
    "app",
    "business_messaging",
    "chat",
    "email",
    "other",
    "phone_call",
    "physical_store",
    "system_generated",
    "website",
)
_TOKEN = re.compile(r"[A-Za-z0-9._|~+/=-]{1,1000}")
_PIXEL = re.compile(r"[0-9]{1,32}")


def is_token(value: object) -> bool:
    """The sandbox knows no accounts: any token of sound spelling will do."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def is_pixel_id(value: str) -> bool:
    return _PIXEL.fullmatch(value) is not None


def check(data: object, now: float) -> Fault | None:
    """The first broken rule of the request's `data`, or None: then all of it is accepted."""
    if not isinstance(data, list) or not data:
        return Fault(("data",), "data must be a list of at least one event")
    if len(data) > MAX_EVENTS:
        return Fault(("data",), f"data holds {len(data)} events; {MAX_EVENTS} are allowed")
    for index, event in enumerate(data):
        fault = check_event(event, now)
        if fault:
            return fault.under("data", str(index))
    return None


def check_event(event: object, now: float) -> Fault | None:
    if not isinstance(event, dict):
        return Fault((), "an event must be a JSON object")
    return next((fault for rule in RULES if (fault := rule(event, now))), None)


def _depth(event: Event, _now: float) -> Fault | None:
    return Fault((), "the event is nested too deeply") if is_deep(event, MAX_DEPTH) else None


def _name(event: Event, _now: float) -> Fault | None:
    name = event.get("event_name")
    if isinstance(name, str) and name.strip():
        return None
    return Fault(("event_name",), "event_name is missing", 2804019)


def _time(event: Event, now: float) -> Fault | None:
    time, path = event.get("event_time"), ("event_time",)
    if time is None:
        return Fault(path, "event_time is missing", 2804019)
    if not isinstance(time, int) or isinstance(time, bool):
        return Fault(path, "event_time must be an integer: Unix seconds")
    days = MAX_AGE_DAYS.get(str(event.get("action_source")), DEFAULT_AGE_DAYS)
    if now - time > days * DAY:
        return Fault(path, f"event_time is more than {days} days ago", 2804003)
    if time > now + CLOCK_SKEW:
        return Fault(path, "event_time is in the future", 2804004)
    return None


def _event_id(event: Event, _now: float) -> Fault | None:
    if isinstance(event.get("event_id"), dict | list | bool):
        return Fault(("event_id",), "event_id must be a string")
    return None


def _action_source(event: Event, _now: float) -> Fault | None:
    source, path = event.get("action_source"), ("action_source",)
    if source in (None, ""):
        return Fault(path, "action_source is missing", 2804019)
    if not isinstance(source, str) or source not in ACTION_SOURCES:
        return Fault(path, f"action_source must be one of {', '.join(ACTION_SOURCES)}")
    return None


def _source_url(event: Event, _now: float) -> Fault | None:
    """Documented as required of website events; not tried without."""
    if event.get("action_source") == "website" and not event.get("event_source_url"):
        return Fault(("event_source_url",), "website events need event_source_url", 2804019)
    return None


def _app_data(event: Event, _now: float) -> Fault | None:
    if event.get("action_source") != "app":
        return None
    info = part(event, "app_data").get("extinfo")
    sound = isinstance(info, list) and len(info) == 16 and info[0] in ("a2", "i2") and info[4]
    detail = "app events need extinfo: 16 slots, a2 or i2 first, the OS version fifth"
    return None if sound else Fault(("app_data", "extinfo"), detail, 2804043)


def _processing(event: Event, _now: float) -> Fault | None:
    if event.get(ldu.OPTIONS) not in (None, [], ["LDU"]):
        return Fault((ldu.OPTIONS,), f'{ldu.OPTIONS} must be [] or ["LDU"]')
    for key in (ldu.COUNTRY, ldu.STATE):
        value = event.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            return Fault((key,), f"{key} must be an integer")
    if event.get(ldu.COUNTRY) not in (None, *ldu.COUNTRIES):
        return Fault((ldu.COUNTRY,), f"{ldu.COUNTRY} must be 0 or 1")
    return None


RULES: tuple[Rule, ...] = (
    _depth,
    _name,
    _time,
    _event_id,
    _action_source,
    _source_url,
    *USER_RULES,
    *CUSTOM_RULES,
    _app_data,
    _processing,
)
