"""Traffic of the shop's own people: whom not to count, and until when events are only tests.

Reads what the settings say; addresses, cookies and the time come in as arguments.
"""

from __future__ import annotations

import re
from calendar import monthrange, timegm
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixelpair.core.addresses import Networks, networks, parsed
from pixelpair.core.routes import RuleError

if TYPE_CHECKING:
    from collections.abc import Iterable

_EVENT_CODE = re.compile(r"([A-Za-z0-9_-]{1,64})(?:@([0-9]{4})-([0-9]{2})-([0-9]{2}))?", re.ASCII)
_COOKIE = re.compile(r"([A-Za-z0-9_.-]{1,100})(?:=([!#-+\--:<-\[\]-~]{1,200}))?", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)
_DAY = 24 * 3600
EXPECTED = (
    "addresses (203.0.113.7, 10.0.0.0/8), cookie:NAME or cookie:NAME=VALUE, django for its staff"
    " users, the dotted path of a callable"
)


@dataclass(frozen=True, slots=True)
class EventCode:
    """Meta's test_event_code and the moment when it ends; none where it never does.

    Events with a code count as real ones all the same, so that a forgotten code does harm.
    """

    code: str = ""
    ends: int | None = None  # Unix seconds

    def at(self, now: float) -> str:
        """The code to send; "" where there is none or it has ended."""
        return self.code if self.ends is None or now < self.ends else ""

    def ended(self, now: float) -> bool:
        """Whether a code was given and is not sent any more."""
        return bool(self.code) and not self.at(now)


def parse_event_code(value: object) -> EventCode:
    """TEST12345, or TEST12345@2026-12-01: that is its last day, in UTC. Raises RuleError."""
    text = str(value).strip()
    if not text:
        return EventCode()
    found = _EVENT_CODE.fullmatch(text)
    if found is None:
        raise RuleError("a code like TEST12345, or TEST12345@2026-12-01 with its last day")
    code, *date = found.groups()
    if date[0] is None:
        return EventCode(code)
    year, month, day = map(int, date)
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        raise RuleError(f"{'-'.join(date)} is no day of the calendar")
    return EventCode(code, timegm((year, month, day, 0, 0, 0)) + _DAY)


@dataclass(frozen=True, slots=True)
class Staff:
    """Whose requests are not counted: by address, by a cookie of theirs."""

    addresses: Networks = field(default_factory=Networks)
    cookies: tuple[re.Pattern[bytes], ...] = ()
    users: bool = False  # Django's staff users
    ask: object = None  # a callable of the shop's, or its dotted path

    def __bool__(self) -> bool:
        return self != _NOBODY

    def excludes(self, address: str, cookies: bytes) -> bool:
        """Whether this is one of them. `address` is the visitor's own, behind all proxies."""
        if self.addresses and self.addresses.holds(parsed(address)):
            return True
        return any(pattern.search(cookies) for pattern in self.cookies)


_NOBODY = Staff()


def parse_staff(words: Iterable[str]) -> Staff:
    """PIXELPAIR_STAFF, word by word. Raises RuleError with what would be right."""
    given = list(words)
    cookies = tuple(w.removeprefix("cookie:") for w in given if w.startswith("cookie:"))
    asks = [word for word in given if _DOTTED.fullmatch(word)]
    known = {"django", *asks, *(f"cookie:{cookie}" for cookie in cookies)}
    addresses = tuple(word for word in given if word not in known)
    if len(asks) > 1:
        raise RuleError("one dotted path at most")
    return Staff(
        parse_addresses(addresses),
        parse_cookies(cookies),
        "django" in given,
        asks[0] if asks else None,
    )


def parse_addresses(texts: tuple[str, ...]) -> Networks:
    """Addresses and blocks of them, like 203.0.113.7 or 2001:db8::/32. Raises RuleError."""
    for text in texts:
        try:
            networks(text)
        except ValueError as error:
            raise RuleError(f"{text[:80]!r} is none of {EXPECTED}") from error
    return networks(*texts)


def parse_cookies(texts: tuple[str, ...]) -> tuple[re.Pattern[bytes], ...]:
    """Cookies that mark the shop's people, each NAME or NAME=VALUE. Raises RuleError."""
    return tuple(map(_cookie, texts))


def _cookie(text: str) -> re.Pattern[bytes]:
    found = _COOKIE.fullmatch(text)
    if found is None:
        raise RuleError("a cookie's NAME, or NAME=VALUE")
    name, value = re.escape(found[1]), found[2]
    # The name comes first, so that the search runs at the speed of find().
    wanted = rf"{name}(?<![^; ]{name})=" + (rf"{re.escape(value)} *(?:;|\Z)" if value else "")
    return re.compile(wanted.encode())
