"""A shop behind proxies, at every door: whose address, which scheme and host both halves carry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .drive import Answer, Ask
from .fronts import FRONTS

every_door = pytest.mark.parametrize("door", FRONTS)
VISITOR, PROXY, INNER = "198.51.100.7", "203.0.113.9", "10.0.0.5"
SAID = (
    ("host", "app:8000"),
    ("x-forwarded-for", f"192.0.2.1, {VISITOR}"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "www.boutique.example"),
)
AS_SERVED = ("http://app:8000/a?b=c", {})
AS_ASKED = ("https://www.boutique.example/a?b=c", {"domain": "boutique.example", "secure": "true"})
ID = "0123456789abcdef" * 2


def asked(*headers: tuple[str, str], peer: str = PROXY) -> Ask:
    return Ask(path="/", query="b=c", headers=(*SAID, *headers), peer=peer)


def told(found: tuple[Answer, list[dict[str, Any]]]) -> tuple[str | None, str, dict[str, str]]:
    """The visitor's address, the page's, and where its cookies are for."""
    answer, [twin] = found
    _, terms = answer.cookies["_fbp"]
    places = {name: value for name, value in terms if name in ("domain", "secure")}
    return twin["user_data"].get("client_ip_address"), twin["event_source_url"], places


HERE = ("https://www.boutique.example/?b=c", {"domain": "boutique.example", "secure": "true"})
BARE = ("http://app:8000/?b=c", {})
THERE = ("https://app:8000/?b=c", {"secure": "true"})  # what X-Forwarded-Host says, a visitor may
TRUSTS: dict[str, tuple[object, str, tuple[Any, ...]]] = {
    "one hop": ("1 host", PROXY, (VISITOR, *HERE)),
    "one hop of the inner network": ("1 host", INNER, (VISITOR, *HERE)),
    "its address": (f"{PROXY} host", PROXY, (VISITOR, *HERE)),
    "its network": ("private host", INNER, (VISITOR, *HERE)),
    "one hop, but for the host": ("1", PROXY, (VISITOR, *THERE)),
    "its address, but for the host": (PROXY, PROXY, (VISITOR, *THERE)),
    "another address": ("203.0.113.10 host", PROXY, (PROXY, *BARE)),
    "none": ("none", PROXY, (PROXY, *BARE)),
    "nothing said": ("", PROXY, (PROXY, *BARE)),
    "nothing said, and a peer of nobody's": ("", INNER, (None, *BARE)),
}


@every_door
@pytest.mark.parametrize("trust", TRUSTS)
def test_page_is_where_trusted_proxies_say(door, trust, behind):
    option, peer, expected = TRUSTS[trust]
    ask = behind(door, routes="none", trusted_proxies=option)
    assert told(ask(asked(peer=peer))) == expected


NAMED = {
    "cloudflare": ("cloudflare", (("cf-connecting-ip", "2001:db8:7::1"),), "2001:db8:7::1"),
    "fastly": ("fastly", (("fastly-client-ip", "192.0.2.44"),), VISITOR),
    "aws-alb": ("aws-alb", (), VISITOR),
    "forwarded": ("forwarded", (("forwarded", 'for="[2001:db8::7]";proto=https'),), "2001:db8::7"),
}  # fmt: skip


@every_door
@pytest.mark.parametrize("name", NAMED)
def test_header_of_a_named_service_is_read_at_every_door(door, name, behind):
    option, headers, visitor = NAMED[name]
    ask = behind(door, routes="none", trusted_proxies=option)
    ip, url, _ = told(ask(asked(*headers)))
    assert (ip, url) == (visitor, "https://app:8000/?b=c")
    ask = behind(door, routes="none", trusted_proxies="1")
    assert told(ask(asked(*headers)))[0] == VISITOR


@every_door
def test_proxy_that_nobody_trusts_is_said_once(door, behind, said):
    ask = behind(door, routes="none")
    for _ in range(2):
        ask(asked(peer=INNER))
        ask(asked(peer=PROXY))
    text = (
        "requests come through a proxy of the shop's own network, which is nobody's address: no"
        " visitor's address is sent until PIXELPAIR_TRUSTED_PROXIES says whom to believe"
    )
    assert said() == [("WARNING", text)]


@every_door
def test_trusted_proxy_is_no_news(door, behind, said):
    ask = behind(door, routes="none", trusted_proxies="1")
    ask(asked(peer=INNER))
    ask(Ask(peer=INNER))
    assert said() == []


@every_door
@pytest.mark.parametrize(("trust", "status"), [("1 host", 204), ("1", 403), ("", 403)])
def test_report_is_taken_from_the_host_that_a_trusted_proxy_names(door, trust, status, behind):
    report = {"url": "https://www.boutique.example/a?b=c", "made": [["PageView", {}, ID]]}
    what = Ask(
        "POST",
        "/_pixelpair/events",
        headers=(*SAID, ("origin", "https://www.boutique.example")),
        body=json.dumps({**report, "referrer": ""}).encode(),
    )
    found = behind(door, routes="none", trusted_proxies=trust)(what)
    assert found[0].status == status
    if status == 204:
        assert told(found) == (VISITOR, *AS_ASKED)
    else:
        assert found[1] == []


@every_door
def test_own_domain_goes_before_the_widest(door, behind):
    ask = behind(
        door, routes="none", trusted_proxies="1 host", cookie_domain="www.boutique.example"
    )
    assert told(ask(asked()))[2] == {"domain": "www.boutique.example", "secure": "true"}


HOSTILE = [
    ("x-forwarded-for", "x" * 5000),
    ("x-forwarded-for", "198.51.100.7\x00"),
    ("x-forwarded-for", ",,,, "),
    ("x-forwarded-for", "<script>"),
    ("x-forwarded-host", "evil.example/<script>"),
    ("x-forwarded-host", "a" * 5000),
    ("x-forwarded-proto", "javascript"),
    ("x-forwarded-proto", "\xe9"),
]


@every_door
@pytest.mark.parametrize("header", HOSTILE, ids=lambda h: f"{h[0]}: {h[1][:12]!r}")
def test_malformed_header_of_a_trusted_proxy_says_nothing(door, header, behind, said):
    name, _ = header
    ask = behind(door, routes="none", trusted_proxies="1 host")
    kept = tuple(pair for pair in SAID if pair[0] != name)
    ip, url, places = told(ask(Ask(query="b=c", headers=(*kept, header))))
    host = "app:8000" if name == "x-forwarded-host" else "www.boutique.example"
    scheme = "http" if name == "x-forwarded-proto" else "https"
    assert ip == (None if name == "x-forwarded-for" else VISITOR)
    assert url == f"{scheme}://{host}/?b=c"
    domain = {} if host == "app:8000" else {"domain": "boutique.example"}
    assert places == domain | ({"secure": "true"} if scheme == "https" else {})
    assert said() == []
