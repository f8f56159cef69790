from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .plan import FAULTS, LONGEST, MINUTES, QUIET, TOKEN, Phase, at, plan

HALF_AN_HOUR = 1800.0


@given(st.integers(), st.floats(20.0, 20_000.0))
def test_every_plan_fills_its_time_with_quiet_between_the_faults(seed: int, seconds: float) -> None:
    phases = plan(seed, seconds)
    assert [p.kind == QUIET for p in phases[:2]] == [True, False]
    assert (phases[0].start, phases[-1].kind) == (0.0, QUIET)
    assert phases[-1].end == pytest.approx(seconds)
    assert [b.start for _, b in pairwise(phases)] == [a.end for a, _ in pairwise(phases)]
    loud = [p.kind != QUIET for p in phases]
    assert not any(a and b for a, b in pairwise(loud))


@pytest.mark.parametrize("seed", range(20))
def test_half_an_hour_has_every_fault(seed: int) -> None:
    phases = plan(seed, HALF_AN_HOUR)
    assert {p.kind for p in phases} == {QUIET, *FAULTS}
    tokens = [p.seconds for p in phases if p.kind == "190"]
    assert tokens == [TOKEN] * len(tokens)
    assert max(p.seconds for p in phases if p.kind not in ("190", QUIET)) <= LONGEST * 1.3


def test_same_seed_is_the_same_plan() -> None:
    assert plan(3, HALF_AN_HOUR) == plan(3, HALF_AN_HOUR) != plan(4, HALF_AN_HOUR)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_held_for_a_minute_comes_last_in_a_short_run(seed: int) -> None:
    kinds = [p.kind for p in plan(seed, 40.0) if p.kind != QUIET]
    held = [kind in MINUTES for kind in kinds[: len(FAULTS)]]
    assert held == sorted(held)


def test_graph_is_well_before_and_after_its_plan() -> None:
    phases = [Phase(QUIET, 0, 2), Phase("500", 2, 3), Phase(QUIET, 5, 1)]
    moments = (-1, 0, 2, 4.9, 5, 6, 9)
    assert [at(phases, moment) for moment in moments] == [
        QUIET, QUIET, "500", "500", QUIET, QUIET, QUIET,
    ]  # fmt: skip
