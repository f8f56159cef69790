"""The clock beside Graph's: what is certain of a difference, and how often it is said."""

from __future__ import annotations

import logging

import pytest

from pixelpair import logs
from pixelpair.delivery.clocks import EVERY, SKEW, ClockWatch, skew

from .conftest import NOW


@pytest.mark.parametrize(
    ("began", "ended", "found"),
    [
        (100.0, 100.9, 0.0),  # Graph's second, all of it
        (99.5, 100.2, 0.0),
        (90.0, 110.0, 0.0),  # a call of 20 s tells no more
        (161.0, 161.5, 60.0),
        (39.0, 40.0, -60.0),
        (20.0, 40.0, -60.0),
    ],
)
def test_tells_what_is_certain_of_a_difference(began: float, ended: float, found: float) -> None:
    assert skew(100.0, began, ended) == found


def test_a_clock_that_is_wrong_is_said_once_an_hour_until_it_is_right(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = ClockWatch()
    now = float(NOW)
    for _ in range(61):
        watch.compare(now - 121, now, now)
        logs.SELDOM.forget()  # which knows minutes, not hours
        now += EVERY / 60
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "the clock of this machine is 120 s ahead of Meta's" in caplog.text
    now += EVERY
    watch.compare(now, now, now + 0.5)
    assert (len(caplog.records), watch.skew) == (2, 0.0)
    watch.compare(now + 200, now, now + 20)
    assert "is 180 s behind Meta's" in caplog.messages[2]


def test_a_difference_of_a_minute_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    ClockWatch().compare(NOW - SKEW - 1, NOW, NOW)
    ClockWatch().compare(NOW + SKEW, NOW, NOW)
    assert caplog.messages == []
