"""The cookies of Complianz and CookieYes, written by their own scripts in Chromium.

python make_wordpress.py /usr/bin/chromium COMPLIANZ COOKIEYES > wordpress.json, where
COMPLIANZ is cookiebanner/js/complianz.min.js of github.com/Really-Simple-Plugins/complianz-gdpr
(commit 02b36e5cfbc4f1f85ab068222cdc9d695d1291d0, 43972 characters) and COOKIEYES is
lite/frontend/js/script.min.js of the WordPress plugin cookie-law-info 3.5.0 (32135 characters;
vendored in github.com/rakeshcecs/scorelens, wp-content/plugins/cookie-law-info). Both are under
the GPL and stay outside. What WordPress would put into the page, banner and settings, is below:
as little as the scripts run with. `agreed` is what the tool itself then says of marketing.
"""

import json
import sys

from playwright.sync_api import Page, Playwright, sync_playwright

CATEGORIES = ("necessary", "functional", "analytics", "advertisement")
COLOURS = {
    "states": {name: {"styles": {"background-color": ""}} for name in ("active", "inactive")}
}
COOKIEYES = {
    "_expiry": "365",
    "_rootDomain": "",
    "_providersToBlock": [],
    "_tags": [],
    "_shortCodes": [
        {"key": key, "content": "", "status": False}
        for key in (
            "cky_category_toggle_label",
            "cky_optout_toggle_label",
            "cky_optout_option_title",
            "cky_readmore",
        )
    ],
    "_bannerConfig": {
        "settings": {"type": "box", "position": "bottom-left", "preferenceCenterType": "popup"},
        "behaviours": {"reloadBannerOnAccept": False},
        "config": {
            "revisitConsent": {"status": False, "position": "bottom-left"},
            "auditTable": {"status": True},
            "preferenceCenter": {"toggle": COLOURS},
            "optOption": {"toggle": COLOURS},
            "videoPlaceholder": {"status": False, "styles": {}},
        },
    },
}
SWITCHES = "".join(f'<p><input type="checkbox" id="ckySwitch{slug}"></p>' for slug in CATEGORIES)
COOKIEYES_BANNER = f"""<div class="cky-consent-container"><div data-cky-tag="notice">
<p><b data-cky-tag="close-button"></b></p>
<p><b data-cky-tag="reject-button"></b></p>
<p><b data-cky-tag="accept-button"></b></p>
</div></div>
<div class="cky-modal"><div data-cky-tag="detail">{SWITCHES}
<p><b data-cky-tag="detail-save-button"></b></p>
</div></div>
<div class="cky-modal"><div data-cky-tag="optout-popup">
<p><input type="checkbox" id="ckyCCPAOptOut"></p>
<p><b data-cky-tag="optout-confirm-button"></b></p>
</div></div>"""
COMPLIANZ = {
    "prefix": "cmplz_",
    "region": "eu",
    "locale": "lang=en",
    "cookie_expiry": "365",
    "current_policy_id": "12",
    "set_cookies": [],
    "page_links": {},
    "css_file": "/banner.css",
    "user_banner_id": "1",
}
COMPLIANZ_BANNER = """<div class="cmplz-cookiebanner banner-1 {law}">
<input type="checkbox" class="cmplz-preferences">
<input type="checkbox" class="cmplz-statistics">
<input type="checkbox" class="cmplz-marketing">
<button class="cmplz-accept"></button>
<button class="cmplz-deny"></button>
<button class="cmplz-save-preferences"></button>
</div>
<div id="cmplz-manage-consent"><button class="cmplz-manage-consent manage-consent-1"></button></div>
"""
CLICK = "selector => document.querySelector(selector).click()"


def tag(name: str) -> str:
    return f'[data-cky-tag="{name}"]'


