"""The commands over HTTP: what they say, what they leave, and how they end."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair import Settings
from pixelpair.catalog.plan import Report
from pixelpair.cli import main
from pixelpair.commands.catalog_sync import share
from pixelpair.core.events import Twin
from pixelpair.delivery.carried import Contents

from ..conftest import ROOT, missing_tool
from .conftest import TOKEN, product
from .shelf import CATALOG, Shelf, refusal, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Told = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def served_shelf() -> Iterator[tuple[Shelf, str]]:
    shelf = Shelf()
    with served(shelf) as url:
        yield shelf, url


@pytest.fixture
def shelf(served_shelf: tuple[Shelf, str]) -> Shelf:
    shelf = served_shelf[0]
    shelf.__init__()  # type: ignore[misc]
    return shelf


@pytest.fixture
def told(
    served_shelf: tuple[Shelf, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Told:
    """The exit code of a command, and its JSON."""
    settings = Settings(
        pixel_id="1", access_token=TOKEN, graph_url=served_shelf[1], spool=tmp_path / "spool"
    )

    def run(*words: str, token: bool = True) -> tuple[int, Any]:
        found = settings if token else Settings(pixel_id="1", spool=tmp_path / "spool")
        code = main(["catalog", *words, "--json"], settings=lambda: found)
        out = capsys.readouterr()
        return code, json.loads(out.out) if out.out else out.err

    return run


def write(path: Path, products: list[dict[str, Any]]) -> str:
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, list(product(0)))
        rows.writeheader()
        rows.writerows(products)
    return str(path)


def test_sync_fills_a_catalog_and_says_so(told: Told, shelf: Shelf, tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", [product(1), product(2)])
    code, document = told("sync", source, "--catalog", CATALOG, "--full")
    figures = {key: document[key] for key in ("rows", "sent", "saved", "calls", "complete")}
    assert (code, figures) == (
        0,
        {"rows": 2, "sent": 2, "saved": 2, "calls": 1, "complete": True},
    )
    assert shelf.items == {"p1": product(1), "p2": product(2)}


def test_sync_leaves_a_file_of_what_is_left(told: Told, shelf: Shelf, tmp_path: Path) -> None:
    shelf.bad_price = "0.01 EUR"
    bad = [product(1, price="cheap"), product(2, price="0.01 EUR"), product(3)]
    source = write(tmp_path / "a.csv", bad)
    code, document = told("sync", source, "--catalog", CATALOG)
    assert (code, document["faulty"], document["failed"]) == (1, 1, {"p2": "špatná cena"})
    assert document["faults"] == [
        {
            "line": 2,
            "id": "p1",
            "field": "price",
            "problem": "'cheap' is no price: write it like 9.99 USD",
            "fatal": True,
        }
    ]
    left = tmp_path / "spool" / f"catalog-{CATALOG}.left.jsonl"
    assert document["left"] == str(left)
    assert [json.loads(line) for line in left.read_text().splitlines()] == [
        {"id": "p2", "what": "failed", "why": "špatná cena"}
    ]
    source = write(tmp_path / "a.csv", [product(1), product(2), product(3)])
    assert told("sync", source, "--catalog", CATALOG)[0] == 0
    assert not left.exists()


@pytest.mark.parametrize("code", [190, 200, 100])
def test_wrong_token_right_or_id_is_one_line(
    told: Told, shelf: Shelf, tmp_path: Path, code: int
) -> None:
    shelf.next = [refusal(code)]
    source = write(tmp_path / "a.csv", [product(1)])
    end, document = told("sync", source, "--catalog", CATALOG)
    assert end == 2
    assert document["stopped"].startswith(f"{code}: ")
    assert TOKEN not in json.dumps(document)


def test_sync_without_a_token_or_a_source_is_usage(told: Told, tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", [product(1)])
    assert told("sync", source, "--catalog", CATALOG, token=False)[0] == 2
    code, document = told("sync", "nowhere.csv", "--catalog", CATALOG)
    assert (code, document) == (
        2,
        ended("nowhere.csv: there is no module nowhere, and no such file"),
    )


@pytest.mark.parametrize(
    "command", [("feed", "nowhere.csv", "--to", "a.csv"), ("match", "nowhere.csv")]
)
def test_what_ends_a_command_is_a_document_too(told: Told, command: tuple[str, ...]) -> None:
    """Seen: nothing on the standard output, which --json promises to be JSON."""
    problem = ended("nowhere.csv: there is no module nowhere, and no such file")
    assert told(*command) == (2, problem)


def ended(message: str) -> dict[str, Any]:
    told = {"kind": "usage", "code": None, "subcode": None, "message": message}
    return {"error": {**told, "next": None, "minutes": None}}


def stop(_seconds: float) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_tells_how_far_it_was_and_the_next_run_goes_on(
    told: Told, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: no document, and nothing of what was left."""
    source = write(tmp_path / "a.csv", [product(1)])
    shelf.polls = 1
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", stop)
        code, document = told("sync", source, "--catalog", CATALOG)
    left = tmp_path / "spool" / f"catalog-{CATALOG}.left.jsonl"
    assert (code, document["sent"], document["saved"], document["left"]) == (1, 1, 0, str(left))
    assert document["stopped"] == "stopped: run it again, and it goes on where it was"
    assert json.loads(left.read_text())["what"] == "on its way"
    code, document = told("sync", source, "--catalog", CATALOG)
    assert (code, document["resumed"], document["calls"]) == (0, 1, 0)
    assert not left.exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sync", "shelves.stopped", "--catalog", CATALOG), None),
        (("feed", "shelves.stopped", "--to", "a.csv"), "stopped: the file is as it was"),
        (("match", "shelves.stopped"), "stopped"),
    ],
    ids=["sync", "feed", "match"],
)
def test_ctrl_c_while_the_source_is_read_is_a_document(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any, said: str | None
) -> None:
    def stopped() -> Iterator[dict[str, Any]]:
        yield product(1)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "shelves", SimpleNamespace(stopped=stopped))
    code, document = told(*command)
    assert code == 1
    if said is None:
        assert (document["rows"], document["sent"], document["complete"]) == (1, 0, False)
    else:
        assert document == ended(said)
    assert not (tmp_path / "a.csv").exists()


