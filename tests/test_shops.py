"""Many shops in one process: whose host it is, and what their directory said last."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Any

import pytest

from pixelpair import Settings
from pixelpair.core.exchange import Exchange
from pixelpair.core.notes import Notes
from pixelpair.core.shadow import Shadow
from pixelpair.shops import MOST_FRONTS, MOST_HOSTS, SECONDS, Shops, Table, directory
from pixelpair.storefront import Outlets
from tests.core.exchanges import request
from tests.shop_cases import ONE, TOKENS, TWO, Clock, Owner, shop
from tests.trackers import said

pytestmark = pytest.mark.usefixtures("own_process")

# --- a table of hosts ----------------------------------------------------------------------------

FITS = [
    ("a.example", "a.example", True),
    ("a.example", "a.example:8080", True),
    ("a.example", "b.example", False),
    ("a.example", "www.a.example", False),
    ("a.example", "aXexample", False),
    ("a.example:8080", "a.example:8080", True),
    ("a.example:8080", "a.example", False),
    ("a.example:8080", "a.example:80", False),
    ("*.shop.example", "a.shop.example", True),
    ("*.shop.example", "a.shop.example:443", True),
    ("*.shop.example", "a.b.shop.example", False),
    ("*.shop.example", "shop.example", False),
    ("*.shop.example", ".shop.example", False),
    ("shop.*", "shop.example", True),
    ("shop.*", "shop.co.uk", False),
    ("shop-*.example", "shop-7.example", True),
    ("*", "a.b.c.example:1", True),
    ("*", "", True),
    ("[::1]", "[::1]", True),
    ("[::1]", "[::1]:8000", True),
    ("a.example", "a.example\n", False),
]


@pytest.mark.parametrize(("pattern", "host", "fits"), FITS)
def test_patterns_of_hosts(pattern: str, host: str, fits: bool) -> None:
    one = shop(ONE)
    assert Table({pattern: one}).for_host(host) is (one if fits else None)


def test_first_pattern_that_fits_counts() -> None:
    one, two = shop(ONE), shop(TWO)
    assert Table({"a.example": one, "*": two}).for_host("a.example") is one
    assert Table({"*": two, "a.example": one}).for_host("a.example") is two
    assert Table({"a.example": one, "*.example": two}).for_host("b.example") is two


def test_pixel_is_found_among_all_that_a_shop_has() -> None:
    both, two = Settings(pixel_id=f"{ONE} 333", access_token="a b"), shop(TWO)
    table = Table({"a.example": both, "b.example": two})
    assert [table.for_pixel(pixel) for pixel in (ONE, "333", TWO, "444")] == [both, both, two, None]


class OwnerByPath(Owner):
    def __init__(self) -> None:
        super().__init__({"a.example": shop(ONE)})


OWNER = OwnerByPath()


def test_directory_is_a_table_an_object_or_what_a_path_names() -> None:
    assert isinstance(directory({"*": shop(ONE)}), Table)
    assert directory(OWNER) is OWNER
    assert directory(f"{__name__}.OWNER") is OWNER
    made = directory(f"{__name__}.OwnerByPath")
    assert (type(made), made is OWNER) == (OwnerByPath, False)


# --- what a directory says holds for a minute ----------------------------------------------------


def shops(given: object, clock: Clock, **more: object) -> Shops:
    numbers = count(1)
    outlets = Outlets(clock, lambda: f"{next(numbers):032x}", lambda: 1, lambda record: None)
    return Shops(Settings(shops=given, **more), outlets, Notes())


def test_host_is_asked_for_once_a_minute_in_lower_case() -> None:
    owner, clock = Owner({"a.example": shop(ONE)}), Clock()
    known = shops(owner, clock)
    fronts = [known.at(host) for host in ("a.example", "A.EXAMPLE", "a.example", "b.example")]
    assert [front and front.shop.pixel_id for front in fronts] == [ONE, ONE, ONE, None]
    assert known.at("b.example") is None
    assert owner.asked == ["a.example", "b.example"]
    clock.now += SECONDS - 1
    assert (known.at("a.example"), owner.asked) == (fronts[0], ["a.example", "b.example"])
    clock.now += 1
    assert known.at("a.example") is fronts[0]
    assert owner.asked == ["a.example", "b.example", "a.example"]


def test_new_shop_appears_and_a_gone_one_goes_within_a_minute() -> None:
    owner, clock = Owner({"a.example": shop(ONE)}), Clock()
    known = shops(owner, clock)
    assert (known.at("a.example") is None, known.at("b.example")) == (False, None)
    owner.hosts = {"b.example": shop(TWO)}
    clock.now += SECONDS
    front = known.at("b.example")
    assert (front and front.shop.pixel_id, known.at("a.example")) == (TWO, None)


def test_rotated_token_is_used_within_a_minute_and_keeps_the_counts() -> None:
    owner, clock = Owner({"a.example": shop(ONE)}), Clock()
    known = shops(owner, clock)
    front = known.at("a.example")
    assert front is not None
    front.shop.notes.count("faults")
    before = known.settings_of(ONE)
    owner.hosts["a.example"] = shop(ONE, access_token="EAArotated")
    assert known.settings_of(ONE) is before
    clock.now += SECONDS
    after, other = known.settings_of(ONE), known.at("a.example")
    assert [s and s.token_of(ONE) for s in (before, after)] == [TOKENS[ONE], "EAArotated"]
    assert other is not front
    assert known.counts == {(ONE,): {"faults": 1}}


def test_hosts_with_one_pixel_keep_what_is_their_own() -> None:
    """Seen: the countries of one shop were made anew each minute, and forgot what was reported."""
    owner = Owner({"a.se": shop(ONE, currency="SEK"), "a.dk": shop(ONE, currency="DKK")})
    clock = Clock()
    known = shops(owner, clock)
    first = [known.at(host) for host in owner.hosts]
    clock.now += SECONDS
    assert [known.at(host) for host in owner.hosts] == first
    assert [front and front.shop.currency for front in first] == ["SEK", "DKK"]
    for number in range(2 * MOST_FRONTS):
        owner.hosts["a.se"] = shop(ONE, access_token=f"EAA{number}")
        clock.now += SECONDS
        known.at("a.se")
    assert [len(fronts) for fronts in known._made.values()] == [MOST_FRONTS]


@pytest.mark.parametrize("none", [None, shop(ONE, mode="off"), Settings(access_token="EAAx")])
def test_shop_that_is_switched_off_or_has_no_pixel_is_none(none: Settings | None) -> None:
    assert shops(Owner({"a.example": none}), Clock()).at("a.example") is None


@pytest.mark.parametrize(
    ("process", "own", "mode"),
    [
        ("live", "live", "live"),
        ("live", "shadow", "shadow"),
        ("shadow", "live", "shadow"),
        ("shadow", "shadow", "shadow"),
    ],
)
def test_the_quieter_mode_counts(process: str, own: str, mode: str) -> None:
    known = shops(Owner({"a.example": shop(ONE, mode=own)}), Clock(), mode=process)
    front = known.at("a.example")
    assert front is not None
    assert (front.settings.mode, front.shop.rehearses) == (mode, mode == "shadow")
    assert (front.desk is None, front.shop.sends) == (mode == "shadow", mode == "live")
    kind = Shadow if mode == "shadow" else Exchange
    assert isinstance(front.begin("GET", lambda: None), kind)


def test_object_that_fails_is_said_once_and_its_last_word_holds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    owner, clock = Owner({"a.example": shop(ONE)}), Clock()
    known = shops(owner, clock)
    front, settings = known.at("a.example"), known.settings_of(ONE)
    owner.broken = True
    for _ in range(3):
        clock.now += SECONDS
        assert (known.at("a.example"), known.settings_of(ONE)) == (front, settings)
        assert (known.at("b.example"), known.settings_of(TWO)) == (None, None)
    text = "PIXELPAIR_SHOPS: the shop's object failed; what it said last is used"
    assert said(caplog) == [(logging.ERROR, text)]
    assert ("ConnectionError" in caplog.text, "hunter2" in caplog.text) == (True, False)
    assert owner.asked.count("a.example") == 4  # no hammering of what is out
    owner.broken, owner.hosts = False, {"a.example": shop(TWO)}
    clock.now += SECONDS
    again = known.at("a.example")
    assert again is not None
    assert again.shop.pixel_id == TWO


@pytest.mark.parametrize(
    "nonsense", [7, "shop", {"pixel_id": "1"}, Settings], ids=["number", "text", "dict", "class"]
)
def test_object_that_gives_no_settings_counts_as_failed(
    nonsense: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert shops(Owner({"a.example": nonsense}), Clock()).at("a.example") is None
    assert [level for level, _ in said(caplog)] == [logging.ERROR]


@pytest.mark.parametrize("path", ["no.such.module", f"{__name__}.NOBODY"])
def test_path_that_leads_nowhere_is_said_once(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """Seen: it raised into the worker for each batch, with nothing said of it."""
    known = shops(path, Clock())
    assert (known.at("a.example"), known.at("b.example"), known.settings_of(ONE)) == (None,) * 3
    assert [level for level, _ in said(caplog)] == [logging.ERROR]


async def test_under_asgi_the_object_is_asked_in_a_thread() -> None:
    """Seen: it was asked in the event loop, where Django's ORM refuses to work at all."""
    owner, clock = OwnerOfThreads({"a.example": shop(ONE)}), Clock()
    known = shops(owner, clock)
    for _ in range(2):
        await known.ask_ahead("A.example")
        front = known.at("a.example")
        assert front is not None
    assert (owner.asked, owner.in_loop) == (["a.example"], [False])
    clock.now += SECONDS
    await known.ask_ahead("a.example")
    assert (known.at("a.example"), owner.in_loop) == (front, [False, False])


