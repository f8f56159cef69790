"""One management call in neutral form, whether it came alone or in a batch of calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import expansion
from .refusals import bad_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Ask:
    """`given` are its parameters, of the address and of the body; `address` is without them."""

    method: str
    node: str
    edge: str
    given: Mapping[str, Any]
    now: float
    token: str = ""
    address: str = ""


def fields(ask: Ask, known: Iterable[str], default: Iterable[str]) -> expansion.Tree:
    """The fields that a call asks for, or the usual ones. An unknown field refuses the call."""
    asked = ask.given.get("fields")
    if not asked:
        return {name: {} for name in default}
    try:
        tree = expansion.parse(str(asked))
    except expansion.BadFieldsError as error:
        raise bad_parameter(str(error)) from error
    allowed = {*known, "id"}
    for name in tree:
        if name not in allowed:
            raise bad_parameter(f"Tried accessing nonexisting field ({name})")
    return tree


def select(row: Mapping[str, Any], tree: expansion.Tree) -> dict[str, Any]:
    """What is asked for and has a value: Graph leaves the rest out."""
    said = {name: row[name] for name in tree if row.get(name) is not None}
    return {name: expansion.select(value, tree[name]) for name, value in said.items()}
