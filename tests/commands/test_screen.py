"""Every command, whatever its answer goes to: readers that leave, full disks, poor terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pixelpair.commands.screen import before_any_terminal

from ..conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FULL = "could not write: [Errno 28] No space left on device\n"


def typed(words: str, where: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """What a shell says of it; the exit code is the command's own."""
    ours = {"PYTHONPATH": str(ROOT / "src"), "PIXELPAIR_SPOOL": str(folder / "spool"), **more}
    command = f"{sys.executable} -m pixelpair {words} {where}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env={**os.environ, **ours},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", ["status", "doctor --json"])
def test_a_reader_that_leaves_is_no_error(words: str, tmp_path: Path) -> None:
    """It was a trace: BrokenPipeError."""
    done = typed(words, "| true", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize("words", ["status", "status --json"])
def test_a_full_disk_is_one_line(words: str, tmp_path: Path) -> None:
    """It was a trace: OSError."""
    done = typed(words, "> /dev/full", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", FULL)


def test_nobody_has_to_listen(tmp_path: Path) -> None:
    done = typed("status", ">&-", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_the_letters_shows_which_they_are(tmp_path: Path) -> None:
    """It was a trace: UnicodeEncodeError."""
    tea = "緑茶"
    more = {"PYTHONIOENCODING": "ascii", "PIXELPAIR_SPOOL": str(tmp_path / tea)}
    done = typed("status", "", tmp_path, **more)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u7dd1\\u8336" in done.stdout


def test_other_faults_of_files_stay_what_they_are() -> None:
    def run() -> int:
        raise FileNotFoundError(2, "no such file")

    with pytest.raises(FileNotFoundError):
        before_any_terminal(run, 1)
