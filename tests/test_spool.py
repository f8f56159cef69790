"""Where events wait: the folder of a shop that names none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pixelpair.settings import Settings
from pixelpair.spool import default_spool, temporary_spool


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, and nothing else that says where state belongs."""
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


linux = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="other state folders")


def test_given_spool_is_taken() -> None:
    assert Settings(spool="/var/lib/shop").spool_folder == Path("/var/lib/shop")


def test_service_managers_state_folder_is_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/shop:/var/lib/other")
    assert Settings(pixel_id="7").spool_folder == Path("/var/lib/shop")


@linux
def test_users_state_folder_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(pixel_id="7").spool_folder == home / ".local/state/pixelpair/7"
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "xdg"))
    assert Settings(pixel_id="7").spool_folder == home / "xdg/pixelpair/7"
    assert default_spool("") == home / "xdg/pixelpair/none"
    assert list(home.iterdir()) == []


@linux
@pytest.mark.parametrize("state", ["file/state", "x" * 300, "/proc/version"])
def test_temporary_folder_where_the_users_cannot_be(
    state: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: a home that cannot even be looked into raised an OSError."""
    (home / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(home / state))
    assert Settings(pixel_id="7").spool_folder == temporary_spool("7")
    assert temporary_spool("7").parts[-2:] == (f"pixelpair-{os.getuid()}", "7")
