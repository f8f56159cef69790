from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Response
from werkzeug.test import EnvironBuilder

from pixelpair.core.validators import (
    Asked,
    asks_for_document,
    inbound,
    outbound_304,
    outbound_page,
    own_etag,
    suffixed,
)

V, OLD = b"1a2b3c4d", b"00000000"
DATE = b"Sun, 22 Nov 2026 02:00:00 GMT"
OWN = b'W/"pplm-f602327a80e5-pp1a2b3c4d"'

# --- tags ----------------------------------------------------------------------------------------

TAGS = {
    b'"x"': b'"x-pp1a2b3c4d"',
    b'W/"x"': b'W/"x-pp1a2b3c4d"',
    b'""': b'"-pp1a2b3c4d"',
    b' "x" ': b'"x-pp1a2b3c4d"',
    b'"a,b=c\xff"': b'"a,b=c\xff-pp1a2b3c4d"',
    b'"x-pp00000000"': b'"x-pp00000000-pp1a2b3c4d"',
    b"x": None,
    b"'x'": None,
    b'"x': None,
    b'x"': None,
    b'w/"x"': None,
    b'W/ "x"': None,
    b'"a"b"': None,
    b'"a", "b"': None,
    b'"a b"': None,
    b'"a\nb"': None,
    b"*": None,
    b"": None,
}


@pytest.mark.parametrize("etag", TAGS)
def test_tag_gets_the_suffix_in_its_quotes(etag: bytes) -> None:
    assert suffixed(etag, V) == TAGS[etag]


def test_own_tag_tells_dates_and_versions_apart() -> None:
    assert own_etag(DATE, V) == OWN
    assert len({own_etag(DATE, V), own_etag(DATE, OLD), own_etag(DATE + b" ", V)}) == 3


# --- on the way in -------------------------------------------------------------------------------

# If-None-Match; that which the app sees of a document's, and of another request's; what is stripped
LISTS = {
    "current": (b'"x-pp1a2b3c4d"', b'"x"', b'"x"', (b'"x-pp1a2b3c4d"',)),
    "weak": (b'W/"x-pp1a2b3c4d"', b'W/"x"', b'W/"x"', (b'W/"x-pp1a2b3c4d"',)),
    "before_the_install": (b'"x"', None, b'"x"', ()),
    "of_another_version": (b'"x-pp00000000"', None, b'"x-pp00000000"', ()),
    "mixed": (
        b'"a" ,W/"b,\t-pp1a2b3c4d",, "c-pp00000000"',
        b'W/"b,\t"',
        b'"a", W/"b,\t", "c-pp00000000"',
        (b'W/"b,\t-pp1a2b3c4d"',),
    ),
    "two": (
        b'"a-pp1a2b3c4d", "b-pp1a2b3c4d"',
        b'"a", "b"',
        b'"a", "b"',
        (b'"a-pp1a2b3c4d"', b'"b-pp1a2b3c4d"'),
    ),
    "own": (OWN, None, None, (OWN,)),
    "own_and_another": (OWN + b', "x"', None, b'"x"', (OWN,)),
    "own_of_another_version": (b'W/"pplm-0-pp00000000"', None, b'W/"pplm-0-pp00000000"', ()),
    "any": (b"*", b"*", b"*", ()),
    "suffix_before_the_end": (b'"x-pp1a2b3c4d-gzip"', None, b'"x-pp1a2b3c4d-gzip"', ()),
    "without_quotes": (b"x-pp1a2b3c4d, y", None, b"x-pp1a2b3c4d, y", ()),
    "unended": (b'"x-pp1a2b3c4d', None, b'"x-pp1a2b3c4d', ()),
    "empty": (b"", None, b"", ()),
}


def _asked(headers: list[tuple[bytes, bytes]], *, document: bool) -> Asked:
    return inbound(headers, V, document=document) or Asked(headers, ())


@pytest.mark.parametrize("case", LISTS)
def test_client_asks_a_document_for_copies_of_this_version_only(case: str) -> None:
    value, seen, _, stripped = LISTS[case]
    headers = [(b"host", b"a"), (b"if-none-match", value)]
    expected = [(b"host", b"a")] + ([] if seen is None else [(b"if-none-match", seen)])
    assert _asked(headers, document=True) == Asked(expected, stripped)


@pytest.mark.parametrize("case", LISTS)
def test_other_requests_lose_our_suffix_and_nothing_else(case: str) -> None:
    value, _, seen, stripped = LISTS[case]
    dated = [(b"if-modified-since", DATE), (b"if-range", DATE), (b"range", b"bytes=0-1")]
    expected = dated + ([] if seen is None else [(b"if-none-match", seen)])
    asked = _asked([*dated, (b"if-none-match", value)], document=False)
    assert asked == Asked(expected, stripped)


@pytest.mark.parametrize("document", [True, False])
def test_request_without_conditions_is_not_touched(document: bool) -> None:
    headers = [(b"range", b"bytes=0-1"), (b"accept", b"text/html"), (b"if-none", b"x")]
    assert inbound(headers, V, document=document) is None


