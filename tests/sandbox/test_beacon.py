from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox.beacon import Beacon, custom_value, read
from pixelpair.sandbox.bodies import query


def beacon(text: str) -> Beacon | None:
    return read(query(text), user_agent="UA", referer="http://shop.example/page")


def test_reads_a_whole_beacon():
    found = beacon(
        "id=12&ev=ViewContent&eid=abc&dl=http%3A%2F%2Fshop%2Fp&rl=http%3A%2F%2Fshop%2F&ts=1&v=2.9"
        "&cd%5Bcontent_ids%5D=%5B%22a%22%2C7%5D&cd[contents]=[{%22id%22:%22a%22,%22quantity%22:2}]"
        "&cd[value]=19.90&cd[currency]=SEK&cd[order_id]=1001&ud[em]=f00&fbp=fb.1.2.3&fbc=fb.1.2.c"
        "&dpo=LDU&dpoco=1&dpost=7&pixelpair_sandbox_consent=granted"
    )
    assert found == Beacon(
        "12",
        "ViewContent",
        "abc",
        {
            "url": "http://shop/p",
            "referrer": "http://shop/",
            "custom_data": {
                "content_ids": ["a", 7],
                "contents": [{"id": "a", "quantity": 2}],
                "value": 19.9,
                "currency": "SEK",
                "order_id": "1001",
            },
            "user_data": {"em": "f00"},
            "fbp": "fb.1.2.3",
            "fbc": "fb.1.2.c",
            "user_agent": "UA",
            "noscript": False,
            "parameters": {"ts": "1", "v": "2.9", "dpo": "LDU", "dpoco": "1", "dpost": "7"},
            "consent": "granted",
            "ldu": [1, 7],
            "match_keys": ["em", "fbc", "fbp"],
            "data_keys": ["value", "currency", "content_ids", "contents", "order_id"],
            "notes": ["LDU state is none of Meta's (0, 1000 to 1013)"],
        },
    )


def test_a_noscript_image_takes_its_page_from_the_referer():
    found = beacon("id=12&ev=PageView&noscript=1&eid=abc")
    assert (found.event_id, found.half["noscript"], found.half["url"]) == (
        "abc",
        True,
        "http://shop.example/page",
    )


@pytest.mark.parametrize(
    ("more", "state"),
    [("", None), ("&dpo=", None), ("&dpo=LDU&dpoco=0&dpost=0", [0, 0])],
)
def test_a_noscript_image_tells_of_limited_data_use_and_cannot_be_asked(more, state):
    half = beacon(f"id=12&ev=PageView&noscript=1&eid=abc{more}").half
    assert (half["ldu"], half["consent"]) == (state, "not asked")


@pytest.mark.parametrize("text", ["", "id=1", "ev=Lead", "id=&ev=Lead", "id=1&ev=", "%%%&==&["])
def test_is_none_without_pixel_and_name(text):
    assert beacon(text) is None


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("value", "12", 12),
        ("value", "12,50", "12,50"),
        ("value", "NaN", "NaN"),
        ("num_items", "3", 3),
        ("status", "true", True),
        ("search_string", "42", "42"),
        ("order_id", "[1]", "[1]"),
        ("currency", "eur", "eur"),
        ("colour", "red", "red"),
        ("colour", '"red"', '"red"'),
        ("colour", "null", "null"),
        ("colour", "007", "007"),
        ("extra", '{"a":[1]}', {"a": [1]}),
        ("extra", "[" * 100 + "]" * 100, "[" * 100 + "]" * 100),
    ],
)
def test_custom_values(key, text, value):
    assert custom_value(key, text) == value


NAMES = st.sampled_from(["eid", "cd[a]", "cd[value]", "ud[em]", "noscript"]) | st.text()


@given(st.lists(st.tuples(NAMES, st.text())))
def test_whatever_it_reads_can_be_shown(pairs):
    found = read([*pairs, ("id", "1"), ("ev", "Lead")], user_agent="", referer="")
    assert orjson.loads(orjson.dumps(found.half)) == found.half


@given(st.text())
def test_survives_any_query(text):
    found = beacon(f"{text}&id=1&ev=Lead")
    assert (found.pixel_id, found.name) == ("1", "Lead")
