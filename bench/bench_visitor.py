"""What the visitor's side of one page costs: 20 cookies, a crawler check, who it is.

Run: python bench/bench_visitor.py. Beside it, Meta's own SDK with the same facts.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_request import HEADERS
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.user_data import UserData
from side_by_side import measure

from pixelpair.core.http import Request
from pixelpair.core.identity import Keepsake
from pixelpair.core.machines import _judged, _shape, machine
from pixelpair.core.notes import Notes
from pixelpair.core.visit import Visit
from pixelpair.settings import Settings
from pixelpair.storefront import Outlets, storefront

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, CALLS = 200, 100
WHOLE = "the whole visitor side"
SDK = "facebook_business: Event.normalize()"
VISITORS = 5_000
BAR, MACHINE_BAR = 40, 2  # µs
AGENTS = Path(__file__).parent.parent / "tests" / "core" / "data" / "user_agents.json"
NOW = 1_760_000_000.5
FBP = "fb.1.1749651650057.639940942831715561"
FBC = "fb.1.1749651650057.IwAR2xGqQk3kqY7m1h0Zt9_wT4uPz8cRrV5sXyB6nDfEaJgLhKoMiCvNb"
HASHED = {"em": ["a" * 64], "external_id": ["b" * 64], "fn": ["c" * 64]}
KEEPSAKE = Keepsake([b"a secret of this bench"], "1234567890")
SETTINGS = Settings(
    pixel_id="1234567890",
    access_token="token",
    secret="a secret of this bench",
    advanced_matching=True,
    anonymous_id=True,
    consent="cookie:banner=yes",
    staff="198.51.100.0/24 2001:db8::/32 cookie:staff=1",
    trusted_proxies="10.0.0.0/8",
)


def cookies() -> str:
    """20 cookies, as a shop with a banner, an analytics tag and a login has them."""
    own = [f"_fbp={FBP}", f"_fbc={FBC}", "banner=yes", f"_pp_id={KEEPSAKE.sealed(HASHED)}"]
    others = [f"cookie_{n}={'0123456789abcdef' * (1 + n % 4)}" for n in range(16)]
    return "; ".join(others[:8] + own + others[8:])


def request() -> Request:
    headers = {**HEADERS, "Cookie": cookies(), "X-Forwarded-For": "203.0.113.9, 10.0.0.7"}
    return Request(
        method="GET",
        scheme="https",
        host="shop.example.com",
        root="",
        path="/goods/tea",
        raw_path=b"/goods/tea",
        query="fbclid=" + FBC.split(".")[3],
        index={name.lower().encode(): value.encode() for name, value in headers.items()},
        client="10.0.0.8",
    )


def parts(shop: Any) -> dict[str, Callable[[], object]]:
    """What a page asks about its visitor, one by one, and all of it."""
    asked, before, met = request(), request(), request()
    shop.arrive(asked)

    def whole() -> object:
        met.client, met.scheme, met.host = before.client, before.scheme, before.host
        shop.arrive(met)
        visit = Visit(shop, met, None, NOW)
        return visit.person.muted, visit.facts(), visit.word()

    return {
        "who holds the socket, and who is behind it": lambda: shop.arrive(replace(before)),
        "a copy of the request alone": lambda: replace(before),
        "may anything leave: staff, machine, consent": lambda: (
            Visit(shop, asked, None, NOW).person.muted
        ),
        "machine": lambda: machine(asked.index[b"user-agent"]),
        "who it is: fbp, fbc, the past, addresses": lambda: Visit(shop, asked, None, NOW).facts(),
        WHOLE: whole,
    }


def normalised() -> object:
    """Meta's SDK with these facts, the e-mail address hashed already."""
    user = UserData(
        email="a" * 64,
        external_id="b" * 64,
        first_name="c" * 64,
        client_ip_address="203.0.113.9",
        client_user_agent=HEADERS["User-Agent"],
        fbp=FBP,
        fbc=FBC,
    )
    return Event(
        event_name="PageView",
        event_time=int(NOW),
        event_id="0" * 32,
        event_source_url="https://shop.example.com/goods/tea",
        action_source=ActionSource.WEBSITE,
        user_data=user,
    ).normalize()


def repeated(one: Callable[[], object]) -> Callable[[int], None]:
    def calls(number: int) -> None:
        for _ in range(number):
            one()

    return calls


def visitors() -> list[bytes]:
    """User agents as a shop with Meta's ads meets them: each visitor looks at one to nine pages.

    Half of the visitors use an in-app browser whose build and model nobody else has.
    """
    known = [agent.encode() for agent in json.loads(AGENTS.read_text())["browsers"].values()]
    weights = [1 / (rank + 1) for rank in range(len(known))]  # a few make most of the traffic
    asked: list[tuple[float, bytes]] = []
    for agent in random.choices(known, weights, k=VISITORS):
        own = b" Build/%d.%d" % (random.randrange(1 << 30), random.randrange(99))
        start, string = random.random(), agent + own * random.randrange(2)
        asked += [(start + page / 1000, string) for page in range(random.randint(1, 9))]
    return [string for _, string in sorted(asked)]


def main() -> None:
    outlets = Outlets(lambda: NOW, lambda: "0" * 32, lambda: 1, lambda _record: None)
    shop = storefront(SETTINGS, outlets, Notes()).shop
    subjects = {name: repeated(check) for name, check in parts(shop).items()}
    subjects[SDK] = repeated(normalised)
    took = measure(subjects, rounds=ROUNDS, calls=CALLS)
    print()
    _say(f"{WHOLE}, µs", took[WHOLE].median, BAR)
    ratio = took[WHOLE].median / took[SDK].median
    print(f"  that is this part of the SDK's normalize(): {ratio:25.3f}")
    _judged.cache_clear()
    _shape.cache_clear()
    agents = visitors()
    start = time.perf_counter()
    for agent in agents:
        machine(agent)
    spent = (time.perf_counter() - start) / len(agents) * 1e6
    _say("machine, amortised over such visitors, µs", spent, MACHINE_BAR)
    missed = _judged.cache_info().misses / len(agents)
    print(f"  met for the first time: {missed:45.1%} of them")


def _say(what: str, us: float, bar: float) -> None:
    print(f"  {what:58} {us:6.2f}   bar {bar:g}   {'ok' if us <= bar else 'MISSED'}")


if __name__ == "__main__":
    main()
