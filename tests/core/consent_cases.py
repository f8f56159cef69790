"""Cookies of consent tools and what they mean: what the tests of both readers share.

tcf.json, banners.json, django.json and wordpress.json were made by the tools themselves, with the
scripts beside them. Cookiebot serves its script to customers alone: recorded.json has what its
maker's own tests hold, or what it wrote on sites that published it, each with its source. What is
written by hand stands here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data" / "consent"


class Case(NamedTuple):
    setting: str
    cookies: str
    verdict: str
    name: str


def _loaded(name: str) -> list[dict]:
    return json.loads((DATA / f"{name}.json").read_text())


def _tcf() -> list[Case]:
    cases = []
    for made in _loaded("tcf"):
        cookie, name = f"euconsent-v2={made['value']}", made["name"]
        of_purpose = "granted" if made["purpose_1"] else "denied"
        cases.append(Case("tcf", cookie, of_purpose, name))
        for vendor in (1, 2, 3, 4, 17, 40, 41, 300, 301, 1499, 1500, 65535):
            agreed = "granted" if vendor in made["vendors"] else "denied"
            cases.append(Case(f"tcf:{vendor}", cookie, agreed, f"{name}, vendor {vendor}"))
    return cases


def _banners() -> list[Case]:
    settings = {
        "klaro": "klaro:meta-pixel",
        "vanilla-cookieconsent": "vanilla-cookieconsent:marketing",
    }
    return [
        Case(
            settings[made["tool"].partition(" ")[0]],
            made["cookies"],
            "granted" if made["agreed"] else "denied",
            f"{made['tool']}, {made['choice']}",
        )
        for made in _loaded("banners")
    ]


def _django() -> list[Case]:
    verdicts = {"-1": "denied", None: "pending"}
    return [
        Case(
            "django-cookie-consent:marketing",
            made["cookies"],
            verdicts.get(made["marketing"], "granted"),
            made["choice"],
        )
        for made in _loaded("django")["made"]
    ]


# What CookieYes writes here is the same after two acts, of which only one is consent.
AMBIGUOUS = {("ccpa", "does not opt out"), ("gdpr, categories on", "closes")}


def _wordpress() -> list[Case]:
    verdicts = {True: "granted", False: "denied", None: "pending"}
    return [
        Case(
            made["tool"],
            made["cookies"],
            "denied" if (made["law"], made["choice"]) in AMBIGUOUS else verdicts[made["agreed"]],
            f"{made['law']}, {made['choice']}",
        )
        for made in _loaded("wordpress")
    ]


def _recorded() -> list[Case]:
    return [
        Case(setting, made["cookies"], verdict, made["choice"])
        for made in _loaded("recorded")
        for setting, verdict in made["verdicts"].items()
    ]


OWN = [
    Case("granted", "", "granted", "nobody is asked"),
    Case("required", "", "pending", "nothing said"),
    Case("required", "_pp_consent=1.1795300000", "granted", "agreed"),
    Case("required", "_pp_consent=0.1795300000", "denied", "refused"),
    Case("required", "_pp_consent=1", "pending", "without its time"),
    Case("required", "_pp_consent=2.1795300000", "pending", "another digit"),
    Case("required", "x_pp_consent=1.1; _pp_consentx=1.1", "pending", "other names"),
    Case("shop.consent.agreed", "_pp_consent=1.1795300000", "granted", "a callable's word, kept"),
    Case("cookie:ok=yes", "ok=yes", "granted", "the value"),
    Case("cookie:ok=yes", 'ok="yes"', "granted", "the value in quotes"),
    Case("cookie:ok=yes", "ok=%79es", "granted", "the value, escaped"),
    Case("cookie:ok=yes", "ok=yes%20", "denied", "a longer value"),
    Case("cookie:ok=yes", "ok=YES", "denied", "another case"),
    Case("cookie:ok=yes", "ok=", "pending", "no value"),
    Case("cookie:ok=a.c", "ok=abc", "denied", "a dot is a dot"),
    Case("cookie:ok=a%3Db", "ok=a=b", "granted", "an escaped setting"),
    Case("cookie:ok=yes", "ok=yes; ok=no", "granted", "the first of two, agreed"),
    Case("cookie:ok=yes", "ok=no; ok=yes", "denied", "the first of two, refused"),
    Case("cookie:ok=yes", "a=b;ok=yes", "granted", "no space before"),
    Case("cookie:ok=yes", "notok=yes; ok.=yes", "pending", "parts of names"),
]
OTHERS = [
    Case("tcf", "euconsent-v2=BOoI5yEOoI5yECGABBENCh-AAAAp57v", "pending", "TCF version 1"),
    Case("tcf", "euconsent-v2=C", "pending", "a cut string"),
    Case("tcf", "eupubconsent-v2=CQuFeUAQuFeUAAfACAENB4FgAIA", "pending", "another cookie"),
    Case("tcf@eupubconsent-v2", "eupubconsent-v2=CQuFeUAQuFeUAAfACAENB4FgAIA", "granted", "named"),
    Case(
        "klaro:meta-pixel", "klaro=%7B%22matomo%22%3Atrue%7D", "pending", "a service not asked of"
    ),
    Case("klaro:pixel", "klaro=%7B%22meta-pixel%22%3Atrue%7D", "pending", "the end of a name"),
    Case("klaro:a.b", "klaro=%7B%22axb%22%3Atrue%7D", "pending", "a dot in a name"),
    Case("klaro:meta-pixel", "klaro=%7B%22meta-pixel%22%3A", "pending", "a cut object"),
    Case("klaro:meta pixel", "klaro=%7B%22meta%20pixel%22%3Atrue%7D", "granted", "a space"),
    Case("vanilla-cookieconsent:ads", "cc_cookie=%7B%7D", "pending", "an empty object"),
    Case(
        "django-cookie-consent:ads", 'cookie_consent="xads=2026-01-01"', "pending", "another group"
    ),
    Case("cookiebot", "CookieConsent=-10", "pending", "more than -1"),
    Case("complianz", "cmplz_marketing=", "pending", "no value"),
    Case(
        "complianz@cmplz_rt_marketing",
        "cmplz_rt_marketing=allow; cmplz_marketing=deny",
        "granted",
        "another prefix",
    ),
]
MADE = [*_tcf(), *_banners(), *_django(), *_wordpress(), *_recorded()]  # by the tools themselves
CASES = [*OWN, *OTHERS, *MADE]


def cuts(case: Case) -> list[str]:
    return [case.cookies[:end] for end in range(len(case.cookies))]
