"""When Graph misbehaves, and how: a plan made of a seed, known to the Graph and to the report."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from tests.delivery.sink import Answer, refused
from tests.drills.parts import well
from tests.drills.waits import always, half, hung, slow

if TYPE_CHECKING:
    from tests.delivery.sink import Events
    from tests.drills.parts import Misbehave

QUIET = "quiet"
# So much of the time is quiet at the beginning and at the end.
EDGE = 0.1
LONGEST = 45.0
# "A token that is refused is tried again once a minute": so long, if there is the time for it.
TOKEN = 60.0
_REGAIN = '{"1234567890":[{"type":"ads_management","estimated_time_to_regain_access":1}]}'
_LIMITED = Answer(400, refused(80004).body, {"X-Business-Use-Case-Usage": _REGAIN})


def swallowed(_events: Events) -> tuple[Answer, bool]:
    """Taken by the connection, and by nobody behind it."""
    hung([])
    return Answer(reset=True), False


def torn(events: Events) -> tuple[Answer, bool]:
    """Taken, and the connection reset in the middle of the answer."""
    return Answer(200, b'{"events_received":%d' % len(events), cut=12, reset=True), True


# None: nobody listens.
FAULTS: dict[str, Misbehave | None] = {
    "500": always(Answer(500, b"<h1>Internal Server Error</h1>")),
    "limit": always(_LIMITED),
    "429": always(Answer(429, b"{}", {"Retry-After": "5"})),
    "down": None,
    "hung": hung,
    "swallowed": swallowed,
    "slow": slow,
    "reset": always(Answer(reset=True)),
    "torn": torn,
    "half": half,
    "190": always(refused(190, status=401)),
}
# What was refused so waits for a minute: in a short run they come last, or all would wait.
MINUTES = ("limit", "190")
WAYS: dict[str, Misbehave | None] = {QUIET: well, **FAULTS}


@dataclass(frozen=True, slots=True)
class Phase:
    """From `start` for `seconds`, counted from the plan's beginning, Graph is like this."""

    kind: str
    start: float
    seconds: float

    @property
    def end(self) -> float:
        return self.start + self.seconds


def plan(seed: int, seconds: float) -> list[Phase]:
    """Quiet, then faults with quiet between them, each kind as often as the others, then quiet."""
    dice = random.Random(seed)
    last = seconds * (1 - EDGE)
    unit = min(LONGEST, seconds * (1 - 2 * EDGE) / (2 * len(FAULTS)))
    phases = [Phase(QUIET, 0.0, seconds * EDGE)]
    kinds = list(FAULTS)
    dice.shuffle(kinds)
    if unit < LONGEST:
        kinds.sort(key=MINUTES.__contains__)
    for kind in cycle(kinds):
        length = dice.uniform(0.7, 1.3) * unit
        if kind == "190" and unit == LONGEST:
            length = TOKEN
        if phases[-1].end + length >= last:
            break
        phases.append(Phase(kind, phases[-1].end, length))
        rest = min(dice.uniform(0.7, 1.3) * unit, last - phases[-1].end)
        phases.append(Phase(QUIET, phases[-1].end, rest))
    end = phases[-1].end
    return [*phases, Phase(QUIET, end, seconds - end)]


def at(phases: list[Phase], moment: float) -> str:
    """How Graph is at a moment; before and after the plan it is well."""
    return next((p.kind for p in phases if p.start <= moment < p.end), QUIET)
