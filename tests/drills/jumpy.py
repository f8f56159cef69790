"""The drills' shop with a wall clock that can be set while it runs: DRILL_CLOCK names a file of
seconds to add. (libfaketime makes time.sleep of Python 3.11 fail with EINVAL.)"""

from __future__ import annotations

import os
import time
from pathlib import Path

_true, _offset = time.time, Path(os.environ["DRILL_CLOCK"])


def _time() -> float:
    return _true() + float(_offset.read_text())


# Before pixelpair is imported, whose defaults name it.
time.time = _time

from tests.drills.shop import application  # noqa: E402

__all__ = ["application"]
