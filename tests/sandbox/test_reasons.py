from __future__ import annotations

import pytest

from pixelpair.sandbox.book import WINDOW, Book
from pixelpair.sandbox.reasons import LDU_DIFFERS, NO_ID, NOT_YET, faults, remarks, why

HALF = {"ldu": None, "notes": []}


def book(*arrivals: tuple) -> Book:
    made = Book()
    for at, (channel, key, *half) in enumerate(arrivals):
        made.record(channel, key, {**HALF, **(half[0] if half else {})}, float(at))
    return made


def last(made: Book) -> str:
    entries = list(made.entries())
    return why(entries[-1], made.entries())


A, OTHER_NAME, OTHER_PIXEL = ("1", "Lead", "a"), ("1", "Contact", "a"), ("2", "Lead", "a")
MATCHED = "Matched: same pixel, name and event_id."


@pytest.mark.parametrize(
    ("arrivals", "reason"),
    [
        ([("browser", A)], NOT_YET["browser"]),
        ([("server", A)], NOT_YET["server"]),
        ([("browser", ("1", "Lead", ""))], NO_ID["browser"]),
        ([("server", ("1", "Lead", ""))], NO_ID["server"]),
        ([("browser", A), ("server", A)], MATCHED),
        (
            [("server", OTHER_NAME), ("browser", A)],
            "Not matched: the server sent this event_id as “Contact”; the names must agree.",
        ),
        (
            [("browser", OTHER_PIXEL), ("server", A)],
            "Not matched: the browser sent it to pixel 2.",
        ),
        (
            [("server", A), ("server", A), ("browser", A)],
            f"{MATCHED} The server half came 2 times; Meta counts it once.",
        ),
        (
            [
                ("server", A, {"custom_data": {"value": 1}}),
                ("browser", A, {"custom_data": {"value": 2}}),
            ],
            f"{MATCHED} The halves differ in: value.",
        ),
        ([("server", OTHER_NAME), ("server", A)], NOT_YET["server"]),
    ],
)
def test_why(arrivals, reason):
    assert last(book(*arrivals)) == reason


def test_why_two_days_later():
    made = book(("server", A))
    made.record("browser", A, HALF, WINDOW + 1.0)
    assert last(made) == "Not matched: the server half came more than 48 hours apart."


def test_limited_data_use_of_one_half_is_the_shops_fault():
    [entry] = book(("server", A, {"ldu": [0, 0]}), ("browser", A)).entries()
    assert faults(entry) == [LDU_DIFFERS]
    assert faults(next(book(("server", A)).entries())) == []


def test_remarks_say_whose_they_are():
    [entry] = book(("server", A, {"notes": ["no id"]}), ("browser", A)).entries()
    assert remarks(entry) == ["Server half: no id."]
