"""The page script's reading of consent against the server's: one verdict on every cookie.

The script that pages carry runs in Chromium, in a window and a document made for one cookie.
"""

import json
from functools import cache
from importlib.resources import files
from itertools import product

import pytest

from pixelpair.core.consent import Signals, parse_consent
from tests.core.consent_cases import CASES, cuts

pytestmark = pytest.mark.e2e

SCRIPT = files("pixelpair.core").joinpath("pixel.full.min.js").read_text("ascii")
PAGE = """
const script = Function("window", "document", "navigator", "location", "setInterval", SCRIPT);
const said = ([block, cookie, signals]) => {
  const given = { text: JSON.stringify({ pixel: "1", to: "/", events: [], ...block }) };
  const page = { cookie, querySelector: () => given.id === "" ? null : given };
  const top = { fbq: (...call) => calls.push(call) }, calls = [];
  const place = { href: "http://shop.test/", search: "", toString: () => "http://shop.test/" };
  script(top, page, signals || {}, place, () => 1);
  return calls;
};
""".replace("SCRIPT", json.dumps(SCRIPT))
HOSTILE = [
    "euconsent-v2=%C3%A9; euconsent-v2=C",
    "euconsent-v2=C%00",
    "euconsent-v2=" + "C" * 30 + "%2E.%",
    "klaro=%u007B%22meta-pixel%22%3atrue",
    'klaro={\n"meta-pixel":true',
    "klaro=%0A{%22meta-pixel%22:true}",
    "ok=yes%0A",
    "ok=%79%65%73",
    "ok=yes\u2028",
    "ok=é",
    "ok=undefined",
    "cookieyes-consent=consent:yes,action:yes,advertisement:yes\u2028",
    "cookieyes-consent=consent:yes,action:yes,é,advertisement:yesé",
    "CookieConsent=-1%0A",
    "CookieConsent=-1é",
    "cmplz_marketing=allow%20",
    'cookie_consent="marketing=٢٠٢٦-01"',
    ";;; =; ok; ok=; ok==yes",
]
# A cookie of our own may be there for several domains; then the latest counts.
TWICE = [
    "; ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    for names in (
        ["_pp_consent"] * 2,
        ["_pp_consent"] * 3,
        ["x_pp_consent", "_pp_consent"],
        ["_pp_consent", "_pp_consentx", "_pp_consent"],
    )
    for values in product(
        ("1.5", "0.5", "1.6", "0.06", "1.10", "1.7x", "1.", "", "0.8%20", "%31.9", "2.9", "1.1e3"),
        repeat=len(names),
    )
]
SETTINGS = sorted({case.setting for case in CASES})


@pytest.fixture(scope="module")
def page(browser):
    opened = browser.new_page()
    opened.add_script_tag(content=PAGE)
    yield opened
    opened.close()


rule_of = cache(parse_consent)  # reading the setting anew for every cut took most of the time


def agreed(page, asked):
    """Whether the script starts the pixel, for each setting and cookie."""
    blocks = [[{"consent": rule_of(setting).in_page()}, cookies] for setting, cookies in asked]
    for block, _ in blocks:
        block |= {"consent": block["consent"] or None}
    code = "asked => asked.map((one) => said(one).some((call) => call[0] == 'init'))"
    return page.evaluate(code, blocks)


def test_page_and_server_agree_on_what_the_tools_write(page):
    ours = [case.verdict == "granted" for case in CASES]
    assert agreed(page, [(case.setting, case.cookies) for case in CASES]) == ours


def test_page_and_server_agree_on_every_cut(page):
    asked = sorted({(case.setting, cut) for case in CASES for cut in cuts(case)})
    ours = [rule_of(setting).decide(cookies.encode()) for setting, cookies in asked]
    assert agreed(page, asked) == [state == "granted" for state in ours]


def test_page_and_server_agree_on_hostile_values(page):
    asked = [(setting, cookies) for setting in SETTINGS for cookies in HOSTILE]
    ours = [rule_of(setting).decide(cookies.encode()) for setting, cookies in asked]
    assert agreed(page, asked) == [state == "granted" for state in ours]


def test_page_and_server_agree_on_several_own_cookies(page):
    asked = [("required", cookies) for cookies in TWICE]
    rule = parse_consent("required")
    ours = [rule.decide(cookies.encode()) == "granted" for cookies in TWICE]
    assert agreed(page, asked) == ours
    assert agreed(page, [("required", "_pp_consent=1.5; _pp_consent=0.5")]) == [False]
    assert agreed(page, [("required", "_pp_consent=0.5; _pp_consent=1.6")]) == [True]


def test_page_and_server_agree_on_signals(page):
    shops = [
        Signals(gpc, dnt, ldu)
        for gpc in ("ldu", "deny", "ignore")
        for dnt in (False, True)
        for ldu in (None, (1, 1000))
    ]
    browsers = [(gpc, dnt) for gpc in (False, True) for dnt in ("1", "0", None)]
    asked, ours = [], []
    for shop, (gpc, dnt) in product(shops, browsers):
        asked.append([shop.in_page(), "", {"globalPrivacyControl": gpc, "doNotTrack": dnt}])
        headers = {b"sec-gpc": b"1"} if gpc else {}
        headers |= {b"dnt": dnt.encode()} if dnt else {}
        consent = shop.apply("granted", headers)
        started = [consent.call, ["set", "autoConfig", False, "1"], ["init", "1", {}]]
        ours.append([call for call in started if call] if consent.state == "granted" else [])
    assert page.evaluate("asked => asked.map(said)", asked) == ours
