"""Of all inputs that a run has kept, those that belong into the corpus: the smallest ones that
reach code which none of its seeds reaches.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from .targets import Target

Arc = tuple[str, int, int]
# What a seed may weigh; longer ones tell nothing that short ones do not.
MOST_BYTES = 2000


def keep(target: Target, folder: Path, most: int) -> list[Path]:
    """Copies into the corpus, at most so many."""
    known: set[Arc] = set()
    for seed in target.seeds:
        known |= reached(target, seed.read_bytes())
    kept: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_size):
        data = path.read_bytes()
        if len(data) > MOST_BYTES or len(kept) == most:
            break
        if new := reached(target, data) - known:
            known |= new
            kept.append(target.corpus / sha256(data).hexdigest()[:12])
            kept[-1].write_bytes(data)
    return kept


def reached(target: Target, data: bytes) -> set[Arc]:
    """The steps from line to line of our own code that an input takes."""
    arcs: set[Arc] = set()

    def enter(frame: FrameType, _event: str, _what: Any) -> Any:
        name = frame.f_code.co_filename
        if "/pixelpair/" not in name:
            return None
        last = 0

        def step(frame: FrameType, event: str, _what: Any) -> Any:
            nonlocal last
            if event == "line":
                arcs.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        target.run(data)
    finally:
        sys.settrace(before)
    return arcs
