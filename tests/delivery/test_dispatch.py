"""Sending: one pixel a call, one bad event alone, every verdict obeyed, each thing said once."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pixelpair import logs
from pixelpair.delivery.dispatch import Dispatch, Round
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.meters import Meters
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
        return replace(reply, received=len(twins))


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
    assert sorted(meta.calls) == [["id-0", "id-2"], ["id-1", "id-3"], ["id-10", "id-11"], ["id-12"]]


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


def test_what_meta_remarks_is_said_of_every_batch_until_it_is_too_often(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    meta = Meta(Reply("accepted", 200, received=1, messages=("mind the gap",)))
    sender = dispatch(meta, clock)
    for n in range(4):
        outbox.put_many([make_twin(n)])
        sender.turn(outbox)
        if n == 2:
            logs.SELDOM.forget()  # its interval is over
    assert caplog.messages == ["Meta says of a delivered batch: mind the gap"] * 2


def test_batches_that_meta_counts_otherwise_are_delivered_and_said(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Dispatch(lambda twins: Reply("accepted", 200, received=2), clock, lambda: 0.5)
    for size in (3, 4, 2):
        outbox.put_many([make_twin(f"{size}-{n}") for n in range(size)])
        assert sender.turn(outbox) == Round(size, size, 0)
    assert caplog.messages == ["Meta counted 2 of 3 events sent"]  # the same again, but for numbers


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
    outbox.put_many([make_twin(1), make_twin(2)])
    meta = Meta(BAD)
    sender = dispatch(meta, clock)
    sender.stop = lambda: bool(meta.calls)
    sender.turn(outbox)
    outbox.put_many([make_twin(n, pixel_id=f"22{n}") for n in range(9)])
    sender.turn(outbox)
    assert meta.calls == [["id-1", "id-2"]]
    assert len(outbox.claim(99, NOW)) == 11


# --- events that are mended -----------------------------------------------------------------


def click_id(n: int | str, **more: object) -> Twin:
    """With a click id that Meta refuses."""
    twin = make_twin(n, **more)  # type: ignore[arg-type]
    user = {"client_user_agent": "M", "fbp": "fb.1.2.3", "fbc": "bad"}
    return twin._replace(body=orjson.dumps(orjson.loads(twin.body) | {"user_data": user}))


def blames(*fields: str, named: bool = True, subcode: int = 2804016) -> Callable[..., Reply]:
    """A Graph that refuses the call for the first event that has one of these fields."""

    def answer(twins: list[Twin]) -> Reply:
        for number, twin in enumerate(twins):
            body = orjson.loads(twin.body)
            for part, key in (field.split(".") for field in fields):
                if key in body.get(part, {}):
                    path = (("data", str(number), part, key),) if named else ()
                    return Reply("refused", 400, code=100, subcode=subcode, blamed=path)
        return TAKEN

    return answer


class Seen(Meta):
    """Keeps the bodies that Meta took."""

    def __call__(self, twins: list[Twin]) -> Reply:
        reply = super().__call__(twins)
        if reply.kind == "accepted":
            self.bodies = [*getattr(self, "bodies", []), *(orjson.loads(t.body) for t in twins)]
        return reply


def test_a_field_that_meta_blames_is_left_out_of_its_event_alone(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    meta = Seen(blames("user_data.fbc"))
    outbox.put_many([make_twin(n) if n != 500 else click_id(500) for n in range(1000)])
    (stored,) = [row.twin for row in outbox.queued() if row.twin.event_id == "id-500"]
    assert dispatch(meta, clock).turn(outbox) == Round(1000, 1000, 0)
    assert [len(names) for names in meta.calls] == [1000, 999, 1]
    (mended,) = [body for body in meta.bodies if body["event_id"] == "id-500"]
    expected = orjson.loads(stored.body)
    del expected["user_data"]["fbc"]
    assert mended == expected
    assert caplog.messages == [
        (
            "a ViewContent event was refused, and is sent again without user_data.fbc:"
            " 100/2804016: custom data not accepted"
        )
    ]


def test_a_field_that_is_needed_makes_a_dead_letter_of_its_event_alone(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    meta = Meta(blames("custom_data.value"))
    outbox.put_many([make_twin(n) for n in range(999)])
    outbox.put_many([make_twin("x", name="Purchase", value="free", currency="SEK")])
    assert dispatch(meta, clock).turn(outbox) == Round(1000, 999, 1)
    assert [len(names) for names in meta.calls] == [1000, 999, 1]
    assert [letter.twin.event_id for letter in outbox.dead()] == ["id-x"]


def test_a_second_refusal_is_final(outbox: MemoryOutbox, clock: Clock) -> None:
    meta = Meta(blames("user_data.fbc", "user_data.fbp"))
    outbox.put_many([click_id(1)])
    (row,) = outbox.queued()
    assert dispatch(meta, clock).turn(outbox) == Round(1, 0, 1)
    assert meta.calls == [["id-1"]] * 2
    assert [letter.twin for letter in outbox.dead()] == [row.twin]


def test_a_malformed_click_id_is_left_out_though_nothing_is_blamed(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    meta = Seen(blames("user_data.fbc", named=False, subcode=2804001))
    outbox.put_many([make_twin(n) if n != 5 else click_id(5) for n in range(8)])
    assert dispatch(meta, clock).turn(outbox) == Round(8, 8, 0)
    assert all("fbc" not in body.get("user_data", {}) for body in meta.bodies)


def test_a_blamed_event_that_is_not_to_blame_is_not_lost(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    """Blame is believed as far as whom to send alone: only an event's own refusal kills it."""

    def answer(twins: list[Twin]) -> Reply:
        if all(twin.event_id != "id-7" for twin in twins):
            return TAKEN
        return Reply("refused", 400, code=100, subcode=2804050, blamed=(("data", "0"),))

    outbox.put_many([make_twin(n) for n in range(100)])
    assert dispatch(Meta(answer), clock).turn(outbox) == Round(100, 99, 1)
    assert [letter.twin.event_id for letter in outbox.dead()] == ["id-7"]


