"""Under ASGI the event loop waits for one append to a file, and for what this table names."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import sqlite3
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair import Settings, Tracker
from pixelpair.asgi import PixelPairMiddleware
from tests.delivery.sink import Sink
from tests.doors.drive import PIXEL, Ask, answer_of, converse, scope_of
from tests.doors.site import CASES, DOCUMENT, ROUTES, report, view
from tests.doors.test_forms import BODIES, RULE, posted

from .doors import ASGI
from .first_requests import app as selling
from .watch import OURS, WATCH, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.doors.drive import Ledger

    App = Callable[..., Any]

APPEND = Place("delivery/journal.py", "append")
# What else may be called in a loop, and why that is no fault. Measured on two shared cores.
ALLOWED: dict[str, tuple[set[Place], str]] = {
    "a new journal": (
        {
            Place("delivery/journal.py", "_create"),
            Place("delivery/locks.py", "take"),
            Place("delivery/bounds.py", "_journals"),
            Place("delivery/bounds.py", "<listcomp>"),  # of the same, before Python 3.12
        },
        "a process's first event makes its file, and one each 16 MB or ten minutes the next",
    ),
    "a log line": (
        {Place("core/notes.py", "_log")},
        "each is said once; where log lines go, and how long that takes, is the shop's choice",
    ),
    "the app": (
        {Place("asgi/__init__.py", "__call__")},
        "the shop's app is called there: Starlette looks for a file before it sends it in a thread",
    ),
    "figures": (
        {
            Place("delivery/sums.py", "_write"),
            Place("delivery/sums.py", "save"),
            Place("delivery/locks.py", "take"),
        },
        "with SENDER=none there is no thread: a small file each two seconds, never forced to disk",
    ),
    "a product's id": (
        {Place("asking.py", "found")},
        "CONTENT_ID's function by its path: the shop's own module, imported with its first product",
    ),
}


pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous")


@pytest.fixture(params=ASGI)
def make(request: pytest.FixtureRequest) -> Callable[[Tracker], App]:
    """Makes the site behind one of the doors."""
    return ASGI[request.param]


def met() -> dict[tuple[str, Place], int]:
    """What was called that is no fault wherever it is."""
    anywhere = ALLOWED["a log line"][0] | ALLOWED["the app"][0]
    return {call: times for call, times in WATCH.calls.items() if call[1] not in anywhere}


async def ask(app: App, what: Ask) -> int:
    return answer_of(await converse(app, scope_of(what), *what.pieces)).status


async def warm(app: App, ledger: Ledger) -> None:
    """The first event has made its file, and no figures are due."""
    await ask(app, Ask())
    ledger.tracker.meters._save_at = math.inf


# --- what requests do ----------------------------------------------------------------------------

OPTIONS: dict[str, object] = {
    "routes": f"{ROUTES}\n{RULE.format(path='/read/{how}')}",
    "currency": "SEK",
    "metrics_token": "f" * 32,
    "advanced_matching": "1",
}
FORMS = [posted("whole", body, kind) for kind, body, _ in BODIES.values()]
FIGURES = Ask(path="/_pixelpair/metrics", headers=(("authorization", f"Bearer {'f' * 32}"),))
OURS_TOO = [Ask(path="/_pixelpair/pixel.js"), Ask("OPTIONS", "/_pixelpair/events"), FIGURES]
ASKED = [*(case.ask for case in CASES.values()), *FORMS, report("a" * 32), *OURS_TOO]


async def test_requests_wait_for_an_append_and_for_nothing_else(make, ledger_of):
    ledger = ledger_of(**OPTIONS)
    app = make(ledger.tracker)
    await warm(app, ledger)
    with WATCH.on():
        for what in ASKED:
            await ask(app, what)
    assert met() == {("writev", APPEND): len(ledger.twins()) - 1}


async def test_the_first_event_makes_its_file(make, ledger):
    app = make(ledger.tracker)
    ledger.tracker.meters._save_at = math.inf
    with WATCH.on():
        await ask(app, Ask())
    assert WATCH.places - {APPEND} <= ALLOWED["a new journal"][0]
    assert Place("delivery/journal.py", "_create") in WATCH.places


async def test_a_process_without_a_sender_writes_its_figures_now_and_then(make, ledger):
    app = make(ledger.tracker)
    await warm(app, ledger)
    ledger.tracker.meters.add("something")
    ledger.tracker.meters._save_at = 0.0
    with WATCH.on():
        for _ in range(3):
            await ask(app, Ask())
    assert WATCH.places - {APPEND} <= ALLOWED["figures"][0]
    assert WATCH.calls["open", Place("delivery/sums.py", "_write")] == 1


async def test_shadow_mode_waits_for_nothing(make, ledger_of):
    app = make(ledger_of(**{**OPTIONS, "mode": "shadow"}).tracker)
    with WATCH.on():
        for case in CASES.values():
            await ask(app, case.ask)
    assert met() == {}


# --- what the shop is asked ----------------------------------------------------------------------


class Owner:
    """Knows one shop, after a look into its database."""

    def for_host(self, host: str) -> Settings | None:
        time.sleep(0)
        return self.for_pixel(PIXEL)

    def for_pixel(self, pixel_id: str) -> Settings | None:
        return Settings(pixel_id=pixel_id, access_token="token", secret="secret", routes=ROUTES)


async def test_the_object_that_knows_the_shops_is_asked_in_a_thread(make, ledger_of):
    ledger = ledger_of(shops=Owner(), pixel_id="", access_token="")
    app = make(ledger.tracker)
    await warm(app, ledger)
    with WATCH.on():
        for what in (CASES["product"].ask, CASES["json"].ask, report("b" * 32)):
            await ask(app, what)
    assert WATCH.places == {APPEND}


SHOPS_MODULE = """
import asyncio, time
time.sleep(0)

