"""`pixelpair status` says where every event is, and touches nothing."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

import flask
import pytest

from pixelpair.cli import main
from pixelpair.commands.words import seconds, span
from pixelpair.delivery import sums
from pixelpair.delivery.locks import Lock
from pixelpair.delivery.meters import Meters
from pixelpair.delivery.sqlite import SqliteOutbox
from pixelpair.flask import PixelPair
from tests.delivery.conftest import until
from tests.delivery.sink import Sink, refused

from .conftest import PIXEL, TOKEN, queue, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Ask

NOTHING = {"unread": 0, "queued": 0, "delivered": 0, "dead": 0, "oldest": None}


def events(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row.pop("pixel"), row.pop("event")): row for row in document["events"]}


def files(spool: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in spool.iterdir()}


def test_tells_of_a_spool_that_is_not_made_yet_and_makes_none(
    spool: Path, ask: Ask, graph: Sink
) -> None:
    code, document = ask("status")
    assert (code, spool.exists()) == (0, False)
    assert time.time() - document.pop("at") < 60
    assert document == {
        "spool": str(spool),
        "outbox": str(spool / "outbox.sqlite3"),
        "set_aside": [],
        "mode": "live",
        "sender": "thread",
        "graph_url": graph.url,
        "graph_version": "v26.0",
        "leader": {"leads": False, "pid": None, "host": "", "program": "", "since": None},
        "journals": 0,
        "unread": 0,
        "queued": 0,
        "in_flight": 0,
        "delivered": 0,
        "dead": 0,
        "withdrawn": 0,
        "oldest": None,
        "lag": 0.0,
        "events": [],
        "troubles": [],
        "dropped": {},
        "filtered": {},
    }


def test_counts_what_only_journals_hold_and_leaves_them_alone(spool: Path, ask: Ask) -> None:
    queue(spool, "Lead", "Lead", ago=300)
    (event,) = queue(spool, "Contact", pixel="777")
    before = files(spool)
    code, document = ask("status")
    assert (code, files(spool)) == (0, before)
    assert (document["unread"], document["queued"], document["in_flight"]) == (3, 0, 0)
    assert 300 <= document["lag"] < 330
    assert events(document) == {
        (PIXEL, "Lead"): NOTHING | {"unread": 2, "oldest": document["oldest"]},
        ("777", "Contact"): NOTHING | {"unread": 1, "oldest": event.time},
    }


def test_tells_what_became_of_each_event(spool: Path, graph: Sink, ask: Ask) -> None:
    queue(spool, "PageView", "PageView", "Lead", "Purchase")
    graph.answer = refuse("Lead")
    ask("drain")
    (waits,) = queue(spool, "PageView", ago=90)
    graph.answer = lambda events: refused(190, status=401)
    ask("drain")
    code, document = ask("status")
    assert code == 0
    assert events(document) == {
        (PIXEL, "Lead"): NOTHING | {"dead": 1},
        (PIXEL, "PageView"): NOTHING | {"delivered": 2, "queued": 1, "oldest": waits.time},
        (PIXEL, "Purchase"): NOTHING | {"dead": 1},  # it has no value
    }
    figures = ("queued", "delivered", "dead", "unread", "in_flight")
    assert [document[key] for key in figures] == [1, 2, 2, 0, None]
    (trouble,) = document["troubles"]
    assert (trouble["pixel"], trouble["held"]) == (PIXEL, True)
    assert trouble["reason"].startswith("190: Meta refuses the access token")
    assert time.time() - trouble["since"] < 60


def test_a_trouble_ends_with_the_first_delivery_also_of_another_process(
    spool: Path, graph: Sink, ask: Ask
) -> None:
    queue(spool, "Lead")
    answer, graph.answer = graph.answer, lambda events: refused(190, status=401)
    ask("drain")
    graph.answer = answer
    ask("drain")
    assert ask("status")[1]["troubles"] == []


@pytest.mark.parametrize(("lag", "code"), [("1m", 1), ("90", 1), ("10m", 0), ("1h", 0)])
def test_a_probe_fails_when_events_wait_too_long(
    spool: Path, ask: Ask, lag: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(spool, "Lead", ago=120)
    assert ask("status", "--max-lag", lag)[0] == code
    assert main(["status", "--max-lag", lag]) == code
    assert capsys.readouterr().err.startswith("the oldest event waits for 2m") == bool(code)


def test_shows_plain_columns_where_there_is_no_terminal(
    spool: Path, graph: Sink, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(spool, "PageView", "Lead")
    graph.answer = refuse("Lead")
    main(["drain"])
    queue(spool, "PageView", ago=125)
    capsys.readouterr()
    assert main(["status"]) == 0
    out = re.sub(r"2m \d+s", "2m 5s", capsys.readouterr().out)
    assert (
        out
        == f"""\
spool      {spool}
mode       live
Graph      v26.0 at {graph.url}
sender     none: no process sends at this moment
waiting    1, 1 of them in 2 journals, the oldest for 2m 5s
delivered  1
dead       1, see `pixelpair dead list`
withdrawn  0

