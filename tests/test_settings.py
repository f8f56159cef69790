from __future__ import annotations

import hmac
import itertools
import json
import os
import pickle
import re
import sys
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core import proxies, sensitive
from pixelpair.core.consent import ConsentRule, parse_consent
from pixelpair.core.consent_presets import PRESETS
from pixelpair.core.proxies import Trust, parse_trust
from pixelpair.core.routes import DEFAULT_ROUTES, parse_routes
from pixelpair.core.staff import EXPECTED as STAFF
from pixelpair.core.staff import EventCode, Staff, parse_staff
from pixelpair.errors import Problem, SettingsError
from pixelpair.settings import Settings, default_spool, temporary_spool

TOKEN = "EAAB-secret-token"
SECRET = "hunter2-old"
CONTENT_ID = (
    "sku, product_id, mpn, gtin, route, or a function of the product's facts by its dotted path"
)


def problems(**given_options: object) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings(**given_options)
    return caught.value.problems


# --- every option --------------------------------------------------------------------------------

DEFAULTS = {
    "pixel_id": "",
    "access_token": "",
    "app_secret": "",
    "access_token_file": None,
    "secret": (),
    "test_event_code": EventCode(),
    "partner_agent": "",
    "graph_url": "https://graph.facebook.com",
    "graph_version": "v26.0",
    "pixel_script_url": "https://connect.facebook.net/en_US/fbevents.js",
    "pixel_image_url": "https://www.facebook.com/tr",
    "routes": parse_routes(DEFAULT_ROUTES)[0],
    "page_view": "both",
    "event_id": "auto",
    "auto_config": False,
    "advanced_matching": False,
    "identify": None,
    "purchase_status": None,
    "anonymous_id": False,
    "consent": ConsentRule(),
    "gpc": "ldu",
    "dnt": False,
    "ldu": None,
    "trusted_proxies": None,
    "cookie_domain": "",
    "staff": Staff(),
    "sensitive": sensitive.DEFAULT,
    "content_id": None,
    "group_id": None,
    "private_keys": (),
    "currency": "",
    "phone_country": "",
    "login_paths": ("/login", "/signin", "/accounts/login"),
    "strict": False,
    "spool": None,
    "outbox": None,
    "sender": "thread",
    "spool_limit": 4_000_000_000,
    "spool_full": "drop_newest",
    "fsync_ms": 500,
    "keep_dead": 30,
    "path": "/_pixelpair",
    "origins": (),
    "page_events": (),
    "report_rate": 60,
    "metrics_token": "",
    "exclude": ("/admin", "/docs", "/redoc", "/__debug__"),
    "mode": "live",
    "shops": None,
}


