"""Where products come from: a file whose kind is seen from its first bytes, or a dotted path to a
Django queryset, an iterable, or a callable that gives one.
"""

from __future__ import annotations

import csv
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from io import TextIOWrapper
from itertools import chain, count
from pathlib import Path
from typing import IO, Any, Final, Literal

import orjson

from pixelpair.catalog.fields import KNOWN
from pixelpair.catalog.rows import Fault, Row, SourceError
from pixelpair.catalog.xml_rows import xml_rows

Kind = Literal["delimited", "xml", "jsonl"]
Found = Iterator[Row | Fault]

_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+", re.ASCII)
_DELIMITERS: Final = "\t,;|"
_SNIFFED: Final = 64 * 1024
# A description of 5000 characters, and a rich one of 9999, fit many times over.
_LONGEST_CELL: Final = 4 * 1024 * 1024
_LONGEST_LINE: Final = 8 * 1024 * 1024
_TOO_LONG: Final = f"has more than {_LONGEST_LINE} characters"
# As many rows as Django fetches at once (its own default), where a queryset is read.
_CHUNK: Final = 2000


def rows_of(source: str) -> Found:
    """The rows of a source, read as they are taken. Raises SourceError, at once or on the way."""
    path = Path(source)
    mode = _mode(path)
    if mode is not None and stat.S_ISREG(mode):
        return file_rows(path)
    if mode is None and _DOTTED.fullmatch(source):
        return python_rows(_loaded(source))
    raise SourceError(f"{source}: there is no such file, and it is no dotted path of Python")


def _mode(path: Path) -> int | None:
    """What is there; None where nothing can be. Raises SourceError where nobody can tell."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None


def file_rows(path: Path) -> Found:
    """The rows of a file. A source that ends too early, or is of no known kind, raises."""
    try:
        with path.open("rb") as file:
            kind = sniffed(file.read(_SNIFFED))
            file.seek(0)
            yield from _READERS[kind](file)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None


def sniffed(head: bytes) -> Kind:
    """What kind of file begins like this."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] == b"<":
        return "xml"
    if head[:1] == b"{":
        return "jsonl"
    if head[:1] == b"[":
        raise SourceError("this is a JSON list: write one object a line instead (JSON-lines)")
    if head[:2] == b"\x1f\x8b":
        raise SourceError("this is compressed: unpack it first")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError("this is UTF-16: save it as UTF-8 (in Excel: CSV UTF-8)")
    if not head:
        raise SourceError("this is empty: there is not even a header row")
    return "delimited"


def column(name: str) -> str:
    """A column as Meta names it: without Google's prefix, in lower case, with underscores."""
    return name.strip().removeprefix("g:").strip().lower().replace(" ", "_")


# --- the kinds of files --------------------------------------------------------------------------


def _delimited(file: IO[bytes]) -> Found:
    csv.field_size_limit(_LONGEST_CELL)
    # Bytes that are no UTF-8 show up as lone surrogates, which no item may have.
    text = TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _rows_in(_lines(text))
    finally:
        text.detach()  # the file is its opener's to close


def _lines(text: TextIOWrapper) -> Iterator[str]:
    """Its lines, none of them for ever."""
    read = text.readline
    for number in count(1):
        line = read(_LONGEST_LINE)
        if not line:
            return
        if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise SourceError(f"line {number}: {_TOO_LONG}")
        yield line


def _rows_in(lines: Iterator[str]) -> Found:
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(chain([first], lines), delimiter=delimiter)
    try:
        names = [column(name) for name in next(reader, [])]
        _check_header(names)
        yield from _cells(reader, names)
    except csv.Error as error:
        hint = "is a quotation mark before it not closed?"
        raise SourceError(f"line {reader.line_num}: {error}: {hint}") from None


def _check_header(names: list[str]) -> None:
    again = sorted(name for name, times in Counter(names).items() if name and times > 1)
    if again:
        raise SourceError(f"line 1: the header names {', '.join(again)} twice")
    if not set(names) & set(KNOWN):
        raise SourceError("line 1: this is no header: none of its columns is one of Meta's")


