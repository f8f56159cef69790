from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.http import (
    MAX_URL,
    header_value,
    indexed,
    location_path,
    may_be_shown_again,
    printable,
    without,
)
from tests.core.exchanges import NOW, request

HERE = "https://www.shop.example"


def test_last_of_repeated_request_headers_counts_but_for_cookies() -> None:
    assert indexed([]) == {}
    twice = [(b"a", b"1"), (b"cookie", b"x=1"), (b"a", b"2"), (b"cookie", b"y=2")]
    assert indexed(twice) == {b"a": b"2", b"cookie": b"x=1; y=2"}
    assert indexed([(b"a", b"1"), (b"cookie", b"x=1; y=2")])[b"cookie"] == b"x=1; y=2"


def test_response_headers_of_one_name_are_a_list() -> None:
    headers = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    assert header_value(headers, b"a") == b"1, 3"
    assert header_value(headers, b"c") is None
    assert without(headers, b"a", b"c") == [(b"b", b"2")]


URLS = {
    "plain": (b"/a", "", f"{HERE}/a"),
    "query": (b"/a", "b=c&d=%20", f"{HERE}/a?b=c&d=%20"),
    "encoded": (b"/gr%C3%B6n", "", f"{HERE}/gr%C3%B6n"),
    "utf_8": ("/grön".encode(), "", f"{HERE}/gr%C3%B6n"),
    "no_utf_8": (b"/\xff\xfe", "", f"{HERE}/%FF%FE"),
    "line_break": (b"/a\r\nb", "", f"{HERE}/a%0D%0Ab"),
    "space_and_quotes": (b"/a b\"<>'", "", f"{HERE}/a%20b%22%3C%3E'"),
    "query_of_latin_1": (b"/a", "q=\xe5", f"{HERE}/a?q=%C3%A5"),
    "query_with_line_break": (b"/a", "q=\n", f"{HERE}/a?q=%0A"),
    "long_query": (b"/a", "q=" + "x" * MAX_URL, f"{HERE}/a"),
}


@pytest.mark.parametrize("case", URLS)
def test_url_is_that_of_the_address_bar(case: str) -> None:
    raw, query, url = URLS[case]
    assert request(raw_path=raw, query=query).url == url


def test_long_path_is_cut() -> None:
    url = request(raw_path=b"/" + b"x" * MAX_URL).url
    assert (len(url), url[: len(HERE) + 3]) == (MAX_URL, f"{HERE}/xx")


@given(st.binary(max_size=50), st.text(st.characters(max_codepoint=255), max_size=50))
def test_any_path_and_query_make_printable_ascii(raw: bytes, query: str) -> None:
    url = request(raw_path=raw, query=query).url
    assert url.isascii()
    assert url.isprintable()


@pytest.mark.parametrize(("text", "kept"), [("a\x00b", "ab"), ("a\tb\u2028", "ab"), ("å ä", "å ä")])
def test_printable(text: str, kept: str) -> None:
    assert printable(text) == kept


@pytest.mark.parametrize(
    ("path", "route", "label"),
    [
        ("/a", None, "/a"),
        ("/a", ("shop:list", {}), "shop:list"),
        ("/a\n2026 ERROR \x1b[1m", None, "/a2026 ERROR [1m"),
        ("/" + "x" * 999, None, "/" + "x" * 199),
    ],
)
def test_label_of_a_place_fits_a_log_line(path: str, route: object, label: str) -> None:
    assert request(path=path, route=route).route_label == label


LOCATIONS = {
    "absolute_path": (b"/login?a#b", "/login"),
    "absolute_address": (b"https://www.shop.example/login", "/login"),
    "other_scheme": (b"http://www.shop.example/login", "/login"),
    "other_case": (b"HTTPS://WWW.SHOP.EXAMPLE/login", "/login"),
    "no_scheme": (b"//www.shop.example/login", "/login"),
    "relative": (b"login", "/cart/login"),
    "parent": (b"../login", "/login"),
    "other_site": (b"https://evil.example/login", ""),
    "other_port": (b"https://www.shop.example:8443/login", ""),
    "other_site_no_scheme": (b"//evil.example/login", ""),
    "lookalike": (b"https://www.shop.example.evil.example/login", ""),
    "javascript": (b"javascript:alert(1)", ""),
    "broken": (b"http://[::1/login", ""),
}


@pytest.mark.parametrize("case", LOCATIONS)
def test_where_a_location_leads(case: str) -> None:
    location, path = LOCATIONS[case]
    assert location_path(location, request("POST", "/cart/add")) == path


@given(st.binary(max_size=40))
def test_any_location_leads_somewhere(location: bytes) -> None:
    assert isinstance(location_path(location, request("POST", "/cart/add")), str)


# The table of the two modes stands in test_exchange.py, where its consequences are.
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"cache-control", b"expires", b"surrogate-control", b"cdn-cache-control", b"x"]
            ),
            st.binary(max_size=30)
            | st.sampled_from([b"Thu, 01 Jan 99999 00:00:00 GMT", b"1 Jan 1 0:0 +9999", b"="]),
        ),
        max_size=4,
    )
)
def test_any_header_has_a_verdict(headers: list[tuple[bytes, bytes]]) -> None:
    assert may_be_shown_again(headers, request(), NOW) in (True, False)
