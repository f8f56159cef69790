"""Whatever is counted is shown, under names as Prometheus wants them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pixelpair
from pixelpair.delivery.numbers import BOUNDS
from pixelpair.metrics.figures import COUNTERS, GAUGES, INFO, SPREADS, of_notes

SOURCE = Path(pixelpair.__file__).parent
ALL = (*COUNTERS, *SPREADS, *GAUGES, INFO)


def keys(call: str) -> set[str]:
    """The names that our own code counts under."""
    pattern = re.compile(rf'meters\.{call}\(\s*"(\w+)"')
    return {key for path in SOURCE.rglob("*.py") for key in pattern.findall(path.read_text())}


def test_everything_that_is_counted_is_shown() -> None:
    assert keys("add") <= {figure.key for figure in COUNTERS}
    assert keys("observe") == {figure.key for figure in SPREADS} == set(BOUNDS)
    assert keys("tell") <= {figure.key for figure in GAUGES}
    assert {"accepted", "duplicate", "delivered", "retried", "dead"} <= keys("add")


def test_names_are_prometheus_own() -> None:
    names = [figure.name for figure in ALL]
    assert len(set(names)) == len(names)
    assert [n for n in names if not re.fullmatch(r"pixelpair(_[a-z]+)+", n)] == []
    assert [n for n in names if n.endswith(("_total", "_count", "_sum", "_bucket"))] == []
    units = {"s": "_seconds", "By": "_bytes"}
    wrong = [f.name for f in ALL if f.unit in units and not f.name.endswith(units[f.unit])]
    assert wrong == []
    assert all(figure.help.endswith(".") for figure in ALL)


@pytest.mark.parametrize(
    ("reason", "key"),
    [
        ("machine: crawler", ("filtered", "machine:crawler")),
        ("staff", ("filtered", "staff")),
        ("no consent", ("filtered", "no_consent")),
        ("sensitive page", ("filtered", "sensitive_page")),
        ("faults", ("dropped", "faults")),
        ("too late", ("dropped", "too_late")),
        ("something new", ("dropped", "something_new")),
        ("failures", ("failures", "")),
        ("reported again", ("duplicate", "")),
        ("server half alone", ("alone", "")),
        ("report refused: origin", ("refused", "origin")),
        ("charset pages", ("untouched", "charset")),
    ],
)
def test_note_belongs_to_a_figure(reason: str, key: tuple[str, str]) -> None:
    assert of_notes({reason: 3}) == {key: 3}
    assert key[0] in {figure.key for figure in COUNTERS}


def test_notes_of_one_figure_add_up() -> None:
    assert of_notes({"too late": 1, "too_late": 2, "staff": 4}) == {
        ("dropped", "too_late"): 3,
        ("filtered", "staff"): 4,
    }
