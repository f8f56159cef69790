"""The soak: two shops with their senders, visitors, a Graph that misbehaves, and a watcher."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.conftest import BROWSER, free_port, server, until
from tests.drills import parts

from . import site
from .book import Book, Reckoning, reckon
from .graph import Graph
from .plan import Phase, at, plan
from .traffic import Crowd
from .watcher import Bounds, Watcher

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "error"]


@dataclass(frozen=True, slots=True)
class Terms:
    """A run: for so long, so many steps a second in all, by which dice, looked at how often.

    gunicorn's workers have so many `lives`, one after the other.
    """

    seconds: float
    rate: float = 40.0
    seed: int = 9
    every: float = 5.0
    lives: int = 4
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Stand:
    """A shop of the soak: its server's command, and what it sets beside the others."""

    command: list[str]
    more: dict[str, str]
    asked: bool = False


def stands(terms: Terms) -> dict[str, Stand]:
    """The shops. The sender's thread is on in both, as it is unless told otherwise."""
    # A step is 1.3 requests; half of the steps are each shop's, and half of those each worker's.
    most = max(50, int(terms.seconds * terms.rate * 1.3 / 4 / terms.lives))
    replaced = ["--max-requests", str(most), "--max-requests-jitter", str(most // 4)]
    return {
        "gunicorn": Stand(
            [*parts.THREADED, "--workers", "2", *replaced, "tests.soak.flask_shop:app"], {}
        ),
        "uvicorn": Stand(
            [*UVICORN, "--workers", "2", "--port", "{port}", "tests.soak.starlette_shop:app"],
            {"PIXELPAIR_CONSENT": "required"},
            asked=True,
        ),
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has come to."""

    terms: Terms
    seconds: float
    begun: float
    phases: list[Phase]
    book: Book
    reckoning: Reckoning
    watcher: Watcher
    calls: dict[str, int]
    drains: dict[str, tuple[int, str]]
    left: list[str]
    gone: list[str]
    log: str

    def latencies(self) -> dict[str, list[float]]:
        """How long answers took, sorted, while Graph was well and while it was not."""
        found: dict[str, list[float]] = {"quiet": [], "misbehaving": []}
        for when, took in self.book.answers:
            quiet = at(self.phases, when - self.begun) == "quiet"
            found["quiet" if quiet else "misbehaving"].append(took)
        return {what: sorted(times) for what, times in found.items()}


class Soak:
    """Everything that runs; `run` leaves nothing behind."""

    def __init__(self, terms: Terms, folder: Path) -> None:
        self.terms = terms
        self._folder = folder
        self._phases = plan(terms.seed, terms.seconds)
        self._crowds: dict[str, Crowd] = {}
        self._begun = 0.0
        self._gone: list[str] = []
        spools = {name: folder / name for name in stands(terms)}
        self._watcher = Watcher(spools)
        self._settings: dict[str, dict[str, str]] = {}

    def run(self, tell: Callable[[str], None] = lambda _line: None) -> Outcome:
        """Until the time is over, or Ctrl-C."""
        graph = Graph(self.terms.seed, self.terms.seconds)
        with ExitStack() as closing:
            closing.callback(graph.close)
            log = closing.enter_context((self._folder / "log").open("wb"))
            with ExitStack() as stack:
                for name, stand in stands(self.terms).items():
                    stack.enter_context(self._open(name, stand, graph, log))
                self._begin(graph, stack)
                try:
                    self._go_on(graph, tell)
                except KeyboardInterrupt:
                    tell("stopping")
                seconds = time.monotonic() - self._begun
            return self._outcome(graph, seconds)

    # --- opening, going on, closing ----------------------------------------------------------

    @contextmanager
    def _open(self, name: str, stand: Stand, graph: Graph, log: Any) -> Iterator[None]:
        """A shop with a `pixelpair worker` beside it, which starts when the shop sends already."""
        settings = self._settings[name] = parts.environ(
            graph,  # type: ignore[arg-type]
            self._folder / name,
            PIXELPAIR_ROUTES=site.ROUTES,
            PIXELPAIR_TRUSTED_PROXIES="1",
            PIXELPAIR_CURRENCY="SEK",
            PIXELPAIR_ADVANCED_MATCHING="1",
            **stand.more,
        )
        port, apart = free_port(), {"start_new_session": True, "stderr": log}
        filled = [word.format(port=port) for word in stand.command]
        with server(filled, port, settings, **apart) as process:
            assert until(lambda: _answers(port, "/api/stock")), name
            assert _answers(port, f"/cart?v={name}-first")  # with it the shop's sender starts
            self._crowds[name] = Crowd(
                name[0], port, self.terms.rate / 2, self.terms.seed, asked=stand.asked
            )
            self._watcher.add(name, process.pid)
            worker = parts.start([*parts.PIXELPAIR, "worker"], settings, **apart)
            with parts.ended(worker):
                self._watcher.add(f"{name}: pixelpair worker", worker.pid)
                try:
                    yield
                finally:
                    self._end(name, process)
                    self._end(f"{name}: pixelpair worker", worker)

    def _end(self, role: str, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            self._gone.append(role)
        process.terminate()
        process.wait(60)

    def _begin(self, graph: Graph, stack: ExitStack) -> None:
        """The visitors come; they go, and Graph is well, before the shops are stopped."""
        stack.callback(graph.ask, "well")
        for crowd in self._crowds.values():
            crowd.start()
            stack.callback(crowd.stop)
        graph.ask("go")
        self._begun = time.monotonic()

    def _go_on(self, graph: Graph, tell: Callable[[str], None]) -> None:
        while (gone := time.monotonic() - self._begun) < self.terms.seconds:
            self._watcher.look()
            tell(self._line(graph, gone))
            until_end = self.terms.seconds - gone
            spent = time.monotonic() - self._begun - gone
            time.sleep(max(0.0, min(self.terms.every, until_end) - spent))

    def _line(self, graph: Graph, gone: float) -> str:
        books = [crowd.book for crowd in self._crowds.values()]
        lives = [life.samples[-1].memory for life in self._watcher.lives.values()]
        return (
            f"{gone:,.0f} of {self.terms.seconds:,.0f} s · Graph: {at(self._phases, gone)} ·"
            f" {sum(book.requests for book in books):,} requests,"
            f" {sum(len(book.due) for book in books):,} events due,"
            f" {graph.ask('counts')['events']:,} taken · largest process"
            f" {max(lives) / 1024 / 1024:.0f} MB"
        )

    def _outcome(self, graph: Graph, seconds: float) -> Outcome:
        drains = {name: parts.drain(settings) for name, settings in self._settings.items()}
        book = Book(perhaps={f"PageView {name}-first" for name in self._crowds})
        for crowd in self._crowds.values():
            book.add(crowd.book)
        ledger = graph.ask("ledger")
        left = [str(f.name) for name in self._crowds for f in (self._folder / name).glob("*.pxj")]
        return Outcome(
            self.terms,
            seconds,
            self._begun,
            self._phases,
            book,
            reckon(book, ledger),
            self._watcher,
            ledger["calls"],
            drains,
            left,
            self._gone,
            (self._folder / "log").read_text(errors="replace"),
        )


def _answers(port: int, path: str) -> bool:
    """Whether the shop answers; all that is asked here is asked by one who agrees."""
    agreed = BROWSER | {"Cookie": f"_pp_consent=1.{time.time():.0f}"}
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", headers=agreed).status_code == 200
    except httpx.TransportError:
        return False
