"""A board as Prometheus reads it, by its client library, which an extra installs."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from pixelpair.core.readings import Reading
from pixelpair.delivery.numbers import BOUNDS, Numbers, Spread
from pixelpair.metrics.figures import COUNTERS, GAUGES, INFO, SPREADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pixelpair.metrics.board import Board, Level
    from pixelpair.metrics.figures import Figure

log = logging.getLogger("pixelpair")

_registered = False


class Boards(Collector):
    """The figures of some boards, as one: two trackers of a process may have two spools."""

    def __init__(self, boards: Callable[[], Iterable[Board]]) -> None:
        self._boards = boards

    def describe(self) -> list[Metric]:
        """Nothing: to be registered reads no outbox."""
        return []

    def collect(self) -> Iterator[Metric]:
        boards = list(self._boards())
        if not boards:
            return
        numbers, levels = Numbers(), dict[tuple[str, str], float]()
        for board in boards:
            own = board.host()
            _put(levels, board.levels(own))
            numbers.merge(own)
        yield from map(_counter, COUNTERS, [numbers] * len(COUNTERS))
        yield from map(_histogram, SPREADS, [numbers] * len(SPREADS))
        yield from filter(None, (_gauge(figure, levels) for figure in GAUGES))
        yield _info(boards)


class Guarded(Boards):
    """Beside a shop's own figures: a failure of ours leaves those alone."""

    def collect(self) -> Iterator[Metric]:
        try:
            found = list(super().collect())
        except Exception:
            log.exception("the figures of deliveries cannot be read")
            return
        yield from found


def text(board: Board) -> Reading:
    """All figures of a board in Prometheus' text format. May block, and may raise."""
    return Reading(CONTENT_TYPE_LATEST.encode(), generate_latest(Boards(lambda: [board])))


def register(boards: Callable[[], Iterable[Board]]) -> None:
    """Show these boards among the process's own figures; once in its life."""
    global _registered
    if not _registered:
        _registered = True
        REGISTRY.register(Guarded(boards))


# With several spools the worst of them is shown: the oldest event, the one that cannot be read.
_WORST: dict[str, Any] = {
    "pixelpair_oldest_event_age_seconds": max,
    "pixelpair_clock_skew_seconds": lambda a, b: max(a, b, key=abs),
    "pixelpair_breaker_open": max,
    "pixelpair_breaker_held": max,
    "pixelpair_sender_running": min,
    "pixelpair_outbox_readable": min,
}


def _put(levels: dict[tuple[str, str], float], found: Iterable[Level]) -> None:
    for name, label, value in found:
        before = levels.get((name, label))
        choose = _WORST.get(name, lambda a, b: a + b)
        levels[name, label] = value if before is None else choose(before, value)


def _counter(figure: Figure, numbers: Numbers) -> Metric:
    if not figure.label:
        return CounterMetricFamily(
            figure.name, figure.help, value=numbers.counts.get((figure.key, ""), 0)
        )
    family = CounterMetricFamily(figure.name, figure.help, labels=[figure.label])
    kinds = dict.fromkeys(figure.known, 0)
    kinds |= {kind: n for (key, kind), n in numbers.counts.items() if key == figure.key}
    for kind, number in sorted(kinds.items()):
        family.add_metric([kind], number)
    return family


def _histogram(figure: Figure, numbers: Numbers) -> Metric:
    spread = numbers.spreads.get(figure.key) or Spread(BOUNDS[figure.key])
    buckets, total = [], 0
    for bound, count in zip([*map(_le, spread.bounds), "+Inf"], spread.counts, strict=True):
        total += count
        buckets.append((bound, total))
    return HistogramMetricFamily(figure.name, figure.help, buckets=buckets, sum_value=spread.sum)


def _le(bound: float) -> str:
    """As the client library writes its own bounds."""
    return str(float(bound))


def _gauge(figure: Figure, levels: dict[tuple[str, str], float]) -> Metric | None:
    found = [(label, value) for (name, label), value in levels.items() if name == figure.name]
    if not found:
        return None
    family = GaugeMetricFamily(
        figure.name, figure.help, labels=[figure.label] if figure.label else []
    )
    for label, value in found:
        family.add_metric([label] if figure.label else [], value)
    return family


def _info(boards: list[Board]) -> Metric:
    family = GaugeMetricFamily(INFO.name, INFO.help, labels=["version", "graph_version"])
    for graph_version in dict.fromkeys(board.graph_version for board in boards):
        family.add_metric([_version(), graph_version], 1)
    return family


def _version() -> str:
    try:
        return version("pixelpair")
    except PackageNotFoundError:  # run from its sources
        return "unknown"
