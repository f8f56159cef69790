"""What Meta makes of a pixel's events: the Dataset Quality API. A query out; values in.

https://developers.facebook.com/documentation/ads-commerce/conversions-api/dataset-quality-api
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pixelpair.graph.client import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

# Meta's goal for the share of browser events that the server sends too, where it names none.
GOAL: Final = 75.0
# What Meta calls a good match quality, of ten.
GOOD_MATCH: Final = 6.0
MAX_EVENTS, MAX_ROWS, MAX_TEXT = 200, 50, 300

_FIELDS: Final = (
    "web{event_name,"
    "event_match_quality{composite_score,match_key_feedback{identifier,coverage{percentage}},"
    "diagnostics{name,description,solution,percentage,affected_event_count,total_event_count}},"
    "event_coverage{percentage,goal_percentage,description},"
    "dedupe_key_feedback{dedupe_key,browser_events_with_dedupe_key,server_events_with_dedupe_key,"
    "overall_browser_coverage_from_dedupe_key},"
    "data_freshness{upload_frequency,description}}"
)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of a key: how many percent of the browser's and the server's events carry it, and of the
    browser's how many a server event matches by it. None: not said."""

    browser: float | None
    server: float | None
    both: float | None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something Meta found: its words."""

    name: str
    description: str
    solution: str
    percentage: float | None


@dataclass(frozen=True, slots=True)
class EventQuality:
    """One event name, as Meta sees it. Percentages are 0 to 100; None: Meta does not say."""

    name: str
    score: float | None
    matched_by: Mapping[str, float | None]
    coverage: float | None
    goal: float
    dedup_keys: Mapping[str, Shares]
    freshness: str
    diagnostics: tuple[Diagnostic, ...]


def query(dataset_id: str, *, token: str, graph_url: str, version: str) -> Query:
    """The GET that asks for the quality of a pixel's web events."""
    url = f"{graph_url.rstrip('/')}/{version}/dataset_quality"
    return Query(url, {"dataset_id": dataset_id, "fields": _FIELDS}, token)


def read(document: Mapping[str, Any]) -> tuple[EventQuality, ...]:
    """What an answer says, by event name; what is not as documented is left out."""
    return tuple(map(_event, _objects(document.get("web"), MAX_EVENTS)))


def _event(row: Mapping[str, Any]) -> EventQuality:
    match, coverage = _object(row, "event_match_quality"), _object(row, "event_coverage")
    # Meta's table of fields has the one spelling, its samples have the other.
    keys = row.get("dedupe_key_feedback", row.get("dedup_key_feedback"))
    return EventQuality(
        _text(row.get("event_name")),
        _number(match.get("composite_score")),
        {
            _text(key.get("identifier")): _share(key.get("coverage"))
            for key in _objects(match.get("match_key_feedback"))
        },
        _share(coverage),
        _number(coverage.get("goal_percentage")) or GOAL,
        {
            _text(key.get("dedupe_key", key.get("dedup_key"))): _shares(key)
            for key in _objects(keys)
        },
        _text(_object(row, "data_freshness").get("upload_frequency")),
        tuple(map(_diagnostic, _objects(match.get("diagnostics")))),
    )


def _shares(key: Mapping[str, Any]) -> Shares:
    return Shares(
        _share(key.get("browser_events_with_dedupe_key")),
        _share(key.get("server_events_with_dedupe_key")),
        _share(key.get("overall_browser_coverage_from_dedupe_key")),
    )


def _diagnostic(row: Mapping[str, Any]) -> Diagnostic:
    name, description, solution = map(_text, map(row.get, ("name", "description", "solution")))
    return Diagnostic(name, description, solution, _number(row.get("percentage")))


def _share(value: object) -> float | None:
    """Percent, in an object of its own or bare."""
    return _number(value.get("percentage") if isinstance(value, dict) else value)


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value[:20])
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _text(value: object) -> str:
    return " ".join(value[:MAX_TEXT].split()) if isinstance(value, str) else ""


def _object(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _objects(value: object, most: int = MAX_ROWS) -> list[Mapping[str, Any]]:
    return [row for row in value[:most] if isinstance(row, dict)] if isinstance(value, list) else []
