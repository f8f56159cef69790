"""What consent tools write into their cookies, as patterns that Python and browsers read alike.

Each preset names its source. A pattern is searched in the value after `unescape`; it uses neither
`.` nor `$`, which mean different things in the two languages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

END = r"(?![\s\S])"
WHAT = re.compile(r"[\w .+/-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Preset:
    """One tool: its cookie's usual name, what must be named beside it, and its patterns.

    `patterns` makes of that name what means yes and what means no; yes is tried first.
    """

    cookie: str
    patterns: Callable[[str], tuple[str, str]]
    names: str = ""  # what stands behind the colon, for a message; "" where nothing does
    default: str = ""  # where the tool itself has a name for it


def _tcf(_: str) -> tuple[str, str]:
    """IAB TCF v2, purpose 1 (store and access information on a device).

    Source: @iabtcf/core 1.5.6, encoder/BitLength.js and encoder/sequence/FieldSequence.js: before
    the purposes stand version 6 bits (2 is "C"), created 36, lastUpdated 36, cmpId 12, cmpVersion
    12, consentScreen 6, consentLanguage 12, vendorListVersion 12, policyVersion 6, two flags and
    specialFeatureOptins 12: 152 bits. So purpose 1 is bit 2 of the 26th base64url character.
    """
    core = r"[\w-]*(?![^.])"
    return r"^C[\w-]{24}[I-PY-Za-fo-v4-9_-]" + core, r"^C[\w-]{25}" + core


def _klaro(service: str) -> tuple[str, str]:
    """Klaro: a JSON object of services, each true or false; required ones are always true.

    Source: klaro 0.7.22, src/consent-manager.js (saveConsents) and src/stores.js.
    """
    key = rf'[{{,]"{re.escape(service)}":'
    return f"{key}true", f"{key}false"


def _vanilla(category: str) -> tuple[str, str]:
    """vanilla-cookieconsent 3: a JSON object that begins with the accepted categories.

    Source: vanilla-cookieconsent 3.1.0, types/index.d.ts (CookieValue), and what it writes.
    """
    start = r'^\{"categories":\['
    return rf'{start}(?:[^\]]*,)?"{re.escape(category)}"[,\]]', start


def _django(group: str) -> tuple[str, str]:
    """django-cookie-consent: `group=time|group=-1`; Django puts it in quotes.

    Source: django-cookie-consent 1.0.0, cookie_consent/util.py and conf.py.
    """
    key = rf'(?:^"?|\|){re.escape(group)}='
    return rf"{key}\d{{4}}-", f"{key}-1"


def _cookiebot(category: str) -> tuple[str, str]:
    """Cookiebot: an object as JavaScript writes it; "-1" outside the regions that ask, "0" for no.

    Source: Cookiebot's own WordPress plugin, CybotAS/CookiebotWP src/lib/Cookie_Consent.php, which
    reads the cookie, and tests/unit/Test_Cookie_Consent.php.
    """
    key = rf'[{{,]"?{re.escape(category)}"?:"?'
    return rf"^-1{END}|{key}true", rf"^0{END}|{key}false"


def _cookieyes(category: str) -> tuple[str, str]:
    """CookieYes: `consentid:…,consent:yes,action:yes,category:yes,…`.

    Source: its WordPress plugin (cookie-law-info 3.5.0), lite/frontend/js/script.min.js: the
    categories have values before the visitor acts; only then is action "yes". consent:no is a
    refusal, or a banner that was closed: then the categories have the shop's own defaults.
    """
    chosen = r"^(?:[^,]*,)?consent:(?:yes|no),action:yes,"
    yes = rf"^(?:[^,]*,)?consent:yes,action:yes,(?:[\s\S]*,)?{re.escape(category)}:yes(?![^,])"
    return yes, chosen


def _complianz(_: str) -> tuple[str, str]:
    """Complianz 6 and later: one cookie for each category, allow or deny.

    Source: complianz.io/developers-guide-for-third-party-integrations, and
    Really-Simple-Plugins/complianz-gdpr cookiebanner/js/complianz.js (cmplz_set_consent).
    """
    return f"^allow{END}", f"^deny{END}"


PRESETS = {
    "tcf": Preset("euconsent-v2", _tcf),
    "klaro": Preset("klaro", _klaro, "the pixel's service in Klaro's configuration"),
    "vanilla-cookieconsent": Preset("cc_cookie", _vanilla, "the category of the pixel"),
    "django-cookie-consent": Preset("cookie_consent", _django, "the varname of the cookie group"),
    "cookiebot": Preset("CookieConsent", _cookiebot, "a category", "marketing"),
    "cookieyes": Preset("cookieyes-consent", _cookieyes, "a category", "advertisement"),
    "complianz": Preset("cmplz_marketing", _complianz),
}


def exactly(value: str) -> tuple[str, str]:
    """This value means yes, any other no. Python's own cookie writers put values in quotes."""
    return rf'^"?{re.escape(value)}"?{END}', r"[\s\S]"