class OwnerOfThreads(Owner):
    """Remembers whether an event loop had to wait for it."""

    def __init__(self, hosts: dict[str, Settings | None]) -> None:
        super().__init__(hosts)
        self.in_loop: list[bool] = []

    def for_host(self, host: str) -> Settings | None:
        self.in_loop.append(asyncio._get_running_loop() is not None)
        return super().for_host(host)


def test_hostile_hosts_are_bounded() -> None:
    owner = Owner({"a.example": shop(ONE)})
    known = shops(owner, Clock())
    front = known.at("a.example")
    for number in range(3 * MOST_HOSTS):
        assert known.at(f"{number}.evil.example") is None
    assert len(known._hosts) <= MOST_HOSTS
    assert known.at("a.example") is front
    assert len(known.counts) == 1


def test_shop_of_an_object_has_the_path_the_proxies_and_the_secret_of_its_process() -> None:
    """Seen: pages named /_pixelpair/events where the door answered at /events/events only."""
    own = Settings(pixel_id=ONE, access_token=TOKENS[ONE])
    process = Settings(
        shops=Owner({"a.example": own, "b.example": shop(TWO)}),
        path="/events", trusted_proxies="1", secret="ours", sender="none",
    )  # fmt: skip
    outlets = Outlets(Clock(), lambda: "0" * 32, lambda: 1, lambda record: None)
    known = Shops(process, outlets, Notes())
    one, two = known.at("a.example"), known.at("b.example")
    assert one is not None
    assert two is not None
    assert (one.settings.secret, two.settings.secret) == (("ours",), (f"of-{TWO}",))
    assert one.desk.paths == two.desk.paths == {"/events/events", "/events/pixel.js"}
    behind = request(headers={"x-forwarded-for": "198.51.100.7"}, client="10.0.0.1")
    one.shop.arrive(behind)
    assert behind.client == "198.51.100.7"


