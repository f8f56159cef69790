from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox import glance

from .samples import GONE, HASH, event, known


def test_a_server_half():
    sent = known(ph=[HASH], fn=[], ln=[""], fbp="fb.1.2.3", nickname="x", fbc=None)
    assert glance.of_event(sent) == {
        "consent": "sent",
        "ldu": None,
        "match_keys": [
            "em",
            "ph",
            "client_ip_address",
            "client_user_agent",
            "fbp",
            "nickname",
        ],
        "data_keys": ["value", "currency", "content_ids", "contents"],
    }


def test_a_server_half_that_says_next_to_nothing():
    assert glance.of_event(event(user_data=GONE, custom_data=None)) == {
        "consent": "sent",
        "ldu": None,
        "match_keys": [],
        "data_keys": [],
    }


def test_a_browser_half():
    plain = {"fbc": "fb.1.2.c", "fbp": "", "dpo": "LDU", "dpoco": "1", glance.CONSENT: "granted"}
    assert glance.of_beacon(plain, {"zeta": 1, "alpha": 1, "value": 0}, {"db": HASH, "em": ""}) == {
        "consent": "granted",
        "ldu": [1, None],
        "match_keys": ["db", "fbc"],
        "data_keys": ["value", "alpha", "zeta"],
        "notes": ["LDU country without a state: Meta then locates the event itself"],
    }


@pytest.mark.parametrize("said", [{}, {glance.CONSENT: ""}, {glance.CONSENT: "Granted"}])
def test_nothing_said_is_not_asked(said):
    assert glance.of_beacon(said, {}, {})["consent"] == "not asked"


@pytest.mark.parametrize("value", [0, 0.0, False, "0", [0], {"a": None}])
def test_zero_and_false_are_carried(value):
    assert glance.carried({"key": value}, ()) == ["key"]


@pytest.mark.parametrize("value", [None, "", [], {}, [None, ""]])
def test_nothing_is_not_carried(value):
    assert glance.carried({"key": value}, ()) == []


@given(st.dictionaries(st.sampled_from("abcdef") | st.text(), st.none() | st.text(max_size=1)))
def test_every_key_that_says_something_is_named_once(values):
    named = glance.carried(values, "fedcba")
    assert sorted(named) == sorted(key for key, value in values.items() if value)
    assert glance.carried(dict(reversed(values.items())), "fedcba") == named
