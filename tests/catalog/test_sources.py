"""Sources by their first bytes, rows with their lines, and what is wrong told where it is."""

from __future__ import annotations

import csv
import io
import json
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.catalog import sources
from pixelpair.catalog.rows import Fault, Row, SourceError
from pixelpair.catalog.sources import python_rows, rows_of, sniffed
from pixelpair.catalog.xml_rows import _Reader

if TYPE_CHECKING:
    from pathlib import Path

TWO = [{"id": "1", "title": "Mug"}, {"id": "2", "title": 'Cup, 5"'}]
RSS = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item>
 <g:id>1</g:id><title>Mug</title>
</item>
<item><g:id>2</g:id><title><![CDATA[Cup, 5"]]></title></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<entry><g:id>1</g:id><link href="https://shop.example/1"/>
<g:additional_image_link>a</g:additional_image_link>
<g:additional_image_link>b</g:additional_image_link></entry></feed>"""


def read(path: Path, text: str | bytes) -> list[Row | Fault]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(rows_of(str(path)))


def values(found: list[Row | Fault]) -> list[Any]:
    return [row.values if isinstance(row, Row) else str(row) for row in found]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('id,title\n1,Mug\n2,"Cup, 5"""\n', [2, 3]),
        ('\ufeffID;Title\r\n1;Mug\r\n2;"Cup, 5"""\r\n', [2, 3]),
        ('g:id\tg:title\n1\tMug\n2\tCup, 5"\n', [2, 3]),
        ('id|title\n\n1|Mug\n2|"Cup, 5"""\n', [3, 4]),
        ('{"id": "1", "title": "Mug"}\n\n{"id": "2", "title": "Cup, 5\\""}\n', [1, 3]),
        (RSS, [3, 6]),
    ],
    ids=["csv", "semicolons", "tsv", "pipes", "jsonl", "rss"],
)
def test_kinds_of_files_give_the_same_rows(tmp_path: Path, text: str, lines: list[int]) -> None:
    found = read(tmp_path / "feed", text)
    assert values(found) == TWO
    if "\n\n1" not in text:
        assert [row.line for row in found] == lines


def test_atom_gives_links_and_lists(tmp_path: Path) -> None:
    assert values(read(tmp_path / "feed", ATOM)) == [
        {"id": "1", "link": "https://shop.example/1", "additional_image_link": ["a", "b"]}
    ]


def test_bad_rows_are_told_and_the_others_read(tmp_path: Path) -> None:
    found = read(tmp_path / "feed", "id,title\n1,Mug,\n2\n3,Cup,spare\n4,Jar\n")
    assert values(found) == [
        {"id": "1", "title": "Mug"},
        "line 3: has 1 cells, and the header has 2",
        "line 4: has 3 cells, and the header has 2",
        {"id": "4", "title": "Jar"},
    ]


