"""A source as a feed file that Meta fetches: whole or not at all, and never suddenly small.

https://developers.facebook.com/documentation/ads-commerce/catalog/guides/feed-api
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import orjson

from pixelpair.catalog.fields import IMAGES, REQUIRED
from pixelpair.catalog.items import read_items
from pixelpair.catalog.rows import Fault, SourceError
from pixelpair.catalog.sources import file_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pixelpair.catalog.rows import Row

    Write = Callable[[IO[str], Sequence[str], Iterator[Mapping[str, Any]]], None]

_FIRST: Final = ("id", *REQUIRED, IMAGES[0])
# What XML 1.0 cannot hold, escaped or not.
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0">\n<channel>\n'
    "<title>Products</title>\n"
)
MOST_TOLD: Final = 1000


@dataclass(slots=True)
class Written:
    """What became of a feed. `before`: how many items the file had; `refused`: why it was not
    replaced."""

    items: int = 0
    rows: int = 0
    faulty: int = 0
    before: int = 0
    refused: str = ""
    told: list[Fault] = field(default_factory=list)
    noted: int = 0


def write_feed(rows: Iterable[Row | Fault], target: Path, *, max_shrink: float) -> Written:
    """Write the feed, or leave the old one where it would shrink by more than so many percent.

    Raises SourceError, and leaves the old one, where the source breaks off.
    """
    write = WRITERS.get(target.suffix.lower())
    if write is None:
        raise SourceError(f"{target}: a feed is named .csv, .tsv or .xml")
    if not target.parent.is_dir():
        raise SourceError(f"{target}: there is no folder {target.parent}: make it first")
    with tempfile.TemporaryFile() as kept:
        written, columns = _kept(rows, kept)
        written.before = _size(target)
        least = written.before * (1 - max_shrink / 100)
        if not written.items:
            written.refused = "no item is left: a feed of none would empty the catalog"
        elif written.items < least:
            written.refused = (
                f"{_items(written.items)} instead of {written.before}: more than {max_shrink:g} %"
                " less, and Meta deletes what a feed has no more"
            )
        else:
            kept.seek(0)
            _replace(target, lambda file: write(file, columns, map(orjson.loads, kept)))
    return written


def _items(number: int) -> str:
    return f"{number} item" if number == 1 else f"{number} items"


def _size(target: Path) -> int:
    """How many items the old file has; an empty one has none."""
    if not target.exists() or not target.stat().st_size:
        return 0
    try:
        return sum(1 for _ in file_rows(target))
    except SourceError as error:
        raise SourceError(f"{error}. The old feed is compared with: move it away") from None


def _kept(rows: Iterable[Row | Fault], kept: IO[bytes]) -> tuple[Written, list[str]]:
    """The good items, put aside until it is known which columns there are."""
    written, seen = Written(), set[str]()
    columns = dict.fromkeys(_FIRST)
    for item, faults in read_items(rows):
        written.rows += 1
        if item is not None and item.id in seen:
            faults = [*faults, Fault(item.line, "id", "comes twice: the first counts", item.id)]
            item = None
        room = max(0, MOST_TOLD - len(written.told))
        written.told += faults[:room]
        written.noted += len(faults)
        if item is None:
            written.faulty += 1
            continue
        seen.add(item.id)
        written.items += 1
        columns |= dict.fromkeys(item.data)
        kept.write(orjson.dumps(item.data, option=orjson.OPT_NON_STR_KEYS) + b"\n")
    return written, list(columns)


def _replace(target: Path, write: Callable[[IO[str]], None]) -> None:
    """Nobody ever reads half a file: it is renamed when it is whole and on the disk."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=target.parent, prefix=".feed-", delete=False
        ) as file:
            try:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), _mode(target))
                Path(file.name).replace(target)
            except BaseException:
                with suppress(OSError):
                    Path(file.name).unlink()
                raise
    except OSError as error:
        raise SourceError(f"{target}: {error.strerror or error}") from None


def _mode(target: Path) -> int:
    """A web server has to read it: as the old one, or as other files are."""
    return target.stat().st_mode & 0o777 if target.exists() else 0o644


def cell(name: str, value: object) -> str:
    """A value as a feed has it: of lists only that of addresses is no JSON."""
    if name == "additional_image_link" and isinstance(value, list):
        return ",".join(value)
    if isinstance(value, list | dict | bool):
        return orjson.dumps(value).decode()
    return "" if value is None else str(value)


def _delimited(delimiter: str) -> Write:
    def write(file: IO[str], columns: Sequence[str], items: Iterator[Mapping[str, Any]]) -> None:
        rows = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows([cell(name, item.get(name)) for name in columns] for item in items)

    return write


def _xml(file: IO[str], columns: Sequence[str], items: Iterator[Mapping[str, Any]]) -> None:
    names = {name: _NO_NAME.sub("_", name) for name in columns}
    file.write(_HEAD)
    for item in items:
        file.write("<item>\n")
        for name, value in item.items():
            text = escape(_NO_XML.sub(" ", cell(name, value)))
            file.write(f"<g:{names[name]}>{text}</g:{names[name]}>\n")
        file.write("</item>\n")
    file.write("</channel>\n</rss>\n")


WRITERS: Final[Mapping[str, Write]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".xml": _xml,
}
