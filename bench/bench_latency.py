"""What visitors notice of the sender's thread: request p99 with 5,000 events/s leaving, and idle.

Run: python bench/bench_latency.py [--quick]. One uvicorn process serves a 50 KB page with its
PageView; a client on one connection measures. Its sender's thread also sends what another process
of the host accepts, 5,000 events/s. Beside it the same page with Meta's SDK in a thread.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_html import PAGE
from bench_http import Client, serving
from shop_events import PIXEL_ID, sdk_events, sdk_request, twins
from side_by_side import say
from sink import Sink
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from pixelpair.asgi import PixelPairMiddleware
from pixelpair.delivery.journal import Journal
from pixelpair.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

RATE, SECONDS, ROUNDS, PAUSE = 5_000, 3.0, 6, 0.004


# --- the servers ---------------------------------------------------------------------------


async def page(_request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


class SdkThread:
    """The usual way: a queue in memory, and a thread that gives a thousand at a time to the SDK."""

    def __init__(self) -> None:
        self.on = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        events = sdk_events(1000)
        while self.on.wait():
            start = time.monotonic()
            url, certificate = os.environ["BENCH_SINK"], os.environ["SSL_CERT_FILE"]
            sdk_request(events, url, certificate).execute()
            time.sleep(max(0.0, start + len(events) / RATE - time.monotonic()))


def shop(*, with_sdk: bool) -> Any:
    """The app of one server; the SDK's thread is switched by requests."""
    routes = [Route("/", page)]
    if with_sdk:
        sdk = SdkThread()

        async def switch(request: Request) -> PlainTextResponse:
            (sdk.on.set if request.url.path == "/on" else sdk.on.clear)()
            return PlainTextResponse("done")

        routes += [Route("/on", switch), Route("/off", switch)]
    settings = Settings(
        pixel_id=PIXEL_ID,
        access_token="t",
        secret="a secret of this bench",
        graph_url=os.environ["BENCH_SINK"],
        spool=f"{os.environ['BENCH_FOLDER']}/{'sdk' if with_sdk else 'ours'}",
        sender="none" if with_sdk else "thread",
    )
    return PixelPairMiddleware(Starlette(routes=routes), settings)


def __getattr__(name: str) -> Any:
    """The app that uvicorn asks this module for."""
    if name not in ("ours", "sdk"):
        raise AttributeError(name)
    return shop(with_sdk=name == "sdk")


# --- the load ------------------------------------------------------------------------------


def feed(spool: str) -> None:
    """Another process of the host: it accepts events while its input says so."""
    journal, records = Journal(Path(spool)), _endless([twin.pack() for twin in twins(1000)])
    on = threading.Event()

    def run() -> None:
        while on.wait():
            begin, number = time.monotonic(), 0
            while on.is_set():
                journal.append(next(records))
                number += 1
                if number % 50 == 0:
                    time.sleep(max(0.0, begin + number / RATE - time.monotonic()))

    threading.Thread(target=run, daemon=True).start()
    for line in sys.stdin:
        (on.set if line == "on\n" else on.clear)()


def _endless(records: list[bytes]) -> Iterator[bytes]:
    """These records for ever, each time with new ids."""
    number = 0
    while True:
        for record in records:
            number += 1
            event_id = record.split(b'"', 6)[5]
            yield record.replace(event_id, b"%032x" % number)


@dataclass(slots=True)
class Feeder:
    process: subprocess.Popen[str]

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()


def latencies(port: int, seconds: float) -> list[float]:
    """Milliseconds of each page."""
    client = Client(port)  # uvicorn closes one that is silent for 5 s
    end, taken = time.monotonic() + seconds, []
    while time.monotonic() < end:
        taken.append(client.get("/") / 1000)
        time.sleep(PAUSE)
    return taken


def p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


def main(rounds: int = ROUNDS, seconds: float = SECONDS) -> None:
    if importlib.util.find_spec("facebook_business") is None:
        print("facebook_business is missing: this bench is left out (pip install it)")
        return
    names = ("idle", "sending", "idle, beside the SDK", "SDK in a thread")
    taken: dict[str, list[list[float]]] = {name: [] for name in names}
    rates: dict[str, list[float]] = {"sending": [], "SDK in a thread": []}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pixelpair-bench-"))
        sink = stack.enter_context(Sink())
        os.environ |= {"BENCH_SINK": sink.url}
        ours, sdk = (_served(stack, name, folder) for name in ("ours", "sdk"))
        feeder = Feeder(_feeding(stack, f"{folder}/ours"))
        phases = {
            "idle": (ours, lambda: None, lambda: None),
            "sending": (ours, lambda: feeder.say("on"), lambda: feeder.say("off")),
            "idle, beside the SDK": (sdk, lambda: None, lambda: None),
            "SDK in a thread": (
                sdk,
                lambda: Client(sdk).get("/on"),
                lambda: Client(sdk).get("/off"),
            ),
        }
        for warm in (True, *[False] * rounds):
            for name, (port, on, off) in phases.items():
                on()
                time.sleep(0.5)
                before = sink.counts().events
                found = latencies(port, 0.5 if warm else seconds)
                if name in rates and not warm:
                    rates[name].append((sink.counts().events - before) / seconds)
                off()
                time.sleep(1.0)
                taken[name] += [] if warm else [found]
    for name, series in taken.items():
        low, middle, high = statistics.quantiles([p99(one) for one in series], n=4)
        median = statistics.median([one for found in series for one in found])
        rate = f"{statistics.median(rates[name]):8.0f} events/s" if name in rates else ""
        print(
            f"{name:24} p50 {median:6.2f} ms, p99 {middle:7.2f} ms"
            f"   (quartiles {low:.2f} … {high:.2f}){rate}"
        )
    print()
    ratios = {
        busy: statistics.median(
            p99(b) / p99(i) for b, i in zip(taken[busy], taken[idle], strict=True)
        )
        for idle, busy in (names[:2], names[2:])
    }
    say("request p99, sending / idle", ratios["sending"], 1.5)
    print(f"  the same with the SDK in a thread {ratios['SDK in a thread']:32.3f}")


def _served(stack: ExitStack, name: str, folder: str) -> int:
    return serving(stack, name, folder, module="bench_latency")


def _feeding(stack: ExitStack, spool: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--feed", spool], stdin=subprocess.PIPE, text=True
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


if __name__ == "__main__":
    if "--feed" in sys.argv:
        feed(sys.argv[-1])
    else:
        main(*((3, 2.0) if "--quick" in sys.argv else ()))
