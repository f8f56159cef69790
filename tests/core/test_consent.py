import json
from contextlib import suppress
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.consent import (
    OWN_COOKIE,
    SIX_MONTHS,
    Consent,
    Signals,
    own_again,
    own_value,
    parse_consent,
    parse_ldu,
    unescape,
)
from pixelpair.core.consent_presets import PRESETS
from pixelpair.core.cookies import set_cookie
from pixelpair.core.routes import RuleError
from pixelpair.core.snippet import PENDING
from pixelpair.core.tcf import vendor_agreed
from tests.core.consent_cases import CASES, DATA, MADE, cuts

NOW = 1_795_300_000
STATES = {"granted", "denied", "pending"}
SETTINGS = sorted({case.setting for case in CASES})


def decide(setting: str, cookies: str | bytes) -> str:
    raw = cookies if isinstance(cookies, bytes) else cookies.encode()
    return parse_consent(setting).decide(raw)


# --- what the visitor decided ----------------------------------------------------------------


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: f"{case.setting}: {case.name}")


@each(CASES)
def test_reads_what_the_tool_wrote(case):
    assert decide(case.setting, case.cookies) == case.verdict


@each([case for case in CASES if case.setting != "granted"])
def test_finds_the_cookie_among_a_thousand(case):
    around = "; ".join(f"c{n}=v%{n}" for n in range(500))
    assert decide(case.setting, f"{around}; {case.cookies}; {around}") == case.verdict


@each([case for case in CASES if case.verdict != "granted" and len(case.cookies) > 30])
def test_no_cut_turns_a_refusal_into_consent(case):
    assert {decide(case.setting, cut) for cut in cuts(case)} <= {"pending", case.verdict}


def test_tcf_string_cut_in_its_vendors_is_no_consent():
    whole = next(c for c in CASES if c.name == "accepts all, vendor 1499")
    core = whole.cookies.partition(".")[0]
    assert decide(whole.setting, core) == "granted"
    # The ranges of vendors end 4 characters before the core, which is padded.
    assert {decide(whole.setting, core[:end]) for end in range(len("euconsent-v2=") + 40)} == {
        "pending"
    }


@pytest.mark.parametrize(
    ("vendor", "bits", "verdict"),
    [
        (1, "0" * 15 + "1" + "0" + "1", True),
        (1, "0" * 15 + "1" + "0" + "0", False),
        (2, "0" * 15 + "1" + "0" + "1", False),
        (5, "0" * 13 + "111" + "0" + "0000", None),
        (5, "0" * 13 + "111" + "1" + "0" * 12, False),
        (5, "0" * 13 + "111" + "1" + "0" * 11 + "1", None),
        (5, "0" * 10, None),
    ],
)
def test_vendor_list_is_read_to_the_bit(vendor, bits, verdict):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    whole = "000010" + "0" * 207 + bits
    whole += "0" * (-len(whole) % 6) if verdict is not None else ""
    value = "".join(letters[int(whole[n : n + 6], 2)] for n in range(0, len(whole) - 5, 6))
    assert vendor_agreed(value, vendor) is verdict


@pytest.mark.parametrize("value", ["", "é", "C\0", "C.D", "=" * 300])
def test_vendor_of_no_tc_string_is_unknown(value):
    assert vendor_agreed(value, 1) is None


@pytest.mark.parametrize("setting", SETTINGS)
@given(cookies=st.binary(max_size=300))
def test_never_raises_on_a_hostile_header(setting, cookies):
    assert decide(setting, cookies) in STATES


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s != "granted"])
@given(value=st.binary(max_size=300) | st.text("{}[]\"':,.|=%01CIytrue", max_size=200))
def test_never_raises_on_a_hostile_value(setting, value):
    raw = value if isinstance(value, bytes) else value.encode()
    cookie = parse_consent(setting).cookie.encode() + b"=" + raw
    assert decide(setting, cookie) in STATES


def test_overlong_header_is_read_to_its_last_whole_cookie():
    filler = b"; ".join([b"a=%d" % n for n in range(20_000)])
    assert decide("cookie:ok=yes", b"ok=yes; " + filler) == "granted"
    assert decide("cookie:ok=yes", filler + b"; ok=yes") == "pending"
    assert decide("cookie:ok=yes", b"ok=yes" + b"x" * 200_000) == "pending"


def test_value_that_no_browser_keeps_is_no_consent():
    services = {f"service-{n}": True for n in range(400)}
    value = json.dumps(services | {"pixel": True}, separators=(",", ":"))
    assert len(value) > 4096
    assert decide("klaro:pixel", f"klaro={value}") == "pending"
    assert decide("klaro:pixel", f"klaro={value[-4000:]}") == "granted"


