"""Content ids of delivered events are counted, bounded, and cost a call nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import orjson

from pixelpair.core.events import Twin
from pixelpair.delivery import carried, figures
from pixelpair.delivery.carried import Carried, Contents, read
from pixelpair.graph.client import Reply

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOW = 1_790_000_000.0


def twin(name: str = "ViewContent", **data: Any) -> Twin:
    body = orjson.dumps({"event_name": name, "custom_data": data})
    return Twin("1", name, "id", int(NOW), body)


def contents(spool: Path) -> Contents:
    return Contents(spool, clock=lambda: NOW)


def test_ids_are_counted_by_event_and_type(tmp_path: Path) -> None:
    counts = contents(tmp_path)
    counts.add([twin(content_ids=["a", 7], content_type="product")] * 2)
    counts.add([twin("Purchase", contents=[{"id": "a", "quantity": 2}, {"id": "a"}]), twin()])
    counts.save()
    counts.add([twin(content_ids=["a"], content_type="product")])
    counts.save()
    assert read(tmp_path) == [
        Carried("1", "a", "ViewContent", "product", 3, NOW),
        Carried("1", "7", "ViewContent", "product", 2, NOW),
        Carried("1", "a", "Purchase", "", 1, NOW),
    ]


def test_only_what_meta_took_is_counted(tmp_path: Path) -> None:
    counts, twins = contents(tmp_path), [twin(content_ids=["a"])]
    assert counts.counting(lambda _t: Reply("silence"), twins).kind == "silence"
    counts.save()
    assert read(tmp_path) == []
    counts.counting(lambda _t: Reply("accepted"), twins)
    counts.save()
    assert [one.id for one in read(tmp_path)] == ["a"]


def test_oldest_ids_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "MOST_IDS", 3)
    now = [NOW]
    counts = Contents(tmp_path, clock=lambda: now[0])
    for number in range(5):
        now[0] += 1
        counts.add([twin(content_ids=[f"p{number}"]), twin("Purchase", content_ids=["p0"])])
        counts.save()
    assert {one.id for one in read(tmp_path)} == {"p0", "p3", "p4"}


def test_full_call_is_sampled(tmp_path: Path) -> None:
    counts = contents(tmp_path)
    counts.add([twin(content_ids=[str(number)]) for number in range(1000)])
    counts.save()
    assert len(read(tmp_path)) == 100


def test_it_is_saved_every_half_minute(tmp_path: Path) -> None:
    now = [NOW]
    counts = Contents(tmp_path, clock=lambda: now[0])
    counts.add([twin(content_ids=["a"])])
    assert read(tmp_path) == []
    now[0] += carried.SAVE_EVERY
    counts.add([twin(content_ids=["a"])])
    assert [one.times for one in read(tmp_path)] == [2]


def test_damaged_file_begins_again(tmp_path: Path) -> None:
    (tmp_path / carried.FILE).write_bytes(b"no database" * 100)
    counts = contents(tmp_path)
    counts.add([twin(content_ids=["a"])])
    counts.save()
    assert [one.id for one in read(tmp_path)] == ["a"]


def test_bodies_that_say_nothing_are_passed_over(tmp_path: Path) -> None:
    counts = contents(tmp_path)
    broken = Twin("1", "X", "id", 1, b'{"content')
    odd = twin(content_ids="a", contents=[1, {"id": None}], content_type=5)
    counts.add(
        [broken, odd, Twin("1", "X", "id", 1, b'["content"]'), twin(content_ids=["x" * 300])]
    )
    counts.save()
    assert read(tmp_path) == []


def test_unwritable_spool_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    counts = contents(tmp_path / "file")
    for _ in range(2):
        counts.add([twin(content_ids=["a"])])
        counts.save()
    assert len(caplog.records) == 1


def test_nobody_forks_while_the_file_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child would find the file locked by a thread that it does not have."""
    counted, free = contents(tmp_path), []

    def other() -> None:
        free.append(counted.fork_lock.acquire(blocking=False))

    def write(*_given: object) -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    monkeypatch.setattr(figures, "change", write)
    counted.add([twin(content_ids=["a"])])
    counted.save()
    assert free == [False]
