"""The same line comes seldom, with the number of those that were held back; all have fields."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pixelpair import logs
from pixelpair.core.notes import AGAIN, SAYINGS, Notes
from pixelpair.logs import EVERY, REMEMBERED, Seldom

if TYPE_CHECKING:
    from collections.abc import Iterator


WHO = "anna@example.com"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock, caplog: pytest.LogCaptureFixture) -> Iterator[logging.Logger]:
    logger = logging.getLogger("pixelpair.of_a_test")
    caplog.set_level(logging.DEBUG, logger="pixelpair.of_a_test")
    seldom = Seldom(clock)
    logger.addFilter(seldom)
    yield logger
    logger.removeFilter(seldom)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_the_same_is_said_again_after_a_while_with_what_was_held_back(
    log: logging.Logger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        log.warning("the disk is full: %s", "/var")
    clock.now += EVERY - 1
    log.warning("the disk is full: %s", "/var")
    clock.now += 1
    log.warning("the disk is full: %s", "/var")
    clock.now += EVERY
    log.warning("the disk is full: %s", "/var")
    text = "the disk is full: /var"
    assert said(caplog) == [text, f"{text} (and 100 more like it before)", text]
    assert [record.pixelpair_held_back for record in caplog.records] == [0, 100, 0]


def test_other_lines_and_levels_are_said_meanwhile(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    log.warning("one %s", 1)
    log.warning("one %s", 2)
    log.error("one %s", 2)
    assert said(caplog) == ["one 1", "one 2", "one 2"]


def test_what_ended_well_is_never_held_back(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        log.info("it works again")
    assert said(caplog) == ["it works again"] * 3


def test_lines_of_one_key_are_the_same_whatever_they_say(
    log: logging.Logger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        log.warning("order %d", number, extra={"pixelpair_key": "order"})
    clock.now += EVERY
    log.warning("order %d", 9, extra={"pixelpair_key": "order"})
    assert said(caplog) == ["order 0", "order 9 (and 2 more like it before)"]


def test_a_line_that_begins_like_a_format_is_said_as_it_is(
    log: logging.Logger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        log.warning("%s", "100 % of %d")
    clock.now += EVERY
    log.warning("%s", "100 % of %d")
    assert said(caplog)[1] == "100 % of %d (and 2 more like it before)"


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    seldom = Seldom(clock)
    for number in range(3 * REMEMBERED):
        seldom.filter(logging.makeLogRecord({"levelno": logging.ERROR, "msg": str(number)}))
    assert len(seldom._said) == REMEMBERED


def test_every_record_tells_what_it_is_of(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    log.warning("one")
    log.warning("two", extra={"pixelpair_what": "a name"})
    assert [record.pixelpair_what for record in caplog.records] == ["test_logs", "a name"]


def test_the_filter_is_put_in_place_once() -> None:
    for _ in range(3):
        logs.watch()
    assert logging.getLogger("pixelpair").filters.count(logs.SELDOM) == 1


# --- what notes say -----------------------------------------------------------------------------


@pytest.fixture
def seldom(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs.SELDOM, "_clock", clock)


@pytest.mark.usefixtures("seldom")
def test_a_mistake_is_said_once_for_ever(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    for _ in range(3):
        notes.say("charset", "utf-16")
        clock.now += EVERY
    (record,) = caplog.records
    assert (record.pixelpair_what, record.pixelpair_held_back) == ("charset", 0)


@pytest.mark.usefixtures("seldom")
def test_a_fault_that_goes_on_is_said_again(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes("pixel 1")
    for number in range(6):
        clock.now += EVERY * (number == 5)
        try:
            raise KeyError(WHO)
        except KeyError:
            notes.say("failed", exc_info=True)
    told = [(r.pixelpair_what, r.pixelpair_shop, r.pixelpair_held_back) for r in caplog.records]
    assert told == [("failed", "pixel 1", 0), ("failed", "pixel 1", 4)]
    assert WHO not in caplog.text


@pytest.mark.usefixtures("seldom")
def test_another_kind_of_failure_is_another_line(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    for kind in (KeyError, ValueError, KeyError):
        try:
            raise kind
        except (KeyError, ValueError):
            notes.say("failed", exc_info=True)
    assert [record.exc_info[0].__name__ for record in caplog.records] == ["KeyError", "ValueError"]


def test_what_is_said_again_are_sayings() -> None:
    assert SAYINGS.keys() >= AGAIN


def test_names_of_what_is_said_are_short(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    notes.once("pixelpair settings:\n  PIXELPAIR_X=1: " + "y" * 100, logging.ERROR, "%s", "text")
    notes.once(("test code", "1"), logging.ERROR, "other")
    told = [record.pixelpair_what for record in caplog.records]
    assert told == ["pixelpair settings:", "test code"]
