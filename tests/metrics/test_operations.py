"""The alert rules and the dashboard of docs/operations ask for figures that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pixelpair.metrics.figures import COUNTERS, GAUGES, INFO, SPREADS
from tests.conftest import ROOT, missing_tool

FOLDER = ROOT / "docs" / "operations"
RULES = (FOLDER / "alerts.yml").read_text()
BOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
ASKED = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
NAME = re.compile(r"\bpixelpair_\w+")
LABELS = {f.name + "_total": f.label for f in COUNTERS} | {f.name: f.label for f in GAUGES}
# Grafana's own words, as it would fill them in.
FILLED = {"$__rate_interval": "5m", "$job": "shop", "$instance": ".*"}

SAMPLES = {
    *(f"{figure.name}_total" for figure in COUNTERS),
    *(f"{figure.name}_{part}" for figure in SPREADS for part in ("bucket", "sum", "count")),
    *(figure.name for figure in (*GAUGES, INFO)),
}


def rules() -> dict[str, str]:
    """Each alert's condition, by its name; the file is plain enough for that."""
    found = re.findall(
        r"- alert: (\w+)\n +expr: (?:>-\n)?(.*?)\n +(?:for|labels):", RULES, re.DOTALL
    )
    return {name: " ".join(text.split()) for name, text in found}


def test_rules_ask_for_figures_that_there_are() -> None:
    assert len(rules()) == RULES.count("- alert:") > 0
    assert {name for text in rules().values() for name in NAME.findall(text)} <= SAMPLES


def test_dashboard_asks_for_figures_that_there_are() -> None:
    assert {name for text in ASKED for name in NAME.findall(text)} <= SAMPLES


def test_dashboard_shows_every_figure() -> None:
    shown = {name for text in ASKED for name in NAME.findall(text)}
    figures = {figure.name for figure in (*COUNTERS, *SPREADS, *GAUGES, INFO)}
    assert [f for f in figures if not any(name.startswith(f) for name in shown)] == []


def test_dashboard_sums_by_labels_that_there_are() -> None:
    for text in ASKED:
        for by, name in re.findall(r"by \(([^)]*)\) \((?:\w+\()?(pixelpair_\w+)", text):
            given = {"instance", "job", "le", "version", "graph_version", LABELS.get(name, "")}
            assert set(by.split(", ")) <= given, text


def test_panels_have_places_of_their_own() -> None:
    places = [
        (x, y)
        for panel in BOARD["panels"]
        for box in [panel["gridPos"]]
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) == 23
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_page_tells_of_every_alert() -> None:
    told = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in rules() if f"`{name}`" not in told] == []


# --- by Prometheus' own tool --------------------------------------------------------------------


@pytest.fixture
def needs_promtool() -> None:
    if not shutil.which("promtool"):
        missing_tool("promtool")


def promtool(*words: str, cwd: Path) -> str:
    done = subprocess.run(["promtool", *words], cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("needs_promtool")
def test_rules_fire_in_trouble_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(RULES)
    shutil.copy(Path(__file__).parent / "alerts_test.yml", tmp_path)
    assert f"{len(rules())} rules found" in promtool("check", "rules", "alerts.yml", cwd=tmp_path)
    promtool("test", "rules", "alerts_test.yml", cwd=tmp_path)


@pytest.mark.usefixtures("needs_promtool")
def test_dashboards_questions_can_be_parsed(tmp_path: Path) -> None:
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, text in enumerate(ASKED):
        for word, value in FILLED.items():
            text = text.replace(word, value)
        lines += [f"      - record: asked:{number}", f"        expr: {json.dumps(text)}"]
    (tmp_path / "asked.yml").write_text("\n".join(lines) + "\n")
    assert f"{len(ASKED)} rules found" in promtool("check", "rules", "asked.yml", cwd=tmp_path)


@pytest.mark.usefixtures("needs_promtool")
def test_what_we_tell_is_as_prometheus_likes_it(tmp_path: Path) -> None:
    from pixelpair.delivery.meters import Meters
    from pixelpair.metrics import prometheus
    from pixelpair.metrics.board import Board

    meters = Meters(tmp_path)
    meters.tell("clock_skew", 1.0)
    text = prometheus.text(Board(meters, lambda: None, lambda: False, pixels=("1",))).body
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