def test_people_are_told_in_words(
    shelf: Shelf, served_shelf: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.bad_price = "0.01 EUR"
    bad = [product(1, price="cheap"), product(2, price="0.01 EUR")]
    source = write(tmp_path / "a.csv", bad)
    settings = Settings(
        pixel_id="1", access_token=TOKEN, graph_url=served_shelf[1], spool=tmp_path / "s"
    )
    code = main(["catalog", "sync", source, "--catalog", CATALOG], settings=lambda: settings)
    expected = [
        "rows              2",
        "sent              0",
        "rows with faults  1",
        "refused by Meta   1",
        "calls             1",
        "",
        "line 2 (p1): price: 'cheap' is no price: write it like 9.99 USD",
        "",
        "p2: špatná cena",
        "",
        f"what is left, and why: {tmp_path}/s/catalog-{CATALOG}.left.jsonl",
    ]
    assert (code, capsys.readouterr().out.splitlines()) == (1, expected)


def test_second_sync_of_a_catalog_ends_at_once(told: Told, shelf: Shelf, tmp_path: Path) -> None:
    from pixelpair.delivery.locks import Lock

    source = write(tmp_path / "a.csv", [product(1)])
    (tmp_path / "spool").mkdir()
    lock = Lock(tmp_path / "spool" / f"catalog-{CATALOG}.lock")
    assert lock.acquire()
    try:
        code, words = told("sync", source, "--catalog", CATALOG)
    finally:
        lock.close()
    problem = f"another sync of the catalog {CATALOG} runs: run this one after it"
    assert (code, words, shelf.posts) == (1, ended(problem), 0)


def test_feed_is_written_and_kept(told: Told, tmp_path: Path) -> None:
    source, feed = write(tmp_path / "a.csv", [product(n) for n in range(4)]), tmp_path / "f.xml"
    assert told("feed", source, "--to", str(feed))[0] == 0
    source = write(tmp_path / "a.csv", [product(1)])
    code, document = told("feed", source, "--to", str(feed))
    assert (code, document["written"], document["before"], document["items"]) == (1, False, 4, 1)


def test_match_names_causes(told: Told, tmp_path: Path) -> None:
    feed = write(tmp_path / "a.csv", [product(1), product(2)])
    assert told("match", feed)[0] == 1
    counts = Contents(tmp_path / "spool")
    for content_id in ("p1", "p1", "P2", "p3"):
        data = {"content_ids": [content_id], "content_type": "product"}
        body = json.dumps({"custom_data": data}).encode()
        counts.add([Twin("1", "ViewContent", "id", 1, body)])
    counts.save()
    code, document = told("match", feed)
    assert (code, document["share"], document["causes"]) == (
        1,
        50.0,
        {"exact": 2, "case": 1, "unknown": 1},
    )
    assert [(one["id"], one["cause"], one["feed_has"]) for one in document["unmatched"]] == [
        ("P2", "case", "p2"),
        ("p3", "unknown", None),
    ]


def test_what_is_left_is_nobody_elses_to_read(told: Told, shelf: Shelf, tmp_path: Path) -> None:
    """Seen: 0644, where the umask says so, and an older file's mode stayed."""
    shelf.bad_price = "0.01 EUR"
    source = write(tmp_path / "a.csv", [product(1, price="0.01 EUR")])
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / f"catalog-{CATALOG}.left.new").touch(0o666)
    before = os.umask(0)
    try:
        assert told("sync", source, "--catalog", CATALOG)[0] == 1
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in spool.iterdir()}
    assert modes.pop(f"catalog-{CATALOG}.left.jsonl") == 0o600
    assert {mode & 0o077 for mode in modes.values()} == {0}


