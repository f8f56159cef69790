"""Conversions API calls: bytes joined as they are, within Meta's limits."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import Twin
from pixelpair.graph.client import Call, Reply
from pixelpair.graph.conversions import MAX_BYTES, MAX_EVENTS, call, portions, remarks


def twin(body: bytes) -> Twin:
    return Twin("111", "PageView", "e", 1, body)


def joined(
    *bodies: bytes, test_event_code: str | None = None, partner_agent: str | None = None
) -> Call:
    return call(
        [twin(body) for body in bodies],
        pixel_id="111",
        token="t",
        graph_url="https://graph.facebook.com/",
        version="v26.0",
        test_event_code=test_event_code,
        partner_agent=partner_agent,
    )


def test_joins_the_bodies_byte_by_byte() -> None:
    url = "https://graph.facebook.com/v26.0/111/events"
    body = b'{"data":[{"a":1.50},{"b":"\xc3\xa9"}]}'
    assert joined(b'{"a":1.50}', b'{"b":"\xc3\xa9"}') == Call(url, body, "t", 2)


def test_a_test_event_code_stands_beside_the_data() -> None:
    sent = joined(b"{}", test_event_code='TEST"1')
    assert json.loads(sent.body) == {"data": [{}], "test_event_code": 'TEST"1'}


def test_a_partner_agent_stands_beside_the_data() -> None:
    sent = joined(b"{}", test_event_code="TEST1", partner_agent='pl"atform_1_0')
    assert json.loads(sent.body) == {
        "data": [{}],
        "test_event_code": "TEST1",
        "partner_agent": 'pl"atform_1_0',
    }
    assert joined(b"{}", partner_agent="") == joined(b"{}")


def test_a_thousand_events_fit_one_call() -> None:
    assert list(portions([10] * 2001)) == [slice(0, 1000), slice(1000, 2000), slice(2000, 2001)]


def test_an_event_beyond_the_limit_goes_alone() -> None:
    sizes = [5, MAX_BYTES + 1, 5]
    assert list(portions(sizes)) == [slice(0, 1), slice(1, 2), slice(2, 3)]


@given(st.lists(st.integers(0, MAX_BYTES), max_size=60))
def test_portions_cover_all_in_order_and_each_fits(sizes: list[int]) -> None:
    parts = list(portions(sizes))
    assert [n for part in parts for n in range(part.start, part.stop)] == list(range(len(sizes)))
    for part in parts:
        inside = sizes[part]
        assert 0 < len(inside) <= MAX_EVENTS
        assert sum(inside) + len(inside) <= MAX_BYTES or len(inside) == 1


def test_a_plain_success_needs_no_remark() -> None:
    assert remarks(Reply("accepted", 200, received=2), 2) == []


def test_a_success_that_is_not_whole_is_remarked_on() -> None:
    reply = Reply("accepted", 200, received=1, messages=("careful",))
    assert remarks(reply, 2) == [
        "Meta counted 1 of 2 events sent",
        "Meta says of a delivered batch: careful",
    ]
