from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core import reports
from pixelpair.core.events import Event
from pixelpair.core.reports import MOST_BYTES, MOST_EVENTS, Reader, Refusal, Report
from pixelpair.core.seals import Seal, page_text

SEAL = Seal([b"secret"], "1234567890")
READER = Reader(SEAL, frozenset({"AddToWishlist", "Sized up"}), "SEK")
HOST = "www.shop.example"
URL = "https://www.shop.example/shop/tea?x=1"
NOW = 1_760_000_000
A, B, C = "a" * 32, "b" * 32, "0123456789abcdef" * 2
VIEW: list[Any] = ["PageView", {}]
SHOWN: list[Any] = ["ViewContent", {"content_ids": ["SKU-1"]}]
PAID: list[Any] = ["Purchase", {"value": 5, "currency": "SEK", "order_id": "7"}, C]


def signed(*calls: list[Any], path: str = "/tea") -> str:
    return SEAL.seal(page_text(path, calls))


def read(host: str = HOST, **given_fields: object) -> Report | Refusal:
    body = {"url": URL, "referrer": "https://news.example/"} | given_fields
    return READER.read(json.dumps(body).encode(), host, NOW)


def events(**given_fields: object) -> list[Event]:
    found = read(**given_fields)
    assert isinstance(found, Report)
    return list(found.events)


# --- what is accepted ----------------------------------------------------------------------------


def test_signed_and_made_events_are_read_together() -> None:
    found = read(
        signed=signed(VIEW, SHOWN, PAID),
        ids=[A, B, C],
        made=[["AddToWishlist", {"content_ids": ["SKU-2"]}, "d" * 32]],
        twice=1,
    )
    assert found == Report(
        scheme="https",
        host=HOST,
        path="/shop/tea",
        query="x=1",
        referrer="https://news.example/",
        events=(
            Event("PageView", A, NOW, {}),
            Event("ViewContent", B, NOW, {"content_ids": ["SKU-1"]}),
            Event("Purchase", C, NOW, PAID[1], lasting=True),
            Event("AddToWishlist", "d" * 32, NOW, {"content_ids": ["SKU-2"]}),
        ),
        twice=True,
    )


@pytest.mark.parametrize(
    ("call", "event_id", "lasting"),
    [
        (["Lead", {}, "", 1], A, False),
        (["Lead", {}, ""], A, False),
        (["Lead", {}, "given-7"], "given-7", True),
        (["Rated", {}, "given-7", 1], "given-7", True),
        (["Purchase", {"value": 1, "currency": "SEK"}, "order-7"], "order-7", True),
    ],
)
def test_id_is_the_pages_own_or_the_signed_one(call: Any, event_id: str, lasting: bool) -> None:
    assert events(signed=signed(call), ids=[event_id]) == [
        Event(call[0], event_id, NOW, call[1], lasting)
    ]


def test_page_may_have_made_everything_itself() -> None:
    made = [["PageView", {}, A], ["Sized up", {"size": 4}, B, 1]]
    assert events(made=made) == [
        Event("PageView", A, NOW, {}),
        Event("Sized up", B, NOW, made[1][1]),
    ]


def test_page_without_events_reports_none() -> None:
    assert events(signed=signed()) == []


def test_made_data_are_cleaned_and_get_the_shops_currency() -> None:
    data = {"value": "5", "num_items": 1.5, "colour": "red", "<b>": 1, "deep": {"a": [[]]}}
    found = read(made=[["AddToWishlist", data, A]])
    assert isinstance(found, Report)
    assert found.events[0].data == {"value": 5.0, "currency": "SEK", "colour": "red"}
    assert found.dropped == (("AddToWishlist", "num_items is no whole number"),)


def test_currency_that_cannot_be_read_is_not_replaced() -> None:
    data = {"value": 5, "currency": "kronor"}
    assert events(made=[["AddToWishlist", data, A]])[0].data == {}


def test_purchase_without_an_id_of_its_own_is_dropped_alone() -> None:
    found = read(signed=signed(VIEW, ["Purchase", {"value": 5, "currency": "SEK"}]), ids=[A, B])
    assert isinstance(found, Report)
    assert found.events == (Event("PageView", A, NOW, {}),)
    why = "has no order_id, in a page that caches may keep"
    assert found.dropped == (("Purchase", why),)


