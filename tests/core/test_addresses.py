from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.addresses import INNER, NOBODY, Networks, networks, parsed, public_ip


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("203.0.113.7:_port", "203.0.113.7"),
        ('"203.0.113.7:4711"', "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ('"[2001:db8::1]:4711"', "2001:db8::1"),
        ("2001:db8::1%eth0", "2001:db8::1"),
        ("[2001:db8::1%25eth0]:443", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
    ],
)
def test_reads_an_address_as_hops_write_it(text: str, ip: str) -> None:
    assert public_ip(text) == ip


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "unknown",
            "_hidden",
            "shop.example",
            "testclient",
            "203.0.113",
            "203.0.113.256",
        ),
        *("203.0.113.07", "203.0.113.7.1", "203.0.113.7 ", "203.0.113.7\r\n", "203.0.113.7/32"),
        *(
            "2001:db8::1::2",
            "2001:db8::g",
            "[2001:db8::1",
            "2001:db8::1]",
            "[203.0.113.7]",
            "12345",
        ),
        *(
            "٢٠٣.0.113.7",
            "2001:db8::1%" + "z" * 99,
            "1" * 5000,
            "203.0.113.7:",
            "203.0.113.7:1234567",
        ),
    ],
)
def test_malformed_one_is_nobodys(text: str) -> None:
    assert (parsed(text), public_ip(text)) == (None, "")


@pytest.mark.parametrize(
    "text",
    [
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "169.254.1.1"),
        *("100.64.0.1", "100.127.255.255", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1%eth0", "fc00::1", "fdff::1", "ff02::1", "fec0::1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "[::1]:8000"),
    ],
)
def test_private_one_is_never_a_visitors(text: str) -> None:
    assert parsed(text) is not None
    assert public_ip(text) == ""


@pytest.mark.parametrize(
    "text", ["172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "11.0.0.0", "fb00::"]
)
def test_neighbours_of_private_blocks_are_public(text: str) -> None:
    assert public_ip(text) == text


@given(st.ip_addresses())
def test_agrees_with_the_standard_library(address: ipaddress.IPv4Address) -> None:
    blocks = ["10.0.0.0/8", "172.16.0.0/12", "203.0.113.0/25", "8.0.0.0/5", "::/3", "fc00::/7"]
    expected = any(address in ipaddress.ip_network(block) for block in blocks)
    mapped = address.version == 6 and address.ipv4_mapped
    if not mapped:
        assert networks(*blocks).holds(parsed(str(address))) is expected


@given(st.ip_addresses())
def test_public_address_comes_back_as_it_is(address: ipaddress.IPv4Address) -> None:
    mapped = address.ipv4_mapped if address.version == 6 else None
    assert public_ip(str(address)) in ("", str(mapped or address))
    if address.is_global and not (mapped or address).is_multicast:
        assert public_ip(str(address)) == str(mapped or address)


@given(
    st.text(max_size=120) | st.from_regex(r'"?\[?[0-9a-f:.%]{0,50}\]?:?[0-9]*"?', fullmatch=True)
)
def test_any_text_is_an_address_or_none(text: str) -> None:
    ip = public_ip(text)
    assert ip == "" or str(ipaddress.ip_address(ip)) == ip


def test_blocks_join_and_differ() -> None:
    two = networks("10.0.0.0/8") | networks("203.0.113.0/24")
    assert two == networks("10.0.0.0/8", "203.0.113.0/24")
    assert two.outside(INNER) == networks("203.0.113.0/24")
    assert (bool(two), bool(Networks()), NOBODY.holds(None)) == (True, False, False)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "shop", "10.0.0.0/33", "300.0.0.0/8", ""])
def test_block_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        networks(text)
