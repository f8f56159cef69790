"""Who has agreed, and who limits the use of data: one answer for the pixel and for Meta's API.

Reads cookies and headers; knows no pages and keeps nothing. What cannot be read is no consent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from pixelpair.core.consent_presets import PRESETS, WHAT, exactly
from pixelpair.core.cookies import HEADER_LIMIT
from pixelpair.core.routes import RuleError
from pixelpair.core.tcf import vendor_agreed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelpair.core.events import Ldu

State = Literal["granted", "denied", "pending"]

OWN_COOKIE = "_pp_consent"  # no name of a pending event: those begin with _pixelpair_
SIX_MONTHS = 182 * 24 * 3600
_SEMICOLON = ord(";")
_OWN = re.compile(rb"([01])\.([0-9]{1,12})")
_OWN_START = OWN_COOKIE.encode() + b"="
_OWNS = re.compile(rb"(?:^|;) ?_pp_consent=([01])\.([0-9]{1,12})(?=;|\Z)")
_DAY = 24 * 3600
_OWN_PATTERNS = r"^1\.\d", r"^0\.\d"

# Browsers keep no longer cookie (RFC 6265, 6.1); nor does a longer one belong in the memory below.
_VALUE_LIMIT = 4096
_VALUES_REMEMBERED = 1024  # the same visitor comes back with the same value
_ESCAPED = re.compile(r"%(?:u([0-9a-fA-F]{4})|([0-9a-fA-F]{2}))")
_TOKEN = r"[A-Za-z0-9_.-]{1,100}"  # noqa: S105
_COOKIE_IS = re.compile(rf"cookie:({_TOKEN})=([!-~]{{1,200}})")
_PRESET = re.compile(rf"([a-z-]+)(?::([^@]+))?(?:@({_TOKEN}))?")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)
_WORDS = (
    "granted, required, cookie:NAME=VALUE, the dotted path of a callable, or one of "
    + ", ".join(PRESETS)
)

# Meta's numbers of the states that have such laws; 0 leaves it to Meta to find out.
# developers.facebook.com/documentation/ads-commerce/marketing-api/overview/data-processing-options
LDU_STATES = frozenset({0, *range(1000, 1014)})


# --- what the visitor decided ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """Where a visitor's decision is found. Without a cookie nobody is asked: all have agreed.

    `yes` and `no` are searched in the cookie's value, `vendor` in its TCF string. `ask`
    is asked by whoever has the request; what it says is kept in our own cookie, for the pages.
    """

    cookie: str = ""
    yes: str = ""
    no: str = ""
    vendor: int = 0
    ask: object = None  # a callable of the shop's, or its dotted path

    def decide(self, cookies: bytes) -> State:
        """The decision in a Cookie header; of cookies with one name the first counts.

        Browsers send the one with the longest path first (RFC 6265, 5.4).
        """
        if not self.cookie:
            return "granted"
        raw = _own_value(cookies) if self.own else _value(cookies, self.cookie)
        return "pending" if raw is None or len(raw) > _VALUE_LIMIT else _read(self, raw)

    @property
    def own(self) -> bool:
        """Whether `grant()` and `consent()` write the cookie that decides."""
        return self.cookie == OWN_COOKIE

    def in_page(self) -> dict[str, object]:
        """The same for the page script, to which a refusal is no consent; nothing where nobody is
        asked.
        """
        if not self.cookie:
            return {}
        find = rf"(?:^|;) ?{re.escape(self.cookie)}=([^;]*)"
        rule: dict[str, object] = {"find": find, "yes": self.yes}
        rule |= {"vendor": self.vendor} if self.vendor else {}
        return rule | ({"own": 1} if self.own else {})


def _own_value(cookies: bytes) -> bytes | None:
    """Of several (an older one may live at another domain) what was said last; "no" at a draw."""
    if cookies.count(_OWN_START) < 2:
        return _value(cookies, OWN_COOKIE)
    said = [(int(time), word == b"0", word) for word, time in _OWNS.findall(cookies[:HEADER_LIMIT])]
    return b"%b.%d" % (max(said)[2], max(said)[0]) if said else None


def _value(cookies: bytes, name: str) -> bytes | None:
    """What `in_page()` says as a pattern, at the speed of find(): 0.4 µs, the pattern takes 9."""
    if len(cookies) > HEADER_LIMIT:
        cookies = cookies[:HEADER_LIMIT].rpartition(b";")[0]
    wanted = name.encode() + b"="
    at = cookies.find(wanted)
    while at >= 0:
        before = at - 1 if cookies[at - 1 : at] == b" " else at
        if before == 0 or cookies[before - 1] == _SEMICOLON:
            return cookies[at + len(wanted) :].partition(b";")[0]
        at = cookies.find(wanted, at + 1)
    return None


@lru_cache(_VALUES_REMEMBERED)
def _read(rule: ConsentRule, raw: bytes) -> State:
    value = unescape(raw.decode("latin-1"))
    if re.search(rule.yes, value, re.ASCII):
        agreed = vendor_agreed(value, rule.vendor) if rule.vendor else True
        return "pending" if agreed is None else "granted" if agreed else "denied"
    return "denied" if re.search(rule.no, value, re.ASCII) else "pending"


def unescape(text: str) -> str:
    """Percent-decoding as JavaScript's function of this name does it, which never fails."""
    if "%" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), text)


# --- the setting -----------------------------------------------------------------------------


