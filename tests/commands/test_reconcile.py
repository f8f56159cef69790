"""`pixelpair reconcile` holds a file of paid orders against the Purchases that were delivered."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair import Settings
from pixelpair.cli import main
from pixelpair.commands.books import Books
from pixelpair.commands.orders import Order
from pixelpair.core.events import Event, purchase_id
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.ledger import KEEP_PURCHASES, Purchase
from pixelpair.delivery.sqlite import SqliteOutbox
from tests.conftest import ROOT
from tests.delivery.sink import refused
from tests.docs_pages import code, section, table

from .conftest import PIXEL, TOKEN, queue, refuse, visitor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.sink import Sink

    from .conftest import Ask

HEADER = "order_id,value,currency,paid_at\n"
KEY = Settings(pixel_id=PIXEL, access_token=TOKEN).key
# In the middle of a day: rows of one test are of one day.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
TODAY = NOON.strftime("%Y-%m-%d")


@pytest.fixture(autouse=True)
def ledger(spool: Path) -> None:
    """An outbox that is kept for long."""
    box = SqliteOutbox(spool / "outbox.sqlite3", lambda: time.time() - KEEP_PURCHASES)
    box.put_many([])
    box.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


def buy(spool: Path, order_id: str, value: object = 899.0, *, currency: str = "SEK") -> None:
    """What a shop leaves in the spool when an order is paid."""
    data = {"order_id": order_id, "value": value, "currency": currency}
    at, event_id = int(time.time()) - 60, purchase_id(KEY, PIXEL, order_id)
    journal = Journal(spool)
    kept = {key: it for key, it in data.items() if it is not None}
    event = Event("Purchase", event_id, at, kept, lasting=True)
    journal.append(event.twin(PIXEL, visitor()).pack())
    journal.close()


def rows(*orders: str, at: datetime | None = None) -> str:
    paid = (at or datetime.now(UTC)).isoformat(sep=" ", timespec="seconds")
    return HEADER + "".join(f"{order},{paid}\n" for order in orders)


def totals(document: dict[str, Any]) -> dict[str, int]:
    lists = ("missing", "differing", "extra", "unknown", "bad")
    return {key: document[key]["total"] for key in lists if document[key]["total"]}


def test_all_agree(spool: Path, file: Path, ask: Ask) -> None:
    for number in range(3):
        buy(spool, f"A-{number}", 100 + number)
    queue(spool, "Lead", "PageView")
    ask("drain")
    file.write_text(rows("A-0,100,SEK", "A-1,101.00,SEK", "A-2,102.0,sek"))
    code_, document = ask("reconcile", str(file))
    assert (code_, totals(document)) == (0, {})
    assert (document["orders"], document["matched"]) == (3, 3)
    assert document["days"] == [
        {
            "day": document["days"][0]["day"],
            "currency": "SEK",
            "orders": 3,
            "order_value": 303,
            "delivered": 3,
            "delivered_value": 303,
        }
    ]


def test_tells_why_an_order_has_no_delivered_purchase(
    spool: Path, file: Path, graph: Sink, ask: Ask
) -> None:
    buy(spool, "sent")
    ask("drain")
    buy(spool, "faulty", None)
    graph.answer = refuse("Purchase")
    buy(spool, "refused")
    ask("drain")
    graph.answer = lambda events: refused(190, status=401)
    buy(spool, "waits")
    ask("drain")
    buy(spool, "in the journal")
    names = ("never", "faulty", "refused", "waits", "in the journal", "sent")
    file.write_text(rows(*(f"{name},899,SEK" for name in names)))
    code_, document = ask("reconcile", str(file))
    missing = {row["order_id"]: row["state"] for row in document["missing"]["first"]}
    assert (code_, totals(document), missing) == (
        1,
        {"missing": 5},
        {
            "never": "never made",
            "faulty": "dead",
            "refused": "dead",
            "waits": "waiting",
            "in the journal": "waiting",
        },
    )
    assert document["missing"]["first"][0]["line"] == 2
    ask("purge", "--email", "anna@example.com")
    _, document = ask("reconcile", str(file))
    states = {row["order_id"]: row["state"] for row in document["missing"]["first"]}
    assert states["waits"] == states["in the journal"] == "withdrawn"


def test_tells_purchases_without_an_order_and_of_another_value(
    spool: Path, file: Path, ask: Ask
) -> None:
    for name in ("A-1", "A-2", "A-3", "more"):
        buy(spool, name)
    ask("drain")
    file.write_text(rows("A-1,899,SEK", "A-2,899.01,SEK", "A-3,899,EUR"))
    code_, document = ask("reconcile", str(file))
    assert (code_, totals(document)) == (1, {"differing": 2, "extra": 1})
    (extra,) = document["extra"]["first"]
    assert extra.pop("time") <= time.time()
    assert extra == {
        "event_id": purchase_id(KEY, PIXEL, "more"),
        "order_id": "more",
        "value": 899,
        "currency": "SEK",
        "state": "delivered",
    }
    differing = document["differing"]["first"]
    assert [(row["value"], row["currency"]) for row in differing] == [(899.01, "SEK"), (899, "EUR")]
    days = {day["currency"]: (day["orders"], day["delivered"]) for day in document["days"]}
    assert days == {"SEK": (2, 4), "EUR": (1, 0)}


def test_an_order_before_the_ledger_is_too_old_to_know(spool: Path, file: Path, ask: Ask) -> None:
    old = datetime.now(UTC) - timedelta(seconds=KEEP_PURCHASES + 60)
    file.write_text(rows("old,1,SEK", at=old))
    code_, document = ask("reconcile", str(file))
    assert (code_, totals(document), document["days"]) == (0, {"unknown": 1}, [])


def test_without_an_outbox_all_is_too_old_to_know(spool: Path, file: Path, ask: Ask) -> None:
    (spool / "outbox.sqlite3").unlink()
    file.write_text(rows("A-1,1,SEK", at=datetime.now(UTC) - timedelta(seconds=9)))
    code_, document = ask("reconcile", str(file))
    assert (code_, totals(document)) == (0, {"unknown": 1})


def test_purchases_beyond_the_days_of_the_file_are_left_out() -> None:
    at = NOON.timestamp()
    days = [at - 86400, at, at + 86400]
    known = [
        Purchase(PIXEL, f"e{n}", None, Decimal(1), "SEK", int(day), "delivered")
        for n, day in enumerate(days)
    ]
    books = Books(KEY, PIXEL, known, 0, None)
    books.compare([Order(2, "A", Decimal(1), "SEK", at + 3600)], UTC)
    assert [purchase.event_id for purchase in books.extra.first] == ["e1"]


def test_an_event_that_the_shop_named_itself_is_found_by_its_order(
    spool: Path, file: Path, ask: Ask
) -> None:
    data = {"order_id": "A-1", "value": 5, "currency": "SEK"}
    journal = Journal(spool)
    event = Event("Purchase", "invoice-7", int(time.time()), data, lasting=True)
    journal.append(event.twin(PIXEL, visitor()).pack())
    journal.close()
    ask("drain")
    file.write_text(rows("A-1,5,SEK"))
    assert ask("reconcile", str(file))[0] == 0


def test_bad_rows_are_told_with_their_lines(spool: Path, file: Path, ask: Ask) -> None:
    buy(spool, "A-1")
    ask("drain")
    file.write_text(rows("A-1,899,SEK", "A-2,much,SEK"))
    code_, document = ask("reconcile", str(file))
    assert (code_, document["bad"]) == (
        1,
        {"total": 1, "first": [{"line": 3, "reason": "value has no amount"}]},
    )


def test_ids_of_another_form_are_suspected(
    spool: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    buy(spool, "1001")
    main(["drain"])
    file.write_text(rows("#1001,899,SEK"))
    assert main(["reconcile", str(file)]) == 1
    assert "does order_id have the same form there, such as 1001?" in capsys.readouterr().err


def test_lists_are_bounded_and_counted(file: Path, ask: Ask) -> None:
    file.write_text(rows(*(f"A-{n},1,SEK" for n in range(30))))
    for words, shown in (([], 20), (["--limit", "2"], 2), (["--limit", "0"], 30)):
        _, document = ask("reconcile", str(file), *words)
        missing = document["missing"]
        assert (missing["total"], len(missing["first"])) == (30, shown)


def test_shows_tables(spool: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in (("A-1", 1299.5), ("A-2", 899)):
        buy(spool, name, value)
    main(["drain"])
    now = datetime.now(UTC)
    file.write_text(rows("A-1,1299.50,SEK", "A-3,10,EUR", "A-4,10,EUR", at=now) + "x\n")
    capsys.readouterr()
    assert main(["reconcile", str(file), "--limit", "1"]) == 1
    out = capsys.readouterr().out
    day, paid = f"{now:%Y-%m-%d}", f"{now:%Y-%m-%d %H:%M}"
    made = datetime.fromtimestamp(int(time.time()) - 60, UTC)
    if made.date() != now.date():
        pytest.skip("midnight is just over")
    head, _, rest = out.partition("known since")
    assert head + rest.partition("\n")[2].replace(f"{made:%Y-%m-%d %H:%M}", "MADE") == (
        f"""\