# --- where it stood ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path", "found"),
    [
        ("https://www.shop.example/tea?a=b", "/tea", ("https", "/tea", "a=b")),
        ("https://www.shop.example/shop/tea", "/tea", ("https", "/shop/tea", "")),
        ("http://www.shop.example", "/", ("http", "/", "")),
        ("https://www.shop.example?a", "/", ("https", "/", "a")),
        ("https://www.shop.example:443/tea#x?y", "/tea", ("https", "/tea", "")),
        ("https://www.shop.example/t%65a?a", "/tea", ("https", "/t%65a", "a")),
        ("https://www.shop.example/te%C3%A4", "/te%c3%a4", ("https", "/te%C3%A4", "")),
        ("https://www.shop.example/coffee?a=b", "/tea", ("https", "/tea", "")),
        ("https://www.shop.example/tea/", "/tea", ("https", "/tea", "")),
        ("https://www.shop.example/any", "", ("https", "/any", "")),
    ],
)
def test_address_is_the_reported_one_where_its_path_is_the_signed_one(
    url: str, path: str, found: tuple[str, str, str]
) -> None:
    report = read(url=url, signed=signed(VIEW, path=path), ids=[A])
    assert isinstance(report, Report)
    assert (report.scheme, report.path, report.query) == found


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "/tea",
        "https://other.example/tea",
        "https://www.shop.example.evil.example/",
        "https://evil.example/www.shop.example",
        "https://me@www.shop.example/",
        "https://www.shop.example@evil.example/",
        "https://www.shop.example:8443/",
        "https://www.shop.example:4430/",
        "ftp://www.shop.example/",
        "javascript:alert(1)",
        "https://www.shop.example/ä",
        "https://www.shop.example/a\nb",
        "https://www.shop.example/a\x00",
        "https://[::1",
    ],
)
def test_address_elsewhere_or_none_is_refused(url: object) -> None:
    assert read(url=url, made=[["PageView", {}, A]]) == reports.URL


def test_port_is_part_of_the_host() -> None:
    url = "http://localhost:5173/tea"
    report = read("localhost:5173", url=url, made=[])
    assert isinstance(report, Report)
    assert (report.scheme, report.host, report.path) == ("http", "localhost:5173", "/tea")
    assert read("localhost", url=url, made=[]) == reports.URL


@pytest.mark.parametrize("referrer", [None, 7, ["x"], {}])
def test_referrer_that_is_no_text_is_none(referrer: object) -> None:
    report = read(referrer=referrer, made=[])
    assert isinstance(report, Report)
    assert report.referrer == ""


# --- what is refused -----------------------------------------------------------------------------

FORGED = signed(VIEW).replace("PageView", "Lead")
REFUSED: list[tuple[dict[str, Any], Refusal]] = [
    ({}, reports.SHAPE),
    ({"made": {}}, reports.SHAPE),
    ({"made": [7]}, reports.SHAPE),
    ({"made": [["PageView", {}]]}, reports.SHAPE),
    ({"made": [["PageView", [], A]]}, reports.SHAPE),
    ({"made": [["PageView", {}, A, 2]]}, reports.SHAPE),
    ({"made": [["PageView", {}, A, 1, 1]]}, reports.SHAPE),
    ({"made": [["Purchase", PAID[1], A]]}, reports.NAME),
    ({"made": [["Lead", {}, A]]}, reports.NAME),
    ({"made": [["addtowishlist", {}, A]]}, reports.NAME),
    ({"made": [["AddToWishlist", {}, "order-7"]]}, reports.ID),
    ({"made": [["AddToWishlist", {}, A.upper()]]}, reports.ID),
    ({"made": [["AddToWishlist", {}, A + "\n"]]}, reports.ID),
    ({"made": [["AddToWishlist", {}, ""]]}, reports.ID),
    ({"signed": FORGED, "ids": [A]}, reports.SIGNATURE),
    ({"signed": page_text("/tea", [VIEW]), "ids": [A]}, reports.SIGNATURE),
    ({"signed": 7, "ids": [A]}, reports.SIGNATURE),
    ({"signed": "ä.ä", "ids": [A]}, reports.SIGNATURE),
    ({"signed": "", "ids": []}, reports.SIGNATURE),
    ({"signed": signed(VIEW)}, reports.ID),
    ({"signed": signed(VIEW), "ids": []}, reports.ID),
    ({"signed": signed(VIEW), "ids": [A, B]}, reports.ID),
    ({"signed": signed(VIEW), "ids": A}, reports.ID),
    ({"signed": signed(VIEW), "ids": [[A]]}, reports.ID),
    ({"signed": signed(VIEW), "ids": ["order-7"]}, reports.ID),
    ({"signed": signed(PAID), "ids": [A]}, reports.ID),
    ({"signed": signed(PAID), "ids": [None]}, reports.ID),
    ({"signed": SEAL.seal("[]"), "ids": []}, reports.SHAPE),
    ({"signed": SEAL.seal("7"), "ids": []}, reports.SHAPE),
    ({"signed": SEAL.seal("nothing"), "ids": []}, reports.SHAPE),
    ({"signed": SEAL.seal('["/",[["PageView"]]]'), "ids": [A]}, reports.SHAPE),
    ({"signed": SEAL.seal('["/",[["<b>",{}]]]'), "ids": [A]}, reports.SHAPE),
    ({"signed": SEAL.seal('["/",[["Lead",{},"a b"]]]'), "ids": ["a b"]}, reports.SHAPE),
    ({"made": [["PageView", {}, A]] * (MOST_EVENTS + 1)}, reports.TOO_MANY_EVENTS),
    (
        {"signed": signed(VIEW), "ids": [A], "made": [["PageView", {}, A]] * MOST_EVENTS},
        reports.TOO_MANY_EVENTS,
    ),
]


