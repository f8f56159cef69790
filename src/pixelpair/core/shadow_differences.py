"""Compares what a page tells the pixel by itself with what pixelpair would make of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pixelpair.core.events import Event
    from pixelpair.core.shadow_calls import Call
    from pixelpair.core.shadow_page import Existing

INIT: Final = "init"  # stands where an event's name would
LONGEST: Final = 80

What = Literal[
    "id missing",
    "other value",
    "other currency",
    "other content_ids",
    "twice",
    "other pixel",
    "missing there",
    "missing here",
    "in a handler",
]


class Difference(NamedTuple):
    """Of one event (or INIT): what the page says, and what pixelpair would."""

    event: str
    what: What
    page: str = ""
    ours: str = ""


def differences(
    found: Existing, events: Sequence[Event], pixels: Sequence[str]
) -> list[Difference]:
    """All that would change if pixelpair took over this page."""
    to_ours = [call for call in found.calls if not call.pixel or call.pixel in pixels]
    to_others = [call for call in found.calls if call.pixel and call.pixel not in pixels]
    names = dict.fromkeys([*(e.name for e in events), *(c.name for c in to_ours)])
    all_of = [*_of_inits(found, pixels)]
    all_of += [Difference(c.name, "other pixel", c.pixel, " ".join(pixels)) for c in to_others]
    for name in names:
        ours = [event for event in events if event.name == name]
        theirs = [call for call in to_ours if call.name == name]
        if ours and not theirs and found.whole:
            unseen = [f"{manager} is not read" for manager in found.managers]
            all_of.append(Difference(name, "missing there", ", ".join(unseen)))
        all_of += _of_event(name, ours, theirs, pixels)
    return list(dict.fromkeys(all_of))


def _of_inits(found: Existing, pixels: Sequence[str]) -> Iterator[Difference]:
    for pixel in dict.fromkeys([*found.inits, *filter(None, found.images)]):
        if pixel not in pixels:
            yield Difference(INIT, "other pixel", pixel, " ".join(pixels))
        elif found.inits.count(pixel) > 1:
            yield Difference(INIT, "twice", pixel)


def _of_event(
    name: str, ours: list[Event], theirs: list[Call], pixels: Sequence[str]
) -> Iterator[Difference]:
    sure = [call for call in theirs if call.sure]
    if theirs and not ours:
        yield Difference(name, "missing here" if sure else "in a handler")
    elif _most(sure, pixels) > len(ours):
        yield Difference(name, "twice")
    for call in theirs:
        if call.has_id is False:
            yield Difference(name, "id missing")
    left = sure or theirs
    for event in ours[: len(left)]:
        call = next((call for call in left if not any(_of_data(event, call))), left[0])
        left = [other for other in left if other is not call]
        yield from _of_data(event, call)


def _most(calls: list[Call], pixels: Sequence[str]) -> int:
    """How often the pixel that is told most is told."""
    return max(sum(call.pixel in ("", pixel) for call in calls) for pixel in pixels)


def _of_data(event: Event, call: Call) -> Iterator[Difference]:
    for what, keys, read in _FIELDS:
        if call.unread.isdisjoint(keys):
            page, ours = read(call.data), read(event.data)
            if page != ours:
                yield Difference(event.name, what, _shown(page), _shown(ours))


def _amount(data: Mapping[str, Any]) -> object:
    value = data.get("value")
    try:
        return round(float(value), 2)  # type: ignore[arg-type]  # whatever it cannot read, it raises
    except (TypeError, ValueError, OverflowError):
        return _text(value)


def _code(data: Mapping[str, Any]) -> object:
    code = _text(data.get("currency"))
    return code and code.upper()


def _ids(data: Mapping[str, Any]) -> object:
    """The products, in whichever of the two ways they are named; no order is meant."""
    ids = data.get("content_ids")
    if isinstance(ids, str) and ids[:1] == "[":  # as the image's address has them
        with suppress(ValueError):
            ids = orjson.loads(ids)
    if ids in (None, []):
        lines = data.get("contents")
        items: Iterable[object] = lines if isinstance(lines, list) else ()
        ids = [line["id"] for line in items if isinstance(line, Mapping) and "id" in line]
    listed = ids if isinstance(ids, list) else [ids]
    return sorted(str(one) for one in listed) or None


_FIELDS: Final[tuple[tuple[What, frozenset[str], Callable[[Mapping[str, Any]], object]], ...]] = (
    ("other value", frozenset({"value"}), _amount),
    ("other currency", frozenset({"currency"}), _code),
    ("other content_ids", frozenset({"content_ids", "contents"}), _ids),
)


def _text(value: object) -> str | None:
    return None if value is None else str(value).strip()


def _shown(value: object) -> str:
    if value is None:
        return "none"
    text = ", ".join(value) if isinstance(value, list) else str(value)
    text = f"{value:.2f}" if isinstance(value, float) else text
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
