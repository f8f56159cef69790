"""Where the body ends, in every cut; `test_soup` has parsers judge the same scanner."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.body_end import MAX_DEPTH, BodyEnd
from pixelpair.core.html import HtmlStream

if TYPE_CHECKING:
    from collections.abc import Iterable

END = b"[E]"


def play(document: bytes, cuts: Iterable[int] = ()) -> tuple[bytes, bool]:
    """What was sent, and whether it says that it inserted, with the document cut there."""
    stream = BodyEnd(lambda: END)
    edges = [0, *cuts, len(document)]
    sent = b"".join([stream.feed(document[start:stop]) for start, stop in pairwise(edges)])
    return sent + stream.finish(), stream.inserted


def play_each_cut(document: bytes) -> tuple[bytes, bool]:
    whole = play(document)
    assert play(document, range(1, len(document))) == whole
    for cut in range(1, len(document)):
        assert play(document, [cut]) == whole, cut
    return whole


# [E] stands where the insertion goes; a row without it is left alone.
PAGES = [
    "<!doctype html><html><head><title>a</title></head><body><p>b</p>[E]</body></html>",
    "<!DOCTYPE HTML><BODY>a[E]</BODY></HTML>",
    "\ufeff<!doctype html><body>[E]</body\n>",
    "<?xml version='1.0'?><!DOCTYPE html><html><head/><body><br/>[E]</body></html>",
    "<html>a[E]</html>",
    "<html>a[E]",
    "<html><br>[E]",
    "<html><body>a[E]</body>b</body>c",
    "<html>a</bodyguard>[E]</body>",
    "<html>a</p></head></template></select></svg>[E]</body>",
    "<html>a < b <3 </ x> </> <!x> <?y>[E]</body>",
    "<html>a<!-- </body> --><!-->[E]</body>",
    "<html>a<!-- </body> --!>[E]</body>",
    "<html>a<a title=\"</body>\" b='</body>' c=</body>[E]</body>",
    "<html>a<script>'</body>'</script>[E]</body>",
    "<html>a<script><!--<script></body></script></body>--></script>[E]</body>",
    "<html>a<style></body></style><title></body></title>[E]</body>",
    "<html>a<textarea></body></textarea><xmp></body></xmp>[E]</body>",
    "<html>a<iframe></body></iframe><noembed></body></noembed><noframes></body></noframes>[E]</body>",
    "<html>a<table><tr><td>b[E]</body>",
    "<html>a<table><script></body></script></table>[E]</body>",
    "<html>a<select><option>b</select>[E]</body>",
    "<html>a<select><option>b<script></body></script>[E]</body>",
    "<html><select></select>[E]</body>",
    "<html>a<template></body><p><template></template></body></template>[E]</body>",
    "<html>a<template><svg><path d='M0'/></svg><select></select></template>[E]</body>",
    "<html>a<svg><title>b</title><g><path/></g><use href=a /></svg>[E]</body>",
    "<html>a<svg/><SVG><svg></svg><g/></SVG>[E]</body>",
    "<html>a<svg><style>b</style><script>c</script></svg>[E]</body>",
    "<html>a<svg><g><path></svg>[E]</body>",
    "<html>a<svg><![CDATA[ </svg></body> ]] ]]>b</svg>[E]</body>",
    "<html>a<math><mrow><mi>b</mi><mo>+</mo></mrow></math>[E]</body>",
    "<html>a<![CDATA[ > </body> ]]>".replace(" </body>", "[E]</body>"),
    "<html>a<noscript><a href=b><img></a></body></noscript>[E]</body>",
    "<html>a<noscript><style>b</style><iframe></iframe><!-- c --></noscript d=e>[E]</body>",
    "<html>a<NoScript></noscripty></NOSCRIPT>[E]</body>",
    "<html><head><noscript><link></noscript></head>a[E]</body>",
    # left alone: something is open
    "<html>a<!-- b",
    "<html>a<script>b</body>",
    "<html>a<svg>b</body>",
    "<html>a<template>b</body>",
    "<html>a<select><template>b</body>",
    "<html>a<noscript>b</body>",
    "<html>a<b",
    "<html>a<",
    "<html>a<select>b",
    # left alone: to the parser that runs no scripts, these end later, or leave something open
    "<html>a<noscript><!-- </noscript></body> --></noscript></body>",
    "<html>a<noscript><b title='</noscript></body>'></noscript></body>",
    "<html>a<noscript><style></noscript></body></style></noscript></body>",
    "<html>a<noscript><svg></noscript></body>",
    "<html>a<noscript><noscript></noscript></noscript></body>",
    # left alone: no body yet, or a frameset could still take its place
    "<html></body>",
    "<html><head></head></body>",
    "<!doctype html>",
    "<html> &#32;</body>",
    "<html>\0</body>",
    "<html><p></body>",
    "<html><head><noscript>a</noscript></body>",
    "<html><frameset><noframes></body></noframes></frameset>",
    "<html>a<frameset></body>",
    # left alone: not known well enough
    "<html>a<plaintext></body>",
    "<html>a<svg a=b/></body>",
    "<html>a<svg><p></svg></body>",
    "<html><div>a<svg></div></body>",
    "<html>a<svg></p></svg></body>",
    "<html>a<svg><foreignObject></foreignObject></svg></body>",
    "<html>a<svg><title><b></title></svg></body>",
    "<html>a<math><annotation-xml></annotation-xml></math></body>",
    "<html>a<select><style></select></body></style></body>",
    "<html>a<select><svg></select></body>",
    "<html>a<template><select></template></body>",
    "<html>a<template><col><title></template></title></template></body>",
    "<html>\x1b$Ba</body>",
    # left alone: fragments
    "<div>a</div></body>",
    "a</body>",
    "</body>",
    "",
]


@pytest.mark.parametrize("expected", PAGES)
def test_inserts_at_the_mark(expected: str) -> None:
    document = expected.replace("[E]", "").encode()

    assert play_each_cut(document) == (expected.encode(), "[E]" in expected)


@pytest.mark.parametrize("start", ["<!doctype html>", "<p>", "a", "<!-- a --><html>", " ", "<he"])
def test_tells_pages_from_fragments_as_the_head_does(start: str) -> None:
    head, end = HtmlStream(lambda _: b"", lambda: b""), BodyEnd(lambda: END)
    for stream in (head, end):
        stream.feed(start.encode())
        stream.finish()

    assert end.kind == head.kind


def test_leaves_document_alone_when_nothing_is_to_be_inserted() -> None:
    stream = BodyEnd(lambda: b"")
    document = b"<html>a</body>"

    assert (stream.feed(document), stream.finish()) == (document, b"")
    assert stream.done
    assert not stream.inserted


@pytest.mark.parametrize(
    "start", ["<p>", "<html>a</body>", "<html><frameset>", "<html>a<plaintext>"]
)
def test_returns_later_chunks_themselves(start: str) -> None:
    stream, chunk = BodyEnd(lambda: END), bytes(1000)

    stream.feed(start.encode())

    assert stream.done
    assert stream.feed(chunk) is chunk
    assert (stream.finish(), stream.release()) == (b"", b"")


@pytest.mark.parametrize(
    "start", ["", "a", "<script>", "a<!-- ", "a<a b='", "<template>", "a<svg>"]
)
def test_returns_chunks_on_the_way_themselves(start: str) -> None:
    stream, chunk = BodyEnd(lambda: END), b"x-" * 500

    stream.feed(b"<html>" + start.encode())

    assert stream.feed(chunk) is chunk


@given(st.lists(st.sampled_from([*PAGES, "<noscript>", "<svg>", "</", "<x"])).map("".join))
def test_holds_back_little(text: str) -> None:
    stream, held = BodyEnd(lambda: b""), 0

    for byte in b"<html>a" + text.encode():
        held += 1 - len(stream.feed(bytes((byte,))))
        assert 0 <= held <= len("</noscript") + 34


@pytest.mark.parametrize("cut", range(1, 60))
def test_release_gives_back_what_was_held_and_inserts_no_more(cut: int) -> None:
    document = b"<html>a<noscript><style>b</style></noscript><svg/></body></html>"
    document = document.replace(b"</body>", b"")
    stream = BodyEnd(lambda: END)

    sent = stream.feed(document[:cut]).replace(END, b"") + stream.release()

    assert sent == document[:cut]
    assert stream.feed(document[cut:]) + stream.finish() == document[cut:]


class BrokenError(Exception):
    """What the callback raises here."""


def broken() -> bytes:
    raise BrokenError


@pytest.mark.parametrize("end", [b"b</body>", b""])
def test_release_gives_back_everything_when_the_callback_raised(end: bytes) -> None:
    stream = BodyEnd(broken)
    sent = stream.feed(b"<html>a")

    with pytest.raises(BrokenError):
        stream.feed(end) if end else stream.finish()

    assert sent + stream.release() == b"<html>a" + end


@pytest.mark.parametrize("open_tag", ["<template>", "<svg>"])
@pytest.mark.parametrize(("depth", "inserted"), [(MAX_DEPTH - 1, True), (MAX_DEPTH + 1, False)])
def test_leaves_what_is_nested_too_deep_alone(open_tag: str, depth: int, inserted: bool) -> None:
    nested = open_tag * depth + open_tag.replace("<", "</") * depth

    assert play(f"<html>a{nested}</body>".encode())[1] == inserted


HOSTILE = {
    "script of comments": "<script>" + "<!--<script>" * 16_000,
    "comment of dashes": "<!--" + "-" * 200_000,
    "comments": "<!---->" * 28_000,
    "attributes": "<a " + "a=b " * 50_000,
    "quoted attributes": "<a " + 'a="b" ' * 33_000 + "'",
    "odd tags": "<a ''>" * 30_000,
    "tags": "<a>" * 60_000,
    "slashes": "<a " + "/" * 200_000,
    "open styles": "<style>" + "<style></style" * 14_000,
    "open scripts": "<script>" * 25_000,
    "references": "&#32;" * 40_000,
    "noscripts": "<noscript></noscript>" * 9_000,
    "open noscript": "<noscript>" + "<" * 200_000,
    "drawings": "<svg><g></g></svg>" * 10_000,
    "shapes": "<svg>" + "<path d='a'/>" * 15_000,
    "open shape": "<svg>" + "<path d='a' " * 15_000,
    "selects": "<select></select>" * 12_000,
    "less than": "<" * 200_000,
    "one name": "<" + "a" * 200_000,
}


@pytest.mark.parametrize("step", [1, 1000, 10**6])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_takes_linear_time_for_hostile_documents(content: str, step: int) -> None:
    """Whole, these take up to 0.2 s; a second look at everything with each byte takes minutes."""
    content = content if step > 1 else content[: len(content) // 2]  # else 20 s for them all
    data = f"<html>{'' if content.startswith('&') else 'a'}{content}".encode()
    start = time.process_time()

    sent, _ = play(data, range(step, len(data), step))

    assert time.process_time() - start < (5 if step > 1 else 2.5)
    assert sent.removesuffix(END) == data
