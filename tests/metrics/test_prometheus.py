"""What Prometheus' own parser reads is what was counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("prometheus_client")

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed

from pixelpair.delivery.meters import Meters
from pixelpair.metrics import prometheus
from pixelpair.metrics.board import Board
from pixelpair.metrics.figures import COUNTERS, GAUGES, INFO, SPREADS

from .conftest import PIXEL

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Make

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: bytes) -> Samples:
    families = parsed(text.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"pixelpair_{name}", tuple(sorted(labels.items()))))


def test_what_was_counted_is_read(make: Make) -> None:
    board = make()
    board.meters.add("accepted", 7)
    board.meters.add("delivered", 4, "Lead")
    board.meters.add("delivered", 2, 'odd "name"\\')
    for seconds in (0.1, 0.15, 40):
        board.meters.observe("graph_seconds", seconds)
    reading = prometheus.text(board)
    assert reading.content_type.startswith(b"text/plain; version=")
    found = samples(reading.body)
    assert value(found, "events_accepted_total") == 7
    assert value(found, "events_delivered_total", event="Lead") == 4
    assert value(found, "events_delivered_total", event='odd "name"\\') == 2
    assert value(found, "events_dropped_total", reason="spool_full") == 0
    assert value(found, "breaker_open", pixel=PIXEL) == 0
    graph = "graph_request_duration_seconds"
    buckets = [value(found, f"{graph}_bucket", le=le) for le in ("0.05", "0.1", "0.2", "+Inf")]
    assert buckets == [0, 1, 2, 3]
    assert value(found, f"{graph}_count") == 3
    assert value(found, f"{graph}_sum") == pytest.approx(40.25)
    assert value(found, "build_info", graph_version="v26.0", version=prometheus._version()) == 1


def test_every_figure_is_told_of_and_has_its_type(make: Make) -> None:
    text = prometheus.text(make()).body.decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert {f"{figure.name}_total" for figure in COUNTERS} <= types.keys()
    assert {types[figure.name] for figure in SPREADS} == {"histogram"}
    missing = {figure.name for figure in (*GAUGES, INFO)} - types.keys()
    of_an_outbox = {"pixelpair_events_in_flight", "pixelpair_clock_skew_seconds"}
    by_pixel = {"pixelpair_pixel_events_queued", "pixelpair_pixel_dead_letters"}
    assert missing == of_an_outbox | by_pixel


def test_no_visitor_is_in_it(make: Make) -> None:
    board = make()
    board.meters.add("delivered", 1, "Lead")
    text = prometheus.text(board).body
    labels = set(re.findall(rb'(\w+)="', text))
    assert labels <= {b"event", b"kind", b"reason", b"pixel", b"le", b"version", b"graph_version"}


def test_several_spools_are_one_in_the_shops_own_registry(tmp_path: Path) -> None:
    boards = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        meters = Meters(folder)
        meters.add("accepted", number)
        board = Board(meters, lambda: None, lambda: False, pixels=(PIXEL,))
        boards.append(board)
    registry = CollectorRegistry()
    registry.register(prometheus.Guarded(lambda: boards))
    shops = Counter("shop_orders", "Orders.", registry=registry)
    shops.inc()
    text = generate_latest(registry)
    found = samples(text)
    assert value(found, "events_accepted_total") == 3
    assert value(found, "sender_running") == 0
    assert found["shop_orders_total", ()] == 1
    lines = [line.rpartition(b" ")[0] for line in text.splitlines() if line[:1] != b"#"]
    assert len(lines) == len(set(lines))  # Prometheus refuses a scrape with a sample twice


def test_a_failure_of_ours_leaves_the_shops_figures_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    registry.register(prometheus.Guarded(lambda: 1 / 0))  # type: ignore[arg-type,return-value]
    Counter("shop_orders", "Orders.", registry=registry).inc()
    assert samples(generate_latest(registry))["shop_orders_total", ()] == 1
    assert [r.getMessage() for r in caplog.records] == ["the figures of deliveries cannot be read"]


def test_without_a_board_nothing_is_shown() -> None:
    registry = CollectorRegistry()
    registry.register(prometheus.Guarded(list))
    assert generate_latest(registry) == b""
