from __future__ import annotations

import pytest

from pixelpair.sandbox.faults import Fault
from pixelpair.sandbox.rehearsals import MAX_WAITING, Rehearsals


def left(rehearsals: Rehearsals, now: float) -> list[tuple]:
    return [(row["title"], row["left"], row["until"]) for row in rehearsals.rows(now)]


def test_a_count_runs_down():
    made = Rehearsals()
    made.order([Fault(status=503, count=2)], 0.0)
    assert [made.take(1.0), made.take(1.0), made.take(1.0)] == [
        Fault(status=503, count=2),
        Fault(status=503, count=1),
        None,
    ]


def test_seconds_run_from_the_order_and_take_any_number_of_calls():
    made = Rehearsals()
    made.order([Fault(status=503, count=None, seconds=10)], 100.0)
    assert left(made, 109.9) == [("HTTP 503", None, 110.0)]
    assert [made.take(109.0) is not None for _ in range(50)] == [True] * 50
    assert (made.take(110.0), made.rows(110.0)) == (None, [])


def test_the_second_one_runs_from_the_end_of_the_first():
    made = Rehearsals()
    timed = [Fault(status=status, count=None, seconds=10) for status in (500, 503)]
    made.order(timed, 100.0)
    assert left(made, 101.0) == [("HTTP 500", None, 110.0), ("HTTP 503", None, None)]
    assert left(made, 115.0) == [("HTTP 503", None, 120.0)]
    assert left(made, 120.0) == []


def test_behind_a_count_the_seconds_run_from_its_last_call():
    made = Rehearsals()
    made.order([Fault(status=500), Fault(status=503, count=None, seconds=10)], 100.0)
    made.take(150.0)
    assert left(made, 151.0) == [("HTTP 503", None, 160.0)]


def test_one_or_all_are_called_off():
    made = Rehearsals()
    made.order([Fault(status=500), Fault(status=501), Fault(status=502)], 0.0)
    second = made.rows(0.0)[1]["number"]
    assert (made.call_off(second), made.call_off(second)) == (True, False)
    assert [row["title"] for row in made.rows(0.0)] == ["HTTP 500", "HTTP 502"]
    assert (made.call_off(), made.rows(0.0)) == (True, [])


def test_nobody_orders_without_end():
    made = Rehearsals()
    made.order([Fault()] * MAX_WAITING, 0.0)
    with pytest.raises(ValueError, match="faults would wait"):
        made.order([Fault()], 0.0)


def test_each_edge_has_a_queue_of_its_own():
    made = Rehearsals()
    every, batch = Fault(status=500, edge="*"), Fault(status=503, edge="items_batch")
    made.order([Fault(status=502), every, batch], 0.0)
    assert [made.take(1.0, "items_batch") for _ in range(3)] == [batch, every, None]
    assert [row["title"] for row in made.rows(1.0)] == ["HTTP 502"]
    assert made.take(1.0) == Fault(status=502)