def test_bad_json_line_is_told_and_the_others_read(tmp_path: Path) -> None:
    found = read(tmp_path / "feed", '{"id": 1}\n{"id": \n[1]\n{"id": 2}\n')
    assert values(found)[0] == {"id": 1}
    assert values(found)[1].startswith("line 2: is no JSON: ")
    assert values(found)[2:] == ["line 3: is list, and neither a mapping nor has an id", {"id": 2}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "this is empty: there is not even a header row"),
        ('[{"id": 1}]', "this is a JSON list: write one object a line instead (JSON-lines)"),
        (b"\x1f\x8b\x08", "this is compressed: unpack it first"),
        ("id,id\n1,2\n", "line 1: the header names id twice"),
        ("1,Mug\n", "line 1: this is no header: none of its columns is one of Meta's"),
        ("<rss><item><id>1</id></rss>", "line 1: is no XML: mismatched tag"),
        ("<rss><item>", "line 1: is no XML: no element found"),
        (
            '<!DOCTYPE a [<!ENTITY b "c">]><a/>',
            "line 1: a document type (<!DOCTYPE>) has no place in a feed",
        ),
    ],
)
def test_wrong_file_is_refused(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(SourceError) as told:
        read(tmp_path / "feed", text)
    assert str(told.value) == f"{tmp_path / 'feed'}: {problem}"


@pytest.fixture
def short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LONGEST_LINE", 40)


@pytest.mark.usefixtures("short_lines")
@pytest.mark.parametrize("rest", ["", '\n{"id": 2}'], ids=["end", "more"])
@pytest.mark.parametrize("length", [41, 80, 81, 300])
def test_json_line_that_is_too_long_is_told_and_the_others_read(
    tmp_path: Path, length: int, rest: str
) -> None:
    long = json.dumps({"id": "x" * (length - 10)})
    assert len(long) == length
    found = read(tmp_path / "feed", '{"id": 1}\n' + long + rest)
    assert values(found) == [
        {"id": 1},
        f"line 2: has more than {8 * 1024 * 1024} characters",
        *([{"id": 2}] if rest else []),
    ]


@pytest.mark.usefixtures("short_lines")
@pytest.mark.parametrize(
    ("text", "line"),
    [("id,title" + "," * 40, 1), ("id,title\n1,a\n2," + "b" * 40, 3)],
    ids=["header", "row"],
)
def test_line_of_cells_that_is_too_long_ends_the_source(
    tmp_path: Path, text: str, line: int
) -> None:
    with pytest.raises(SourceError, match=rf"line {line}: has more than \d+ characters"):
        read(tmp_path / "feed", text)


@pytest.mark.usefixtures("short_lines")
@pytest.mark.parametrize("text", ["id,title\n1," + "b" * 37 + "\n", '{"id": "' + "x" * 30 + '"}'])
def test_longest_line_is_read(tmp_path: Path, text: str) -> None:
    assert len(read(tmp_path / "feed", text)) == 1


@pytest.mark.parametrize(
    "inside",
    [
        "<!--" + "x" * 6_000_000,
        "<a b='" + "x" * 6_000_000,
        "".join(f"<element{n:07}/>" for n in range(400_000)),
    ],
    ids=["comment", "attribute", "elements"],
)
def test_xml_of_which_too_much_would_be_kept_is_refused(tmp_path: Path, inside: str) -> None:
    with pytest.raises(SourceError, match=r"line 1: a (tag or comment|product) of more than"):
        read(tmp_path / "feed", f"<rss><item>{inside}")


def test_long_feed_in_one_line_is_read(tmp_path: Path) -> None:
    item = "<item><id>1</id><description>" + "x" * 100_000 + "</description></item>"
    assert len(read(tmp_path / "feed", f"<rss>{item * 100}</rss>")) == 100


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")),
            min_size=2,
            max_size=2,
        )
    )
)
def test_what_csv_writes_is_read(cells: list[list[str]]) -> None:
    from pixelpair.catalog.sources import _delimited

    file = io.StringIO()
    csv.writer(file).writerows([["id", "title"], *cells])
    found = list(_delimited(io.BytesIO(file.getvalue().encode())))
    assert [list(row.values.values()) for row in found if isinstance(row, Row)] == cells


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_source_error(data: bytes) -> None:
    from pixelpair.catalog.sources import _READERS

    try:
        found = list(_READERS[sniffed(data)](io.BytesIO(data)))
    except SourceError:
        return
    assert all(isinstance(row, Row | Fault) for row in found)


@given(st.integers(1, len(RSS) - 1))
def test_xml_does_not_depend_on_where_it_is_cut(cut: int) -> None:
    reader, data = _Reader(), RSS.encode()
    found = [*reader.feed(data[:cut]), *reader.feed(data[cut:]), *reader.feed(b"", last=True)]
    assert [row.line for row in found] == [3, 6]
    assert [dict(row.values) for row in found] == [
        {f"{'g:' if key == 'id' else ''}{key}": value for key, value in one.items()} for one in TWO
    ]


