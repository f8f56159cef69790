"""The wall clock is set back while events wait: what was due by the old clock is not put off."""

from __future__ import annotations

from pixelpair.delivery.dispatch import Dispatch, Round
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.graph.client import Reply

from .conftest import Clock, make_twin

LOST, TAKEN = Reply("silence", detail="ConnectError"), Reply("accepted", 200, received=1)


def test_a_try_that_waits_is_not_put_off_by_a_clock_that_is_set_back() -> None:
    """Seen: set back by two hours, the clock put a retry of seconds off for two hours."""
    clock, replies = Clock(), [LOST, LOST, TAKEN]
    outbox = MemoryOutbox(clock)
    dispatch = Dispatch(lambda _twins: replies.pop(0), clock, lambda: 0.5)
    outbox.put_many([make_twin(1)])
    assert dispatch.turn(outbox) == Round(1, 0, 0)
    clock.now -= 7200
    assert dispatch.turn(outbox) == Round(1, 0, 0)
    # The pauses go on by the new clock.
    assert dispatch.turn(outbox) == Round()
    clock.now += 2
    assert dispatch.turn(outbox) == Round(1, 1, 0)


def test_a_clock_that_is_set_back_a_little_ends_no_pause() -> None:
    clock, replies = Clock(), [LOST]
    outbox = MemoryOutbox(clock)
    dispatch = Dispatch(lambda _twins: replies.pop(0), clock, lambda: 0.5)
    outbox.put_many([make_twin(1)])
    assert dispatch.turn(outbox) == Round(1, 0, 0)
    clock.now -= 0.5
    assert dispatch.turn(outbox) == Round()
