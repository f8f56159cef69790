"""What Graph says of a batch, in each of its spellings."""

from __future__ import annotations

import pytest

from pixelpair.catalog.batches import read_outcome


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (("scheduled", "Scheduled", "dispatched", "Dispatched", "started", "Started"), "waits"),
        (("finished", "Finished", "FINISHED"), "finished"),
        (("canceled", "Canceled", "cancelled", "Cancelled", "error", "Error"), "broken"),
    ],
)
def test_status_is_read_in_each_spelling(words: tuple[str, ...], state: str) -> None:
    told = {word: read_outcome({"data": [{"handle": "h", "status": word}]}) for word in words}
    assert {word: outcome.state for word, outcome in told.items()} == dict.fromkeys(words, state)


def outcome(**row: object) -> tuple[str, dict[str, str], bool]:
    found = read_outcome({"data": [{"handle": "h", "status": "finished", **row}]})
    return found.state, dict(found.failed), bool(found.all_failed)


def test_two_errors_of_one_item_fail_that_item_alone() -> None:
    errors = [{"id": "a", "message": "no price"}, {"id": "a", "message": "no link"}]
    told = outcome(errors=errors, errors_total_count=2, ids_of_invalid_requests=["a"])
    assert told == ("finished", {"a": "no link"}, False)


def test_errors_that_name_nobody_are_no_success() -> None:
    assert outcome(errors=[{"message": "broken"}]) == ("finished", {}, True)


def test_samples_that_are_fewer_than_the_errors_tell_too_little() -> None:
    told = outcome(errors=[{"id": "a", "message": "no price"}], errors_total_count=9)
    assert told == ("finished", {"a": "no price"}, True)
