"""Who is behind the proxies: a visitor's address, scheme and host by those hops that a shop trusts.

A header is believed only as far from the right as trusted proxies wrote it; what is malformed or
private is nobody's address. Never raises on a request, and knows no published address ranges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from pixelpair.core.addresses import INNER, Networks, networks, parsed, public_ip
from pixelpair.core.routes import RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_HOPS = 20
MOST_BYTES = 2048  # of each header; what is right of it was written nearer to us
_MOST_CHARS = 100  # of a hop; no address in quotes, brackets, with zone and port, is as long
_REMEMBERED, _MOST_REMEMBERED = 2048, 512  # requests, and the bytes of one: a visitor writes them
_UNSAID = repeat(b"")
EXPECTED = (
    "expected is how many proxies stand before the shop (1), or their addresses (10.0.0.5,"
    " 10.0.0.0/8, private for those of internal networks), with or without one of cloudflare,"
    " fastly, aws-alb, forwarded; and host, if the proxy overwrites X-Forwarded-Host"
)

_FOR, _FORWARDED = b"x-forwarded-for", b"forwarded"
_PROTO, _HOST, _PORT = b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"
_CLOUDFLARE, _PSEUDO = b"cf-connecting-ip", b"cf-connecting-ipv6"
# A name says which headers speak. Fastly-Client-IP is none of them: Fastly keeps what a visitor
# sent of it, but appends to X-Forwarded-For.
# https://developers.cloudflare.com/fundamentals/reference/http-headers/
# https://www.fastly.com/documentation/reference/http/http-headers/Fastly-Client-IP/
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
_SPEAK: Mapping[str, tuple[bytes, ...]] = {
    "": (_FOR, _FORWARDED, _PROTO),
    "aws-alb": (_FOR, _PROTO),
    "cloudflare": (_CLOUDFLARE, _PSEUDO, _FOR, _PROTO),
    "fastly": (_FOR, _PROTO),
    "forwarded": (_FORWARDED,),
}
# Of the host they speak only where the shop says so: nginx, Apache, HAProxy and these services
# pass on what a visitor wrote there.
_SPEAK_OF_HOST = {"": (_HOST, _PORT), "forwarded": ()}

_CLASS_E = networks("240.0.0.0/4")  # nobody has one

_PLACE = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII
)
_PORT_NUMBER = re.compile(rb"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Trust:
    """Which proxies a shop believes: so many `hops`, or those of `proxies`; and who speaks.

    With `host` they are believed about the host too, which they must overwrite. `edges` are the
    trusted blocks outside of the shop's own network.
    """

    hops: int = 0
    proxies: Networks = field(default_factory=Networks)
    name: str = ""
    host: bool = False
    edges: Networks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", self.proxies.outside(INNER))

    @property
    def headers(self) -> tuple[bytes, ...]:
        """The request's headers that this trust reads."""
        return _SPEAK[self.name] + (_SPEAK_OF_HOST.get(self.name, ()) if self.host else ())


class Arrival(NamedTuple):
    """A request as it reached the outermost trusted proxy; `client_ip` is "" if nobody's.

    `visitor` is what that proxy named, an inner address too: the shop's own people have one.
    """

    client_ip: str
    scheme: str
    host: str
    visitor: str = ""


# --- what a shop says ----------------------------------------------------------------------


def parse_trust(value: object) -> Trust | None:
    """PIXELPAIR_TRUSTED_PROXIES; None trusts nobody. Raises RuleError with what would be right.

    A name alone believes every peer: right only where nobody reaches the server but through it.
    """
    if isinstance(value, Trust):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str | list | tuple):
        raise RuleError(EXPECTED)
    words = [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)]
    words = " ".join(words).replace(",", " ").lower().split()
    if not words or words == ["none"]:
        return None
    host, words = "host" in words, [word for word in words if word != "host"]
    if not words:
        raise RuleError(f"host stands beside the proxies that overwrite it; {EXPECTED}")
    names = [word for word in words if word in _SPEAK]
    counts = [word for word in words if word.isascii() and word.isdigit()]
    places = dict.fromkeys(word for word in words if word not in names and word not in counts)
    proxies = Networks(tuple(block for word in places for block in _blocks(word)))
    if len(names) > 1:
        raise RuleError(f"{' and '.join(names)}: only one can name the visitor")
    if host and names and names[0] not in _SPEAK_OF_HOST:
        raise RuleError(f"{names[0]} passes on what a visitor says of the host: leave host out")
    if len(counts) > 1 or (counts and proxies):
        raise RuleError("either one number of proxies or their addresses, not both")
    if counts and not 1 <= int(counts[0][:9]) <= MOST_HOPS:
        raise RuleError(f"the number of proxies is one from 1 to {MOST_HOPS}")
    hops = int(counts[0]) if counts else 0 if proxies else 1
    return Trust(hops, proxies, names[0] if names else "", host)


def _blocks(word: str) -> tuple[tuple[int, int], ...]:
    if word == "private":
        return INNER.blocks
    if word.endswith("/0"):
        raise RuleError(f"{word} would believe what any visitor says; {EXPECTED}")
    try:
        return networks(word).blocks
    except ValueError as error:
        why = str(error) if "host bits" in str(error) else f"{word[:80]!r} is no address"
        raise RuleError(f"{why}; {EXPECTED}") from None


# --- what a request says -------------------------------------------------------------------


