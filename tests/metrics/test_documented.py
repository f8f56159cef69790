"""docs/operations.md tells the figures, limits and log attributes that the code has."""

from __future__ import annotations

import logging
import re

from pixelpair import logs
from pixelpair.delivery import meters
from pixelpair.delivery.numbers import MOST_LABELS
from pixelpair.metrics.board import COUNTED_BY_PIXEL
from pixelpair.metrics.figures import COUNTERS, GAUGES, INFO, SPREADS
from tests.docs_pages import TEXTS, code, section, table

from .test_operations import RULES, rules

PAGE = "docs/operations.md"


def test_every_figure_is_told() -> None:
    rows = [row for row in table(section(PAGE, "## Metrics")) if code(row[0])[0].islower()]
    told = [(code(row[0])[0], code(row[1]), row[2].removesuffix(" A histogram.")) for row in rows]
    figures = [(f"{f.name}_total", [f.label] if f.label else [], f.help) for f in COUNTERS]
    figures += [(f.name, [f.label] if f.label else [], f.help) for f in (*SPREADS, *GAUGES)]
    figures.append((INFO.name, ["version", "graph_version"], INFO.help))
    assert told == figures


def test_every_alert_is_told_with_its_severity() -> None:
    rows = table(section(PAGE, "### Alerts and a dashboard"))
    given = re.findall(r"severity: (\w+)\n +annotations", RULES)
    assert [(code(row[0])[0], row[1]) for row in rows] == list(zip(rules(), given, strict=True))


def test_every_attribute_of_a_record_is_told() -> None:
    record = logging.makeLogRecord({"levelno": logging.WARNING, "module": "journal"})
    assert logs.Seldom().filter(record)
    own = {key for key in vars(record) if key.startswith("pixelpair_")} | {"pixelpair_shop"}
    assert {code(row[0])[0] for row in table(section(PAGE, "## Logs"))} == own


def test_limits_are_the_codes() -> None:
    text = " ".join(TEXTS[PAGE].split())
    assert f"in its last {meters.SAVE_EVERY:g} seconds" in text
    assert f"at most {MOST_LABELS} labels of a kind" in text
    assert f"only while {COUNTED_BY_PIXEL:,} wait" in text
    assert f"at most every {logs.EVERY / 60:g} minutes" in text
