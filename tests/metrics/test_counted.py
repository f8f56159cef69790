"""What a sender does is on its board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelpair.delivery.dispatch import Dispatch
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.graph.client import Reply

from .conftest import NOW, twin

if TYPE_CHECKING:
    from pixelpair.core.events import Twin

    from .conftest import Make


def test_a_call_is_counted_measured_and_compared_with_metas_clock(make: Make) -> None:
    def send(twins: list[Twin]) -> Reply:
        return Reply("accepted", 200, received=len(twins), date=NOW - 75)

    board, outbox = make(), MemoryOutbox(lambda: NOW)
    outbox.put_many([twin(1, "Lead", ago=30), twin(2, "Purchase2"), twin(3, "Lead")])
    Dispatch(send, lambda: NOW, lambda: 0.5, meters=board.meters).turn(outbox)
    numbers = board.host()
    assert +numbers.counts == {("delivered", "Lead"): 2, ("delivered", "Purchase2"): 1}
    sums = {name: (spread.total, spread.sum) for name, spread in numbers.spreads.items()}
    assert sums["batch_size"] == (1, 3)
    assert sums["lag_seconds"] == (1, 30)
    assert ("pixelpair_clock_skew_seconds", "", 74.0) in board.levels(numbers)


def test_what_meta_refuses_is_counted_by_its_number(make: Make) -> None:
    board, outbox = make(), MemoryOutbox(lambda: NOW)
    outbox.put_many([twin(1)])
    refused = Reply("refused", 400, code=100, subcode=2804011, title="anna@example.com")
    Dispatch(lambda _: refused, lambda: NOW, lambda: 0.5, meters=board.meters).turn(outbox)
    assert +board.host().counts == {
        ("dead", "100/2804011: currency not accepted for a Purchase"): 1
    }
