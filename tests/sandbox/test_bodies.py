from __future__ import annotations

import json
from contextlib import suppress
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.sandbox.bodies import MAX_FIELDS, BadBodyError, pairs, parameters

EVENTS = [{"event_name": "Lead", "n": 1}, {"event_name": "Köp"}]
FORM = "application/x-www-form-urlencoded"


def multipart(fields: dict[str, str]) -> tuple[str, bytes]:
    files = {name: (None, value) for name, value in fields.items()}
    request = httpx.Request("POST", "http://x/", files=files)
    return request.headers["content-type"], request.read()


def test_json():
    body = json.dumps({"data": EVENTS, "access_token": "t"}).encode()
    assert parameters("application/json; charset=utf-8", body) == {
        "data": EVENTS,
        "access_token": "t",
    }


@pytest.mark.parametrize("inner", [json.dumps, lambda event: event])
def test_forms_carry_events_as_json_once_or_twice(inner):
    """Meta's SDK encodes each event and then the list of them."""
    fields = {"data": json.dumps([inner(event) for event in EVENTS]), "test_event_code": "T"}
    expected = {"data": EVENTS, "test_event_code": "T"}
    assert parameters(FORM, urlencode(fields).encode()) == expected
    assert parameters(*multipart(fields)) == expected


def test_without_content_type_it_is_a_form():
    assert parameters("", b"a=b&c=") == {"a": "b", "c": ""}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""),
        ("application/json", b"[]"),
        ("application/json", b'{"a": NaN}'),
        ("application/json", b"\xff"),
        ("application/json", b"\x1f\x8b\x08\x00"),
        (FORM, b"data=x"),
        (FORM, b'data=["x"]'),
        (FORM, b"a&" * (MAX_FIELDS + 1)),
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"nothing"),
    ],
)
def test_garbage_is_a_bad_body(content_type, body):
    with pytest.raises(BadBodyError):
        parameters(content_type, body)


KINDS = [
    FORM,
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "\r\n",
    "",
]


@given(kind=st.sampled_from(KINDS) | st.text(), body=st.binary())
def test_any_body_is_read_or_refused(kind, body):
    with suppress(BadBodyError):
        assert isinstance(parameters(kind, body), dict)


@given(st.binary())
def test_any_parts_are_read_or_refused(body):
    whole = b'--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + body + b"\r\n--b--"
    found = dict(pairs("multipart/form-data; boundary=b", whole))
    assert all(isinstance(text, str) for pair in found.items() for text in pair)
