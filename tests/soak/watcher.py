"""Looks at processes from outside, every few seconds, and judges whether what they hold is flat."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import TYPE_CHECKING

from tests.drills.parts import children, leader

if TYPE_CHECKING:
    from collections.abc import Iterable

MB = 1024 * 1024
_PAGE = resource.getpagesize()
_ESTABLISHED = "01"
# Of a process's life: imports, caches and pools fill at first.
WARM_UP = 0.2


@dataclass(frozen=True, slots=True)
class Bound:
    """What may be added from the warm-up to the end: a share of what there was, and so much."""

    what: str
    share: float
    more: float

    def of(self, base: float) -> float:
        return base * self.share + self.more


@dataclass(frozen=True, slots=True)
class Bounds:
    """What counts as flat, and how long a life must be to be judged: a line through the first
    seconds says nothing."""

    # Memories of bounded size (reported ids, identities that wait to be merged, networks, seals)
    # fill for long: one process had 67 MB after 15,000 requests, 85.0 after 60,000, 87.6 after
    # 120,000. Half an hour here is 20,000 of each.
    memory: Bound = Bound("memory", 0.05, 6 * MB)
    # Beyond what open connections explain.
    descriptors: Bound = Bound("descriptors", 0.0, 5)
    threads: Bound = Bound("threads", 0.0, 1)
    files: Bound = Bound("files", 0.0, 5)
    least: float = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    memory: float
    descriptors: int
    threads: int


@dataclass(slots=True)
class Life:
    """One process from its first sample to its last, while it is the sender or while it is not."""

    role: str
    pid: int
    samples: list[Sample] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.samples[-1].at - self.samples[0].at


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through what was seen after the warm-up: where it begins, and what it adds."""

    base: float
    growth: float
    most: float


def trend(points: list[tuple[float, float]]) -> Trend:
    """The least-squares line through the points after the first fifth of their time."""
    first, last = points[0][0], points[-1][0]
    warm = first + (last - first) * WARM_UP
    kept = [(at, value) for at, value in points if at >= warm]
    slope, height = linear_regression(*zip(*kept, strict=True))
    return Trend(height + slope * warm, slope * (last - warm), max(value for _, value in points))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one thing of one process stayed flat."""

    role: str
    pid: int
    what: str
    trend: Trend
    bound: float

    @property
    def flat(self) -> bool:
        return self.trend.growth < self.bound


def judge(life: Life, bounds: Bounds) -> list[Verdict]:
    """The verdicts on a life; none on one that was too short."""
    if life.seconds < bounds.least:
        return []
    judged = []
    for bound in (bounds.memory, bounds.descriptors, bounds.threads):
        line = trend([(s.at, float(getattr(s, bound.what))) for s in life.samples])
        judged.append(Verdict(life.role, life.pid, bound.what, line, bound.of(line.base)))
    return judged


# --- looking ---------------------------------------------------------------------------------


class Watcher:
    """Keeps the samples of some processes, with all their children, and of some spools."""

    def __init__(self, spools: dict[str, Path]) -> None:
        self.lives: dict[tuple[int, bool], Life] = {}
        self.files: dict[str, list[tuple[float, float]]] = {name: [] for name in spools}
        self._spools = spools
        self._roots: dict[int, str] = {}
        self._connections: set[str] = set()
        self._senders: set[int | None] = set()

    def add(self, role: str, pid: int) -> None:
        self._roots[pid] = role

    def look(self) -> None:
        self._connections = open_connections()
        self._senders = {leader(spool) for spool in self._spools.values()}
        for root, role in self._roots.items():
            self._see(root, role)
            for pid in children(root):
                self._see(pid, f"{role}: worker")
        for name, spool in self._spools.items():
            number = len(list(spool.iterdir())) if spool.exists() else 0
            self.files[name].append((time.monotonic(), float(number)))

    def _see(self, pid: int, role: str) -> None:
        try:
            seen = sample(pid, self._connections)
            name = _helper(pid) or role
        except OSError:  # it has just ended
            return
        sends = pid in self._senders
        life = Life(f"{name}, sends" if sends else name, pid)
        self.lives.setdefault((pid, sends), life).samples.append(seen)

    def verdicts(self, bounds: Bounds) -> list[Verdict]:
        judged = [verdict for life in self.lives.values() for verdict in judge(life, bounds)]
        for name, points in self.files.items():
            if points[-1][0] - points[0][0] >= bounds.least:
                line = trend(points)
                judged.append(Verdict(name, 0, "files", line, bounds.files.of(line.base)))
        return judged


def sample(pid: int, connections: Iterable[str]) -> Sample:
    """What a process holds now. RSS and no PSS: a sibling that ends would change what is shared."""
    proc = Path(f"/proc/{pid}")
    memory = int((proc / "statm").read_text().split()[1]) * _PAGE
    held = [_target(file) for file in (proc / "fd").iterdir()]
    explained = sum(target in connections for target in held)
    return Sample(
        time.monotonic(), memory, len(held) - explained, len(list((proc / "task").iterdir()))
    )


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed since
        return ""


def open_connections() -> set[str]:
    """The sockets that both sides hold open, as descriptors name them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == _ESTABLISHED}


def _helper(pid: int) -> str:
    """`multiprocessing` has a process of its own that only waits."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return "resource tracker" if b"resource_tracker" in command else ""
