from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core import csp
from pixelpair.core.csp import INLINE, NEVER, Permission, Scripts, meta_policies, permission
from pixelpair.core.csp_sources import lists
from tests.core.csp_cases import CASES, Case

HERE, META = "127.0.0.1:8080", "cdn.localhost:8080"
SCRIPTS = Scripts(f"http://{HERE}", "/_pixelpair/pixel.js", f"http://{META}/en_US/fbevents.js")
SHOP = Scripts(
    "https://www.shop.example",
    "/_pixelpair/pixel.js",
    "https://connect.facebook.net/en_US/fbevents.js",
)


def _filled(text: str) -> bytes:
    return text.replace("{here}", HERE).replace("{meta}", META).encode("latin-1")


def _headers(case: Case) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/html"),
        *[(b"content-security-policy", _filled(policy)) for policy in case.enforced],
        *[(b"content-security-policy-report-only", _filled(policy)) for policy in case.reported],
    ]


def _said(policy: str, nonce: object = b"", scripts: Scripts = SHOP) -> Permission:
    return permission([(b"content-security-policy", policy.encode())], b"", scripts, nonce)


@pytest.mark.parametrize("name", CASES)
def test_verdict_on_policies_that_chromium_was_asked_about(name: str) -> None:
    case = CASES[name]
    assert permission(_headers(case), _filled(case.head), SCRIPTS) == case.verdict


def test_page_without_policies_is_the_common_answer_itself() -> None:
    head = b'<html><head><meta charset="utf-8"><meta http-equiv="x-ua-compatible" content="a">'
    assert permission([(b"content-type", b"text/html")], head, SHOP) is INLINE


# --- addresses that a test on loopback cannot have --------------------------------------------

SHOP_URL = "https://www.shop.example/shop/_pixelpair/pixel.js"
SOURCES = {
    "*": True,
    "https:": True,
    "HTTPS:": True,
    "http:": True,
    "wss:": True,
    "ws:": True,
    "data:": False,
    "'self'": True,
    "www.shop.example": True,
    "WWW.Shop.Example": True,
    "http://www.shop.example": True,
    "http://www.shop.example:80": True,
    "ws://www.shop.example": True,
    "ftp://www.shop.example": False,
    "www.shop.example:443": True,
    "www.shop.example:80": True,
    "www.shop.example:8443": False,
    "www.shop.example:*": True,
    "*.shop.example": True,
    "*.www.shop.example": False,
    "*.example": True,
    "shop.example": False,
    "example": False,
    "w*.shop.example": False,
    "https://*": True,
    "www.shop.example/": True,
    "www.shop.example/shop/": True,
    "www.shop.example/shop": False,
    "www.shop.example/SHOP/": False,
    "www.shop.example/shop/_pixelpair/pixel.js#x": True,
    "www.shop.example/shop/_pixelpair/pixel.js/": False,
    "www.shop.example/%73hop/": True,
    "'none'": False,
    "'unsafe-eval'": False,
    "": False,
    "www.shop.example:": False,
    "//www.shop.example": False,
}


@pytest.mark.parametrize("source", SOURCES)
def test_source_fits_address(source: str) -> None:
    assert lists([source], "https://www.shop.example", SHOP_URL) is SOURCES[source]


ORIGINS = {
    ("https://shop.example", "https://shop.example:443/a"): True,
    ("https://shop.example:8443", "https://shop.example:8443/a"): True,
    ("https://shop.example:8443", "https://shop.example/a"): False,
    ("http://shop.example", "https://shop.example/a"): True,
    ("https://shop.example", "http://shop.example/a"): False,
    ("http://shop.example:8000", "https://shop.example/a"): False,
    ("https://shop.example", "https://www.shop.example/a"): False,
    ("https://[::1]:8000", "https://[::1]:8000/a"): True,
}


@pytest.mark.parametrize(("origin", "url"), ORIGINS)
def test_self_is_the_pages_origin_or_its_upgrade(origin: str, url: str) -> None:
    assert lists(["'self'"], origin, url) is ORIGINS[origin, url]


@pytest.mark.parametrize("broken", ["https://[", "https://shop.example:port", "", "://"])
def test_no_source_fits_an_address_that_is_none(broken: str) -> None:
    assert lists(["'self'", "https:", "*"], broken, broken) is False


# --- nonces and hashes ---------------------------------------------------------------------------


def test_nonce_of_the_framework_is_used_where_no_policy_is_seen() -> None:
    assert permission([], b"", SHOP, "aB3=") == Permission("inline", b"aB3=")
    assert permission([], b"", SHOP, b"aB3=") == Permission("inline", b"aB3=")


@pytest.mark.parametrize("nonce", ['a"b', "a b", "a>", "===", "ü", "\ud800", "a\n"])
def test_nonce_that_could_leave_its_attribute_is_not_used(nonce: str) -> None:
    assert permission([], b"", SHOP, nonce) is INLINE


