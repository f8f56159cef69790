"""What the drills that wait have come to; they began with the first drill of this run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .figures import record
from .waits import FAULTS, PATIENCE, WAITS

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .waits import Outcome

pytestmark = pytest.mark.drill

# A machine that is silent for two minutes is dead; another one looks as often as it claims.
REDELIVERED = 150.0


@pytest.mark.parametrize("kind", FAULTS)
def test_nothing_is_lost_while_graph_fails(kind: str, waiting: dict[str, Future[Outcome]]) -> None:
    outcome = waiting[f"graph-{kind}"].result()
    assert (outcome.missing, outcome.figures.lost) == ([], 0)
    assert outcome.figures.accepted > 100
    assert outcome.calls <= FAULTS[kind].calls
    assert outcome.figures.twice == 0 or kind in ("hung", "half")
    assert outcome.left == 0 or outcome.figures.delay > PATIENCE
    record(f"graph-{kind}", outcome.figures)


def test_a_batch_that_a_dead_machine_had_claimed_is_delivered_by_another(
    waiting: dict[str, Future[Outcome]],
) -> None:
    outcome = waiting["redis-claim"].result()
    assert (outcome.missing, outcome.figures.lost, outcome.figures.twice) == ([], 0, 0)
    assert outcome.figures.delay is not None
    assert outcome.figures.delay < REDELIVERED
    record("redis-claim", outcome.figures)


def test_every_drill_that_waits_has_a_test() -> None:
    assert set(WAITS) == {*(f"graph-{kind}" for kind in FAULTS), "redis-claim"}
