"""Meta's enumerations and field lists, written as running text."""

from __future__ import annotations


def words(text: str, between: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(between))
