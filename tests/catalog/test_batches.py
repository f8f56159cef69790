"""What Graph says of a batch, in each of its spellings."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.catalog import batches as module
from pixelpair.catalog.batches import batches, call_body, read_outcome, read_receipt
from pixelpair.catalog.changes import Change


def change(number: int, size: int) -> Change:
    return Change(str(number), b'{"id":"' + b"x" * size + b'"}', "mark", "")


@given(st.lists(st.integers(0, 700), max_size=60), st.integers(1, 20))
def test_batches_fit_a_call_and_hold_everything_in_order(sizes: list[int], most: int) -> None:
    changes = [change(number, size) for number, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_ITEMS", most)
        patch.setattr(module, "MAX_BYTES", 3000)
        found = list(batches(iter(changes)))
    assert [one for batch in found for one in batch] == changes
    assert all(0 < len(batch) <= most for batch in found)
    bodies = [call_body(batch, "PRODUCT_ITEM", "CLOTHING", upsert=False) for batch in found]
    assert all(len(body) <= 3000 for body in bodies)
    assert all(len(orjson.loads(body)["requests"]) for body in bodies)


def test_batch_of_large_items_has_28_mb_at_most() -> None:
    """Two of them fit, a third does not; one that is larger travels alone, for Meta to judge."""
    found = batches(change(number, 10_000_000) for number in range(3))
    assert [len(batch) for batch in found] == [2, 1]
    assert [len(batch) for batch in batches([change(1, 29_000_000), change(2, 5)])] == [1, 1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(
    JSON
    | st.fixed_dictionaries(
        {}, optional={"retailer_id": JSON, "errors": JSON, "warnings": JSON, "id": JSON}
    ),
    max_size=3,
)


@given(st.dictionaries(st.sampled_from(["handles", "validation_status"]), JSON | ROWS))
def test_any_receipt_is_a_handle_or_none(document: dict[str, object]) -> None:
    receipt = read_receipt(document)
    assert receipt.handle is None or receipt.handle
    for told in (receipt.refused, receipt.remarks):
        assert all(type(key) is str and type(text) is str for key, text in told.items())


@given(
    st.fixed_dictionaries(
        {"status": st.sampled_from(["finished", "started"]) | JSON},
        optional={"errors": ROWS, "errors_total_count": JSON, "ids_of_invalid_requests": JSON},
    )
)
def test_any_status_is_an_outcome(row: dict[str, object]) -> None:
    """Nothing that counts an error is a success of everything."""
    outcome = read_outcome({"data": [row]})
    if outcome.state == "finished" and row.get("errors_total_count") not in (0, False):
        total = row.get("errors_total_count")
        if isinstance(total, int):
            assert outcome.failed or outcome.all_failed


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


def test_ids_are_read_letter_by_letter() -> None:
    """Seen: two spaces in an id were one in Meta's mouth, so that no batch with it counted."""
    row = {"status": "finished", "errors_total_count": 1, "ids_of_invalid_requests": ["a  b"]}
    row["errors"] = [{"id": "a  b", "message": "no"}]
    assert read_outcome({"data": [row]}).failed == {"a  b": "no"}
    refused = {"retailer_id": "a  b", "errors": [{"message": "no"}]}
    assert read_receipt({"validation_status": [refused]}).refused == {"a  b": "no"}


def test_counts_in_digits_count() -> None:
    """Seen: six errors, told as a text, were none."""
    found = read_outcome({"status": "finished", "errors_total_count": "6"})
    assert found.all_failed == "Meta counts 6 errors and does not name them all"


def test_handle_that_fits_no_address_is_none() -> None:
    assert read_receipt({"handles": ["x" * 100_000]}).handle is None


def test_words_of_meta_show_no_token_and_move_no_cursor() -> None:
    said = [{"message": "EAAtokenoftheshop is bad\x1b[2J"}]
    document = {"handles": ["h"], "validation_status": [{"retailer_id": "p", "errors": said}]}
    assert read_receipt(document).refused == {"p": "(hidden) is bad [2J"}
