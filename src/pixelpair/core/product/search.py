"""Finds, among the bytes of a page, the scripts and elements that tell of products.

No tokenizer: a search for what is rare costs a tenth of one. A script within a comment or another
script is passed over; one within a `<template>` or `<textarea>` is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON_LD = b"application/ld+json"
_VIEW = b"view_item"
_SCHEMA = b"schema.org/Product"
_NEEDLES = (_JSON_LD, _VIEW, _SCHEMA)

LONGEST_TAG = 4 * 1024
LONGEST_SCRIPT = 256 * 1024
LONGEST_PUSH = 64 * 1024  # of a script with pushes
MOST_HITS = 100  # a block
MOST_PROPERTIES = 2000
MOST_RARE = 100  # base64 is full of them
_BEHIND = 200  # bytes, for a property's text and what it is wrapped in
_BEFORE = 16 * 1024  # looked at for what may hide a script

_TAG = re.compile(rb"""(?i)<(script)(?=[\s/>])(?:[^>"']++|"[^"]*+"|'[^']*+')*>""")
_TYPE = re.compile(rb"""(?i)[\s"'/]type\s*=\s*["']?\s*application/ld\+json\b""")
_ITEM_TYPE = re.compile(rb"""(?i)itemtype\s*=\s*["']?[^"'>]*\Z""")


@dataclass(slots=True)
class Finds:
    """From where the next block goes on, and where a script begins that this one cuts."""

    searched: dict[bytes, int] = field(default_factory=lambda: dict.fromkeys(_NEEDLES, 0))
    open_json_ld: int = 0

    def moved(self, by: int) -> None:
        """The next block's data begins so much later than this one's."""
        self.searched = {needle: max(0, pos - by) for needle, pos in self.searched.items()}

    def kept(self, end: int) -> int:
        """From where the next block must see this one again: a tag may be cut, or a script."""
        return max(0, min(end - LONGEST_TAG, self.open_json_ld))


def json_ld_scripts(finds: Finds, data: bytes, end: int, *, last: bool) -> Iterator[bytes]:
    """What stands in each JSON-LD script."""
    finds.open_json_ld = end
    clean = 0  # where nothing is open
    for hit in _hits(finds, _JSON_LD, data, end):
        opening = data.rfind(b"<", max(0, hit - LONGEST_TAG), hit)
        tag = _script_tag(data, opening, end)
        if tag is None or not tag.start() <= hit < tag.end():
            if opening >= 0 and not last and _may_be_cut(data, opening, end):
                finds.open_json_ld = _wait(finds, _JSON_LD, hit, opening)
                return
            continue
        close = _close(data, tag, end)
        if close < 0:
            if not last and end - opening < LONGEST_SCRIPT:
                finds.open_json_ld = _wait(finds, _JSON_LD, hit, opening)
            return
        finds.searched[_JSON_LD] = close
        if _TYPE.search(data, opening, tag.end()) and not is_hidden(data, clean, opening):
            yield data[tag.end() : close]
        clean = close + 8


def view_scripts(finds: Finds, data: bytes, end: int) -> Iterator[bytes]:
    """The whole scripts that speak of viewed items, and are no programs."""
    for hit in _hits(finds, _VIEW, data, end):
        opening = data.rfind(b"<script", max(0, hit - LONGEST_PUSH), hit)
        tag = _script_tag(data, opening, end)
        if tag is None or tag.end() > hit or data.find(b"</script", opening, hit) >= 0:
            continue
        close = _close(data, tag, end)
        if close < 0:
            return
        finds.searched[_VIEW] = close
        if close - opening <= LONGEST_PUSH and not is_hidden(data, 0, opening):
            yield data[tag.end() : close]


def microdata_start(finds: Finds, data: bytes, end: int) -> int | None:
    """Where the first element begins that is a product in microdata."""
    for hit in _hits(finds, _SCHEMA, data, end):
        opening = data.rfind(b"<", max(0, hit - LONGEST_TAG), hit)
        if opening >= 0 and _ITEM_TYPE.search(data, opening, hit):
            return opening
    return None


def microdata_digest(data: bytes) -> bytes:
    """Of all that stands at its properties: 20 µs, where parsing takes a millisecond and more."""
    told, pos = blake2b(digest_size=16), 0
    for _ in range(MOST_PROPERTIES):
        hit = data.find(b"itemprop", pos)
        if hit < 0:
            break
        told.update(data[max(0, data.rfind(b"<", max(0, hit - LONGEST_TAG), hit)) : hit + _BEHIND])
        pos = hit + 8
    return told.digest()


def _hits(finds: Finds, needle: bytes, data: bytes, end: int) -> Iterator[int]:
    """Where a needle stands; the caller may set `searched` forward while it looks at one."""
    for _ in range(MOST_HITS):
        hit = _find(data, needle, finds.searched[needle], end)
        if hit < 0:
            break
        finds.searched[needle] = hit + len(needle)
        yield hit
    finds.searched[needle] = max(finds.searched[needle], end - len(needle) + 1)


def _find(data: bytes, needle: bytes, start: int, end: int) -> int:
    """`data.find`; by the rarest byte of the needle first, where it has one.

    One byte is looked for with memchr: 3 µs in 256 KB, where a word takes 110.
    """
    offset = needle.find(b"+")
    if offset < 0:
        return data.find(needle, start, end)
    pos = start + offset
    for _ in range(MOST_RARE):
        pos = data.find(b"+", pos, end)
        if pos < 0 or data.startswith(needle, pos - offset, end):
            return pos - offset if pos >= 0 else -1
        pos += 1
    return data.find(needle, pos - offset, end)


def _wait(finds: Finds, needle: bytes, hit: int, opening: int) -> int:
    """See this hit again when the rest of its script is there."""
    finds.searched[needle] = hit
    return opening


def _script_tag(data: bytes, opening: int, end: int) -> re.Match[bytes] | None:
    if opening < 0:
        return None
    return _TAG.match(data, opening, min(end, opening + LONGEST_TAG))


def _may_be_cut(data: bytes, opening: int, end: int) -> bool:
    return end - opening < LONGEST_TAG and data.find(b">", opening, end) < 0


def _close(data: bytes, tag: re.Match[bytes], end: int) -> int:
    """Where the script's end tag begins, written as its start tag is."""
    return data.find(b"</" + tag[1], tag.end(), end)


def is_hidden(data: bytes, clean: int, opening: int) -> bool:
    """Whether a comment or another script is open here, as far as can be seen."""
    start = max(clean, opening - _BEFORE, 0)
    if _opened(b"<script", b"</script", data, start, opening) >= 0:
        return True
    comment = _opened(b"<!--", b"-->", data, start, opening)
    return comment >= 0 and _opened(b"<script", b"</script", data, start, comment) < 0


def _opened(begins: bytes, ends: bytes, data: bytes, start: int, end: int) -> int:
    """Where the last of these begins that does not end; -1 where none does."""
    ended = data.rfind(ends, start, end)
    return data.rfind(begins, max(start, ended), end)
