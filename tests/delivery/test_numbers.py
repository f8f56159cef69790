"""Numbers that are added up, written down and read again are the same; nonsense is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.delivery.numbers import (
    BOUNDS,
    LONGEST_LABEL,
    MOST_LABELS,
    MOST_TOGETHER,
    OTHER,
    Numbers,
    Spread,
)

NAMES = st.sampled_from(["accepted", "delivered", "dead"])
LABELS = st.sampled_from(["", "Lead", "Purchase", "190", "ein Grund"])
COUNTED = st.lists(st.tuples(NAMES, LABELS, st.integers(0, 10**12)))
MEASURED = st.lists(st.tuples(st.sampled_from(sorted(BOUNDS)), st.floats(0, 1e7)))


def numbers_of(counted: list[tuple[str, str, int]], measured: list[tuple[str, float]]) -> Numbers:
    made = Numbers()
    for name, label, amount in counted:
        made.count(name, label, amount)
    for name, value in measured:
        made.measure(name, value)
    return made


@given(COUNTED, MEASURED)
def test_what_is_written_is_read(
    counted: list[tuple[str, str, int]], measured: list[tuple[str, float]]
) -> None:
    made = numbers_of(counted, measured)
    made.tell("clock_skew", -1.5, 7.0)
    read = Numbers.of(json.loads(json.dumps(made.document())))
    assert read.document() == made.document()


@given(COUNTED, MEASURED, st.integers(0, 20))
def test_parts_make_the_whole(
    counted: list[tuple[str, str, int]], measured: list[tuple[str, float]], cut: int
) -> None:
    whole = numbers_of(counted, measured)
    parts = numbers_of(counted[:cut], measured[:cut])
    parts.merge(numbers_of(counted[cut:], measured[cut:]))
    assert parts.counts == whole.counts
    assert {n: s.counts for n, s in parts.spreads.items()} == {
        n: s.counts for n, s in whole.spreads.items()
    }
    assert [s.sum for s in parts.spreads.values()] == pytest.approx(
        [whole.spreads[n].sum for n in parts.spreads]
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text("ab"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner),
)


@given(st.fixed_dictionaries({}, optional={"counts": JSON, "spreads": JSON, "levels": JSON}) | JSON)
def test_nonsense_is_left_out(document: Any) -> None:
    read = Numbers.of(document)
    assert all(amount >= 0 for amount in read.counts.values())
    assert Numbers.of(read.document()).document() == read.document()


def test_counts_with_three_cells_only() -> None:
    cells = [["a", "b", 3], ["a", "b"], ["a", 1, 2], ["a", "b", -1], ["a", "b", True], 7]
    assert Numbers.of({"counts": cells}).counts == {("a", "b"): 3}


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(0, 0), (1, 0), (1.5, 1), (2, 1), (1000, 9), (1001, 10), (float("inf"), 10)],
)
def test_value_falls_into_the_bucket_that_ends_with_it(value: float, bucket: int) -> None:
    spread = Spread(BOUNDS["batch_size"])
    spread.add(value)
    assert spread.counts == [int(place == bucket) for place in range(11)]


def test_buckets_of_another_release_go_into_the_next_larger_ones() -> None:
    spread = Spread((1.0, 10.0))
    spread.merge([0.5, 5.0, 50.0], [1, 2, 4, 8], 99.0)
    assert (spread.counts, spread.sum, spread.total) == ([1, 2, 12], 99.0, 15)


def test_labels_are_bounded() -> None:
    numbers = Numbers()
    for number in range(MOST_LABELS + 20):
        numbers.count("delivered", f"Event{number}", 1)
        numbers.count("dead", "always the same", 1)
    numbers.count("delivered", "Event3", 1)
    assert len(numbers.counts) == MOST_LABELS + 2
    assert numbers.counts["delivered", OTHER] == 20
    assert numbers.counts["delivered", "Event3"] == 2
    assert numbers.counts["dead", "always the same"] == MOST_LABELS + 20


def test_labels_of_many_processes_are_bounded_too() -> None:
    total = Numbers()
    for process in range(MOST_TOGETHER // MOST_LABELS + 1):
        one = Numbers()
        for number in range(MOST_LABELS):
            one.count("delivered", f"Event{process}-{number}", 1)
        total.merge(one)
    assert len(total.counts) == MOST_TOGETHER + 1
    assert total.counts["delivered", OTHER] == MOST_LABELS


def test_labels_are_short_and_can_be_printed() -> None:
    numbers = Numbers()
    numbers.count("dead", "a\nb\0" + "x" * 200, 1)
    ((_, label),) = numbers.counts
    assert label == "a?b?" + "x" * (LONGEST_LABEL - 4)


def test_the_later_word_on_a_level_holds() -> None:
    numbers = Numbers()
    numbers.tell("clock_skew", 1.0, 10.0)
    numbers.tell("clock_skew", 2.0, 9.0)
    other = Numbers()
    other.tell("clock_skew", 3.0, 11.0)
    assert numbers.levels == {"clock_skew": (1.0, 10.0)}
    numbers.merge(other)
    assert numbers.levels == {"clock_skew": (3.0, 11.0)}
