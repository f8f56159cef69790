"""A pixel's own checks for dynamic ads, from the events that were received. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import params
from .asks import fields, select
from .event_matches import DAY, content_ids, moment
from .fields import part
from .refusals import no_such_object
from .rules import is_pixel_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from .asks import Ask
    from .book import Half
    from .catalogs import Catalogs

Seen = list[tuple[float, str, "Half"]]
WANTED = ("ViewContent", "AddToCart", "Purchase")
CHANNELS = {"ALL": ("browser", "server"), "BROWSER": ("browser",), "SERVER": ("server",), "APP": ()}
FIELDS = ("key", "title", "description", "result", "action_uri", "user_message")


def checks(world: Catalogs, _pixel: object, ask: Ask) -> dict[str, Any]:
    if not is_pixel_id(ask.node):
        raise no_such_object(ask.node, ask.method)
    keys = params.names(ask.given, "checks", CHECKS)
    method = params.chosen("connection_method", ask.given.get("connection_method", "ALL"), CHANNELS)
    seen = _seen(world, ask.node, CHANNELS[method])
    tree = fields(ask, FIELDS, FIELDS)
    rows = [_row(key, seen, ask.now) for key in CHECKS if not keys or key in keys]
    return {"data": [select(row, tree) for row in rows]}


def _seen(world: Catalogs, pixel: str, channels: tuple[str, ...]) -> Seen:
    return [
        (moment(half), entry.name, half)
        for entry in world.entries()
        if entry.pixel_id == pixel and entry.name in WANTED
        for channel, half in entry.halves.items()
        if channel in channels
    ]


def _row(key: str, seen: Seen, now: float) -> dict[str, Any]:
    title, description, judge = CHECKS[key]
    return {"key": key, "title": title, "description": description, "result": judge(seen, now)}


def _missing_event(seen: Seen, now: float) -> str:
    """One of each within a day."""
    fresh = {name for at, name, _ in seen if now - at <= DAY}
    return "passed" if fresh.issuperset(WANTED) else "failed"


def _missing_param(seen: Seen, _now: float) -> str:
    if not seen:
        return "unavailable"
    named = (any(content_ids(part(half, "custom_data"))) for _, _, half in seen)
    return "passed" if all(named) else "failed"


def _decline(seen: Seen, now: float) -> str:
    """Fewer than half of the week's mean within the last day."""
    week = [at for at, _, _ in seen if now - at <= 7 * DAY]
    if not week:
        return "unavailable"
    today = sum(now - at <= DAY for at in week)
    return "passed" if today >= len(week) / 7 / 2 else "failed"


CHECKS: dict[str, tuple[str, str, Callable[[Seen, float], str]]] = {
    "pixel_missing_dpa_event": (
        "Events for dynamic ads",
        "ViewContent, AddToCart and Purchase within 24 hours",
        _missing_event,
    ),
    "pixel_missing_param_in_events": (
        "Products in events",
        "Each of these events names its products",
        _missing_param,
    ),
    "pixel_decline": (
        "Decline of events",
        "At least half as many events as on the week's average day",
        _decline,
    ),
}
