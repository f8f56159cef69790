"""Assertions on events, and what they say when they fail; rows as the sandbox tells them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.testing.events import Events, Pair, Row, Source

DATA = {"value": 49.9, "currency": "EUR", "content_ids": ["sku-1"]}


def row(name: str, event_id: str, *halves: str, **changes: Any) -> Row:
    sides = {side: {"custom_data": changes.get(side, DATA)} for side in halves}
    return {
        "name": name,
        "event_id": event_id,
        "pixel_id": changes.get("pixel", "1"),
        "browser": sides.get("browser"),
        "server": sides.get("server"),
    }


def pair(name: str, event_id: str = "a" * 4, **changes: Any) -> Row:
    return row(name, event_id, "browser", "server", **changes)


def events(*rows: Row, held: dict[str, int] | None = None, hints: tuple[str, ...] = ()) -> Events:
    return Events(Source(lambda: list(rows), lambda: held or {}, lambda: list(hints)))


def told(error: pytest.ExceptionInfo[AssertionError]) -> list[str]:
    return str(error.value).splitlines()


# --- pairs -----------------------------------------------------------------------------------


def test_pair_is_found_by_name():
    seen = events(pair("PageView", "1"), pair("Purchase", "2"))
    assert (seen.pair("Purchase").event_id, seen.pair("Purchase").status) == ("2", "paired")


def test_pair_of_several_pixels_is_one():
    seen = events(pair("Lead", "1", pixel="1"), pair("Lead", "1", pixel="2"))
    assert seen.pair("Lead").pixel_id == "1"
    assert len(seen.pairs("Lead")) == 2
    assert seen.names() == ["Lead"]


def test_missing_pair_shows_what_was_seen():
    seen = events(
        row("PageView", "1", "browser", browser={}),
        pair("ViewContent", "22"),
        held={"no consent": 2, "machine: crawler": 1},
        hints=("a hint",),
    )
    with pytest.raises(AssertionError) as error:
        seen.pair("Purchase")
    assert told(error) == [
        "no pairs of Purchase",
        "seen:",
        "    PageView     1   browser half alone",
        "    ViewContent  22  pair                value=49.9 currency=EUR content_ids=['sku-1']",
        "held back: 2 × no consent, 1 × machine: crawler",
        "a hint",
    ]


def test_nothing_seen_is_said():
    with pytest.raises(AssertionError) as error:
        events().pair("Purchase")
    assert told(error) == ["no pairs of Purchase", "seen:", "  nothing"]


def test_second_pair_of_a_name_is_no_single_pair():
    seen = events(pair("AddToCart", "1"), pair("AddToCart", "2"))
    with pytest.raises(AssertionError, match="2 pairs of AddToCart"):
        seen.pair("AddToCart")
    assert [found.event_id for found in seen.pairs("AddToCart")] == ["1", "2"]


def test_lone_half_beside_the_pair_is_marked():
    seen = events(pair("Lead", "1", browser={}, server={}), row("Lead", "2", "server", server={}))
    with pytest.raises(AssertionError) as error:
        seen.pair("Lead")
    assert told(error)[2:] == ["     Lead  1  pair", "  >  Lead  2  server alone"]


# --- what a pair has -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expected",
    [
        {"value": 49.9},
        {"value": "49.90", "currency": "EUR"},
        {"content_ids": ("sku-1",)},
        {},
    ],
)
def test_pair_has_what_both_halves_say(expected):
    found = events(pair("Purchase")).pair("Purchase")
    assert found.has(**expected) is found


def test_half_may_leave_a_field_out():
    seen = events(pair("AddToCart", browser={"value": 49.9}))
    seen.pair("AddToCart").has(value=49.9, currency="EUR")


def test_differing_fields_stand_side_by_side():
    seen = events(pair("Purchase", browser={"value": 4, "currency": "EUR"}))
    with pytest.raises(AssertionError) as error:
        seen.pair("Purchase").has(value=49.9, currency="EUR", order_id="1001")
    assert told(error) == [
        "Purchase aaaa has another value, order_id",
        "            expected  browser    server",
        "  value     49.9      4          49.9",
        "  order_id  1001      (nothing)  (nothing)",
        "as expected: currency",
    ]


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("sku-1", ["sku-1"]),
        (["sku-1"], ["sku-1", "sku-2"]),
        ("1001", "1001.0"),  # an order's number is a name
        (True, 1.5),
        ([{"id": "a", "quantity": 2}], [{"id": "a", "quantity": 1}]),
        ([{"id": "a"}], [{"id": "a", "quantity": 1}]),
        ("many", 3),
    ],
)
def test_other_value_is_noticed(expected, said):
    seen = events(pair("Lead", browser={"field": said}, server={"field": said}))
    with pytest.raises(AssertionError, match="another field"):
        seen.pair("Lead").has(field=expected)


@given(
    st.recursive(
        st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_was_said_is_as_expected(value):
    seen = events(pair("Lead", browser={"field": value}, server={"field": value}))
    seen.pair("Lead").has(field=value)


def test_server_tells_more_than_a_slim_cookie():
    found = Pair(pair("AddToCart", browser={"value": 1}, server={"value": 1, "num_items": 2}))
    assert found.data == {"value": 1, "num_items": 2}
    assert repr(found) == "<AddToCart aaaa pair value=1 num_items=2>"


# --- lone halves, and none -------------------------------------------------------------------


def test_pairs_alone_have_no_lone_halves():
    events(pair("PageView", "1"), pair("Lead", "2")).assert_no_lone_halves()


def test_where_nothing_was_asked_nothing_is_checked():
    """Seen: a shop whose middleware was missing passed."""
    with pytest.raises(AssertionError) as error:
        events(hints=("no request came",)).assert_no_lone_halves()
    assert told(error) == ["no event to check", "seen:", "  nothing", "no request came"]
    events(held={"no consent": 1}, hints=("no request came",)).assert_no_lone_halves()


def test_lone_halves_are_listed():
    seen = events(row("Lead", "1", "browser", browser={}), row("Search", "2", "server", server={}))
    with pytest.raises(AssertionError) as error:
        seen.assert_no_lone_halves()
    assert told(error) == [
        "2 lone halves",
        "seen:",
        "  >  Lead    1  browser half alone",
        "  >  Search  2  server alone",
    ]
    with pytest.raises(AssertionError, match="a lone half"):
        seen.assert_no_lone_halves(but=["Lead"])
    seen.assert_no_lone_halves(but=["Lead", "Search"])


def test_half_that_is_meant_to_be_alone_is_none():
    later = row("Purchase", "1", "server")
    later["server"]["alone"] = True
    seen = events(later)
    seen.assert_no_lone_halves()
    assert seen.lone("Purchase").has(value=49.9).status == "server_only"


def test_pair_is_no_lone_half():
    with pytest.raises(AssertionError, match="no lone half Purchase"):
        events(pair("Purchase")).lone("Purchase")


def test_none_means_neither_half():
    seen = events(row("Lead", "1", "browser", browser={}), held={"no consent": 1})
    seen.none("Purchase", "Search")
    assert seen.held == {"no consent": 1}
    with pytest.raises(AssertionError) as error:
        seen.none("Purchase", "Lead")
    assert told(error)[0] == "seen, and not expected: Purchase, Lead"
    with pytest.raises(AssertionError, match="not expected: any event"):
        seen.none()


def test_half_on_its_way_is_waited_for():
    looks = iter([[], [row("Lead", "1", "server")], [pair("Lead", "1")]])
    seen = Events(Source(lambda: next(looks), dict, list, patience=30))
    assert seen.pair("Lead").event_id == "1"


def test_half_that_never_comes_is_not_waited_for_ever():
    seen = Events(Source(lambda: [row("Lead", "1", "server")], dict, list, patience=0.01))
    with pytest.raises(AssertionError, match="a lone half"):
        seen.assert_no_lone_halves()
