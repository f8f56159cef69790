"""The contract that every outbox keeps, run on each of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery.memory import MemoryOutbox
from pixelpair.delivery.outbox import (
    REMEMBER,
    REMEMBER_LASTING,
    REMEMBER_WITHDRAWAL,
    WITHDRAWALS,
    Bypass,
    DeadLetter,
    Outbox,
    Room,
    Row,
    Stats,
    Tally,
    Trouble,
    digest,
    digests,
)
from pixelpair.delivery.redis import RedisOutbox
from pixelpair.delivery.retry import Dead, Delivered, Hold, RetryAt
from pixelpair.delivery.sqlite import SqliteOutbox

from .conftest import NOW, Clock, make_twin
from .redis_server import fresh_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


OUTBOXES: dict[str, Callable[..., Outbox]] = {
    "memory": lambda _, clock, **options: MemoryOutbox(clock, **options),
    "sqlite": lambda spool, clock, **options: SqliteOutbox(spool / "o", clock, **options),
    "redis": lambda spool, clock, **options: RedisOutbox(fresh_url(), spool, clock, **options),
}


@pytest.fixture(params=OUTBOXES)
def outbox(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    box = OUTBOXES[request.param](tmp_path, clock)
    yield box
    box.close()


def claimed(box: Outbox, now: float = NOW) -> list[str]:
    return [row.twin.event_id for row in box.claim(1000, now)]


def deliver_all(box: Outbox, now: float = NOW) -> None:
    box.settle([(row.key, Delivered()) for row in box.claim(1000, now)], now)


def test_the_identities_of_many_are_those_of_each() -> None:
    twins = [make_twin(n, pixel_id=f"{n % 2}", name=f"Å{n % 3}") for n in range(9)]
    assert digests(twins) == list(map(digest, twins))
    assert len(set(digests(twins))) == 9


def test_gives_whole_twins_oldest_first(outbox: Outbox) -> None:
    twins = [make_twin(n, lasting=n == 2, what="å") for n in (3, 1, 2)]
    assert outbox.put_many(twins) == 3
    rows = outbox.claim(2, NOW) + outbox.claim(2, NOW)
    assert [Row(row.key, row.twin, row.attempts) for row in rows] == rows
    assert [(row.twin, row.attempts) for row in rows] == [(twin, 0) for twin in twins]


def test_gives_a_claimed_event_to_nobody_else(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1)])
    assert claimed(outbox) == ["id-1"]
    assert claimed(outbox) == []


def test_takes_an_identity_once_while_it_waits(outbox: Outbox) -> None:
    assert outbox.put_many([make_twin(1), make_twin(1, value=2)]) == 1
    assert outbox.put_many([make_twin(1), make_twin(2)]) == 1
    assert claimed(outbox) == ["id-1", "id-2"]


def test_another_pixel_or_name_is_another_event(outbox: Outbox) -> None:
    twins = [make_twin(1), make_twin(1, pixel_id="222"), make_twin(1, name="Purchase")]
    assert outbox.put_many(twins) == 3


@pytest.mark.parametrize(("lasting", "memory"), [(False, REMEMBER), (True, REMEMBER_LASTING)])
def test_remembers_a_delivered_event_for_its_time(
    outbox: Outbox, clock: Clock, lasting: bool, memory: float
) -> None:
    twin = make_twin(1, lasting=lasting)
    outbox.put_many([twin])
    deliver_all(outbox)
    clock.now = NOW + memory - 1
    assert outbox.put_many([twin]) == 0
    clock.now = NOW + memory
    assert outbox.put_many([twin]) == 1


def test_leaves_other_pixels_alone_when_told(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1, pixel_id="111"), make_twin(2, pixel_id="222")])
    assert sorted(outbox.lanes()) == ["111", "222"]
    assert [row.twin.pixel_id for row in outbox.claim(9, NOW, "222")] == ["222"]
    assert [row.twin.pixel_id for row in outbox.claim(9, NOW)] == ["111"]
    deliver_all(outbox)


def test_gives_a_retried_event_when_its_time_has_come(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1)])
    for counted in (True, False, True):
        (row,) = outbox.claim(9, NOW)
        outbox.settle([(row.key, RetryAt(NOW + 10, "x", counted))], NOW)
        assert outbox.claim(9, NOW + 9) == []
        (row,) = outbox.claim(9, NOW + 10)
        outbox.settle([(row.key, RetryAt(NOW, "x"))], NOW)
    assert [row.attempts for row in outbox.claim(9, NOW)] == [2]


def test_a_held_event_is_free_for_the_next_claim(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1)])
    for _ in range(2):
        (row,) = outbox.claim(9, NOW)
        outbox.settle([(row.key, Hold(NOW + 60, "token"))], NOW)
    assert [row.attempts for row in outbox.claim(9, NOW)] == [0]


def test_keeps_a_dead_letter_with_its_reason(outbox: Outbox, clock: Clock) -> None:
    twins = [make_twin(1), make_twin(2)]
    outbox.put_many(twins)
    rows = outbox.claim(9, NOW)
    outbox.settle([(rows[0].key, Dead("why")), (rows[1].key, Delivered())], NOW + 5)
    (letter,) = outbox.dead()
    assert letter == DeadLetter(letter.key, twins[0], "why", NOW + 5)
    assert outbox.stats() == Stats(queued=0, dead=1, delivered=1, oldest=None)


def test_buries_a_faulty_event_at_once_and_once(outbox: Outbox, clock: Clock) -> None:
    faulty = make_twin(1, name="Purchase", fault="no value")
    assert outbox.put_many([faulty]) == 1
    assert outbox.put_many([faulty]) == 0
    (letter,) = outbox.dead()
    assert letter == DeadLetter(letter.key, faulty, "no value", NOW)
    assert claimed(outbox) == []


def test_a_mended_event_is_not_blocked_by_its_dead_letter(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1, fault="no value")])
    assert outbox.put_many([make_twin(1)]) == 1


def test_a_faulty_copy_of_a_queued_event_is_nothing_new(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1)])
    assert outbox.put_many([make_twin(1, fault="no value")]) == 0
    assert outbox.dead() == []


def test_lists_the_newest_dead_letters_first(outbox: Outbox) -> None:
    outbox.put_many([make_twin(n, fault="f") for n in range(5)])
    assert [letter.twin.event_id for letter in outbox.dead(2)] == ["id-4", "id-3"]


def test_replays_dead_letters_but_those_that_must_not_leave(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1), make_twin(2), make_twin(3, fault="no value")])
    outbox.settle([(row.key, Dead("x")) for row in outbox.claim(9, NOW)], NOW)
    (one,) = (letter.key for letter in outbox.dead() if letter.twin.event_id == "id-1")
    assert outbox.replay([one]) == 1
    assert claimed(outbox) == ["id-1"]
    assert outbox.replay() == 1
    assert [letter.twin.event_id for letter in outbox.dead()] == ["id-3"]


def test_a_replay_of_what_was_delivered_meanwhile_adds_nothing(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1)])
    outbox.settle([(row.key, Dead("x")) for row in outbox.claim(9, NOW)], NOW)
    outbox.put_many([make_twin(1)])
    deliver_all(outbox)
    assert outbox.replay() == 0
    assert outbox.stats() == Stats(queued=0, dead=0, delivered=1)


def test_purges_the_dead_letters_that_are_named_or_all(outbox: Outbox) -> None:
    outbox.put_many([make_twin(n, fault="f") for n in range(3)])
    keys = [letter.key for letter in outbox.dead()]
    assert outbox.purge(keys[:1]) == 1
    assert [letter.key for letter in outbox.dead()] == keys[1:]
    assert outbox.purge() == 2
    assert outbox.stats() == Stats()


@pytest.mark.parametrize("box", OUTBOXES)
def test_dead_letters_are_kept_for_their_time(tmp_path: Path, clock: Clock, box: str) -> None:
    outbox = OUTBOXES[box](tmp_path, clock, keep_dead=500.0)
    outbox.put_many([make_twin("fault", fault="f"), make_twin("refused")])
    clock.now += 100
    outbox.settle([(row.key, Dead("x")) for row in outbox.claim(9, NOW)], clock.now)
    clock.now = NOW + 499
    outbox.put_many([])
    assert len(outbox.dead()) == 2
    clock.now = NOW + 599
    outbox.put_many([])
    assert [letter.twin.event_id for letter in outbox.dead()] == ["id-refused"]
    clock.now = NOW + 600 + 60
    assert outbox.put_many([make_twin(3, fault="f")]) == 1
    assert [letter.twin.event_id for letter in outbox.dead()] == ["id-3"]
    outbox.close()


def test_has_room_where_no_limit_is_set(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1), make_twin(2, fault="f")])
    assert outbox.make_room() == Room()
    assert outbox.stats() == Stats(queued=1, dead=1, oldest=NOW)


def test_keeps_how_far_each_journal_was_read(outbox: Outbox) -> None:
    assert outbox.offset("j1") == 0
    outbox.put_many([make_twin(1)], "j1", 100)
    outbox.put_many([], "j1", 250)
    outbox.put_many([make_twin(2)], "j2", 7)
    assert (outbox.offset("j1"), outbox.offset("j2")) == (250, 7)
    assert sorted(outbox.sources()) == ["j1", "j2"]
    outbox.forget("j1")
    assert (outbox.offset("j1"), outbox.sources()) == (0, ["j2"])


def test_tells_since_when_events_wait(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1, at=NOW - 90), make_twin(2, at=NOW - 5), make_twin(3)])
    assert outbox.stats() == Stats(queued=3, oldest=NOW - 90)
    outbox.settle([(row.key, Delivered()) for row in outbox.claim(1, NOW)], NOW)
    assert outbox.stats() == Stats(queued=2, delivered=1, oldest=NOW - 5)


def test_a_verdict_on_an_unknown_event_is_harmless(outbox: Outbox) -> None:
    verdicts = [(77, Delivered()), (78, Dead("x")), (79, RetryAt(1, "x")), (80, Hold(1, "x"))]
    outbox.settle(verdicts, NOW)
    assert outbox.stats() == Stats()


def test_awkward_ids_stay_apart(outbox: Outbox) -> None:
    twins = [make_twin(n) for n in ("", "a\0b", "å", "'; DROP TABLE event; --", "x" * 5000)]
    assert outbox.put_many(twins) == len(twins)
    assert [row.twin for row in outbox.claim(9, NOW)] == twins


def test_tells_whether_the_visitor_had_agreed(outbox: Outbox) -> None:
    twins = [make_twin(n, consent=word) for n, word in enumerate(("granted", ""))]
    twins.append(make_twin(2, consent="granted", fault="no value"))
    outbox.put_many(twins)
    rows = outbox.claim(9, NOW)
    assert [row.twin for row in rows] == twins[:2]
    outbox.settle([(row.key, Dead("x")) for row in rows], NOW)
    assert {letter.twin for letter in outbox.dead()} == set(twins)
    assert outbox.replay() == 2
    assert [row.twin for row in outbox.claim(9, NOW)] == twins[:2]


# --- past the outbox -----------------------------------------------------------------------

BYPASSED = [name for name in OUTBOXES if name != "redis"]


def identified(*twins: Twin) -> list[Row]:
    return [Row(digest(twin), twin) for twin in twins]


def state(box: Outbox) -> tuple[object, ...]:
    letters = [(letter.twin, letter.reason, letter.died) for letter in box.dead()]
    queued = [(row.twin, row.attempts) for row in box.queued()]
    return box.stats(), box.tallies(), letters, queued


def test_redis_has_no_way_past_it(tmp_path: Path, clock: Clock) -> None:
    found = {}
    for name, make in OUTBOXES.items():
        with closing(make(tmp_path, clock)) as box:
            found[name] = isinstance(box, Bypass)
    assert found == {"memory": True, "sqlite": True, "redis": False}


@pytest.mark.parametrize("name", BYPASSED)
def test_what_passed_it_stands_as_if_it_had_been_put_and_settled(
    tmp_path: Path, clock: Clock, name: str
) -> None:
    twins = [
        make_twin(1),
        make_twin(2, name="Purchase", lasting=True),
        make_twin(3, pixel_id="222"),
        make_twin(4),
        make_twin(5, consent="granted"),
        make_twin(6),
    ]
    verdicts = [Delivered()] * 3 + [RetryAt(NOW + 9, "x", True), RetryAt(NOW, "x"), Dead("why")]
    boxes = [OUTBOXES[name](tmp_path / side, clock) for side in ("put", "past")]
    put, past = boxes
    put.put_many(twins)
    rows = put.claim(9, NOW)
    pairs = zip([row.key for row in rows], verdicts, strict=True)
    put.settle(list(pairs), NOW + 1)
    assert isinstance(past, Bypass)
    kept = list(zip(identified(*twins[3:]), verdicts[3:], strict=True))
    past.settle_new(identified(*twins[:3]), kept, NOW + 1)
    assert state(past) == state(put)
    assert state(past)[0] == Stats(queued=2, dead=1, delivered=3, oldest=NOW)
    for now in (NOW + 8, NOW + 9):
        found = [[row.twin for row in box.claim(9, now)] for box in boxes]
        assert found[0] == found[1]
    for after in (REMEMBER - 1, REMEMBER + 2, REMEMBER_LASTING - 1, REMEMBER_LASTING + 2):
        clock.now = NOW + after
        assert past.put_many(twins[:3]) == put.put_many(twins[:3])
    for box in boxes:
        box.close()


@pytest.mark.parametrize("name", BYPASSED)
def test_knows_what_it_would_not_take_in(tmp_path: Path, clock: Clock, name: str) -> None:
    box = OUTBOXES[name](tmp_path, clock)
    assert isinstance(box, Bypass)
    waits, sent, passed, dead = (make_twin(n) for n in ("waits", "sent", "passed", "dead"))
    box.put_many([sent, dead])
    verdicts = [Delivered(), Dead("x")]
    keys = [row.key for row in box.claim(9, NOW)]
    box.settle(list(zip(keys, verdicts, strict=True)), NOW)
    box.put_many([waits, Withdrawal("111", "fb.1.1.1", NOW)])
    box.settle_new(identified(passed), [], NOW)
    new, elsewhere = make_twin("new"), make_twin("waits", pixel_id="222")
    withdrawn, later = (make_twin(n, fbp="fb.1.1.1", at=NOW + n) for n in (0, 1))
    met = make_twin("met", fbp="fb.1.1.1", at=NOW + 5)._replace(met=NOW - 5)
    asked = [waits, sent, passed, dead, new, elsewhere, withdrawn, later, met]
    digests = [digest(twin) for twin in asked]
    found = box.known(asked, digests)
    assert [twin for twin, d in zip(asked, digests, strict=True) if d in found] == [
        waits,
        sent,
        passed,
        withdrawn,
        met,
    ]
    assert box.known([], []) == set()
    clock.now = NOW + REMEMBER
    assert box.put_many([passed]) == 1
    box.close()


# --- withdrawals ---------------------------------------------------------------------------

FBP = "fb.1.1700000000000.12"
LONGER, OTHER = f"{FBP}3", "fb.1.1700000000000.7"
GONE = Withdrawal("111", FBP, NOW)


def test_a_withdrawal_deletes_what_waits_of_its_visitor_and_nothing_else(outbox: Outbox) -> None:
    dead = [make_twin(n, fbp=fbp) for n, fbp in (("d1", FBP), ("d2", OTHER))]
    outbox.put_many(dead)
    outbox.settle([(row.key, Dead("x")) for row in outbox.claim(9, NOW)], NOW)
    stay = [
        make_twin(1, fbp=LONGER),
        make_twin(2, fbp=OTHER),
        make_twin(3, fbp=FBP, pixel_id="222"),
        make_twin(4, fbp=FBP, at=NOW + 1),
        make_twin(5),
        make_twin(6, text=f'"fbp":"{FBP}"'),
        make_twin(7, fbp=FBP[:-1]),
    ]
    go = [
        make_twin(8, fbp=FBP),
        make_twin(9, fbp=FBP, at=NOW - 90, lasting=True),
        make_twin(10, fbp=FBP, fault="no value"),
    ]
    outbox.put_many([*go, *stay])
    assert outbox.put_many([GONE], "j", 70) == 0
    assert outbox.stats() == Stats(queued=len(stay), dead=1, oldest=NOW, withdrawn=4)
    assert outbox.offset("j") == 70
    assert [row.twin for row in outbox.claim(99, NOW)] == stay
    assert [letter.twin for letter in outbox.dead()] == [dead[1]]


def test_a_withdrawal_goes_for_all_events_that_are_read_with_it(outbox: Outbox) -> None:
    first, last, other = make_twin(1, fbp=FBP), make_twin(2, fbp=FBP), make_twin(3, fbp=OTHER)
    assert outbox.put_many([first, GONE, last, other]) == 1
    assert [row.twin for row in outbox.claim(9, NOW)] == [other]
    assert outbox.stats() == Stats(queued=1, oldest=NOW, withdrawn=2)


def test_what_is_read_of_a_withdrawn_visitor_later_is_not_taken_in_for_a_while(
    outbox: Outbox, clock: Clock
) -> None:
    outbox.put_many([GONE])
    clock.now = NOW + REMEMBER_WITHDRAWAL - 1
    assert outbox.put_many([make_twin(1, fbp=FBP), make_twin(2, fbp=FBP, fault="f")]) == 0
    assert outbox.put_many([make_twin(1, fbp=FBP)]) == 0
    assert outbox.stats() == Stats(withdrawn=2)
    assert outbox.put_many([make_twin(3, fbp=FBP, at=NOW + 1), make_twin(4, fbp=LONGER)]) == 2
    clock.now = NOW + REMEMBER_WITHDRAWAL
    assert outbox.put_many([make_twin(5, fbp=FBP)]) == 1


def test_of_two_withdrawals_the_later_counts(outbox: Outbox) -> None:
    outbox.put_many([Withdrawal("111", FBP, NOW - 10), GONE, Withdrawal("111", FBP, NOW - 20)])
    twins = [make_twin(n, fbp=FBP, at=NOW + n) for n in (-30, -20, -10, 0, 1)]
    outbox.put_many(twins)
    assert [row.twin for row in outbox.claim(9, NOW)] == twins[-1:]


@pytest.mark.parametrize(("lasting", "memory"), [(False, REMEMBER), (True, REMEMBER_LASTING)])
@pytest.mark.parametrize("dead", [False, True])
def test_remembers_a_withdrawn_event_like_a_delivered_one(
    outbox: Outbox, clock: Clock, lasting: bool, memory: float, dead: bool
) -> None:
    twin = make_twin(1, fbp=FBP, lasting=lasting)
    outbox.put_many([twin])
    if dead:
        outbox.settle([(row.key, Dead("x")) for row in outbox.claim(9, NOW)], NOW)
    outbox.put_many([GONE])
    again = twin._replace(event_time=NOW + 1)  # which no withdrawal speaks against
    clock.now = NOW + memory - 1
    assert outbox.put_many([again]) == 0
    clock.now = NOW + memory
    assert outbox.put_many([again]) == 1


@pytest.mark.parametrize(
    "verdict", [Delivered(), RetryAt(NOW, "x", True), Dead("x"), Hold(NOW, "x")]
)
def test_a_claimed_event_that_is_withdrawn_does_not_come_back(
    outbox: Outbox, verdict: Delivered | RetryAt | Dead | Hold
) -> None:
    outbox.put_many([make_twin(1, fbp=FBP), make_twin(2, fbp=OTHER)])
    rows = outbox.claim(1, NOW)
    outbox.put_many([GONE])
    outbox.settle([(row.key, verdict) for row in rows], NOW)
    assert outbox.stats() == Stats(queued=1, oldest=NOW, withdrawn=1)
    assert (claimed(outbox), outbox.dead(), outbox.replay()) == (["id-2"], [], 0)


def test_a_withdrawn_dead_letter_leaves_its_mended_event_known(
    outbox: Outbox, clock: Clock
) -> None:
    outbox.put_many([make_twin(1, fbp=FBP, fault="no value")])
    mended = make_twin(1, fbp=FBP, at=NOW + 1)
    outbox.put_many([mended])
    outbox.put_many([GONE])
    clock.now += REMEMBER
    assert outbox.put_many([mended]) == 0
    assert outbox.stats() == Stats(queued=1, oldest=NOW + 1, withdrawn=1)


def test_the_memory_of_withdrawals_is_bounded(outbox: Outbox, clock: Clock) -> None:
    outbox.put_many([GONE])
    clock.now += 1
    outbox.put_many([Withdrawal("111", f"fb.1.1.{n}", NOW) for n in range(WITHDRAWALS)])
    assert outbox.put_many([make_twin(1, fbp="fb.1.1.0"), make_twin(2, fbp=FBP)]) == 1


@pytest.mark.parametrize(
    "fbp", ["", "'; DROP TABLE event; --", "%", 'a"b', "a\\", "\0", "å€😀", "x" * 200, "*", '"']
)
def test_a_withdrawal_of_hostile_text_hits_nobody_else(outbox: Outbox, fbp: str) -> None:
    names = [FBP, "x" * 199, "x" * 201, "a\\\\", "a", "id"]
    twins = [make_twin("none"), *(make_twin(n, fbp=name) for n, name in enumerate(names))]
    outbox.put_many(twins)
    outbox.put_many([Withdrawal("111", fbp, NOW), Withdrawal(fbp, FBP, NOW)])
    assert [row.twin for row in outbox.claim(99, NOW)] == twins


class AllAgree(RuleBasedStateMachine):
    """Whatever is asked of them, in whatever order, each answers as memory does."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.folder = TemporaryDirectory()
        spool = Path(self.folder.name)
        self.boxes = [make(spool, self.clock) for make in OUTBOXES.values()]

    def teardown(self) -> None:
        for box in self.boxes:
            box.close()
        self.folder.cleanup()

    @rule(
        numbers=st.lists(st.integers(0, 6), max_size=4),
        fault=st.sampled_from([None, None, "f"]),
        lasting=st.booleans(),
        fbp=st.sampled_from([None, FBP, LONGER]),
        pixel_id=st.sampled_from(["111", "222"]),
        withdrawn=st.sampled_from([None, None, None, FBP, LONGER]),
    )
    def put(
        self,
        numbers: list[int],
        fault: str | None,
        lasting: bool,
        fbp: str | None,
        pixel_id: str,
        withdrawn: str | None,
    ) -> None:
        now = int(self.clock.now)
        make = partial(make_twin, fault=fault, lasting=lasting, fbp=fbp, pixel_id=pixel_id)
        records: list[Twin | Withdrawal] = [make(n, at=now - n) for n in numbers]
        if withdrawn:
            records.insert(1, Withdrawal(pixel_id, withdrawn, now - 2))
        assert_same([box.put_many(records, "j", len(records)) for box in self.boxes])

    @rule(
        limit=st.integers(1, 4),
        verdict=st.sampled_from(
            [Delivered(), Dead("d"), RetryAt(NOW + 60, "r", True), Hold(NOW, "h"), None]
        ),
        pixel_id=st.sampled_from([None, None, "111"]),
    )
    def claim(
        self,
        limit: int,
        verdict: Delivered | Dead | RetryAt | Hold | None,
        pixel_id: str | None,
    ) -> None:
        seen: list[object] = []
        for box in self.boxes:
            rows = box.claim(limit, self.clock.now, pixel_id)
            seen.append([(row.twin, row.attempts) for row in rows])
            if verdict is not None:
                box.settle([(row.key, verdict) for row in rows], self.clock.now)
        assert_same(seen)

    @rule(seconds=st.sampled_from([30, 4000, 700_000]))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(chosen=st.integers(0, 3))
    def erase(self, chosen: int) -> None:
        gone = []
        for box in self.boxes:
            keys = [row.key for row in box.queued()][chosen : chosen + 1]
            gone.append((box.erase(keys * 2), box.erase(keys)))
        assert_same([*gone])

    @rule(pixel_id=st.sampled_from(["111", "222"]), reason=st.sampled_from([None, "å", "why"]))
    def note(self, pixel_id: str, reason: str | None) -> None:
        trouble = reason and Trouble(pixel_id, reason, self.clock.now, reason == "why")
        for box in self.boxes:
            box.note(pixel_id, trouble or None)

    @rule()
    def replay(self) -> None:
        assert_same([box.replay() for box in self.boxes])

    @invariant()
    def show_the_same(self) -> None:
        assert_same([(box.stats(), box.lanes(), _letters(box)) for box in self.boxes])
        assert_same([_survey(box) for box in self.boxes])


