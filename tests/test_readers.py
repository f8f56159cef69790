"""Each option: what it takes and what it says would be right."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core import proxies, sensitive
from pixelpair.core.consent import ConsentRule, parse_consent
from pixelpair.core.consent_presets import PRESETS
from pixelpair.core.proxies import Trust, parse_trust
from pixelpair.core.routes import parse_routes
from pixelpair.core.staff import EXPECTED as STAFF
from pixelpair.core.staff import EventCode, parse_staff
from pixelpair.errors import Problem, SettingsError
from pixelpair.settings import Settings
from tests.setting_cases import (
    CONTENT_ID,
    DEFAULTS,
    DIGITS,
    TOKEN,
    URL,
    problems,
    values,
    whose,
)


class Shops:
    """Stands for the shop's own object that knows its shops."""

    def for_host(self, host: str) -> None: ...

    def for_pixel(self, pixel_id: str) -> None: ...


SHOPS = Shops()
OWN_COOKIE = parse_consent("required")
THREE = "203.0.113.7, 10.0.0.0/8 cookie:team=1 django shop.staff.is_one"
END = 1_796_083_200  # 2026-12-01, 0:00 UTC
CODE = "a code like TEST12345, or TEST12345@2026-12-01 with its last day"
CONSENT = (
    "granted, required, cookie:NAME=VALUE, the dotted path of a callable, or one of "
    + ", ".join(PRESETS)
)
LDU = "country,state: 0,0 (Meta finds out), 1,0 or 1,1000 to 1,1013"
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
