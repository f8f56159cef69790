"""The events of a test as pairs, and assertions that show what was seen instead.

Knows rows as the sandbox tells them; knows no shop, and where the rows come from.
"""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Row = dict[str, Any]
_PAUSE = 0.05
_SHOWN = ("value", "currency", "content_ids", "order_id", "search_string", "num_items")
_HALVES = {"paired": "pair", "browser_only": "browser half alone", "server_only": "server alone"}
_MISSING = "(nothing)"


class Source(NamedTuple):
    """Where events come from: `rows` of now, what did not leave by reason, and hints."""

    rows: Callable[[], list[Row]]
    held: Callable[[], Mapping[str, int]]
    hints: Callable[[], list[str]]
    patience: float = 0.0  # seconds that a half may be on its way


class Pair:
    """One event and its halves; either may be None where it is alone."""

    __slots__ = ("browser", "event_id", "name", "pixel_id", "server")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.name: str = row["name"]
        self.event_id: str = row["event_id"] or ""
        self.pixel_id: str = row["pixel_id"]
        self.browser: dict[str, Any] | None = row["browser"]
        self.server: dict[str, Any] | None = row["server"]

    @property
    def status(self) -> str:
        """`paired`, `browser_only` or `server_only`."""
        if self.browser is None:
            return "server_only"
        return "paired" if self.server is not None else "browser_only"

    @property
    def data(self) -> dict[str, Any]:
        """The custom data of both halves; where they differ, the server's."""
        return {**_data(self.browser), **_data(self.server)}

    def has(self, **expected: object) -> Pair:
        """Check the custom data that both halves say; gives the pair again.

        Numbers are compared as numbers: `value="49.90"` is 49.9. A half may leave a field out (a
        cookie to the next page has room for few), but not both.
        """
        __tracebackhide__ = True
        halves = _data(self.browser), _data(self.server)
        wrong = [key for key, value in expected.items() if not _fits(value, key, halves)]
        if wrong:
            raise AssertionError(self._unlike(expected, wrong))
        return self

    def _unlike(self, expected: Mapping[str, object], wrong: Sequence[str]) -> str:
        rows: list[tuple[str, ...]] = [("", "expected", "browser", "server")]
        for key in wrong:
            seen = (_data(half).get(key, _MISSING) for half in (self.browser, self.server))
            rows.append((key, *(_text(value) for value in (expected[key], *seen))))
        alike = [f"as expected: {', '.join(k for k in expected if k not in wrong)}"]
        return "\n".join(
            [f"{self.name} {self.event_id} has another {', '.join(wrong)}", *_columns(rows)]
            + (alike if len(wrong) < len(expected) else [])
        )

    def __repr__(self) -> str:
        said = " ".join(f"{key}={_text(self.data[key])}" for key in _SHOWN if key in self.data)
        return f"<{self.name} {self.event_id} {_HALVES[self.status]}{' ' if said else ''}{said}>"


