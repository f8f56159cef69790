"""What the drills measured, from the run to the table of docs/reliability.md."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FILE = ROOT / ".cache" / "drills.json"


@dataclass(frozen=True, slots=True)
class Drill:
    """A row of the table: what is done, and the test that does it."""

    done: str
    test: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the accepted events; `delay` is the longest from answer to Graph, in
    seconds."""

    accepted: int
    lost: int
    twice: int
    delay: float | None
    more: str = ""


DRILLS: dict[str, Drill] = {
    "kills": Drill(
        "web and worker processes killed (`SIGKILL`) at random in a burst, half of them the sender",
        "test_kills.py",
    ),
    "shown-gunicorn": Drill(
        "gunicorn killed whole (`SIGKILL`) under visitors, Flask shop", "test_shown.py"
    ),
    "shown-uvicorn": Drill(
        "uvicorn killed whole (`SIGKILL`) under visitors, Django shop", "test_shown.py"
    ),
    "fork-gunicorn": Drill(
        "gunicorn `--preload`, the first event before the fork", "test_forks.py"
    ),
    "fork-uwsgi-threads": Drill(
        "uWSGI without lazy-apps, with `enable-threads`, the first event before the fork",
        "test_forks.py",
    ),
    "fork-uwsgi": Drill("the same without `enable-threads`, then `drain`", "test_forks.py"),
    "fork-multiprocessing": Drill(
        "`multiprocessing` forks while the sender runs; children end without exit handlers",
        "test_forks.py",
    ),
    "takeover": Drill(
        "the sender, which had forked, killed; its child lives on", "test_takeover.py"
    ),
    "graph-down": Drill("Graph down: connections refused", "test_waits.py"),
    "graph-slow": Drill("Graph slow: every answer after 3 s", "test_waits.py"),
    "graph-hung": Drill("Graph takes events and answers after 12 s, too late", "test_waits.py"),
    "graph-resets": Drill("Graph resets each connection", "test_waits.py"),
    "graph-half": Drill("Graph takes events; its answers are cut in half", "test_waits.py"),
    "graph-429": Drill("429 with `Retry-After: 5`", "test_waits.py"),
    "graph-html": Drill("200 with an HTML page in place of Graph", "test_waits.py"),
    "graph-190": Drill("190: the access token is refused", "test_waits.py"),
    "graph-100-33": Drill("100/33: no right to the pixel", "test_waits.py"),
    "graph-fewer": Drill("200 with fewer received than sent", "test_waits.py"),
    "redis-killed": Drill("Redis killed under load, back after 3 s", "test_redis_faults.py"),
    "redis-claim": Drill(
        "a machine killed with a batch claimed from Redis; another one takes it", "test_waits.py"
    ),
    "disk-full": Drill("the disk is full, and Graph down at first", "test_disk.py"),
    "disk-read-only": Drill("the spool is read-only when the shop starts", "test_disk.py"),
    "journal-damaged": Drill("bits flipped and pieces cut in waiting journals", "test_damage.py"),
    "database-damaged": Drill(
        "the outbox file overwritten or cut while events wait in it", "test_damage.py"
    ),
    "clock-forward": Drill("the clock set 2 h forward while events are retried", "test_clock.py"),
    "clock-back": Drill("the clock set 2 h back while events are retried", "test_clock.py"),
}


def record(drill: str, figures: Figures, file: Path = FILE) -> None:
    """Keep what a drill measured; the last run counts."""
    assert drill in DRILLS
    known = read(file) | {drill: asdict(figures)}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(known, indent=1))
    print(f"{drill}: {figures}")


def read(file: Path = FILE) -> dict[str, dict[str, Any]]:
    return dict(json.loads(file.read_text())) if file.exists() else {}
