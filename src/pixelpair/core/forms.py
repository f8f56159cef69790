"""What the body of a request says of the act, collected while the app reads it.

Knows urlencoded forms, multipart forms without their files, and JSON. A body of more than ROOM is
not looked at, one of another kind not kept; what the app gets is never touched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

import orjson
from python_multipart.multipart import MultipartParser, parse_options_header

ROOM = 64 * 1024
# What Django and Starlette allow: no form that the shop takes has more.
MOST_FIELDS = 1000
_HEADER_ROOM = 1000
_LENGTH = re.compile(rb"[0-9]{1,18}")

Scalar = str | int | float
# The bytes of a whole body, the options of its Content-Type.
_Read = Callable[[bytes, dict[bytes, bytes]], object]


class BodyReader:
    """One request's body. Never raises, whatever is fed."""

    __slots__ = ("_ended", "_held", "_length", "_options", "_read", "_tree")

    def __init__(self, content_type: bytes, content_length: bytes | None = None) -> None:
        self._length = _whole_length(content_length)
        self._held = bytearray()
        self._ended = False
        self._tree: object = None
        self._read, self._options = _kind(content_type)
        if self._length is not None and self._length > ROOM:
            self._give_up()

    @property
    def listens(self) -> bool:
        """Whether more of the body would be of use."""
        return self._read is not None and not self._ended

    def feed(self, chunk: bytes) -> None:
        """Bytes that the app was given."""
        if self._read is None:
            return
        if len(self._held) + len(chunk) > (ROOM if self._length is None else self._length):
            self._give_up()
        else:
            self._held += chunk

    def finish(self) -> None:
        """The app has read to the end; a body of known length needs no such word."""
        self._ended = True

    def value(self, path: str) -> Scalar | None:
        """The first value of a field, or what a dotted path leads to in JSON; None for nothing.

        Of half a body nothing is told: its last value might be half a value.
        """
        if self._read is not None and self._is_whole:
            read, body = self._read, bytes(self._held)
            self._give_up()
            try:
                self._tree = read(body, self._options)
            except Exception:  # anything may stand in a body, and nothing of it is ours to report
                self._tree = None
        return _scalar(_found(self._tree, path))

    @property
    def _is_whole(self) -> bool:
        return self._ended if self._length is None else len(self._held) == self._length

    def _give_up(self) -> None:
        self._read, self._held = None, bytearray()


def _whole_length(value: bytes | None) -> int | None:
    return int(value) if value and _LENGTH.fullmatch(value) else None


# --- finding -------------------------------------------------------------------------------------


def _found(tree: object, path: str) -> object:
    """What a path leads to: a field of just this name, else step by step."""
    if isinstance(tree, dict) and path in tree:
        return tree[path]
    for step in path.split("."):
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdecimal() and len(step) < 5:
            tree = tree[int(step)] if int(step) < len(tree) else None
        else:
            return None
    return tree


def _scalar(found: object) -> Scalar | None:
    if isinstance(found, str):
        return found.strip() or None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return found


# --- the kinds of bodies -------------------------------------------------------------------------


def _kind(content_type: bytes) -> tuple[_Read | None, dict[bytes, bytes]]:
    if len(content_type) > _HEADER_ROOM:
        return None, {}
    media, options = parse_options_header(content_type)
    if media.startswith(b"application/") and media.endswith(b"+json"):
        media = b"application/json"
    return _KINDS.get(media), options


def _urlencoded(body: bytes, options: dict[bytes, bytes]) -> object:
    codec = _codec(options)
    text = body.decode(codec, "replace")
    fields = parse_qsl(text, encoding=codec, errors="replace", max_num_fields=MOST_FIELDS)
    return _firsts(fields)


def _json(body: bytes, options: dict[bytes, bytes]) -> object:
    codec = _codec(options)
    text = body.decode("utf-8-sig" if codec == "utf-8" else codec, "replace")
    return orjson.loads(text)  # it refuses what is nested more than 1024 deep


def _multipart(body: bytes, options: dict[bytes, bytes]) -> object:
    parts = _Parts(_codec(options))
    parser = MultipartParser(options[b"boundary"], parts.callbacks())  # type: ignore[arg-type]
    parser.logger = _Silence()  # type: ignore[assignment]  # it warns of every malformed body
    parser.write(body)
    return _firsts(parts.fields) if parts.ended else None


_KINDS: Final[dict[bytes, _Read]] = {
    b"application/x-www-form-urlencoded": _urlencoded,
    b"multipart/form-data": _multipart,
    b"application/json": _json,
}


def _firsts(fields: list[tuple[str, str]]) -> dict[str, str]:
    """The first value of each name that is not blank."""
    return {name: value for name, value in reversed(fields) if value.strip()}


class _Parts:
    """The fields among the parts of a multipart form; files are passed over."""

    __slots__ = ("_codec", "_data", "_disposition", "_header", "_value", "count", "ended", "fields")

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._header, self._value = bytearray(), bytearray()
        self._disposition, self._data = b"", bytearray()
        self.count = 0
        self.ended = False
        self.fields: list[tuple[str, str]] = []

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self.count += 1
        if self.count > MOST_FIELDS:
            raise ValueError("more parts than any form has")
        self._disposition, self._data = b"", bytearray()

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _part_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" in options and b"filename" not in options:
            name = options[b"name"].decode(self._codec, "replace")
            self.fields.append((name, self._data.decode(self._codec, "replace")))

    def _end(self) -> None:
        self.ended = True


class _Silence:
    """A log that nobody keeps: strangers write the bodies."""

    def warning(self, *_: object) -> None: ...

    debug = warning


# --- charsets ------------------------------------------------------------------------------------

# Only what a browser would send in (https://encoding.spec.whatwg.org/#names-and-labels, where
# latin-1 and its kin are read as their Windows forms): some of Python's codecs take seconds, and
# each unknown name that is looked up stays in its memory.
_CODECS: Final = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-9": "cp1254",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
_KNOWN = re.compile(r"windows-125[0-8]|iso-8859-(?:[2-8]|1[03-6])|koi8-[ru]|euc-jp|big5|gb18030")


def _codec(options: dict[bytes, bytes]) -> str:
    """The codec of a charset; UTF-8 for none and for one that no browser would send."""
    label = options.get(b"charset", b"").decode("latin-1").lower()
    if _KNOWN.fullmatch(label):
        return label
    return _CODECS.get(label, "utf-8")
