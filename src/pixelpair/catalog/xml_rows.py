"""RSS and Atom feeds as rows, one product after the other, without ever holding the file.

Knows elements and lines; a document type is refused: entities are how XML is made to explode.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final
from xml.parsers import expat

from pixelpair.catalog.fields import NESTED
from pixelpair.catalog.rows import Row, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

# A product in RSS and in Atom.
_PRODUCTS: Final = frozenset({"item", "entry"})
_CHUNK: Final = 64 * 1024
# How deep what stands below a field is, such as the country in `shipping`.
_PART: Final = 2
# What one product may hold in all.
_MOST: Final = 5 * 1024 * 1024


def xml_rows(file: IO[bytes]) -> Iterator[Row]:
    """The products of a feed, with what stands directly below each."""
    reader = _Reader()
    while data := file.read(_CHUNK):
        yield from reader.feed(data)
    yield from reader.feed(b"", last=True)


class _Reader:
    """Bytes in, rows out; wherever they are cut."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = _refuse
        self._done: list[Row] = []
        self._line = 0
        self._values: dict[str, object] | None = None
        self._depth = 0
        self._name = ""
        self._texts: list[str] = []
        self._parts: dict[str, object] = {}
        self._part = 0  # where the texts of what stands below begin
        self._size = 0
        self._fed = 0

    def feed(self, data: bytes, *, last: bool = False) -> list[Row]:
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            problem = expat.errors.messages[error.code]
            raise SourceError(f"line {error.lineno}: is no XML: {problem}") from None
        self._fed += len(data)
        if self._fed - self._parser.CurrentByteIndex > _MOST:  # kept until its end is seen
            line = self._parser.CurrentLineNumber
            raise SourceError(f"line {line}: a tag or comment of more than {_MOST} bytes")
        done, self._done = self._done, []
        return done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._values is None:
            if name in _PRODUCTS:
                self._values, self._depth, self._size = {}, 0, 0
                self._line = self._parser.CurrentLineNumber
            return
        self._depth += 1
        self._grow(len(name))
        if self._depth == 1:
            self._name, self._texts, self._parts = name, [], {}
            if name == "link" and attributes.get("href"):  # Atom's
                self._texts.append(attributes["href"])
        elif self._depth == _PART:
            self._part = len(self._texts)

    def _text(self, text: str) -> None:
        if self._values is None or not self._depth:
            return
        self._grow(len(text))
        self._texts.append(text)

    def _grow(self, more: int) -> None:
        self._size += more
        if self._size > _MOST:
            raise SourceError(f"line {self._line}: a product of more than {_MOST} characters")

    def _end(self, name: str) -> None:
        if self._values is None:
            return
        if self._depth == 0:
            self._done.append(Row(self._line, self._values))
            self._values = None
            return
        if self._depth == _PART:
            text = "".join(self._texts[self._part :]).strip()
            _keep(self._parts, name.removeprefix("g:"), text)
        self._depth -= 1
        if self._depth == 0:
            structured = self._parts and self._name.removeprefix("g:") in NESTED
            found = self._parts if structured else "".join(self._texts).strip()
            _keep(self._values, self._name, found)


def _keep(values: dict[str, Any], name: str, found: object) -> None:
    """An element that comes again is a list."""
    before = values.get(name)
    if before is None:
        values[name] = found
    elif isinstance(before, list):
        before.append(found)
    else:
        values[name] = [before, found]


def _refuse(*_declared: object) -> None:
    raise SourceError("line 1: a document type (<!DOCTYPE>) has no place in a feed")
