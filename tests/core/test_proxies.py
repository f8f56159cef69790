from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.addresses import (
    INNER,
    Networks,
    _parsed,
    _public_ip,
    networks,
    parsed,
    public_ip,
)
from pixelpair.core.proxies import MOST_BYTES, Arrival, Trust, arrival, arrivals, parse_trust
from pixelpair.core.routes import RuleError

ME = "203.0.113.7"
LIAR = "198.51.100.66"  # an address that a visitor made up
EDGE = "192.0.2.10"  # of a service that stands before the shop
EDGES = "192.0.2.0/24"


def found(trust: object, peer: str, **headers: str) -> Arrival:
    """Through both readers: the remembering one must say the same, twice."""
    index = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    one = arrival(parse_trust(trust), index, peer, "http", "inner:8000")
    read = arrivals(parse_trust(trust))
    assert [read(index, peer, "http", "inner:8000") for _ in range(2)] == [one, one]
    assert public_ip(one.visitor) == one.client_ip
    return one._replace(visitor="")


def ip(trust: object, peer: str, **headers: str) -> str:
    return found(trust, peer, **headers).client_ip


# --- the setting ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "trust"),
    [
        ("", None),
        (" none ", None),
        ("1", Trust(1)),
        (2, Trust(2)),
        (
            "192.0.2.0/24, 2001:db8::/32 10.0.0.5",
            Trust(0, networks(EDGES, "2001:db8::/32", "10.0.0.5")),
        ),
        (["192.0.2.0/24"], Trust(0, networks(EDGES))),
        ("private", Trust(0, INNER)),
        ("Cloudflare", Trust(1, Networks(), "cloudflare")),
        ("aws-alb 2", Trust(2, Networks(), "aws-alb")),
        ("fastly private", Trust(0, INNER, "fastly")),
        ("forwarded", Trust(1, Networks(), "forwarded")),
        ("1 host", Trust(1, host=True)),
        ("host, 10.0.0.5", Trust(0, networks("10.0.0.5"), host=True)),
        ("Forwarded Host private", Trust(0, INNER, "forwarded", True)),
        (Trust(3), Trust(3)),
    ],
)
def test_reads_the_setting(text: object, trust: Trust | None) -> None:
    assert parse_trust(text) == trust


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nginx", "'nginx' is no address; expected is how many proxies"),
        ("*", "'*' is no address; expected is"),
        ("true", "'true' is no address"),
        ("10.0.0.1/8", "10.0.0.1/8 has host bits set; expected is"),
        ("0.0.0.0/0", "0.0.0.0/0 would believe what any visitor says"),
        ("::/0", "::/0 would believe what any visitor says"),
        ("1 2", "either one number of proxies or their addresses, not both"),
        ("1 10.0.0.5", "either one number of proxies or their addresses, not both"),
        ("cloudflare fastly", "cloudflare and fastly: only one can name the visitor"),
        ("host", "host stands beside the proxies that overwrite it; expected is"),
        ("cloudflare host", "cloudflare passes on what a visitor says of the host: leave host out"),
        ("fastly 2 host", "fastly passes on what a visitor says of the host"),
        ("aws-alb host private", "aws-alb passes on what a visitor says of the host"),
        ("0", "the number of proxies is one from 1 to 20"),
        ("21", "the number of proxies is one from 1 to 20"),
        ("9" * 5000, "the number of proxies is one from 1 to 20"),
        ("-1", "'-1' is no address"),
        (True, "expected is how many proxies"),
        (None, "expected is how many proxies"),
        (1.5, "expected is how many proxies"),
    ],
)
def test_says_what_would_be_right(text: object, why: str) -> None:
    with pytest.raises(RuleError, match=f"^{re.escape(why)}"):
        parse_trust(text)


# --- no trust ------------------------------------------------------------------------------


def test_nobody_is_believed_by_default() -> None:
    said = {
        "x_forwarded_for": LIAR,
        "x_forwarded_proto": "https",
        "x_forwarded_host": "evil.example",
    }
    said |= {"forwarded": f"for={LIAR}", "cf_connecting_ip": LIAR}
    assert found("", ME, **said) == Arrival(ME, "http", "inner:8000")
    assert found("", "10.0.0.1", **said) == Arrival("", "http", "inner:8000")
    assert found("", "", **said) == Arrival("", "http", "inner:8000")
    assert found("", "::ffff:203.0.113.7") == Arrival(ME, "http", "inner:8000")


