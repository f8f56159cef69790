from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.forms import MOST_FIELDS, ROOM, BodyReader

if TYPE_CHECKING:
    from collections.abc import Iterable

FORM = b"application/x-www-form-urlencoded"
PARTS = b"multipart/form-data; boundary=xYz"
JSON = b"application/json"
MEGABYTE = b"x" * 1_000_000


def read(content_type: bytes, *chunks: bytes, length: bytes | None = b"") -> BodyReader:
    """The reader of a whole body; its Content-Length is right unless another is given."""
    right = b"%d" % sum(map(len, chunks))
    reader = BodyReader(content_type, right if length == b"" else length)
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'--xYz\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = b"--xYz--\r\n"


def sent(**kinds: object) -> tuple[bytes, bytes]:
    """Content-Type and body as a real client makes them."""
    request = httpx.Request("POST", "http://shop.example/", **kinds)  # type: ignore[arg-type]
    return request.headers.get("content-type", "").encode(), request.read()


# --- what is found -------------------------------------------------------------------------------

FOUND = {
    "form": (FORM, b"sku=TEA-1&qty=2", {"sku": "TEA-1", "qty": "2", "size": None}),
    "utf_8": (FORM + b"; charset=UTF-8", b"sku=%C3%A9&x=\xc3\xa9", {"sku": "é", "x": "é"}),
    "first_that_is_not_blank": (FORM, b"sku=&sku=+&sku=A&sku=B", {"sku": "A"}),
    "blanks_around": (FORM, b"sku=+TEA-1%0D%0A", {"sku": "TEA-1"}),
    "decoded": (FORM, b"line%5B0%5D%5Bid%5D=a%26b+c", {"line[0][id]": "a&b c"}),
    "name_with_dots": (FORM, b"item.sku=1&item=2", {"item.sku": "1", "item": "2", "item.x": None}),
    "broken_percent": (FORM, b"sku=%zz%ff&=x&&qty=1", {"sku": "%zz\ufffd", "qty": "1"}),
    "latin": (FORM + b";charset=ISO-8859-1", b"sku=\xe9%E9%80", {"sku": "éé€"}),
    "japanese": (FORM + b"; charset=Shift_JIS", b"sku=%92%83", {"sku": "茶"}),
    "unknown_charset": (FORM + b"; charset=x-none", "sku=é".encode(), {"sku": "é"}),
    "no_charset_of_the_web": (FORM + b"; charset=utf-7", b"sku=+AOk-", {"sku": "AOk-"}),
    "parts": (
        PARTS,
        part("sku", b"TEA-1") + part("qty", b"2") + END,
        {"sku": "TEA-1", "qty": "2", "size": None},
    ),
    "part_with_lines": (PARTS, part("note", b"a\r\n--xY\r\nb") + END, {"note": "a\r\n--xY\r\nb"}),
    "file_is_passed_over": (
        PARTS,
        part("photo", b"\0" * 9000, '; filename="a.png"') + part("sku", b"TEA-1") + END,
        {"photo": None, "sku": "TEA-1"},
    ),
    "file_without_a_name": (PARTS, part("photo", b"", '; filename=""') + END, {"photo": None}),
    "field_named_filename": (PARTS, part("filename", b"a.png") + END, {"filename": "a.png"}),
    "part_in_utf_8": (PARTS, part("grön", "té".encode()) + END, {"grön": "té"}),
    "other_headers": (
        PARTS,
        b"--xYz\r\nX-A: b\r\ncontent-disposition:form-data; name=sku\r\n\r\n1\r\n" + END,
        {"sku": "1"},
    ),
    "preamble_and_epilogue": (PARTS, b"\r\n" + part("sku", b"1") + END + b"bye", {"sku": "1"}),
    "json": (
        JSON,
        b'{"sku":"TEA-1","qty":2,"price":19.90,"gift":true,"note":null,"tags":["a"]}',
        {
            "sku": "TEA-1", "qty": 2, "price": 19.9, "gift": None, "note": None, "tags": None,
            "tags.0": "a", "tags.1": None, "tags.-1": None, "tags.x": None, "sku.0": None, "": None,
        },
    ),
    "json_path": (
        JSON,
        b'{"item":{"sku":7},"items":[{"id":"a"},{"id":"b"}],"a.b":1}',
        {
            "item.sku": 7, "items.1.id": "b", "items.2.id": None, "items.id": None, "a.b": 1,
            "item": None, "item.sku.x": None, "items.٠.id": "a", "items.00001.id": None,
        },
    ),
    "json_list": (JSON, b'[{"id":"a"}]', {"0.id": "a", "0": None}),
    "json_scalar": (JSON, b'"TEA-1"', {"sku": None, "": None}),
    "json_of_an_api": (b"application/vnd.api+json", b'{"data":{"id":"1"}}', {"data.id": "1"}),
    "json_with_bom": (JSON, b"\xef\xbb\xbf" + b'{"sku":"1"}', {"sku": "1"}),
    "json_in_latin": (JSON + b"; charset=latin1", b'{"sku":"\xe9"}', {"sku": "é"}),
    "json_in_no_charset": (JSON, b'{"sku":"\xe9","qty":2}', {"sku": "\ufffd", "qty": 2}),
    "blank_in_json": (JSON, b'{"sku":"  "}', {"sku": None}),
    "empty": (FORM, b"", {"sku": None}),
    "type_in_capitals": (b"Application/X-WWW-Form-URLEncoded", b"sku=1", {"sku": "1"}),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_finds(case: str) -> None:
    content_type, body, values = FOUND[case]
    reader = read(content_type, body)
    assert {path: reader.value(path) for path in values} == values


@pytest.mark.parametrize("case", FOUND)
def test_finds_the_same_in_every_cut(case: str) -> None:
    content_type, body, values = FOUND[case]
    cuts = [*range(min(len(body), 120)), len(body) - 1]
    for cut in cuts:
        reader = read(content_type, body[:cut], body[cut:])
        assert {path: reader.value(path) for path in values} == values
    reader = read(content_type, *(body[i : i + 1] for i in range(len(body))))
    assert {path: reader.value(path) for path in values} == values


NOTHING = {
    "other_kind": (b"text/plain", b"sku=1"),
    "no_kind": (b"", b"sku=1"),
    "image": (b"image/png", b"sku=1"),
    "two_kinds": (FORM + b", " + JSON, b"sku=1"),
    "endless_kind": (FORM + b"; " + b"a" * 1000, b"sku=1"),
    "too_many_fields": (FORM, b"sku=1" + b"&a=" * MOST_FIELDS),
    "too_many_parts": (PARTS, part("sku", b"1") * (MOST_FIELDS + 1) + END),
    "no_boundary": (b"multipart/form-data", part("sku", b"1") + END),
    "endless_boundary": (b"multipart/form-data; boundary=" + b"a" * 500, b"--" + b"a" * 500),
    "other_boundary": (b"multipart/form-data; boundary=abc", part("sku", b"1") + END),
    "unfinished_parts": (PARTS, part("sku", b"1")),
    "part_without_a_name": (PARTS, b"--xYz\r\n\r\n1\r\n" + END),
    "endless_header": (PARTS, b"--xYz\r\n" + b"a" * 9000 + part("sku", b"1")[5:] + END),
    "no_json": (JSON, b"{sku:1}"),
    "half_json": (JSON, b'{"sku":"1"'),
    "json_too_deep": (JSON, b'{"sku":"1","x":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "json_with_nan": (JSON, b'{"sku":NaN}'),
    "json_out_of_range": (JSON, b'{"sku":1e999}'),
    "json_with_half_a_letter": (JSON, b'{"sku":"\\ud800"}'),
    "json_in_wide_letters": (JSON, '{"sku":"1"}'.encode("utf-16")),
}


@pytest.mark.parametrize("case", NOTHING)
def test_finds_nothing(case: str) -> None:
    content_type, body = NOTHING[case]
    assert read(content_type, body).value("sku") is None


# --- lengths -------------------------------------------------------------------------------------


def test_length_need_not_be_known() -> None:
    reader = read(FORM, b"sku=", b"1", length=None)
    assert reader.value("sku") is None  # more may come
    reader.feed(b"2")
    reader.finish()
    assert (reader.value("sku"), reader.listens) == ("12", False)


def test_half_a_body_says_nothing() -> None:
    """The app stopped reading, or the client went away: TEA-1 might be the half of TEA-12."""
    reader = read(FORM, b"sku=TEA-1", length=b"10")
    reader.finish()
    assert reader.value("sku") is None


@pytest.mark.parametrize("length", [b"8", b"6", b"0", b"65537", b"9" * 18])
def test_body_that_lies_about_its_length_says_nothing(length: bytes) -> None:
    reader = read(FORM, b"sku=", b"123", length=length)
    reader.finish()
    assert reader.value("sku") is None


@pytest.mark.parametrize("length", [b"-7", b"+7", b"7.0", b"0x7", b"seven", b"9" * 400, b"\xb2"])
def test_length_that_is_none_is_not_known(length: bytes) -> None:
    reader = read(FORM, b"sku=123", length=length)
    reader.finish()
    assert reader.value("sku") == "123"


@pytest.mark.parametrize(("length", "found"), [(ROOM, "1"), (ROOM + 1, None)])
@pytest.mark.parametrize("known", [True, False])
def test_looks_at_64_kb(length: int, found: str | None, *, known: bool) -> None:
    body = b"sku=1&x=".ljust(length, b"y")
    reader = read(FORM, body[:1000], body[1000:], length=b"%d" % length if known else None)
    reader.finish()
    assert reader.value("sku") == found


def test_listens_to_what_it_can_read_alone() -> None:
    kinds = {FORM: b"7", JSON: None, PARTS: b"%d" % ROOM, b"image/png": b"7", b"": None}
    assert [BodyReader(*kind).listens for kind in kinds.items()] == [True, True, True, False, False]
    assert not BodyReader(FORM, b"%d" % (ROOM + 1)).listens


def test_lets_go_of_a_body_that_grows_too_long() -> None:
    reader = BodyReader(FORM)
    reader.feed(b"sku=1&x=")
    reader.feed(MEGABYTE)
    assert (reader.listens, len(reader._held)) == (False, 0)
    for _ in range(100):
        reader.feed(MEGABYTE)
    reader.finish()
    assert (reader.value("sku"), len(reader._held)) == (None, 0)


def test_upload_is_not_looked_at() -> None:
    reader = BodyReader(PARTS, b"%d" % (100 * len(MEGABYTE)))
    reader.feed(part("sku", b"TEA-1"))
    assert (reader.listens, reader.value("sku"), len(reader._held)) == (False, None, 0)


def test_holds_nothing_when_it_has_read() -> None:
    reader = read(FORM, b"sku=1")
    assert (reader.value("sku"), len(reader._held), reader.listens) == ("1", 0, False)
    reader.feed(b"&qty=2")
    assert (reader.value("sku"), reader.value("qty")) == ("1", None)


def test_takes_what_servers_call_bytes() -> None:
    reader = BodyReader(FORM, b"7")
    chunk = bytearray(b"sku=1")
    reader.feed(memoryview(chunk))  # type: ignore[arg-type]
    chunk[:] = b"xxxxx"
    reader.feed(bytearray(b"23"))
    assert reader.value("sku") == "123"


# --- real encoders -------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(str.strip)
names = texts.filter(lambda name: "." not in name)
forms = st.dictionaries(names, texts, max_size=8)


@given(forms, st.integers(1, 9))
def test_finds_what_httpx_encodes(fields: dict[str, str], size: int) -> None:
    content_type, body = sent(data=fields) if fields else (FORM, b"")
    reader = read(content_type, *(body[i : i + size] for i in range(0, len(body), size)))
    assert {name: reader.value(name) for name in fields} == {
        k: v.strip() for k, v in fields.items()
    }


@given(forms, st.binary(max_size=300))
def test_finds_what_httpx_sends_beside_a_file(fields: dict[str, str], content: bytes) -> None:
    fields = {"".join(c for c in k if c not in '"\\%') or "x": v for k, v in fields.items()}
    content_type, body = sent(data=fields, files={"a file": ("a.bin", content)})
    reader = read(content_type, body)
    assert {name: reader.value(name) for name in fields} == {
        k: v.strip() for k, v in fields.items()
    }
    assert reader.value("a file") is None


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


def scalars(tree: object, path: str = "") -> Iterable[tuple[str, object]]:
    if isinstance(tree, dict | list):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            yield from scalars(value, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, tree


@given(st.dictionaries(names, trees, max_size=4))
def test_finds_every_scalar_of_any_json(tree: dict[str, object]) -> None:
    content_type, body = sent(
        content=orjson.dumps(tree), headers={"content-type": "application/json"}
    )
    reader = read(content_type, body)
    for path, value in scalars(tree):
        told = value.strip() if isinstance(value, str) else value
        if isinstance(value, bool) or value in (None, float("inf"), float("-inf")):
            told = None
        assert reader.value(path) == told


# What Chromium 156 sent of one form (measured over a socket): urlencoded, as multipart with a
# file, and by fetch() with FormData, where no file was chosen.
_BOUNDARY = b"----WebKitFormBoundaryPxSErX052QdaevLr"
_FIELDS = [
    b'name="item[sku]"\r\n\r\nT\xc3\x89 "1" & co',
    b'name="qty"\r\n\r\n2',
    b'name="note"\r\n\r\ngr\xc3\xb6n\r\nte',
]
_FILE = (
    b'name="photo"; filename="tea %22\xc3\xa9.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--'
)
_NO_FILE = b'name="photo"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'
FILLED_IN = {"item[sku]": 'TÉ "1" & co', "qty": "2", "note": "grön\r\nte", "photo": None}


def multipart(*parts: bytes) -> tuple[bytes, bytes]:
    head = b"--" + _BOUNDARY + b"\r\nContent-Disposition: form-data; "
    body = b"".join(head + one + b"\r\n" for one in parts)
    return b"multipart/form-data; boundary=" + _BOUNDARY, body + b"--" + _BOUNDARY + b"--\r\n"


BROWSERS = {
    "urlencoded": (FORM, b"item%5Bsku%5D=T%C3%89+%221%22+%26+co&qty=2&note=gr%C3%B6n%0D%0Ate"),
    "multipart": multipart(*_FIELDS, _FILE),
    "form_data": multipart(*_FIELDS, _NO_FILE),
}


@pytest.mark.parametrize("kind", BROWSERS)
def test_finds_what_a_browser_sends(kind: str) -> None:
    reader = read(*BROWSERS[kind])
    assert {path: reader.value(path) for path in FILLED_IN} == FILLED_IN


# --- anything at all -----------------------------------------------------------------------------

kinds = st.sampled_from(
    [
        FORM,
        PARTS,
        JSON,
        FORM + b";charset=latin1",
        PARTS + b";charset=gbk",
        JSON + b";charset=utf-16",
    ]
)
hostile = st.lists(
    st.binary(max_size=20)
    | st.sampled_from(
        [b"--xYz", b"--", b"\r\n", b"\r", b"Content-Disposition: form-data; name=", b'"sku"', b": ",
         b'; filename="', b"sku", b"=", b"&", b"%", b"%ff", b"{", b"[", b'"', b"\\u", b"\0", b","]
    ),
    max_size=30,
)  # fmt: skip


@given(kinds | st.binary(max_size=60), st.none() | st.binary(max_size=5), hostile, st.text())
def test_any_body_is_read_or_not(
    content_type: bytes, length: bytes | None, chunks: list[bytes], path: str
) -> None:
    for known in (length, b"%d" % sum(map(len, chunks))):
        reader = read(content_type, *chunks, length=known)
        reader.finish()
        for asked in ("sku", path):
            assert isinstance(reader.value(asked), str | int | float | None)


BOMBS = {
    "fields": (FORM, b"a=%41&" * 10_000),
    "percents": (FORM, b"a=" + b"%41" * 21_000),
    "parts": (PARTS, b"--xYz\r\n\r\n\r\n" * 5_000),
    "headers": (PARTS, b"--xYz\r\n" + b"a: b\r\n" * 10_000),
    "nearly_boundaries": (PARTS, b"--xYz\r\n\r\n" + b"\r\n--xY" * 9_000),
    "breaks": (PARTS, b"--xYz\r\n\r\n" + b"\r" * 60_000),
    "deep_json": (JSON, b'{"a":' * 12_000),
    "long_number": (JSON, b'{"a":' + b"9" * 60_000 + b"}"),
    "wide_json": (JSON, b"[" + b"{}," * 20_000 + b"{}]"),
    "options": (PARTS[:20] + b";" * 900, b"--"),
    "quotes": (b'multipart/form-data; a="' + b'";' * 450, b"--"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_cost_milliseconds(bomb: str) -> None:
    content_type, body = BOMBS[bomb]
    assert len(body) <= ROOM
    took = []
    for _ in range(3):
        began = time.thread_time()
        read(content_type, body).value("a")
        took.append(time.thread_time() - began)
    assert min(took) < 0.1


def test_says_nothing_of_bad_bodies(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    for content_type, body in [*NOTHING.values(), *BOMBS.values()]:
        read(content_type, body).value("sku")
    assert caplog.records == []
