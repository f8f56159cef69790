"""What the rules share: how an event's parts are read, and what the parts' values look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from .currencies import CURRENCIES
from .verdicts import Fault

Event = Mapping[str, Any]
Rule = Callable[[Event, float], Fault | None]

# Meta's parameter builder may append its own segment: 2 characters (v1) or 8 (v2).
_APPENDIX = r"(?:\.(?:[A-Za-z0-9_-]{2}|[A-Za-z0-9_-]{8}))?"
HASH = re.compile(r"[0-9a-fA-F]{64}" + _APPENDIX)
CLICK_ID = re.compile(r"fb\.[0-9]{1,2}\.[0-9]{1,16}\.[^\s.]+" + _APPENDIX)
BROWSER_ID = re.compile(r"fb\.[0-9]{1,2}\.[0-9]{1,16}\.[0-9]+" + _APPENDIX)
NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_URL = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)
# What is deeper is no data; and what is kept must be writable again, where orjson stops at 254.
MAX_DEPTH = 64
_IP_APPENDIX = re.compile(r"\.[A-Za-z0-9_-]{8}$")


def part(event: Event, key: str) -> Mapping[str, Any]:
    """The object under `key`; empty when there is none or it is something else."""
    found = event.get(key)
    return found if isinstance(found, dict) else {}


def listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def is_currency(value: object) -> bool:
    """Lower case is accepted: Meta's own samples have it."""
    return isinstance(value, str) and value.upper() in CURRENCIES


def is_url(value: object) -> bool:
    return isinstance(value, str) and _URL.fullmatch(value) is not None


def is_deep(value: object, limit: int) -> bool:
    """Is it nested deeper than that?"""
    level = [value]
    for _ in range(limit):
        level = [child for one in level for child in _children(one)]
        if not level:
            return False
    return True


def _children(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def is_ip(value: object) -> bool:
    try:
        ip_address(_IP_APPENDIX.sub("", str(value)))
    except ValueError:
        return False
    return True
