"""One call of Meta's pixel: which event it tells, and what of it is written out in the script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pixelpair.core.product.literals import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME: Final = 50
# What is compared of an event; a call that names it without writing it out is not compared.
COMPARED: Final = ("value", "currency", "content_ids", "contents")
# fbevents.js 2.9.325 takes both, and no other spelling.
_ID_NAMES: Final = ("eventID", "event_id")
_NOTHING = re.compile(r"\{\s*\}")


@dataclass(frozen=True, slots=True)
class Call:
    """One event that a page tells the pixel.

    `has_id` None: only running it would tell. `sure`: it runs when the page is shown; else it
    stands in a handler, a function or a condition. `unread`: what of COMPARED is not written out.
    `pixel`: the only one that gets it, where the call names one.
    """

    name: str
    data: Mapping[str, Any]
    has_id: bool | None = False
    sure: bool = True
    unread: frozenset[str] = frozenset()
    pixel: str = ""


def call_of(name: str, rest: list[Any], source: str, *, sure: bool, pixel: str = "") -> Call:
    """The call with these arguments behind its event's name; `source` is how they are written."""
    given: Any = rest[0] if rest else {}
    data = given if isinstance(given, dict) else {}
    dynamic = given is UNREADABLE or "..." in source
    unread = (k for k in COMPARED if not _is_written(k, data, dynamic=dynamic, source=source))
    bounded, only = name[:LONGEST_NAME], pixel[:LONGEST_NAME]
    return Call(bounded, data, _has_id(rest, source), sure, frozenset(unread), only)


def _is_written(key: str, data: Mapping[str, Any], *, dynamic: bool, source: str) -> bool:
    if key not in data:
        return not dynamic and key not in source
    return _is_literal(data[key])


def _is_literal(value: Any) -> bool:
    """Whether all of it is known; a line of `contents` whose id was left out is not."""
    if isinstance(value, list):
        return all(map(_is_literal, value))
    return value is not UNREADABLE and not (isinstance(value, dict) and "id" not in value)


def _has_id(rest: list[Any], source: str) -> bool | None:
    """Whether the argument behind the data has an id: one among the data is none."""
    if len(rest) < 2:
        return None if UNREADABLE in rest and "..." in source else False
    options = rest[1]
    if options is UNREADABLE:
        return None
    named = [options[key] for key in _ID_NAMES if isinstance(options, dict) and key in options]
    if named or not any(key in source for key in _ID_NAMES):
        return None if "..." in source and not named else any(named)
    brace = _last_brace(source)
    if any(source.find(key, brace) >= 0 for key in _ID_NAMES):
        return True  # made when the script runs
    return False if _NOTHING.match(source, brace) else None


def _last_brace(source: str) -> int:
    """Where the last object begins: the options, in all but rare calls."""
    brace = source.rfind("{")
    while brace > 0 and source[brace - 1] == "$":  # in a template
        brace = source.rfind("{", 0, brace)
    return max(brace, 0)