def agreed(request):
    time.sleep(0)
    return "granted"

async def agreed_later(request):
    await asyncio.sleep(0)
    return "granted"

def nobody(request):
    return None

def of_product(facts):
    return "SKU"
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of the shop's that nobody has imported yet."""
    name = f"shop_of_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(SHOPS_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("consent", ["agreed", "agreed_later"])
async def test_a_callable_by_its_path_is_imported_and_asked_in_a_thread(
    make, ledger_of, module, consent
):
    """Seen: the module was imported in the loop, and every visitor waited for it."""
    named = {"consent": f"{module}.{consent}", "identify": f"{module}.nobody"}
    ledger = ledger_of(**{**OPTIONS, **named, "staff": f"{module}.nobody"})
    app = make(ledger.tracker)
    ledger.tracker.meters._save_at = math.inf
    with WATCH.on():
        for _ in range(2):
            for name in ("product", "purchase", "post and redirect"):
                await ask(app, CASES[name].ask)
            await ask(app, report("c" * 32))
    assert WATCH.places - {APPEND} <= ALLOWED["a new journal"][0]
    assert module in sys.modules


async def test_a_function_of_a_product_is_imported_with_the_first_one(ledger_of, module):
    ledger = ledger_of(**OPTIONS, content_id=f"{module}.of_product")
    app = PixelPairMiddleware(selling, tracker=ledger.tracker)
    await warm(app, ledger)
    for expected in (set(), ALLOWED["a product's id"][0], set()):
        with WATCH.on():
            await ask(app, CASES["product" if expected else "plain page"].ask)
        assert WATCH.places - {APPEND} == expected


# --- the sender's thread -------------------------------------------------------------------------


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


async def lifespan(app: App, during: Callable[[], Any]) -> list[str]:
    asked, heard = iter(["lifespan.startup", "lifespan.shutdown"]), []

    async def receive() -> dict[str, Any]:
        kind = next(asked)
        if kind == "lifespan.shutdown":
            await during()
        return {"type": kind}

    async def send(message: dict[str, Any]) -> None:
        heard.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    return heard


async def living(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        return
    view("GET", "/orders/1001/complete")
    html = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": html})
    await send({"type": "http.response.body", "body": DOCUMENT})


async def test_the_end_waits_for_the_sender_in_a_thread(tmp_path, graph):
    """A Purchase wakes the sender, which opens files, an outbox and connections."""
    given = {"pixel_id": PIXEL, "access_token": "token", "secret": "s", "graph_url": graph.url}
    tracker = Tracker(Settings(**given, spool=tmp_path))
    app = PixelPairMiddleware(living, tracker=tracker)

    async def during() -> None:
        for _ in range(3):
            await ask(app, CASES["purchase"].ask)

    try:
        with WATCH.on():
            heard = await lifespan(app, during)
    finally:
        tracker.close()
    assert heard == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert {event["event_name"] for event in graph.events} == {"PageView", "Purchase"}
    assert WATCH.places - {APPEND} <= ALLOWED["a new journal"][0]


# --- the watch itself ----------------------------------------------------------------------------

GUILTY: dict[str, Callable[[Path], object]] = {
    "time.sleep": lambda _: time.sleep(0),
    "open": lambda folder: (folder / "f").write_bytes(b"x"),
    "os.stat": lambda folder: os.stat(folder),  # noqa: PTH116 - what is replaced
    "os.mkdir": lambda folder: (folder / "new").mkdir(),
    "os.listdir": lambda folder: os.listdir(folder),  # noqa: PTH208
    "fsync": lambda folder: _synced(folder),
    "sqlite3.connect": lambda _: sqlite3.connect(":memory:").close(),
    "socket.getaddrinfo": lambda _: socket.getaddrinfo("127.0.0.1", 9),
    "threading.Lock.acquire": lambda _: _waited(),
}


def _synced(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def _waited() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=0.001)


def ours(call: Callable[[Path], object], folder: Path) -> None:
    """Call it as a file of ours would."""
    code = compile("def guilty(): call(folder)", str(OURS / "guilty.py"), "exec")
    names: dict[str, Any] = {"call": call, "folder": folder}
    exec(code, names)
    names["guilty"]()


@pytest.mark.parametrize("what", GUILTY)
async def test_the_watch_sees_what_waits(what: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tests.compliance.watch.TESTS", "/nowhere")  # it is tests that call here
    with WATCH.on():
        await asyncio.to_thread(ours, GUILTY[what], tmp_path / "..")
        assert WATCH.calls == {}
        ours(GUILTY[what], tmp_path)
    assert what in {name for name, _ in WATCH.calls}
    assert WATCH.places == {Place("guilty.py", "guilty")}


async def test_what_the_shop_itself_does_is_its_own(make, ledger):
    async def app(*_given: object) -> None:
        time.sleep(0)  # noqa: ASYNC251 - what is looked for

    with WATCH.on():
        await PixelPairMiddleware(app, tracker=ledger.tracker)(scope_of(Ask()), None, None)
    assert WATCH.calls == {}


def test_each_allowance_gives_its_reason():
    assert all(len(why) > 40 and places for places, why in ALLOWED.values())
