"""Where targets that read files have theirs: in memory, if there is such a folder."""

from __future__ import annotations

import atexit
import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp

_SHARED = Path("/dev/shm")
_PLACE = _SHARED if _SHARED.is_dir() else Path(gettempdir())


@cache
def folder() -> Path:
    """One for this process, which goes with it."""
    made = mkdtemp(prefix=f"fuzz-{os.getpid()}-", dir=_PLACE)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def tidy(pid: int) -> None:
    """What a process left that has ended: libFuzzer ends its own past Python's exit handlers."""
    for left in _PLACE.glob(f"fuzz-{pid}-*"):
        shutil.rmtree(left, ignore_errors=True)
