"""A call's parameters as what they should be: in a form or an address a list is JSON text. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from .refusals import bad_parameter, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# 1 and 0 are equal to these.
_FLAGS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
# No bound is documented of names, descriptions and addresses; the longest known has 5000.
MAX_TEXT = 8000
_BARE = re.compile(r"[0-9]{1,4}")


def text(given: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A string; a number counts as one. Without a default it is required."""
    value = given.get(key, default)
    if value is None or (value == "" and default is None):
        raise missing(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise bad_parameter(f"{key} must be a string")
    if len(told := str(value)) > MAX_TEXT:
        raise bad_parameter(f"{key} is longer than {MAX_TEXT} characters")
    return told


def flag(given: Mapping[str, Any], key: str, default: bool) -> bool:
    value = given.get(key, default)
    if isinstance(value, list | dict) or value not in _FLAGS:
        raise bad_parameter(f"{key} must be true or false")
    return _FLAGS[value]


def whole(given: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    """A whole number of these bounds; what is above the highest is the highest."""
    value = given.get(key, default)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise bad_parameter(f"{key} must be a whole number from {low} on")
    return min(value, high)


def items(given: Mapping[str, Any], key: str) -> list[Any]:
    """A required list."""
    if key not in given:
        raise missing(key)
    value = decoded(given[key], key)
    if not isinstance(value, list):
        raise bad_parameter(f"{key} must be an array")
    return value


def names(given: Mapping[str, Any], key: str, known: Iterable[str]) -> set[str]:
    """A list of words of a vocabulary, or nothing."""
    found = {str(word) for word in items(given, key)} if key in given else set()
    return {chosen(key, word, known) for word in found}


def chosen(key: str, value: object, known: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise bad_parameter(f"{key} must be one of {', '.join(known)}")
    return value


def thing(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A JSON object; none is an empty one."""
    value = decoded(given.get(key, {}), key)
    if not isinstance(value, dict):
        raise bad_parameter(f"{key} must be an object")
    return value


def ids(given: Mapping[str, Any], key: str) -> list[str]:
    """Ids as JSON, as `key[0]=`, or as the bare `0=` of Meta's own sample."""
    indexed = re.compile(rf"{re.escape(key)}\[[0-9]{{1,4}}\]")
    bare = [v for k, v in given.items() if indexed.fullmatch(k) or _BARE.fullmatch(k)]
    found = items(given, key) if key in given else bare
    if not found:
        raise missing(key)
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in found):
        raise bad_parameter(f"{key} must hold ids")
    return [str(one) for one in found]


def decoded(value: Any, key: str) -> Any:
    """JSON text as what it says; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise bad_parameter(f"{key} is not JSON: {error.msg}") from error
