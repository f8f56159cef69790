"""What may be left out of an event that Meta refuses, so that the rest of it arrives.

Pure, and on copies: the outbox keeps what happened. An event's name, id and time never change,
but that a time which Meta has not reached yet becomes the present.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pixelpair.core.events import Twin
    from pixelpair.graph.client import Reply

Path = tuple[str, ...]

# https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters: every
# other field outside of these two objects is asked for, or limits what Meta may do with the event.
PARTS: Final = ("user_data", "custom_data")
LOOSE: Final[Path] = ("referrer_url",)
NEEDED: Final[frozenset[Path]] = frozenset({("user_data", "client_user_agent")})
NEEDED_BY: Final[Mapping[str, frozenset[Path]]] = {
    "Purchase": frozenset({("custom_data", "value"), ("custom_data", "currency")})
}
# A sum says nothing without its currency.
SUMS: Final = ("value", "predicted_ltv", "net_revenue")
# What these refusals are about, said or not.
BLAMED: Final[Mapping[tuple[int, int], Path]] = {(100, 2804001): ("user_data", "fbc")}
FUTURE: Final = (100, 2804004)


def blamed(reply: Reply, size: int) -> dict[int, list[Path]]:
    """Which of `size` events the refusal names, and the fields of each. Of an event that was sent
    alone the number may be missing."""
    found: dict[int, list[Path]] = {}
    for path in reply.blamed:
        match path:
            case ("data", number, *field) if number.isascii() and number.isdigit():
                index = int(number)
            case _:
                index, field = (0 if size == 1 else size), list(path)
        if index < size:
            found.setdefault(index, []).append(tuple(field))
    known = BLAMED.get((reply.code or 0, reply.subcode or 0))
    if size == 1 and known and not any(found.get(0, ())):
        found[0] = [known]
    return found


def without(twin: Twin, fields: Iterable[Path]) -> tuple[Twin, list[str]]:
    """The event without these fields, as far as it can do without them; and their names."""
    body = orjson.loads(twin.body)
    # The last line of a list first: the others keep their numbers.
    paths = sorted({path for path in fields if _may_go(twin.event_name, path)}, key=_line)[::-1]
    dropped = [name for path in paths if (name := _drop(body, path))]
    return (twin._replace(body=orjson.dumps(body)), dropped) if dropped else (twin, [])


def clamped(twin: Twin, latest: int) -> Twin:
    """The event, not later than that: one from the future would sink its batch (2804004)."""
    if twin.event_time <= latest:
        return twin
    body = orjson.dumps(orjson.loads(twin.body) | {"event_time": latest})
    return twin._replace(event_time=latest, body=body)


def is_future(reply: Reply) -> bool:
    """Whether Meta refused an event time that it has not reached."""
    return (reply.code, reply.subcode) == FUTURE


def _may_go(event_name: str, path: Path) -> bool:
    if path[:1] == LOOSE:
        return True
    field = path[:2]
    needed = NEEDED | NEEDED_BY.get(event_name, frozenset())
    return len(field) == 2 and field[0] in PARTS and field not in needed


def _line(path: Path) -> int:
    """Which entry of a list is meant; -1: all of it."""
    number = path[2] if len(path) > 2 else ""
    return int(number) if number.isascii() and number.isdigit() else -1


def _drop(body: dict[str, Any], path: Path) -> str:
    """Delete what the path names; "" if there is no such thing."""
    field, line = path[:2] if path[0] in PARTS else path[:1], _line(path)
    holder = body.get(field[0]) if len(field) == 2 else body
    if not isinstance(holder, dict) or field[-1] not in holder:
        return ""
    value, name = holder[field[-1]], ".".join(field)
    if isinstance(value, list) and len(value) > 1 and 0 <= line < len(value):
        del value[line]
        return f"{name}[{line}]"
    del holder[field[-1]]
    if field == ("custom_data", "currency"):
        for tied in SUMS:
            holder.pop(tied, None)
    return name