def assert_same(answers: list[object]) -> None:
    assert answers == answers[:1] * len(answers)


def _survey(box: Outbox) -> tuple[list[object], ...]:
    waiting = [(row.twin, row.attempts) for row in box.queued()]
    return [*box.tallies()], [*waiting], [letter.twin for letter in box.letters()], box.troubles()


def _letters(box: Outbox) -> set[tuple[object, ...]]:
    return {(letter.twin, letter.reason, letter.died) for letter in box.dead()}


TestAllAgree = AllAgree.TestCase
TestAllAgree.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


# --- what people ask ---------------------------------------------------------------------------


def counted(box: Outbox) -> list[Tally]:
    """Without `oldest`, which not every outbox knows."""
    return [replace(tally, oldest=None) for tally in box.tallies()]


def test_counts_events_by_pixel_and_name(outbox: Outbox) -> None:
    assert outbox.tallies() == []
    outbox.put_many([make_twin(n, name="Lead") for n in range(3)])
    outbox.put_many([make_twin(n, pixel_id="222") for n in range(2)])
    outbox.put_many([make_twin(9, name="Purchase", fault="no value")])
    rows = outbox.claim(2, NOW, "111")
    outbox.settle([(rows[0].key, Delivered()), (rows[1].key, Dead("x"))], NOW)
    (row,) = outbox.claim(1, NOW, "222")
    outbox.settle([(row.key, Delivered())], NOW)
    assert counted(outbox) == [
        Tally("111", "Lead", queued=1, dead=1, delivered=1),
        Tally("111", "Purchase", dead=1),
        Tally("222", "ViewContent", queued=1, delivered=1),
    ]


