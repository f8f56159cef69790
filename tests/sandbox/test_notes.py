from __future__ import annotations

import pytest
from hypothesis import given

from pixelpair.sandbox.notes import remarks
from pixelpair.sandbox.rules import check

from .samples import GONE, NOW, bought, event, known
from .test_rules import FIELDS, JSON


def test_says_nothing_of_a_complete_event():
    assert remarks(event()) == []


@pytest.mark.parametrize(
    ("sent", "remark"),
    [
        (event(event_id=GONE), "no event_id: it can never be matched"),
        (event(event_id=""), "no event_id: it can never be matched"),
        (
            known(client_user_agent=GONE),
            "no client_user_agent: documented as required of website events, seen accepted without",
        ),
        (known(client_ip_address="shop"), "client_ip_address is no IP address"),
        (known(fbp="fb.1.2"), "fbp does not read fb.<index>.<milliseconds>.<digits>"),
        (event(event_name="x" * 51), "event_name is longer than 50 characters"),
        ({**bought(currency="kr"), "event_name": "Lead"}, "currency is no ISO 4217 code"),
        ({**bought(currency=GONE), "event_name": "Lead"}, "value without currency"),
        (
            event(data_processing_options=["LDU"], data_processing_options_country=1),
            "LDU country without a state: Meta then locates the event itself",
        ),
        (
            event(data_processing_options_country=0, data_processing_options_state=0),
            "LDU country or state without the option LDU: it is off",
        ),
    ],
)
def test_remarks(sent, remark):
    assert remarks(sent) == [remark]


@pytest.mark.parametrize("address", ["2001:db8::1", "203.0.113.9.AQICAQMC", "203.0.113.9"])
def test_takes_addresses_with_and_without_the_builders_appendix(address):
    assert remarks(known(client_ip_address=address)) == []


@given(field=FIELDS, value=JSON)
def test_survives_whatever_was_accepted(field, value):
    sent = event(**{field: value})
    if check([sent], NOW) is None:
        assert isinstance(remarks(sent), list)
