"""Sending: one pixel a call, one bad event alone, every verdict obeyed, each thing said once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pixelpair.delivery.dispatch import Dispatch, Round
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.outbox import Stats, Trouble
from pixelpair.delivery.retry import HOLD, MAX_AGE, TRIES
from pixelpair.graph.client import Reply

from .conftest import NOW, Clock, make_twin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.events import Twin

TAKEN = Reply("accepted", 200, received=1)
LOST = Reply("silence", detail="ConnectError")
BAD = Reply("refused", 400, code=100, subcode=2804050)
TOKEN = Reply("refused", 401, code=190)


class Meta:
    """Answers by a function and keeps what it was sent."""

    def __init__(self, answer: Callable[[list[Twin]], Reply] | Reply = TAKEN) -> None:
        self.answer = answer
        self.calls: list[list[str]] = []
        self.taken: list[str] = []

    def __call__(self, twins: list[Twin]) -> Reply:
        names = [twin.event_id for twin in twins]
        self.calls.append(names)
        reply = self.answer if isinstance(self.answer, Reply) else self.answer(twins)
        if reply.kind != "accepted":
            return reply
        self.taken += names
        return Reply("accepted", 200, received=len(twins), messages=reply.messages)


def refuses(*bad: int) -> Callable[[list[Twin]], Reply]:
    names = {f"id-{n}" for n in bad}
    return lambda twins: BAD if any(t.event_id in names for t in twins) else TAKEN


@pytest.fixture
def outbox(clock: Clock) -> MemoryOutbox:
    return MemoryOutbox(clock)


def dispatch(meta: Meta, clock: Clock, random: float = 0.5) -> Dispatch:
    return Dispatch(meta, clock, lambda: random)


def test_sends_a_thousand_in_one_call(outbox: MemoryOutbox, clock: Clock) -> None:
    meta = Meta()
    outbox.put_many([make_twin(n) for n in range(1500)])
    sender = dispatch(meta, clock)
    assert sender.turn(outbox) == Round(1000, 1000, 0)
    assert sender.turn(outbox) == Round(500, 500, 0)
    assert sender.turn(outbox) == Round()
    assert [len(names) for names in meta.calls] == [1000, 500]
    assert outbox.stats() == Stats(delivered=1500)


def test_no_call_mixes_pixels_or_grows_beyond_four_megabytes(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    meta = Meta()
    outbox.put_many([make_twin(n, pixel_id=str(n % 2)) for n in range(4)])
    outbox.put_many([make_twin(n, pixel_id="3", text="x" * 1_500_000) for n in range(10, 13)])
    dispatch(meta, clock).turn(outbox)
    assert meta.calls == [["id-0", "id-2"], ["id-1", "id-3"], ["id-10", "id-11"], ["id-12"]]


@pytest.mark.parametrize("bad", [0, 499, 500, 777, 999])
def test_one_bad_in_a_thousand_dies_alone_within_22_calls(
    outbox: MemoryOutbox, clock: Clock, bad: int
) -> None:
    meta = Meta(refuses(bad))
    outbox.put_many([make_twin(n) for n in range(1000)])
    assert dispatch(meta, clock).turn(outbox) == Round(1000, 999, 1)
    (letter,) = outbox.dead()
    assert letter.twin.event_id == f"id-{bad}"
    assert letter.reason == "100/2804050: not enough customer information"
    assert len(meta.calls) <= 22
    assert sorted(meta.taken) == sorted(f"id-{n}" for n in range(1000) if n != bad)


def test_several_bad_ones_die_and_no_other(outbox: MemoryOutbox, clock: Clock) -> None:
    meta = Meta(refuses(3, 4, 90))
    outbox.put_many([make_twin(n) for n in range(100)])
    assert dispatch(meta, clock).turn(outbox) == Round(100, 97, 3)
    assert {letter.twin.event_id for letter in outbox.dead()} == {"id-3", "id-4", "id-90"}


def test_an_outage_in_the_middle_of_halving_keeps_the_rest(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    meta = Meta(lambda twins: LOST if len(meta.calls) == 4 else refuses(7)(twins))
    outbox.put_many([make_twin(n) for n in range(8)])
    sender = dispatch(meta, clock)
    first = sender.turn(outbox)
    assert first.delivered < 7
    assert outbox.stats() == Stats(
        queued=8 - first.delivered, delivered=first.delivered, oldest=NOW
    )
    clock.now += 1
    while sender.turn(outbox).claimed:
        pass
    assert outbox.stats() == Stats(dead=1, delivered=7)
    assert len(meta.taken) == 7


def test_an_old_event_is_set_aside_and_sinks_no_batch(outbox: MemoryOutbox, clock: Clock) -> None:
    meta = Meta()
    outbox.put_many([make_twin(1), make_twin(2, at=NOW - MAX_AGE), make_twin(3)])
    assert dispatch(meta, clock).turn(outbox) == Round(3, 2, 1)
    assert meta.calls == [["id-1", "id-3"]]
    assert [letter.reason for letter in outbox.dead()] == ["older than 7 days"]


def test_waits_longer_each_time_and_says_so_once(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    meta = Meta(LOST)
    outbox.put_many([make_twin(1)])
    sender = dispatch(meta, clock)
    times = []
    while len(meta.calls) < 5:
        if sender.turn(outbox).claimed:
            times.append(clock.now - NOW)
        clock.now += 0.5
    assert times == [0, 0.5, 1.5, 3.5, 7.5]
    meta.answer = TAKEN
    clock.now += 100
    sender.turn(outbox)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.WARNING,
            "events of pixel 111 are kept and tried again: Graph cannot be reached (ConnectError)",
        ),
        (logging.INFO, "events of pixel 111 are delivered again"),
    ]


def test_a_dead_token_keeps_every_event_and_stops_no_other_pixel(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    meta = Meta(lambda twins: TOKEN if twins[0].pixel_id == "111" else TAKEN)
    sender = dispatch(meta, clock)
    for minute in range(30):
        twins = [make_twin(f"{minute}-{p}", pixel_id=p, at=int(clock.now)) for p in ("111", "222")]
        outbox.put_many(twins)
        sender.turn(outbox)
        sender.turn(outbox)
        clock.now += HOLD / 2
    assert outbox.stats() == Stats(queued=30, delivered=30, oldest=NOW)
    assert len(meta.calls) == 30 + 15
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "PIXELPAIR_ACCESS_TOKEN" in caplog.text
    meta.answer = TAKEN
    clock.now += HOLD
    sender.turn(outbox)
    assert outbox.stats() == Stats(delivered=60)


def test_an_unknown_refusal_is_tried_in_bounds_and_then_kills_only_its_own(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    odd = Reply("refused", 400, code=987654)
    meta = Meta(lambda twins: odd if any(t.event_id == "id-2" for t in twins) else TAKEN)
    outbox.put_many([make_twin(n) for n in range(4)])
    sender = dispatch(meta, clock)
    while outbox.stats().queued:
        sender.turn(outbox)
        clock.now += 600
    assert [letter.twin.event_id for letter in outbox.dead()] == ["id-2"]
    assert sorted(meta.taken) == ["id-0", "id-1", "id-3"]
    assert len(meta.calls) <= TRIES + 8


def test_what_meta_remarks_is_said_once(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    meta = Meta(Reply("accepted", 200, received=1, messages=("mind the gap",)))
    sender = dispatch(meta, clock)
    for n in range(3):
        outbox.put_many([make_twin(n)])
        sender.turn(outbox)
    assert caplog.messages == ["Meta says of a delivered batch: mind the gap"]


def test_a_turn_that_breaks_gives_its_rows_back(outbox: MemoryOutbox, clock: Clock) -> None:
    def broken(twins: list[Twin]) -> Reply:
        raise RuntimeError("a bug")

    outbox.put_many([make_twin(1)])
    with pytest.raises(RuntimeError):
        dispatch(Meta(broken), clock).turn(outbox)
    assert dispatch(Meta(), clock).turn(outbox) == Round(1, 1, 0)


def test_all_due_and_reopened_sends_what_would_have_waited(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    meta = Meta(LOST)
    outbox.put_many([make_twin(1)])
    sender = dispatch(meta, clock)
    sender.turn(outbox)
    meta.answer = TAKEN
    assert sender.turn(outbox, all_due=True) == Round()
    sender.reopen()
    assert sender.turn(outbox, all_due=True) == Round(1, 1, 0)


def test_no_log_line_tells_who_somebody_is(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for reply in (BAD, TOKEN, LOST, TAKEN):
        outbox.put_many([make_twin(f"secret-{reply.code}", email="a@b.se")])
        dispatch(Meta(reply), clock).turn(outbox)
        clock.now += 700
    assert caplog.messages
    assert "a@b.se" not in caplog.text
    assert "secret" not in caplog.text


# --- for people ----------------------------------------------------------------------------


def test_notes_what_keeps_a_pixels_events_back_until_they_leave(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    replies = [Reply("silence", detail="reset")] * 2 + [Reply("refused", code=190), TAKEN]
    sender = Dispatch(lambda twins: replies.pop(0), clock, lambda: 0.0)
    outbox.put_many([make_twin(1)])
    seen = []
    while replies:
        sender.turn(outbox, all_due=True)
        sender.reopen()
        seen.append([(t.reason[:8], t.since, t.held) for t in outbox.troubles()])
        clock.now += 5
    down, token = ("Graph ca", NOW, False), ("190: Met", NOW + 10, True)
    assert seen == [[down], [down], [token], []]


def test_a_predecessors_trouble_ends_with_the_first_delivery(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    outbox.note("111", Trouble("111", "down", NOW - 60))
    outbox.put_many([make_twin(1)])
    dispatch(Meta(), clock).turn(outbox)
    assert outbox.troubles() == []


def test_what_cannot_be_noted_holds_up_nothing(clock: Clock) -> None:
    class Mute(MemoryOutbox):
        def note(self, pixel_id: str, trouble: Trouble | None) -> None:
            raise OSError

    outbox = Mute(clock)
    outbox.put_many([make_twin(1)])
    assert dispatch(Meta(), clock).turn(outbox).delivered == 1


def test_begins_no_call_once_it_is_stopped(outbox: MemoryOutbox, clock: Clock) -> None:
    outbox.put_many([make_twin(1), make_twin(2, pixel_id="222")])
    meta = Meta()
    sender = dispatch(meta, clock)
    sender.stop = lambda: bool(meta.calls)
    sender.turn(outbox)
    sender.turn(outbox)
    assert meta.calls == [["id-1"]]
    assert [row.twin.pixel_id for row in outbox.claim(9, NOW)] == ["222"]
