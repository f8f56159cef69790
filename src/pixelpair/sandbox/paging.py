"""A page of a list, as Graph cuts it: two cursors always, `next` only where more follows. Pure."""

from __future__ import annotations

import base64
import binascii
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from . import params
from .refusals import bad_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .asks import Ask

DEFAULT_LIMIT = 25
# No bound is documented.
MAX_LIMIT = 1000


def page(
    found: Iterable[Any], count: int, ask: Ask, show: Callable[[Any], Any], *, totals: bool = False
) -> dict[str, Any]:
    """The rows that the call asks for. Graph's `next` holds the token: whoever logs it leaks it."""
    start = _before(ask) if ask.given.get("before") else _place(ask.given.get("after")) or 0
    limit = params.whole(ask.given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    rows = [show(one) for one in islice(found, start, start + limit)]
    answer: dict[str, Any] = {"data": rows}
    if rows:
        answer["paging"] = _paging(ask, start, start + len(rows), count, limit)
    if totals and ask.given.get("summary"):
        answer["summary"] = {"total_count": count}
    return answer


def _before(ask: Ask) -> int:
    limit = params.whole(ask.given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    return max(0, (_place(ask.given["before"]) or 0) - limit)


def _paging(ask: Ask, start: int, end: int, count: int, limit: int) -> dict[str, Any]:
    told: dict[str, Any] = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
    if end < count:
        told["next"] = _address(ask, limit, after=_cursor(end))
    if start > 0:
        told["previous"] = _address(ask, limit, before=_cursor(start))
    return told


def _address(ask: Ask, limit: int, **cursor: str) -> str:
    kept = {k: v for k, v in ask.given.items() if k not in ("after", "before", "limit")}
    query = {**kept, "access_token": ask.token, "limit": limit, **cursor}
    return f"{ask.address}?{urlencode(query)}"


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"row {place}".encode()).decode().rstrip("=")


def _place(cursor: object) -> int | None:
    if cursor in (None, ""):
        return None
    given = str(cursor)
    try:
        plain = base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True)
        word, digits = plain.decode("ascii").split(" ")
        if word == "row" and digits.isdecimal() and len(digits) < 12:
            return int(digits)
    except (binascii.Error, ValueError):
        pass
    raise bad_parameter("the cursor is none of this edge's")
