"""One running server of the matrix with the shop on it, and what is asked of the two."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import ROOT, free_port
from tests.e2e.caches import tool

from .raw import TIMEOUT, FramingError, Reply, Wire
from .running import Running, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.conftest import Sandbox

    from .servers import Server

DOOR = ""  # the shop with pixelpair is at the root
LOADER = b"<script>((e,a)=>{"  # the page's script begins so, once
HANGS = 6.0  # seconds without a byte
# The shop's own pages have neither.
OURS = re.compile(rb"<(script|noscript)\b.*?</\1>", re.DOTALL)
EVENT = re.compile(rb'\["PageView",\{\},"([0-9a-f]{32})"')
VISITS, ENOUGH = 40, 600


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a server ended: its exit code and what it said then; what of the visits arrived."""

    code: int
    said: str
    seconds: float
    shown: frozenset[str]
    workers: frozenset[str]
    arrived: frozenset[str]
    drained: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer's end was known or what was wrong with it; and what came of the next one."""

    end: str
    body: bytes = b""
    status: int = 0
    then: str = ""

    def is_as(self, other: Outcome) -> bool:
        if self.end == other.end == CUT:
            return self.body.startswith(other.body) or other.body.startswith(self.body)
        return self == other


@dataclass
class Site:
    """A server that runs, until `stopped` is asked for."""

    server: Server
    running: Running
    folder: Path
    environ: dict[str, str]
    sandbox: Sandbox
    chromium: Browser
    gates: Iterator[int] = field(default_factory=count)

    def wire(self, timeout: float = TIMEOUT) -> Wire:
        return Wire(self.running.port, timeout)

    def outcome(self, path: str, method: str = "GET") -> Outcome:
        """What becomes of one request, without what is ours in it, and of the one that follows."""
        with self.wire(HANGS) as wire:
            try:
                reply = wire.ask(path, method)
            except FramingError as error:
                return Outcome(kind(error), OURS.sub(b"", error.so_far))
            body = OURS.sub(b"", reply.body)
            try:
                next_, opened = wire.ask("/json").status, wire.opened
            except FramingError as error:
                if kind(error) == MORE:
                    return Outcome(MORE)
                return Outcome(reply.framing, body, reply.status, kind(error))
            return Outcome(reply.framing, body, reply.status, f"{next_} on connection {opened}")

    def gate(self) -> Path:
        return self.folder / f"gate-{next(self.gates)}"

    @cached_property
    def stopped(self) -> Stopped:
        """40 visits, on as many connections and more, then the signal."""
        shown, workers = self._visited()
        heard, told = len(self.running.text), time.monotonic()
        code = self.running.stop()
        seconds, said = time.monotonic() - told, self.running.text[heard:]
        arrived, drained = self._arrived(shown), ""
        if not shown <= arrived:
            drained = self._drain()
            arrived = self._arrived(shown)
        return Stopped(code, said, seconds, shown, workers, arrived, drained)

    def _visited(self) -> tuple[frozenset[str], frozenset[str]]:
        shown: set[str] = set()
        workers: set[str] = set()
        with ThreadPoolExecutor(4) as pool:
            while len(shown) < VISITS or len(workers) < self.server.workers:
                assert len(shown) < ENOUGH, f"only {len(workers)} workers answer"
                for reply in pool.map(self._visit, range(VISITS)):
                    shown |= {found.decode() for found in EVENT.findall(reply.body)}
                    workers.add(reply.header("x-worker") or "")
        return frozenset(shown), frozenset(workers)

    def _visit(self, _number: int) -> Reply:
        with self.wire() as wire:
            return wire.ask("/")

    def _arrived(self, shown: frozenset[str]) -> frozenset[str]:
        return frozenset(e["event_id"] for e in self.sandbox.events() if e["server"]) & shown

    def _drain(self) -> str:
        command = [sys.executable, "-m", "pixelpair", "drain", "--timeout", "60"]
        given = {**os.environ, **self.environ, "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            command, env=given, cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr


# Of what a server does when an app breaks down, how far it had got before is chance.
MORE, CUT = "more than the answer", "cut off"
KINDS = {
    MORE: re.compile("unasked|no status|.* after the answer"),
    CUT: re.compile(r"closed|ends \d+ bytes early|no end of line|no chunk"),
}


def kind(error: FramingError) -> str:
    return next((name for name, words in KINDS.items() if words.match(error.what)), error.what)


def plain(reply: Reply) -> bytes:
    coded = reply.header("content-encoding") == "gzip"
    return gzip.decompress(reply.body) if coded else reply.body


@contextmanager
def site_of(server: Server, sandbox: Sandbox, chromium: Browser) -> Iterator[Site]:
    """The shop on this server, with a spool of its own, once both apps have answered."""
    command = server.command
    if server.program:
        command[0] = tool(server.program)
    sandbox.clear()
    folder, port = Path(tempfile.mkdtemp(prefix="matrix-")), free_port()
    folder.chmod(0o755)
    environ = sandbox.environ(folder / "spool")
    environ |= {"MATRIX_GATES": str(folder), "PYTHONWARNINGS": "default"}
    try:
        if server.prepare is not None:
            server.prepare(folder, str(port))
        with running(command, environ, folder, stop=server.stop, port=port) as process:
            yield Site(server, process, folder, environ, sandbox, chromium)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