def test_date_counts_only_beside_a_tag_of_this_version() -> None:
    dated = (b"if-modified-since", DATE)
    assert _asked([dated], document=True) == Asked([], ())
    assert _asked([dated, (b"if-none-match", b'"x"')], document=True) == Asked([], ())
    assert _asked([dated, (b"if-none-match", OWN)], document=True) == Asked([dated], (OWN,))
    current = [dated, (b"if-none-match", b'"x-pp1a2b3c4d"')]
    bare = [dated, (b"if-none-match", b'"x"')]
    assert _asked(current, document=True) == Asked(bare, (b'"x-pp1a2b3c4d"',))


def test_lists_of_several_lines_are_one() -> None:
    lines = [(b"if-none-match", b'"a"'), (b"if-none-match", b'"b-pp1a2b3c4d"')]
    assert _asked(lines, document=True) == Asked([(b"if-none-match", b'"b"')], (b'"b-pp1a2b3c4d"',))


def test_part_of_a_document_is_not_continued() -> None:
    """The app would send the rest of other bytes."""
    headers = [(b"range", b"bytes=9-"), (b"if-range", b'"x-pp1a2b3c4d"'), (b"host", b"a")]
    assert _asked(headers, document=True) == Asked([(b"host", b"a")], ())


def test_write_keeps_its_condition() -> None:
    """An If-Match that vanished would let one editor overwrite another's work."""
    headers = [(b"if-match", b'"x-pp1a2b3c4d", "y", ' + OWN)]
    bare = [(b"if-match", b'"x", "y", W/"pplm-f602327a80e5"')]
    assert _asked(headers, document=False) == Asked(bare, ())
    assert inbound([(b"if-match", b"*")], V, document=False) is None
    assert inbound([(b"if-none-match", b"*")], V, document=False) is None


DOCUMENTS = {
    ("GET", b"document", b""): True,
    ("HEAD", b"document", b""): True,
    ("GET", b"iframe", b""): True,
    ("GET", b"frame", b""): True,
    ("GET", b"empty", b"text/html"): False,
    ("GET", b"image", b"text/html"): False,
    ("GET", None, b"text/html,application/xhtml+xml,*/*;q=0.8"): True,
    ("GET", None, b"*/*"): False,
    ("GET", None, None): False,
    ("POST", b"document", b"text/html"): False,
    ("PUT", None, b"text/html"): False,
}


@pytest.mark.parametrize(("method", "destination", "accept"), DOCUMENTS)
def test_document_is_what_the_browser_says(
    method: str, destination: bytes | None, accept: bytes | None
) -> None:
    said = {b"sec-fetch-dest": destination, b"accept": accept}
    index = {name: value for name, value in said.items() if value is not None}
    assert asks_for_document(method, index) is DOCUMENTS[method, destination, accept]


# --- on the way out ------------------------------------------------------------------------------

HTML = (b"content-type", b"text/html")
DATED = (b"last-modified", DATE)
PAGES = {
    "tagged": ([HTML, (b"etag", b'"x"')], [HTML, (b"etag", b'"x-pp1a2b3c4d"')]),
    "dated": ([HTML, DATED], [HTML, DATED, (b"etag", OWN)]),
    "both": ([(b"etag", b'"x"'), DATED], [DATED, (b"etag", b'"x-pp1a2b3c4d"')]),
    "malformed": ([HTML, (b"etag", b"x")], [HTML]),
    "malformed_but_dated": ([(b"etag", b"x"), DATED], [DATED, (b"etag", OWN)]),
    "twice": ([HTML, (b"etag", b'"x"'), (b"etag", b'"y"')], [HTML]),
    "neither": ([HTML], [HTML]),
    "digests": (
        [
            (b"accept-ranges", b"bytes"),
            (b"content-md5", b"x"),
            (b"digest", b"x"),
            HTML,
            (b"content-digest", b"x"),
            (b"repr-digest", b"x"),
        ],
        [HTML],
    ),
}


@pytest.mark.parametrize("case", PAGES)
def test_page_that_grew_is_tagged_as_ours(case: str) -> None:
    headers, expected = PAGES[case]
    assert outbound_page(headers, V) == expected


# Headers of the 304, what was stripped from its request, and its headers for the client
NOT_MODIFIED = {
    "not_ours": ([(b"etag", b'"x"')], (), [(b"etag", b'"x"')]),
    "ours": ([(b"etag", b'"x"')], (b'"x-pp1a2b3c4d"',), [(b"etag", b'"x-pp1a2b3c4d"')]),
    "weakened_on_the_way": (
        [HTML, (b"etag", b'"x"')],
        (b'W/"x-pp1a2b3c4d"',),
        [HTML, (b"etag", b'"x-pp1a2b3c4d"')],
    ),
    "of_another_entry": ([(b"etag", b'"y"')], (b'"x-pp1a2b3c4d"',), [(b"etag", b'"y"')]),
    "malformed": ([(b"etag", b"x")], (b'"x-pp1a2b3c4d"',), [(b"etag", b"x")]),
    "without_tag": ([HTML], (b'"x-pp1a2b3c4d"',), [HTML, (b"etag", b'"x-pp1a2b3c4d"')]),
    "without_tag_of_two": ([HTML], (b'"x-pp1a2b3c4d"', OWN), [HTML]),
    "dated": ([DATED], (b'"x-pp1a2b3c4d"', OWN), [DATED, (b"etag", OWN)]),
    "own": ([HTML], (OWN,), [HTML, (b"etag", OWN)]),
}


