"""A Graph that misbehaves by its plan, as a process of its own: `python -m tests.soak.graph SEED
SECONDS`. It says its address; then it answers each word on its standard input by a line: "go"
begins the plan, "well" ends it, "counts" and "ledger" tell what was taken.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.conftest import free_port
from tests.delivery.sink import Answer, Sink, accepted
from tests.drills.parts import start

from .plan import QUIET, WAYS, Phase, at, plan

if TYPE_CHECKING:
    from tests.delivery.sink import Events

_LABEL = re.compile(r"[?&]v=([a-z0-9-]+)")
_RESET = Answer(reset=True)


def name_of(event: dict[str, Any]) -> str:
    """What happened, whatever its id: the order's number, or the label in the address."""
    name = event["event_name"]
    if name == "Purchase":
        return f"{name} {event['custom_data']['order_id']}"
    found = _LABEL.search(event["event_source_url"])
    return f"{name} {found[1] if found else event['event_source_url']}"


class Book:
    """What was taken: how often each id of each event, and which ids no answer confirmed."""

    def __init__(self) -> None:
        self.times: dict[str, Counter[str]] = defaultdict(Counter)
        self.unanswered: set[str] = set()
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, events: Events, *, answered: bool) -> None:
        with self._lock:
            for event in events:
                self.times[name_of(event)][event["event_id"]] += 1
                if not answered:
                    self.unanswered.add(event["event_id"])

    def called(self, kind: str) -> None:
        with self._lock:
            self.calls[kind] += 1

    def counts(self) -> dict[str, int]:
        with self._lock:
            return {"events": len(self.times), "calls": self.calls.total()}

    def ledger(self) -> dict[str, Any]:
        with self._lock:
            return {
                "times": self.times,
                "unanswered": sorted(self.unanswered),
                "calls": self.calls,
            }


class Moody:
    """The server: a thread follows the plan, and closes and opens the listener with it."""

    def __init__(self, phases: list[Phase]) -> None:
        self.book = Book()
        self._phases = phases
        self._begun: float | None = None
        self._ended = threading.Event()
        # Nobody may take its port while it is down.
        self._sink = Sink(self._answer, keeps=False, port=free_port())
        self.url = self._sink.url
        self._mood = threading.Thread(target=self._follow)

    def go(self) -> None:
        self._begun = time.monotonic()
        self._mood.start()

    def well(self) -> None:
        """The plan is over: somebody listens, and answers as they should."""
        self._ended.set()
        if self._begun is not None:
            self._mood.join()

    def close(self) -> None:
        self.well()
        self._sink.close()

    @property
    def kind(self) -> str:
        if self._begun is None or self._ended.is_set():
            return QUIET
        return at(self._phases, time.monotonic() - self._begun)

    def _answer(self, events: Events) -> Answer:
        kind = self.kind
        self.book.called(kind)
        misbehave = WAYS[kind]
        if misbehave is None:  # connections that were kept alive outlive the listener
            return _RESET
        answer, taken = misbehave(events) or (accepted(events), True)
        if taken:
            self.book.take(events, answered=kind in (QUIET, "slow"))
        return answer

    def _follow(self) -> None:
        open_ = True
        while not self._ended.wait(0.05):
            listens = WAYS[self.kind] is not None
            if open_ and not listens:
                self._sink.close()
            elif listens and not open_:
                self._listen()
            open_ = listens
        if not open_:
            self._listen()

    def _listen(self) -> None:
        self._sink = Sink(self._answer, keeps=False, port=int(self.url.rpartition(":")[2]))


class Graph:
    """That process, seen from here."""

    def __init__(self, seed: int, seconds: float) -> None:
        command = [sys.executable, "-m", "tests.soak.graph", str(seed), str(seconds)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        # A Ctrl-C is for whoever runs the soak: that one asks for the ledger then.
        self._process = start(command, {}, text=True, start_new_session=True, **pipes)
        self.url = self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, word: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        with suppress(OSError):
            self._process.communicate(timeout=20)


def main(seed: str, seconds: str) -> None:
    moody = Moody(plan(int(seed), float(seconds)))
    book = moody.book
    answers = {"go": moody.go, "well": moody.well, "counts": book.counts, "ledger": book.ledger}
    print(moody.url, flush=True)
    for line in sys.stdin:
        print(json.dumps(answers[line.strip()]()), flush=True)
    moody.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
