"""The plugin itself: what pytest finds, and what it costs a project that does not use it."""

import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

import pixelpair.testing

from ..conftest import ROOT

LOAD = """
import sys, time, pytest
before = set(sys.modules)
import pixelpair.testing.plugin
print(sorted(name for name in set(sys.modules) - before))
"""


def test_pytest_finds_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module = import_module(project["entry-points"]["pytest11"]["pixelpair"])
    assert module.__name__ == "pixelpair.testing.plugin"
    assert hasattr(module, "pixelpair_events")


def test_loading_it_loads_nothing_but_itself():
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOAD],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "['pixelpair', 'pixelpair.testing', 'pixelpair.testing.plugin']\n"


def test_kit_names_are_there_when_asked_for():
    assert [getattr(pixelpair.testing, name).__name__ for name in pixelpair.testing.__all__] == [
        "Events",
        "Pair",
        "Sandbox",
    ]
    with pytest.raises(AttributeError, match="nothing"):
        pixelpair.testing.nothing  # noqa: B018


def test_project_that_has_no_shop_is_left_alone(shop_tests):
    ran = shop_tests(test_own="def test_own():\n    assert 1 + 1 == 2\n")
    assert ran.outcomes == {"passed": 1}, ran.text


def test_fixtures_and_option_are_shown(shop_tests):
    shown = shop_tests("--fixtures", "--help").text + shop_tests("--fixtures").text
    assert "--pixelpair-sandbox=URL" in shown
    for name in ("settings", "events", "sandbox_url", "sandbox"):
        assert f"\npixelpair_{name} " in shown