# --- Python --------------------------------------------------------------------------------------


class Query:
    """A queryset, as far as it is asked."""

    def iterator(self, chunk_size: int) -> Any:
        assert chunk_size > 0
        return iter([SimpleNamespace(id=1, title="Mug", color=None, other="no")])


class Manager:
    def get_queryset(self) -> Query:
        return Query()


@pytest.mark.parametrize("found", [Query(), Manager(), Query, lambda: Manager()])
def test_queryset_gives_rows_of_its_objects(found: object) -> None:
    assert values(list(python_rows(found))) == [{"id": 1, "title": "Mug", "color": None}]


def test_iterables_and_functions_give_mappings() -> None:
    assert values(list(python_rows(TWO))) == values(list(python_rows(lambda: iter(TWO)))) == TWO


def test_failing_code_of_the_shop_is_a_source_error() -> None:
    def products() -> Any:
        yield TWO[0]
        raise KeyError("price")

    found = python_rows(products)
    assert next(found) == Row(1, TWO[0])
    with pytest.raises(SourceError, match="the source failed: KeyError: 'price'"):
        next(found)


def test_dotted_path_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shopfeeds")
    module.products = lambda: TWO  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shopfeeds", module)
    assert values(list(rows_of("shopfeeds.products"))) == TWO
    assert values(list(rows_of("shopfeeds:products"))) == TWO


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nowhere.csv", "nowhere.csv: there is no module nowhere, and no such file"),
        ("json.nothing", "json.nothing: there is no nothing"),
        ("no such", "no such: there is no such file, and it is no dotted path of Python"),
    ],
)
def test_unknown_source_is_told(source: str, problem: str) -> None:
    with pytest.raises(SourceError) as told:
        list(rows_of(source))
    assert str(told.value) == problem


def test_jsonl_of_a_shop_is_read_as_written(tmp_path: Path) -> None:
    text = "\n".join(map(json.dumps, TWO))
    assert values(read(tmp_path / "a.jsonl", text)) == TWO


def test_utf_16_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("id\ttitle\n1\tMug\n".encode("utf-16"))
    with pytest.raises(SourceError, match="this is UTF-16: save it as UTF-8"):
        list(rows_of(str(file)))


def test_name_that_no_file_can_have_is_told() -> None:
    with pytest.raises(SourceError, match="File name too long"):
        rows_of("a" * 5000)


@pytest.mark.parametrize("swapped", [False, True])
def test_id_of_the_product_goes_before_that_of_the_entry(tmp_path: Path, swapped: bool) -> None:
    """Seen: of an Atom feed whichever came last."""
    ids = ["<id>https://shop.example/1</id>", "<g:id>sku-1</g:id>"]
    file = tmp_path / "a.xml"
    entry = "".join(reversed(ids) if swapped else ids)
    file.write_text(f'<feed xmlns:g="g"><entry>{entry}</entry></feed>')
    (row,) = rows_of(str(file))
    assert isinstance(row, Row)
    assert row.values["id"] == "sku-1"


def test_elements_in_a_field_are_its_parts(tmp_path: Path) -> None:
    """Seen: `US5.00 USD`. Markup in a text is a part of that text."""
    one, other = (
        f"<g:shipping><g:country>{name}</g:country><g:price>5.00 USD</g:price></g:shipping>"
        for name in ("US", "SE")
    )
    text = "<description><p>Holds <b>tea</b>.</p></description>"
    file = tmp_path / "a.xml"
    file.write_text(f'<rss xmlns:g="g"><item>{one}{other}{text}</item></rss>')
    (row,) = rows_of(str(file))
    assert isinstance(row, Row)
    assert row.values == {
        "shipping": [
            {"country": "US", "price": "5.00 USD"},
            {"country": "SE", "price": "5.00 USD"},
        ],
        "description": "Holds tea.",
    }
