"""items_batch: what a call asks of each item, what is wrong with it, what is replied. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import item_rules, params
from .fields import MAX_DEPTH, is_deep
from .refusals import bad_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .asks import Ask

# Documented: at most 5000, better 3000.
MAX_REQUESTS = 5000
MAX_BYTES = 28 * 1024 * 1024
PRODUCT = "PRODUCT_ITEM"
METHODS = ("CREATE", "UPDATE", "DELETE")
# Most items are, and looking for depth in one takes 9 us.
FLAT = frozenset({dict, list}).isdisjoint
# Beside products, these are the types whose keys are documented.
KEYS = {
    "HOTEL": ("hotel_id",),
    "VEHICLE": ("vehicle_id",),
    "FLIGHT": ("origin_airport", "destination_airport"),
}


@dataclass(slots=True)
class Line:
    """One request of a batch. `line` counts from 1."""

    line: int
    method: str
    id: str
    data: dict[str, Any]
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def verdict(self) -> dict[str, Any]:
        told: dict[str, Any] = {"retailer_id": self.id}
        for name in ("errors", "warnings"):
            if found := getattr(self, name):
                told[name] = [{"message": text} for text in found]
        return told


@dataclass(frozen=True, slots=True)
class Batch:
    """A call that was understood."""

    item_type: str
    allow_upsert: bool
    lines: list[Line]


def read(ask: Ask) -> Batch:
    """The batch of this call. RefusedError where the call as a whole is wrong."""
    given = ask.given
    item_type = params.text(given, "item_type")
    params.chosen("item_sub_type", given.get("item_sub_type", "EMPTY"), item_rules.SUB_TYPES)
    upsert = params.flag(given, "allow_upsert", True)
    requests = params.items(given, "requests")
    if not requests:
        raise bad_parameter("requests must not be empty")
    if len(requests) > MAX_REQUESTS:
        raise bad_parameter(f"requests holds {len(requests)}; {MAX_REQUESTS} are allowed")
    lines = [_line(at, one, item_type) for at, one in enumerate(requests, 1)]
    return Batch(item_type, upsert, lines)


def reply(batch: Batch, handle: str) -> dict[str, Any]:
    """One of three shapes: clean, with remarks, or refused altogether, without `handles`."""
    verdicts = [line.verdict() for line in batch.lines if line.errors or line.warnings]
    if all(line.errors for line in batch.lines):
        return {"validation_status": verdicts}
    return {"handles": [handle], **({"validation_status": verdicts} if verdicts else {})}


def refused(batch: Batch) -> bool:
    return all(line.errors for line in batch.lines)


def _line(at: int, request: object, item_type: str) -> Line:
    given = request if isinstance(request, dict) else {}
    method = str(given.get("method", "")).upper()
    data = given.get("data")
    known = data if isinstance(data, dict) else {}
    line = Line(at, method, _id(known, item_type), known)
    if method not in METHODS:
        line.errors.append(f"method must be one of {', '.join(METHODS)}")
    elif not isinstance(data, dict):
        line.errors.append("data must be an object")
    elif not FLAT(map(type, known.values())) and is_deep(known, MAX_DEPTH):
        line.errors.append("data is nested too deeply")
    elif not line.id or len(line.id) > item_rules.MAX_ID:
        line.errors.append(f"id must be a string of 1 to {item_rules.MAX_ID} characters")
    elif item_type == PRODUCT and method != "DELETE":
        line.errors = item_rules.errors(known, method == "CREATE")
        line.warnings = item_rules.warnings(known)
    return line


def _id(data: Mapping[str, Any], item_type: str) -> str:
    """Of a product it is `id`, and never `retailer_id`."""
    parts = [data.get(key) for key in KEYS.get(item_type, ("id",))]
    sound = all(isinstance(part, str | int) and not isinstance(part, bool) for part in parts)
    return "-".join(map(str, parts)) if sound else ""
