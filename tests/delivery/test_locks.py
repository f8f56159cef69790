"""Who holds a lock, asked from outside."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import locks
from pixelpair.delivery.locks import Lock, holder, is_there
from pixelpair.graph.client import Reply

from .conftest import put
from .scripts import start

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Build


@pytest.mark.parametrize("umask", [0, 0o022])
def test_all_files_of_a_spool_at_work_are_their_owners_alone(
    spool: Path, build: Build, umask: int
) -> None:
    mask = os.umask(umask)
    try:
        worker, journal = build(lambda twins: Reply("silence"))
        put(journal, 1)
        worker.step()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in spool.iterdir()}
    finally:
        os.umask(mask)
    outbox = {f"outbox.sqlite3{suffix}" for suffix in ("", "-wal", "-shm")}
    assert journal.path is not None
    assert modes.keys() >= outbox | {"leader.lock", journal.path.name}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700


HOLD = """
from pixelpair.delivery.locks import Lock
lock = Lock(spool / "l")
assert lock.acquire()
lock.sign("it is me")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_missing_lock_is_held_by_nobody_and_not_made(tmp_path: Path) -> None:
    assert holder(tmp_path / "l") == (False, "")
    assert list(tmp_path.iterdir()) == []


def test_tells_whether_it_is_held_and_how_it_is_signed(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "l")
    lock.sign("nobody yet")
    assert lock.acquire()
    assert holder(lock.path) == (True, "")
    lock.sign("a longer name")
    lock.sign("å")
    assert holder(lock.path) == (True, "å")
    lock.close()
    lock.sign("too late")
    assert holder(lock.path) == (False, "å")
    assert lock.acquire()
    lock.close()


def test_a_holder_that_was_killed_holds_no_more(tmp_path: Path) -> None:
    process = start(HOLD, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert holder(tmp_path / "l") == (True, "it is me")
    process.kill()
    process.communicate()
    assert holder(tmp_path / "l") == (False, "it is me")


def test_without_locks_nobody_can_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    (tmp_path / "l").write_text("x")
    assert holder(tmp_path / "l") == (None, "x")
    assert holder(tmp_path / "none") == (None, "")


def test_a_name_that_nobody_can_look_for_is_not_taken_for_absent(tmp_path: Path) -> None:
    """Seen on Python 3.14: another user's spool was one that is not made yet."""
    (tmp_path / "file").touch()
    found = {name: is_there(tmp_path / name) for name in ("file", "missing", "file/below")}
    assert found == {"file": True, "missing": False, "file/below": False}
    with pytest.raises(OSError, match="File name too long"):
        is_there(tmp_path / ("x" * 300))
