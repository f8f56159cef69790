from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox import beacon, glance
from pixelpair.sandbox.compare import Line, differing, lines, money, page, said

from .samples import EVENT, GONE, bought

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=10,
)


def browser(**custom: str) -> dict:
    fields = {"id": "1", "ev": "Purchase", "dl": "https://shop.example/p/1?q=2"}
    data = {f"cd[{key}]": value for key, value in custom.items()}
    found = beacon.read({**fields, **data}.items(), user_agent="M", referer="")
    assert found
    return found.half


def server(event: dict) -> dict:
    return {**event, **glance.of_event(event)}


def test_a_pair_line_by_line():
    pair = browser(value="19.90", currency="sek", content_ids='["SKU-1"]'), server(EVENT)
    shown = [(line.label, line.browser, line.server, line.differs) for line in lines(*pair)]
    data = ["value", "currency", "content_ids"]
    assert shown == [
        ("Data", data, [*data, "contents"], False),
        ("Customer", [], ["em", "client_ip_address", "client_user_agent"], False),
        ("Consent", "not asked", "sent, which counts as agreed", False),
        ("LDU", "off", "off", False),
        ("Content ids", "SKU-1", "SKU-1, 2", True),
        ("Contents", "", "1 × SKU-1", False),
        ("Value", "19.9 SEK", "19.9 SEK", False),
        ("Page", "/p/1?q=2", "/thanks", False),
    ]
    assert differing(*pair) == ["Content ids"]


@pytest.mark.parametrize(
    ("custom", "text"),
    [
        ({"value": 21.0, "currency": "SEK"}, "21 SEK"),
        ({"value": "21.00", "currency": "sek"}, "21 SEK"),
        ({"value": 0, "currency": "SEK"}, "0 SEK"),
        ({"value": True, "currency": 7}, "true 7"),
        ({}, ""),
    ],
)
def test_money_in_one_spelling(custom, text):
    assert money({"custom_data": custom}) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://s.example/a?b=c#d", "/a?b=c"),
        ("https://s.example", "/"),
        ("http://[", "http://["),
        ("nothing", "nothing"),
        (7, "7"),
        (None, ""),
    ],
)
def test_page_without_its_host(url, shown):
    assert page({"url": url}) == shown


def test_limited_data_use_of_one_half_differs():
    limited = {"data_processing_options": ["LDU"], "data_processing_options_country": 1}
    pair = browser(), server({**bought(value=GONE), **limited})
    assert "LDU" in differing(*pair)
    assert Line("LDU", "off", "on, country 1, state none", True) in lines(*pair)


def test_a_lone_half_differs_from_nobody():
    assert differing(browser(), None) == []
    assert {line.server for line in lines(browser(value="1"), None)} == {""}


@given(JSON, JSON)
def test_anything_can_be_shown(one, other):
    half = {"custom_data": one, "user_data": other, "url": one, "fbp": other, "ldu": None}
    for line in lines(half, {"custom_data": {"contents": one, "value": other}}):
        assert isinstance(line.shown(), dict)
    assert isinstance(said(one), str)