def arrivals(trust: Trust | None) -> Callable[[Mapping[bytes, bytes], str, str, str], Arrival]:
    """`arrival()` for one shop, remembering what it found: `read(index, client, scheme, host)`."""
    names = trust.headers if trust else ()

    @lru_cache(_REMEMBERED)
    def remembered(client: str, scheme: str, host: str, *said: bytes) -> Arrival:
        return arrival(trust, dict(zip(names, said, strict=True)), client, scheme, host)

    def read(index: Mapping[bytes, bytes], client: str, scheme: str, host: str) -> Arrival:
        said = [*map(index.get, names, _UNSAID)]
        if len(b"".join(said)) + len(host) + len(client) > _MOST_REMEMBERED:
            return arrival(trust, index, client, scheme, host)
        return remembered(client, scheme, host, *said)

    return read


def arrival(
    trust: Trust | None,
    index: Mapping[bytes, bytes],
    client: str,
    scheme: str,
    host: str,
) -> Arrival:
    """Who asks for what, by the right-most hop that is not trusted.

    `index` holds the headers by name, repeated ones joined as one list; `client` is the socket's
    peer, "" for a Unix socket, which is a proxy of this host.
    """
    client = client[:_MOST_CHARS]  # some servers take it from a header
    if trust is None:
        return Arrival(public_ip(client), scheme, host, client)
    hops = _Hops.of(trust, index)
    passed = _passed(trust, hops.chain, client)
    if not passed:
        return Arrival(public_ip(client), scheme, host, client)
    visitor = hops.chain[-passed] if passed <= len(hops.chain) else ""
    if trust.name == "cloudflare" and _edge_passed(trust, hops.chain[:-passed:-1], client):
        visitor = _by_cloudflare(index)
    proto = _nearest(hops.protos, passed).lower()
    found = _nearest(hops.hosts, passed)
    if not _PLACE.fullmatch(found):
        found = host
    if hops.port and _has_no_port(found):
        found += f":{hops.port}"
    scheme = proto if proto in ("http", "https") else scheme
    return Arrival(public_ip(visitor), scheme, found, visitor)


class _Hops(NamedTuple):
    """What the hops wrote, each list from the visitor to us."""

    chain: list[str]
    protos: list[str]
    hosts: list[str]
    port: str

    @classmethod
    def of(cls, trust: Trust, index: Mapping[bytes, bytes]) -> _Hops:
        # Nearly all proxies write X-Forwarded-For; a visitor may send Forwarded through them.
        if trust.name == "forwarded" or (not trust.name and not index.get(_FOR)):
            elements = [*map(_element, _list(index.get(_FORWARDED)))]
            if elements or trust.name:
                return cls._of_elements(elements, trust.host)
        chain = [hop[:_MOST_CHARS] for hop in _list(index.get(_FOR))]
        protos = _list(index.get(_PROTO))
        if not trust.host:
            return cls(chain, protos, [], "")
        port = index.get(_PORT) or b""
        # Nginx's $server_port may be a container's own 80; a browser never needs to say 80 or 443.
        known = _PORT_NUMBER.fullmatch(port) and int(port) not in (0, 80, 443)
        return cls(chain, protos, _list(index.get(_HOST)), port.decode() if known else "")

    @classmethod
    def _of_elements(cls, elements: list[dict[str, str]], host: bool) -> _Hops:
        chain, protos, hosts = (
            [element.get(key, "") for element in elements] for key in ("for", "proto", "host")
        )
        return cls([hop[:_MOST_CHARS] for hop in chain], protos, hosts if host else [], "")


def _list(header: bytes | None) -> list[str]:
    """The items at a header's right end, which was written nearest to us."""
    if not header:
        return []
    items = header[-MOST_BYTES:].decode("latin-1").rsplit(",", MOST_HOPS)
    return [item.strip() for item in (items if len(header) <= MOST_BYTES else items[1:])]


def _element(text: str) -> dict[str, str]:
    """An element of Forwarded. No value that is read may hold a comma or semicolon, quoted or not:
    a quote that a visitor left open cannot hide what proxies wrote behind it.
    """
    pairs = (part.partition("=") for part in text.split(";"))
    return {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}


def _passed(trust: Trust, chain: list[str], client: str) -> int:
    """How many proxies are believed: the peer and what it and they wrote of each other."""
    if trust.hops:
        return trust.hops
    if client and not trust.proxies.holds(parsed(client)):
        return 0
    passed = 1
    while passed <= len(chain) and trust.proxies.holds(parsed(chain[-passed])):
        passed += 1
    return passed


def _edge_passed(trust: Trust, nearer: list[str], client: str) -> bool:
    """Whether the service that writes its own header was among the hops, where that is known."""
    edges = trust.edges
    return not edges or any(edges.holds(parsed(text)) for text in (client, *nearer))


def _by_cloudflare(index: Mapping[bytes, bytes]) -> str:
    """The visitor by Cloudflare's own header.

    Its "Pseudo IPv4" puts a made-up class E address there, and the true one beside it.
    """
    one, true = (
        (index.get(name) or b"")[:_MOST_CHARS].decode("latin-1").strip()
        for name in (_CLOUDFLARE, _PSEUDO)
    )
    return true if _CLASS_E.holds(parsed(one)) else one


def _nearest(values: list[str], passed: int) -> str:
    """What the outermost trusted proxy wrote; most overwrite what was there, few append."""
    return values[-min(passed, len(values))].strip('"') if values else ""


def _has_no_port(host: str) -> bool:
    found = _PLACE.fullmatch(host)
    return found is not None and not found[1]
