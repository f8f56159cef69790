"""docs/operations.md tells the keys and figures that the commands have."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING

from pixelpair import cli
from pixelpair.commands import erasure
from pixelpair.graph.client import CONNECT_TIMEOUT, TIMEOUT
from pixelpair.graph.quality import EventQuality
from tests.delivery.sink import refused
from tests.docs_pages import TEXTS, code, section, table

from .conftest import queue

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.sink import Sink

    from .conftest import Ask

PAGE = "docs/operations.md"


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Every command by what one types, without the groups."""
    found, waiting = {}, [("", cli._parser())]
    while waiting:
        name, parser = waiting.pop()
        inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        waiting += [(f"{name} {k}".strip(), p) for a in inner for k, p in a.choices.items()]
        if not inner:
            found[name] = parser
    return found


def test_tells_every_key_of_status(spool: Path, graph: Sink, ask: Ask) -> None:
    graph.answer = lambda events: refused(190, status=401)
    queue(spool, "Lead")
    ask("drain")
    _, document = ask("status")
    rows = table(section(PAGE, "## status"))
    assert [key for row in rows for key in code(row[0])] == list(document)
    told = {key: code(row[1]) for row in rows for key in code(row[0])}
    assert told["leader"] == list(document["leader"])
    assert told["events"] == list(document["events"][0])
    assert told["troubles"] == list(document["troubles"][0])


def test_tells_every_key_of_the_others(spool: Path, ask: Ask) -> None:
    queue(spool, "Purchase")  # without value: dead
    ask("drain")
    told = {code(row[0])[0]: code(row[1]) for row in table(section(PAGE, "## dead"))}
    _, listed = ask("dead", "list")
    (letter,) = listed["letters"]
    assert told["dead list"] == [*listed, *letter]
    _, shown = ask("dead", "show", str(letter["key"]))
    assert told["dead show"] == [*shown, *(set(shown["letters"][0]) - set(letter))]
    assert told["dead replay"] == list(ask("dead", "replay", "--all")[1])
    assert told["dead purge"] == list(ask("dead", "purge", "--all")[1])
    assert code(section(PAGE, "## drain"))[-4:] == list(ask("drain")[1])
    queue(spool, "Lead")
    _, purged = ask("purge", "--email", "anna@example.com")
    told_of_purge = code(section(PAGE, "## purge").rpartition("With `--json`")[2])
    assert told_of_purge == [*purged, *purged["events"][0]]


def test_tells_every_command_and_option() -> None:
    for name, parser in parsers().items():
        if name != "sandbox":
            told = TEXTS[PAGE] + section("docs/delivery.md", "## pixelpair drain")
            told += TEXTS.get(f"docs/{name.partition(' ')[0]}.md", "")
            told += TEXTS["docs/sync.md"] if name.startswith("catalog ") else ""
            options = [o for a in parser._actions for o in a.option_strings if o.startswith("--")]
            assert f"## {name.partition(' ')[0]}\n" in TEXTS[PAGE]
            assert [o for o in options if o not in told and o != "--help"] == []


def test_every_command_has_examples_and_answers_in_json() -> None:
    for name, parser in parsers().items():
        if name != "sandbox":
            assert f"pixelpair {name}" in (parser.epilog or "")
            assert "Exit code" in (parser.description or "")
            assert "--json" in parser.format_help()


def test_figures_are_the_codes() -> None:
    assert f"{TIMEOUT + CONNECT_TIMEOUT:g} seconds at most" in TEXTS[PAGE]
    assert f"longer than {erasure.PATIENCE:g} seconds" in TEXTS[PAGE]


def test_tells_every_key_of_quality() -> None:
    keys = [key for row in table(section(PAGE, "## quality")) for key in code(row[0])]
    assert keys == [*(f.name for f in fields(EventQuality)), "delivered_here", "advice"]
