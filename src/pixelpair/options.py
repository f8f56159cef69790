"""How an option is declared and read, and what is said of a mistake: never a token, whatever it is.

Knows no option by its name, but for one that is no more.
"""

from __future__ import annotations

import re
from dataclasses import Field, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pixelpair import readers
from pixelpair.core.routes import RuleError
from pixelpair.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = "PIXELPAIR_"
_LOGIN = re.compile(r"//[^/]*@")  # the name and password of an address
# Meta's tokens begin so: two variables mixed up must not put one into the log. Readers lower-case
# what they quote, and repr() writes line ends as letters.
_TOKEN_LIKE = re.compile(
    r"(?<=token=)[^&\s]+|(?:(?<![^\W_])|(?<=\\[nrt]))eaa[\w-](?:[\w-]|[.|](?=\w))*|eaa[a-z0-9]{5,}",
    re.IGNORECASE,
)
_CUT_TOKEN = re.compile(r"(?<=\(hidden\))\s+\w.*", re.DOTALL)  # what a blank cut off


# --- declared ------------------------------------------------------------------------------------


def option(default: object, read: Callable[[object], object], expected: str) -> Any:
    """A field that `read` reads; `expected` says what would be right."""
    return field(default=default, metadata={"read": read, "expected": expected, "secret": False})


def unprinted(default: object, read: Callable[[object], object], expected: str) -> Any:
    """An option that no repr shows."""
    metadata = {"read": read, "expected": expected, "secret": False}
    return field(default=default, repr=False, metadata=metadata)


def hidden(default: object, read: Callable[[object], object], expected: str) -> Any:
    """An option that no repr shows and no mistake quotes."""
    metadata = {"read": read, "expected": expected, "secret": True}
    return field(default=default, repr=False, metadata=metadata)


def flag() -> Any:
    """What is off until it is switched on."""
    return option(False, readers.boolean, "1 or 0")


def one_of(*words: str) -> Any:
    """One of these words; the first is the default."""
    return option(words[0], readers.choice(*words), f"{', '.join(words[:-1])} or {words[-1]}")


def address(default: str) -> Any:
    """A web address, to which nothing is added but a path."""
    expected = "an https:// address without query (http:// on loopback only)"
    return option(default, readers.web_address, expected)


def number(default: int, least: int, most: int) -> Any:
    """A whole number within these bounds."""
    return option(default, readers.between(least, most), f"a whole number from {least} to {most}")


# --- read ----------------------------------------------------------------------------------------


def read(option: Field[object], value: object, problems: list[Problem]) -> object:
    """The option's value; its default where none is given, and where a mistake is."""
    default = option.default
    if value is None or (isinstance(value, str) and not value.strip()):
        value = default if isinstance(default, str) and default else None
        if value is None:
            return default
    try:
        return option.metadata["read"](value)
    except Exception as error:  # a lazy value of the shop may raise anything
        expected = str(error) if isinstance(error, RuleError) else option.metadata["expected"]
        shown = "(hidden)" if option.metadata["secret"] else _shown(value)
        problems.append(problem(PREFIX + option.name.upper(), shown, expected))
        return default


def problem(key: str, value: str, expected: str) -> Problem:
    """A problem that shows no token, wherever one was put."""
    return Problem(*(_TOKEN_LIKE.sub("(hidden)", text) for text in (key, value, expected)))


def unknown(given: Iterable[str], names: Iterable[str]) -> list[Problem]:
    """A problem for each given key that names no option."""
    known = list(names)
    return [_unknown(key, known) for key in sorted(set(given).difference(known))]


def _unknown(key: str, names: list[str]) -> Problem:
    if key.lower() == "enabled":
        return problem(PREFIX + "ENABLED", "(set)", f"{PREFIX}MODE=live, shadow or off instead")
    near = get_close_matches(key.lower(), names, 1)
    if key.lower() in names:
        return problem(key, "(set)", f"as a keyword it is written {key.lower()}")
    hint = f"did you mean {PREFIX}{near[0].upper()}?" if near else "no such setting"
    return problem(PREFIX + key.upper(), "(set)", hint)


def _shown(value: object) -> str:
    text = _LOGIN.sub("//(hidden)@", value if isinstance(value, str) else repr(value))
    text = _CUT_TOKEN.sub("", _TOKEN_LIKE.sub("(hidden)", text))
    first = text.strip().partition("\n")[0]
    return repr(first[:80] + ("…" if len(text.strip()) > min(80, len(first)) else ""))