def values(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


@pytest.mark.parametrize("blank", [{}, dict.fromkeys(DEFAULTS, ""), dict.fromkeys(DEFAULTS)])
def test_what_is_not_said_has_its_default(blank: dict[str, object]) -> None:
    assert values(Settings(**blank)) == DEFAULTS
    assert values(Settings.from_env({f"PIXELPAIR_{k.upper()}": "" for k in blank})) == DEFAULTS


def whose(visitor: object) -> None:
    """Stands for a callable of the shop."""


class Shops:
    """Stands for the shop's own object that knows its shops."""

    def for_host(self, host: str) -> None: ...

    def for_pixel(self, pixel_id: str) -> None: ...


SHOPS = Shops()
WHERE = f"{__name__}.whose"
OWN_COOKIE = parse_consent("required")
THREE = "203.0.113.7, 10.0.0.0/8 cookie:team=1 django shop.staff.is_one"
END = 1_796_083_200  # 2026-12-01, 0:00 UTC
DIGITS = "digits only, or several such"
CODE = "a code like TEST12345, or TEST12345@2026-12-01 with its last day"
CONSENT = (
    "granted, required, cookie:NAME=VALUE, the dotted path of a callable, or one of "
    + ", ".join(PRESETS)
)
LDU = "country,state: 0,0 (Meta finds out), 1,0 or 1,1000 to 1,1013"
TOKENS = "one word, as Events Manager shows it, or one for each pixel id"
URL = "an https:// address without query (http:// on loopback only)"
PATHS = "paths that start with /"
FLAG = "1 or 0"
SIZE = "a size like 4GB, 256MB at least"
SYNC = "a whole number from 10 to 60000"
DAYS = "a whole number from 1 to 3650"
RATE = "a whole number from 1 to 100000"
ORIGIN = "origins like https://www.shop.example (http:// on loopback only)"
NAMES = "names of events like AddToWishlist"
BEE = "https://b.example"
LOOP = "http://[::1]"
GOOD: list[tuple[str, object, object]] = [
    ("pixel_id", " 1234567890 ", "1234567890"),
    ("pixel_id", 1234567890, "1234567890"),
    ("pixel_id", "111 222", "111 222"),
    ("pixel_id", " 111   222\n", "111   222"),
    ("access_token", f" {TOKEN}\n", TOKEN),
    ("app_secret", " 0a1B\n", "0a1B"),
    ("partner_agent", " shopplatform_1_0 ", "shopplatform_1_0"),
    ("secret", "one", ("one",)),
    ("secret", " new  old\told ", ("new", "old", "old")),
    ("secret", ["with space", "old"], ("with space", "old")),
    ("test_event_code", "TEST12345", EventCode("TEST12345")),
    ("test_event_code", "TEST12345@2026-11-30", EventCode("TEST12345", END)),
    ("test_event_code", " TEST-1@2024-02-29 ", EventCode("TEST-1", 1_709_251_200)),
    ("graph_url", "https://graph.example/", "https://graph.example"),
    ("graph_url", "http://127.0.0.1:8765", "http://127.0.0.1:8765"),
    ("graph_url", "http://localhost:8765/", "http://localhost:8765"),
    ("graph_url", "http://[::1]:8765", "http://[::1]:8765"),
    ("graph_version", "v99.1", "v99.1"),
    ("pixel_script_url", "http://localhost:1/fbevents.js", "http://localhost:1/fbevents.js"),
    ("pixel_image_url", "https://shop.example/tr", "https://shop.example/tr"),
    ("routes", "Lead /thanks", parse_routes("Lead /thanks")[0]),
    ("routes", "Lead /a; Contact POST /b", parse_routes("Lead /a\nContact POST /b")[0]),
    ("routes", "none", parse_routes("")[0]),
    ("routes", parse_routes("Lead /a")[0], parse_routes("Lead /a")[0]),
    ("page_view", "browser", "browser"),
    ("page_view", "off", "off"),
    ("event_id", "server", "server"),
    ("event_id", " browser ", "browser"),
    ("auto_config", "1", True),
    ("advanced_matching", "1", True),
    ("advanced_matching", "Yes", True),
    ("advanced_matching", True, True),
    ("advanced_matching", 0, False),
    ("currency", "sek", "SEK"),
    ("phone_country", "se", "SE"),
    ("login_paths", "/in, /konto/in/", ("/in", "/konto/in")),
    ("login_paths", ["/in/"], ("/in",)),
    ("login_paths", [], ()),
    ("strict", "on", True),
    ("spool", "/var/lib/shop", Path("/var/lib/shop")),
    ("spool", Path("/var/lib/shop"), Path("/var/lib/shop")),
    ("spool", "~/state", Path.home() / "state"),
    ("outbox", "/var/lib/shop/out.sqlite3", Path("/var/lib/shop/out.sqlite3")),
    ("outbox", "rediss://me:word@redis.example/1", "rediss://me:word@redis.example/1"),
    ("sender", "none", "none"),
    ("spool_limit", "4GB", 4_000_000_000),
    ("spool_limit", " 1.5 gib ", 1_610_612_736),
    ("spool_limit", "512M", 512_000_000),
    ("spool_limit", "256000000", 256_000_000),
    ("spool_limit", 10**15, 10**15),
    ("spool_full", "drop_oldest", "drop_oldest"),
    ("fsync_ms", "10", 10),
    ("fsync_ms", 60_000, 60_000),
    ("keep_dead", "1", 1),
    ("keep_dead", 3650, 3650),
    ("path", "/events/", "/events"),
    ("path", "/a/b_c-d.e", "/a/b_c-d.e"),
    ("origins", "https://www.shop.example", ("https://www.shop.example",)),
    ("origins", "HTTPS://Shop.Example:443/", ("https://shop.example",)),
    ("origins", "https://a.example:8443, https://b.example", ("https://a.example:8443", BEE)),
    ("origins", ["http://localhost:5173", "http://[::1]:80"], ("http://localhost:5173", LOOP)),
    ("origins", ",", ()),
    ("page_events", "AddToWishlist", ("AddToWishlist",)),
    ("page_events", "AddToWishlist, Contact Lead", ("AddToWishlist", "Contact", "Lead")),
    ("page_events", ["Sized up"], ("Sized up",)),
    ("report_rate", "1", 1),
    ("report_rate", 100_000, 100_000),
    ("metrics_token", " sixteen-letters! ", "sixteen-letters!"),
    ("exclude", "/admin/* /staff", ("/admin/*", "/staff")),
    ("exclude", "/", ("/",)),
    ("mode", "shadow", "shadow"),
    ("mode", " off ", "off"),
    ("consent", "granted", ConsentRule()),
    ("consent", " required ", OWN_COOKIE),
    ("consent", "cookie:ok=yes", parse_consent("cookie:ok=yes")),
    ("consent", "tcf:755", parse_consent("tcf:755")),
    ("consent", "shop.visitors.agreed", replace(OWN_COOKIE, ask="shop.visitors.agreed")),
    ("consent", whose, replace(OWN_COOKIE, ask=whose)),
    ("gpc", "deny", "deny"),
    ("gpc", " ignore ", "ignore"),
    ("dnt", "1", True),
    ("ldu", "0,0", (0, 0)),
    ("ldu", " 1 , 1000 ", (1, 1000)),
    ("trusted_proxies", "1", Trust(hops=1)),
    ("trusted_proxies", 2, Trust(hops=2)),
    ("trusted_proxies", "10.0.0.0/8 cloudflare", parse_trust("10.0.0.0/8,cloudflare")),
    ("trusted_proxies", "none", None),
    ("trusted_proxies", "1 host", Trust(hops=1, host=True)),
    ("cookie_domain", "Shop.Example", "shop.example"),
    ("cookie_domain", " .shop.example", "shop.example"),
    ("staff", THREE, parse_staff(THREE.replace(",", "").split())),
    ("staff", ["cookie:team"], parse_staff(["cookie:team"])),
    ("sensitive", "/mail/*", (*sensitive.DEFAULT, "/mail/*")),
    ("sensitive", "none **/pin, /x/", ("**/pin", "/x")),
    ("purchase_status", "shop.orders.is_paid", "shop.orders.is_paid"),
    ("content_id", "mpn", "mpn"),
    ("content_id", "shop.ids.of", "shop.ids.of"),
    ("group_id", "group_id", "group_id"),
    ("private_keys", "q, ref", ("q", "ref")),
    ("private_keys", ["coupon"], ("coupon",)),
    ("shops", SHOPS, SHOPS),
    ("shops", " shop.tenants.Directory ", "shop.tenants.Directory"),
    ("shops", {}, {}),
    ("shops", '{"A.example": {"pixel_id": 1}}', {"a.example": Settings(pixel_id="1")}),
    ("shops", {"*": {"PIXELPAIR_PIXEL_ID": "2"}}, {"*": Settings(pixel_id="2")}),
]
BAD: list[tuple[str, object, str]] = [
    ("pixel_id", "12, 34", DIGITS),
    ("pixel_id", "12345x", DIGITS),
    ("pixel_id", "١٢٣", DIGITS),
    ("pixel_id", True, DIGITS),
    ("pixel_id", "1" * 33, DIGITS),
    ("pixel_id", " ".join("12345678901"), DIGITS),
    ("partner_agent", "my shop", "like name_1_0"),
    ("partner_agent", 'a"b', "like name_1_0"),
    ("test_event_code", "TEST 1", CODE),
    ("test_event_code", "TEST1@tomorrow", CODE),
    ("test_event_code", "TEST1@2026-02-30", "2026-02-30 is no day of the calendar"),
    ("test_event_code", "TEST1@2026-1-1", CODE),
    ("graph_url", "http://graph.example", URL),
    ("graph_url", "http://127.0.0.1.evil.example", URL),
    ("graph_url", "ftp://graph.example", URL),
    ("graph_url", "graph.example", URL),
    ("graph_url", "https://", URL),
    ("graph_url", "https://graph.example/?a=b", URL),
    ("graph_url", "https://graph.example/?", URL),
    ("graph_url", "https://graph.example/#a", URL),
    ("graph_url", "https://graph.example:99999", URL),
    ("graph_url", "https://graph.example:port", URL),
    ("graph_url", "https://[::1", URL),
    ("graph_url", "https://gräph.example", URL),
    ("graph_url", "https://graph.example/a b", URL),
    ("pixel_script_url", "https://a.example/</script>", URL),
    ("pixel_image_url", 'https://a.example/"onerror=', URL),
    ("pixel_image_url", "javascript:alert(1)", URL),
    ("graph_version", "26.0", "like v26.0"),
    ("graph_version", "v26", "like v26.0"),
    ("routes", ["Lead /a"], "EVENT [METHOD] /path, one rule a line"),
    ("page_view", "on", "both, browser or off"),
    ("event_id", "cache", "auto, server or browser"),
    ("auto_config", "all", FLAG),
    ("advanced_matching", "maybe", FLAG),
    ("advanced_matching", 2, FLAG),
    ("currency", "euro", "an ISO 4217 code like SEK"),
    ("currency", "12€", "an ISO 4217 code like SEK"),
    ("phone_country", "SWE", "an ISO 3166 country code like SE"),
    ("login_paths", "login", PATHS),
    ("login_paths", 7, PATHS),
    ("strict", "ja", FLAG),
    ("spool", "/a\0b", "a folder on a local disk"),
    ("spool", "~nobody-of-this-name/a", "a folder on a local disk"),
    ("outbox", "a\0", "a file in the spool, or redis://HOST"),
    ("sender", "process", "thread or none"),
    ("spool_limit", "255MB", SIZE),
    ("spool_limit", "2000TB", SIZE),
    ("spool_limit", "4", SIZE),
    ("spool_limit", "-4GB", SIZE),
    ("spool_limit", "4 giga", SIZE),
    ("spool_limit", "1e12", SIZE),
    ("spool_limit", "none", SIZE),
    ("spool_full", "block", "drop_newest or drop_oldest"),
    ("fsync_ms", "0", SYNC),
    ("fsync_ms", "60001", SYNC),
    ("fsync_ms", "0.5", SYNC),
    ("keep_dead", "0", DAYS),
    ("keep_dead", "3651", DAYS),
    ("keep_dead", "30d", DAYS),
    ("path", "pixelpair", "a path that starts with /"),
    ("path", "/a?b", "a path that starts with /"),
    ("path", "/", "a path that starts with /"),
    ("origins", "http://www.shop.example", ORIGIN),
    ("origins", "www.shop.example", ORIGIN),
    ("origins", "https://www.shop.example/a", ORIGIN),
    ("origins", "https://www.shop.example?a", ORIGIN),
    ("origins", "https://shop.example:", ORIGIN),
    ("origins", "https://a.example https://*", ORIGIN),
    ("origins", "https://tähti.example", ORIGIN),
    ("origins", "*", ORIGIN),
    ("origins", "null", ORIGIN),
    ("origins", 7, ORIGIN),
    ("page_events", "Lead 2nd", NAMES),
    ("page_events", "<b>", NAMES),
    ("page_events", {"Lead": 1}, NAMES),
    (
        "page_events",
        "Lead Purchase",
        "Purchase is the server's alone: a page could claim any sum",
    ),
    (
        "page_events",
        ["PageView"],
        "PageView needs no leave: PIXELPAIR_PAGE_VIEW decides on it",
    ),
    ("report_rate", "0", RATE),
    ("report_rate", "100001", RATE),
    ("report_rate", "many", RATE),
    ("report_rate", "-5", RATE),
    ("report_rate", True, RATE),
    ("report_rate", 1.5, RATE),
    ("exclude", "admin", "paths that start with /; * stands for anything within a segment"),
    ("exclude", [7], "paths that start with /; * stands for anything within a segment"),
    ("mode", "0", "live, shadow or off"),
    ("consent", "ask", CONSENT),
    ("consent", "cookie:ok", CONSENT),
    ("consent", "tcf:meta", "tcf alone, or tcf: with a vendor's number of IAB Europe's list"),
    ("gpc", "allow", "ldu, deny or ignore"),
    ("dnt", "deny", FLAG),
    ("ldu", "CA", LDU),
    ("ldu", "2,0", LDU),
    ("ldu", "1,999", LDU),
    ("trusted_proxies", "nginx", f"'nginx' is no address; {proxies.EXPECTED}"),
    (
        "trusted_proxies",
        "0.0.0.0/0",
        f"0.0.0.0/0 would believe what any visitor says; {proxies.EXPECTED}",
    ),
    ("trusted_proxies", "21", "the number of proxies is one from 1 to 20"),
    ("trusted_proxies", "1 10.0.0.1", "either one number of proxies or their addresses, not both"),
    ("trusted_proxies", True, proxies.EXPECTED),
    ("cookie_domain", "https://shop.example", "a domain like shop.example"),
    ("cookie_domain", "shop.example; Secure", "a domain like shop.example"),
    ("cookie_domain", "tähti.example", "a domain like shop.example"),
    ("staff", "office", f"'office' is none of {STAFF}"),
    ("staff", "10.0.0.1/8", f"'10.0.0.1/8' is none of {STAFF}"),
    ("staff", "cookie:", "a cookie's NAME, or NAME=VALUE"),
    ("staff", "shop.one shop.two", "one dotted path at most"),
    ("staff", 7, STAFF),
    ("sensitive", "mail", f"'mail': {sensitive.EXPECTED}"),
    ("sensitive", "/a/**/b", f"'/a/**/b': {sensitive.EXPECTED}"),
    ("sensitive", "/ok **/", f"'**': {sensitive.EXPECTED}"),
    ("sensitive", 7, sensitive.EXPECTED),
    ("private_keys", 7, "names of query parameters"),
    ("purchase_status", "paid", "a callable, or its dotted path like shop.visitors.who"),
    ("content_id", "ean", CONTENT_ID),
    ("content_id", 7, CONTENT_ID),
    ("group_id", "group", f"group_id, {CONTENT_ID}"),
]


@pytest.mark.parametrize(("name", "value", "read"), GOOD, ids=str)
def test_reads(name: str, value: object, read: object) -> None:
    assert values(Settings(**{name: value})) == DEFAULTS | {name: read}
    if isinstance(value, str):
        found = Settings.from_env({f"PIXELPAIR_{name.upper()}": value})
        assert values(found) == DEFAULTS | {name: read}


@pytest.mark.parametrize(("name", "value", "expected"), BAD, ids=str)
def test_says_what_would_be_right(name: str, value: object, expected: str) -> None:
    """Seen: an unknown home raised RuntimeError, a broken address spoke of IPv6."""
    shown = repr(value if isinstance(value, str) else repr(value))
    assert problems(**{name: value}) == (Problem(f"PIXELPAIR_{name.upper()}", shown, expected),)


def test_every_option_is_tried() -> None:
    tried_elsewhere = {"access_token_file", "anonymous_id", "identify"}
    assert {name for name, _, _ in GOOD} == DEFAULTS.keys() - tried_elsewhere
    hidden = {"access_token", "app_secret", "metrics_token", "secret", "shops"}
    assert {name for name, _, _ in BAD} == DEFAULTS.keys() - tried_elsewhere - hidden


UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "G": 10**9,
    "TB": 10**12,
    "MiB": 2**20,
    "Gi": 2**30,
}


