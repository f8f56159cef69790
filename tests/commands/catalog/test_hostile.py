"""Whatever Graph answers and whatever terminal there is: no trace, no escape, no half truth."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main

from ...conftest import ROOT, until
from ..conftest import PIXEL
from .runs import ACCOUNT, IMAGE
from .test_refusals import batch, cars

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.graph.meta import Heard, Meta

    from ..conftest import Ask

SOURCES = "/v26.0/9/external_event_sources"
TAGS = "/v26.0/9/product_tags"
NASTY = "\x1b[31mred\x1b[0m [red]x[/red] [/] \x07\r\nsecond line \u202eevil 緑茶"

# Words of every command that asks Graph, for a catalog, medium or account 9.
COMMANDS = (
    "catalog list 9",
    "catalog show 9",
    "catalog show 9 --edge products",
    "catalog create 9 --name N",
    "catalog update 9 --name N",
    "catalog delete 9 --confirm 9",
    "catalog sets list 9",
    "catalog sets create 9 --name N",
    "catalog users add 9 5 --task MANAGE",
    "catalog users remove 9 5",
    "catalog sources 9",
    "catalog link 9",
    "catalog unlink 9 5",
    "catalog diagnostics 9",
    "catalog stats 9",
    "catalog checks 9",
    "tags list 9",
    "tags add 9 7",
    "tags add 9 7 --kind reel",
    "tags move 9 7@0.5,0.5",
    "tags remove 9 7",
    "tags replace 9 7",
    "tags search 9 8",
    "tags eligible 9",
    f"tags publish 9 --image {IMAGE} 7",
)
EMPTY = (b"", b"{}", b"[]", b"true", b"null", b'{"data": null}', b'{"data": {}}')
# A list with nothing in it is an answer, and so is a bare truth to what changes something.
FINE = {
    b"[]": ("list", "sources", "show 9 --edge", "diagnostics", "checks", "unlink", "tags remove"),
    b"true": ("update", "users", "add 9 7 --kind reel"),
}


@pytest.mark.parametrize("words", COMMANDS)
def test_no_empty_answer_is_a_success(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    for answer in EMPTY:
        meta.judge = lambda _heard, said=answer: said
        code = main([*words.split(), "--json"])
        out, err = capsys.readouterr()
        json.loads(out)
        fine = any(word in words for word in FINE.get(answer, ()))
        assert (code == 0) == fine, (answer, code, out, err)
        assert "Traceback" not in err


@pytest.mark.parametrize("words", COMMANDS)
def test_nothing_of_metas_reaches_the_terminal_as_it_is(
    meta: Meta,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("id", "name", "odd\x1b[31m[/]"):
        meta.judge = partial(nasty, name)
        main(words.split())
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        own = re.sub("\x1b\\[[01]?m", "", out)  # rich makes its headings bold
        assert [c for c in own + err if c != "\n" and not c.isprintable()] == []
        assert not re.search("^second line", out + err, re.MULTILINE)


def nasty(name: str, _heard: Heard) -> dict[str, Any]:
    """A node and a list in one, whose texts are hostile, that of `name` too."""
    row = {"id": "1", "product_id": "7", "merchant_id": "2", "title": NASTY, "result": "failed"}
    row |= {"severity": "MUST_FIX", "review_status": NASTY, "event": NASTY, name: NASTY}
    row |= {"status_code": NASTY, "success": True}
    return {**row, "data": [row, {**row, "instructions": [NASTY]}]}


def test_ten_thousand_rows_are_read_and_shown(
    meta: Meta, ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal rich took 18 s to fold them."""

    def page(heard: Heard) -> Any:
        start = int(heard.params.get("after", "0"))
        more = {"next": "https://graph.example/?access_token=x"} if start < 9900 else {}
        rows = [{"id": str(n), "name": NASTY} for n in range(start, start + 100)]
        return {"data": rows, "paging": {"cursors": {"after": str(start + 100)}, **more}}

    meta.judge = page
    code, told = ask("catalog", "show", "9", "--edge", "products")
    assert (code, [row["id"] for row in told["data"]]) == (0, [str(n) for n in range(10_000)])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["catalog", "show", "9", "--edge", "products"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 10_000 + 2
    assert lines[-1] == "10,000 of type ProductItem"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_without_the_letters_shows_which_they_are(
    meta: Meta, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """It was a trace: UnicodeEncodeError."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding, errors="strict"))
    meta.say("GET /v26.0/9", {"id": "9", "name": "緑茶"})
    assert main(["catalog", "show", "9"]) == 0
    shown = "緑茶" if encoding == "utf-8" else "\\u7dd1\\u8336"
    assert shown in raw.getvalue().decode(encoding)


@pytest.mark.parametrize("columns", ["30", "60"])
def test_a_narrow_terminal_loses_nothing(
    meta: Meta, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", columns)
    row = {f"field_{n}": f"value-{n}" for n in range(12)}
    meta.say("GET /v26.0/9/event_stats", {"data": [row]})
    assert main(["catalog", "show", "9", "--edge", "event_stats"]) == 0
    out = re.sub("\x1b\\[[0-9]*m", "", capsys.readouterr().out)
    assert [value for value in row.values() if value not in out] == []
    assert max(map(len, out.splitlines())) <= int(columns)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("catalog stats 9", ["event          AddToWishlist", "source         PIXEL 1234567890"]),
        ("tags list 9", ["product     3231775643511089", "merchant    90010177253934"]),
    ],
)
def test_a_narrow_terminal_folds_no_figure(
    meta: Meta,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    lines: list[str],
) -> None:
    """Seen at 60 columns: `AddToCar`, and `t` below it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    source = {"id": "1234567890", "source_type": "PIXEL"}
    stat = {"event": "AddToWishlist", "event_source": source, "total_matched_content_ids": 1}
    meta.say("GET /v26.0/9/event_stats", {"data": [stat]})
    tag = {"product_id": 3231775643511089, "merchant_id": 90010177253934, "name": "Gummy bears"}
    meta.say("GET /v26.0/9/product_tags", {"data": [tag]})
    assert main(words.split()) == 0
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line not in shown] == []


# --- lists that break off ------------------------------------------------------------------------

CUT = (
    {"data": [{"id": "5"}], "paging": {"next": "x", "cursors": {"after": "same"}}},
    {"data": [{"id": "5"}], "paging": {"next": "x"}},
    {"data": [{"id": "5"}, {"name": "no id"}]},
    {"data": [{"id": "5"}, "6"]},
    {"data": None},
)


@pytest.mark.parametrize("page", CUT)
@pytest.mark.parametrize("words", ["link 9", "unlink 9 5", "link 9 --dry-run"])
def test_half_a_list_of_sources_is_no_ground_to_change_it(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: str, page: Any
) -> None:
    """A POST of half of them, if it replaces, unlinks the other half."""
    meta.say(f"GET {SOURCES}", page)
    assert main(["catalog", *words.split()]) == 1
    assert [heard.method for heard in meta.heard if heard.method != "GET"] == []
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("page", [CUT[0], CUT[1], CUT[3], CUT[4]])
@pytest.mark.parametrize("words", ["add 9 7", "move 9 5@0.1,0.1", "remove 9 5", "replace 9 7"])
def test_half_a_list_of_tags_is_no_ground_to_change_it(
    meta: Meta, capsys: pytest.CaptureFixture[str], words: str, page: Any
) -> None:
    meta.say(f"GET {TAGS}", page)
    assert main(["tags", *words.split()]) == 1
    assert [heard.method for heard in meta.heard if heard.method != "GET"] == []
    assert capsys.readouterr().err.count("\n") == 1


def test_a_link_that_cannot_be_looked_at_is_told_as_sent(
    meta: Meta, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.say(f"GET {SOURCES}", {"data": [{"id": "5"}]}, b"<html>")
    meta.say(f"POST {SOURCES}", {"success": True})
    assert main(["catalog", "link", "9"]) == 1
    out, err = capsys.readouterr()
    assert f"sent 5, {PIXEL}, to add {PIXEL}; linked before:" in out
    assert err.startswith("what is linked now could not be read: ")


# --- Ctrl-C --------------------------------------------------------------------------------------


@pytest.fixture
def waiting() -> Iterator[threading.Event]:
    """A call that waits for it until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def stopped(meta: Meta, words: list[str], when: Any) -> tuple[int, str, str]:
    """A command in a process of its own that gets Ctrl-C when that is so."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PIXELPAIR_GRAPH_URL": meta.url}
    command = [sys.executable, "-m", "pixelpair", *words, "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environ, **pipes) as process:  # type: ignore[call-overload]
        assert until(when)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_ctrl_c_while_meta_prepares_publishes_nothing(meta: Meta) -> None:
    meta.say(f"POST /v26.0/{ACCOUNT}/media", {"id": "5"})
    meta.say("GET /v26.0/5", {"status_code": "IN_PROGRESS"})
    words = ["tags", "publish", ACCOUNT, "--image", IMAGE, "7"]

    def looked_twice() -> bool:  # the second pause is a second
        return sum(heard.path == "/v26.0/5" for heard in meta.heard) == 2

    code, out, err = stopped(meta, words, looked_twice)
    assert (code, "Traceback" in err) == (1, False)
    assert "stopped" in json.loads(out)["error"]["message"]
    assert [path for path, _ in meta.calls("POST")] == [f"/v26.0/{ACCOUNT}/media"]


def test_ctrl_c_between_vehicles_tells_what_was_added(
    meta: Meta, tmp_path: Path, waiting: threading.Event
) -> None:
    def answer(_heard: Heard) -> Any:
        if len(meta.heard) > 1:
            waiting.wait(30)
        return batch(*[0] * 50)

    meta.judge = answer
    words = ["catalog", "vehicles", "add", "9", cars(tmp_path, 60)]
    code, out, err = stopped(meta, words, lambda: len(meta.heard) == 2)
    told = json.loads(out)
    assert (code, len(told["added"]), len(told["wrong"])) == (1, 50, 10)
    assert told["wrong"][0]["why"] == "stopped before it was told to be added"
    assert "Traceback" not in err


def test_ctrl_c_during_a_change_says_to_look(meta: Meta, waiting: threading.Event) -> None:
    meta.judge = lambda _heard: waiting.wait(30) and {"success": True}
    code, out, err = stopped(
        meta, ["catalog", "update", "9", "--name", "N"], lambda: len(meta.heard) == 1
    )
    assert (code, "look first whether it did" in err) == (1, True)
    assert json.loads(out)["error"]["code"] is None


def test_ctrl_c_at_the_question_deletes_nothing(
    meta: Meta, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Keyboard(io.StringIO):
        def readline(self, _size: int | None = -1, /) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Keyboard())
    meta.say("GET /v26.0/9", {"id": "9", "name": "Tea"})
    assert main(["catalog", "delete", "9"]) == 1
    assert "nothing was deleted" in capsys.readouterr().err
    assert meta.calls("DELETE") == []


@pytest.mark.parametrize(
    ("name", "typed", "deletes"),
    [
        ("Te\u0301", "T\u00e9\n", True),  # composed by a keyboard
        ("Tea\r\nshop", "Tea shop\r\n", True),
        ("\x1b[31mTea", "\\x1b[31mTea\n", True),  # as it was shown
        ("   ", "\n", False),
        ("   ", "9\n", True),
        (None, "9\n", True),
        ("Tea", "tea\n", False),
    ],
)
def test_the_name_that_was_shown_is_the_one_to_type(
    meta: Meta, monkeypatch: pytest.MonkeyPatch, name: str | None, typed: str, deletes: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed, newline=""))
    meta.say("GET /v26.0/9", {"id": "9", "name": name})
    meta.say("DELETE /v26.0/9", {"success": True})
    assert main(["catalog", "delete", "9"]) == (0 if deletes else 1)
    assert len(meta.calls("DELETE")) == deletes


def test_a_reader_that_has_enough_is_no_error(meta: Meta) -> None:
    """`| head` closes the pipe: it was a trace."""
    rows = [{"id": str(n), "name": "x" * 900} for n in range(1000)]
    meta.say("GET /v26.0/9/products", {"data": rows})
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PIXELPAIR_GRAPH_URL": meta.url}
    command = f"{sys.executable} -m pixelpair catalog show 9 --edge products | head -1"
    done = subprocess.run(
        command, shell=True, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout.split(), done.stderr) == (["id", "name"], "")
