"""How many pages a second one uvicorn process serves, with pixelpair and without, under wrk.

Run: python bench/bench_wrk.py. Needs wrk (Debian: apt install wrk). A 50 KB page with its PageView.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack

from bench_http import AROUND, serving
from bench_request import HEADERS
from side_by_side import say_least

ROUNDS, SECONDS, CONNECTIONS = 7, 2, 8
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")


def rate(port: int, path: str, seconds: int = SECONDS) -> float:
    """Requests a second that wrk got answered."""
    headers = [word for name, value in HEADERS.items() for word in ("-H", f"{name}: {value}")]
    load = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command = ["wrk", *load, *headers, f"http://127.0.0.1:{port}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(said)
    found = _RATE.search(said)
    assert found is not None
    return float(found[1])


def main() -> None:
    if shutil.which("wrk") is None:
        print("wrk is missing: this bench is left out (apt install wrk)")
        return
    for http in ("httptools", "h11"):
        with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder, ExitStack() as stack:
            ports = {name: serving(stack, name, folder, http) for name in AROUND}
            rates: dict[str, list[float]] = {name: [] for name in ports}
            for port in ports.values():
                rate(port, "/", 1)
            for _ in range(ROUNDS):
                for name, port in ports.items():
                    rates[name].append(rate(port, "/"))
        print(f"uvicorn with {http}")
        for name, taken in rates.items():
            low, median, high = statistics.quantiles(taken, n=4)
            print(f"{name:32}{median:9.0f} pages/s   (quartiles {low:.0f} … {high:.0f})")
        bare = statistics.median(rates["bare"])
        say_least("pixelpair / bare", statistics.median(rates["pixelpair"]) / bare, 0.85)
        print(f"  BaseHTTPMiddleware / bare {statistics.median(rates['base']) / bare:40.3f}\n")


if __name__ == "__main__":
    main()
