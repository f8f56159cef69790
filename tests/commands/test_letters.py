"""`pixelpair dead`: who the visitor was stays hidden, and nothing goes by a slip of the hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pixelpair.cli import main
from pixelpair.delivery.retry import Dead
from pixelpair.delivery.sqlite import SqliteOutbox
from tests.delivery.conftest import make_twin

from .conftest import AGENT, FBP, IP, PIXEL, TOKEN, queue, refuse, visitor

if TYPE_CHECKING:
    from pathlib import Path

    from pixelpair.delivery.outbox import DeadLetter
    from tests.delivery.sink import Sink

    from .conftest import Ask

HOUR = 3600


@pytest.fixture
def letters(spool: Path) -> dict[str, int]:
    """Four letters, the oldest first; gives their keys by id."""
    box = SqliteOutbox(spool / "outbox.sqlite3")
    twins = [
        make_twin("old", name="Lead"),
        make_twin("other", name="Lead", pixel_id="222"),
        make_twin("new"),
    ]
    now = time.time()
    for twin, died, reason in zip(twins, (50, 3, 1), ("100: Currency", "x", "190: y"), strict=True):
        box.put_many([twin])
        box.settle([(r.key, Dead(reason)) for r in box.claim(9, now)], now - died * HOUR)
    box.put_many([make_twin("faulty", name="Purchase", fault="Purchase without value")])
    keys = {letter.twin.event_id.removeprefix("id-"): int(letter.key) for letter in box.dead()}
    box.close()
    return keys


def dead(spool: Path) -> list[DeadLetter]:
    box = SqliteOutbox(spool / "outbox.sqlite3")
    try:
        return box.dead()
    finally:
        box.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], ["faulty", "new", "other", "old"]),
        (["--limit", "2"], ["faulty", "new"]),
        (["--limit", "0", "--event", "Lead"], ["other", "old"]),
        (["--pixel", "222"], ["other"]),
        (["--reason", "currency"], ["old"]),
        (["--older-than", "2h"], ["other", "old"]),
        (["--older-than", "2h", "--newer-than", "1d"], ["other"]),
        (["--event", "Nothing"], []),
    ],
)
def test_lists_what_is_asked_for(
    letters: dict[str, int], ask: Ask, words: list[str], found: list[str]
) -> None:
    code, document = ask("dead", "list", *words)
    assert code == 0
    assert [x["event_id"] for x in document["letters"]] == [f"id-{name}" for name in found]
    assert [x["key"] for x in document["letters"]] == [letters[name] for name in found]
    assert document["total"] == (4 if "2" in words else len(found))


def test_tells_all_of_a_letter(letters: dict[str, int], ask: Ask) -> None:
    (letter,) = ask("dead", "list", "--event", "Purchase")[1]["letters"]
    assert time.time() - letter.pop("died") < 60
    assert letter == {
        "key": letters["faulty"],
        "pixel": "111",
        "event": "Purchase",
        "event_id": "id-faulty",
        "time": 1_800_000_000,
        "reason": "Purchase without value",
        "replayable": False,
    }


def test_lists_in_columns(letters: dict[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead", "list", "--limit", "1", "--older-than", "2h"]) == 0
    assert capsys.readouterr().out == (
        "key  died    pixel  event  event id  reason\n"
        f"{letters['other']:>3}  3h ago  222    Lead   id-other  x\n\n1 more: --limit 0\n"
    )
    assert main(["dead", "list", "--event", "Search"]) == 0
    assert capsys.readouterr().out == "no dead letters\n"


def test_hides_who_the_visitor_was_unless_asked(
    spool: Path, graph: Sink, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    (event,) = queue(spool, "Lead")
    graph.answer = refuse("Lead")
    ask("drain")
    (letter,) = ask("dead", "list")[1]["letters"]
    key = str(letter["key"])
    code, document = ask("dead", "show", key)
    row = event.row(visitor())
    known = {k: row["user_data"][k] for k in ("em", "external_id")}  # type: ignore[index]
    names = ("client_ip_address", "client_user_agent", "fbp", "fbc")
    hidden = dict.fromkeys(names, "(hidden)")
    assert code == 0
    assert document["letters"] == [
        letter
        | {
            "body": row
            | {
                "event_source_url": "https://shop.example/tea?(hidden)",
                "user_data": hidden | known,
            }
        }
    ]
    assert main(["dead", "show", key]) == 0
    shown = capsys.readouterr().out
    assert [it for it in (IP, AGENT, FBP, "IwAR1", "private", TOKEN) if it in shown] == []
    assert "100/2804003" in shown
    assert ask("dead", "show", key, "--plain")[1]["letters"][0]["body"] == row


def test_replays_what_is_chosen_and_leaves_what_must_not_leave(
    letters: dict[str, int], spool: Path, ask: Ask
) -> None:
    assert ask("dead", "replay", str(letters["new"])) == (
        0,
        {"replayed": 1, "known": 0, "faulty": 0},
    )
    assert ask("dead", "replay", "--all") == (0, {"replayed": 2, "known": 0, "faulty": 1})
    assert [letter.key for letter in dead(spool)] == [letters["faulty"]]
    assert ask("status")[1]["queued"] == 3


def test_a_replayed_event_leaves(spool: Path, graph: Sink, ask: Ask) -> None:
    (event,) = queue(spool, "Lead")
    answer, graph.answer = graph.answer, refuse("Lead")
    ask("drain")
    graph.answer = answer
    ask("dead", "replay", "--reason", "2804003")
    assert ask("drain")[0] == 0
    assert [row["event_id"] for row in graph.events] == [event.id]


def test_purges_what_is_chosen(letters: dict[str, int], spool: Path, ask: Ask) -> None:
    assert ask("dead", "purge", "--older-than", "2d") == (0, {"purged": 1})
    assert ask("dead", "purge", "--pixel", "111", "--event", "Purchase") == (0, {"purged": 1})
    assert {letter.key for letter in dead(spool)} == {letters["new"], letters["other"]}
    assert ask("dead", "purge", "--all") == (0, {"purged": 2})
    assert ask("dead", "purge", "--all") == (0, {"purged": 0})


@pytest.mark.parametrize("act", ["purge", "replay"])
def test_nothing_is_chosen_by_saying_nothing(
    letters: dict[str, int], spool: Path, act: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead", act]) == 2
    assert "--all" in capsys.readouterr().err
    assert len(dead(spool)) == 4


@pytest.mark.parametrize("act", ["purge", "replay", "show"])
def test_a_key_that_is_not_there_is_said(
    letters: dict[str, int], act: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead", act, str(letters["new"]), "77", "no"]) == 1
    assert capsys.readouterr().err == "no dead letter has the key 77 or no\n"


def test_acts_on_many_in_portions(spool: Path, ask: Ask) -> None:
    box = SqliteOutbox(spool / "outbox.sqlite3")
    box.put_many([make_twin(n) for n in range(1203)])
    box.settle([(row.key, Dead("x")) for row in box.claim(2000, time.time())], time.time())
    box.close()
    assert ask("dead", "replay", "--reason", "X")[1]["replayed"] == 1203
    assert ask("status")[1]["queued"] == 1203


def test_an_outbox_that_is_not_made_yet_has_no_dead_letters(ask: Ask, spool: Path) -> None:
    assert ask("dead", "list", "--pixel", PIXEL) == (0, {"total": 0, "letters": []})
    assert ask("dead", "purge", "--all") == (0, {"purged": 0})
    assert not spool.exists()
