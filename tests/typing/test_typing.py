"""The programs beside this file under `mypy --strict`: what is right passes, what is wrong fails.

A wrong call has a `type: ignore[code]`; one that mypy finds no fault with is reported as unused.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs_pages import ROOT

HERE = Path(__file__).parent
PROGRAMS = sorted(path for path in HERE.glob("*.py") if not path.name.startswith(("test_", "_")))
# Not the project's own settings, nor its sources: users have the installed package.
CONFIG = """\
[mypy]
strict = True

[mypy-django.*]
ignore_missing_imports = True
"""


def test_right_calls_pass_and_each_wrong_one_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "mypy.ini"
    config.write_text(CONFIG)
    words = [f"--config-file={config}", f"--cache-dir={ROOT / '.cache' / 'mypy-programs'}"]
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", *words, *map(str, PROGRAMS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (ran.stdout, ran.stderr) == (
        f"Success: no issues found in {len(PROGRAMS)} source files\n",
        "",
    )
