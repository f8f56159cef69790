"""What shadow mode saw, in its file."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pixelpair.core.shadow import Sight
from pixelpair.core.shadow_differences import Difference, What
from pixelpair.delivery import figures, sightings
from pixelpair.delivery.sightings import (
    FILE,
    OTHER_EVENTS,
    OTHERS,
    Example,
    Seen,
    Sightings,
    read,
    reset,
)
from pixelpair.delivery.surroundings import Surroundings

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_760_000_000.0


def sight(place: str = "GET /", path: str = "/", *unlike: tuple[What, str, str]) -> Sight:
    told = (Difference("Lead", what, page, ours) for what, page, ours in unlike)
    return Sight("1", place, path, {("Lead", "would send"): 1}, tuple(told))


def kept(spool: Path, *sights: Sight) -> list[Seen]:
    made = Sightings(spool, clock=lambda: NOW)
    for one in sights:
        made.add(one)
    made.close()
    return read(spool)[1]


def test_nothing_is_there_before(tmp_path: Path) -> None:
    assert read(tmp_path / "spool") == (None, [])
    reset(tmp_path / "spool")
    Sightings(tmp_path / "spool").close()
    assert list(tmp_path.iterdir()) == []


def test_counts_add_up_with_the_last_examples(tmp_path: Path) -> None:
    spool = tmp_path / "deep" / "spool"
    for n in range(5):
        kept(spool, sight("GET /", f"/{n}", ("other value", str(n), "0")))
    last = tuple(Example(f"/{n}", str(n), "0") for n in (2, 3, 4))
    assert read(spool) == (
        NOW,
        [
            Seen("1", "GET /", "Lead", "other value", 5, last),
            Seen("1", "GET /", "Lead", "would send", 5, ()),
        ],
    )
    if sys.platform != "win32":
        assert (spool / FILE).stat().st_mode & 0o077 == 0


def test_reset_begins_anew(tmp_path: Path) -> None:
    kept(tmp_path, sight())
    reset(tmp_path)
    assert read(tmp_path) == (None, [])
    assert [seen.count for seen in kept(tmp_path, sight())] == [1]


def test_pages_beyond_the_bound_are_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MOST_ROWS", 2)
    pages = [sight(f"GET /{n}") for n in range(4)]
    assert [(s.place, s.count) for s in kept(tmp_path, *pages, pages[0])] == [
        (OTHERS, 2),
        ("GET /0", 2),
        ("GET /1", 1),
    ]


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MOST_WAITING", 2)
    found = kept(tmp_path, *(sight(f"GET /{n}") for n in range(9)))
    assert [(s.place, s.count) for s in found] == [(OTHERS, 7), ("GET /0", 1), ("GET /1", 1)]


@pytest.mark.parametrize("bound", ["MOST_ROWS", "MOST_WAITING"])
def test_events_of_ever_other_names_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(sightings, bound, 1)
    monkeypatch.setattr(sightings, "MOST_OTHERS", 2)
    seen = [Sight("1", f"GET /{n}", "", {(f"Own{n}", "page sends"): 1}, ()) for n in range(9)]
    found = {(s.place, s.event): s.count for s in kept(tmp_path, *seen)}
    assert found == {
        ("GET /0", "Own0"): 1,
        (OTHERS, "Own1"): 1,
        (OTHERS, "Own2"): 1,
        (OTHERS, OTHER_EVENTS): 6,
    }


def test_it_is_written_without_another_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "SAVE_AFTER", 0.0)
    made = Sightings(tmp_path)
    made.add(sight())
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
    assert len(read(tmp_path)[1]) == 1


def test_a_server_without_threads_writes_in_its_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "surroundings", lambda: Surroundings(False))
    now = [NOW]
    made = Sightings(tmp_path, clock=lambda: now[0])
    made.add(sight())
    assert read(tmp_path) == (None, [])
    now[0] += 1
    made.add(sight())
    assert [seen.count for seen in read(tmp_path)[1]] == [2]


def test_what_cannot_be_written_now_waits_and_no_visitor_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: a request took 5 s while another process held the file, and its counts were lost."""
    monkeypatch.setattr(sightings, "surroundings", lambda: Surroundings(False))
    kept(tmp_path, sight())
    now = [NOW]
    made = Sightings(tmp_path, clock=lambda: now[0])
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        now[0] += 1
        before = time.monotonic()
        made.add(sight())
        assert time.monotonic() - before < 2
    made.add(sight())
    made.close()
    assert [seen.count for seen in read(tmp_path)[1]] == [3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_tells_only_what_it_saw(tmp_path: Path) -> None:
    made = Sightings(tmp_path, clock=lambda: NOW)
    made.add(sight("parent"))
    child = os.fork()
    if not child:
        made.add(sight("child"))
        made.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    made.close()
    assert [(s.place, s.count) for s in read(tmp_path)[1]] == [("child", 1), ("parent", 1)]


def test_a_damaged_file_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database " * 500)
    with pytest.raises(sqlite3.DatabaseError):
        read(tmp_path)
    assert len(kept(tmp_path, sight())) == 1


def test_a_spool_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "file"
    spool.write_text("")
    made = Sightings(spool)
    for _ in range(2):
        made.add(sight())
        made.save()
    made.close()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"what shadow mode sees cannot be kept in {spool}: ")


def test_nobody_forks_while_the_file_is_open_and_requests_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child would find the file locked by a thread that it does not have."""
    made, free, added = Sightings(tmp_path, clock=lambda: NOW), [], []

    def other() -> None:
        free.append(made.fork_lock.acquire(blocking=False))
        made.add(sight("GET /other"))
        added.append(True)

    def write(*_given: object) -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(30)

    made.add(sight())
    monkeypatch.setattr(figures, "change", write)
    made.save()
    assert (free, added) == ([False], [True])
    made.close()
