"""What a source of products gives: rows, and faults with the line and the field they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pixelpair.errors import PixelPairError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SourceError(PixelPairError):
    """A source of products cannot be read, or not to its end."""


class Row(NamedTuple):
    """One product as the source has it. `line` is where it begins, counted from 1; `sound`: all
    of it is known to fit into JSON."""

    line: int
    values: Mapping[str, object]
    sound: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row. `fatal`: the row stays behind; else the field does, or neither.

    `id` is empty where it could not be read.
    """

    line: int
    field: str
    problem: str
    id: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        name = f" ({self.id})" if self.id else ""
        field = f" {self.field}:" if self.field else ""
        return f"line {self.line}{name}:{field} {self.problem}"
