"""What would change if pixelpair took over a page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import Event
from pixelpair.core.shadow_calls import Call
from pixelpair.core.shadow_differences import LONGEST, Difference, differences
from pixelpair.core.shadow_page import Existing


def event(name: str, **data: Any) -> Event:
    return Event(name, "0" * 32, 0, data)


def call(name: str, has_id: bool | None = True, sure: bool = True, **data: Any) -> Call:
    return Call(name, data, has_id, sure)


VIEW, BUY = event("PageView"), event("Purchase", value=10.0, currency="SEK", content_ids=["a", "b"])
SAME = call("Purchase", value="10.00", currency=" sek", content_ids=["b", "a"])
D = Difference
LONG = [f"product-{n}" for n in range(30)]

CASES: dict[str, tuple[list[Call], list[Event], list[Difference]]] = {
    "the same": ([call("PageView"), SAME], [VIEW, BUY], []),
    "no id": ([call("PageView", False)], [VIEW], [D("PageView", "id missing")]),
    "an id that nobody can read": ([call("PageView", None)], [VIEW], []),
    "missing there": (
        [],
        [VIEW, BUY],
        [D("PageView", "missing there"), D("Purchase", "missing there")],
    ),
    "missing here": ([call("Lead")], [], [D("Lead", "missing here")]),
    "in a handler": ([call("Lead", sure=False)], [], [D("Lead", "in a handler")]),
    "twice": ([call("PageView"), call("PageView")], [VIEW], [D("PageView", "twice")]),
    "once, and in a handler": ([call("Lead"), call("Lead", sure=False)], [event("Lead")], []),
    "twice on both sides": ([call("Lead"), call("Lead")], [event("Lead"), event("Lead")], []),
    "other value": (
        [call("Purchase", value="12,50", currency="SEK", content_ids=["a", "b"])],
        [BUY],
        [D("Purchase", "other value", "12,50", "10.00")],
    ),
    "no value": (
        [call("Lead")],
        [event("Lead", value=2)],
        [D("Lead", "other value", "none", "2.00")],
    ),
    "other currency": (
        [call("Lead", currency="kr")],
        [event("Lead", currency="SEK")],
        [D("Lead", "other currency", "KR", "SEK")],
    ),
    "other products": (
        [call("Lead", content_ids=[1])],
        [event("Lead", contents=[{"id": "SKU-1", "quantity": 1}])],
        [D("Lead", "other content_ids", "1", "SKU-1")],
    ),
    "products named the other way": (
        [call("Lead", contents=[{"id": 1}])],
        [event("Lead", content_ids=["1"])],
        [],
    ),
    "products of an image": (
        [call("Lead", content_ids='["1"]')],
        [event("Lead", content_ids=["1"])],
        [],
    ),
    "one product": ([call("Lead", content_ids="1")], [event("Lead", content_ids=["1"])], []),
    "a long list": (
        [call("Lead", content_ids=LONG)],
        [event("Lead")],
        [D("Lead", "other content_ids", ", ".join(sorted(LONG))[: LONGEST - 1] + "…", "none")],
    ),
    "what is not written out": (
        [Call("Lead", {}, True, unread=frozenset({"value", "contents"}))],
        [event("Lead", value=1, content_ids=["1"])],
        [],
    ),
    "the first is compared with the first": (
        [call("Lead", value=1), call("Lead", value=3)],
        [event("Lead", value=1), event("Lead", value=2)],
        [D("Lead", "other value", "3.00", "2.00")],
    ),
    "to another pixel": (
        [Call("PageView", {}, True, pixel="9")],
        [VIEW],
        [D("PageView", "other pixel", "9", "1 2"), D("PageView", "missing there")],
    ),
    "each of both pixels by itself": (
        [Call("PageView", {}, True, pixel=pixel) for pixel in ("1", "2")],
        [VIEW],
        [],
    ),
    "all, and one by itself": (
        [call("PageView"), Call("PageView", {}, True, pixel="2")],
        [VIEW],
        [D("PageView", "twice")],
    ),
    "the one that is alike is compared": (
        [call("Lead", value=1), call("Lead", value=2)],
        [event("Lead", value=2)],
        [D("Lead", "twice")],
    ),
    "to one of ours": ([Call("PageView", {}, True, pixel="2")], [VIEW], []),
}


@pytest.mark.parametrize("case", CASES)
def test_tells(case: str) -> None:
    calls, events, told = CASES[case]
    assert differences(Existing((), tuple(calls)), events, ("1", "2")) == told


def test_claims_nothing_missing_of_a_page_that_was_not_read_to_its_end() -> None:
    assert differences(Existing(whole=False), [VIEW], ("1",)) == []


def test_says_what_may_hold_what_is_missing() -> None:
    found = Existing(managers=("Google Tag Manager",))
    unseen = "Google Tag Manager is not read"
    assert differences(found, [VIEW], ("1",)) == [D("PageView", "missing there", unseen)]


def test_tells_of_pixels_that_are_started() -> None:
    found = Existing(("1", "9", "1"), images=("1", "8", ""))
    assert differences(found, [], ("1",)) == [
        D("init", "twice", "1"),
        D("init", "other pixel", "9", "1"),
        D("init", "other pixel", "8", "1"),
    ]


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from(["value", "currency", "content_ids", "contents"]), json))
def test_never_raises(data: dict[str, Any]) -> None:
    for one in differences(Existing((), (Call("Lead", data),)), [event("Lead")], ("1",)):
        assert max(map(len, (one.page, one.ours))) <= LONGEST
