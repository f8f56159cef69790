"""A small file of figures: for its owner alone, changed as a whole, begun again when damaged."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import figures

if TYPE_CHECKING:
    from pathlib import Path


def count(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS seen (n INTEGER)")
    db.execute("INSERT INTO seen VALUES (1)")


def counted(file: Path) -> int:
    with figures.opened(file, 0) as db:
        (number,) = db.execute("SELECT count(*) FROM seen").fetchone()
    return number


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_makes_folder_and_file_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "spool" / "file"
    figures.change(file, count, 0)
    figures.change(file, count, 0)
    assert (mode(file.parent), mode(file), counted(file)) == (0o700, 0o600, 2)


def test_begins_a_damaged_file_again_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"no database, and long enough to be looked at" * 100)
    file.chmod(0o644)
    figures.change(file, count, 0)
    assert (mode(file), counted(file)) == (0o600, 1)


def test_leaves_the_file_as_it_was_where_the_work_fails(tmp_path: Path) -> None:
    file = tmp_path / "file"
    figures.change(file, count, 0)

    def fails(db: sqlite3.Connection) -> None:
        count(db)
        raise ValueError

    with pytest.raises(ValueError):
        figures.change(file, fails, 0)
    assert counted(file) == 1


def test_says_that_another_writes(tmp_path: Path) -> None:
    file = tmp_path / "file"
    figures.change(file, count, 0)
    with figures.opened(file, 0) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            figures.change(file, count, 0)
    assert counted(file) == 1


def test_error_of_the_work_destroys_no_file(tmp_path: Path) -> None:
    """Seen: whatever SQLite refused, the figures began again."""
    file = tmp_path / "file"
    figures.change(file, count, 0)

    def fails(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE a (b NOT NULL)")
        db.execute("INSERT INTO a VALUES (NULL)")

    with pytest.raises(sqlite3.IntegrityError):
        figures.change(file, fails, 0)
    assert counted(file) == 1
