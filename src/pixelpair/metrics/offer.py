"""Which boards a process has, and to whose registries they are offered: a shop that shows its own
figures shows ours beside them, and one without such a library pays nothing.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from pixelpair.core.readings import Reading
    from pixelpair.metrics.board import Board

log = logging.getLogger("pixelpair")

_known: WeakSet[Board] = WeakSet()
_refused: set[str] = set()


def boards() -> list[Board]:
    """Those of the trackers that are not closed."""
    return [board for board in _known if not board.meters.closed]


def spools() -> list[Board]:
    """One for each spool: it tells of all processes and trackers there."""
    return list({board.meters.spool: board for board in boards()}.values())


def offer(board: Board) -> None:
    """Show a board to what the shop shows its own figures with, now or once it has that."""
    _known.add(board)
    board.meters.also.append(_register)
    _register()


def reading(board: Board) -> Reading | None:
    """All figures as Prometheus reads them; None where its client library is missing."""
    try:
        from pixelpair.metrics import prometheus
    except ImportError:
        return None
    try:
        return prometheus.text(board)
    except Exception:  # told to who asks as 503
        log.exception("the figures of deliveries cannot be read")
        raise


def _register() -> None:
    # A library that nobody has imported shows nothing to anybody, and costs 30 ms to import.
    for library, register in (
        ("prometheus_client", _in_prometheus),
        ("opentelemetry.metrics", _in_otel),
    ):
        if library in sys.modules and library not in _refused:
            try:
                register()
            except Exception:  # a release that has changed, or a shop's own fake
                _refused.add(library)
                log.warning("%s takes no figures of deliveries", library, exc_info=True)


def _in_prometheus() -> None:
    from pixelpair.metrics import prometheus

    prometheus.register(spools)


def _in_otel() -> None:
    from pixelpair.metrics import otel

    otel.register(boards)
    for board in _known:
        if otel.record not in board.meters.recorders:
            board.meters.recorders.append(otel.record)
