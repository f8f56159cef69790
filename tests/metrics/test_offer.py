"""A shop that has a registry shows our figures in it, whenever it imports the library."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pixelpair import Settings, Tracker
from pixelpair.metrics import offer

if TYPE_CHECKING:
    from pathlib import Path

SHOP = """
import json, sys, threading
from pathlib import Path
{before}
from pixelpair import Settings, Tracker

folder = Path(sys.argv[1])
def tracker(number):
    spool = folder / str(number)
    return Tracker(Settings(pixel_id="1", access_token="t", spool=spool, sender="none"))
trackers = [tracker(0), tracker(1), tracker(0)]
for each in trackers:
    each.spool.mkdir(exist_ok=True)
libraries = [n for n in ("prometheus_client", "opentelemetry.metrics") if n in sys.modules]
{after}
for each in trackers:
    each.meters.add("delivered", 1, "Lead")
    each.meters.tick()
lines = []
if "prometheus_client" in sys.modules:
    from prometheus_client import REGISTRY, generate_latest
    text = generate_latest(REGISTRY).decode()
    lines = [line for line in text.splitlines() if line.startswith("pixelpair_events_delivered")]
trackers.pop().close()
print(json.dumps([libraries, lines, threading.active_count()]))
"""


def run(folder: Path, before: str = "", after: str = "") -> list[object]:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHOP.format(before=before, after=after), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


LINES = ['pixelpair_events_delivered_total{event="Lead"} 3.0']


def test_a_shop_without_such_libraries_imports_none(tmp_path: Path) -> None:
    assert run(tmp_path / "a") == [[], [], 1]


def test_a_shop_that_has_imported_one_shows_our_figures_once(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    found = run(tmp_path / "a", before="import prometheus_client")
    assert found == [["prometheus_client"], LINES, 1]


def test_a_shop_that_imports_one_later_shows_them_too(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    assert run(tmp_path / "a", after="import prometheus_client") == [[], LINES, 1]


OTEL = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
"""
READ = """
import atexit
def tell():
    data = reader.get_metrics_data().resource_metrics[0].scope_metrics[0]
    (found,) = [m for m in data.metrics if m.name == "pixelpair.events_delivered"]
    assert [p.value for p in found.data.data_points] == [3], found
for each in trackers:
    each.meters.tick()
for each in trackers:
    each.meters.add("delivered", 1, "Lead")
tell()
for each in trackers:
    each.meters._numbers.counts.clear()
"""


@pytest.mark.parametrize("early", [True, False])
def test_a_shop_with_opentelemetry_tells_ours_beside_its_own(tmp_path: Path, early: bool) -> None:
    """Whether its provider is set before or after our first look."""
    pytest.importorskip("opentelemetry.sdk.metrics")
    imported = "import opentelemetry.metrics"
    before, after = (OTEL, READ) if early else (imported, OTEL + READ)
    assert run(tmp_path / "a", before=before, after=after) == [["opentelemetry.metrics"], [], 1]


def test_a_library_that_refuses_costs_a_warning_and_no_tracker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", object())  # type: ignore[arg-type]
    monkeypatch.setattr(offer, "_refused", set())
    monkeypatch.setattr(offer, "_in_prometheus", lambda: 1 / 0)
    settings = Settings(pixel_id="1", access_token="t", spool=tmp_path, sender="none")
    for _ in range(2):
        Tracker(settings).close()
    told = [r.getMessage() for r in caplog.records if "figures" in r.getMessage()]
    assert told == ["prometheus_client takes no figures of deliveries"]


def test_closed_trackers_are_no_longer_shown(tmp_path: Path) -> None:
    before = len(offer.boards())
    settings = Settings(pixel_id="1", access_token="t", spool=tmp_path, sender="none")
    one, other = Tracker(settings), Tracker(settings)
    assert (len(offer.boards()) - before, len(offer.spools()) - len(set(offer.spools()))) == (2, 0)
    assert [board.meters.spool for board in offer.spools()].count(tmp_path) == 1
    one.close()
    other.close()
    assert len(offer.boards()) == before
