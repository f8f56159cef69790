"""The ledger of Purchases: part of the contract that every outbox keeps."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import Twin, Withdrawal
from pixelpair.delivery.ledger import KEEP_PURCHASES, PAGE, Purchase, purchase_of
from pixelpair.delivery.outbox import KEEP_DEAD, REMEMBER_LASTING, Bypass, Row, digest
from pixelpair.delivery.redis import SWEEP_EVERY, RedisOutbox
from pixelpair.delivery.redis_words import of_purchase, purchase_from
from pixelpair.delivery.retry import Dead, Delivered, RetryAt
from pixelpair.delivery.sqlite import SqliteOutbox

from .conftest import NOW, Clock, make_twin
from .redis_server import fresh_url
from .test_outbox import OUTBOXES, deliver_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelpair.delivery.outbox import Outbox

FBP = "fb.1.1.1"


@pytest.fixture(params=OUTBOXES)
def outbox(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    box = OUTBOXES[request.param](tmp_path, clock)
    yield box
    box.close()


def bought(number: int | str = 1, *, value: object = 99.9, **more: object) -> Twin:
    told = {"order_id": f"A-{number}", "value": value, "currency": "SEK"}
    return make_twin(number, name="Purchase", lasting=True, **{**told, **more})  # type: ignore[arg-type]


def states(box: Outbox) -> dict[str, str]:
    return {purchase.event_id: purchase.state for purchase in box.purchases()}


def test_knows_a_purchase_from_the_moment_it_is_put(outbox: Outbox) -> None:
    outbox.put_many([bought(1), bought(2, pixel_id="222", at=NOW - 5, value=1299)])
    assert sorted(outbox.purchases()) == [
        Purchase("111", "id-1", "A-1", Decimal("99.9"), "SEK", NOW, "waiting"),
        Purchase("222", "id-2", "A-2", Decimal(1299), "SEK", NOW - 5, "waiting"),
    ]


def test_knows_nothing_of_other_events(outbox: Outbox) -> None:
    outbox.put_many([make_twin(1, order_id="A-1", value=1), make_twin(2, name="PurchaseLater")])
    deliver_all(outbox)
    assert list(outbox.purchases()) == []


def test_tells_what_became_of_each(outbox: Outbox) -> None:
    outbox.put_many([bought(n) for n in range(4)])
    outbox.put_many([bought(4, fault="Purchase without value", value=None)])
    rows = {row.twin.event_id: row.key for row in outbox.claim(3, NOW)}
    verdicts = (Delivered(), Dead("x"), RetryAt(NOW + 9, "y"))
    outbox.settle(list(zip(rows.values(), verdicts, strict=True)), NOW)
    assert states(outbox) == {
        "id-0": "delivered",
        "id-1": "dead",
        "id-2": "waiting",
        "id-3": "waiting",
        "id-4": "dead",
    }


def test_a_second_of_the_same_order_changes_nothing(outbox: Outbox) -> None:
    outbox.put_many([bought(1)])
    deliver_all(outbox)
    outbox.put_many([bought(1, value=5), make_twin(1, name="Purchase", fault="no value")])
    (purchase,) = outbox.purchases()
    assert (purchase.value, purchase.state) == (Decimal("99.9"), "delivered")


def test_follows_replay_and_outlives_purge(outbox: Outbox) -> None:
    outbox.put_many([bought(1), bought(2)])
    rows = outbox.claim(9, NOW)
    outbox.settle([(row.key, Dead("x")) for row in rows], NOW)
    first = next(letter.key for letter in outbox.letters() if letter.twin.event_id == "id-1")
    assert (outbox.replay([first]), outbox.purge()) == (1, 1)
    assert states(outbox) == {"id-1": "waiting", "id-2": "dead"}
    deliver_all(outbox)
    assert states(outbox) == {"id-1": "delivered", "id-2": "dead"}


def test_what_is_withdrawn_or_erased_stays_known_as_that(outbox: Outbox) -> None:
    outbox.put_many([bought(1, fbp=FBP), bought(2, fbp=FBP), bought(3), bought(4, fbp=FBP)])
    one, dead, erased, sent = outbox.claim(9, NOW)
    outbox.settle([(dead.key, Dead("x")), (sent.key, Delivered())], NOW)
    assert outbox.erase([erased.key]) == 1
    outbox.put_many([Withdrawal("111", FBP, NOW), bought(5, fbp=FBP)])
    outbox.settle([(one.key, RetryAt(NOW, "x"))], NOW)
    assert states(outbox) == {
        "id-1": "withdrawn",
        "id-2": "withdrawn",
        "id-3": "withdrawn",
        "id-4": "delivered",
        "id-5": "withdrawn",
    }


def test_keeps_them_a_month_longer_than_ids(outbox: Outbox, clock: Clock) -> None:
    assert REMEMBER_LASTING < KEEP_PURCHASES
    outbox.put_many([bought(1), bought(2, at=NOW + 60)])
    deliver_all(outbox)
    clock.now = NOW + KEEP_PURCHASES - 1
    outbox.put_many([])
    assert states(outbox) == {"id-1": "delivered", "id-2": "delivered"}
    clock.now += SWEEP_EVERY
    outbox.put_many([])
    assert states(outbox) == {"id-2": "delivered"}


def test_a_dead_letter_that_is_forgotten_later_is_no_trouble(outbox: Outbox, clock: Clock) -> None:
    outbox.put_many([bought(1, at=NOW - 86400, fault="no value", value=None)])
    clock.now += max(KEEP_DEAD, KEEP_PURCHASES) - 43200
    outbox.put_many([])
    assert (states(outbox), outbox.stats().dead) == ({}, 1)
    outbox.replay()
    outbox.purge()
    assert states(outbox) == {}


def test_says_from_when_on_it_is_whole(outbox: Outbox, clock: Clock) -> None:
    outbox.put_many([make_twin(1)])
    clock.now += 60
    outbox.put_many([make_twin(2)])
    assert outbox.purchases_since() == NOW
    clock.now = NOW + KEEP_PURCHASES + 60
    assert outbox.purchases_since() == NOW + 60


@pytest.mark.parametrize(
    "twin",
    [
        make_twin(1, name="Purchase"),
        make_twin(1, name="Purchase", value="x", currency=7, order_id=["A"]),
        make_twin(1, name="Purchase", value=True),
        make_twin(1, name="Purchase")._replace(body=b"[1]"),
        make_twin(1, name="Purchase")._replace(body=b'{"custom_data":[]}'),
        make_twin(1, name="Purchase")._replace(body=b"no JSON"),
    ],
)
def test_takes_in_what_says_little(outbox: Outbox, twin: Twin) -> None:
    assert outbox.put_many([twin]) == 1
    assert list(outbox.purchases()) == [Purchase("111", "id-1", None, None, None, NOW, "waiting")]
    deliver_all(outbox)
    assert states(outbox) == {"id-1": "delivered"}


def test_gives_many(outbox: Outbox) -> None:
    outbox.put_many([bought(n) for n in range(PAGE + 5)])
    assert len(set(outbox.purchases())) == PAGE + 5


def test_no_repr_tells_what_was_bought() -> None:
    assert repr(purchase_of(bought(1), "dead")) == f"Purchase(111 id-1 at {NOW}: dead)"


# --- one by one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["memory", "sqlite"])
def test_knows_what_left_before_it_was_put(name: str, tmp_path: Path, clock: Clock) -> None:
    with closing(OUTBOXES[name](tmp_path, clock)) as box:
        assert isinstance(box, Bypass)
        rows = [Row(digest(twin), twin) for twin in [bought(n) for n in range(3)]]
        other = make_twin(9)
        kept = [(rows[1], RetryAt(NOW + 9, "x")), (rows[2], Dead("y"))]
        box.settle_new([rows[0], Row(digest(other), other)], kept, NOW)
        assert states(box) == {"id-0": "delivered", "id-1": "waiting", "id-2": "dead"}


def identified(*twins: Twin) -> list[Row]:
    return [Row(digest(twin), twin) for twin in twins]


def test_what_left_without_waiting_is_told_once_before_and_after_it_is_entered(
    tmp_path: Path, clock: Clock
) -> None:
    with closing(SqliteOutbox(tmp_path / "o", clock)) as box:
        box.settle_new(identified(bought(1), make_twin(9), bought(2, value=None)), [], NOW)
        box.settle_new(identified(bought(3, order_id=None), bought(1)), [], NOW)
        told = [
            Purchase("111", "id-1", "A-1", Decimal("99.9"), "SEK", NOW, "delivered"),
            Purchase("111", "id-2", "A-2", None, "SEK", NOW, "delivered"),
            Purchase("111", "id-3", None, Decimal("99.9"), "SEK", NOW, "delivered"),
        ]
        assert sorted(box.purchases(), key=lambda one: one.event_id) == told
        with closing(SqliteOutbox(tmp_path / "o", clock)) as other:
            assert sorted(other.purchases(), key=lambda one: one.event_id) == told
            readers = other.purchases()
            first = next(readers)
            box.put_many([make_twin(10)])  # enters them, in the middle of a reading
            assert sorted([first, *readers], key=lambda one: one.event_id) == told
        assert sorted(box.purchases(), key=lambda one: one.event_id) == told


def test_what_left_without_waiting_is_forgotten_like_the_others(
    tmp_path: Path, clock: Clock
) -> None:
    with closing(SqliteOutbox(tmp_path / "o", clock)) as box:
        box.settle_new(identified(bought(1), bought(2, at=NOW + 60)), [], NOW)
        clock.now = NOW + KEEP_PURCHASES
        box.put_many([])
        assert states(box) == {"id-2": "delivered"}


@given(
    told=st.dictionaries(
        st.sampled_from(("order_id", "value", "currency", "content_name", "custom_data")),
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from(("SEK", '","custom_data":{"value":1}', "}")),
    ),
    after=st.sampled_from(({}, {"data_processing_options": ["LDU"]}, {"x": '"custom_data":{}}'})),
)
def test_finds_the_facts_wherever_they_stand(told: dict[str, object], after: object) -> None:
    assert isinstance(after, dict)
    row = {"event_source_url": ',"custom_data":{"value":7}', "custom_data": told, **after}
    twin = bought(1)._replace(body=orjson.dumps(row))
    value, order_id, currency = (told.get(key) for key in ("value", "order_id", "currency"))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    assert purchase_of(twin, "dead") == Purchase(
        "111",
        "id-1",
        order_id if isinstance(order_id, str) else None,
        Decimal(str(value)) if is_number else None,
        currency if isinstance(currency, str) else None,
        NOW,
        "dead",
    )


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda b: b',"custom_data":' + b))
def test_a_body_that_is_none_says_nothing(body: bytes) -> None:
    found = purchase_of(bought(1)._replace(body=body), "dead")
    assert (found.order_id, found.currency) == (None, None)


def test_the_outbox_of_an_older_version_gets_a_ledger(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "o"
    with closing(SqliteOutbox(path, clock)) as box:
        box.put_many([bought(1)])
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "DROP TABLE purchase; DELETE FROM counter WHERE name = 'ledger'; PRAGMA user_version=4"
        )
    clock.now += 100
    with closing(SqliteOutbox(path, clock)) as box:
        assert (list(box.purchases()), box.purchases_since()) == ([], NOW + 100)
        deliver_all(box)
        box.put_many([bought(2)])
        clock.now += 100
        assert (states(box), box.purchases_since()) == ({"id-2": "waiting"}, NOW + 100)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_process_adds_to_the_same_ledger_in_redis(tmp_path: Path, clock: Clock) -> None:
    url = fresh_url()
    with closing(RedisOutbox(url, tmp_path, clock)) as box:
        box.put_many([bought(1)])
        with closing(RedisOutbox(url, tmp_path, clock)) as other:
            deliver_all(other)
            other.put_many([bought(2, pixel_id="222")])
        assert states(box) == {"id-1": "delivered", "id-2": "waiting"}


@given(
    order_id=st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
    value=st.none() | st.integers(-(2**53), 2**53) | st.decimals("0", "1e12", places=3),
    at=st.integers(-(2**40), 2**40),
)
def test_redis_is_told_all_of_it(order_id: str | None, value: object, at: int) -> None:
    number = float(value) if isinstance(value, Decimal) else value
    purchase = purchase_of(bought(1, order_id=order_id, value=number, at=at), "dead")
    till, _, said = of_purchase(bought(1, order_id=order_id, value=number, at=at)).partition(b" ")
    assert purchase_from("111", b"dead " + said) == purchase
    assert int(till) == max(0, at + KEEP_PURCHASES)
