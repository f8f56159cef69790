"""The rules of `user_data`: hashed where Meta says so, and enough of it to find a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import CLICK_ID, HASH, listed, part
from .verdicts import Fault

if TYPE_CHECKING:
    from .fields import Event, Rule

HASHED = (
    "em",
    "ph",
    "fn",
    "ln",
    "db",
    "ge",
    "ct",
    "st",
    "zp",
    "country",
    "f5first",
    "f5last",
    "fi",
    "dobd",
    "dobm",
    "doby",
)
_PLAIN = (
    "external_id",
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "subscription_id",
    "fb_login_id",
    "lead_id",
    "anon_id",
    "madid",
    "page_id",
    "page_scoped_user_id",
    "ctwa_clid",
    "ig_account_id",
    "ig_sid",
)
USER_KEYS_IN_ORDER = HASHED + _PLAIN
USER_KEYS = frozenset(USER_KEYS_IN_ORDER)
# An event that tells no more than one of these is refused (since v13.0).
TOO_BROAD = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)


def _user_data(event: Event, _now: float) -> Fault | None:
    if isinstance(event.get("user_data", {}), dict | None):
        return None
    return Fault(("user_data",), "user_data must be a JSON object")


def _hashes(event: Event, _now: float) -> Fault | None:
    user = part(event, "user_data")
    for key in HASHED:
        for value in listed(user.get(key)):
            if not (isinstance(value, str) and (not value or HASH.fullmatch(value))):
                return Fault(("user_data", key), f"{key} must be SHA-256 in 64 hex digits")
    return None


def _click_id(event: Event, _now: float) -> Fault | None:
    """One report; Meta documents no text."""
    fbc = part(event, "user_data").get("fbc")
    if fbc in (None, "") or (isinstance(fbc, str) and CLICK_ID.fullmatch(fbc)):
        return None
    detail = "fbc must read fb.<index>.<milliseconds>.<fbclid>"
    return Fault(("user_data", "fbc"), detail, 2804001)


def _lead_id(event: Event, _now: float) -> Fault | None:
    lead = part(event, "user_data").get("lead_id")
    if lead in (None, "") or (str(lead).isdecimal() and not isinstance(lead, float)):
        return None
    return Fault(("user_data", "lead_id"), "lead_id must be digits", 2804036)


def _baseline(event: Event, _now: float) -> Fault | None:
    user = part(event, "user_data")
    given = {key for key in USER_KEYS & user.keys() if any(listed(user[key]))}
    if not any(given <= broad for broad in TOO_BROAD):
        return None
    detail = "add one of em, ph, external_id, fbp, fbc, client_ip_address, or more of the others"
    return Fault(("user_data",), f"too little customer information: {detail}", 2804050)


USER_RULES: tuple[Rule, ...] = (_user_data, _hashes, _click_id, _lead_id, _baseline)