# --- X-Forwarded-* -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trust", "peer", "chain", "visitor"),
    [
        # a number: counted from the right, whoever the peer is
        ("1", "10.0.0.1", ME, ME),
        ("1", "", ME, ME),
        ("1", "198.51.100.1", f"{LIAR}, {ME}", ME),
        ("2", "10.0.0.1", f"{LIAR}, {ME}, {EDGE}", ME),
        ("2", "10.0.0.1", f"{LIAR},{ME} ,\t{EDGE}", ME),
        ("2", "10.0.0.1", EDGE, ""),  # one hop is missing: this one may be a proxy's
        (
            "1",
            "198.51.100.1",
            None,
            "",
        ),  # a proxy that says nothing; its own address is no visitor's
        # addresses: the right-most that is not trusted
        (EDGES, EDGE, f"{LIAR}, {ME}", ME),
        (EDGES, EDGE, f"{LIAR}, {ME}, 192.0.2.77, 192.0.2.78", ME),
        (EDGES, ME, LIAR, ME),
        (EDGES, "10.0.0.1", LIAR, ""),
        (EDGES, "", f"{LIAR}, {ME}", ME),
        (EDGES, EDGE, "192.0.2.77, 192.0.2.78", ""),
        (EDGES, EDGE, None, ""),
        (f"private {EDGES}", "127.0.0.1", f"{LIAR}, {ME}, {EDGE}", ME),
        ("private", "127.0.0.1", f"{LIAR}, {ME}, 10.3.2.1", ME),
        ("private", "::ffff:127.0.0.1", ME, ME),
        ("private", "fe80::1%eth0", ME, ME),
        ("private", "127.0.0.1", f"{ME}, 192.168.7.7", ME),
        ("private", "127.0.0.1", "192.168.7.7", ""),
        ("127.0.0.1", "127.0.0.1", f"{ME}, 192.168.7.7", ""),  # not listed, so the visitor's
        # as hops write it
        ("1", "10.0.0.1", "2001:DB8::7", "2001:db8::7"),
        ("1", "10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("1", "10.0.0.1", f"{ME}:4711", ME),
        ("1", "10.0.0.1", f"::ffff:{ME}", ME),
        ("1", "10.0.0.1", f"2001:db8::7, {ME}", ME),  # an IPv6 address is no reason to believe
        # what cannot be read is never replaced by what stands left of it
        ("1", "10.0.0.1", f"{LIAR}, unknown", ""),
        ("1", "10.0.0.1", f"{LIAR}, ", ""),
        ("private", "10.0.0.1", f"{LIAR}, _hidden, 10.0.0.2", ""),
        ("private", "10.0.0.1", f"{LIAR}, 203.0.113.7'--", ""),
        ("1", "10.0.0.1", ",", ""),
        ("1", "10.0.0.1", "", ""),
    ],
)
def test_right_most_untrusted_hop(trust: str, peer: str, chain: str | None, visitor: str) -> None:
    assert ip(trust, peer, **({} if chain is None else {"x_forwarded_for": chain})) == visitor


@pytest.mark.parametrize(
    ("trust", "proto", "scheme"),
    [
        ("1", "https", "https"),
        ("1", "HTTPS", "https"),
        ("2", "https", "https"),  # overwritten by the inner one, or passed on
        ("2", "http, https, http", "https"),
        ("1", "https, http", "http"),
        ("1", "gopher", "http"),
        ("1", "", "http"),
        ("1", "https\r\nx", "http"),
        ("cloudflare", "https", "https"),
        ("fastly", "https", "https"),
        ("aws-alb", "https", "https"),
    ],
)
def test_scheme_by_the_same_hop(trust: str, proto: str, scheme: str) -> None:
    got = found(trust, "10.0.0.1", x_forwarded_for=f"{ME}, {EDGE}", x_forwarded_proto=proto)
    assert got.scheme == scheme


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({"x_forwarded_host": "www.shop.example"}, "www.shop.example"),
        ({"x_forwarded_host": "evil.example, www.shop.example"}, "www.shop.example"),
        ({"x_forwarded_host": "shop.example:8443", "x_forwarded_port": "9"}, "shop.example:8443"),
        ({"x_forwarded_host": "shop.example", "x_forwarded_port": "8443"}, "shop.example:8443"),
        ({"x_forwarded_host": "shop.example", "x_forwarded_port": "443"}, "shop.example"),
        ({"x_forwarded_host": "shop.example", "x_forwarded_port": "80"}, "shop.example"),
        ({"x_forwarded_host": "shop.example", "x_forwarded_port": "x"}, "shop.example"),
        ({"x_forwarded_host": "[2001:db8::1]", "x_forwarded_port": "81"}, "[2001:db8::1]:81"),
        ({"x_forwarded_host": "a b"}, "inner:8000"),
        ({"x_forwarded_host": "shop.example/<script>"}, "inner:8000"),
        ({"x_forwarded_host": "user@shop.example"}, "inner:8000"),
        ({"x_forwarded_host": "x" * 300}, "inner:8000"),
        ({"x_forwarded_host": ""}, "inner:8000"),
    ],
)
def test_host_by_the_same_hop(headers: dict[str, str], host: str) -> None:
    for trust in ("1 host", "10.0.0.1 host"):
        assert found(trust, "10.0.0.1", x_forwarded_for=ME, **headers).host == host


