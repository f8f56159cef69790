from __future__ import annotations

from pixelpair.sandbox.book import Book
from pixelpair.sandbox.summary import MAX_TEXT, delay, summary

from .samples import EVENT


def test_a_pair_in_one_line():
    book = Book()
    key = ("1", "Purchase", "order-1")
    glanced = {"ldu": None, "notes": ["x"], "test_event_code": "TEST1"}
    book.record("server", key, {**EVENT, **glanced}, EVENT["event_time"] + 2.25)
    browser = {"url": "https://s.example/p", "consent": "granted", "ldu": [0, 0], "notes": []}
    custom = {"value": 5, "currency": "SEK", "order_id": "7"}
    book.record("browser", key, {**browser, "custom_data": custom}, EVENT["event_time"] + 1.0)
    [entry] = book.entries()
    assert summary(entry) == {
        "n": 0,
        "name": "Purchase",
        "event_id": "order-1",
        "pixel_id": "1",
        "status": "paired",
        "received": EVENT["event_time"] + 2.25,
        "delay": 2.2,
        "consent": "granted",
        "ldu": "differs",
        "code": "TEST1",
        "page": "/p",
        "amount": "5 SEK",
        "found": "7",
        "differs": ["LDU", "Value"],
        "repeats": 0,
        "notes": 1,
    }


def test_long_texts_are_cut():
    book = Book()
    book.record("browser", ("1", "x" * 9999, "y" * 9999), {"url": "z" * 9999}, 1.0)
    found = summary(next(book.entries()))
    assert {len(found[key]) for key in ("name", "event_id", "page")} == {MAX_TEXT}


def test_a_clock_that_is_ahead_makes_no_negative_delay():
    assert delay({"event_time": 20, "received": 10.0}) == 0.0
    assert delay({"received": 10.0}) is delay(None) is None
