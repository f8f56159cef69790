from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox.currencies import CURRENCIES
from pixelpair.sandbox.rules import check, is_pixel_id, is_token
from pixelpair.sandbox.verdicts import Fault, bad_token, invalid, no_such_object

from .samples import DAY, EVENT, GONE, HASH, NOW, bought, event, known

LDU = [f"data_processing_options{end}" for end in ("", "_country", "_state")]
EXTINFO = ["a2", "", "", "", "14", *[""] * 11]


@pytest.mark.parametrize(
    "sound",
    [
        event(),
        event(event_id=GONE),
        event(event_id=17),
        event(event_time=int(NOW) - 7 * DAY + 1),
        event(event_time=int(NOW) - 61 * DAY, action_source="physical_store"),
        event(event_time=int(NOW) + 59),
        event(action_source="phone_call", event_source_url=GONE),
        event(action_source="app", app_data={"extinfo": EXTINFO}),
        event(event_name="PageView", custom_data=GONE),
        event(event_name="PageView", custom_data=None),
        event(event_name="x" * 200),
        event(data_processing_options=["LDU"]),
        event(data_processing_options=[]),
        event(data_processing_options_country=1, data_processing_options_state=1),
        bought(value=0),
        bought(value="142.52"),
        bought(value=-1),
        bought(currency="usd"),
        bought(contents=GONE, content_ids=GONE),
        bought(anything={"else": [1]}),
        known(client_user_agent=GONE),
        known(em=HASH),
        known(em=HASH.upper()),
        known(em=[f"{HASH}.AQICAQMC", f"{HASH}.Ag"]),
        known(em=""),
        known(fbc="fb.1.1749651650057.IwAR2_x-Y"),
        known(fbc="fb.1.1749651650057.IwAR2.AQICAQMC"),
        known(lead_id="12345678901234567"),
        known(external_id=["customer 7"]),
        known(em=GONE),
        known(em=GONE, client_ip_address=GONE, fbp="fb.1.1749651650057.1"),
    ],
)
def test_accepts(sound):
    assert check([sound], NOW) is None


