"""Who holds a lock, asked from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.delivery import locks
from pixelpair.delivery.locks import Lock, holder

from .scripts import start

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

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