def _cells(reader: Any, names: list[str]) -> Found:
    line, width, plain = reader.line_num + 1, len(names), "".join(names).isascii()
    for cells in reader:
        if len(cells) == width:
            sound = plain and "".join(cells).isascii()
            yield Row(line, dict(zip(names, cells, strict=True)), sound)
        elif any(map(str.strip, cells)):
            yield _uneven(line, cells, names)
        line = reader.line_num + 1


def _uneven(line: int, cells: list[str], names: list[str]) -> Row | Fault:
    """Spare cells that are empty do no harm; where one is missing, nobody knows which."""
    if len(cells) > len(names) and not any(cells[len(names) :]):
        return Row(line, dict(zip(names, cells, strict=False)))
    return Fault(line, "", f"has {len(cells)} cells, and the header has {len(names)}")


def _json_lines(file: IO[bytes]) -> Found:
    for line, text in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
        if len(text) == _LONGEST_LINE and not text.endswith(b"\n"):
            yield Fault(line, "", _TOO_LONG)
            _skip_line(file)
            continue
        text = text.removeprefix(b"\xef\xbb\xbf").strip()
        if not text:
            continue
        try:
            found = orjson.loads(text)
        except ValueError as error:
            yield Fault(line, "", f"is no JSON: {error}")
            continue
        yield _as_row(line, found, sound=True)


def _skip_line(file: IO[bytes]) -> None:
    while (text := file.readline(_LONGEST_LINE)) and not text.endswith(b"\n"):
        pass


def _xml(file: IO[bytes]) -> Found:
    for row in xml_rows(file):
        # In Atom `id` is the entry's own, and `g:id` the product's.
        values = sorted(row.values.items(), key=lambda pair: pair[0].startswith("g:"))
        yield Row(row.line, {column(name): value for name, value in values}, True)


_READERS: Final[Mapping[Kind, Callable[[IO[bytes]], Found]]] = {
    "delimited": _delimited,
    "jsonl": _json_lines,
    "xml": _xml,
}

# --- Python --------------------------------------------------------------------------------------


def python_rows(found: object) -> Found:
    """The rows of a queryset, its manager, an iterable, or what a callable gives of these.

    A row is a mapping, or an object with attributes of Meta's names. Lines are counted from 1.
    """
    try:
        yield from (_as_row(number, row) for number, row in enumerate(_iterable(found), 1))
    except SourceError:
        raise
    except Exception as error:  # whatever the shop's own code raises
        raise SourceError(f"the source failed: {type(error).__name__}: {error}") from error


def _loaded(path: str) -> object:
    """What a dotted path leads to: a module, and names in it."""
    words = path.replace(":", ".").split(".")
    for cut in range(len(words) - 1, 0, -1):
        name = ".".join(words[:cut])
        try:
            found: object = import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                continue
            raise SourceError(f"{path}: {error}") from error
        except Exception as error:
            raise SourceError(f"{path}: {type(error).__name__}: {error}") from error
        return _within(path, found, words[cut:])
    raise SourceError(f"{path}: there is no module {words[0]}, and no such file")


def _within(path: str, found: object, names: list[str]) -> object:
    for name in names:
        if not hasattr(found, name):
            raise SourceError(f"{path}: there is no {name}")
        found = getattr(found, name)
    return found


def _iterable(found: Any) -> Iterable[Any]:
    if isinstance(found, type) or (callable(found) and not hasattr(found, "iterator")):
        found = found()
    if hasattr(found, "get_queryset"):  # a manager
        found = found.get_queryset()
    if hasattr(found, "iterator"):  # a queryset keeps what it has read otherwise
        return found.iterator(chunk_size=_CHUNK)  # type: ignore[no-any-return]
    if not isinstance(found, Iterable) or isinstance(found, str | bytes | Mapping):
        raise SourceError(f"the source gives {type(found).__name__}, and no rows")
    return found


def _as_row(line: int, found: object, *, sound: bool = False) -> Row | Fault:
    if isinstance(found, Mapping):
        return Row(line, {column(str(name)): value for name, value in found.items()}, sound)
    values = {name: getattr(found, name) for name in KNOWN if hasattr(found, name)}
    if "id" not in values:
        return Fault(line, "", f"is {type(found).__name__}, and neither a mapping nor has an id")
    return Row(line, values)
