"""A process's part of the figures as OpenTelemetry reads it, by its API, which an extra installs.

Each process tells what it has counted itself, and the sender beside it how things stand on the
host: nothing is told twice.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Observation, get_meter

from pixelpair.delivery.numbers import BOUNDS, Numbers
from pixelpair.metrics.figures import COUNTERS, GAUGES, SPREADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Histogram, Meter

    from pixelpair.metrics.board import Board, Level
    from pixelpair.metrics.figures import Figure

    Told = Callable[[CallbackOptions], Iterable[Observation]]

MEANWHILE: Final = 1.0
_histograms: dict[str, Histogram] = {}
_levels: WeakKeyDictionary[Board, tuple[float, list[Level]]] = WeakKeyDictionary()


def name_of(figure: Figure) -> str:
    """The figure's name as OpenTelemetry writes names: its unit stands beside it."""
    units = {"s": "_seconds", "By": "_bytes"}
    end = "_events" if figure in SPREADS else ""
    name = figure.name.removesuffix(units.get(figure.unit, end))
    return "pixelpair." + name.removeprefix("pixelpair_")


def register(boards: Callable[[], Iterable[Board]]) -> None:
    """Tell what these boards' own processes count; once in the life of a process.

    The API takes instruments before its provider is set.
    """
    if _histograms:
        return
    meter = get_meter("pixelpair")
    for figure in SPREADS:
        _histograms[figure.key] = _histogram(meter, figure)
    for figure in COUNTERS:
        meter.create_observable_counter(
            name_of(figure), [_counted(figure, boards)], figure.unit, figure.help
        )
    for figure in GAUGES:
        meter.create_observable_gauge(
            name_of(figure), [_standing(figure, boards)], figure.unit, figure.help
        )


def record(key: str, value: float) -> None:
    """Measure something, as `Meters.observe` does."""
    histogram = _histograms.get(key)
    if histogram is not None:
        histogram.record(value)


def _histogram(meter: Meter, figure: Figure) -> Histogram:
    given: dict[str, Any] = {"unit": figure.unit, "description": figure.help}
    bounds = BOUNDS[figure.key]
    try:
        return meter.create_histogram(
            name_of(figure), explicit_bucket_boundaries_advisory=bounds, **given
        )
    except TypeError:  # an API older than 1.30 cannot be told
        return meter.create_histogram(name_of(figure), **given)


def _counted(figure: Figure, boards: Callable[[], Iterable[Board]]) -> Told:
    def told(_options: CallbackOptions) -> Iterable[Observation]:
        numbers = Numbers()
        for board in boards():
            numbers.merge(board.meters.own())
        return [
            Observation(number, {figure.label: label} if figure.label else {})
            for (key, label), number in numbers.counts.items()
            if key == figure.key
        ]

    return told


def _standing(figure: Figure, boards: Callable[[], Iterable[Board]]) -> Told:
    def told(_options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(value, {figure.label: label} if figure.label else {})
            for board in boards()
            if board.leads()
            for name, label, value in _lately(board)
            if name == figure.name
        ]

    return told


def _lately(board: Board) -> list[Level]:
    """How things stand: all gauges of one collection ask for it, one after the other."""
    until, levels = _levels.get(board, (0.0, []))
    if time.monotonic() >= until:
        levels = board.levels(board.meters.own())
        _levels[board] = time.monotonic() + MEANWHILE, levels
    return levels
