"""Whether a page's markup can be read as ASCII, whatever its text is written in.

Nearly always: in the charsets of the web no character hides a `<`, `>` or quote (shift_jis, gbk,
big5, euc and their kin; ISO-2022 behind an ESC only). UTF-16 and a few relics are otherwise.
"""

from __future__ import annotations

import re

_CHARSET = re.compile(rb";\s*charset\s*=\s*[\"']?\s*([^\s;\"']+)", re.IGNORECASE)
# With the labels that https://encoding.spec.whatwg.org/#names-and-labels has for UTF-16;
# "unicode-1-1-utf-8" is none of them.
_NOT_ASCII = re.compile(
    rb"(?:cs)?(?:utf-?(?:16|32|7)|iso-10646-|ucs-?[24]|hz|unicode(?:feff|fffe)?$)", re.IGNORECASE
)
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # UTF-32 in little endian begins as UTF-16


def reads_as_ascii(content_type: bytes) -> bool:
    """Whether a Content-Type promises markup that can be read byte by byte."""
    charset = _CHARSET.search(content_type)
    return charset is None or _NOT_ASCII.match(charset[1]) is None


def charset_of(content_type: bytes) -> str | None:
    """The charset that a Content-Type names."""
    charset = _CHARSET.search(content_type)
    return charset[1].decode("latin-1") if charset else None


def has_wide_bom(start: bytes) -> bool:
    """Whether a body begins with the byte order mark of UTF-16 or UTF-32."""
    return start.startswith(_BOMS)