@given(st.text("%u0aF1 z", max_size=30))
def test_unescape_leaves_what_is_no_escape(text):
    assert ("%" in text) or unescape(text) == text


def test_unescape_reads_both_forms():
    assert unescape("%7B%u0041%zz%%41%4") == "{A%zz%A%4"


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_shown_a_yes_and_a_no_of_the_tool_itself(preset):
    verdicts = {case.verdict for case in MADE if case.setting.partition(":")[0] == preset}
    assert verdicts >= {"granted", "denied"}


def test_django_cookie_is_hidden_from_scripts_by_default():
    """The documentation tells of it: a page cannot read what is HttpOnly."""
    assert json.loads((DATA / "django.json").read_text())["http_only"] is True


# --- the setting -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("", "granted, required, cookie:NAME=VALUE"),
        ("yes", "one of tcf, klaro"),
        ("usercentrics", "one of tcf, klaro"),
        ("cookie:ok", "cookie:NAME=VALUE"),
        ("cookie:o k=1", "cookie:NAME=VALUE"),
        ("cookie:ok=é", "cookie:NAME=VALUE"),
        ("klaro", "klaro: with the pixel's service"),
        ("klaro:é", "klaro: with the pixel's service"),
        ('klaro:a"b', "klaro: with the pixel's service"),
        ("vanilla-cookieconsent", "the category"),
        ("django-cookie-consent@c", "varname"),
        ("complianz:marketing", "complianz alone"),
        ("tcf:0", "IAB Europe"),
        ("tcf:meta", "IAB Europe"),
        ("tcf:100000", "IAB Europe"),
        ("shop.consent:agreed", "dotted path"),
        ("shop..agreed", "dotted path"),
    ],
)
def test_says_what_would_be_right(setting, words):
    with pytest.raises(RuleError, match=words):
        parse_consent(setting)


@given(st.text(max_size=60) | st.sampled_from(list(PRESETS)).flatmap(lambda p: st.just(f"{p}:a@b")))
def test_setting_is_read_or_refused(setting):
    with suppress(RuleError):
        assert parse_consent(setting).decide(b"") in ("granted", "pending")


def test_takes_a_rule_as_it_is():
    rule = parse_consent("required")
    assert parse_consent(rule) is rule


def test_rule_for_the_page():
    assert parse_consent("granted").in_page() == {}
    assert parse_consent("required").in_page() == {
        "find": "(?:^|;) ?_pp_consent=([^;]*)",
        "yes": r"^1\.\d",
        "own": 1,
    }
    assert parse_consent("tcf:7").in_page()["vendor"] == 7


def test_own_cookie_decides_where_the_shop_says_so():
    owns = [s for s in ("granted", "required", "shop.agreed", "tcf") if parse_consent(s).own]
    assert owns == ["required", "shop.agreed"]
    assert parse_consent("shop.agreed").ask == "shop.agreed"


# --- our own cookie --------------------------------------------------------------------------


@pytest.mark.parametrize("granted", [True, False])
def test_own_value_is_read_again(granted):
    value = own_value(granted, NOW)
    cookie = set_cookie(OWN_COOKIE, value, max_age=SIX_MONTHS, domain=None, secure=True)
    assert cookie.startswith(b"_pp_consent=")
    assert decide("required", cookie.partition(b";")[0]) == ("granted" if granted else "denied")


def test_own_cookie_is_no_pending_event():
    assert not PENDING.search(f"{OWN_COOKIE}={own_value(True, NOW)}".encode())


OLD = 100_000  # more than a day: what was said just now is not repeated


@pytest.mark.parametrize(
    ("cookies", "again"),
    [
        (f"_pp_consent=1.{NOW - OLD}", (f"1.{NOW - OLD}", SIX_MONTHS - OLD)),
        (f"a=b; _pp_consent=0.{NOW - 9 * OLD}", (f"0.{NOW - 9 * OLD}", SIX_MONTHS - 9 * OLD)),
        (f"_pp_consent=1.{NOW - 9}; _pp_consent=0.{NOW - OLD}", None),
        (f"_pp_consent=1.{NOW}", None),
        (f"_pp_consent=1.{NOW - SIX_MONTHS}", None),
        (f"_pp_consent=1.{NOW + 1}", None),
        ("_pp_consent=1.", None),
        ("_pp_consent=1.1e9", None),
        ("_pp_consent=1.9999999999999", None),
        (f"_pp_consent=1.{NOW}\r\nx", None),
        ("", None),
    ],
)
def test_server_repeats_a_decision_for_the_rest_of_its_life(cookies, again):
    assert own_again(cookies.encode(), NOW) == again


