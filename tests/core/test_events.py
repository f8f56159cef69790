from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.events import (
    STANDARD_EVENTS,
    Event,
    Twin,
    Visitor,
    clean_event_id,
    clean_event_name,
    is_standard,
    purchase_id,
)

SOMEBODY = Visitor(
    url="https://www.shop.example/",
    referrer="",
    client_ip="203.0.113.7",
    user_agent="Mozilla/5.0",
    fbp="fb.1.1.2",
    fbc="fb.1.1.AbC",
    hashed={"em": ["0" * 64]},
)
NOBODY = Visitor("https://www.shop.example/", "", "", "", None, None, {})


# --- names and ids -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        *((name, name) for name in (*STANDARD_EVENTS, "PageView", "Took a sample", "x-1_2")),
        ("x" * 50, "x" * 50),
        ("x" * 51, None),
        *((bad, None) for bad in ("", "1st", "Köp", "a\n", "a<b", " a", None, 7, b"Lead")),
    ],
)
def test_event_names(name: object, clean: str | None) -> None:
    assert clean_event_name(name) == clean


def test_there_are_17_standard_events_and_the_base_codes_own() -> None:
    assert len(set(STANDARD_EVENTS)) == 17
    assert all(is_standard(name) for name in (*STANDARD_EVENTS, "PageView"))
    assert not is_standard("purchase")


@pytest.mark.parametrize(
    ("event_id", "clean"),
    [("order-1001", "order-1001"), (1001, "1001"), ("x" * 64, "x" * 64), ("!~", "!~")]
    + [(bad, None) for bad in ("", "x" * 65, "a b", "å", "a\n", None, 1.5, b"a", ["a"])],
)
def test_event_ids(event_id: object, clean: str | None) -> None:
    assert clean_event_id(event_id) == clean


def test_purchase_id_is_32_hex_digits_of_hmac_sha_256() -> None:
    full = hmac.new(b"key", "1234567890order-å".encode(), sha256).hexdigest()
    assert purchase_id(b"key", "1234567890", "order-å") == full[:32]


# --- the two halves ------------------------------------------------------------------------------


def test_browser_half() -> None:
    assert Event("Lead", "1", 9, {"value": 1}).call() == ["Lead", {"value": 1}, "1"]
    assert Event("PageView", "1", 9, {}).call() == ["PageView", {}, "1"]
    assert Event("My own", "1", 9, {}).call() == ["My own", {}, "1", 1]


def test_server_half_of_somebody() -> None:
    event = Event("Lead", "1", 9, {"value": 1})
    assert event.row(SOMEBODY._replace(referrer="https://news.example/")) == {
        "event_name": "Lead",
        "event_time": 9,
        "event_id": "1",
        "action_source": "website",
        "event_source_url": "https://www.shop.example/",
        "referrer_url": "https://news.example/",
        "user_data": {
            "client_ip_address": "203.0.113.7",
            "client_user_agent": "Mozilla/5.0",
            "fbp": "fb.1.1.2",
            "fbc": "fb.1.1.AbC",
            "em": ["0" * 64],
        },
        "custom_data": {"value": 1},
    }


def test_server_half_leaves_out_what_is_unknown() -> None:
    assert Event("PageView", "1", 9, {}).row(NOBODY) == {
        "event_name": "PageView",
        "event_time": 9,
        "event_id": "1",
        "action_source": "website",
        "event_source_url": "https://www.shop.example/",
        "user_data": {},
    }


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("Purchase", {"value": 0, "currency": "SEK"}, None),
        ("Purchase", {"value": 1}, "Purchase without currency"),
        ("Purchase", {"currency": "SEK"}, "Purchase without value"),
        ("Purchase", {}, "Purchase without value and currency"),
        ("AddToCart", {}, None),
        ("Subscribe", {"value": 1}, None),
    ],
)
def test_only_a_purchase_needs_money(name: str, data: dict[str, Any], fault: str | None) -> None:
    event = Event(name, "1", 9, data)
    assert event.fault == event.twin("7", NOBODY).fault == fault


def test_twin_carries_the_row_as_it_will_be_posted() -> None:
    event = Event("Lead", "order-1", 9, {"content_name": "Grönt"}, lasting=True)
    twin = event.twin("7", SOMEBODY)
    assert json.loads(twin.body) == event.row(SOMEBODY)
    assert twin == Twin("7", "Lead", "order-1", 9, twin.body, lasting=True, fault=None)


@given(st.builds(
    Twin, st.text("0123456789"), st.text("ab\n"), st.text("ab\"'\\"), st.integers(0, 2**40),
    st.binary(), st.booleans(), st.none() | st.text("ab é\n"), st.text("granted"),
    st.integers(0, 2**40),
))  # fmt: skip
def test_packed_twin_comes_back(twin: Twin) -> None:
    assert Twin.unpack(twin.pack()) == twin


@given(
    st.binary() | st.sampled_from([b"5\n", b"{}\n", b"null\n{}", b"[1]\n", b'"abcdef"\n', b"[]"])
)
def test_anything_else_is_no_twin(record: bytes) -> None:
    with pytest.raises(ValueError):
        Twin.unpack(record)
