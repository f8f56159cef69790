"""An order that is paid later: its visitor was met at the checkout, and may withdraw meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pixelpair.core.events import Withdrawal
from pixelpair.delivery.outbox import REMEMBER_WITHDRAWAL
from pixelpair.delivery.retry import Dead

from .conftest import NOW, make_twin
from .test_outbox import OUTBOXES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixelpair.core.events import Twin
    from pixelpair.delivery.outbox import Outbox

    from .conftest import Clock

FBP, DAY = "fb.1.1700000000000.12", 86400
CHECKOUT, WITHDREW, PAID = NOW - 9 * DAY, NOW - 5 * DAY, NOW


@pytest.fixture(params=OUTBOXES)
def outbox(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    box = OUTBOXES[request.param](tmp_path, clock)
    yield box
    box.close()


def paid(number: int = 1, *, met: int = CHECKOUT) -> Twin:
    """A Purchase of now, of a visitor who was met at `met`."""
    return make_twin(number, name="Purchase", at=PAID, lasting=True, fbp=FBP)._replace(met=met)


def withdraw(box: Outbox, time: int = WITHDREW, fbp: str = FBP) -> None:
    box.put_many([Withdrawal("111", fbp, time)])


def left(box: Outbox) -> list[str]:
    return [row.twin.event_id for row in box.claim(100, NOW)]


def test_who_withdrew_between_checkout_and_payment_is_not_told_of(outbox: Outbox) -> None:
    withdraw(outbox)
    assert outbox.put_many([paid()]) == 0
    assert (left(outbox), outbox.stats().withdrawn) == ([], 1)


@pytest.mark.parametrize("met", [WITHDREW + 1, 0])
def test_who_agreed_again_before_the_checkout_is(outbox: Outbox, met: int) -> None:
    withdraw(outbox)
    outbox.put_many([paid(met=met)])
    assert left(outbox) == ["id-1"]


def test_another_visitors_withdrawal_changes_nothing(outbox: Outbox) -> None:
    withdraw(outbox, fbp=f"{FBP}3")
    outbox.put_many([paid()])
    assert left(outbox) == ["id-1"]


def test_withdrawal_is_known_as_long_as_seals_are_good(outbox: Outbox, clock: Clock) -> None:
    clock.now = NOW - REMEMBER_WITHDRAWAL + 1
    withdraw(outbox, time=int(clock.now))
    clock.now = NOW
    outbox.put_many([paid(met=int(NOW - REMEMBER_WITHDRAWAL))])
    assert left(outbox) == []


def test_withdrawal_of_the_same_batch_goes_first(outbox: Outbox) -> None:
    outbox.put_many([paid(), Withdrawal("111", FBP, WITHDREW)])
    assert left(outbox) == []


def test_withdrawal_that_is_read_late_ends_what_waits(outbox: Outbox) -> None:
    """Its journal was another machine's, or its process was killed."""
    outbox = outbox
    outbox.put_many([paid()])
    withdraw(outbox)
    assert left(outbox) == []


def test_withdrawal_ends_the_dead_letter_that_would_be_replayed(
    outbox: Outbox,
) -> None:
    outbox = outbox
    outbox.put_many([paid()])
    outbox.settle([(row.key, Dead("refused")) for row in outbox.claim(9, NOW)], NOW)
    withdraw(outbox)
    assert (outbox.replay(), left(outbox)) == (0, [])