class Events:
    """The events of this test, in the order in which they were first seen."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __repr__(self) -> str:
        return f"<Events {self._now()}>"

    def pair(self, name: str) -> Pair:
        """The one event of this name, whose two halves have one id."""
        __tracebackhide__ = True
        found = self._seen(lambda events: bool(_paired(events, name)))
        paired = _paired(found, name)
        ids = dict.fromkeys(event.event_id for event in paired)
        if len(ids) != 1:
            raise AssertionError(self._report(f"{len(ids) or 'no'} pairs of {name}", found))
        if lone := [event for event in found if event.name == name and event not in paired]:
            raise AssertionError(self._report(f"a lone half beside the pair {name}", found, lone))
        return paired[0]

    def pairs(self, name: str | None = None) -> list[Pair]:
        """The events of this name (without one, all) that have both halves."""
        return _paired(self._seen(lambda events: bool(_paired(events, name))), name)

    def lone(self, name: str) -> Pair:
        """The one event of this name, which has one half only: as one of `pixelpair.send`."""
        __tracebackhide__ = True
        found = self._seen(lambda events: any(event.name == name for event in events))
        own = [event for event in found if event.name == name]
        ids = dict.fromkeys(event.event_id for event in own)
        if len(ids) != 1 or own[0].status == "paired":
            raise AssertionError(self._report(f"no lone half {name}", found))
        return own[0]

    def names(self) -> list[str]:
        """The name of each event, of pairs and of lone halves."""
        seen = {(event.name, event.event_id): event.name for event in self._now()}
        return list(seen.values())

    def none(self, *names: str) -> None:
        """Check that nothing of these names (without one, nothing at all) left anywhere."""
        __tracebackhide__ = True
        found = self._now()
        if left := [event for event in found if not names or event.name in names]:
            told = f"seen, and not expected: {', '.join(names) or 'any event'}"
            raise AssertionError(self._report(told, found, left))

    def assert_no_lone_halves(self, *, but: Iterable[str] = ()) -> None:
        """Check that each event has both halves; `but` names those that are meant to be alone.

        What `pixelpair.send` sent has no browser half, and needs no mention where it is recorded.
        """
        __tracebackhide__ = True
        allowed = frozenset(but)
        found = self._seen(lambda events: not _alone(events, allowed))
        if not (found or self._source.held()) and self._source.hints():
            raise AssertionError(self._report("no event to check", found))
        if lone := _alone(found, allowed):
            count = "a lone half" if len(lone) == 1 else f"{len(lone)} lone halves"
            raise AssertionError(self._report(count, found, lone))

    @property
    def held(self) -> dict[str, int]:
        """How many events did not leave, by reason: `no consent`, `machine: crawler`, …"""
        self._now()
        return dict(self._source.held())

    # --- what was seen ---------------------------------------------------------------------

    def _now(self) -> list[Pair]:
        return [Pair(row) for row in self._source.rows()]

    def _seen(self, enough: Callable[[list[Pair]], bool]) -> list[Pair]:
        end = time.monotonic() + self._source.patience
        while not enough(found := self._now()) and time.monotonic() < end:
            time.sleep(_PAUSE)
        return found

    def _report(self, what: str, found: Sequence[Pair], marked: Sequence[Pair] = ()) -> str:
        rows = [_line(event, marked=event in marked) for event in found]
        lines = [what, "seen:", *(_columns(rows) or ["  nothing"])]
        if held := self._source.held():
            told = ", ".join(f"{number} × {reason}" for reason, number in held.items())
            lines.append(f"held back: {told}")
        return "\n".join([*lines, *self._source.hints()])


def _paired(events: Iterable[Pair], name: str | None) -> list[Pair]:
    return [e for e in events if e.status == "paired" and name in (None, e.name)]


def _alone(events: Iterable[Pair], allowed: frozenset[str]) -> list[Pair]:
    return [
        event
        for event in events
        if event.status != "paired" and event.name not in allowed and not _is_meant_alone(event)
    ]


def _is_meant_alone(event: Pair) -> bool:
    return bool((event.server or event.browser or {}).get("alone"))


def _line(event: Pair, *, marked: bool) -> tuple[str, ...]:
    said = " ".join(f"{key}={_text(event.data[key])}" for key in _SHOWN if key in event.data)
    mark = ">" if marked else ""
    return mark, event.name, event.event_id or "no id", _HALVES[event.status], said


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[text.ljust(width) for text, width in zip(r, widths, strict=True)] for r in rows]
    return ["  " + "  ".join(row).rstrip() for row in padded]


def _data(half: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if half is None else half.get("custom_data") or {}


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) else repr(value)


def _fits(expected: object, key: str, halves: Iterable[Mapping[str, Any]]) -> bool:
    said = [half[key] for half in halves if key in half]
    return bool(said) and all(_same(expected, value) for value in said)


def _same(expected: object, said: object) -> bool:
    if isinstance(expected, list | tuple) and isinstance(said, list | tuple):
        pairs = zip(expected, said, strict=False)
        return len(expected) == len(said) and all(_same(*pair) for pair in pairs)
    if isinstance(expected, dict) and isinstance(said, dict):
        keys = expected.keys() == said.keys()
        return keys and all(_same(expected[key], said[key]) for key in expected)
    number = _number(said)
    if number is not None and not isinstance(said, str):
        return number == _number(expected)
    return expected == said


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
