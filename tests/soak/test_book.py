from __future__ import annotations

from collections import Counter
from typing import Any

from .book import Book, Reckoning, reckon


def ledger(times: dict[str, dict[str, int]], *unanswered: str) -> dict[str, Any]:
    return {"times": times, "unanswered": list(unanswered)}


def fine(**changes: Any) -> Reckoning:
    lists = ("lost", "unlawful", "unknown", "other_id", "two_ids", "needless")
    empty: dict[str, Any] = {name: [] for name in lists}
    return Reckoning(**{"due": 0, "arrived": 0, "again": 0, **empty, **changes})


def test_all_that_was_due_arrived() -> None:
    book = Book(due={"A 1": "x"}, perhaps={"A 2", "A 3"}, never={"A 4"})
    told = reckon(book, ledger({"A 1": {"x": 1}, "A 2": {"y": 1}}))
    assert (told, told.wrong) == (fine(due=1, arrived=1), {})


def test_what_did_not_arrive_is_lost() -> None:
    told = reckon(Book(due={"A 1": "x", "A 2": "y"}), ledger({"A 1": {"x": 1}}))
    assert told == fine(due=2, arrived=1, lost=["A 2"])
    assert told.wrong == {"lost": ["A 2"]}


def test_what_must_not_come_is_found() -> None:
    told = reckon(Book(never={"A 4"}), ledger({"A 4": {"x": 1}}))
    assert told == fine(unlawful=["A 4"])
    assert told.wrong == {"came without consent or customer": ["A 4"]}


def test_what_nobody_did_is_found() -> None:
    told = reckon(Book(), ledger({"A 9": {"x": 1}}))
    assert told == fine(unknown=["A 9"])
    assert told.wrong == {"came from nowhere": ["A 9"]}


def test_another_id_than_the_browser_half_s_is_no_pair() -> None:
    told = reckon(Book(due={"A 1": "x"}), ledger({"A 1": {"z": 1}}))
    assert told == fine(due=1, arrived=1, other_id=["A 1"])


def test_two_ids_of_one_event_are_two_events() -> None:
    told = reckon(Book(due={"A 1": "x"}), ledger({"A 1": {"x": 1, "z": 1}}))
    assert told == fine(due=1, arrived=1, two_ids=["A 1"])


def test_same_id_again_is_counted_and_lawful() -> None:
    book = Book(due={"A 1": "x", "A 2": "y"})
    told = reckon(book, ledger({"A 1": {"x": 3}, "A 2": {"y": 2}}, "x"))
    assert (told, told.wrong) == (fine(due=2, arrived=2, again=3, needless=["y"]), {})


def test_after_a_withdrawal_what_was_due_may_come() -> None:
    book = Book(due={"A 1": "x"})
    book.withdraw()
    book.due["A 2"] = "y"
    assert book == Book(due={"A 2": "y"}, perhaps={"A 1"})


def test_books_add_up() -> None:
    one = Book({"A 1": "x"}, {"A 2"}, {"A 3"}, [(0.0, 0.1)], 3, 1, Counter(a=1))
    one.add(Book({"B 1": "y"}, {"B 2"}, {"B 3"}, [(1.0, 0.2)], 2, 1, Counter(a=2, b=1)))
    assert one == Book(
        {"A 1": "x", "B 1": "y"},
        {"A 2", "B 2"},
        {"A 3", "B 3"},
        [(0.0, 0.1), (1.0, 0.2)],
        5,
        2,
        Counter(a=3, b=1),
    )
