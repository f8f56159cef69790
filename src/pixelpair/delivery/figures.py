"""A small SQLite file of the spool that keeps figures to look at, and no events: none of it is
worth waiting for the disk, and a damaged file begins again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pixelpair.delivery import locks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def opened(file: Path, patience: float) -> Iterator[sqlite3.Connection]:
    """A connection, closed behind; where another process writes, it waits `patience` seconds."""
    with closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        yield db


def change(file: Path, work: Callable[[sqlite3.Connection], None], patience: float) -> None:
    """Do `work` in one transaction; the file is made where there is none.

    Raises OSError, and sqlite3.Error where the file is locked for longer or there is no room.
    """
    file.parent.mkdir(mode=locks.PRIVATE_FOLDER, parents=True, exist_ok=True)
    try:
        _transact(file, work, patience)
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # locked, no room, or an error of ours
            raise
        for damaged in (file, file.with_name(f"{file.name}-journal")):
            damaged.unlink(missing_ok=True)
        _transact(file, work, patience)


def _transact(file: Path, work: Callable[[sqlite3.Connection], None], patience: float) -> None:
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, locks.PRIVATE_FILE))
    with opened(file, patience) as db:
        db.execute("BEGIN IMMEDIATE")
        work(db)
        db.execute("COMMIT")
