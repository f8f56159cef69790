"""Orders are read from CSV files as databases, shop systems and spreadsheets write them."""

from __future__ import annotations

import io
from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.commands.orders import MOST_LINE, Bad, Order, amount_of, moment_of, orders
from pixelpair.errors import PixelPairError

AT = 1_795_341_600.0  # 2026-11-22 10:00:00 UTC
ONE = Order(2, "1001", Decimal("899.00"), "SEK", AT)


def read(text: str | bytes, currency: str = "", zone: object = UTC) -> list[Order | Bad]:
    data = text.encode() if isinstance(text, str) else text
    file = io.BufferedReader(io.BytesIO(data))
    found = list(orders(file, currency, zone))
    assert not file.closed
    return found


@pytest.mark.parametrize(
    "text",
    [
        "order_id,value,currency,paid_at\n1001,899.00,SEK,2026-11-22 10:00:00\n",
        "order_id;value;currency;paid_at\r\n1001;899,00;sek;2026-11-22T10:00:00Z\r\n",
        "id\ttotal\tcurrency\tdate\n1001\t899\tSEK\t2026-11-22T11:00:00+01:00",
        "Paid At|Order|Amount|Currency code\n2026-11-22 11:00:00 +0100|1001|899.0|SEK\n",
        '"Order ID","Name","Value","Currency","Paid"\n"1001","a, b","899 kr","SEK","1795341600"\n',
        "\ufefforder_id,value,currency,paid_at\n1001,899,SEK,2026-11-22 10:00:00 UTC\n",
        "ORDER-NUMBER,Grand Total,Currency,Payment date\n1001,SEK 899.00,SEK,1795341600000\n",
    ],
)
def test_reads_what_others_write(text: str) -> None:
    assert read(text) == [ONE]


def test_reads_utf_16_and_what_spreadsheets_put_before_the_header() -> None:
    text = "sep=;\norder_id;value;currency;paid_at\n1001;899,00;SEK;2026-11-22 10:00\n"
    (order,) = read(text.encode("utf-16"))
    assert order == Order(3, "1001", Decimal("899.00"), "SEK", AT)


def test_takes_the_shops_currency_and_zone_where_none_is_named() -> None:
    stockholm = ZoneInfo("Europe/Stockholm")
    text = "order,total,paid\n1001,899,2026-11-22 11:00\n"
    assert read(text, "SEK", stockholm) == [ONE]
    assert read(text) == [Bad(2, "has no currency, and PIXELPAIR_CURRENCY is not set")]


def test_a_bad_row_is_told_and_the_rest_is_read() -> None:
    text = (
        "order_id,value,currency,paid_at\n"
        ",1,SEK,2026-11-22\n"
        "1,x,SEK,2026-11-22\n"
        "\n"
        "2,1,KRONOR,2026-11-22\n"
        "3,1,SEK,22/11/2026\n"
        "4,-1,SEK,2026-11-22\n"
        "5\n"
        "6,1.234,SEK,2026-11-22\n"
        "7,1,SEK,0001-01-01\n"
        '"a\nb",1,SEK,2026-11-22\n'
        "1001,899,SEK,2026-11-22 10:00\n"
        "1001,,,\n"
        "1001,899,SEK,2026-11-22 10:00\n"
    )
    day = AT - 10 * 3600
    assert read(text) == [
        Bad(2, "has no order id"),
        Bad(3, "value has no amount"),
        Bad(5, "currency is no ISO 4217 code"),
        Bad(6, "paid at is no time like 2026-11-22 10:00:00"),
        Bad(7, "value is negative"),
        Bad(8, "has no currency, and PIXELPAIR_CURRENCY is not set"),
        Bad(9, "value could be two sums: of thousands, or with three decimals"),
        Bad(10, "paid at is no time of this century"),
        Order(11, "a\nb", Decimal("1.00"), "SEK", day),
        Order(13, "1001", Decimal("899.00"), "SEK", AT),
        Bad(15, "this order stands in the file before"),
    ]


def test_a_line_without_end_is_bounded() -> None:
    header, good = "order_id,value,currency,paid_at\n", "1001,899,SEK,2026-11-22 10:00\n"
    long = 'x"' * MOST_LINE + "\n"
    assert read(f"{header}{long}{good}") == [
        Bad(2, f"is longer than {MOST_LINE} characters"),
        Order(3, "1001", Decimal("899.00"), "SEK", AT),
    ]


def test_an_open_quote_ends() -> None:
    header, good = "order_id,value,currency,paid_at\n", "1001,899,SEK,2026-11-22 10:00\n"
    first, *rest = read(f'{header}"1{good * 10_000}')
    assert first == Bad(2, "field larger than field limit (131072)")
    assert isinstance(rest[0], Order)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("a,b\n1,2\n", "the file's first line names no order_id and value and paid_at: "),
        ("order_id,value,currency\n1,2,SEK\n", "the file's first line names no paid_at: "),
    ],
)
def test_a_file_without_header_is_said(text: str, said: str) -> None:
    with pytest.raises(PixelPairError) as caught:
        read(text)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "currency", "value"),
    [
        ("899", "SEK", "899.00"),
        ("0.00", "SEK", "0.00"),
        ("19.9900", "EUR", "19.99"),
        ("1,234.50", "USD", "1234.50"),
        ("1.234,50 €", "EUR", "1234.50"),
        ("1.234", "KWD", "1.234"),
        ("12,000", "JPY", "12000"),
        ("1 299:-", "SEK", "1299.00"),
    ],
)
def test_sums_are_exact(text: str, currency: str, value: str) -> None:
    found = amount_of(text, currency)
    assert (found, str(found)) == (Decimal(value), value)


@given(st.text(max_size=60))
def test_no_time_fails_but_with_its_reason(text: str) -> None:
    assert read_moment(text) is None or 946_684_800 <= read_moment(text) <= 4_102_444_800


def read_moment(text: str) -> float | None:
    try:
        return moment_of(text, UTC)
    except ValueError as error:
        return None if "paid at is no time" in str(error) else -1.0


@given(st.binary(max_size=400))
def test_no_file_fails(data: bytes) -> None:
    found = read(b"order_id,value,currency,paid_at\n" + data, "SEK")
    assert all(isinstance(one, Order | Bad) and one.line >= 2 for one in found)


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(
    ids=st.lists(CELLS.map(str.strip).filter(bool), unique=True, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
)
def test_every_id_that_a_writer_quotes_is_read(ids: list[str], delimiter: str) -> None:
    quoted = [f'"{one.replace(chr(34), chr(34) * 2)}"' for one in ids]
    rows = [f'{one}{delimiter}"1"{delimiter}"2026-11-22"' for one in quoted]
    text = "\n".join([delimiter.join(("order_id", "value", "paid_at")), *rows])
    assert [order.order_id for order in read(text, "SEK")] == ids
