"""Meta's first-party cookies: which are valid, when they are (re)written, and for which domain.

Knows the shape of `_fbp` and `_fbc` and of the two headers; time and randomness are arguments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# nginx refuses 8 KB and gunicorn 64 KB of headers: more than this no honest browser sends.
HEADER_LIMIT = 100_000

HOSTS_REMEMBERED = 1000

# Meta's parameter builders append a fifth segment: two characters that name a language (1.x),
# or eight that pack format, language, kind and version (2.x). It is kept, never made here.
_APPENDIX = r"(?:\.(?:A[Qgw]|B[AQg]|[A-Za-z0-9_-]{8}))?"

# Pixels emit 7 to 18 random digits, other writers more; the bound is only a bound.
_FBP = re.compile(r"fb\.[0-9]{1,3}\.[0-9]{1,20}\.[0-9]{1,40}" + _APPENDIX)
_FBC = re.compile(r"fb\.[0-9]{1,3}\.[0-9]{1,20}\.[A-Za-z0-9_-]{1,500}" + _APPENDIX)
# It begins with its letters, so that the search runs at the speed of find().
_META_COOKIE = re.compile(rb"(_fb[pc])\s*=([^;]*)")
_CLICK_ID = re.compile(r"(?:\A|&)fbclid=([A-Za-z0-9_-]{1,500})(?=&|\Z)")

_HOST = re.compile(r"([a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)(?::[0-9]{0,5})?")
_HOST_LIMIT = 253 + len(":65535")
# A host whose last label is a number is an IPv4 address (https://url.spec.whatwg.org/#host-parsing)
_IPV4_END = re.compile(r"(?:\A|\.)(?:[0-9]+|0x[0-9a-f]*)\Z")

_COOKIE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_COOKIE_VALUE = re.compile(
    r"[!#-+\--:<-\[\]-~]*"
)  # https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1
_COOKIE_DOMAIN = re.compile(r"[a-z0-9_.-]+")


def meta_cookies(raw: bytes) -> dict[str, str]:
    """`_fbp` and `_fbc` of a Cookie header, as sent; of two with one name, the first.

    `http.cookies.SimpleCookie` drops everything after one bad name; here nothing spoils another.
    What lies beyond the first 100 KB is not looked at.
    """
    if len(raw) > HEADER_LIMIT:
        raw = raw[:HEADER_LIMIT].rpartition(b";")[0]
    cookies: dict[str, str] = {}
    for found in _META_COOKIE.finditer(raw):
        before = raw[: found.start()].rstrip()
        if not before or before.endswith(b";"):
            name, value = found.groups()
            cookies.setdefault(name.decode(), value.decode("latin-1").strip())
    return cookies


def valid_fbp(value: str) -> bool:
    """Is this a browser id as the pixel or a parameter builder writes it?"""
    return _FBP.fullmatch(value) is not None


def valid_fbc(value: str) -> bool:
    """Is this a click id as the pixel or a parameter builder writes it?"""
    return _FBC.fullmatch(value) is not None


def click_id(query: str) -> str | None:
    """The first well-formed `fbclid` of a raw query string, in its own case."""
    if "fbclid=" not in query:
        return None
    found = _CLICK_ID.search(query)
    return found[1] if found else None


def new_fbp(index: int, ms: int, random: int) -> str:
    return f"fb.{index}.{ms}.{random}"


def new_fbc(index: int, ms: int, click_id: str) -> str:
    return f"fb.{index}.{ms}.{click_id}"


def fbc_for(cookie: str | None, click: str | None, index: int, ms: int) -> tuple[str | None, bool]:
    """The `_fbc` to use, and whether it must be written.

    Only a new click is written, with a new time: an unchanged cookie is not prolonged.
    """
    kept = cookie if cookie is not None and valid_fbc(cookie) else None
    if click is None or (kept is not None and kept.split(".")[3] == click):
        return kept, False
    return new_fbc(index, ms, click), True


class CookieDomains:
    """Host → the widest domain its cookies may have, and that domain's subdomain index.

    `private_suffix` finds the registrable domain of a lower-case host, None where there is none.
    The answer's domain is None where a cookie must stay with the host that set it.
    """

    def __init__(self, private_suffix: Callable[[str], str | None]) -> None:
        self._private_suffix = private_suffix
        self._known: dict[str, tuple[str | None, int]] = {}

    def __call__(self, host: str) -> tuple[str | None, int]:
        known = self._known.get(host)
        if known is None:
            known = self._resolve(host)
            if len(host) <= _HOST_LIMIT:
                self._remember(host, known)
        return known

    def _remember(self, host: str, answer: tuple[str | None, int]) -> None:
        if len(self._known) >= HOSTS_REMEMBERED:
            self._known.clear()
        self._known[host] = answer

    def _resolve(self, host: str) -> tuple[str | None, int]:
        honest = len(host) <= _HOST_LIMIT and host.isascii()
        matched = _HOST.fullmatch(host.lower()) if honest else None
        if matched is None or _IPV4_END.search(matched[1]):
            return None, 0
        name = matched[1]
        domain = self._private_suffix(name) if "." in name else None
        return domain, (domain or name).count(".")


def set_cookie(
    name: str,
    value: str,
    *,
    max_age: int,
    domain: str | None,
    secure: bool,
    http_only: bool = False,
) -> bytes:
    """One Set-Cookie value. Raises ValueError where a part could break out of the header."""
    _check(_COOKIE_NAME, name)
    _check(_COOKIE_VALUE, value)
    attributes = cookie_attributes(max_age, domain, secure=secure)
    return (f"{name}={value}; {attributes}" + "; HttpOnly" * http_only).encode("ascii")


def cookie_attributes(max_age: int, domain: str | None, *, secure: bool) -> str:
    """What all cookies of ours have in common. Raises ValueError as `set_cookie` does."""
    parts = [f"Max-Age={max_age:d}"]
    if domain is not None:
        _check(_COOKIE_DOMAIN, domain)
        parts.append(f"Domain={domain}")
    parts += ["Path=/", "SameSite=Lax"]
    return "; ".join(parts + ["Secure"] * secure)


def _check(allowed: re.Pattern[str], text: str) -> None:
    if not allowed.fullmatch(text):
        raise ValueError("a cookie's name, value or domain has a character no cookie may have")
