"""What a soak came to, from its outcome to the docs."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from .book import Book, reckon
from .plan import Phase
from .report import PAGE, broken, document, keep, section, sentences, show
from .run import Outcome, Terms
from .watcher import MB, Life, Sample, Watcher

if TYPE_CHECKING:
    from pathlib import Path


def outcome(
    *, leak: float = 0.0, took: dict[str, dict[str, int]] | None = None, **more: Any
) -> Outcome:
    """Twenty minutes of one process, with one event that was due."""
    watcher = Watcher({})
    samples = [Sample(float(at), 50 * MB + leak * at / 1200, 12, 4) for at in range(0, 1201, 5)]
    watcher.lives[7, False] = Life("web", 7, samples)
    book = Book(due={"A 1": "x"}, answers=[(1.0, 0.01), (15.0, 0.5)], requests=2)
    book.odd += more.pop("odd", Counter())
    ledger: dict[str, Any] = {"times": {"A 1": {"x": 1}} if took is None else took}
    phases = [Phase("quiet", 0.0, 10.0), Phase("500", 10.0, 60.0)]
    told = reckon(book, ledger | {"unanswered": []})
    given: dict[str, Any] = {"drains": {"web": (0, "")}, "left": [], "gone": [], "log": ""} | more
    return Outcome(
        Terms(1200.0), 1200.0, 0.0, phases, book, told, watcher, {"quiet": 3, "500": 2}, **given
    )


def test_run_without_fault_has_nothing_broken() -> None:
    assert broken(outcome()) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"took": {}}, "1 events lost, as A 1"),
        ({"leak": 15 * MB}, "web 7: memory grew by 12.0 MB, and may by 8.7 MB"),
        ({"odd": Counter({"500 for cart": 2})}, "2 times 500 for cart"),
        ({"drains": {"web": (1, "left 3\n")}}, "web: drain: left 3"),
        ({"left": ["journal-1.pxj"]}, "journal-1.pxj is left in the spool"),
        ({"gone": ["web"]}, "web ended by itself"),
        ({"log": "Traceback (most recent call last):\n"}, "1 tracebacks in the log"),
    ],
)
def test_each_fault_is_said(given: dict[str, Any], sentence: str) -> None:
    assert broken(outcome(**given)) == [sentence]


def test_section_has_figures_and_a_row_for_each_role() -> None:
    told = document(outcome()) | {"date": "2026-11-22"}
    assert (
        section(told)
        == """\
Measured on 2026-11-22:

- 2 requests in 20.0 minutes, 0 of them without a whole answer
- 1 server events due, 0 lost
- 0 taken again with the same id, 0 of them after a whole answer
- Graph misbehaved 1 times, for 1.0 minutes in all, and was called 5 times
- answers while Graph was well: 10.0 ms (p50), 10.0 ms (p99)
- answers while it was not: 500.0 ms (p50), 500.0 ms (p99)

| Process | Lives | Memory | Descriptors | Threads |
|---|--:|--:|--:|--:|
| web | 1 | 50.0 MB +0.0 MB | 12.0 +0.0 | 4.0 +0.0 |
"""
    )


def test_what_is_kept_is_what_is_shown(tmp_path: Path) -> None:
    told = keep(outcome(took={}), tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"report.json", "samples.json", "log"}
    said = StringIO()
    show(told, Console(file=said, width=100))
    assert "BROKEN 1 events lost" in said.getvalue()
    assert all(line in said.getvalue() for line in sentences(told))


def test_the_page_s_run_lost_nothing() -> None:
    assert ", 0 lost\n" in PAGE.read_text().partition("## Soak")[2]