def test_nonce_of_the_policy_wins_over_the_frameworks() -> None:
    policy = "script-src 'nonce-abc' https://connect.facebook.net"
    assert _said(policy, "xyz") == Permission("inline", b"abc")


def test_nonce_of_the_framework_is_used_where_the_policies_need_none() -> None:
    policy = "script-src 'self' https://connect.facebook.net"
    assert _said(policy, "xyz") == Permission("external", b"xyz")
    assert _said("script-src 'none'", "xyz") == NEVER


def test_lazy_nonce_that_nobody_asked_for_is_not_made() -> None:
    """Django 6 puts a nonce into its policy as soon as somebody has read it."""

    class Lazy:
        def __bool__(self) -> bool:
            return False

        def __str__(self) -> str:
            raise AssertionError

    assert permission([], b"", SHOP, Lazy()) is INLINE


def test_new_nonce_is_no_new_policy() -> None:
    csp._judged.cache_clear()
    said = [_said(f"script-src 'nonce-{n}' 'strict-dynamic'") for n in ("abc", "def", "0", "1")]
    assert said == [Permission("inline", n) for n in (b"abc", b"def", b"0", b"1")]
    assert csp._judged.cache_info().misses == 1


def test_ninth_nonce_is_not_tried() -> None:
    policies = "script-src " + " ".join(f"'nonce-{n}'" for n in range(9))
    assert _said(policies + " *, script-src 'nonce-7' *") == Permission("inline", b"7")
    assert _said(policies + " *, script-src 'nonce-8'") == NEVER


@pytest.mark.parametrize("listed", ["'sha256-ab+/cd='", "'SHA256-ab-_cd='"])
def test_inline_script_whose_hash_is_listed_runs(listed: str) -> None:
    known = Scripts(SHOP.origin, SHOP.path, SHOP.pixel, frozenset({"ab+/cd="}))
    policy = f"script-src 'strict-dynamic' {listed}"
    assert _said(policy, scripts=known) == INLINE
    assert _said(policy) == NEVER


# --- bounds and bad input ------------------------------------------------------------------------


def test_policy_longer_than_any_is_taken_for_a_no() -> None:
    assert _said("script-src *;" + " " * csp.LONGEST) == NEVER


def test_head_of_unended_comments_is_read_once() -> None:
    head = b'<meta http-equiv="content-security-policy"' + b"<!--<script >" * 20_000
    assert meta_policies(head) == (b"",)
    quotes = b"<meta http-equiv=content-security-policy a=\" b=' " + b"a='" * 20_000
    assert meta_policies(quotes) == (b"",)


_WORDS = """
script-src script-src-elem default-src sandbox allow-scripts 'self' 'none' 'nonce-a' 'nonce-1'
'nonce-b' 'sha256-x' 'strict-dynamic' 'unsafe-inline' ; , * https: *.x x:* http://x/y :// ' é
require-trusted-types-for 'script' x:99999 [::1]
"""
WORDS = st.sampled_from(_WORDS.split())
TEXT = st.one_of(st.lists(WORDS).map(" ".join), st.text(st.characters(max_codepoint=255)))
NAMES = st.sampled_from(
    [b"content-security-policy", b"content-security-policy-report-only", b"content-type"]
)


@given(st.lists(st.tuples(NAMES, TEXT.map(lambda t: t.encode("latin-1")))), st.text())
def test_any_policy_gets_a_verdict(headers: list[tuple[bytes, bytes]], origin: str) -> None:
    scripts = Scripts(origin, SHOP.path, SHOP.pixel)
    said = permission(headers, b"", scripts)
    assert said.way in ("inline", "external", "never")
    assert said.nonce in (b"", b"a", b"b", b"1")


_PIECES = b"""
<meta|<META/| http-equiv|=|"|'|content-security-policy|>| |<!--|-->|<script>|</script>|&quot;
|&#|content|script-src|/|&#x110000;|\xff|<template>|\x00
"""
PIECES = st.sampled_from(_PIECES.split(b"|"))


@given(st.lists(PIECES).map(b"".join))
def test_any_head_gets_a_verdict(head: bytes) -> None:
    said = permission([], b"ttp-" + head, SHOP)
    assert said in (INLINE, NEVER)


@given(st.lists(TEXT.map(lambda t: t.encode("latin-1")), max_size=3))
def test_another_policy_never_permits_more(policies: list[bytes]) -> None:
    headers = [(b"content-security-policy", policy) for policy in policies]
    order = ("never", "external", "inline")
    fewer = permission(headers[:-1], b"", SHOP).way
    assert order.index(permission(headers, b"", SHOP).way) <= order.index(fewer)
