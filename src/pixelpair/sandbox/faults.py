"""Faults on order, for tests and rehearsals: what an endpoint shall do wrong next. Pure.

`POST /api/faults` takes one JSON object (or a list of them), all keys optional:
`preset` a rehearsal to start from, `count` how many calls (1), `seconds` for how long (then the
count is open), `hang` seconds before anything happens, `status` the HTTP status, `error` Meta's
error fields (`code`, `subcode`, `is_transient`, …), `body` a text sent instead of JSON, `headers`
more headers, `accept` record the batch first and then lie about it, `edge` of which edge the calls
are (events; `node` for objects themselves, `*` for all), `ends` how a batch of items ends,
`budget` how many calls a catalog takes in an hour, until the order is called off or over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from .fields import MAX_DEPTH, is_deep
from .presets import PRESETS

MAX_COUNT = 100_000
MAX_HANG = 600.0
MAX_SECONDS = 86_400.0
# 401 for 190 and 400 for 100 are recorded; the others are customary. Clients go by the code.
STATUS_OF_CODE = {1: 500, 2: 503, 10: 403, 102: 401, 190: 401, 200: 403, 294: 403}
TRANSIENT_CODES = frozenset({1, 2})
_TYPES: dict[str, type | tuple[type, ...]] = {
    "preset": str,
    "count": int,
    "seconds": (int, float),
    "hang": (int, float),
    "status": int,
    "error": dict,
    "body": str,
    "headers": dict,
    "accept": bool,
    "edge": str,
    "ends": str,
    "budget": int,
}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING = ("content-length", "transfer-encoding", "connection")
EVENTS, ANY = "events", "*"
End = Literal["finished", "error", "canceled"]
ENDS: tuple[End, ...] = get_args(End)
_BOUNDS: dict[str, tuple[float, float]] = {
    "count": (1, MAX_COUNT),
    "seconds": (1, MAX_SECONDS),
    "hang": (0, MAX_HANG),
    "status": (200, 599),
    "budget": (1, MAX_COUNT),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misbehaviour, and how many calls or seconds it is good for."""

    count: int | None = 1
    seconds: float | None = None
    hang: float = 0.0
    status: int | None = None
    error: dict[str, Any] | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    accept: bool = False
    preset: str | None = None
    edge: str = EVENTS
    ends: End | None = None
    budget: int | None = None

    @property
    def answers(self) -> bool:
        """Does it replace the answer, or merely delay it?"""
        return not (self.status is None and self.error is None and self.body is None)

    def less_one(self) -> Fault:
        return self if self.count is None else replace(self, count=self.count - 1)

    def title(self) -> str:
        """What people call it."""
        if self.preset:
            return PRESETS[self.preset].title
        late = [f"{self.hang:g} s late"] if self.hang else []
        code = [f"code {self.error['code']}"] if self.error else []
        status = [f"HTTP {self.answer_status()}"] if self.answers else []
        ends = [f"batch ends: {self.ends}"] if self.ends else []
        budget = [f"{self.budget} calls an hour"] if self.budget else []
        return ", ".join([*status, *code, *late, *ends, *budget]) or "Nothing changed"

    def answer_status(self) -> int:
        if self.status is not None:
            return self.status
        if self.error is not None:
            return STATUS_OF_CODE.get(self.error["code"], 400)
        return 200

    def error_fields(self) -> dict[str, Any]:
        """Meta's error object, as the caller gave it and completed."""
        given = dict(self.error or {"code": 2})
        subcode = given.pop("subcode", None)
        fields = {
            "message": "(sandbox) a fault on order",
            "type": "OAuthException",
            "is_transient": given["code"] in TRANSIENT_CODES,
            **({} if subcode is None else {"error_subcode": subcode}),
            **given,
        }
        if given["code"] == 190 and "is_transient" not in given:
            del fields["is_transient"]
        return fields


def parse(value: object) -> list[Fault]:
    """The faults of one order. ValueError says what is wrong with it."""
    return [_fault(item) for item in (value if isinstance(value, list) else [value])]


def _fault(value: object) -> Fault:
    if not isinstance(value, dict):
        raise ValueError("a fault is a JSON object")
    for key, given in value.items():
        _check(key, given)
    if "error" in value and type(value["error"].get("code")) is not int:
        raise ValueError("error: needs an integer code")
    preset = PRESETS[value["preset"]].fault if "preset" in value else {}
    whole = {**preset, **value}
    if "budget" in whole and not whole.keys().isdisjoint(("status", "error", "body", "accept")):
        raise ValueError("budget: answers for itself, without status, error, body or accept")
    open_ended = {"count": None} if {"seconds", "budget"} & whole.keys() else {}
    return Fault(**{**open_ended, **whole})


def _check(key: str, given: object) -> None:
    kind = _TYPES.get(key)
    if kind is None:
        raise ValueError(f"{key}: unknown; known are {', '.join(_TYPES)}")
    if not isinstance(given, kind) or (isinstance(given, bool) and kind is not bool):
        raise ValueError(f"{key}={given!r}: wrong type")
    low, high = _BOUNDS.get(key, (None, None))
    if low is not None and high is not None and not low <= given <= high:  # type: ignore[operator]
        raise ValueError(f"{key}={given!r}: must be {low} to {high}")
    if key == "preset" and given not in PRESETS:
        raise ValueError(f"preset={given!r}: unknown; known are {', '.join(PRESETS)}")
    if key == "ends" and given not in ENDS:
        raise ValueError(f"ends={given!r}: must be one of {', '.join(ENDS)}")
    if key == "edge" and given != ANY and not str(given).isidentifier():
        raise ValueError(f"edge={given!r}: must be the name of an edge, node, or *")
    if key == "headers" and not _is_header_dict(given):
        raise ValueError("headers: names and values must be printable ASCII strings, not framing")
    if is_deep(given, MAX_DEPTH):
        raise ValueError(f"{key}: nested too deeply")


def _is_header_dict(given: object) -> bool:
    return isinstance(given, dict) and all(_is_header(*pair) for pair in given.items())


def _is_header(name: str, value: object) -> bool:
    """What the server can send: it ends the connection over any other."""
    sound = _HEADER.fullmatch(name) is not None and name.lower() not in _FRAMING
    return sound and isinstance(value, str) and value.isascii() and value.isprintable()
