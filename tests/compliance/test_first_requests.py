"""The first visitors of a fresh process: nobody waits in the event loop for an import or a list."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pixelpair

from .first_requests import REQUESTS

ROOTS = [str(Path(pixelpair.__file__).parents[1]), str(Path(__file__).parents[2])]
APPENDED = {("writev", "delivery/journal.py", "append")}
# The first event of a process makes its journal; the first phone number of a country is read by
# that country's numbering plan, one file of phonenumbers (1 to 5 ms), of which there are 250.
MADE = {
    ("os.mkdir", "delivery/journal.py", "_create"),
    ("open", "delivery/journal.py", "_create"),
    ("fcntl.flock", "delivery/locks.py", "take"),
    ("os.rename", "delivery/journal.py", "_create"),
    ("os.scandir", "delivery/bounds.py", "_journals"),
}
COUNTRY = {
    ("import", "core/user_data.py", "_international"),
    ("open", "core/user_data.py", "_international"),
}


@pytest.fixture(scope="module", params=["asgi", "django"])
def met(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The status of each answer, and the calls that may have blocked."""
    path = os.pathsep.join([*ROOTS, os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    words = [sys.executable, "-W", "error", "-m", "tests.compliance.first_requests", request.param]
    ran = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    return {
        name: (status, {(w, f, _BEFORE_312.get(c, c)) for w, f, c in calls})
        for name, (status, calls) in json.loads(ran.stdout).items()
    }


_BEFORE_312 = {"<listcomp>": "_journals"}  # a list comprehension was a function of its own


def test_the_first_visitors_wait_for_no_import(met: dict[str, Any]) -> None:
    """Seen: price-parser, selectolax and the verbs were imported in the loop, 36 ms together."""
    assert met == {
        "page": (200, MADE | APPENDED),
        "dated": (200, APPENDED),
        "form": (200, COUNTRY | APPENDED),
        "json": (200, APPENDED),
        "report": (204, APPENDED),
        "script": (200, set()),
        "figures": (200, set()),
        "page again": (200, APPENDED),
    }
    assert met.keys() == REQUESTS.keys()
