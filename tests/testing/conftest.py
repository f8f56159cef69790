"""Runs a shop's tests in a pytest of their own, as its developer does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ..conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# By its module, so that it is found however this tree is installed.
KIT = ("-p", "no:pixelpair", "-p", "pixelpair.testing.plugin", "-p", "no:cacheprovider")
# The two are said by libraries of each other, whoever uses them.
INI = """[pytest]
asyncio_default_fixture_loop_scope = function
asyncio_mode = auto
filterwarnings =
    error
    ignore:Using `httpx` with `starlette.testclient`
    ignore:Session-scoped fixtures defined as instance methods
"""
_OUTCOME = re.compile(r"(\d+) (passed|failed|errors?|skipped|warnings?)")


class Ran(NamedTuple):
    """How a pytest ended."""

    outcomes: dict[str, int]
    text: str


def run_tests(folder: Path, *options: str) -> Ran:
    """Run pytest with the kit in a folder, warnings as errors, in a process of its own."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("PIXELPAIR_")}
    path = os.pathsep.join([str(ROOT / "src"), str(folder), own.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *KIT, "-q", *options],
        cwd=folder,
        env=own | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = done.stdout + done.stderr
    last = text.strip().rpartition("\n")[2]
    return Ran({what: int(number) for number, what in _OUTCOME.findall(last)}, text)


@pytest.fixture
def shop_tests(tmp_path: Path) -> Callable[..., Ran]:
    """Writes modules (name → source) and runs pytest on them."""

    def run(*options: str, ini: str = INI, **modules: str) -> Ran:
        (tmp_path / "pytest.ini").write_text(ini)
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source)
        return run_tests(tmp_path, *options)

    return run
