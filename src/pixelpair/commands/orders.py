"""Orders from a shop's CSV file, whatever wrote it, row by row; a bad one is told, and passed."""

from __future__ import annotations

import csv
import io
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from pixelpair.core.money import iso_code, rounded
from pixelpair.core.product.prices import read_price
from pixelpair.errors import PixelPairError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

# What a column may be called, without case, spaces and marks; the first that there is counts.
COLUMNS: Final = {
    "order id": ("orderid", "ordernumber", "orderno", "order", "id", "number"),
    "value": ("value", "total", "amount", "ordertotal", "grandtotal", "totalprice"),
    "currency": ("currency", "currencycode", "ordercurrency"),
    "paid at": ("paidat", "paid", "paidon", "datepaid", "paymentdate", "date"),
}
_DELIMITERS: Final = ",;\t|"
MOST_LINE: Final = 65_536
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_NO_LETTER: Final = re.compile(r"[^a-z0-9]")
_SEP: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # what spreadsheets write before the header
_PLAIN: Final = re.compile(r"[0-9]{1,15}(?:\.([0-9]{1,12}))?")
_UNIX: Final = re.compile(r"([0-9]{10})(?:\.[0-9]+|[0-9]{3})?")
_OFFSET: Final = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}\Z)")
_UTC: Final = re.compile(r"\s*(?:UTC|GMT)\Z")
_EARLIEST: Final = 946_684_800  # 2000-01-01: before, a date is a mistake
_LATEST: Final = 4_102_444_800


@dataclass(frozen=True, slots=True)
class Order:
    """One row."""

    line: int
    order_id: str
    value: Decimal
    currency: str
    paid: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be read, and why; without its words."""

    line: int
    reason: str


@contextmanager
def opened_file(place: str) -> Iterator[io.BufferedReader]:
    """The file, or the standard input (`-`). Raises PixelPairError where it cannot be read."""
    if place == "-":
        yield cast("io.BufferedReader", sys.stdin.buffer)
        return
    try:
        file = Path(place).open("rb")  # noqa: SIM115
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror if isinstance(error, OSError) else error
        raise PixelPairError(f"{place} cannot be read: {why}") from None
    with file:
        yield file


def orders(file: io.BufferedReader, currency: str, zone: tzinfo) -> Iterator[Order | Bad]:
    """The orders of a CSV file. `currency` and `zone` are those of sums and times that name none.

    Raises PixelPairError where there is no header. An order that stands there again without a value
    is a line of the same; with one it is bad.
    """
    text = _decoded(file)
    try:
        yield from _read(text, currency, zone)
    finally:
        text.detach()  # else it closes what its caller opened


def _read(text: io.TextIOWrapper, currency: str, zone: tzinfo) -> Iterator[Order | Bad]:
    long = set[int]()
    lines = _lines(text, long)
    skipped, header = _header(lines)
    delimiter, columns = _columns(header)
    seen = set[str]()
    for line, row in _rows(csv.reader(lines, delimiter=delimiter), skipped):
        try:
            if line in long:
                raise ValueError(f"is longer than {MOST_LINE} characters")
            if isinstance(row, csv.Error):
                raise ValueError(str(row))
            told = {name: row[at].strip() for name, at in columns.items() if at < len(row)}
            is_more = told.get("order id") in seen
            if not any(map(str.strip, row)) or (is_more and not told.get("value")):
                continue
            order = _order(line, told, currency, zone)
            if is_more:
                raise ValueError("this order stands in the file before")
        except ValueError as error:
            yield Bad(line, str(error))
        else:
            seen.add(order.order_id)
            yield order


def _rows(rows: Reader, skipped: int) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Each row, or why there is none, with the line that it begins on."""
    while True:
        line = rows.line_num + skipped + 1
        try:
            yield line, next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, error


# --- lines ---------------------------------------------------------------------------------------


def _decoded(file: io.BufferedReader) -> io.TextIOWrapper:
    encoding = "utf-16" if file.peek(2)[:2] in _WIDE else "utf-8-sig"
    return io.TextIOWrapper(file, encoding, errors="replace", newline="")


def _lines(text: io.TextIOWrapper, long: set[int]) -> Iterator[str]:
    """Each line, of a longer one its beginning; which those were is put into `long`."""
    number = 0
    while line := text.readline(MOST_LINE):
        number += 1
        rest = line
        while len(rest) == MOST_LINE and not rest.endswith(("\n", "\r")):
            long.add(number)
            rest = text.readline(MOST_LINE)
        yield f"{line[:80].replace(chr(34), '')}\n" if number in long else line


def _header(lines: Iterator[str]) -> tuple[int, str]:
    """How many lines there are up to the header, and that."""
    for number, line in enumerate(lines, 1):
        if line.strip() and not _SEP.fullmatch(line):
            return number, line
    raise PixelPairError("the file is empty")


def _columns(header: str) -> tuple[str, Mapping[str, int]]:
    """The delimiter under which most columns are known, and where these are."""
    found = {d: _known(next(csv.reader([header], delimiter=d))) for d in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda d: len(found[d]))
    missing = COLUMNS.keys() - found[delimiter].keys() - {"currency"}
    if missing:
        names = {"order id": "order_id", "value": "value", "paid at": "paid_at"}
        wanted = " and ".join(names[name] for name in names if name in missing)
        raise PixelPairError(
            f"the file's first line names no {wanted}: it must be a header with order_id, value,"
            " currency and paid_at"
        )
    return delimiter, found[delimiter]


def _known(words: list[str]) -> Mapping[str, int]:
    plain = [_NO_LETTER.sub("", word.casefold()) for word in words]
    return {
        column: plain.index(name)
        for column, names in COLUMNS.items()
        if (name := next((name for name in names if name in plain), None)) is not None
    }


# --- a row ---------------------------------------------------------------------------------------


def _order(line: int, told: Mapping[str, str], currency: str, zone: tzinfo) -> Order:
    order_id = told.get("order id", "")
    if not order_id or len(order_id) > 500:
        raise ValueError("has no order id")
    code = told.get("currency") or currency
    if not code:
        raise ValueError("has no currency, and PIXELPAIR_CURRENCY is not set")
    try:
        code = iso_code(code)
    except ValueError as error:
        raise ValueError(f"currency {error}") from None
    try:
        value = amount_of(told.get("value", ""), code)
    except ValueError as error:
        raise ValueError(f"value {error}") from None
    return Order(line, order_id, value, code, moment_of(told.get("paid at", ""), zone))


def amount_of(text: str, currency: str) -> Decimal:
    """A sum as databases and spreadsheets write it. Raises ValueError with the reason."""
    if text.startswith("-"):
        raise ValueError("is negative")
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return rounded(read_price(text, currency).value, currency)
    number = Decimal(text)
    if len(plain[1] or "") == 3 and rounded(number, currency) != number:
        raise ValueError("could be two sums: of thousands, or with three decimals")
    return rounded(number, currency)


def moment_of(text: str, zone: tzinfo) -> float:
    """A time as databases write it, in Unix seconds. Raises ValueError with the reason."""
    if unix := _UNIX.fullmatch(text):
        return _likely(float(unix[1]))
    iso = _OFFSET.sub("", _UTC.sub("+00:00", text))
    try:
        found = datetime.fromisoformat(iso)
        at = (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("paid at is no time like 2026-11-22 10:00:00") from None
    return _likely(at)


def _likely(at: float) -> float:
    if not _EARLIEST <= at <= _LATEST:
        raise ValueError("paid at is no time of this century")
    return at