orders                     3
with a delivered Purchase  1
without                    2
too old to know            0
rows that cannot be read   1

day         currency  orders     value  delivered     value
{day}  EUR            2     20.00          0      0.00
{day}  SEK            1  1,299.50          2  2,198.50

orders without a delivered Purchase

line  order  value      paid at           Purchase
   3  A-3    10.00 EUR  {paid}  never made

1 more: --limit 0

Purchases without an order

order or event  value       time              state
A-2             899.00 SEK  MADE  delivered

rows that cannot be read

line  reason
   5  has no currency, and PIXELPAIR_CURRENCY is not set
"""
    )


def test_days_are_those_of_the_shops_zone(file: Path, ask: Ask) -> None:
    file.write_text(HEADER + f"A-1,1,SEK,{TODAY} 23:30:00Z\n")
    tomorrow = f"{NOON + timedelta(days=1):%Y-%m-%d}"
    for zone, day in (("UTC", TODAY), ("Europe/Stockholm", tomorrow)):
        _, document = ask("reconcile", str(file), "--timezone", zone)
        assert [sums["day"] for sums in document["days"]] == [day]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.csv"], "nothing.csv cannot be read: No such file or directory"),
        (["a\0b"], "cannot be read: embedded null byte"),
        (["orders.csv", "--pixel", "999"], f"--pixel must name a pixel of this shop: {PIXEL}"),
    ],
)
def test_wrong_usage_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconcile", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


@pytest.mark.parametrize("words", [["--timezone", "Mars/Base"], ["--limit", "-1"]])
def test_wrong_options_are_said(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["reconcile", "orders.csv", *words])
    assert caught.value.code == 2


def test_a_file_without_header_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("1001;899\n")
    assert main(["reconcile", str(file)]) == 2
    assert "names no order_id and value and paid_at" in capsys.readouterr().err


def test_each_pixel_is_compared_on_its_own(
    spool: Path, file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(spool, "A-1")
    ask("drain")
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", f"{PIXEL} 777")
    file.write_text(rows("A-1,899,SEK"))
    assert ask("reconcile", str(file))[0] == 0
    code_, document = ask("reconcile", str(file), "--pixel", "777")
    assert (code_, document["pixel"], totals(document)) == (1, "777", {"missing": 1})


def test_of_many_shops_the_pixel_says_which(
    spool: Path, file: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(spool, "A-1")
    ask("drain")
    shops = {"shop.example": {"pixel_id": PIXEL, "access_token": TOKEN, "currency": "SEK"}}
    monkeypatch.setenv("PIXELPAIR_SHOPS", json.dumps(shops))
    monkeypatch.delenv("PIXELPAIR_PIXEL_ID")
    monkeypatch.delenv("PIXELPAIR_ACCESS_TOKEN")
    file.write_text(rows("A-1,899,"))
    assert main(["reconcile", str(file)]) == 2
    assert ask("reconcile", str(file), "--pixel", PIXEL)[0] == 0


def test_reads_the_standard_input_of_a_process(spool: Path, ask: Ask) -> None:
    buy(spool, "A-1")
    ask("drain")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pixelpair", "reconcile", "-", "--json"],
        input=rows("A-1,899,SEK").encode("utf-16"),
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["matched"] == 1


def test_an_endless_file_takes_no_more_than_its_ids(file: Path) -> None:
    file.write_text(rows(*(f"A-{n},1,SEK" for n in range(50_000))))
    books = Books(KEY, PIXEL, [], 0, 20)
    from pixelpair.commands.orders import orders

    with io.BufferedReader(io.FileIO(file)) as opened:
        books.compare(orders(opened, "", UTC), UTC)
    assert (books.total, books.missing.total, len(books.missing.first)) == (50_000, 50_000, 20)


def test_tells_every_key(spool: Path, file: Path, ask: Ask) -> None:
    for name in ("A-1", "A-2", "A-3"):
        buy(spool, name)
    ask("drain")
    file.write_text(rows("A-1,899,SEK", "A-2,1,SEK", "A-4,1,SEK", "x,,"))
    _, document = ask("reconcile", str(file))
    rows_ = table(section("docs/operations.md", "## reconcile").rpartition("With `--json`")[2])
    assert [key for row in rows_ for key in code(row[0])] == list(document)
    told = {key: code(row[1]) for row in rows_ for key in code(row[0])}
    for name in ("missing", "differing", "extra", "bad"):
        assert told[name] == [*document[name], *document[name]["first"][0]]
    assert told["days"] == list(document["days"][0])
