"""What an option's text must look like: readers of text or of Python's own values.

Each raises ValueError, or RuleError with a sentence that says what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from pixelpair.core.events import PAGE_VIEW, clean_event_name
from pixelpair.core.routes import RouteTable, RuleError, parse_routes
from pixelpair.core.staff import Staff, parse_staff

if TYPE_CHECKING:
    from collections.abc import Callable

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"0", "false", "no", "off"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")
_DEFAULT_PORT = {"https": ":443", "http": ":80"}  # a browser leaves it out of the Origin
_NOT_MADE_IN_PAGES = {
    "Purchase": "Purchase is the server's alone: a page could claim any sum",
    PAGE_VIEW: "PageView needs no leave: PIXELPAIR_PAGE_VIEW decides on it",
}


def fitting(pattern: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = str(value).strip()
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return read


def boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in TRUE_WORDS | _FALSE_WORDS:
        raise ValueError
    return word in TRUE_WORDS


def choice(*choices: str) -> Callable[[object], str]:
    return fitting("|".join(choices))


def web_address(value: object) -> str:
    """An https address; plain http only on loopback, where the sandbox is."""
    text = str(value).strip().rstrip("/")
    parts = urlsplit(text)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not safe or not parts.hostname or parts.port == 0:  # .port raises ValueError over 65535
        raise ValueError
    if not (text.isascii() and text.isprintable()) or set(text) & set(" \"'<>\\@?#"):
        raise ValueError
    return text


def words(value: object) -> tuple[str, ...]:
    found = tuple(value.split()) if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(v, str) for v in found):
        raise ValueError
    "".join(found).encode()  # a variable that is no UTF-8 raises UnicodeError, a ValueError
    return tuple(v for v in found if v)


def listed(value: object) -> tuple[str, ...]:
    return words(value.replace(",", " ") if isinstance(value, str) else value)


def origins(value: object) -> tuple[str, ...]:
    return tuple(map(_origin, listed(value)))


def _origin(text: str) -> str:
    """An origin as browsers write it: lower-case, without the scheme's own port."""
    origin = web_address(text.lower())
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise ValueError
    return origin.removesuffix(_DEFAULT_PORT[found[1]])


def page_events(value: object) -> tuple[str, ...]:
    """Raises RuleError where a name is an event that no page may make."""
    names = listed(value)
    reasons = [_NOT_MADE_IN_PAGES[name] for name in names if name in _NOT_MADE_IN_PAGES]
    if reasons:
        raise RuleError("; ".join(reasons))
    if not all(map(clean_event_name, names)):
        raise ValueError
    return names


def between(least: int, most: int) -> Callable[[object], int]:
    read = fitting(r"[0-9]{1,9}")

    def number(value: object) -> int:
        found = int(read(value))
        if not least <= found <= most:
            raise ValueError
        return found

    return number


_SIZE = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,6})?)\s*([kmgt]i?)?b?", re.ASCII)
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("kmgt", 1)}


def size(least: int, most: int) -> Callable[[object], int]:
    """A number of bytes, with or without a unit such as MB (a million) or MiB (1024 x 1024)."""

    def read(value: object) -> int:
        found = _SIZE.fullmatch(str(value).strip().lower())
        if found is None:
            raise ValueError
        number = round(float(found[1]) * _UNITS[found[2] or ""])
        if not least <= number <= most:
            raise ValueError
        return number

    return read


def paths(value: object) -> tuple[str, ...]:
    found = listed(value)
    if not all(path.startswith("/") for path in found):
        raise ValueError
    return tuple(path.rstrip("/") or "/" for path in found)


def upper(pattern: str) -> Callable[[object], str]:
    read = fitting(pattern)
    return lambda value: read(str(value).upper())


def file_path(value: object) -> Path:
    text = str(value).strip()
    if not text or "\0" in text:
        raise ValueError
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody: no such home
        raise ValueError from None


def outbox_place(value: object) -> Path | str:
    """A file, or the address of a Redis: what is wrong with that says the outbox itself."""
    text = str(value).strip()
    return text if re.match(r"rediss?://", text) else file_path(value)


def mount(value: object) -> str:
    return fitting(r"/[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")(str(value).rstrip("/"))


def route_table(value: object) -> RouteTable:
    """Raises RuleError with a sentence for each malformed rule."""
    if isinstance(value, RouteTable):
        return value
    if not isinstance(value, str):
        raise ValueError
    if value.strip().lower() == "none":
        return RouteTable(())
    table, problems = parse_routes(value)
    if problems:
        raise RuleError("; ".join(problems))
    return table


_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)
_DOMAIN = re.compile(r"\.?([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*)")


def ask_of(value: object) -> object:
    """A callable, or the dotted path of one."""
    if callable(value):
        return value
    if isinstance(value, str) and _DOTTED.fullmatch(value.strip()):
        return value.strip()
    raise ValueError


def content_choice(names: tuple[str, ...]) -> Callable[[object], object]:
    """One of these names, or a callable or its dotted path."""

    def read(value: object) -> object:
        return value if isinstance(value, str) and value.strip() in names else ask_of(value)

    return read


def domain(value: object) -> str:
    """A domain for cookies, without the dot that older texts put before it."""
    found = _DOMAIN.fullmatch(str(value).strip().lower())
    if found is None:
        raise ValueError
    return found[1]


def shop_table(value: object) -> object:
    """Host pattern -> options of that shop, as JSON or a mapping; or an object that knows them."""
    if hasattr(value, "for_host") and hasattr(value, "for_pixel"):
        return value
    if isinstance(value, str) and _DOTTED.fullmatch(value.strip()):
        return value.strip()
    found = orjson.loads(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping) or not all(isinstance(v, Mapping) for v in found.values()):
        raise ValueError
    return {str(host).strip().lower(): dict(options) for host, options in found.items()}


def staff(value: object) -> Staff:
    """Whom not to count, word by word."""
    return value if isinstance(value, Staff) else parse_staff(listed(value))
