"""A feed file is replaced whole or not at all, and reads back as what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.catalog.feed import write_feed
from pixelpair.catalog.items import read_items
from pixelpair.catalog.rows import Row, SourceError
from pixelpair.catalog.sources import rows_of

from .conftest import product, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = product(
    1,
    title='Mug "5", & more\nof it',
    additional_image_link=["https://a/1", "https://a/2"],
    shipping=[{"country": "SE"}],
    internal_label=["summer", "a, b"],
    image=[{"url": "https://a/1", "tag": ["front"]}],
    shade="blå",
)


@pytest.fixture(params=["feed.csv", "feed.tsv", "feed.xml"])
def target(request: Any, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_feed_reads_back_as_written(target: Path) -> None:
    written = write_feed(rows([FULL, product(2)]), target, max_shrink=20)
    assert (written.items, written.refused) == (2, "")
    found = [item.data for item, _ in read_items(rows_of(str(target))) if item]
    assert found == [FULL, product(2)]
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_feed_that_shrank_is_refused(target: Path) -> None:
    write_feed(rows(map(product, range(10))), target, max_shrink=20)
    before = target.read_bytes()
    written = write_feed(rows(map(product, range(7))), target, max_shrink=20)
    assert written.refused == (
        "7 items instead of 10: more than 20 % less, and Meta deletes what a feed has no more"
    )
    assert target.read_bytes() == before
    assert write_feed(rows(map(product, range(8))), target, max_shrink=20).refused == ""


def test_bad_rows_are_left_out_and_told(target: Path) -> None:
    written = write_feed(
        rows([product(1), product(2, price="x"), product(1)]), target, max_shrink=20
    )
    assert (written.items, written.faulty) == (1, 2)
    assert [fault.line for fault in written.told] == [3, 4]


def test_source_that_breaks_off_leaves_the_old_feed(target: Path) -> None:
    write_feed(rows([product(1)]), target, max_shrink=20)
    before = target.read_bytes()

    def broken() -> Iterator[Row]:
        yield Row(1, product(1))
        raise SourceError("broken")

    with pytest.raises(SourceError, match="broken"):
        write_feed(broken(), target, max_shrink=100)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_feed_of_nothing_is_refused(target: Path) -> None:
    assert write_feed([], target, max_shrink=100).refused.startswith("no item is left")
    assert not target.exists()


def test_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"named \.csv, \.tsv or \.xml"):
        write_feed([], tmp_path / "feed.txt", max_shrink=20)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    target = tmp_path / "static" / "feed.csv"
    with pytest.raises(SourceError) as told:
        write_feed([], target, max_shrink=20)
    assert str(told.value) == f"{target}: there is no folder {target.parent}: make it first"


def test_old_file_that_is_no_feed_is_told_and_stays(tmp_path: Path) -> None:
    target = tmp_path / "feed.csv"
    target.write_text("hello\n")
    with pytest.raises(SourceError, match="The old feed is compared with: move it away"):
        write_feed(rows([product(1)]), target, max_shrink=20)
    assert target.read_text() == "hello\n"