@pytest.mark.parametrize(
    "trust", ["1", "2", "10.0.0.0/8", "private", "cloudflare", "fastly", "aws-alb", "forwarded"]
)
def test_host_is_the_visitors_word_unless_the_shop_says_otherwise(trust: str) -> None:
    """Seen: nginx passed X-Forwarded-Host on, and a cacheable page's cookies were evil.example's"""
    said = {"x_forwarded_host": "evil.example", "x_forwarded_port": "666"}
    hop = f"for={ME};proto=https;host=evil.example"
    for more in ({"x_forwarded_for": ME}, {"forwarded": hop}, {}):
        assert found(trust, "10.0.0.1", **said, **more).host == "inner:8000"
    served = arrivals(parse_trust("1"))
    port = {b"x-forwarded-for": ME.encode(), b"x-forwarded-port": b"666"}
    assert served(port, "10.0.0.1", "http", "shop.example").host == "shop.example"


def test_stranger_names_neither_scheme_nor_host() -> None:
    said = {"x_forwarded_proto": "https", "x_forwarded_host": "evil.example"}
    got = found(f"{EDGES} host", ME, x_forwarded_for=LIAR, **said)
    assert got == Arrival(ME, "http", "inner:8000")


# --- Forwarded -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trust", "value", "expected"),
    [
        ("1", f"for={ME};proto=https;host=shop.example", Arrival(ME, "https", "shop.example")),
        ("1", f'For="{ME}:4711" ; Proto=HTTPS', Arrival(ME, "https", "inner:8000")),
        ("1", 'for="[2001:db8::7]:4711"', Arrival("2001:db8::7", "http", "inner:8000")),
        ("1", f'for={ME};host="shop.example:8443"', Arrival(ME, "http", "shop.example:8443")),
        ("1", f"for={LIAR};proto=https, for={ME}", Arrival(ME, "http", "inner:8000")),
        ("2", f"for={LIAR}, for={ME};proto=https, for={EDGE}", Arrival(ME, "https", "inner:8000")),
        ("1", f"for={LIAR}, for=_hidden", Arrival("", "http", "inner:8000")),
        ("1", f"for={LIAR}, for=unknown;proto=https", Arrival("", "https", "inner:8000")),
        ("1", f"for={LIAR}, proto=https", Arrival("", "https", "inner:8000")),
        ("1", f'for="{LIAR}, for={ME}', Arrival(ME, "http", "inner:8000")),  # a quote left open
        ("1", f'for={ME};x="a;b"', Arrival(ME, "http", "inner:8000")),
        ("1", ";=;,=", Arrival("", "http", "inner:8000")),
        (EDGES, f"for={ME}, for={EDGE}", Arrival(ME, "http", "inner:8000")),
    ],
)  # fmt: skip
def test_reads_forwarded(trust: str, value: str, expected: Arrival) -> None:
    assert found(f"{trust} host", EDGE, forwarded=value) == expected
    named = f"forwarded {trust} host"
    assert found(named, EDGE, forwarded=value, x_forwarded_for=LIAR) == expected


def test_forwarded_beside_what_proxies_write_is_the_visitors_own() -> None:
    said = {"x_forwarded_for": ME, "forwarded": f"for={LIAR};proto=https;host=evil.example"}
    assert found("1 host", EDGE, **said) == Arrival(ME, "http", "inner:8000")
    assert found("aws-alb", EDGE, forwarded=said["forwarded"]) == Arrival("", "http", "inner:8000")


