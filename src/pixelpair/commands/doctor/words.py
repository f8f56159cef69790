"""What the doctor says: one line for each thing it looked at, with its cause and its cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Line:
    """One finding. `where` is the page it was met on; "": the shop as a whole."""

    status: Status
    check: str
    cause: str
    fix: str = ""
    where: str = ""


def ok(check: str, cause: str, where: str = "") -> Line:
    """It is as it should be."""
    return Line("ok", check, cause, "", where)


def warn(check: str, cause: str, fix: str, where: str = "") -> Line:
    """It works, and may not be meant so."""
    return Line("warn", check, cause, fix, where)


def fail(check: str, cause: str, fix: str, where: str = "") -> Line:
    """Events are lost, doubled or wrong."""
    return Line("fail", check, cause, fix, where)