MARKETING, STATISTICS = "input.cmplz-marketing", "input.cmplz-statistics"
SAVE, OPT_OUT = ".cmplz-save-preferences", "#ckyCCPAOptOut"
COMPLIANZ_CHOICES = [
    ("optin", "sees the banner", []),
    ("optin", "accepts", [".cmplz-accept"]),
    ("optin", "refuses", [".cmplz-deny"]),
    ("optin", "marketing alone", [MARKETING, SAVE]),
    ("optin", "statistics alone", [STATISTICS, SAVE]),
    ("optout", "sees the banner", []),
    ("optout", "refuses", [".cmplz-deny"]),
]
COOKIEYES_CHOICES = [
    ("gdpr", "sees the banner", []),
    ("gdpr", "accepts", [tag("accept-button")]),
    ("gdpr", "refuses", [tag("reject-button")]),
    ("gdpr", "closes", [tag("close-button")]),
    ("gdpr, categories on", "closes", [tag("close-button")]),
    ("gdpr", "advertisement alone", ["#ckySwitchadvertisement", tag("detail-save-button")]),
    ("gdpr", "analytics alone", ["#ckySwitchanalytics", tag("detail-save-button")]),
    ("ccpa", "sees the banner", []),
    ("ccpa", "opts out", [OPT_OUT, tag("optout-confirm-button")]),
    ("ccpa", "does not opt out", [tag("optout-confirm-button")]),
]


def complianz_page(page: Page, law: str, path: str) -> None:
    page.set_content(COMPLIANZ_BANNER.format(law=law))
    page.evaluate("given => { window.complianz = given; }", COMPLIANZ | {"consenttype": law})
    page.add_script_tag(path=path)


def category(slug: str, *, on: bool) -> dict[str, object]:
    defaults = {"gdpr": on, "ccpa": False}
    necessary = slug == "necessary"
    return {
        "slug": slug,
        "name": slug,
        "isNecessary": necessary,
        "defaultConsent": defaults,
        "cookies": [],
    }


def cookieyes_page(page: Page, law: str, path: str) -> None:
    law, _, on = law.partition(", ")
    template = '<script type="text/template" id="ckyBannerTemplate">'
    page.set_content(f"{template}{COOKIEYES_BANNER}</script>")
    banner = COOKIEYES["_bannerConfig"]
    settings = banner["settings"] | {"applicableLaw": law}
    given = {
        "_categories": [category(slug, on=bool(on)) for slug in CATEGORIES],
        "_bannerConfig": banner | {"settings": settings},
    }
    page.evaluate("given => { window._ckyConfig = given; }", COOKIEYES | given)
    page.add_script_tag(path=path)


SAID_BY_COMPLIANZ = 'cmplz_get_cookie("marketing") ? cmplz_has_consent("marketing") : null'
SAID_BY_COOKIEYES = """(({isUserActionCompleted, categories}) =>
    isUserActionCompleted ? categories.advertisement : null)(getCkyConsent())"""
TOOLS = [
    ("complianz", complianz_page, COMPLIANZ_CHOICES, SAID_BY_COMPLIANZ),
    ("cookieyes", cookieyes_page, COOKIEYES_CHOICES, SAID_BY_COOKIEYES),
]


def empty(route) -> None:
    kind = "text/css" if route.request.resource_type == "stylesheet" else "text/html"
    route.fulfill(body="", content_type=kind)


def recorded(chromium, path: str, tool: tuple, choice: tuple) -> dict[str, object]:
    name, prepare, _, said = tool
    law, act, clicks = choice
    context = chromium.new_context()
    page = context.new_page()
    page.on("pageerror", lambda error: sys.exit(f"{name}, {act}: {error}"))
    page.route("**/*", empty)
    page.goto("http://shop.example/")
    prepare(page, law, path)
    for selector in clicks:
        page.evaluate(CLICK, selector)
    cookies, agreed = page.evaluate("document.cookie"), page.evaluate(said)
    context.close()
    return {"tool": name, "law": law, "choice": act, "cookies": cookies, "agreed": agreed}


def record(playwright: Playwright, chromium: str, *paths: str) -> list[dict[str, object]]:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    return [
        recorded(browser, path, tool, choice)
        for path, tool in zip(paths, TOOLS, strict=True)
        for choice in tool[2]
    ]


with sync_playwright() as running:
    print(json.dumps(record(running, *sys.argv[1:]), indent=1))
