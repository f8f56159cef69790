"""Each decision of docs/catalog-decisions.md is held by tests that exist."""

import ast
import functools

import pytest

from .docs_pages import ROOT, code, section, table

PAGE = "docs/catalog-decisions.md"
HEADINGS = ("## The catalog", "## Items and their batches", "## Product tags")
ROWS = [row for heading in HEADINGS for row in table(section(PAGE, heading))]


@functools.cache
def named_in(path: str) -> frozenset[str]:
    """The tests of a file, by its own words; none where there is no such file."""
    file = ROOT / path
    tree = ast.parse(file.read_text() if file.is_file() else "")
    names = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in names if name.startswith("test_"))


def unknown(cell: str) -> list[str]:
    """What a cell names that does not exist: `FILE`: `TEST`, `TEST`; `FILE`: `TEST`."""
    path, wrong, named = "", [], 0
    for word in code(cell):
        if word.endswith(".py"):
            path = word
            continue
        named += 1
        wrong += [] if word in named_in(path) else [f"{path}: {word}"]
    return wrong if named else ["no test is named"]


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:30] for row in ROWS])
def test_decision_names_tests_that_exist(row: list[str]) -> None:
    disagreement, decision, tested = row
    assert min(map(len, (disagreement, decision))) > 10
    assert unknown(tested) == []


def test_every_disagreement_has_its_row() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS) == 21


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "`tests/catalog/test_batches.py`",
        "`tests/catalog/test_none.py`: `test_status_is_read_in_each_spelling`",
        "`tests/catalog/test_batches.py`: `test_status_is_red`",
        "`tests/catalog/test_batches.py`: `read_outcome`",
    ],
)
def test_missing_test_is_noticed(cell: str) -> None:
    assert unknown(cell) != []
