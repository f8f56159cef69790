"""What importing costs: CPU time and memory of a fresh interpreter, beside Meta's own SDK.

Run: python bench/bench_import.py

Each statement runs in a process of its own, by turns; what the server or the framework has loaded
by then is loaded before the clock starts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

from side_by_side import say

ROUNDS = 15
BAR = 0.35


class Subject(NamedTuple):
    statement: str
    given: str = "pass"


_APP = "\nPixelPairMiddleware(lambda *request: None)"
_WSGI = "from pixelpair.wsgi import PixelPairMiddleware"
_ASGI = "from pixelpair.asgi import PixelPairMiddleware"
_FLASK = "from pixelpair.flask import PixelPair"
_NEW_APP = "import flask; app = flask.Flask('shop')"
SUBJECTS = {
    "import pixelpair": Subject("import pixelpair"),
    "the WSGI door": Subject(_WSGI),
    "the Flask door, flask loaded": Subject(_FLASK, _NEW_APP),
    "the ASGI door": Subject(_ASGI),
    "the ASGI door, asyncio loaded": Subject(_ASGI, "import asyncio"),
    "a WSGI door that is made": Subject(_WSGI + _APP),
    "a Flask door that is made, flask loaded": Subject(f"{_FLASK}\nPixelPair(app)", _NEW_APP),
    "an ASGI door that is made, Starlette loaded": Subject(
        _ASGI + _APP, "import starlette.applications"
    ),
}
SDK = "facebook_business: EventRequest"
ALL = SUBJECTS | {
    SDK: Subject("from facebook_business.adobjects.serverside.event_request import EventRequest")
}
# Not ru_maxrss: that begins with what the starting process had.
_MEASURED = """
import resource
def used():
    seen = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/status") as status:
        (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return seen.ru_utime + seen.ru_stime, int(peak)
{given}
before = used()
{statement}
after = used()
print(*(a - b for a, b in zip(after, before)))
"""


class Cost(NamedTuple):
    milliseconds: float
    megabytes: float


def _once(subject: Subject, spool: str) -> Cost:
    live = {"PIXEL_ID": "1234567890", "ACCESS_TOKEN": "none", "SECRET": "bench", "SPOOL": spool}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED.format(**subject._asdict())],
        env={f"PIXELPAIR_{name}": value for name, value in live.items()},
        capture_output=True,
        text=True,
        check=True,
    )
    took, memory = done.stdout.split()
    return Cost(float(took) * 1000, float(memory) / 1024)


def main() -> None:
    taken: dict[str, list[Cost]] = {name: [] for name in ALL}
    with tempfile.TemporaryDirectory() as spool:
        for number in range(ROUNDS + 1):
            for name, subject in ALL.items():
                found = _once(subject, spool)
                if number:  # the first writes the bytecode
                    taken[name].append(found)
    medians = {}
    for name, costs in taken.items():
        low, middle, high = statistics.quantiles([cost.milliseconds for cost in costs], n=4)
        memory = statistics.median(cost.megabytes for cost in costs)
        medians[name] = Cost(middle, memory)
        print(f"{name:44}{middle:7.0f} ms ({low:.0f} … {high:.0f}){memory:8.1f} MB")
    for name in SUBJECTS:
        for kind, ours, theirs in zip(("time", "memory"), medians[name], medians[SDK], strict=True):
            say(f"{name} / the SDK: {kind}", ours / theirs, BAR)


if __name__ == "__main__":
    main()
