"""The soak in short: the same shops, visitors, faults and bounds as those of `make soak`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.report import document
from tests.soak.run import Soak, Terms
from tests.soak.watcher import MB, Bound, Bounds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.drill

# Caches and pools still fill in the first minute; what ended processes have counted is added up
# twice a minute, and until then each leaves a file.
SHORT = Bounds(
    memory=Bound("memory", 0.05, 16 * MB),
    descriptors=Bound("descriptors", 0.0, 8),
    threads=Bound("threads", 0.0, 5),
    files=Bound("files", 0.0, 20),
    least=15.0,
)


def test_nothing_is_lost_and_nothing_grows_under_mixed_traffic(tmp_path: Path) -> None:
    terms = Terms(seconds=40.0, rate=30.0, every=1.0, lives=2, bounds=SHORT)
    told = document(Soak(terms, tmp_path).run())
    assert told["broken"] == []
    assert told["due"] > 400
    assert len(told["calls"]) > 4  # of a fault that lasts a second not all are met
    # Who of them sends, and since when, is chance.
    roles = {process["role"].removesuffix(", sends") for process in told["processes"]}
    assert roles >= {"gunicorn", "gunicorn: pixelpair worker", "uvicorn: worker", "uvicorn"}
