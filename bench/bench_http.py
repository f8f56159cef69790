"""The same through a real server: uvicorn, one process for each subject, asked in turn.

Run: python bench/bench_http.py. Each request goes over a kept-alive loopback connection and is
timed alone, so that the figure is what one visitor waits.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench_request import HEADERS, Base, PassThrough, starlette, tracker
from side_by_side import Timing, say

from pixelpair.asgi import PixelPairMiddleware

ROUNDS, CALLS = 60, 50
AROUND = {
    "bare": lambda app: app,
    "pass-through": PassThrough,
    "base": Base,
    "pixelpair": lambda app: PixelPairMiddleware(
        app, tracker=tracker(os.environ["BENCH_FOLDER"], "served")
    ),
}


def __getattr__(name: str) -> Any:
    """The app that uvicorn asks this module for: `bench_http:pixelpair`."""
    around = AROUND.get(name.replace("_", "-"))
    if around is None:
        raise AttributeError(name)
    return starlette(around)


class Client:
    """One visitor on one connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> float:
        """Microseconds until the whole answer is here."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        request = f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode()
        start = time.perf_counter()
        self._socket.sendall(request)
        data = self._socket.recv(1 << 20)
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(1 << 20)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        missing = length - len(body)
        while missing > 0:
            missing -= len(self._socket.recv(1 << 20))
        return (time.perf_counter() - start) * 1e6


def serving(
    stack: ExitStack, name: str, folder: str, http: str = "auto", module: str = "bench_http"
) -> int:
    """The port of a uvicorn that serves a subject of this module, with the parser `http`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
    app = f"{module}:{name.replace('-', '_')}"
    process = subprocess.Popen(
        [*command, "--http", http, "--port", str(port), app],
        cwd=Path(__file__).parent,
        env=os.environ | {"BENCH_FOLDER": folder},
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    while True:
        try:
            Client(port)
            return port
        except ConnectionRefusedError:
            time.sleep(0.05)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder, ExitStack() as stack:
        clients = {name: Client(serving(stack, name, folder)) for name in AROUND}
        subjects = [(name, path) for path in ("/api/cart", "/") for name in AROUND]
        times: dict[tuple[str, str], list[float]] = {subject: [] for subject in subjects}
        for warm in (True, *[False] * ROUNDS):
            for name, path in subjects:
                taken = [clients[name].get(path) for _ in range(CALLS)]
                times[name, path] += [] if warm else [Timing(*quantiles(taken, n=4)).median]
    took = {subject: Timing(*quantiles(taken, n=4)) for subject, taken in times.items()}
    for (name, path), timing in took.items():
        print(f"{path:12}{name:32}{timing}")
    median = {subject: timing.median for subject, timing in took.items()}
    print()
    json = median["pixelpair", "/api/cart"] / median["pass-through", "/api/cart"]
    say("JSON through uvicorn: pixelpair / pass-through", json, 1.05)
    added = median["pixelpair", "/"] - median["bare", "/"]
    base = median["base", "/"] - median["bare", "/"]
    say("page through uvicorn: added / added by BaseHTTPMiddleware", added / base, 0.25)


if __name__ == "__main__":
    main()
