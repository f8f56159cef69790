"""Each command of `pixelpair catalog` and `tags`, with each of its options, asks the sandbox."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair.cli import main

from ..test_documented import parsers
from .runs import FILES, RUNS, Run, Things

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from ..conftest import Ask
    from .conftest import Shop


def named(run: Run) -> str:
    return f"{run.command} {run.words[:40]}"


@pytest.mark.parametrize("run", RUNS, ids=named)
def test_answers_of_the_sandbox_become_one_document(
    shop: Shop, ask: Ask, tmp_path: Path, run: Run
) -> None:
    code, told = ask(*run.typed(Things(shop, tmp_path)))
    assert (code, list(told)) == (run.code, run.keys.split())


@pytest.mark.parametrize("run", [*RUNS, *FILES], ids=named)
def test_people_are_told_something(
    shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: Path, run: Run
) -> None:
    assert main(run.typed(Things(shop, tmp_path))) == run.code
    out, err = capsys.readouterr()
    assert (out + err).strip() not in ("", "None", "{}")
    assert "Traceback" not in err


@functools.cache
def ours() -> dict[str, argparse.ArgumentParser]:
    """The commands by what one types."""
    families = ("catalog ", "tags ")
    return {name: parser for name, parser in parsers().items() if name.startswith(families)}


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = {option for action in parser._actions for option in action.option_strings}
    everywhere = {"--help", "--json", "--pixel"}  # whose word it is: test_whose.py
    return {option for option in found if option.startswith("--")} - everywhere


def test_every_command_and_option_has_a_run() -> None:
    ran: dict[str, set[str]] = {}
    for run in RUNS:
        given = {word for word in run.words.split() if word.startswith("--")}
        ran.setdefault(run.command, set()).update(given)
    others = {run.command for run in FILES}
    assert others | ran.keys() == ours().keys()
    assert ran == {name: options_of(ours()[name]) for name in ran}


def test_help_is_readable_everywhere() -> None:
    wide = [name for name, parser in ours().items() if not parser.format_help().isascii()]
    assert wide == []


def test_every_command_of_tags_tells_what_it_needs() -> None:
    for name, parser in ours().items():
        if name.startswith("tags "):
            told = " ".join(parser.format_help().split())
            for word in ("catalog_management", "instagram_shopping_tag_products", "admin of the"):
                assert word in told, name


def has_ids(parser: argparse.ArgumentParser) -> bool:
    there = [action for action in parser._actions if not action.option_strings]
    return any(getattr(action.type, "__name__", "") == "an_id" for action in there)


@pytest.mark.parametrize("bad", ["../me", "1/products", "1?fields=x", "1%2F2", "٣", "me", "1 "])
@pytest.mark.parametrize("name", [name for name, parser in ours().items() if has_ids(parser)])
def test_what_is_no_id_stays_here(name: str, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*name.split(), bad, "1", "--json"])
    assert (stopped.value.code, capsys.readouterr().out) == (2, "")


def test_a_token_in_the_place_of_an_id_is_not_repeated(capsys: pytest.CaptureFixture[Any]) -> None:
    with pytest.raises(SystemExit):
        main(["catalog", "show", "EAABsecret"])
    assert "EAAB" not in capsys.readouterr().err