def parse_consent(text: object) -> ConsentRule:
    """What PIXELPAIR_CONSENT says. Raises RuleError with what would be right."""
    if isinstance(text, ConsentRule):
        return text
    if callable(text):
        return ConsentRule(OWN_COOKIE, *_OWN_PATTERNS, ask=text)
    given = str(text).strip()
    if given in _PLAIN:
        return _PLAIN[given]
    if found := _COOKIE_IS.fullmatch(given):
        return ConsentRule(found[1], *exactly(unescape(found[2])))
    if found := _PRESET.fullmatch(given):
        return _of_preset(*found.groups(""))
    if _DOTTED.fullmatch(given):
        return ConsentRule(OWN_COOKIE, *_OWN_PATTERNS, ask=given)
    raise RuleError(_WORDS)


def _of_preset(name: str, what: str, cookie: str) -> ConsentRule:
    preset = PRESETS.get(name)
    if preset is None:
        raise RuleError(_WORDS)
    cookie = cookie or preset.cookie
    if name == "tcf":
        return ConsentRule(cookie, *preset.patterns(""), vendor=_vendor(what))
    if what and not preset.names:
        raise RuleError(f"{name} alone, or {name}@ and the name of its cookie")
    what = what or preset.default
    if preset.names and not WHAT.fullmatch(what):
        raise RuleError(f"{name}: with {preset.names} behind the colon")
    return ConsentRule(cookie, *preset.patterns(what))


def _vendor(what: str) -> int:
    if what and not re.fullmatch(r"[1-9][0-9]{0,4}", what):
        raise RuleError("tcf alone, or tcf: with a vendor's number of IAB Europe's list")
    return int(what or 0)


_PLAIN: Final = {
    "granted": ConsentRule(),
    "required": ConsentRule(OWN_COOKIE, *_OWN_PATTERNS),
}


# --- our own cookie --------------------------------------------------------------------------


def own_value(granted: bool, now: int) -> str:
    """The value of our own cookie: the decision and its time in Unix seconds."""
    return f"{granted:d}.{now:d}"


def own_again(cookies: bytes, now: int) -> tuple[str, int] | None:
    """Value and remaining life of a decision that a page's script has written.

    Safari keeps a script's cookie for 7 days only, a server's as long as it says; but six months
    after the act the visitor is asked again.
    """
    raw = _own_value(cookies)
    own = _OWN.fullmatch(raw or b"")
    left = int(own[2]) + SIX_MONTHS - now if own else 0
    # Not what was said just now: this answer may arrive behind another word.
    return (own[0].decode(), left) if own and 0 < left < SIX_MONTHS - _DAY else None


# --- limits on use ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consent:
    """The decision an event carries on both channels. `ldu` is Meta's Limited Data Use."""

    state: State = "granted"
    ldu: Ldu | None = None  # country and state

    @property
    def row(self) -> dict[str, object]:
        """What it adds to a server event."""
        if self.ldu is None:
            return {}
        country, state = self.ldu
        return {
            "data_processing_options": ["LDU"],
            "data_processing_options_country": country,
            "data_processing_options_state": state,
        }

    @property
    def call(self) -> list[object]:
        """The arguments of fbq() before init; none where there is no limit."""
        return ["dataProcessingOptions", ["LDU"], *self.ldu] if self.ldu else []

    @property
    def image(self) -> str:
        """What it adds to the query of a `<noscript>` image."""
        return f"&dpo=LDU&dpoco={self.ldu[0]}&dpost={self.ldu[1]}" if self.ldu else ""


GRANTED: Final = Consent()


@dataclass(frozen=True, slots=True)
class Signals:
    """What the shop makes of privacy signals. `ldu` stands for all visitors where it is set."""

    gpc: Literal["ldu", "deny", "ignore"] = "ldu"
    dnt: bool = False
    ldu: Ldu | None = None

    def apply(self, state: State, index: Mapping[bytes, bytes]) -> Consent:
        """The decision of a visitor whose request has these headers."""
        if b"sec-gpc" not in index and not self.dnt and self.ldu is None:  # nearly all
            return _BARE[state]
        if not self._signalled(index):
            return Consent(state, self.ldu)
        if self.gpc == "deny":
            return Consent("denied", self.ldu)
        return Consent(state, self.ldu or (0, 0))

    def _signalled(self, index: Mapping[bytes, bytes]) -> bool:
        gpc = index.get(b"sec-gpc") == b"1"  # https://www.w3.org/TR/gpc/: the one valid value
        return self.gpc != "ignore" and (gpc or (self.dnt and index.get(b"dnt") == b"1"))

    def in_page(self) -> dict[str, object]:
        """The same for the page script, which asks the browser itself.

        `gpc` and `dnt` say which signals count; they mean refusal with `deny`, else `ldu`.
        """
        given: dict[str, object] = {}
        if self.gpc != "ignore" and (self.ldu is None or self.gpc == "deny"):
            given |= {"gpc": 1, "dnt": 1} if self.dnt else {"gpc": 1}
        if self.gpc == "deny":
            given["deny"] = 1
        if self.ldu is not None or self.gpc == "ldu":
            given["ldu"] = list(self.ldu or (0, 0))
        return given


_BARE: Final[dict[State, Consent]] = {
    "granted": GRANTED,
    "denied": Consent("denied"),
    "pending": Consent("pending"),
}


def parse_ldu(value: object) -> Ldu:
    """What PIXELPAIR_LDU says, like 1,1000 for California. Raises RuleError."""
    found = re.fullmatch(r"\s*([01])\s*,\s*([0-9]{1,4})\s*", str(value), re.ASCII)
    country, state = (int(found[1]), int(found[2])) if found else (0, -1)
    if state not in LDU_STATES or (country == 0 and state != 0):
        raise RuleError("country,state: 0,0 (Meta finds out), 1,0 or 1,1000 to 1,1013")
    return country, state
