"""Why a content id is no item of the feed."""

from __future__ import annotations

import pytest

from pixelpair.catalog.items import Item
from pixelpair.catalog.matching import CAUSES, Counted, FeedIds

FEED = FeedIds(
    Item(item_id, {"id": item_id, "item_group_id": group}, 1)
    for item_id, group in [
        *(("SKU-1", "G1"), ("SKU-2", "G1"), ("1953", ""), ("wc_post_id_77", ""), ("12-34", "")),
        *(("Blue Mug", ""), ("same", "same")),
    ]
)


@pytest.mark.parametrize(
    ("event", "content_type", "content_id", "cause", "there"),
    [
        ("ViewContent", "product", "SKU-1", "exact", "SKU-1"),
        ("ViewContent", "", "SKU-1", "exact", "SKU-1"),
        ("ViewContent", "product_group", "G1", "group", ""),
        ("AddToCart", "product_group", "G1", "group chosen", ""),
        ("Purchase", "product_group", "G1", "group chosen", ""),
        ("ViewContent", "product", "G1", "group id", "G1"),
        ("ViewContent", "product_group", "SKU-1", "item as group", "SKU-1"),
        ("Purchase", "product", "same", "exact", "same"),
        ("ViewContent", "product", " SKU-1", "space", "SKU-1"),
        ("ViewContent", "product", "BlueMug", "space", "Blue Mug"),
        ("ViewContent", "product", "sku-1", "case", "SKU-1"),
        ("ViewContent", "product", "01953", "number", "1953"),
        ("ViewContent", "product", "1953.0", "number", "1953"),
        ("ViewContent", "product", "wc_post_id_1953", "prefix", "1953"),
        ("ViewContent", "product", "77", "prefix", "wc_post_id_77"),
        ("ViewContent", "product", "34", "unknown", ""),
        ("ViewContent", "product", "9", "unknown", ""),
    ],
)
def test_cause_is_named(
    event: str, content_type: str, content_id: str, cause: str, there: str
) -> None:
    found = FEED.match(Counted(event, content_type, content_id, 1))
    assert (found.cause, found.there) == (cause, there)
    assert CAUSES[cause].matches == (cause in ("exact", "group"))
    assert bool(CAUSES[cause].fix) != CAUSES[cause].matches


def test_text_that_is_far_too_long_is_compared_whole_only() -> None:
    """Its suffixes would take memory by the square of its length: 5 GB for this one."""
    long = "a-" * 50_000
    feed = FeedIds([Item(long, {"id": long}, 1), Item("77", {"id": "77"}, 2)])
    found = [feed.match(Counted("ViewContent", "", one, 1)) for one in (long, f"{long}77")]
    assert [match.cause for match in found] == ["exact", "unknown"]


def test_long_number_that_is_none_is_compared_at_once() -> None:
    """Seen: 9 s for 20,000 zeros, four times that for twice as many."""
    long = "0" * 1_000_000 + "x"
    feed = FeedIds([Item(long, {"id": long}, 1), Item("000", {"id": "000"}, 2)])
    found = [feed.match(Counted("ViewContent", "", one, 1)) for one in (long, "0")]
    assert [match.cause for match in found] == ["exact", "number"]
