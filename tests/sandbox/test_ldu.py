from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox import ldu
from pixelpair.sandbox.ldu import LimitedDataUse

from .samples import GONE, event, known

COUNTRY = "LDU country is neither 0 nor 1"
STATE = "LDU state is none of Meta's (0, 1000 to 1013)"
NO_OPTION = "LDU country or state without the option LDU: it is off"
NO_STATE = "LDU country without a state: Meta then locates the event itself"
NO_PLACE = "LDU without a state and without client_ip_address: Meta cannot locate the event"


def limited(*place: object, **changes: object) -> dict:
    keys = (ldu.COUNTRY, ldu.STATE)
    return event(
        **{ldu.OPTIONS: ["LDU"], **dict(zip(keys, place, strict=False)), **changes},
    )


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (event(), None),
        (event(data_processing_options=[]), None),
        (event(data_processing_options=None), None),
        (limited(), [None, None]),
        (limited(0, 0), [0, 0]),
        (limited(1, 1000), [1, 1000]),
        (limited(1), [1, None]),
    ],
)
def test_reads_a_server_event(sent, shown):
    assert ldu.of_event(sent).shown() == shown


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ({}, None),
        ({"dpo": ""}, None),
        ({"dpo": "ldu"}, None),
        ({"dpo": "LDU"}, [None, None]),
        ({"dpo": "LDU", "dpoco": "", "dpost": ""}, [None, None]),
        ({"dpo": "LDU", "dpoco": "0", "dpost": "0"}, [0, 0]),
        ({"dpo": "LDU", "dpoco": "1", "dpost": "1000"}, [1, 1000]),
        ({"dpo": "LDU", "dpoco": "01", "dpost": "٣"}, ["01", "٣"]),
        ({"dpoco": "0", "dpost": "0"}, None),
    ],
)
def test_reads_a_beacon(plain, shown):
    assert ldu.of_beacon(plain).shown() == shown


@pytest.mark.parametrize(
    ("state", "remarks"),
    [
        (LimitedDataUse(False), []),
        (LimitedDataUse(True), []),
        (LimitedDataUse(True, 0, 0), []),
        (LimitedDataUse(True, 1, 1000), []),
        (LimitedDataUse(True, 1, 1013), []),
        (LimitedDataUse(True, 1, 1000, locatable=False), []),
        (LimitedDataUse(True, 2, 1000), [COUNTRY]),
        (LimitedDataUse(True, "US", 1000), [COUNTRY]),
        (LimitedDataUse(True, 1, 999), [STATE]),
        (LimitedDataUse(True, 1, 1014), [STATE]),
        (LimitedDataUse(True, 1, "CA"), [STATE]),
        (LimitedDataUse(True, 1), [NO_STATE]),
        (LimitedDataUse(True, locatable=False), [NO_PLACE]),
        (LimitedDataUse(True, 0, 0, locatable=False), [NO_PLACE]),
        (LimitedDataUse(False, 0, 0), [NO_OPTION]),
        (LimitedDataUse(False, None, 1000), [NO_OPTION]),
        (LimitedDataUse(False, 7, 7), [COUNTRY, STATE, NO_OPTION]),
    ],
)
def test_remarks(state, remarks):
    assert state.remarks() == remarks


@pytest.mark.parametrize(("ip", "locatable"), [("203.0.113.9", True), ("", False), (GONE, False)])
def test_a_server_half_can_be_located_by_its_ip_address(ip, locatable):
    assert ldu.of_event(known(client_ip_address=ip)).locatable is locatable


@given(st.dictionaries(st.sampled_from(["dpo", "dpoco", "dpost"]), st.text()))
def test_survives_any_beacon(plain):
    found = ldu.of_beacon(plain)
    assert (found.shown() is not None) == (plain.get("dpo") == "LDU")
    assert orjson.loads(orjson.dumps(found.shown())) == found.shown()
    assert all(found.remarks())


@given(
    st.sampled_from([*ldu.COUNTRIES, 2]),
    st.sampled_from([*ldu.STATES, 7]),
)
def test_both_channels_read_alike(country, state):
    plain = {"dpo": "LDU", "dpoco": str(country), "dpost": str(state)}
    assert ldu.of_beacon(plain) == ldu.of_event(limited(country, state))