def test_a_thousand_events_with_the_same_bad_field_all_arrive_in_bounds(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    sizes: list[int] = []
    refuse = blames("user_data.fbc")

    def answer(twins: list[Twin]) -> Reply:
        sizes.append(len(twins))
        return refuse(twins)

    outbox.put_many([click_id(n) for n in range(1000)])
    assert dispatch(Meta(answer), clock).turn(outbox) == Round(1000, 1000, 0)
    assert len(sizes) <= 2500
    assert sum(sizes) <= 100_000  # one by one from a whole batch: half a million events


def test_a_mended_event_that_must_wait_waits_as_it_was(outbox: MemoryOutbox, clock: Clock) -> None:
    meta = Meta(lambda twins: LOST if len(meta.calls) == 2 else blames("user_data.fbc")(twins))
    outbox.put_many([click_id(1)])
    (row,) = outbox.queued()
    sender = dispatch(meta, clock)
    assert sender.turn(outbox) == Round(1, 0, 0)
    assert list(outbox.queued()) == [row]
    clock.now += 10
    assert sender.turn(outbox) == Round(1, 1, 0)


def test_no_value_of_a_dropped_field_is_logged(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outbox.put_many([make_twin(1, note="a@b.se")])
    assert dispatch(Meta(blames("custom_data.note")), clock).turn(outbox).delivered == 1
    assert "custom_data.note" in caplog.text
    assert "a@b.se" not in caplog.text


# --- times ---------------------------------------------------------------------------------


def times(body: dict[str, Any]) -> tuple[str, int]:
    return body["event_id"], body["event_time"]


def test_an_event_from_the_future_leaves_as_of_now_and_stays_as_it_was(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    """Meta refuses the whole batch for one (2804004)."""
    clock.now += 0.9
    meta = Seen(LOST)
    outbox.put_many([make_twin(1, at=NOW - 9), make_twin(2, at=NOW), make_twin(3, at=NOW + 50)])
    sender = dispatch(meta, clock)
    sender.turn(outbox)
    assert [row.twin.event_time for row in outbox.queued()] == [NOW - 9, NOW, NOW + 50]
    meta.answer = TAKEN
    clock.now += 5
    sender.turn(outbox)
    assert list(map(times, meta.bodies)) == [("id-1", NOW - 9), ("id-2", NOW), ("id-3", NOW + 5)]


def graph_with_its_own_clock(clock: Clock, behind: int) -> Callable[[list[Twin]], Reply]:
    def answer(twins: list[Twin]) -> Reply:
        now = int(clock.now) - behind
        if any(twin.event_time > now for twin in twins):
            return Reply("refused", 400, code=100, subcode=2804004, date=now)
        return Reply("accepted", 200, received=len(twins), date=now)

    return answer


def test_events_of_a_clock_that_is_ahead_of_metas_leave_as_of_metas_now(
    outbox: MemoryOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Without that each of them would be a dead letter."""
    meta = Seen(graph_with_its_own_clock(clock, 300))
    sender = dispatch(meta, clock)
    outbox.put_many([make_twin(1), make_twin(2, at=NOW - 500)])
    assert sender.turn(outbox) == Round(2, 2, 0)
    assert list(map(times, meta.bodies)) == [("id-1", NOW - 300), ("id-2", NOW - 500)]
    assert len(meta.calls) == 2
    outbox.put_many([make_twin(3)])
    assert sender.turn(outbox) == Round(1, 1, 0)
    assert len(meta.calls) == 3  # it is known now
    assert caplog.text.count("ahead of Meta's") == 1
    meta.answer = graph_with_its_own_clock(clock, 0)
    for n in (4, 5):
        outbox.put_many([make_twin(n)])
        sender.turn(outbox)
    assert times(meta.bodies[-1]) == ("id-5", NOW)


def test_a_future_time_that_meta_refuses_without_a_date_dies_alone(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    future = Reply("refused", 400, code=100, subcode=2804004)
    meta = Meta(lambda twins: future if any(t.event_id == "id-2" for t in twins) else TAKEN)
    outbox.put_many([make_twin(n) for n in range(4)])
    assert dispatch(meta, clock).turn(outbox) == Round(4, 3, 1)


# --- for metrics ---------------------------------------------------------------------------


class Told(Meters):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, float]] = []

    def observe(self, name: str, value: float) -> None:
        self.seen.append((name, value))


def test_counts_what_became_of_events(outbox: MemoryOutbox, clock: Clock) -> None:
    replies = [LOST, TOKEN, TAKEN]
    meters = Told()
    sender = Dispatch(lambda twins: replies.pop(0), clock, lambda: 0.5, meters=meters)
    outbox.put_many([make_twin(1, at=NOW - 60), make_twin(2), make_twin(3, name="Lead")])
    while replies:
        sender.turn(outbox, all_due=True)
        sender.reopen()
    outbox.put_many([make_twin(4, name="Lead")])
    replies.append(BAD)
    sender.turn(outbox)
    assert meters.counts == {
        ("retried", "silence"): 3,
        ("retried", "hold"): 3,
        ("delivered", "ViewContent"): 2,
        ("delivered", "Lead"): 1,
        ("dead", "100/2804050: not enough customer information"): 1,
    }
    assert [seen for seen in meters.seen if seen[0] != "graph_seconds"] == [
        ("batch_size", 3),
        ("lag_seconds", 60),
    ]
    assert [name for name, _ in meters.seen].count("graph_seconds") == 4


def test_counts_the_events_that_were_set_aside_for_their_age(
    outbox: MemoryOutbox, clock: Clock
) -> None:
    meters = Told()
    outbox.put_many([make_twin(1, at=NOW - MAX_AGE)])
    Dispatch(Meta(), clock, lambda: 0.5, meters=meters).turn(outbox)
    assert meters.counts == {("dead", "older than 7 days"): 1}