# --- services with a header of their own ---------------------------------------------------


@pytest.mark.parametrize(
    ("trust", "peer", "headers", "visitor"),
    [
        ("cloudflare", EDGE, {"cf_connecting_ip": ME, "x_forwarded_for": LIAR}, ME),
        ("cloudflare", "10.0.0.1", {"cf_connecting_ip": "2001:db8::7"}, "2001:db8::7"),
        ("cloudflare", EDGE, {"x_forwarded_for": ME}, ""),  # that transform takes it away
        ("cloudflare", EDGE, {"cf_connecting_ip": "10.0.0.9"}, ""),
        ("cloudflare", EDGE, {"cf_connecting_ip": f"{ME}, {LIAR}"}, ""),
        (f"cloudflare {EDGES}", EDGE, {"cf_connecting_ip": ME}, ME),
        (f"cloudflare {EDGES}", LIAR, {"cf_connecting_ip": ME}, LIAR),  # went round Cloudflare
        ("cloudflare private", "127.0.0.1", {"cf_connecting_ip": ME}, ME),
        ("cloudflare private", LIAR, {"cf_connecting_ip": ME}, LIAR),
        (
            f"cloudflare private {EDGES}",
            "127.0.0.1",
            {"cf_connecting_ip": ME, "x_forwarded_for": f"{ME}, {EDGE}"},
            ME,
        ),
        (
            f"cloudflare private {EDGES}",
            "127.0.0.1",
            {"cf_connecting_ip": ME, "x_forwarded_for": LIAR},  # round Cloudflare to nginx
            LIAR,
        ),
        (
            f"cloudflare private {EDGES}",
            "127.0.0.1",
            {"cf_connecting_ip": ME, "x_forwarded_for": f"{EDGE}, {LIAR}"},
            LIAR,
        ),
        # "Pseudo IPv4": a made-up address, and the true one beside it
        (
            "cloudflare",
            EDGE,
            {"cf_connecting_ip": "240.1.2.3", "cf_connecting_ipv6": "2001:db8::7"},
            "2001:db8::7",
        ),
        ("cloudflare", EDGE, {"cf_connecting_ip": ME, "cf_connecting_ipv6": "2001:db8::66"}, ME),
        ("cloudflare", EDGE, {"cf_connecting_ip": "240.1.2.3"}, ""),
        # Fastly keeps a Fastly-Client-IP of the visitor's, and appends to X-Forwarded-For
        ("fastly", EDGE, {"fastly_client_ip": LIAR, "x_forwarded_for": f"{LIAR}, {ME}"}, ME),
        ("fastly", EDGE, {"fastly_client_ip": LIAR}, ""),
        ("fastly 2", EDGE, {"x_forwarded_for": f"{LIAR}, {ME}, 192.0.2.11"}, ME),  # shielding
        (f"fastly {EDGES}", EDGE, {"x_forwarded_for": f"{LIAR}, {ME}, 192.0.2.11"}, ME),
        (f"fastly {EDGES}", LIAR, {"fastly_client_ip": ME, "x_forwarded_for": ME}, LIAR),
        ("aws-alb", "10.0.0.1", {"x_forwarded_for": f"{LIAR}, {ME}:4711"}, ME),
        ("aws-alb 2", "10.0.0.1", {"x_forwarded_for": f"{ME}, {EDGE}"}, ME),
        ("aws-alb 10.0.0.0/8", LIAR, {"x_forwarded_for": ME}, LIAR),
        # another service's header is a visitor's own
        ("1", EDGE, {"cf_connecting_ip": LIAR, "x_forwarded_for": ME}, ME),
        ("fastly", EDGE, {"cf_connecting_ip": LIAR}, ""),
    ],
)  # fmt: skip
def test_who_speaks(trust: str, peer: str, headers: dict[str, str], visitor: str) -> None:
    assert ip(trust, peer, **headers) == visitor


# --- hostile ones --------------------------------------------------------------------------


