from __future__ import annotations

import gzip

import pytest

from pixelpair.core.served import Answer, Script
from tests.core.exchanges import request

SOURCE = b"(function (w, d) { w.pixelpair = 1; })(window, document);" * 20
SCRIPT = Script(SOURCE)
VERSION = SCRIPT.version
PACKED = gzip.compress(SOURCE, 9, mtime=0)
PLAIN_TAG, PACKED_TAG = f'"{VERSION}"', f'"{VERSION}-gzip"'


def ask(method: str = "GET", query: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SCRIPT.answer(request(method, "/_pixelpair/pixel.js", query=query, headers=named))


def head(etag: str, control: str = "public, max-age=3600") -> list[tuple[bytes, bytes]]:
    return [
        (b"cache-control", control.encode()),
        (b"etag", etag.encode()),
        (b"vary", b"Accept-Encoding"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]


def body_headers(length: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", b"%d" % length),
    ]


def test_script_is_served_whole_or_compressed() -> None:
    plain = Answer(200, head(PLAIN_TAG) + body_headers(len(SOURCE)), SOURCE)
    packed = [*head(PACKED_TAG), *body_headers(len(PACKED)), (b"content-encoding", b"gzip")]
    assert ask() == plain
    assert ask(accept_encoding="gzip, deflate, br, zstd") == Answer(200, packed, PACKED)
    assert gzip.decompress(PACKED) == SOURCE


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip; q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.00, br", False),
        ("br", False),
        ("xgzip, gzipped", False),
        ("identity, gzip ; q=1.0", True),
    ],
)
def test_compressed_only_where_the_browser_takes_it(accepted: str, packed: bool) -> None:
    found = dict(ask(accept_encoding=accepted).headers)
    assert (found.get(b"content-encoding") == b"gzip") is packed


@pytest.mark.parametrize(
    ("query", "control"),
    [
        (f"v={VERSION}", "public, max-age=31536000, immutable"),
        (f"a=b&v={VERSION}", "public, max-age=31536000, immutable"),
        ("", "public, max-age=3600"),
        ("v=of-last-year", "public, max-age=3600"),
        (f"xv={VERSION}", "public, max-age=3600"),
        (f"v={VERSION}0", "public, max-age=3600"),
    ],
)
def test_only_the_current_version_is_kept_for_good(query: str, control: str) -> None:
    assert ask(query=query).headers[0] == (b"cache-control", control.encode())


@pytest.mark.parametrize(
    "tags", [PLAIN_TAG, f"W/{PLAIN_TAG}", PACKED_TAG, f'"other", {PLAIN_TAG}', "*"]
)
def test_browser_that_has_it_gets_no_body(tags: str) -> None:
    assert ask(if_none_match=tags) == Answer(304, head(PLAIN_TAG))
    assert ask(if_none_match=tags, accept_encoding="gzip") == Answer(304, head(PACKED_TAG))


@pytest.mark.parametrize("tags", ["", '"other"', VERSION, f'"{VERSION}', "W/", ","])
def test_browser_that_has_another_gets_this(tags: str) -> None:
    assert ask(if_none_match=tags).status == 200


def test_head_tells_the_length_without_the_body() -> None:
    assert ask("HEAD") == Answer(200, ask().headers, b"")


def test_version_is_the_contents() -> None:
    assert Script(SOURCE).version == VERSION != Script(SOURCE + b" ").version