# --- many shops ----------------------------------------------------------------------------------

TEA = {"pixel_id": "111", "access_token": "EAABtea"}
CUPS = {"pixel_id": "222 333", "access_token": "EAABcups EAABsaucers"}


class Directory:
    def for_host(self, host: str) -> Settings | None:
        return None

    def for_pixel(self, pixel_id: str) -> Settings | None:
        if pixel_id == "999":
            raise RuntimeError("EAABsecret: the database is away")
        return Settings(**TEA) if pixel_id == "111" else None  # type: ignore[arg-type]


def by_pixel(
    shops: Any, url: str, folder: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str]:
    settings = Settings(shops=shops, graph_url=url, spool=folder / "spool")
    source = write(folder / "a.csv", [product(1)])
    command = ["catalog", "sync", source, "--catalog", CATALOG, *words]
    code = main(command, settings=lambda: settings)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("pixel", "token"), [("111", "EAABtea"), ("222", "EAABcups"), ("333", "EAABsaucers")]
)
def test_each_shop_has_its_own_token(
    served_shelf: Any, shelf: Shelf, tmp_path: Path, capsys: Any, pixel: str, token: str
) -> None:
    shops = {"tea.example": TEA, "cups.example": CUPS}
    assert by_pixel(shops, served_shelf[1], tmp_path, capsys, "--pixel", pixel) == (0, "")
    assert shelf.tokens == {f"Bearer {token}"}
    assert "p1" in shelf.items


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "PIXELPAIR_SHOPS has many: name the shop by its pixel, --pixel ID\n"),
        (("--pixel", "444"), "no shop of PIXELPAIR_SHOPS has the pixel 444\n"),
    ],
)
def test_a_shop_among_many_has_to_be_named(
    served_shelf: Any, shelf: Shelf, tmp_path: Path, capsys: Any, words: Any, problem: str
) -> None:
    shops = {"tea.example": TEA, "cups.example": CUPS}
    assert by_pixel(shops, served_shelf[1], tmp_path, capsys, *words) == (2, problem)
    assert by_pixel(shops, served_shelf[1], tmp_path, capsys, "--dry-run")[0] == 0
    assert shelf.posts == 0


def test_shops_of_an_object_are_asked_by_pixel(
    served_shelf: Any, shelf: Shelf, tmp_path: Path, capsys: Any
) -> None:
    for pixel, problem in (
        ("999", "PIXELPAIR_SHOPS failed: RuntimeError\n"),
        ("444", "no shop of PIXELPAIR_SHOPS has the pixel 444\n"),
    ):
        settings = Settings(shops=Directory(), spool=tmp_path / "spool")
        source = write(tmp_path / "a.csv", [product(1)])
        command = ["catalog", "sync", source, "--catalog", CATALOG, "--pixel", pixel]
        assert main(command, settings=lambda found=settings: found) == 2
        assert capsys.readouterr().err == problem
    assert shelf.posts == 0


def test_a_pixel_of_nobody_is_told(told: Told, shelf: Shelf, tmp_path: Path) -> None:
    """Seen: "no PIXELPAIR_ACCESS_TOKEN is set", where one was."""
    source = write(tmp_path / "a.csv", [product(1)])
    code, words = told("sync", source, "--catalog", CATALOG, "--pixel", "9")
    assert (code, words) == (2, ended("9 is none of this shop's pixels: 1"))
    assert told("sync", source, "--catalog", CATALOG, "--pixel", "1")[0] == 0