@pytest.mark.parametrize(
    ("spoiled", "subcode", "path"),
    [
        (event(event_name=GONE), 2804019, "event_name"),
        (event(event_name=" "), 2804019, "event_name"),
        (event(event_name=7), 2804019, "event_name"),
        (event(event_time=GONE), 2804019, "event_time"),
        (event(event_time="1800000000"), None, "event_time"),
        (event(event_time=NOW), None, "event_time"),
        (event(event_time=True), None, "event_time"),
        (event(event_time=int(NOW) - 7 * DAY), 2804003, "event_time"),
        (
            event(event_time=int(NOW) - 62 * DAY, action_source="physical_store"),
            2804003,
            "event_time",
        ),
        (event(event_time=int(NOW) + 62), 2804004, "event_time"),
        (event(event_time=int(NOW * 1000)), 2804004, "event_time"),
        (event(event_id={"a": 1}), None, "event_id"),
        (event(action_source=GONE), 2804019, "action_source"),
        (event(action_source="web"), None, "action_source"),
        (event(action_source=["website"]), None, "action_source"),
        (event(event_source_url=GONE), 2804019, "event_source_url"),
        (event(user_data=GONE), 2804050, "user_data"),
        (event(user_data=[]), None, "user_data"),
        (event(user_data={"client_user_agent": "UA"}), 2804050, "user_data"),
        (event(user_data={"ct": HASH, "country": HASH, "zp": [HASH]}), 2804050, "user_data"),
        (event(user_data={"db": HASH, "client_user_agent": "UA"}), 2804050, "user_data"),
        (event(user_data={"fn": HASH, "ge": HASH}), 2804050, "user_data"),
        (event(user_data={"ln": HASH, "ge": HASH, "em": [""]}), 2804050, "user_data"),
        (event(user_data={"unheard_of": "x"}), 2804050, "user_data"),
        (known(em="anna@example.com"), None, "user_data.em"),
        (known(em=[HASH, "anna@example.com"]), None, "user_data.em"),
        (known(ph="46701234567"), None, "user_data.ph"),
        (known(em=HASH[:32]), None, "user_data.em"),
        (known(em=f"{HASH}\n"), None, "user_data.em"),
        (known(em=7), None, "user_data.em"),
        (known(fbc="IwAR2"), 2804001, "user_data.fbc"),
        (known(fbc="fb.1.x.IwAR2"), 2804001, "user_data.fbc"),
        (known(fbc="fb.1.1749651650057."), 2804001, "user_data.fbc"),
        (known(fbc="fb.1.1749651650057.a.b"), 2804001, "user_data.fbc"),
        (known(fbc=["fb.1.1749651650057.a"]), 2804001, "user_data.fbc"),
        (known(lead_id="l-1"), 2804036, "user_data.lead_id"),
        (known(lead_id=1.5), 2804036, "user_data.lead_id"),
        (event(custom_data=GONE), 2804009, "custom_data.value"),
        (event(custom_data="x"), 2804016, "custom_data"),
        (bought(value=GONE), 2804009, "custom_data.value"),
        (bought(value=""), 2804009, "custom_data.value"),
        (bought(value=None), 2804009, "custom_data.value"),
        (bought(value="12,50"), 2804016, "custom_data.value"),
        (bought(value=True), 2804016, "custom_data.value"),
        (bought(value=[1]), 2804016, "custom_data.value"),
        (bought(currency=GONE), 2804010, "custom_data.currency"),
        (bought(currency=""), 2804010, "custom_data.currency"),
        (bought(currency="kr"), 2804011, "custom_data.currency"),
        (bought(currency="XXX"), 2804011, "custom_data.currency"),
        (bought(currency="MRU"), 2804011, "custom_data.currency"),
        (bought(currency=752), 2804011, "custom_data.currency"),
        (bought(contents="[]"), 2804008, "custom_data.contents"),
        (bought(contents={"id": "a"}), 2804008, "custom_data.contents"),
        (bought(contents=["SKU-1"]), 2804008, "custom_data.contents"),
        (bought(contents=[{"id": 1}, {"quantity": 1}]), 2804023, "custom_data.contents.1.id"),
        (bought(contents=[{"id": ""}]), 2804023, "custom_data.contents.0.id"),
        (bought(content_ids="SKU-1"), 2804016, "custom_data.content_ids"),
        (bought(content_ids=[["SKU-1"]]), 2804016, "custom_data.content_ids"),
        (event(action_source="app"), 2804043, "app_data.extinfo"),
        (
            event(action_source="app", app_data={"extinfo": ["a2", *[""] * 15]}),
            2804043,
            "app_data.extinfo",
        ),
        (event(data_processing_options="LDU"), None, "data_processing_options"),
        (event(data_processing_options=["LDU", "LDU"]), None, "data_processing_options"),
        (
            event(data_processing_options_country=2),
            None,
            "data_processing_options_country",
        ),
        (
            event(data_processing_options_country="1"),
            None,
            "data_processing_options_country",
        ),
        (
            event(data_processing_options_country=True),
            None,
            "data_processing_options_country",
        ),
        (
            event(data_processing_options_state=1000.0),
            None,
            "data_processing_options_state",
        ),
    ],
)
def test_rejects(spoiled, subcode, path):
    fault = check([spoiled], NOW)
    assert (fault.subcode, ".".join(fault.path)) == (subcode, f"data.0.{path}")


@pytest.mark.parametrize(
    "key",
    [
        "em",
        "ph",
        "fn",
        "ln",
        "db",
        "ge",
        "ct",
        "st",
        "zp",
        "country",
        "f5first",
        "f5last",
        "fi",
        "dobd",
        "dobm",
        "doby",
    ],
)
def test_rejects_what_should_have_been_hashed(key):
    fault = check([known(**{key: "plain"})], NOW)
    assert (fault.subcode, fault.path) == (None, ("data", "0", "user_data", key))


