"""Those who may come to a shop that asks for consent, and what of them may leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixelpair.core.consent import Signals, parse_consent
from pixelpair.core.identity import Keepsake
from pixelpair.core.policy import Policy
from pixelpair.core.snippet import Snippet
from pixelpair.core.staff import parse_staff
from pixelpair.core.user_data import customer_information
from tests.core.exchanges import AGENT, FBP, IMAGE, NOW, PIXEL, SCRIPT, site

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pixelpair.core.consent import ConsentRule
    from tests.core.exchanges import Site

REQUIRED = parse_consent("required")
BANNER = parse_consent("cookie:banner=yes")
STAFF = parse_staff(["cookie:staff", "198.51.100.0/24"])
SECRET = b"a secret of these tests"
KEEPSAKE = Keepsake([SECRET], PIXEL)
YES, NO = f"_pp_consent=1.{NOW:.0f}", f"_pp_consent=0.{NOW:.0f}"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

META = "; Domain=shop.example; Path=/; SameSite=Lax; Secure"
OWN = "; Path=/; SameSite=Lax; Secure"
GONE = [f"_fbp=; Max-Age=0{terms}" for terms in (OWN, META)]


@dataclass(frozen=True)
class Visitor:
    """What comes with a request, and why nothing of it may leave ("" where it may)."""

    headers: Mapping[str, str]
    muted: str
    denies: bool = False
    ldu: bool = False


def _visitor(cookie: str, muted: str, **headers: str) -> Visitor:
    given = {"cookie": f"_fbp={FBP}{cookie and '; '}{cookie}", "user-agent": AGENT}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    denies = "=0." in cookie
    return Visitor(given, muted, denies, "sec_gpc" in headers)


VISITORS = {
    "granted": _visitor(YES, ""),
    "ldu": _visitor(YES, "", sec_gpc="1"),
    "pending": _visitor("", "no consent"),
    "pending_ldu": _visitor("", "no consent", sec_gpc="1"),
    "denied": _visitor(NO, "no consent"),
    "machine": _visitor(YES, "machine: crawler", user_agent=GOOGLEBOT),
    "nameless": _visitor(YES, "machine: no user agent", user_agent=""),
    "staff": _visitor(f"{YES}; staff=1", "staff"),
}
# The same where the signal is a refusal that goes before any cookie.
DENYING = VISITORS | {
    "ldu": Visitor(VISITORS["ldu"].headers, "no consent", denies=True),
    "pending_ldu": Visitor(VISITORS["pending_ldu"].headers, "no consent", denies=True),
}


def policy(**changes: Any) -> Policy:
    """A shop that asks for consent and has people of its own."""
    return Policy(**{"consent": REQUIRED, "staff": STAFF, **changes})


def known(**changes: Any) -> Policy:
    """One that identifies its visitors to Meta too."""
    return policy(keepsake=KEEPSAKE, **changes)


def snippet(rule: ConsentRule, signals: Signals, pixels: Sequence[str] = (PIXEL,)) -> Snippet:
    return Snippet(pixels, SCRIPT, IMAGE, rule=rule, signals=signals)


def asking(gpc: str = "ldu", **changes: Any) -> Site:
    """A site of such a shop; `changes` are fields of Shop."""
    signals = Signals(gpc=gpc)  # type: ignore[arg-type]
    own = {"policy": policy(signals=signals), "snippet": snippet(REQUIRED, signals)}
    return site(**{"hashed": hashed, **own, **changes})


def hashed(given: Mapping[str, object]) -> dict[str, list[str]]:
    found, dropped = customer_information(given, phone_country=None, year=2025)
    assert not dropped
    return found
