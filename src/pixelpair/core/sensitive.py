"""Pages whose very address is a secret: whoever has it can change a password or take an account.

The browser half of an event sends the whole address, so such a page gets neither half.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

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
