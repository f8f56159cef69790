"""IP addresses as requests name them, and whose they can be: a visitor's, the shop's, nobody's.

Here an address is one number, IPv4 in its place among IPv6 (::ffff:0:0/96, RFC 4291, 2.5.5.2): that
takes a third of what `ipaddress` takes.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache

_IPV4 = 0xFFFF << 32
_ALL = (1 << 128) - 1
_MOST_CHARS = 100  # of a hop; its patterns allow 91
# A hop: 192.0.2.1, 192.0.2.1:4711, 2001:db8::1%eth0, [2001:db8::1]:4711, in quotes (RFC 7239, 6)
_OCTET = r"(0|[1-9][0-9]{0,2})"
_NODE_4 = re.compile(rf'"?{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?::\w{{1,6}})?"?', re.ASCII)
_NODE_6 = re.compile(
    r'"?(?:\[([0-9A-Fa-f:.]{2,45})(?:%[^\]"]{0,32})?\](?::\w{1,6})?'
    r'|([0-9A-Fa-f:.]{2,45})(?:%[^"]{0,32})?)"?',
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Networks:
    """Blocks of addresses, each a mask and a base."""

    blocks: tuple[tuple[int, int], ...] = ()
    _by_place: dict[int, list[tuple[int, int]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_place: dict[int, list[tuple[int, int]]] = {}
        for mask, base in self.blocks:
            last = base | (_ALL ^ mask)
            for place in range(_place(base), _place(last) + 1):
                by_place.setdefault(place, []).append((mask, base))
        object.__setattr__(self, "_by_place", by_place)

    def __or__(self, other: Networks) -> Networks:
        return Networks(self.blocks + other.blocks)

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def holds(self, address: int | None) -> bool:
        """Whether this is an address of one of these blocks."""
        if address is None:
            return False
        blocks = self._by_place.get(_place(address), ())
        return any(address & mask == base for mask, base in blocks)

    def outside(self, others: Networks) -> Networks:
        """Those of these blocks that do not begin in one of the others."""
        return Networks(tuple(block for block in self.blocks if not others.holds(block[1])))


def _place(address: int) -> int:
    """The first octet, of IPv6 beside those of IPv4."""
    if address >> 32 == 0xFFFF:
        return 256 + (address >> 24 & 255)
    return address >> 120


def networks(*texts: str) -> Networks:
    """Raises ValueError where a text is no address and no block of them (10.0.0.0/8)."""
    found = []
    for text in texts:
        block = ipaddress.ip_network(text)
        mask, base = int(block.netmask), int(block.network_address)
        found.append(
            (_ALL - 0xFFFFFFFF + mask, _IPV4 + base) if block.version == 4 else (mask, base)
        )
    return Networks(tuple(found))


# The shop's own network: https://www.rfc-editor.org/rfc/rfc1918, rfc3927 (link-local), rfc6598
# (shared), rfc4193. Without 100.64.0.0/10 these are what Meta's parameter builder discards.
INNER = networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
    *("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10", "fc00::/7"),
)
# Beside them what can be nobody's: unspecified, multicast, reserved, IPv6's old private addresses.
# Documentation's blocks pass: they cost nothing, and examples live in them.
NOBODY = INNER | networks(
    "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8", "fec0::/10"
)


def parsed(text: str) -> int | None:
    """The address that a hop is named by; None for anything else."""
    return _parsed(text) if len(text) <= _MOST_CHARS else None  # what is longer is not kept either


def public_ip(text: str) -> str:
    """An address that may be a visitor's, as RFC 5952 writes it; "" for any other text."""
    return _public_ip(text) if len(text) <= _MOST_CHARS else ""


@lru_cache(4096)
def _parsed(text: str) -> int | None:
    four = _NODE_4.fullmatch(text)
    if four is not None:
        a, b, c, d = map(int, four.groups())
        return None if max(a, b, c, d) > 255 else _IPV4 | a << 24 | b << 16 | c << 8 | d
    six = _NODE_6.fullmatch(text)
    try:
        return int(ipaddress.IPv6Address(six[1] or six[2])) if six else None
    except ValueError:
        return None


@lru_cache(4096)
def _public_ip(text: str) -> str:
    address = _parsed(text)
    if address is None or NOBODY.holds(address):
        return ""
    if address >> 32 == 0xFFFF:
        return f"{address >> 24 & 255}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
    return str(ipaddress.IPv6Address(address))
