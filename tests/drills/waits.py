"""Drills that mostly wait, run beside the others: a Graph that fails for a minute in each of many
ways, and a claim that outlives its machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.conftest import until
from tests.delivery.redis_server import DURABLE, RedisServer
from tests.delivery.sink import Answer, accepted, refused

from . import parts
from .parts import Pace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.sink import Events

    from .figures import Figures

# So long Graph fails. The figures of the docs are those of a minute.
OUTAGE = float(os.environ.get("DRILL_OUTAGE", "60"))
# After it a try may wait for as long again and more; what has not left by then is drained.
PATIENCE = OUTAGE + 90.0
PACE = Pace(customers=1, events=5, every=0.5)
COMMAND = [*parts.GUNICORN, "--workers", "1", parts.WSGI]
HTML = Answer(200, b"<!doctype html><title>Sign in to the network</title>", {})


def slow(events: Events) -> tuple[Answer, bool]:
    time.sleep(3)
    return accepted(events), True


def hung(events: Events) -> tuple[Answer, bool]:
    time.sleep(12)
    return accepted(events), True


def half(events: Events) -> tuple[Answer, bool]:
    whole = accepted(events)
    return Answer(200, whole.body, cut=len(whole.body) // 2), True


def fewer(events: Events) -> tuple[Answer, bool]:
    body = {"events_received": max(1, len(events) - 1), "messages": ["one was odd"]}
    return Answer(200, json.dumps(body).encode()), True


def always(answer: Answer) -> parts.Misbehave:
    return lambda _events: (answer, False)


@dataclass(frozen=True, slots=True)
class Fault:
    """How Graph misbehaves, and how often it may be asked in a minute of that."""

    misbehave: parts.Misbehave | None
    calls: int


FAULTS = {
    "down": Fault(None, 0),
    "slow": Fault(slow, 45),
    "hung": Fault(hung, 10),
    "resets": Fault(always(Answer(reset=True)), 25),
    # What is cut was taken all the same: each of these calls is one batch twice.
    "half": Fault(half, 25),
    "429": Fault(always(Answer(429, b"{}", {"Retry-After": "5"})), 14),
    "html": Fault(always(HTML), 25),
    "190": Fault(always(refused(190, status=401)), 3),
    "100-33": Fault(always(refused(100, 33)), 3),
    "fewer": Fault(fewer, 200),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault came to: `left` before anything was drained by hand."""

    figures: Figures
    missing: list[str]
    calls: int
    left: int


def outage(kind: str, folder: Path) -> Outcome:
    """A shop, and a Graph that fails for a while."""
    fault, meta, ledger = FAULTS[kind], parts.Meta(), parts.Ledger()
    settings = parts.environ(meta, folder / "spool")
    try:
        with (
            (folder / "log").open("wb") as log,
            parts.shop(COMMAND, settings, stderr=log) as (port, _),
        ):
            begin = time.monotonic()
            _fail(meta, fault)
            with parts.customers(ledger, port, PACE):
                time.sleep(OUTAGE)
            end = time.monotonic()
            _heal(meta, fault)
            parts.all_arrived(ledger, meta, PATIENCE)
            left = len(ledger.missing(meta))
        parts.drain(settings)
        return _outcome(ledger, meta, meta.asked(begin, end), left, fault, end)
    finally:
        meta.close()


def _fail(meta: parts.Meta, fault: Fault) -> None:
    if fault.misbehave is None:
        meta.stop()
    else:
        meta.misbehave = fault.misbehave


def _heal(meta: parts.Meta, fault: Fault) -> None:
    if fault.misbehave is None:
        meta.start()
    meta.misbehave = parts.well


def _outcome(
    ledger: parts.Ledger, meta: parts.Meta, calls: int, left: int, fault: Fault, end: float
) -> Outcome:
    asked = f"{calls} calls in {OUTAGE:.0f} s" if fault.misbehave else f"down for {OUTAGE:.0f} s"
    last = max((meta.first[i] for i in ledger.accepted if i in meta.first), default=end)
    late = f"all with Meta {max(0.0, last - end):.0f} s after Graph was well"
    more = f"{asked}; {late}" if not left else f"{asked}; {left} went with `drain`"
    return Outcome(parts.reckon(ledger, meta, more), sorted(ledger.missing(meta))[:5], calls, left)


def claim(_kind: str, folder: Path) -> Outcome:
    """Two machines on one Redis: the one that has claimed a batch dies while Graph holds its call,
    the other one gets it later."""
    meta, ledger = parts.Meta(), parts.Ledger()
    (folder / "redis").mkdir()
    redis = RedisServer(folder / "redis", *DURABLE)
    one, two = (
        parts.environ(meta, folder / name, PIXELPAIR_OUTBOX=redis.url) for name in ("one", "two")
    )
    meta.misbehave = _never
    try:
        with parts.shop(COMMAND, one | {"PIXELPAIR_SENDER": "none"}) as (port, _):
            parts.visit(ledger, port, "claimed", 0, 300)
        with parts.ended(_worker(one)) as first:
            assert until(lambda: meta.calls)
            first.kill()
            killed = time.monotonic()
        meta.misbehave = parts.well
        with parts.ended(_worker(two)) as second:
            parts.all_arrived(ledger, meta, 200)
            second.terminate()
            second.wait(60)
        late = max(meta.first.values(), default=killed) - killed
        figures = parts.reckon(ledger, meta, f"redelivered {late:.0f} s after the kill")
        missing = sorted(ledger.missing(meta))
        return Outcome(figures, missing[:5], len(meta.calls), len(missing))
    finally:
        meta.close()
        redis.close()


def _never(_events: Events) -> tuple[Answer, bool]:
    time.sleep(5)
    return Answer(reset=True), False


def _worker(settings: dict[str, str]) -> subprocess.Popen[bytes]:
    return parts.start([*parts.PIXELPAIR, "worker"], settings, stderr=subprocess.DEVNULL)


Run = Callable[[str, "Path"], Outcome]
WAITS: dict[str, Run] = {f"graph-{kind}": outage for kind in FAULTS} | {"redis-claim": claim}
