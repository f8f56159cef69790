"""Charsets by name, by mark and byte by byte: where a `<` may be part of a character."""

from __future__ import annotations

import pytest

from pixelpair.core.charsets import has_wide_bom, reads_as_ascii
from pixelpair.core.html import HtmlStream

WIDE = [
    "text/html; charset=utf-16",
    "text/html; charset=UTF-16LE",
    "text/html;charset=utf16be",
    "text/html; charset=utf-32",
    'text/html; Charset = "utf-32be"',
    "text/html; charset='ucs-2'",
    "text/html; charset=UCS-4",
    "text/html; charset=ISO-10646-UCS-2",
    "text/html; charset=csUnicode",
    "text/html; charset=unicode",
    "text/html; charset=unicodefffe",
    "text/html; charset=utf-7",
    "text/html; charset=hz-gb-2312",
    "text/html; version=1; charset=utf-16; charset=utf-8",
]
NARROW = [
    "",
    "text/html",
    "text/html;",
    "text/html; charset=",
    "text/html; charset=utf-8",
    "text/html; charset=unicode-1-1-utf-8",
    "text/html; charset=latin1; note=utf-16",
    "text/html; charset=windows-1252",
    "text/html; charset=Shift_JIS",
    "text/html; charset=gb18030",
    "text/html; charset=iso-2022-jp",
    "text/html; charset=koi8-r",
    "text/html; charset=x-unknown",
    "text/html; profile=charset",
]


@pytest.mark.parametrize("content_type", WIDE)
def test_knows_charsets_that_hide_markup(content_type: str) -> None:
    assert not reads_as_ascii(content_type.encode())


@pytest.mark.parametrize("content_type", NARROW)
def test_takes_every_other_charset_for_ascii(content_type: str) -> None:
    assert reads_as_ascii(content_type.encode())


# All that browsers know with characters of several bytes, but UTF-8 and the ISO-2022 ones.
WITH_LONG_CHARACTERS = [
    "shift_jis",
    "cp932",
    "gb2312",
    "gbk",
    "gb18030",
    "big5",
    "big5hkscs",
    "euc_jp",
    "euc_kr",
    "cp949",
]


@pytest.mark.parametrize("codec", WITH_LONG_CHARACTERS)
def test_finds_no_character_with_a_byte_of_markup_in_it(codec: str) -> None:
    coded = [_coded(chr(number), codec) for number in range(0x80, 0x10000)]
    low = {byte for character in coded for byte in character if byte < 0x80}

    assert sum(map(bool, coded)) > 6000
    assert low.isdisjoint(b"<>\"'&!-/= \t\r\n\x1b")
    assert bytes(range(128)).decode(codec) == bytes(range(128)).decode("ascii")


def _coded(character: str, codec: str) -> bytes:
    try:
        return character.encode(codec)
    except UnicodeEncodeError:
        return b""


@pytest.mark.parametrize(
    ("start", "wide"),
    [
        (b"", False),
        (b"\xff", False),
        (b"\xff\xfe", True),
        ("<p>".encode("utf-16"), True),
        ("<p>".encode("utf-32"), True),
        (b"\xfe\xff\0<", True),
        (b"\0\0\xfe\xff", True),
        (b"\0\0\0<", False),
        (b"\xff<html>", False),
        ("<p>".encode("utf-8-sig"), False),
        (b"<", False),
    ],
)
def test_knows_the_byte_order_marks_of_wide_pages(start: bytes, wide: bool) -> None:
    assert has_wide_bom(start) is wide


@pytest.mark.parametrize("step", [1, 2, 99])
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_takes_no_wide_page_for_a_page_mark_or_not_in_any_cut(codec: str, step: int) -> None:
    page = "<!doctype html><head></head><body>".encode(codec)
    stream = HtmlStream(lambda _: b"[H]", lambda: b"[B]")

    sent = [stream.feed(page[at : at + step]) for at in range(0, len(page), step)]

    assert (b"".join(sent), stream.kind) == (page, "fragment")
