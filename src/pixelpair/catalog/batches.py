"""Changes joined into items_batch calls, and what Graph says of a batch, as values.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/reference/product-catalog/items_batch
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from pixelpair.graph.replies import sentence, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pixelpair.catalog.changes import Change

# Meta takes 5000 a call and recommends at most 3000; 28 MB, whichever MB is meant.
MAX_ITEMS: Final = 3000
MAX_BYTES: Final = 28_000_000
_ENVELOPE: Final = 1000
MOST_OF_ONE: Final = MAX_BYTES - _ENVELOPE
MAX_TEXT: Final = 300
# A handle stands in an address: what is longer than this is none of Meta's.
_LONGEST_HANDLE: Final = 2000
# Of one item's messages so many are kept.
MAX_SAID: Final = 5

STATUS_FIELDS: Final = (
    "handle,status,errors,errors_total_count,warnings,warnings_total_count,ids_of_invalid_requests"
)


def batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Cut a stream of changes into batches that each fit one call."""
    batch: list[Change] = []
    size = _ENVELOPE
    for change in changes:
        more = len(change.body) + 1
        if batch and (len(batch) == MAX_ITEMS or size + more > MAX_BYTES):
            yield batch
            batch, size = [], _ENVELOPE
        batch.append(change)
        size += more
    if batch:
        yield batch


def call_body(
    changes: Sequence[Change], item_type: str, item_sub_type: str = "", *, upsert: bool = True
) -> bytes:
    """The JSON of one items_batch call."""
    head: dict[str, object] = {"item_type": item_type, "allow_upsert": upsert}
    if item_sub_type:
        head["item_sub_type"] = item_sub_type
    requests = b",".join([change.body for change in changes])
    return orjson.dumps(head)[:-1] + b',"requests":[' + requests + b"]}"


# --- what Graph says -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a batch: a handle (None: nothing was taken in), refused ids and why, and
    ids with remarks. The texts are Meta's, in its user's language."""

    handle: str | None
    refused: Mapping[str, str]
    remarks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a batch stands. `failed`: ids that were not saved; `all_failed`: which ones Meta does
    not say, so none counts as saved."""

    state: Literal["waits", "finished", "broken"]
    failed: Mapping[str, str]
    all_failed: str = ""


def read_receipt(document: Mapping[str, Any]) -> Receipt:
    """What an items_batch answer says; a missing or empty `handles` means that nothing came in."""
    refused: dict[str, str] = {}
    remarks: dict[str, str] = {}
    for row in _objects(document.get("validation_status")):
        item_id = _id(row.get("retailer_id"))
        for key, found in (("errors", refused), ("warnings", remarks)):
            if said := _objects(row.get(key)):
                found[item_id] = _joined(said)
    handles = document.get("handles")
    found_handles = handles if isinstance(handles, list) else []
    texts = [h for h in found_handles if isinstance(h, str) and 0 < len(h) <= _LONGEST_HANDLE]
    return Receipt(texts[0] if texts else None, refused, remarks)


def read_outcome(document: Mapping[str, Any]) -> Outcome:
    """What check_batch_request_status says: only `finished` without errors is success."""
    row = next(iter(_objects(document.get("data"))), document)
    status = str(row.get("status") or "").casefold()
    if status in ("canceled", "cancelled", "error"):
        return Outcome("broken", {}, f"Meta ended the batch with the status {status}")
    if status != "finished":
        return Outcome("waits", {})
    errors = _objects(row.get("errors"))
    sampled = {_id(e.get("id")): _text(e.get("message")) for e in errors}
    sampled.pop("", None)
    invalid = row.get("ids_of_invalid_requests")
    whole = [_id(one) for one in invalid] if isinstance(invalid, list) else []
    failed = dict.fromkeys(filter(None, whole), "Meta gives no reason for this one") | sampled
    total = whole_number(row.get("errors_total_count"))
    count = len(errors) if total is None else total
    # Samples alone may be fewer than what failed, and then nobody knows which were saved.
    # An item may have several errors: the list of invalid ids, where it is there, is whole.
    named = bool(whole) or count <= len(errors)
    if count and not (named and failed and all(_id(e.get("id")) for e in errors)):
        return Outcome("finished", failed, f"Meta counts {count} errors and does not name them all")
    return Outcome("finished", failed)


def _joined(said: list[Mapping[str, Any]]) -> str:
    texts = [_text(one.get("message")) for one in said[:MAX_SAID]]
    more = len(said) - len(texts)
    return "; ".join([*texts, *([f"and {more} more"] if more else [])])


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _id(value: object) -> str:
    """As it was sent, letter by letter: two spaces in it are two."""
    return str(value) if isinstance(value, str | int) else ""


def _text(value: object) -> str:
    return sentence(value, MAX_TEXT)
