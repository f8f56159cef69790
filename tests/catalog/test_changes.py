"""What has to travel, where nobody knows what Meta has."""

from __future__ import annotations

from typing import Any

import orjson

from pixelpair.catalog.changes import Comparison, Known
from pixelpair.catalog.items import Item

WHOLE, QUICK = Comparison(), Comparison(volatile=True)


def item(**data: Any) -> Item:
    return Item("a", {"id": "a", "price": "9.00 USD", **data}, 1)


def sent(comparison: Comparison, known: Known | None, **data: Any) -> dict[str, Any]:
    change = comparison.change(item(**data), known)
    assert change is not None
    return orjson.loads(change.body)["data"]


def test_a_sale_that_may_be_there_ends_with_the_next_whole_row() -> None:
    """A batch with a sale was lost, and then the source has no sale any more."""
    assert sent(WHOLE, Known(None, None))["sale_price"] == ""


def test_a_new_item_ends_no_sale() -> None:
    assert "sale_price" not in sent(WHOLE, None)


def test_a_push_that_knows_nothing_leaves_the_sale_to_the_next_whole_row() -> None:
    pushed = QUICK.change(item(), Known("mark", None))
    assert pushed is not None
    assert "sale_price" not in orjson.loads(pushed.body)["data"]
    assert sent(WHOLE, Known("mark", pushed.quick))["sale_price"] == ""
