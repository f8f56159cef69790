"""Tags and findings out of whatever JSON Meta answers; limits judged before a call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.graph.catalog_health import cause, summed
from pixelpair.graph.product_places import Place, TagError, as_row, judge
from pixelpair.graph.product_tags import Tag, read

SAMPLE = {
    "product_id": 3231775643511089,
    "merchant_id": 90010177253934,
    "name": "Gummy Bears",
    "price_string": "$3.50",
    "image_url": "https://shop.example/gummy.jpg",
    "review_status": "approved",
    "is_checkout": True,
    "stripped_price_string": "$3",
    "string_sale_price_string": "$2",
    "x": 0.5,
    "y": 0.80000001192093,
}
NAMES = st.sampled_from([*SAMPLE, "event", "event_source", "total_matched_content_ids", "id"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def test_a_tag_is_read_whole() -> None:
    assert read(SAMPLE) == Tag(
        product_id="3231775643511089",
        merchant_id="90010177253934",
        name="Gummy Bears",
        price="$3.50",
        stripped_price="$3",
        sale_price="$2",
        image_url="https://shop.example/gummy.jpg",
        product_url="",
        review_status="approved",
        is_checkout=True,
        x=0.5,
        y=0.80000001192093,
    )


@given(st.dictionaries(NAMES, JSON))
def test_any_row_is_a_tag(row: dict[str, object]) -> None:
    tag = read(row)
    assert all(isinstance(text, str) for text in (tag.product_id, tag.merchant_id, tag.sale_price))


@given(st.lists(st.dictionaries(NAMES, JSON), max_size=4))
def test_any_rows_are_stats(rows: list[dict[str, object]]) -> None:
    for match in summed(rows):
        assert isinstance(cause(match), str)


@given(st.floats(0, 1), st.floats(0, 1))
def test_every_place_on_an_image_may_be_sent(x: float, y: float) -> None:
    judge([Place("7", x, y)], "image", 1)
    assert as_row(Place("7", x, y)) == {"product_id": "7", "x": x, "y": y}


@given(st.floats().filter(lambda number: not 0 <= number <= 1))
def test_no_other_place_may(number: float) -> None:
    with pytest.raises(TagError, match="from 0 to 1"):
        judge([Place("7", number, 0.5)], "image", 1)


def test_every_fault_is_named_at_once() -> None:
    places = [Place("7"), Place("7"), Place("x"), Place("8", 0.5)]
    with pytest.raises(TagError) as wrong:
        judge(places, "image", 2, ["9"])
    assert str(wrong.value) == (
        "product 7 is named twice; 'x' is no product id: digits, as `pixelpair tags search`"
        " shows; product 8 needs x and y from 0 to 1; that makes 4 tags, and 2 may be on one"
        " image (--max-tags changes it). Nothing was sent"
    )
    with pytest.raises(TagError, match="no product is named"):
        judge([], "image", 2)