@pytest.mark.parametrize("data", [None, [], {}, "", "[]", {"event_name": "x"}, [EVENT] * 1001])
def test_rejects_data_that_is_no_batch(data):
    fault = check(data, NOW)
    assert (fault.subcode, fault.path) == (None, ("data",))


def test_accepts_a_thousand_events():
    assert check([EVENT] * 1000, NOW) is None


def test_rejects_an_event_that_is_no_object():
    assert check(["x"], NOW) == Fault(("data", "0"), "an event must be a JSON object")


def test_rejects_deep_nesting():
    deep: list = []
    for _ in range(100):
        deep = [deep]
    fault = check([bought(extra=deep)], NOW)
    assert fault == Fault(("data", "0"), "the event is nested too deeply")


def test_names_the_one_bad_event_of_a_batch():
    fault = check([event(), bought(value=GONE), bought(currency=GONE)], NOW)
    assert fault == Fault(
        ("data", "1", "custom_data", "value"), "a Purchase needs a value", 2804009
    )


def test_other_events_need_neither_value_nor_a_known_currency():
    other = {**bought(value=GONE, currency="kr"), "event_name": "AddToCart"}
    assert check([other], NOW) is None


def test_answers_in_the_recorded_shape():
    rejection = invalid(check([bought(value=GONE)], NOW))
    assert rejection.status == 400
    assert rejection.body("Atrace") == {
        "error": {
            "message": "Invalid parameter",
            "type": "OAuthException",
            "code": 100,
            "error_subcode": 2804009,
            "is_transient": False,
            "error_user_title": "Missing Value for Purchase Event",
            "error_user_msg": "a Purchase needs a value",
            "error_data": {"blame_field_specs": [["data", "0", "custom_data", "value"]]},
            "fbtrace_id": "Atrace",
        }
    }


def test_answers_without_subcode_where_none_is_recorded():
    assert "error_subcode" not in invalid(check([], NOW)).error


def test_bad_token_is_401_without_is_transient():
    rejection = bad_token()
    assert (rejection.status, rejection.error["code"]) == (401, 190)
    assert "is_transient" not in rejection.error


def test_missing_pixel_is_100_33():
    rejection = no_such_object("x", "POST")
    numbers = rejection.error["code"], rejection.error["error_subcode"]
    assert (rejection.status, *numbers) == (400, 100, 33)


@pytest.mark.parametrize("value", [None, "", "two words", "å", "a\n", 7, ["t"], "x" * 1001])
def test_a_garbage_token_is_none(value):
    assert not is_token(value)


@pytest.mark.parametrize("value", ["EAAB0", "sandbox-token", "123|abc_DEF"])
def test_any_well_spelt_token_will_do(value):
    assert is_token(value)


def test_pixel_ids_are_digits():
    assert [is_pixel_id(text) for text in ("1234567890", "", "12a", "１２", "1\n")] == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_every_currency_is_a_known_one():
    import pycountry

    # Left the standard recently, still on shops' price tags.
    retired = {"ANG", "BGN", "HRK"}
    assert {currency.alpha_3 for currency in pycountry.currencies} | retired >= CURRENCIES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from([*EVENT, "app_data", *LDU])


@given(JSON)
def test_survives_any_data(data):
    assert check(data, NOW) is None or check(data, NOW).detail


@given(field=FIELDS, value=JSON)
def test_survives_any_value_of_a_field(field, value):
    fault = check([event(**{field: value})], NOW)
    assert fault is None or fault.path[:2] == ("data", "0")


@given(field=st.sampled_from(["em", "fbc", "lead_id", "client_ip_address"]), value=JSON)
def test_survives_any_customer_information(field, value):
    fault = check([known(**{field: value})], NOW)
    assert fault is None or fault.path == ("data", "0", "user_data", field)


@given(field=st.sampled_from(list(EVENT["custom_data"])), value=JSON)
def test_survives_any_custom_data(field, value):
    fault = check([bought(**{field: value})], NOW)
    assert fault is None or fault.path[:4] == ("data", "0", "custom_data", field)
