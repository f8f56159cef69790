"""Many shops in one process: whose host it is, whose token sends, and who hears of whom."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import httpx
import pytest

from pixelpair import Settings, Tracker
from pixelpair import tracker as module
from pixelpair.core.exchange import MUTED, Exchange
from pixelpair.core.notes import Notes
from pixelpair.core.shadow import Shadow
from pixelpair.core.shop import Tracked
from pixelpair.shops import MOST_FRONTS, MOST_HOSTS, SECONDS, Shops, Table, directory
from pixelpair.storefront import Outlets
from pixelpair.tracker import NOTES
from tests.conftest import Sandbox, free_port, running_sandbox, server, until
from tests.core.exchanges import HTML, NOW, PAGE, blocks, request
from tests.delivery.sink import Answer, Sink, accepted, refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ONE, TWO = "1111111111", "2222222222"
TOKENS = {ONE: "EAAtokenOfOne", TWO: "EAAtokenOfTwo"}


def shop(pixel: str, **more: object) -> Settings:
    given = {"pixel_id": pixel, "access_token": TOKENS[pixel], "secret": f"of-{pixel}"}
    return Settings(**given | more)


@dataclass
class Owner:
    """The shop's own object, with what it was asked; `broken` says: its database is out."""

    hosts: dict[str, Settings | None]
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    password: str = "hunter2"

    def for_host(self, host: str) -> Settings | None:
        self.asked.append(host)
        if self.broken:
            raise ConnectionError(self.password)
        return self.hosts.get(host)

    def for_pixel(self, pixel_id: str) -> Settings | None:
        self.asked.append(pixel_id)
        if self.broken:
            raise ConnectionError
        known = [s for s in self.hosts.values() if s and pixel_id in s.pixels]
        return known[0] if known else None


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No PIXELPAIR_* variable, nothing said yet, no tracker of another test."""
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(NOTES, "_said", set())
    monkeypatch.setattr(module, "LIVING", WeakSet())


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.message) for record in caplog.records]


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


# --- through a tracker ---------------------------------------------------------------------------

HOSTS = {"a.example": ONE, "*.b.example": TWO}


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


def options(spool: Path, graph_url: str, **more: object) -> dict[str, object]:
    each = {h: {"pixel_id": p, "access_token": TOKENS[p]} for h, p in HOSTS.items()}
    given = {
        "shops": json.dumps(each),
        "secret": "of these tests",
        "spool": spool,
        "sender": "none",
        "graph_url": graph_url,
        "event_id": "server",
    }
    return given | more


def tracker_of(spool: Path, graph_url: str = "http://127.0.0.1:9", **more: object) -> Tracker:
    return Tracker(Settings(**options(spool, graph_url, **more)))


def shown(tracker: Tracker, host: str, *tracked: Tracked, **more: Any) -> bytes:
    exchange = tracker.begin("GET", lambda: request(host=host, **more))
    for one in tracked:
        exchange.track(one)
    if exchange.respond(200, HTML) is not None:
        return PAGE
    return exchange.feed(PAGE) + exchange.finish()


def waiting(spool: Path) -> bytes:
    return b"".join(file.read_bytes() for file in spool.iterdir() if file.is_file())


def test_each_host_has_its_own_pixel(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool")
    pixels = {
        host: [block["pixel"] for block in blocks(shown(tracker, host))]
        for host in ("a.example", "A.Example:8080", "x.b.example")
    }
    tracker.close()
    assert pixels == {"a.example": [ONE], "A.Example:8080": [ONE], "x.b.example": [TWO]}


def test_page_of_an_unknown_host_passes_untouched_and_queues_nothing(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool")
    assert tracker.begin("GET", lambda: request(host="c.example")) is MUTED
    assert shown(tracker, "c.example", Tracked("Lead", {})) == PAGE
    tracker.close()
    assert not (tmp_path / "spool").exists()


def test_host_is_the_one_that_a_trusted_proxy_names(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool", trusted_proxies="1 host")
    headers = {"x-forwarded-host": "a.example", "x-forwarded-for": "198.51.100.7"}
    page = shown(tracker, "app:8000", headers=headers)
    tracker.close()
    assert [block["pixel"] for block in blocks(page)] == [ONE]


def test_notes_and_counts_are_each_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = tracker_of(tmp_path / "spool")
    lost = Tracked("Purchase", {"value": 1})
    for host in ("a.example", "a.example", "x.b.example"):
        shown(tracker, host, lost)
    tracker.close()
    assert tracker.shops is not None
    assert tracker.shops.counts == {(ONE,): {"faults": 2}, (TWO,): {"faults": 1}}
    assert [text.partition(": ")[0] for _, text in said(caplog)] == [
        f"pixel {ONE}",
        f"pixel {TWO}",
    ]


def post(tracker: Tracker, host: str, report: Mapping[str, object]) -> int:
    assert tracker.desk is not None
    body = json.dumps(report).encode()
    origin = {"origin": f"https://{host}"}
    asked = request("POST", "/_pixelpair/events", host=host, headers=origin)
    assert tracker.desk.room(asked) is not None
    return tracker.desk.answer(asked, body).status


def test_desk_of_each_shop_takes_its_own_seals_only(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool", event_id="browser")
    block, *_ = blocks(shown(tracker, "a.example", Tracked("Lead", {})))  # a second is for swaps
    report = {"signed": block["signed"], "ids": ["a" * 32, "b" * 32], "referrer": ""}
    answers = {
        host: post(tracker, host, {**report, "url": f"https://{host}/"})
        for host in ("x.b.example", "a.example")
    }
    tracker.close()
    assert answers == {"x.b.example": 400, "a.example": 204}
    kept = waiting(tmp_path / "spool")
    assert (kept.count(ONE.encode()), kept.count(TWO.encode())) == (2, 0)


def test_our_addresses_at_an_unknown_host_are_the_apps(tmp_path: Path) -> None:
    tracker = tracker_of(tmp_path / "spool")
    assert tracker.desk is not None
    assert tracker.desk.room(request("POST", "/_pixelpair/events", host="c.example")) is None
    tracker.close()


# --- tokens --------------------------------------------------------------------------------------


def test_each_pixels_events_leave_with_its_own_token(tmp_path: Path, graph: Sink) -> None:
    tracker = tracker_of(tmp_path / "spool", graph.url, sender="thread")
    for host in ("a.example", "x.b.example", "a.example"):
        shown(tracker, host)
    tracker.close(20)
    assert len(graph.events) == 3
    sent = {(p, h["Authorization"]) for p, h in zip(graph.paths, graph.headers, strict=True)}
    assert sent == {(f"/v26.0/{p}/events", f"Bearer {token}") for p, token in TOKENS.items()}


def test_pixels_of_one_shop_get_each_event_with_their_own_tokens(
    tmp_path: Path, graph: Sink
) -> None:
    both = {"pixel_id": f"{ONE} {TWO}", "access_token": " ".join(TOKENS.values())}
    settings = Settings(**both, spool=tmp_path / "spool", graph_url=graph.url, secret="s")
    tracker = Tracker(settings)
    shown(tracker, "a.example")
    tracker.close(20)
    first, second = graph.events
    assert first == second
    sent = {(p, h["Authorization"]) for p, h in zip(graph.paths, graph.headers, strict=True)}
    assert sent == {(f"/v26.0/{p}/events", f"Bearer {token}") for p, token in TOKENS.items()}


def test_rotated_token_sends_what_the_dead_one_could_not(tmp_path: Path, graph: Sink) -> None:
    """One shop's token is dead: the other's events leave; a minute later its own do, too."""
    clock = Clock()
    owner = Owner(
        {
            "a.example": shop(ONE, graph_url=graph.url),
            "b.example": shop(TWO, graph_url=graph.url),
        }
    )
    settings = Settings(shops=owner, spool=tmp_path / "spool", sender="none")
    tracker = Tracker(settings, clock=clock)

    def by_token(events: list[dict[str, Any]]) -> Answer:
        dead = graph.headers[-1]["Authorization"] == f"Bearer {TOKENS[ONE]}"
        return refused(190, status=401) if dead else accepted(events)

    graph.answer = by_token
    shown(tracker, "a.example", path="/one")
    shown(tracker, "b.example", path="/two")
    drained = tracker._worker.drain(20)
    assert [e["event_source_url"] for e in graph.events] == ["https://b.example/two"]
    assert (drained.delivered, drained.dead, drained.left) == (1, 0, 1)
    owner.hosts["a.example"] = shop(ONE, graph_url=graph.url, access_token="EAArotated")
    clock.now += SECONDS
    drained = tracker._worker.drain(20)
    tracker.close(0)
    assert (drained.delivered, drained.dead, drained.left) == (1, 0, 0)
    assert graph.headers[-1]["Authorization"] == "Bearer EAArotated"


def test_event_of_a_shop_that_nobody_knows_any_more_waits(tmp_path: Path, graph: Sink) -> None:
    owner = Owner({"a.example": shop(ONE, graph_url=graph.url)})
    tracker = Tracker(Settings(shops=owner, spool=tmp_path / "spool", sender="none"))
    shown(tracker, "a.example")
    owner.hosts.clear()
    drained = tracker._worker.drain(20)
    tracker.close(0)
    assert (graph.events, drained.delivered, drained.dead, drained.left) == ([], 0, 0, 1)
    assert drained.reason == (
        f"the spool holds events of pixel {ONE}, which is none of PIXELPAIR_SHOPS: they wait until"
        " it is"
    )


def test_no_token_is_written_anywhere(
    tmp_path: Path, graph: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    graph.answer = lambda events: refused(190, status=401)
    tracker = tracker_of(tmp_path / "spool", graph.url)
    for host in ("a.example", "x.b.example"):
        shown(tracker, host, Tracked("Purchase", {"value": "?"}))
    drained = tracker._worker.drain(20)
    tracker.close(0)
    found = [f for f in tmp_path.rglob("*") if f.is_file() and b"EAAtoken" in f.read_bytes()]
    texts = [repr(tracker.settings), repr(drained), caplog.text, repr(tracker.settings.shops)]
    assert (found, [text for text in texts if "EAAtoken" in text]) == ([], [])
    assert ONE.encode() in b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())


# --- on real servers -----------------------------------------------------------------------------

# The sandbox knows no accounts, and refuses what is spelled as no token is: this one is dead.
DEAD, ALIVE = "EAAtokenOfOne!", TOKENS[TWO]
SERVERS = {
    "uvicorn": ["uvicorn", "--log-level=warning", "tests.doors.small_site:asgi_app", "--port={}"],
    "gunicorn": [
        *("gunicorn", "--log-level=warning", "--workers=2", "--bind=127.0.0.1:{}"),
        "tests.doors.small_site:wsgi_app",
    ],
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as running:
        yield running


def visited(port: int, host: str) -> list[tuple[str, str]]:
    """The ids that a page of this host shows, by the pixel that is to fire them."""
    headers = {"Host": host, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
    page = httpx.get(f"http://127.0.0.1:{port}/products/SKU-1", headers=headers, timeout=30)
    return [(block["pixel"], e[2]) for block in blocks(page.content) for e in block["events"]]


def refusals(sandbox: Sandbox) -> set[tuple[str, int]]:
    found = httpx.get(f"{sandbox.url}/api/rejections").json()["rejections"]
    return {(one["pixel_id"], one["status"]) for one in found}


def arrived(sandbox: Sandbox) -> list[tuple[str, str]]:
    return sorted((event["pixel_id"], event["event_id"]) for event in sandbox.events())


@pytest.mark.parametrize("kind", SERVERS)
def test_dead_token_of_one_shop_starves_no_other(
    kind: str, sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its events wait in the spool, and leave with the next token."""
    sandbox.clear()
    port, spool = free_port(), tmp_path / "spool"
    environ = {**sandbox.environ(spool), "PIXELPAIR_PIXEL_ID": "", "PIXELPAIR_ACCESS_TOKEN": ""}

    def many(token: str) -> dict[str, str]:
        one, two = [{"pixel_id": p, "access_token": t} for p, t in ((ONE, token), (TWO, ALIVE))]
        return {**environ, "PIXELPAIR_SHOPS": json.dumps({"a.example": one, "*.b.example": two})}

    with server([sys.executable, "-m", *(w.format(port) for w in SERVERS[kind])], port, many(DEAD)):
        shown = [visited(port, host) for host in ("a.example", f"x.b.example:{port}", "c.example")]
        until(lambda: len(sandbox.events()) >= 2 and refusals(sandbox))
    assert [[pixel for pixel, _ in found] for found in shown] == [[ONE, ONE], [TWO, TWO], []]
    assert arrived(sandbox) == sorted(shown[1])
    assert refusals(sandbox) == {(ONE, 401)}
    assert [f for f in spool.rglob("*") if f.is_file() and b"EAAtoken" in f.read_bytes()] == []
    command = [sys.executable, "-m", "pixelpair", "drain"]
    ran = subprocess.run(
        command,
        env={**os.environ, **many("EAArotated")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (0, "delivered 2, dead 0, left 0\n")
    assert arrived(sandbox) == sorted(shown[0] + shown[1])
    assert "EAA" not in ran.stdout + ran.stderr + str(capfd.readouterr())


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