@pytest.mark.parametrize(("given_fields", "why"), REFUSED, ids=str)
def test_refuses(given_fields: dict[str, Any], why: Refusal) -> None:
    assert read(**given_fields) == why


def test_seal_of_another_pixel_is_refused() -> None:
    other = Seal([b"secret"], "1234567891").seal(page_text("/tea", [VIEW]))
    assert read(signed=other, ids=[A]) == reports.SIGNATURE


def test_purchase_is_never_made_by_a_page_whatever_the_settings_say() -> None:
    reader = Reader(SEAL, frozenset({"Purchase"}))
    body = {"url": URL, "made": [["Purchase", {"value": 5, "currency": "SEK", "order_id": "7"}, A]]}
    assert reader.read(json.dumps(body).encode(), HOST, NOW) == reports.NAME


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"made"',
        b"{",
        b"\xff",
        b'{"made":[],"url":NaN}',
        b'{"made":[],"url":"\\ud800"}',
        b"[" * 4000,
        b'{"made":' * 1000,
    ],
)
def test_body_that_is_no_object_is_no_report(body: bytes) -> None:
    assert READER.read(body, HOST, NOW) == reports.SHAPE


def test_body_of_8_kb_is_read_and_a_longer_one_is_not() -> None:
    body = json.dumps({"url": URL, "made": []}).encode().ljust(MOST_BYTES)
    assert isinstance(READER.read(body, HOST, NOW), Report)
    assert READER.read(body + b" ", HOST, NOW) == reports.TOO_LARGE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["PageView", "AddToWishlist", "Purchase", "Lead"]) | st.text()
IDS = st.sampled_from([A, B, C, ""]) | JSON
DATA = st.dictionaries(
    st.sampled_from(["value", "currency", "contents", "content_ids", "x"]) | st.text(), JSON
)
CALLS = st.lists(st.tuples(NAMES, DATA | JSON, IDS) | st.tuples(NAMES, DATA) | JSON, max_size=4)
SIGNED = st.tuples(st.text(), CALLS).map(lambda text: SEAL.seal(json.dumps(text)))
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "url": st.sampled_from([URL, "https://www.shop.example/"]) | JSON,
    "referrer": JSON,
    "signed": SIGNED | st.sampled_from([signed(VIEW), signed(PAID)]) | JSON,
    "ids": st.lists(IDS, max_size=4) | JSON,
    "made": CALLS | JSON,
    "twice": JSON,
}


def judged(found: object) -> None:
    assert isinstance(found, Report | Refusal)
    if isinstance(found, Report):
        assert all(json.dumps(event.data) for event in found.events)
        assert {e.lasting for e in found.events if e.name == "Purchase"} <= {True}


@given(st.binary())
def test_any_bytes_are_a_report_or_a_refusal(body: bytes) -> None:
    judged(READER.read(body, HOST, NOW))


@given(st.fixed_dictionaries({}, optional=FIELDS) | JSON)
def test_any_json_is_a_report_or_a_refusal(given_json: Any) -> None:
    judged(READER.read(json.dumps(given_json).encode(), HOST, NOW))


@given(st.fixed_dictionaries({"url": st.just(URL), "made": CALLS}), st.data())
def test_any_cut_of_a_report_is_a_report_or_a_refusal(given_json: Any, data: Any) -> None:
    body = json.dumps(given_json).encode()
    judged(READER.read(body[: data.draw(st.integers(0, len(body)))], HOST, NOW))