pixel       event     waiting  delivered  dead  oldest
1234567890  Lead            0          0     1       -
1234567890  PageView        1          1     0   2m 5s
"""
    )


def test_shows_a_table_on_a_terminal(
    spool: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(spool, "PageView")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    assert "\x1b[1m" in out
    assert "PageView" in out


def test_tells_who_sends_while_they_do(spool: Path, ask: Ask) -> None:
    spool.mkdir()
    lock = Lock(spool / "leader.lock")
    lock.acquire()
    assert ask("status")[1]["leader"] == {
        "leads": True, "pid": None, "host": "", "program": "", "since": None
    }  # fmt: skip
    lock.sign('{"pid": 7, "host": "web-1", "program": "gunicorn", "since": 5.5}')
    assert ask("status")[1]["leader"] == {
        "leads": True, "pid": 7, "host": "web-1", "program": "gunicorn", "since": 5.5
    }  # fmt: skip
    lock.close()
    assert ask("status")[1]["leader"]["pid"] is None


def test_reads_beside_a_writer_and_mends_nothing(
    spool: Path, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    box = SqliteOutbox(spool / "outbox.sqlite3")
    with box._transaction():
        assert ask("status")[0] == 0
    box.close()
    (spool / "outbox.sqlite3").write_bytes(b"no database" * 999)
    assert main(["status"]) == 2
    assert "cannot be read: DatabaseError" in capsys.readouterr().err
    assert (spool / "outbox.sqlite3").read_bytes() == b"no database" * 999
    (spool / "outbox.sqlite3").rename(spool / "outbox.sqlite3.corrupt-17")
    assert ask("status")[1]["set_aside"] == ["outbox.sqlite3.corrupt-17"]


def test_moves_no_cursor_of_the_terminal(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue(spool, "Lead\x1b[2J\u202e")
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    assert "Lead\\x1b[2J\\u202e" in out
    assert TOKEN not in out


def test_a_spool_that_is_no_folder_is_said(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spool.touch()
    assert main(["status"]) == 2
    assert capsys.readouterr().err.startswith(f"the spool {spool} cannot be read: NotADirectory")


def test_a_shop_and_its_status_agree(spool: Path, graph: Sink, ask: Ask) -> None:
    app = flask.Flask(__name__)
    page = "<!doctype html><head></head><body>tea</body>"
    for path in ("/", "/search"):
        app.add_url_rule(path, path, lambda: page)
    PixelPair(app)
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64)"
    for path in ("/", "/search?q=tea", "/"):
        assert b"fbq" in client.get(path).data
    until(lambda: len(graph.events) == 4)
    until(lambda: ask("status")[1]["delivered"] == 4)
    document = ask("status")[1]
    assert (document["leader"]["pid"], document["lag"]) == (os.getpid(), 0.0)
    assert events(document) == {
        (PIXEL, "PageView"): NOTHING | {"delivered": 3},
        (PIXEL, "Search"): NOTHING | {"delivered": 1},
    }
    app.extensions["pixelpair"].close()
    assert ask("status")[1]["leader"]["leads"] is False


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_spool_of_another_user_is_said(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spool.mkdir(0)
    assert main(["status"]) == 2
    assert "run this as the user that the shop runs as" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "length"), [("90", 90), ("1.5h", 5400), ("2 D", 172800), ("0s", 0), ("15m", 900)]
)
def test_reads_a_span(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "m", "-5s", "1w", "5 5", "soon", "1e3"])
def test_what_is_no_span_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", f"--max-lag={text}"])
    assert ended.value.code == 2
    assert "no span of time like" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("length", "text"), [(-3, "0s"), (59.9, "59s"), (3600, "1h"), (3661, "1h 1m"), (90061, "1d 1h")]
)
def test_writes_a_span(length: float, text: str) -> None:
    assert span(length) == text


def test_tells_what_the_processes_of_the_host_counted(
    spool: Path, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(spool, "Lead")
    one, other = Meters(spool), Meters(spool)
    one.add("dropped", 1200, "memory_full")
    one.add("filtered", 7, "machine:crawler")
    other.add("dropped", 3, "too_late")
    other.add("filtered", 2, "machine:crawler")
    for meters in (one, other):
        meters.save()
    before = files(spool)
    _, document = ask("status")
    assert document["dropped"] == {"memory_full": 1200, "too_late": 3}
    assert document["filtered"] == {"machine:crawler": 9}
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^dropped +1,203: memory_full 1,200, too_late 3$", shown, re.MULTILINE)
    assert re.search(r"^filtered +9: machine:crawler 9$", shown, re.MULTILINE)
    assert files(spool) == before


def test_a_drain_counts_with_the_others(spool: Path, ask: Ask) -> None:
    queue(spool, "Lead", "Lead")
    ask("drain")
    numbers = sums.host(spool)
    assert +numbers.counts == {("accepted", ""): 2, ("delivered", "Lead"): 2}
    assert numbers.spreads["batch_size"].total == 1
