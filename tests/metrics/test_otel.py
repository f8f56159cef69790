"""What OpenTelemetry's own SDK collects is what this process counted, and of the host the sender's
view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.sdk.metrics")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pixelpair.metrics import otel
from pixelpair.metrics.figures import COUNTERS, GAUGES, SPREADS

from .conftest import PIXEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair.metrics.board import Board

    from .conftest import Make

    Collect = Callable[[], dict[str, dict[tuple[Any, ...], Any]]]


@pytest.fixture
def boards() -> list[Board]:
    return []


@pytest.fixture
def collect(boards: list[Board], monkeypatch: pytest.MonkeyPatch) -> Iterator[Collect]:
    """Each metric's points by their attributes, as a reader of the SDK sees them."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(otel, "get_meter", provider.get_meter)
    monkeypatch.setattr(otel, "_histograms", {})
    otel.register(lambda: boards)
    otel.register(lambda: boards)  # never twice

    def read() -> dict[str, dict[tuple[Any, ...], Any]]:
        data = reader.get_metrics_data()
        found = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                assert scope.scope.name == "pixelpair"
                for metric in scope.metrics:
                    points = metric.data.data_points
                    found[metric.name] = {tuple((p.attributes or {}).items()): p for p in points}
        return found

    yield read
    provider.shutdown()


def values(points: dict[tuple[Any, ...], Any]) -> dict[tuple[Any, ...], float]:
    return {attributes: point.value for attributes, point in points.items()}


def test_names_are_opentelemetrys() -> None:
    names = [otel.name_of(figure) for figure in (*COUNTERS, *SPREADS, *GAUGES)]
    assert len(set(names)) == len(names)
    assert {"pixelpair.events_delivered", "pixelpair.batch_size", "pixelpair.delivery_lag"} <= {
        *names
    }
    assert [n for n in names if n.endswith(("_seconds", "_bytes", "_total"))] == []


def test_what_this_process_counted_is_told(
    make: Make, boards: list[Board], collect: Collect
) -> None:
    one, other = make(), make()
    boards += [one, other]
    one.meters.add("delivered", 3, "Lead")
    other.meters.add("delivered", 4, "Lead")
    one.meters.save()
    found = collect()
    assert values(found["pixelpair.events_delivered"]) == {(("event", "Lead"),): 7}
    one.meters.add("delivered", 1, "Lead")
    assert values(collect()["pixelpair.events_delivered"]) == {(("event", "Lead"),): 8}


def test_how_things_stand_is_told_by_the_sender_alone(
    make: Make, boards: list[Board], collect: Collect
) -> None:
    boards.append(make())
    assert "pixelpair.breaker_open" not in collect()
    boards.append(make(leads=True))
    found = collect()
    assert values(found["pixelpair.breaker_open"]) == {(("pixel", PIXEL),): 0.0}
    assert values(found["pixelpair.events_queued"]) == {(): 0.0}


def test_what_is_measured_is_recorded(make: Make, boards: list[Board], collect: Collect) -> None:
    board = make()
    board.meters.recorders.append(otel.record)
    boards.append(board)
    for seconds in (0.1, 40.0):
        board.meters.observe("graph_seconds", seconds)
    board.meters.observe("something else", 1.0)
    (point,) = collect()["pixelpair.graph_request_duration"].values()
    assert (point.count, point.sum) == (2, pytest.approx(40.1))
    assert point.explicit_bounds[:3] == (0.05, 0.1, 0.2)


def test_an_api_that_takes_no_bounds_is_served_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []

    class Old:
        def create_histogram(self, name: str, unit: str = "", description: str = "") -> object:
            made.append({"name": name, "unit": unit})
            return object()

    otel._histogram(Old(), SPREADS[1])  # type: ignore[arg-type]
    assert made == [{"name": "pixelpair.graph_request_duration", "unit": "s"}]
