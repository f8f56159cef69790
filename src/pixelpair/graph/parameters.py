"""Parameters of Graph's edges as tables: what each is, and whether given values fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Type = Literal["text", "whole", "number", "flag", "object", "list"]
_TYPES: Final[Mapping[Type, tuple[type, ...]]] = {
    "text": (str,),
    "whole": (int,),
    "number": (int, float),
    "flag": (bool,),
    "object": (dict,),
    "list": (list,),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `one_of`: the values that documents know; `open_ended`: others may pass.
    `inner`: the parameters of an object, or of each object of a list."""

    name: str
    type: Type = "text"
    about: str = ""
    required: bool = False
    one_of: tuple[str, ...] = ()
    open_ended: bool = False
    inner: tuple[Parameter, ...] = ()


def problems(table: tuple[Parameter, ...], values: object, at: str = "") -> Iterator[str]:
    """What is wrong with these values, a line each, by the parameter's path."""
    if not isinstance(values, dict):
        yield f"{at or 'it'} is no object"
        return
    known = {parameter.name: parameter for parameter in table}
    yield from (f"{at}{name} is no parameter" for name in values if name not in known)
    for name, parameter in known.items():
        if name in values:
            yield from _misfit(parameter, values[name], f"{at}{name}")
        elif parameter.required:
            yield f"{at}{name} is missing"


def _misfit(parameter: Parameter, value: object, at: str) -> Iterator[str]:
    if not isinstance(value, _TYPES[parameter.type]) or (
        isinstance(value, bool) and parameter.type != "flag"
    ):
        yield f"{at} is no {parameter.type}"
    elif parameter.required and value in ("", [], {}):
        yield f"{at} is empty"
    elif parameter.one_of and not parameter.open_ended and value not in parameter.one_of:
        yield f"{at} is none of {', '.join(parameter.one_of)}"
    elif parameter.inner and isinstance(value, dict):
        yield from problems(parameter.inner, value, f"{at}.")
    elif parameter.inner and isinstance(value, list):
        for place, item in enumerate(value):
            yield from problems(parameter.inner, item, f"{at}[{place}].")
