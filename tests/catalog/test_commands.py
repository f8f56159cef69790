"""The commands over HTTP: what they say, what they leave, and how they end."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair import Settings
from pixelpair.cli import main
from pixelpair.core.events import Twin
from pixelpair.delivery.carried import Contents

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
    assert (code, document) == (2, "nowhere.csv: there is no module nowhere, and no such file\n")


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
    assert (code, words, shelf.posts) == (
        2,
        f"another sync of the catalog {CATALOG} runs: this one ends\n",
        0,
    )


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