def test_what_was_delivered_stays_counted(outbox: Outbox, clock: Clock) -> None:
    for n in range(3):
        outbox.put_many([make_twin(n)])
        deliver_all(outbox)
        clock.now += REMEMBER_LASTING
    assert counted(outbox) == [Tally("111", "ViewContent", delivered=3)]


def test_counts_no_delivery_of_what_was_withdrawn_meanwhile(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1, fbp=FBP)])
    rows = outbox.claim(9, NOW)
    outbox.put_many([GONE])
    outbox.settle([(row.key, Delivered()) for row in rows], NOW)
    assert counted(outbox) == []


def test_reads_what_is_queued_claimed_or_not(outbox: Outbox) -> None:
    twins = [make_twin(n, text="x" * n) for n in range(1203)]
    outbox.put_many(twins)
    rows = outbox.claim(2, NOW)
    outbox.settle([(rows[0].key, RetryAt(NOW + 9, "x", True))], NOW)
    found = list(outbox.queued())
    assert sorted((row.twin for row in found), key=lambda twin: int(twin.event_id[3:])) == twins
    assert {row.key: row.attempts for row in found if row.attempts} == {rows[0].key: 1}


def test_reads_every_dead_letter_newest_first(outbox: Outbox) -> None:
    outbox.put_many([make_twin(n, fault="f") for n in range(1203)])
    assert list(outbox.letters()) == outbox.dead(2000)
    assert [letter.twin.event_id for letter in outbox.letters()][:2] == ["id-1202", "id-1201"]


