"""Pages whose very address is a secret: whoever has it can change a password or take an account.

The browser half of an event sends the whole address, so such a page gets neither half.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING
from urllib.parse import quote

from pixelpair.core.routes import RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_REMEMBERED = 1024
_MOST = 2048
EXPECTED = "expected are paths that start with / or, at any depth, with **/; * within a segment"

# From these packages' own tables of addresses. `/*.*.*` are the three parts of a token by
# itsdangerous: /confirm/1001 may be a shop's order, /reset/blue a category. /invitations and
# /verify are not here: stationers sell the one, and the other may ask for an age.
DEFAULT = (
    # Django 5.2, django/contrib/auth/urls.py; the token is replaced by set-password
    *("**/password_reset", "**/reset/*/*-*"),
    # django-allauth 65.21, allauth/account/urls.py
    *("**/password/reset", "**/confirm-email", "**/login/code"),
    # Flask-Security 5.9, flask_security/core.py and views.py
    *("**/reset/*.*.*", "**/confirm/*.*.*", "**/login/*.*.*", "**/change-email"),
    *("**/us-verify-link", "**/us-setup/*.*.*", "**/tf-setup/*.*.*", "**/wan-register/*.*.*"),
    # FastAPI-Users 15.0, fastapi_users/router; the front end's pages are named after them
    *("**/forgot-password", "**/reset-password", "**/auth/verify"),
    # django-invitations 2.1, django-magic-link 1.1 and django-sesame 3.2; prefixes by their READMEs
    *("**/accept-invite", "**/magic_link", "**/sesame/login"),
    # the same, as others spell them
    *("**/password-reset", "**/forgot_password", "**/reset_password", "**/confirm_email"),
    *("**/verify-email", "**/verify_email", "**/email-verification", "**/magic-link"),
    *("**/accept-invitation", "**/invite/*", "**/invitation/accept", "**/invitations/accept"),
    "**/invitations/*/accept",
)


def parse_sensitive(value: object) -> tuple[str, ...]:
    """PIXELPAIR_SENSITIVE: paths beside the default ones; `none` first leaves those out.

    Raises RuleError with what would be right.
    """
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise RuleError(EXPECTED)
    alone = bool(words) and words[0].lower() == "none"
    own = [word.rstrip("/") for word in words[alone:]]
    for word in own:
        if not word.startswith(("/", "**/")) or not word.strip("*/") or "**" in word[2:]:
            raise RuleError(f"{word[:80]!r}: {EXPECTED}")
    return tuple(own) if alone else tuple(dict.fromkeys((*DEFAULT, *own)))


def sensitive(paths: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path, or what it lies below, is one of these; remembers what it was asked."""
    pattern = _pattern(paths)

    def is_sensitive(path: str) -> bool:
        return pattern.search(path[:_MOST]) is not None

    remembered = lru_cache(_REMEMBERED)(is_sensitive)
    return lambda path: is_sensitive(path) if len(path) > _MOST else remembered(path)


def _pattern(paths: Iterable[str]) -> re.Pattern[str]:
    found = []
    for path in paths:
        anywhere = path.startswith("**/")
        segments = (path[2:] if anywhere else path).split("*")
        found.append(("" if anywhere else r"\A") + "[^/]*".join(map(re.escape, segments)))
    return re.compile(rf"(?:{'|'.join(found) or '(?!)'})(?:/|\Z)", re.IGNORECASE)


# --- the same for scripts in pages ----------------------------------------------------------

Atoms = tuple[str, ...]  # a pattern in pieces, each a whole one of its own

_ORIGIN = "^[^/]+//[^/?]+"
_DEEPER, _WITHIN, _END = "[^?]*", "[^/?]*", "(?![^/?])"
_SPECIAL = frozenset(r"\^$|+*()[]{}")
_ALONE = {".": "[.]", "?": "%3f", "#": "%23"}
_ENCODED = frozenset(' "<>`{}^%')  # in the path of an address (URL standard; ^ by newer browsers)
# To say what two alternatives share once takes a group: less gzips worse than the repetition.
_WORTH = 4


def hidden(sensitive_paths: Iterable[str], excluded_paths: Iterable[str], root: str = "") -> str:
    """A regular expression, of JavaScript and Python alike, that finds addresses of these pages.

    It searches a whole lower-cased address without its hash, and never looks into the query. What
    is anchored stands below `root`; what is sensitive at any depth is so above it too.
    """
    anywhere: set[Atoms] = set()
    anchored = set(map(_atoms, excluded_paths))
    for path in sensitive_paths:
        deep = path.startswith("**/")
        (anywhere if deep else anchored).add(_atoms(path[2:] if deep else path))
    base = tuple(map(_atom, root.rstrip("/").lower()))
    found = {(*base, *atoms) for atoms in _topmost(anchored)}
    found |= {(_DEEPER, *atoms) for atoms in _topmost(anywhere)}
    return "".join((_ORIGIN, *_joined(found))) if found else "(?!)"


def _atoms(path: str) -> Atoms:
    """A path piece by piece; nothing need be said of what its last * stands for."""
    pieces = tuple(_WITHIN if char == "*" else _atom(char) for char in path.rstrip("*").lower())
    return pieces if path.endswith("*") else (*pieces, _END)


def _atom(char: str) -> str:
    """A character of a path as lower-cased addresses may write it."""
    itself = _ALONE.get(char) or (f"\\{char}" if char in _SPECIAL else char)
    if char.isascii() and char not in _ENCODED:
        return itself
    ways = (itself, quote(char).lower(), quote(char.upper()).lower())
    return f"(?:{'|'.join(dict.fromkeys(ways))})"


def _topmost(paths: Iterable[Atoms]) -> set[Atoms]:
    """Those that lie below no other."""
    known = set(paths)

    def is_below(path: Atoms) -> bool:
        return any(
            path[:n] in known or (path[n] == "/" and (*path[:n], _END) in known)
            for n in range(len(path))
        )

    return {path for path in known if not is_below(path)}


def _joined(ways: set[Atoms]) -> Atoms:
    """One pattern of all these, what they end and begin with said once."""
    ways = _shared(_shared(ways, last=True), last=False)
    if len(ways) == 1:
        return ways.pop()
    chars = sorted(way[0] for way in ways if len(way) == 1 and re.fullmatch(r"[\w/-]", way[0]))
    texts = sorted("".join(way) for way in ways if way and (len(way) > 1 or way[0] not in chars))
    if chars:
        texts.append(f"[{''.join(chars)}]" if len(chars) > 1 else chars[0])
    text = "|".join(texts)
    if len(texts) > 1 or not chars:
        text = f"(?:{text})"
    return (f"{text}?" if () in ways else text,)


def _shared(ways: set[Atoms], *, last: bool) -> set[Atoms]:
    """These ways, those that begin (or end) alike made into one."""
    groups: dict[Atoms, list[Atoms]] = {}
    for way in ways:
        groups.setdefault(way[-1:] if last else way[:1], []).append(way)
    found: set[Atoms] = set()
    for alike in groups.values():
        size = _in_common(way[::-1] if last else way for way in alike)
        one = alike[0][-size:] if last else alike[0][:size]
        if len("".join(one)) * (len(alike) - 1) < _WORTH:
            found.update(alike)
        elif last:
            found.add((*_joined({way[:-size] for way in alike}), *one))
        else:
            found.add((*one, *_joined({way[size:] for way in alike})))
    return found


def _in_common(ways: Iterable[Atoms]) -> int:
    """How many pieces all of them begin with."""
    same = (len(set(pieces)) == 1 for pieces in zip(*ways, strict=False))
    return sum(takewhile(bool, same))