def test_match_compares_one_shops_events_with_its_feed(told: Told, tmp_path: Path) -> None:
    feed = write(tmp_path / "a.csv", [product(1)])
    counts = Contents(tmp_path / "spool")
    for pixel, content_id in (("111", "p1"), ("222", "cup")):
        body = json.dumps({"custom_data": {"content_ids": [content_id]}}).encode()
        counts.add([Twin(pixel, "ViewContent", "id", 1, body)])
    counts.save()
    assert told("match", feed)[1]["share"] == 50.0
    assert told("match", feed, "--pixel", "111")[0] == 0
    assert told("match", feed, "--pixel", "222")[1]["causes"] == {"unknown": 1}
    assert told("match", feed, "--pixel", "333")[1]["ids"] == 0


# --- on a terminal, and by a schedule ------------------------------------------------------------


def test_a_terminal_is_shown_how_far_it_is(
    told: Told, shelf: Shelf, tmp_path: Path, served_shelf: Any
) -> None:
    """In a pseudo-terminal, whose bytes are kept."""
    source = write(tmp_path / "a.csv", [product(n) for n in range(3)])
    shelf.polls = 2
    environ = {
        **os.environ,
        "TERM": "xterm",
        "COLUMNS": "120",
        "PIXELPAIR_PIXEL_ID": "1",
        "PIXELPAIR_ACCESS_TOKEN": TOKEN,
        "PIXELPAIR_GRAPH_URL": served_shelf[1],
        "PIXELPAIR_SPOOL": str(tmp_path / "spool"),
    }
    command = [sys.executable, "-m", "pixelpair", "catalog", "sync", source, "--catalog", CATALOG]
    main_end, its_end = pty.openpty()
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=its_end) as process:
        os.close(its_end)
        shown = b""
        with suppress(OSError):  # Linux says so at the end
            while data := os.read(main_end, 65536):
                shown += data
        assert process.stdout is not None
        printed = process.stdout.read()
    os.close(main_end)
    text = shown.decode()
    assert process.returncode == 0
    assert "waiting for Meta: 3 rows, 3 sent, 0 saved, 1 calls" in text
    assert "sending: 3 rows, 3 sent, 3 saved, 1 calls" in text
    assert "━" in text
    assert b"\x1b" not in printed


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (Report(), (0, None)),
        (Report(rows=5, held=20, unchanged=3), (3, 20)),
        (Report(rows=30, held=20, unchanged=3, saved=4, failures=1, faulty=2), (10, 30)),
    ],
)
def test_the_bar_knows_as_many_items_as_the_catalog_had(report: Report, expected: Any) -> None:
    assert share(report) == expected


def block(language: str, number: int = 0) -> str:
    text = (ROOT / "docs" / "sync.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[number]


def test_the_lines_of_celery_beat_run(
    told: Told, shelf: Shelf, served_shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("shop")
    module.feeds = SimpleNamespace(products=[product(1)])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", module)
    for name, value in {
        "PIXEL_ID": "1",
        "ACCESS_TOKEN": TOKEN,
        "GRAPH_URL": served_shelf[1],
        "SPOOL": str(tmp_path / "spool"),
    }.items():
        monkeypatch.setenv(f"PIXELPAIR_{name}", value)
    names: dict[str, Any] = {}
    exec(block("python"), names)
    beats = names["beat_schedule"].values()
    assert [beat["schedule"] for beat in beats] == [86400, 3600, 900]
    assert [names["sync_catalog"](*beat["args"]) for beat in beats] == [0, 0, 0]
    assert (shelf.items, shelf.posts) == ({"p1": product(1)}, 1)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """ExecStart has to be there: the shop's own is put in its place."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        missing_tool("systemd-analyze")
    service = re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", block("ini", 0))
    service = service.replace("/srv/shop", str(tmp_path))
    (tmp_path / "stock.service").write_text(service)
    (tmp_path / "stock.timer").write_text(block("ini", 1))
    units = [str(tmp_path / "stock.service"), str(tmp_path / "stock.timer")]
    ran = subprocess.run(
        [str(tool), "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    about_ours = [line for line in ran.stderr.splitlines() if "stock" in line]
    assert about_ours == []
    when = re.findall(r"OnCalendar=(\S+)", block("ini", 1))[0]
    subprocess.run([str(tool), "calendar", when], check=True, stdout=subprocess.DEVNULL)


def test_damaged_book_is_told_with_what_to_do(told: Told, tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", [product(1)])
    book = tmp_path / "spool" / f"catalog-{CATALOG}.sqlite3"
    book.parent.mkdir()
    book.write_bytes(b"no database, and long enough to be looked at" * 100)
    code, words = told("sync", source, "--catalog", CATALOG)
    step = "it is damaged; move it away, and all items travel once more"
    assert (code, words) == (2, ended(f"{book}: file is not a database: {step}"))
    book.unlink()
    assert told("sync", source, "--catalog", CATALOG)[0] == 0
