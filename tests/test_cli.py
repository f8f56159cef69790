from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pixelpair.cli import main
from pixelpair.core.events import Event, Visitor
from pixelpair.delivery.journal import Journal
from tests.commands.conftest import PIXEL, TOKEN, environ, graph, spool
from tests.delivery.sink import Answer, Sink, accepted, refused

__all__ = ["environ", "graph", "spool"]  # fixtures
SOURCE = Path(__file__).parent.parent / "src"
NOBODY = Visitor("https://shop.example/", "", "203.0.113.7", "Mozilla/5.0", None, None, {})


def queue(spool: Path, *names: str, pixel: str = PIXEL) -> list[Event]:
    """What a web process would leave in the spool."""
    events = [Event(name, f"id-{name}", int(time.time()), {}) for name in names]
    journal = Journal(spool)
    for event in events:
        journal.append(event.twin(pixel, NOBODY).pack())
    journal.close()
    return events


# --- drain ---------------------------------------------------------------------------------------


def test_delivers_what_waits(graph: Sink, spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = queue(spool, "Lead", "Contact")
    assert main(["drain"]) == 0
    assert graph.events == [event.row(NOBODY) for event in events]
    assert (graph.calls, graph.paths) == ([2], [f"/v26.0/{PIXEL}/events"])
    assert graph.headers[0]["Authorization"] == f"Bearer {TOKEN}"
    assert capsys.readouterr() == ("delivered 2, dead 0, left 0\n", "")
    assert main(["drain"]) == 0
    assert capsys.readouterr() == ("delivered 0, dead 0, left 0\n", "")
    assert graph.calls == [2]


@pytest.mark.parametrize("exists", [True, False])
def test_empty_or_missing_spool_is_no_error(
    exists: bool, graph: Sink, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if exists:
        spool.mkdir()
    assert main(["drain"]) == 0
    assert capsys.readouterr() == ("delivered 0, dead 0, left 0\n", "")
    assert graph.calls == []


def test_dead_letters_are_told_by_the_exit_code(
    graph: Sink, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(spool, "Lead")
    graph.answer = lambda events: refused(100, 2804003)
    assert main(["drain"]) == 1
    assert capsys.readouterr().out == "delivered 0, dead 1, left 0\n"


def test_events_that_are_left_are_told_by_the_exit_code(
    graph: Sink, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(spool, "Lead")
    graph.answer = lambda events: refused(190, status=401)
    assert main(["drain"]) == 1
    out, err = capsys.readouterr()
    assert out == "delivered 0, dead 0, left 1\n"
    assert TOKEN not in out + err
    graph.answer = accepted
    assert main(["drain"]) == 0
    assert capsys.readouterr().out == "delivered 1, dead 0, left 0\n"


def test_ends_when_its_time_is_up(
    graph: Sink, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(spool, "Lead")
    graph.answer = lambda events: Answer(503, b"<html>")
    assert main(["drain", "--timeout", "0"]) == 1
    assert capsys.readouterr().out.endswith("left 1\n")


MANY = {"*.a.example": {"pixel_id": PIXEL, "access_token": TOKEN}}
OBJECT = """
from pixelpair import Settings

class Directory:
    def for_host(self, host):
        raise AssertionError

    def for_pixel(self, pixel_id):
        return Settings(pixel_id=pixel_id, access_token="EAAbytheobject", graph_url=%r)
"""


def test_drains_the_events_of_many_shops(
    graph: Sink, spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen: it asked for the pixel and the token of one shop."""
    shops = {**MANY, "b.example": {"pixel_id": "777", "access_token": "EAAother"}}
    monkeypatch.setenv("PIXELPAIR_SHOPS", json.dumps(shops))
    for name in ("PIXEL_ID", "ACCESS_TOKEN"):
        monkeypatch.delenv(f"PIXELPAIR_{name}")
    queue(spool, "Lead")
    queue(spool, "Contact", pixel="777")
    assert main(["drain"]) == 0
    assert capsys.readouterr() == ("delivered 2, dead 0, left 0\n", "")
    sent = zip(graph.paths, [h["Authorization"] for h in graph.headers], strict=True)
    assert sorted(sent) == [
        (f"/v26.0/{PIXEL}/events", f"Bearer {TOKEN}"),
        ("/v26.0/777/events", "Bearer EAAother"),
    ]


def test_event_of_a_shop_that_is_not_there_is_left(
    graph: Sink, spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIXELPAIR_SHOPS", json.dumps(MANY))
    queue(spool, "Lead")
    queue(spool, "Contact", pixel="777")
    assert main(["drain"]) == 1
    out, err = capsys.readouterr()
    assert out == "delivered 1, dead 0, left 1\n"
    assert "pixel 777, which is none of PIXELPAIR_SHOPS" in err
    assert TOKEN not in out + err


def test_drains_by_an_object_beside_the_app(graph: Sink, spool: Path, tmp_path: Path) -> None:
    (tmp_path / "tenants.py").write_text(OBJECT % graph.url)
    queue(spool, "Lead")
    ran = subprocess.run(
        [sys.executable, "-c", "from pixelpair.cli import main; raise SystemExit(main())", "drain"],
        env={
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "PYTHONSAFEPATH": "1",  # as the installed command: its own folder comes first
            "PIXELPAIR_SHOPS": "tenants.Directory",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "delivered 1, dead 0, left 0\n", "")
    assert [h["Authorization"] for h in graph.headers] == ["Bearer EAAbytheobject"]


def test_drain_takes_no_folder_that_somebody_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("PIXELPAIR_SPOOL", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state"))
    prepared = tmp_path / f"pixelpair-{os.getuid()}"
    prepared.mkdir()
    prepared.chmod(0o777)
    assert main(["drain"]) == 2
    assert "set PIXELPAIR_SPOOL" in capsys.readouterr().err
    assert list(prepared.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (["PIXEL_ID"], "PIXELPAIR_PIXEL_ID must be set"),
        (["ACCESS_TOKEN"], "PIXELPAIR_ACCESS_TOKEN must be set"),
        (["PIXEL_ID", "ACCESS_TOKEN"], "PIXELPAIR_PIXEL_ID and PIXELPAIR_ACCESS_TOKEN must be set"),
    ],
)
def test_drain_needs_a_pixel_and_a_token(
    missing: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in missing:
        monkeypatch.delenv(f"PIXELPAIR_{name}")
    assert main(["drain"]) == 2
    assert capsys.readouterr() == ("", f"{said} to deliver events\n")


def test_wrong_settings_are_all_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIXELPAIR_SENDER", "process")
    monkeypatch.setenv("PIXELPAIR_ACCESS_TOKEN", f"{TOKEN} {TOKEN}")  # for one pixel
    assert main(["drain"]) == 2
    out, err = capsys.readouterr()
    assert (out, "PIXELPAIR_SENDER" in err, "PIXELPAIR_ACCESS_TOKEN" in err) == ("", True, True)
    assert TOKEN not in err


# --- usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--help"], ["drain", "sandbox", "Meta Pixel"]),
        (["drain", "--help"], ["--timeout", "Exit code 0", "PIXELPAIR_*"]),
        (["sandbox", "--help"], ["--port", "8765", "--app-secret", "PIXELPAIR_GRAPH_URL"]),
    ],
)
def test_help(argv: list[str], words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    assert [word for word in words if word not in out] == []


@pytest.mark.parametrize("argv", [[], ["deliver"], ["drain", "--timeout", "soon"], ["drain", "x"]])
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pixelpair")


def test_module_is_the_command(graph: Sink, spool: Path) -> None:
    (event,) = queue(spool, "Lead")
    ran = subprocess.run(
        [sys.executable, "-m", "pixelpair", "drain"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "delivered 1, dead 0, left 0\n", "")
    assert graph.events == [event.row(NOBODY)]