def test_erases_queued_events_claimed_or_not(outbox: Outbox, clock: Clock) -> None:
    twins = [make_twin(n, lasting=n == 2) for n in range(4)]
    outbox.put_many(twins)
    rows = outbox.claim(1, NOW)
    keys = {row.twin.event_id: row.key for row in outbox.queued()}
    unknown = type(rows[0].key)(99999)
    assert outbox.erase([keys["id-0"], keys["id-2"], keys["id-2"], unknown]) == 2
    assert outbox.erase([keys["id-0"]]) == 0
    outbox.settle([(row.key, RetryAt(NOW, "x", True)) for row in rows], NOW)
    assert claimed(outbox) == ["id-1", "id-3"]
    assert outbox.stats() == Stats(queued=2, oldest=NOW, withdrawn=2)
    clock.now += REMEMBER - 1
    assert outbox.put_many(twins) == 0
    clock.now += 1
    assert outbox.put_many([twins[0], twins[2]]) == 1


def test_notes_why_a_pixels_events_do_not_leave(outbox: Outbox) -> None:
    assert outbox.troubles() == []
    outbox.note("222", Trouble("222", "190: token", NOW, held=True))
    outbox.note("111", Trouble("111", "down", NOW))
    outbox.note("111", Trouble("111", "slow [å]", NOW + 0.5))
    outbox.note("333", None)
    assert outbox.troubles() == [
        Trouble("111", "slow [å]", NOW + 0.5),
        Trouble("222", "190: token", NOW, held=True),
    ]
    outbox.note("222", None)
    assert [trouble.pixel_id for trouble in outbox.troubles()] == ["111"]