@given(st.integers(0, 10**7), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " "]))
def test_size_is_its_number_of_units(number: int, unit: str, blank: str) -> None:
    text, wanted = f"{number}{blank}{unit}", number * UNITS[unit]
    if 256_000_000 <= wanted <= 10**15:
        assert Settings(spool_limit=text).spool_limit == wanted
    else:
        assert [p.expected for p in problems(spool_limit=text)] == [SIZE]


@given(st.text(max_size=12) | st.floats() | st.from_regex(r"[0-9.]{1,9} ?[kKmMgGtTiIbB]{0,3}"))
def test_any_size_is_read_or_refused(value: object) -> None:
    with suppress(SettingsError):
        found = Settings(spool_limit=value).spool_limit
        assert isinstance(found, int)
        assert 256_000_000 <= found <= 10**15


@pytest.mark.parametrize(("outbox", "share"), [("", 150), ("/o", 150), ("redis://h", 300)])
def test_an_outbox_in_a_file_shares_the_limit_with_the_journals(outbox: str, share: int) -> None:
    assert Settings(spool_limit="300MB", outbox=outbox).journal_limit == share * 10**6


class Angry:
    """As a lazy value of the shop that cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = object.__repr__


def test_value_that_cannot_be_read_is_a_problem_too() -> None:
    assert [p.key for p in problems(pixel_id=Angry(), spool=Angry())] == [
        "PIXELPAIR_PIXEL_ID",
        "PIXELPAIR_SPOOL",
    ]


# --- mistakes together ---------------------------------------------------------------------------


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            {
                "PIXELPAIR_PIXEL_ID": "12x",
                "PIXELPAIR_CURENCY": "SEK",
                "PIXELPAIR_ROUTES": "Lead /a\nPurchase orders\nLead",
                "PIXELPAIR_SENDER": "process",
                "PATH": "/usr/bin",
            },
            {"strict": "ja"},
        )
    assert str(caught.value).splitlines() == [
        "pixelpair settings:",
        "  PIXELPAIR_CURENCY=(set): did you mean PIXELPAIR_CURRENCY?",
        f"  PIXELPAIR_PIXEL_ID='12x': {DIGITS}",
        (
            "  PIXELPAIR_ROUTES='Lead /a…': line 2: 'Purchase orders': 'orders' is no method: "
            "one of GET, POST, PUT, PATCH, DELETE or a /path; line 3: 'Lead': a path is missing: "
            "it starts with / (or name: for a route's name)"
        ),
        "  PIXELPAIR_STRICT='ja': 1 or 0",
        "  PIXELPAIR_SENDER='process': thread or none",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acces_token", "did you mean PIXELPAIR_ACCESS_TOKEN?"),
        ("enabled", "PIXELPAIR_MODE=live, shadow or off instead"),
        ("zebra", "no such setting"),
    ],
)
def test_unknown_name_is_reported_without_its_value(name: str, expected: str) -> None:
    assert problems(**{name: TOKEN}) == (Problem(f"PIXELPAIR_{name.upper()}", "(set)", expected),)


def test_name_in_capitals_is_explained() -> None:
    expected = "as a keyword it is written pixel_id"
    assert problems(PIXEL_ID="1") == (Problem("PIXEL_ID", "(set)", expected),)


def test_long_value_is_cut() -> None:
    (problem,) = problems(pixel_id="x" * 500)
    assert problem.value == repr("x" * 80 + "…")


@pytest.mark.parametrize("options", ["PIXEL_ID=1", ["a"], 7])
def test_options_that_are_no_dict_are_a_mistake(options: Any) -> None:
    with pytest.raises(SettingsError):
        Settings.from_env({}, options)


def test_option_whose_name_is_no_text_is_a_mistake() -> None:
    with pytest.raises(SettingsError):
        Settings.from_env({}, {7: "a"})  # type: ignore[dict-item]


@given(
    st.dictionaries(
        st.sampled_from([*DEFAULTS, "other"]).map(lambda name: f"PIXELPAIR_{name.upper()}"),
        st.text(max_size=20) | st.sampled_from(["https://[", "~a/b", "/a", "1", "\udcff", "http:"]),
    )
)
def test_any_environment_makes_settings_or_a_settings_error(environ: dict[str, str]) -> None:
    with suppress(SettingsError):
        assert Settings.from_env(environ).key


# --- where settings come from --------------------------------------------------------------------


def test_given_options_go_before_the_environment() -> None:
    found = Settings.from_env(
        {"PIXELPAIR_PIXEL_ID": "1", "PIXELPAIR_CURRENCY": "SEK", "OTHER": "x"}, {"pixel_id": "2"}
    )
    assert values(found) == DEFAULTS | {"pixel_id": "2", "currency": "SEK"}


def test_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", "77")
    assert Settings.from_env().pixel_id == "77"


@pytest.mark.parametrize(
    ("options", "active"),
    [({}, False), ({"pixel_id": "1"}, True), ({"pixel_id": "1", "mode": "off"}, False)],
)
def test_active_with_a_pixel_unless_switched_off(options: dict[str, str], active: bool) -> None:
    assert Settings(**options).active is active


def test_settings_do_not_change() -> None:
    settings = Settings(pixel_id="1")
    with pytest.raises(AttributeError):
        settings.pixel_id = "2"  # type: ignore[misc]
    assert settings == Settings(pixel_id="1") != Settings(pixel_id="2")


# --- secrets -------------------------------------------------------------------------------------


def test_secrets_are_not_shown() -> None:
    settings = Settings(pixel_id="7", access_token=TOKEN, secret=SECRET)
    assert "'7'" in repr(settings)
    assert (TOKEN in repr(settings), SECRET in repr(settings)) == (False, False)


def test_bad_secrets_are_not_shown() -> None:
    bad: dict[str, object] = {"access_token": f"{TOKEN}\n{TOKEN}", "secret": f"{SECRET}\udcff"}
    with pytest.raises(SettingsError) as caught:
        Settings(**bad)
    assert caught.value.problems == (
        Problem("PIXELPAIR_ACCESS_TOKEN", "(hidden)", TOKENS),
        Problem("PIXELPAIR_SECRET", "(hidden)", "one or more words, the newest first"),
    )
    assert not any(word in repr(caught.value) for word in (TOKEN, SECRET))


@pytest.mark.parametrize("word", ["fifteen-letters", "a word with blanks", "ä" * 16, "x" * 201])
def test_metrics_token_that_can_be_guessed_or_sent_by_nobody_is_a_mistake(word: str) -> None:
    expected = "one word of 16 characters or more"
    assert problems(metrics_token=word) == (
        Problem("PIXELPAIR_METRICS_TOKEN", "(hidden)", expected),
    )


def test_metrics_token_is_not_shown() -> None:
    assert "sixteen" not in repr(Settings(metrics_token="sixteen-letters!"))


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@a.example",
        "http://:hunter2@localhost/x@y",
        "http://hunter2@evil.example",
    ],
)
def test_password_in_an_address_is_refused_and_not_shown(url: str) -> None:
    (problem,) = problems(graph_url=url)
    assert "hunter2" not in str(problem)
    assert problem.expected == URL


@pytest.mark.parametrize("name", ["pixel_id", "test_event_code", "currency", "graph_version"])
def test_token_in_another_variable_is_not_shown(name: str) -> None:
    assert [p.value for p in problems(**{name: "EAABsbCS1iHgBA."})] == ["'(hidden).'"]


def test_token_in_an_address_is_not_shown() -> None:
    (problem,) = problems(graph_url="https://a.example/?access_token=123|abc&x=1")
    assert problem.value == "'https://a.example/?access_token=(hidden)&x=1'"


TOKENS_OF_META = ["EAABQ", "eaabtok", "EAABsbCS1iHgBAKq7z", "EAAB-sb_CS1|xqz.yqz"]
AROUND = ["{}", "/{}", "x {}", "'{}'", "\n{}\ttok", "?x={}&y", "_{}", "x,{}@2026-1-1"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_token_in_any_option_is_not_shown(name: str) -> None:
    """Seen: STAFF quoted a token in what would be right, TRUSTED_PROXIES one in lower case."""
    for token, around in itertools.product(TOKENS_OF_META, AROUND):
        text = around.format(token)
        parts = [part.lower() for part in re.split(r"\W", token)]
        for value in (text, [text, 7], {text: {name: text, text: text}}):
            with suppress(SettingsError):
                Settings(**{name: value})
                continue
            said = shown_of(name, value).lower()
            assert [part for part in parts if part in said] == []


def shown_of(name: str, value: object) -> str:
    found = problems(**{name: value})
    return str(SettingsError([*found])) + repr(found)


@pytest.mark.parametrize(
    ("given_options", "problem"),
    [
        ({"staff": "EAABtok"}, ("STAFF", "'(hidden)'", f"'(hidden)' is none of {STAFF}")),
        ({"partner_agent": "EAAB tok"}, ("PARTNER_AGENT", "'(hidden)'", "like name_1_0")),
        (
            {"trusted_proxies": "EAABtok"},
            ("TRUSTED_PROXIES", "'(hidden)'", f"'(hidden)' is no address; {proxies.EXPECTED}"),
        ),
        ({"EAABtok": "1"}, ("(hidden)", "(set)", "no such setting")),
        (
            {"access_token_file": "/none/EAABtok"},
            (
                "ACCESS_TOKEN_FILE",
                "'/none/(hidden)'",
                "a readable file that holds the token (No such file or directory)",
            ),
        ),
        ({"currency": "teak"}, ("CURRENCY", "'teak'", "an ISO 4217 code like SEK")),
    ],
)
def test_token_is_hidden_and_nothing_else(
    given_options: dict[str, object], problem: tuple[str, str, str]
) -> None:
    key, *rest = problem
    assert problems(**given_options) == (Problem(f"PIXELPAIR_{key}", *rest),)


def test_token_as_a_shops_host_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(shops='{"EAABtok.example": {"gpc": "x", "sender": "none"}}')
    assert {p.key for p in caught.value.problems} == {
        "(hidden): PIXELPAIR_SENDER",
        "(hidden): PIXELPAIR_GPC",
    }


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quotes_around_a_token_are_a_mistake(quote: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{quote}{TOKEN}{quote}")
    assert [p.key for p in problems(access_token=file.read_text())] == ["PIXELPAIR_ACCESS_TOKEN"]
    assert [p.key for p in problems(access_token_file=file)] == ["PIXELPAIR_ACCESS_TOKEN_FILE"]


def test_token_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    settings = Settings(access_token_file=file)
    assert (settings.access_token, settings.access_token_file) == (TOKEN, file)
    assert Settings(access_token_file=file, access_token="other").access_token == "other"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"", "it holds no token"),
        (b"two\nlines", "it holds no token"),
        (b"\xff\xfe", "it holds no token"),
    ],
)
def test_bad_token_file_is_a_mistake(content: bytes | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    expected = f"a readable file that holds the token ({why})"
    assert problems(access_token_file=str(file)) == (
        Problem("PIXELPAIR_ACCESS_TOKEN_FILE", repr(str(file)), expected),
    )


# --- several pixels ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("", {"111": "", "222": "", "999": ""}),
        ("one", {"111": "one", "222": "one", "999": ""}),
        ("one  two", {"111": "one", "222": "two", "999": ""}),
    ],
)
def test_pixels_have_one_token_or_one_each(
    tokens: str, expected: dict[str, str], tmp_path: Path
) -> None:
    settings = Settings(pixel_id="111 222", access_token=tokens)
    assert settings.pixels == ("111", "222")
    assert {pixel: settings.token_of(pixel) for pixel in expected} == expected
    if tokens:
        (tmp_path / "tokens").write_text(tokens)
        other = Settings(pixel_id="111 222", access_token_file=tmp_path / "tokens")
        assert {pixel: other.token_of(pixel) for pixel in expected} == expected


@pytest.mark.parametrize("pixels", ["", "111", "111 222"])
def test_other_number_of_tokens_than_pixels_is_a_mistake(pixels: str) -> None:
    found = problems(pixel_id=pixels, access_token=f"{TOKEN} {TOKEN} {TOKEN}")
    assert found == (Problem("PIXELPAIR_ACCESS_TOKEN", "(hidden)", TOKENS),)


def test_spool_is_the_first_pixels() -> None:
    assert Settings(pixel_id="111 222").spool_folder == Settings(pixel_id="111").spool_folder


# --- what needs customer information -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("identify", WHERE, WHERE),
        ("identify", f" {WHERE}\n", WHERE),
        ("identify", whose, whose),
        ("anonymous_id", "1", True),
    ],
)
def test_options_of_customer_information(name: str, value: object, read: object) -> None:
    found = Settings(advanced_matching="1", **{name: value})
    assert values(found) == DEFAULTS | {"advanced_matching": True, name: read}
    assert problems(**{name: value}) == (
        Problem(
            f"PIXELPAIR_{name.upper()}",
            "(set)",
            "to be set with PIXELPAIR_ADVANCED_MATCHING=1 only",
        ),
    )


@pytest.mark.parametrize("value", ["visitors", "shop visitors.who", "shop..who", ".who", 7])
def test_path_of_a_callable_has_dots(value: object) -> None:
    (problem,) = problems(identify=value, advanced_matching=True)
    assert problem.expected == "a callable, or its dotted path like shop.visitors.who"


# --- many shops ----------------------------------------------------------------------------------

TWO = {
    "PIXELPAIR_CURRENCY": "SEK",
    "PIXELPAIR_SHOPS": json.dumps(
        {
            "a.example": {"pixel_id": "111", "access_token": "EAAone", "currency": "EUR"},
            "*.B.example": {"PIXELPAIR_PIXEL_ID": "222", "PIXELPAIR_ACCESS_TOKEN": "EAAtwo"},
        }
    ),
}


def test_each_shop_has_its_own_over_what_all_have() -> None:
    found = Settings.from_env(TWO, {"secret": "of all"})
    assert found.shops == {
        "a.example": Settings(
            pixel_id="111", access_token="EAAone", currency="EUR", secret="of all"
        ),
        "*.b.example": Settings(
            pixel_id="222", access_token="EAAtwo", currency="SEK", secret="of all"
        ),
    }
    assert (found.active, found.pixels, found.spool_folder.name) == (True, (), "shops")


def test_tokens_of_shops_are_not_shown() -> None:
    found = Settings.from_env(TWO)
    assert [word for word in ("EAAone", "EAAtwo", "111") if word in repr(found)] == []
    assert "EAA" not in repr(found.shops)


@pytest.mark.parametrize(
    "value",
    [
        '{"a.example": {"access_token": "EAAone"',
        '{"a.example": "EAAone"}',
        '["EAAone"]',
        "EAAone",
        {"a.example": ["EAAone"]},
        [Settings(pixel_id="1", access_token="EAAone")],
    ],
)
def test_malformed_shops_are_a_mistake_that_shows_no_token(value: object) -> None:
    (problem,) = problems(shops=value)
    assert (problem.key, problem.value) == ("PIXELPAIR_SHOPS", "(hidden)")
    assert problem.expected == (
        "JSON of host patterns and options, or the dotted path of an object with for_host and"
        " for_pixel"
    )


def test_mistakes_of_shops_name_the_shop_and_no_token() -> None:
    shops = {
        "a.example": {"pixel_id": "EAABone99", "access_token": 'EAA"one99"', "sender": "none"},
        "b.example": {"pixel_di": "1", "path": "/x", "shops": {}, "gpc": "EAABtwo99"},
    }
    with pytest.raises(SettingsError) as caught:
        Settings(shops=json.dumps(shops))
    one = "one for all shops of the process"
    assert caught.value.problems == (
        Problem("a.example: PIXELPAIR_SENDER", "(set)", one),
        Problem("a.example: PIXELPAIR_PIXEL_ID", "'(hidden)'", DIGITS),
        Problem("a.example: PIXELPAIR_ACCESS_TOKEN", "(hidden)", TOKENS),
        Problem("b.example: PIXELPAIR_PATH", "(set)", one),
        Problem("b.example: PIXELPAIR_SHOPS", "(set)", one),
        Problem("b.example: PIXELPAIR_PIXEL_DI", "(set)", "did you mean PIXELPAIR_PIXEL_ID?"),
        Problem("b.example: PIXELPAIR_GPC", "'(hidden)'", "ldu, deny or ignore"),
    )
    assert "EAA" not in str(caught.value) + repr(caught.value)


def test_mistake_of_all_is_said_once() -> None:
    shops = {"a.example": {"pixel_id": "1"}, "b.example": {"pixel_id": "2"}}
    assert problems(shops=shops, currency="euro") == (
        Problem("PIXELPAIR_CURRENCY", "'euro'", "an ISO 4217 code like SEK"),
    )


def test_frameworks_own_secret_serves_each_shop_without_one() -> None:
    shops = {"a.example": {"pixel_id": "1"}, "b.example": {"pixel_id": "2", "secret": "own"}}
    found = Settings(shops=shops).with_default_secret("frameworks").shops
    assert {host: shop.secret for host, shop in found.items()} == {
        "a.example": ("frameworks",),
        "b.example": ("own",),
    }


def test_settings_of_shops_can_be_sent_to_a_process() -> None:
    found = Settings.from_env(TWO, {"routes": "none"})
    assert pickle.loads(pickle.dumps(found)) == found


# --- keys ----------------------------------------------------------------------------------------


def test_oldest_secret_keys_purchase_ids_through_a_rotation() -> None:
    before = Settings(secret="old")
    assert before.key == b"old"
    assert before.signing_secrets == (b"old",)
    assert Settings(secret="new old").signing_secrets == (b"new", b"old")
    assert Settings(secret="new old").key == Settings(secret="newest new old").key == before.key
    assert Settings(secret="newest new old").secret == ("newest", "new", "old")


def test_without_a_secret_the_key_holds_until_the_token_changes() -> None:
    one = Settings(pixel_id="1", access_token=TOKEN)
    assert one.key == Settings(pixel_id="2", access_token=TOKEN).key
    assert one.key != Settings(pixel_id="1", access_token="other").key
    assert TOKEN.encode() not in one.key
    assert one.key == hmac.new(TOKEN.encode(), b"pixelpair.secret", sha256).digest()
    assert one.signing_secrets == (one.key,)


@pytest.mark.parametrize(
    ("options", "secret", "read"),
    [
        ({}, "frameworks", ("frameworks",)),
        ({}, b"fr\xe5me", ("fråme",)),
        ({}, "with space", ("with space",)),
        ({}, "", ()),
        ({}, None, ()),
        ({}, 7, ()),
        ({"secret": "own"}, "frameworks", ("own",)),
    ],
)
def test_frameworks_own_secret_serves_where_none_is_set(
    options: dict[str, str], secret: object, read: tuple[str, ...]
) -> None:
    settings = Settings(pixel_id="7", **options)
    other = settings.with_default_secret(secret)
    assert values(other) == values(settings) | {"secret": read}
    assert settings.secret == (("own",) if options else ())


def test_settings_can_be_sent_to_a_process() -> None:
    settings = Settings(pixel_id="7", routes="Lead name:a")
    assert pickle.loads(pickle.dumps(settings)) == settings


# --- the spool -----------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, and nothing else that says where state belongs."""
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


linux = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="other state folders")


def test_given_spool_is_taken() -> None:
    assert Settings(spool="/var/lib/shop").spool_folder == Path("/var/lib/shop")


def test_service_managers_state_folder_is_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/shop:/var/lib/other")
    assert Settings(pixel_id="7").spool_folder == Path("/var/lib/shop")


@linux
def test_users_state_folder_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(pixel_id="7").spool_folder == home / ".local/state/pixelpair/7"
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "xdg"))
    assert Settings(pixel_id="7").spool_folder == home / "xdg/pixelpair/7"
    assert default_spool("") == home / "xdg/pixelpair/none"
    assert list(home.iterdir()) == []


@linux
@pytest.mark.parametrize("state", ["file/state", "x" * 300, "/proc/version"])
def test_temporary_folder_where_the_users_cannot_be(
    state: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: a home that cannot even be looked into raised an OSError."""
    (home / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(home / state))
    assert Settings(pixel_id="7").spool_folder == temporary_spool("7")
    assert temporary_spool("7").parts[-2:] == (f"pixelpair-{os.getuid()}", "7")


def test_password_of_a_redis_is_printed_nowhere() -> None:
    assert "geheim9" not in repr(Settings(outbox="redis://me:geheim9@redis.example"))
