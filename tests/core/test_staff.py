from __future__ import annotations

import re
from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.routes import RuleError
from pixelpair.core.staff import (
    EventCode,
    Staff,
    parse_addresses,
    parse_cookies,
    parse_event_code,
)

END = timegm((2026, 12, 2, 0, 0, 0))


def test_code_without_a_date_never_ends() -> None:
    code = parse_event_code(" TEST12345 ")
    assert code == EventCode("TEST12345")
    assert (code.at(0), code.at(9e9), code.ended(9e9)) == ("TEST12345", "TEST12345", False)


def test_code_with_a_date_ends_after_that_day() -> None:
    code = parse_event_code("TEST12345@2026-12-01")
    assert code == EventCode("TEST12345", END)
    assert (code.at(END - 0.1), code.ended(END - 0.1)) == ("TEST12345", False)
    assert (code.at(END), code.ended(END)) == ("", True)


def test_no_code_is_sent_and_never_ends() -> None:
    assert parse_event_code("  ") == EventCode()
    assert (EventCode().at(0), EventCode().ended(9e9)) == ("", False)


WRONG = (
    "TEST@ @2026-12-01 TEST@2026-02-30 TEST@2026-13-01 TEST@2026-00-01 TEST@2026-01-00 TEST@26-1-1"
)
WRONG += " TEST@2026-12-01T00:00 TEST@1969-12-31 TÉST T@0000-01-01 TEST@٢٠٢٦-12-01"


@pytest.mark.parametrize("text", [*WRONG.split(), "x" * 65, "a b", "TEST@2026-12-01@2026-12-02"])
def test_wrong_code_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parse_event_code(text)


@given(st.text())
def test_any_text_is_a_code_or_refused(text: str) -> None:
    try:
        code = parse_event_code(text)
    except RuleError:
        return
    assert code == EventCode() or re.fullmatch(r"[A-Za-z0-9_-]{1,64}", code.code)


OFFICE = Staff(parse_addresses(("203.0.113.0/28", "2001:db8::/32", "198.51.100.7")))


@pytest.mark.parametrize("address", ["203.0.113.1", "203.0.113.15", "198.51.100.7", "2001:db8::9"])
def test_address_of_the_office_is_excluded(address: str) -> None:
    assert OFFICE.excludes(address, b"")


@pytest.mark.parametrize(
    "address", ["203.0.113.16", "198.51.100.8", "2001:db9::1", "", "x", "1" * 999]
)
def test_other_address_is_not(address: str) -> None:
    assert not OFFICE.excludes(address, b"a=b")


@pytest.mark.parametrize("text", ["203.0.113.7/24", "office", "10.0.0.0/33", ""])
def test_wrong_address_is_refused(text: str) -> None:
    with pytest.raises(RuleError, match=re.escape(repr(text))):
        parse_addresses(("10.0.0.0/8", text))


MARKED = Staff(cookies=parse_cookies(("staff", "role=a.b")))


@pytest.mark.parametrize(
    "cookies",
    [b"staff=", b"staff=1", b"x=1; staff=1", b"x=1;staff=1; y", b"role=a.b", b"role=a.b ; x=1"],
)
def test_cookie_of_the_staff_excludes(cookies: bytes) -> None:
    assert MARKED.excludes("203.0.113.1", cookies)


@pytest.mark.parametrize(
    "cookies",
    [b"", b"staff", b"xstaff=1", b"x=staff=1", b"staffs=1", b"role=a.bc", b"role=axb", b"role="],
)
def test_other_cookie_does_not(cookies: bytes) -> None:
    assert not MARKED.excludes("203.0.113.1", cookies)


@pytest.mark.parametrize("text", ["", "=1", "a b", "a=b;c", "a=\r\n", "ä", "a=" + "x" * 201])
def test_wrong_cookie_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parse_cookies(("staff", text))


def test_nobody_is_staff_where_nothing_is_set() -> None:
    assert (bool(Staff()), bool(OFFICE), bool(MARKED)) == (False, True, True)
    assert not Staff().excludes("203.0.113.1", b"staff=1")


@given(st.text(), st.binary())
def test_any_visitor_gets_an_answer(address: str, cookies: bytes) -> None:
    assert Staff(OFFICE.addresses, MARKED.cookies).excludes(address, cookies) in (True, False)