@given(st.binary(max_size=100))
def test_what_is_repeated_can_stand_in_a_header(value):
    again = own_again(b"_pp_consent=" + value, NOW)
    assert again is None or set_cookie(
        OWN_COOKIE, again[0], max_age=again[1], domain=None, secure=True
    )


# --- limits on use --------------------------------------------------------------------------

GPC, DNT = {b"sec-gpc": b"1"}, {b"dnt": b"1"}


@pytest.mark.parametrize(
    ("signals", "headers", "consent"),
    [
        (Signals(), {}, Consent("granted")),
        (Signals(), GPC, Consent("granted", (0, 0))),
        (Signals(), {b"sec-gpc": b"0"}, Consent("granted")),
        (Signals(), {b"sec-gpc": b"1, 1"}, Consent("granted")),
        (Signals(), DNT, Consent("granted")),
        (Signals(dnt=True), DNT, Consent("granted", (0, 0))),
        (Signals(dnt=True), {b"dnt": b"0"}, Consent("granted")),
        (Signals("deny"), GPC, Consent("denied")),
        (Signals("deny", dnt=True), DNT, Consent("denied")),
        (Signals("deny"), {}, Consent("granted")),
        (Signals("ignore"), GPC, Consent("granted")),
        (Signals("ignore", dnt=True), DNT, Consent("granted")),
        (Signals(ldu=(1, 1000)), {}, Consent("granted", (1, 1000))),
        (Signals(ldu=(1, 1000)), GPC, Consent("granted", (1, 1000))),
        (Signals("ignore", ldu=(0, 0)), GPC, Consent("granted", (0, 0))),
    ],
)
def test_signals_limit_the_use(signals, headers, consent):
    assert signals.apply("granted", headers) == consent


@pytest.mark.parametrize("state", sorted(STATES))
def test_limits_grant_nothing(state):
    states = {
        signals.apply(state, GPC).state
        for signals in (Signals(), Signals("deny"), Signals("ignore"))
    }
    assert states == {state, "denied"}


def test_limit_is_the_same_on_both_channels():
    consent = Consent("granted", (1, 1000))
    assert consent.row == {
        "data_processing_options": ["LDU"],
        "data_processing_options_country": 1,
        "data_processing_options_state": 1000,
    }
    assert consent.call == ["dataProcessingOptions", ["LDU"], 1, 1000]
    assert consent.image == "&dpo=LDU&dpoco=1&dpost=1000"


def test_no_limit_adds_nothing():
    assert (Consent().row, Consent().call, Consent().image) == ({}, [], "")


def test_country_and_state_zero_are_said():
    assert Consent("granted", (0, 0)).call == ["dataProcessingOptions", ["LDU"], 0, 0]


@pytest.mark.parametrize(
    ("signals", "rules"),
    [
        (Signals(), {"gpc": 1, "ldu": [0, 0]}),
        (Signals(dnt=True), {"gpc": 1, "dnt": 1, "ldu": [0, 0]}),
        (Signals(ldu=(1, 1000)), {"ldu": [1, 1000]}),
        (Signals("ignore"), {}),
        (Signals("ignore", dnt=True, ldu=(0, 0)), {"ldu": [0, 0]}),
        (Signals("deny"), {"gpc": 1, "deny": 1}),
        (Signals("deny", dnt=True, ldu=(0, 0)), {"gpc": 1, "dnt": 1, "deny": 1, "ldu": [0, 0]}),
    ],
)
def test_signals_for_the_page(signals, rules):
    assert signals.in_page() == rules


@pytest.mark.parametrize(
    ("value", "ldu"),
    [("0,0", (0, 0)), (" 1 , 1000 ", (1, 1000)), ("1,1013", (1, 1013)), ("1,0", (1, 0))],
)
def test_ldu_is_country_and_state(value, ldu):
    assert parse_ldu(value) == ldu


@pytest.mark.parametrize(
    "value",
    ["", "1", "1000", "0,1000", "2,0", "1,999", "1,1014", "US,CA", "1,1000,1", "١,0", (1, 0)],
)
def test_ldu_without_meaning_is_refused(value):
    with pytest.raises(RuleError, match="country,state"):
        parse_ldu(value)


def test_decision_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Consent().state = "denied"
