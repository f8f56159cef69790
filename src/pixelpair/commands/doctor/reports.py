"""What a shop's pixelpair tells its doctor, made fit to be read: anybody may answer anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a report has, and what stands for what is missing.
_BLANK: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("v", "inserted"), 0),
    **dict.fromkeys(("mode", "why", "muted", "consent", "host", "scheme", "root", "visitor"), ""),
    "coding": "",
    **dict.fromkeys(("shared", "ldu", "asked", "sized", "cut"), False),
    "sends": True,
    "place": -1,
    "chain": [],
    "cache": {},
    "events": [],
    "sealed": [],
    "facts": {},
    "dropped": [],
    "notes": [],
}
_ROWS: Final = {
    "events": (str, str, list, str),
    "sealed": (str, str, list),
    "dropped": (str, str, str),
    "notes": (str, str),
}


def read_report(text: str) -> dict[str, Any] | None:
    """A report with all its keys, whatever the shop's version left out; None: it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("v") != 1:
        return None
    report = {k: found[k] if type(found.get(k)) is type(v) else v for k, v in _BLANK.items()}
    for key, kinds in _ROWS.items():
        report[key] = [row for row in report[key] if _is_row(row, kinds)]
    for key in ("facts", "cache"):
        report[key] = {name: str(value) for name, value in report[key].items()}
    report["chain"] = [str(hop) for hop in report["chain"]] or ["none"]
    return report


def _is_row(row: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(row, list) and tuple(map(type, row)) == kinds
