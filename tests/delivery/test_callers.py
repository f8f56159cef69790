"""Calls side by side, to a server that takes its time: as many as Graph gets connections."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery import callers
from pixelpair.delivery.callers import CALLS
from pixelpair.delivery.dispatch import Dispatch, Round
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.outbox import Stats
from pixelpair.delivery.retry import RetryAt
from pixelpair.graph.client import Graph, Reply
from pixelpair.graph.conversions import call

from .conftest import NOW, Clock, make_twin
from .sink import Answer, accepted, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair.core.events import Twin

    from .sink import Events, Sink

    Post = Callable[[list[Twin]], Reply]

SLOW = 0.5


class Slow:
    """Each answer takes its time; `most` is how many calls were there at once."""

    def __init__(self, seconds: float = SLOW) -> None:
        self._seconds = seconds
        self.answer: Callable[[Events], Answer] = accepted
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __call__(self, events: Events) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        threading.Event().wait(self._seconds)
        with self._lock:
            self._now -= 1
        return self.answer(events)


@pytest.fixture
def slow(sink: Sink) -> Slow:
    sink.answer = slow = Slow()
    return slow


@pytest.fixture
def post(sink: Sink) -> Iterator[Post]:
    with Graph(timeout=5) as graph:
        yield lambda twins: graph.send(
            call(
                twins,
                pixel_id=twins[0].pixel_id,
                token="t",
                graph_url=sink.url,
                version="v26.0",
            )
        )


@pytest.fixture
def outbox(clock: Clock) -> MemoryOutbox:
    return MemoryOutbox(clock)


def timed(sender: Dispatch, outbox: MemoryOutbox) -> tuple[Round, float]:
    began = time.monotonic()
    return sender.turn(outbox), time.monotonic() - began


def test_four_calls_of_a_backlog_take_as_long_as_one(
    outbox: MemoryOutbox, clock: Clock, sink: Sink, slow: Slow, post: Post
) -> None:
    outbox.put_many([make_twin(n) for n in range(6000)])
    sender = Dispatch(post, clock, lambda: 0.5)
    assert sender.turn(outbox) == Round(1000, 1000, 0)
    assert slow.most == 1
    done, seconds = timed(sender, outbox)
    assert done == Round(4000, 4000, 0)
    assert seconds < 3 * SLOW
    assert (slow.most, sink.connections) == (CALLS, CALLS)
    assert sender.turn(outbox) == Round(1000, 1000, 0)
    assert (len(sink.ids), max(sink.ids.values()), sink.connections) == (6000, 1, CALLS)


def test_pixels_are_served_side_by_side_four_at_a_time(
    outbox: MemoryOutbox, clock: Clock, sink: Sink, slow: Slow, post: Post
) -> None:
    outbox.put_many([make_twin(n, pixel_id=f"11{n}") for n in range(8)])
    assert Dispatch(post, clock, lambda: 0.5).turn(outbox) == Round(8, 8, 0)
    assert slow.most == CALLS


def test_a_neighbour_that_answered_at_once_gets_two_calls_at_most(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    most = 0

    def near(twins: list[Twin]) -> Reply:
        nonlocal most
        if outbox.stats().delivered:
            most = max(most, sum(t.name == "pixelpair call" for t in threading.enumerate()))
            threading.Event().wait(SLOW)
        return Reply("accepted", 200, received=len(twins))

    outbox.put_many([make_twin(n) for n in range(5000)])
    sender = Dispatch(near, clock, lambda: 0.5)
    assert [sender.turn(outbox).delivered for _ in range(2)] == [1000, 4000]
    assert most == 2


@pytest.mark.parametrize("answer", [Answer(503), refused(190, status=401), refused(4)])
def test_an_outage_makes_one_call_per_interval(
    outbox: MemoryOutbox, clock: Clock, sink: Sink, post: Post, answer: Answer
) -> None:
    outbox.put_many([make_twin(n) for n in range(9000)])
    sender = Dispatch(post, clock, lambda: 0.999)
    sender.turn(outbox)
    sink.answer = lambda events: answer
    calls = []
    for _ in range(8):
        before = len(sink.calls)
        sender.turn(outbox)
        calls.append(len(sink.calls) - before)
        assert sender.turn(outbox) == Round()
        clock.now += 700
    assert calls[0] <= CALLS  # those that were under way together
    assert calls[1:] == [1] * 7
    sink.answer = accepted
    while outbox.stats().queued:
        assert sender.turn(outbox).claimed
    assert max(sink.ids.values()) == 1
    assert outbox.stats() == Stats(delivered=9000)


def test_what_was_under_way_beside_a_throttled_call_opens_nothing(
    outbox: MemoryOutbox, clock: Clock, slow: Slow, post: Post
) -> None:
    """A success that comes after the refusal says nothing about now: Meta asked for patience."""
    outbox.put_many([make_twin(n) for n in range(9000)])
    sender = Dispatch(post, clock, lambda: 0.5)
    sender.turn(outbox)
    throttled = refused(4)
    throttled.headers["Retry-After"] = "120"

    def answer(events: Events) -> Answer:
        if events[0]["event_id"] == "id-1000":
            return throttled
        threading.Event().wait(0.1)
        return accepted(events)

    slow.answer = answer
    assert sender.turn(outbox) == Round(4000, 3000, 0)
    assert sender.closed() == RetryAt(NOW + 120, "4: Meta's rate limit")
    clock.now += 119
    assert sender.turn(outbox) == Round()
    clock.now += 2
    slow.answer = accepted
    assert sender.turn(outbox) == Round(1000, 1000, 0)


def test_failures_of_calls_that_were_under_way_together_count_once(
    outbox: MemoryOutbox, clock: Clock, slow: Slow, post: Post
) -> None:
    outbox.put_many([make_twin(n) for n in range(5000)])
    sender = Dispatch(post, clock, lambda: 0.5)
    sender.turn(outbox)
    slow.answer = lambda events: Answer(503)
    sender.turn(outbox)
    closed = sender.closed()
    assert closed is not None
    assert closed.when - NOW <= 1.0  # four in a row would be 4 s


def test_one_bad_event_in_a_backlog_is_sought_by_one_call_at_a_time(
    outbox: MemoryOutbox, clock: Clock, slow: Slow, sink: Sink, post: Post
) -> None:
    search = Slow(0.05)

    def answer(events: Events) -> Answer:
        bad = any(event["event_id"] == "id-1777" for event in events)
        return refused(100, 2804050) if bad else accepted(events)

    slow.answer = search.answer = answer
    sink.answer = lambda events: (search if len(events) < 1000 else slow)(events)
    outbox.put_many([make_twin(n) for n in range(5000)])
    sender = Dispatch(post, clock, lambda: 0.5)
    sender.turn(outbox)
    sender.turn(outbox)
    assert (slow.most, search.most) == (CALLS, 1)
    assert outbox.stats() == Stats(dead=1, delivered=4999)
    assert len(sink.calls) <= 1 + 4 + 22


def test_a_call_that_breaks_in_its_thread_breaks_its_own_pixel_only(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    def send(twins: list[Twin]) -> Reply:
        if twins[0].pixel_id == "111":
            raise RuntimeError("a bug")
        return Reply("accepted", 200, received=len(twins))

    outbox.put_many([make_twin(n, pixel_id=f"11{n}") for n in range(4)])
    with pytest.raises(RuntimeError):
        Dispatch(send, clock, lambda: 0.5).turn(outbox)
    assert outbox.stats() == Stats(queued=1, delivered=3, oldest=NOW)
    assert len(outbox.claim(9, NOW)) == 1


def test_where_no_thread_can_start_the_calls_are_made_one_by_one(
    outbox: MemoryOutbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of the interpreter (Python 3.12), or under a limit of the container's."""

    class Unstartable(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(callers.threading, "Thread", Unstartable)
    outbox.put_many([make_twin(n, pixel_id=f"11{n}") for n in range(6)])
    sender = Dispatch(lambda t: Reply("accepted", 200, received=len(t)), clock, lambda: 0.5)
    assert sender.turn(outbox) == Round(6, 6, 0)


def test_no_thread_outlives_its_turn_and_one_call_needs_none(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    names: list[str] = []

    def send(twins: list[Twin]) -> Reply:
        names.append(threading.current_thread().name)
        return Reply("accepted", 200, received=len(twins))

    sender = Dispatch(send, clock, lambda: 0.5)
    outbox.put_many([make_twin("first")])
    sender.turn(outbox)
    outbox.put_many([make_twin(n, pixel_id=f"11{n}") for n in range(4)])
    sender.turn(outbox)
    assert names == [threading.current_thread().name] + ["pixelpair call"] * 4
    end = time.monotonic() + 10
    while any(thread.name == "pixelpair call" for thread in threading.enumerate()):
        assert time.monotonic() < end