@pytest.mark.parametrize("case", NOT_MODIFIED)
def test_answer_without_body_names_the_copy_as_its_client_does(case: str) -> None:
    headers, stripped, expected = NOT_MODIFIED[case]
    assert outbound_304(headers, stripped, V) == expected


# --- a client over the years, with Werkzeug as the app -------------------------------------------


class Client:
    """A browser with a cache, in front of a page that never changes."""

    def __init__(self, validators: dict[str, str]) -> None:
        self._validators = validators
        self._copy: tuple[bytes, dict[str, str]] = (b"", {})

    def visit(self, version: bytes | None) -> tuple[int, bytes]:
        """The status of the answer and the page that is shown, with this version or without us."""
        _, kept = self._copy
        asks = {"If-None-Match": kept.get("Etag"), "If-Modified-Since": kept.get("Last-Modified")}
        headers = [(k.lower().encode(), v.encode()) for k, v in asks.items() if v]
        asked = inbound(headers, version, document=True) if version else None
        status, answer = self._app(headers if asked is None else asked.headers)
        body = b"page"
        if version:
            body += b" of " + version
            if status == 304:
                answer = outbound_304(answer, asked.stripped if asked else (), version)
            else:
                answer = outbound_page(answer, version)
        new = {name.decode().title(): value.decode() for name, value in answer}
        self._copy = (self._copy[0], kept | new) if status == 304 else (body, new)
        return status, self._copy[0]

    def _app(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, list[tuple[bytes, bytes]]]:
        pairs = [(name.decode(), value.decode()) for name, value in headers]
        environ = EnvironBuilder(headers=pairs).get_environ()
        answer = Response("page", headers=self._validators).make_conditional(environ)
        sent = [(k.lower().encode(), v.encode()) for k, v in answer.headers]
        return answer.status_code, sent


VALIDATORS = {
    "tag": {"ETag": '"x"'},
    "weak_tag": {"ETag": 'W/"x"'},
    "date": {"Last-Modified": DATE.decode()},
    "both": {"ETag": '"x"', "Last-Modified": DATE.decode()},
}


@pytest.mark.parametrize("case", VALIDATORS)
def test_client_revalidates_and_never_keeps_a_page_of_another_version(case: str) -> None:
    client = Client(VALIDATORS[case])
    seen = [client.visit(version) for version in (None, None, OLD, OLD, OLD, V, V, V)]
    old, new = b"page of " + OLD, b"page of " + V
    assert seen == [
        *[(200, b"page"), (304, b"page")],
        *[(200, old), (304, old), (304, old)],
        *[(200, new), (304, new), (304, new)],
    ]


@pytest.mark.parametrize("case", ["tag", "weak_tag", "both"])
def test_client_gets_the_page_without_us_when_we_are_gone(case: str) -> None:
    client = Client(VALIDATORS[case])
    assert [client.visit(version) for version in (V, None)] == [
        (200, b"page of " + V),
        (200, b"page"),
    ]


# --- any bytes -----------------------------------------------------------------------------------

TAG = st.builds(
    lambda weak, text: weak + b'"%b"' % text.encode("latin-1"),
    st.sampled_from([b"", b"W/"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=255, exclude_characters='"\x7f')),
)


@given(TAG, st.booleans())
def test_what_is_stripped_is_what_was_suffixed(etag: bytes, document: bool) -> None:
    tag = suffixed(etag, V)
    assert tag is not None
    asked = inbound([(b"if-none-match", tag)], V, document=document)
    if etag.startswith(b'W/"pplm-'):
        etag_seen: list[tuple[bytes, bytes]] = []
    else:
        etag_seen = [(b"if-none-match", etag)]
    assert asked == Asked(etag_seen, (tag,))
    assert outbound_304([(b"etag", etag)], asked.stripped, V) == [(b"etag", tag)]


_NAMES = b"if-none-match if-match if-modified-since if-range range etag last-modified host"
NAMES = st.sampled_from(_NAMES.split())
PIECES = st.sampled_from(
    [b'"', b"W/", b",", b" ", b"x", b'-pp1a2b3c4d"', b'W/"pplm-', b"*", b"\xff"]
)
VALUES = st.one_of(st.lists(PIECES).map(b"".join), st.binary())
HEADERS = st.lists(st.tuples(NAMES, VALUES))


@given(HEADERS, HEADERS, st.booleans())
def test_any_headers_pass(
    headers: list[tuple[bytes, bytes]], answer: list[tuple[bytes, bytes]], document: bool
) -> None:
    asked = _asked(headers, document=document)
    names = {name for name, _ in asked.headers}
    assert not document or b"if-range" not in names
    assert not document or asked.stripped or b"if-modified-since" not in names
    outbound_304(answer, asked.stripped, V)
    outbound_page(answer, V)
