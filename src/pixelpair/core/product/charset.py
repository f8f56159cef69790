"""Turns a page's bytes into text, by the encoding that it names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# https://encoding.spec.whatwg.org/#names-and-labels; browsers read Latin-1 as Windows-1252.
_AS_1252 = re.compile(r"(?:us-)?ascii|iso-?8859-?1|latin-?1|l1|windows-1252", re.IGNORECASE)
_KNOWN = re.compile(
    r"iso-?8859-?\d+|(?:windows-|cp)125\d|koi8-[ru]|shift[_-]jis|sjis|euc-(?:jp|kr)|gbk|gb2312"
    r"|gb18030|big5|tis-620|windows-874|latin-?\d",
    re.IGNORECASE,
)


def decoder(charset: str | None) -> Callable[[bytes], str]:
    """A reader of this encoding; of UTF-8, or else Windows-1252, where it is not known."""
    name = (charset or "").strip()
    if _AS_1252.fullmatch(name):
        name = "cp1252"
    elif not _KNOWN.fullmatch(name):
        return utf8

    def decode(data: bytes) -> str:
        try:
            return data.decode(name, "replace")
        except LookupError:
            return utf8(data)

    return decode


def utf8(data: bytes) -> str:
    """Text in UTF-8, or in Windows-1252 where it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        cut = error.end >= len(data) - 3  # the slice ends within a character
        return data.decode("utf-8" if cut else "cp1252", "replace")