# --- strangers and neighbours --------------------------------------------------------------------


def test_cookies_of_one_shop_stay_with_its_host() -> None:
    """Shops below one platform's domain are as many controllers."""
    shops_ = shops({"a.shop.example": {"pixel_id": "111"}}, Clock())
    front = shops_.at("a.shop.example")
    assert front is not None
    assert front.shop.domains("a.shop.example") == (None, 2)


def test_a_shop_says_how_far_its_cookies_go() -> None:
    own = {"pixel_id": "111", "cookie_domain": "shop.example"}
    front = shops({"*.shop.example": own}, Clock()).at("www.shop.example")
    assert front is not None
    assert front.shop.domains("www.shop.example") == ("shop.example", 1)


def test_hosts_that_are_made_up_cost_the_shops_nothing() -> None:
    shops_ = shops({"a.shop.example": {"pixel_id": "111"}}, Clock())
    front = shops_.at("a.shop.example")
    for number in range(MOST_HOSTS + 10):
        assert shops_.at(f"{number}.stranger.example") is None
    assert shops_.at("x" * 100_000) is None
    assert len(shops_._hosts) <= MOST_HOSTS
    assert all(len(host) < 300 for host in shops_._hosts)
    assert "a.shop.example" in shops_._hosts
    assert shops_.at("a.shop.example") is front
