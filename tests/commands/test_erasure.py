"""`pixelpair purge`: what waits of one person goes, wherever it waits; nobody else's does."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from pixelpair.cli import main
from pixelpair.commands import erasure
from pixelpair.delivery.journal import Journal
from pixelpair.delivery.locks import Lock
from tests.delivery.sink import Sink, accepted, refused

from .conftest import FBP, PIXEL, queue, refuse, visitor

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Ask

ANNA = visitor("anna@example.com", "U 1", FBP)
BOB = visitor("bob@example.com", "u-2", f"{FBP}8")
WORDS = [
    ["--email", " Anna@Example.COM "],
    ["--email", sha256(b"anna@example.com").hexdigest().upper()],
    ["--external-id", "u1"],
    ["--fbp", FBP],
]


@pytest.fixture
def places(spool: Path, graph: Sink, ask: Ask) -> None:
    """Of Anna and of Bob: an event that died, one that is queued, and one in a journal."""
    graph.answer = refuse("Lead")
    queue(spool, "Lead", who=ANNA)
    queue(spool, "Lead", who=BOB)
    ask("drain")
    graph.answer = lambda events: refused(190, status=401)
    queue(spool, "Contact", who=ANNA)
    queue(spool, "Contact", who=BOB)
    ask("drain")
    queue(spool, "Contact", "Search", who=ANNA)
    queue(spool, "Search", who=BOB)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.usefixtures("places")
def test_deletes_what_waits_of_a_person_and_of_nobody_else(
    words: list[str], graph: Sink, ask: Ask
) -> None:
    assert ask("purge", *words) == (
        0,
        {
            "queued": 3,
            "dead": 1,
            "unread": 0,
            "events": [
                {"pixel": PIXEL, "event": "Contact", "queued": 2, "dead": 0},
                {"pixel": PIXEL, "event": "Lead", "queued": 0, "dead": 1},
                {"pixel": PIXEL, "event": "Search", "queued": 1, "dead": 0},
            ],
        },
    )
    assert ask("purge", *words)[1]["events"] == []
    graph.answer = accepted
    ask("dead", "replay", "--all")
    ask("drain")
    assert [(e["event_name"], e["user_data"]["fbp"]) for e in graph.events] == [
        ("Contact", f"{FBP}8"),
        ("Search", f"{FBP}8"),
        ("Lead", f"{FBP}8"),
    ]


@pytest.mark.usefixtures("places")
def test_says_what_it_deleted_and_not_whose_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["purge", "--email", "anna@example.com"]) == 0
    assert capsys.readouterr() == (
        (
            "deleted 3 queued, 1 dead\n\n"
            "pixel       event    queued  dead\n"
            "1234567890  Contact       2     0\n"
            "1234567890  Lead          0     1\n"
            "1234567890  Search        1     0\n"
        ),
        "",
    )
    assert main(["purge", "--email", "anna@example.com"]) == 0
    assert capsys.readouterr() == ("nothing of this person waits\n", "")


def test_a_value_is_read_from_the_standard_input(
    spool: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(spool, "Lead", who=ANNA)
    monkeypatch.setattr("sys.stdin", io.StringIO("anna@example.com\n"))
    assert ask("purge", "--email", "-")[1]["queued"] == 1


@pytest.mark.parametrize("words", [["--email", "anna"], ["--external-id", " "], ["--fbp", ""]])
def test_a_value_that_cannot_be_one_is_wrong_usage(
    spool: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    queue(spool, "Lead", who=ANNA)
    assert main(["purge", *words]) == 2
    assert capsys.readouterr() == ("", "this VALUE cannot be one: nothing was looked for\n")


def test_no_spool_is_no_error_and_none_is_made(spool: Path, ask: Ask) -> None:
    assert ask("purge", "--fbp", FBP)[1] == {"queued": 0, "dead": 0, "unread": 0, "events": []}
    assert not spool.exists()


def test_what_a_sender_has_not_taken_in_is_told(
    spool: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "PATIENCE", 0.0)
    queue(spool, "Lead", who=ANNA)
    lock = Lock(spool / "leader.lock")
    lock.acquire()
    code, document = ask("purge", "--fbp", FBP)
    assert (code, document["unread"], document["queued"]) == (1, 1, 0)
    lock.close()
    assert ask("purge", "--fbp", FBP)[1]["queued"] == 1


def test_a_living_process_goes_on_writing(spool: Path, ask: Ask) -> None:
    journal = Journal(spool)
    (event,) = queue(spool, "Lead", who=ANNA)
    journal.append(event._replace(id="a").twin(PIXEL, ANNA).pack())
    assert ask("purge", "--fbp", FBP)[1]["queued"] == 2
    journal.append(event._replace(id="b").twin(PIXEL, BOB).pack())
    assert ask("status")[1]["unread"] == 1
    journal.close()


@pytest.mark.parametrize("value", ['a"b', "a\\", "å€😀", "%", "*", "x" * 500])
def test_hostile_values_hit_their_own_events_alone(spool: Path, ask: Ask, value: str) -> None:
    queue(spool, "Lead", who=visitor(fbp=value))
    queue(spool, "Contact", who=visitor(fbp="other"))
    assert ask("purge", "--fbp", value)[1]["events"] == [
        {"pixel": PIXEL, "event": "Lead", "queued": 1, "dead": 0}
    ]


def test_a_value_elsewhere_in_an_event_is_nobody(spool: Path, ask: Ask) -> None:
    journal = Journal(spool)
    (event,) = queue(spool, "Lead", who=BOB)
    journal.append(event._replace(id="2", data={"content_name": FBP}).twin(PIXEL, BOB).pack())
    journal.close()
    assert ask("purge", "--fbp", FBP)[1]["queued"] == 0
    assert ask("status")[1]["queued"] == 2