@pytest.mark.parametrize("trust", ["1", "private", "forwarded"])
def test_only_the_right_end_of_an_overlong_header_is_read(trust: str) -> None:
    header = "forwarded" if trust == "forwarded" else "x_forwarded_for"
    me = f"for={ME}" if trust == "forwarded" else ME
    assert ip(trust, "10.0.0.1", **{header: f"{'1.1.1.1,' * 10_000}{me}"}) == ME
    assert ip(trust, "10.0.0.1", **{header: f"{'x' * MOST_BYTES},{me}"}) == ME
    assert ip(trust, "10.0.0.1", **{header: f"{me},{'x' * MOST_BYTES}"}) == ""


def test_item_that_was_cut_is_no_hop() -> None:
    """11.203.0.113.7 would be 203.0.113.7 if cut in the wrong place."""
    tail = ",10.0.0.2" + " " * (MOST_BYTES - 9 - len(ME))
    assert ip("2", "10.0.0.1", x_forwarded_for="11." + ME + tail) == ""


@pytest.mark.parametrize("trust", ["", "1", "private", "forwarded", "cloudflare"])
def test_only_short_texts_are_remembered(trust: str) -> None:
    """Seen: 4096 texts of 2 KB each, written by visitors, stayed in memory."""
    long = "9" * 2000
    index = dict.fromkeys((b"x-forwarded-for", b"cf-connecting-ip"), long.encode())
    index |= {b"forwarded": f"for={long}".encode()}
    before = [cache.cache_info().currsize for cache in (_parsed, _public_ip)]
    one = arrival(parse_trust(trust), index, long, "http", "inner:8000")
    assert (one.client_ip, len(one.visitor) <= 100) == ("", True)
    assert (parsed(long), public_ip(long)) == (None, "")
    after = [cache.cache_info().currsize for cache in (_parsed, _public_ip)]
    assert max(b - a for a, b in zip(before, after, strict=True)) <= 1  # "9" * 100, no longer


TRUSTS = [
    *("", "1", "2", "20", "private", EDGES, "cloudflare", "fastly", "aws-alb", "forwarded"),
    *(f"cloudflare private {EDGES}", "forwarded private", "1 host", "forwarded private host"),
]
HEADERS = [
    *("x-forwarded-for", "forwarded", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
    *("cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip"),
]
PIECES = st.sampled_from(
    [
        *(ME, LIAR, EDGE, "10.0.0.1", "[2001:db8::1]:1", "for=", "proto=https", "host=", ";", ","),
        *('"', "=", " ", "unknown", "_x", "::1", "%", ":", "\x00", "\r\n", "é", "9" * 400),
    ]
)
VALUES = st.lists(PIECES, max_size=12).map("".join).map(lambda s: s.encode("latin-1")) | st.binary()


@given(
    st.sampled_from(TRUSTS),
    st.dictionaries(st.sampled_from(HEADERS).map(str.encode), VALUES),
    st.sampled_from(["", ME, EDGE, "10.0.0.1", "testclient"]) | st.text(max_size=60),
)
def test_any_headers_are_read(trust: str, index: dict[bytes, bytes], peer: str) -> None:
    one = arrival(parse_trust(trust), index, peer, "http", "inner:8000")
    assert one == arrivals(parse_trust(trust))(index, peer, "http", "inner:8000")
    assert one.client_ip == public_ip(one.client_ip)
    assert one.scheme in ("http", "https")
    assert re.fullmatch(r"[\w.-]{1,253}(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?", one.host, re.ASCII)


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from([*TRUSTS, "/", "-", "10.0.0.0/8"])).map(" ".join)
)
def test_any_setting_is_read_or_refused(text: str) -> None:
    with suppress(RuleError):
        trust = parse_trust(text)
        assert trust == parse_trust(trust or "")


@given(
    st.lists(
        st.sampled_from([LIAR, "10.9.9.9", EDGE, "unknown", "for=1.1.1.1", '"', "::1"]), max_size=15
    )
)
def test_what_a_visitor_writes_on_the_left_changes_nothing(lies: list[str]) -> None:
    for trust, true in (
        ("1", [ME]),
        ("2", [ME, EDGE]),
        ("private", [ME, "10.0.0.2"]),
        (EDGES, [ME, EDGE]),
    ):
        peer = EDGE if trust == EDGES else "10.0.0.1"
        assert ip(trust, peer, x_forwarded_for=",".join([*lies, *true])) == ME
        elements = [*lies, *(f"for={hop}" for hop in true)]
        assert ip(f"forwarded {trust}", peer, forwarded=",".join(elements)) == ME
