"""A sound Conversions API event to spoil, and the clock it is sound at."""

from __future__ import annotations

from typing import Any

NOW = 1_800_000_000.5
DAY = 86_400
HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
GONE = object()

EVENT: dict[str, Any] = {
    "event_name": "Purchase",
    "event_time": int(NOW) - 5,
    "event_id": "order-1",
    "action_source": "website",
    "event_source_url": "https://shop.example/thanks",
    "user_data": {
        "em": [HASH],
        "client_user_agent": "Mozilla/5.0",
        "client_ip_address": "203.0.113.9",
    },
    "custom_data": {
        "value": 19.9,
        "currency": "SEK",
        "content_ids": ["SKU-1", 2],
        "contents": [{"id": "SKU-1", "quantity": 1}],
    },
}


def event(**changes: Any) -> dict[str, Any]:
    """The sound event with these keys changed; GONE removes one."""
    return _changed(EVENT, changes)


def bought(**changes: Any) -> dict[str, Any]:
    return event(custom_data=_changed(EVENT["custom_data"], changes))


def known(**changes: Any) -> dict[str, Any]:
    return event(user_data=_changed(EVENT["user_data"], changes))


def _changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**base, **changes}.items() if value is not GONE}
