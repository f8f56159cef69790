"""What an exchange must know of its shop, and what a view says of its request.

Values only: who makes them is the tracker, who uses them the Exchange and its visit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pixelpair.core.addresses import public_ip
from pixelpair.core.events import PAGE_VIEW
from pixelpair.core.policy import Policy
from pixelpair.core.privacy import Firewall
from pixelpair.core.shown import Naming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pixelpair.core.cookies import CookieDomains
    from pixelpair.core.heads import Heads
    from pixelpair.core.http import Request
    from pixelpair.core.identity import Hashes
    from pixelpair.core.notes import Notes
    from pixelpair.core.routes import RouteTable
    from pixelpair.core.snippet import Snippet

_PATHS_REMEMBERED = 1024  # what rules and exclusions say of a path takes 3 µs to find out

SetCookie = tuple[bytes, bytes]


def by_peer(request: Request) -> None:
    """Believes no proxy: the visitor is who holds the socket, if that can be a visitor at all."""
    request.peer = peer = request.client
    request.client = found = public_ip(peer)
    if not found and b"x-forwarded-for" in request.index:
        request.peer = ""  # a proxy, and no visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """All an exchange must know of its shop, and its only ways to the world outside."""

    pixels: tuple[str, ...]  # all of them get each event, under one id
    sends: bool  # there is a token: the server halves can leave
    page_view: Literal["both", "browser", "off"]
    event_id: Literal["auto", "server", "browser"]
    currency: str | None
    login_paths: frozenset[str]
    excludes: Callable[[str], object]
    routes: RouteTable
    id_key: bytes = field(repr=False)
    snippet: Snippet
    seal: Callable[[str], str]
    sealing: tuple[bytes, ...] = field(default=(), repr=False)  # the secrets of sealed orders
    doctors: tuple[bytes, ...] = field(default=(), repr=False)  # the secrets that admit a rehearsal
    version: bytes  # of all that stands in a cacheable page, for its ETag
    heads: Heads
    domains: CookieDomains
    clock: Callable[[], float]
    new_id: Callable[[], str]
    new_random: Callable[[], int]
    hashed: Callable[[Mapping[str, object]], dict[str, list[str]]]
    queue: Callable[[bytes], None]  # takes a packed Twin
    notes: Notes
    policy: Policy = field(default_factory=Policy)
    wall: Firewall = field(default_factory=Firewall)
    naming: Naming = field(default_factory=Naming)  # of the products that its pages show
    # Whether this address may end what waits of somebody once more; each costs a look at all.
    may_withdraw: Callable[[str, float], bool] = lambda _address, _now: True
    is_sensitive: Callable[[str], bool] = lambda _path: False
    rehearses: bool = False  # all is decided, nothing is handed over (PIXELPAIR_MODE=shadow)
    # Makes of what the server says of a request what the trusted proxies say.
    arrive: Callable[[Request], None] = by_peer
    pixel_id: str = field(init=False)
    plain: bool = field(init=False)  # nothing but its own bytes decides on a page
    curious: bool = field(init=False)  # doors must ask about the visitor
    unheard: frozenset[str] = field(init=False, repr=False)  # methods whose JSON fires nothing
    asking: frozenset[str] = field(init=False, repr=False)  # methods whose body a rule asks for
    # Whether a page of this path is just viewed: it has its PageView and nothing else.
    merely_viewed: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        def merely_viewed(path: str) -> bool:
            return (
                self.page_view == "both"
                and not self.excludes(path)
                and not self.routes.may_match("GET", path)
            )

        object.__setattr__(self, "pixel_id", self.pixels[0])
        plain = self.policy.plain and len(self.pixels) == 1 and not self.rehearses
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "curious", self.policy.curious)
        object.__setattr__(self, "unheard", self.routes.unheard)
        object.__setattr__(self, "asking", self.routes.asking)
        object.__setattr__(self, "merely_viewed", lru_cache(_PATHS_REMEMBERED)(merely_viewed))


@dataclass(frozen=True, slots=True)
class Tracked:
    """One call of track()."""

    event_name: str
    data: Mapping[str, object]
    event_id: object = None


@dataclass(slots=True)
class Said:
    """What a view said of its request so far."""

    tracked: list[Tracked] = field(default_factory=list)
    hashed: Hashes = field(default_factory=dict)
    forgets: bool = False  # whoever was identified before is not this visitor
    consent: bool | None = None
    discarded: set[str] = field(default_factory=set)
    discards_all: bool = False
    sealed: tuple[float, str] | None = None  # when, and with which _fbp, an order was sealed

    def discards(self, event_name: str) -> bool:
        """Whether the act behind this event failed."""
        return event_name in self.discarded or (self.discards_all and event_name != PAGE_VIEW)
