"""Every seed and a few hundred new inputs keep what their target promises; the engine shows what
does not. `make fuzz` goes on for hours.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, missing_tool

from . import __main__ as command
from . import engine, keep, scratch, targets
from .pieces import bytewise, chunks, message, pumped
from .strategies import tried
from .targets import BY_NAME, CORPUS, TARGETS, Target, TooSlow

if TYPE_CHECKING:
    from pathlib import Path

# With what the replays take, 20 seconds in all.
INPUTS = 70
# Two processes on two cores: 80 s for all, half of it until the code is instrumented.
DRILL_SECONDS = 4
EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@EACH
def test_seeds_keep_what_is_promised(target: Target) -> None:
    assert target.seeds
    for path in target.seeds:
        try:
            target.check(path.read_bytes(), long_too=True)
        except Exception as error:
            error.add_note(engine.again(path, target.name))
            raise


@EACH
def test_new_inputs_keep_what_is_promised(target: Target) -> None:
    assert tried(target, target.check, INPUTS, the_same=True) == INPUTS


def test_corpus_is_small_and_has_a_target_for_each_folder() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} == set(BY_NAME)
    assert sum(path.stat().st_size for path in files) < 500_000
    assert max(path.stat().st_size for path in files) < 200_000


# --- how inputs are read ---------------------------------------------------------------------


def test_any_bytes_are_a_message() -> None:
    assert message(b"GET /\nA : b:c\nno header\n: d\n\nbody\n\nmore") == (
        b"GET /",
        [(b"a", b"b:c")],
        b"body\n\nmore",
    )
    assert message(b"") == (b"", [], b"")


def test_pieces_are_the_whole_and_the_same_each_time() -> None:
    for data in (b"", b"a", b"abc" * 50, bytes(20_000)):
        assert b"".join(chunks(data)) == b"".join(bytewise(data)) == data
        assert chunks(data) == chunks(data)
    assert len(chunks(bytes(20_000))) == 20


def test_pumped_input_is_long_and_begins_and_ends_as_before() -> None:
    long = pumped(b"<!-- a --><b>")
    assert 128 * 1024 <= len(long) < 130 * 1024
    assert pumped(b"<!-- a --><b>") == long


def test_what_an_ended_process_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_PLACE", tmp_path)
    for name in ("fuzz-7-a", "fuzz-77-b"):
        (tmp_path / name).mkdir()
    scratch.tidy(7)
    assert [path.name for path in tmp_path.iterdir()] == ["fuzz-77-b"]


# --- the engine ------------------------------------------------------------------------------


def breaks(data: bytes) -> None:
    """A target with a fault."""
    if data.startswith(b"<!d"):
        raise ValueError("there is a fault")


BROKEN = replace(BY_NAME["html"], run=breaks)


def test_input_that_breaks_a_promise_is_kept_with_the_line_that_shows_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is a fault"):
        engine.by_hypothesis(BROKEN, 20, tmp_path)

    (said,) = (tmp_path / "found").glob("*.txt")
    path = said.with_suffix("")
    assert path.read_bytes().startswith(b"<!d")
    assert said.read_text().startswith(f"python -m tests.fuzz html {path}\n\nTraceback ")


def test_slow_input_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "MOST_SECONDS", 0.001)
    slow = replace(BROKEN, run=lambda data: [sum(range(1000)) for _ in range(2000)])
    with pytest.raises(TooSlow, match=r"html took \d+\.\d s for 1 bytes"):
        slow.check(b"a")


def test_replay_shows_the_fault_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(b"<html>")
    bad.write_bytes(b"<!doctype")
    monkeypatch.setitem(BY_NAME, "html", BROKEN)

    assert command.main(["html", str(good)]) == 0
    with pytest.raises(ValueError, match="there is a fault"):
        command.main(["html", str(bad)])

    assert capsys.readouterr().out == f"{good}: all is kept that html promises\n"


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        (BY_NAME["csp"], 0, r"csp: \d+00 inputs in 1 s\n"),
        (BROKEN, 1, r"html: ValueError: .*\nfound: python -m tests.fuzz html \S+/found/html-\w+\n"),
    ],
    ids=["sound", "broken"],
)
def test_hypothesis_makes_the_inputs_where_atheris_is_missing(
    target: Target,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(BY_NAME, target.name, target)
    monkeypatch.setattr(engine, "CACHE", tmp_path)
    monkeypatch.setattr(engine, "has_atheris", lambda: False)
    options = {"FUZZ_TARGETS": target.name, "FUZZ_SECONDS": "1", "FUZZ_HOURS": str(1 / 3600)}
    for name, value in options.items():
        monkeypatch.setenv(name, value)

    assert command.main([]) == code

    first, _, rest = capsys.readouterr().out.split("\n", 2)
    assert first.startswith("atheris is not installed")
    assert re.fullmatch(said, rest)


def test_unknown_target_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ_TARGETS", "html htlm")
    with pytest.raises(SystemExit, match="htlm is no target: one of html, body_end, "):
        command.main([])


def test_keeps_the_smallest_of_what_reaches_more_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "CORPUS", tmp_path / "corpus")
    inputs, corpus = tmp_path / "inputs", tmp_path / "corpus" / "routes"
    for folder in (inputs, corpus):
        folder.mkdir(parents=True)
    (corpus / "seed").write_bytes(b"AddToCart /cart")
    for name in (b"Search /s", b"Search /s?q={x}", b"Search /search?query={words}"):
        (inputs / str(len(name))).write_bytes(name)

    kept = keep.keep(BY_NAME["routes"], inputs, 5)

    assert [path.read_bytes() for path in kept] == [b"Search /s?q={x}"]


# --- for a while -----------------------------------------------------------------------------


def run(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`python -m tests.fuzz` as a user has it, of one target for a few seconds."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environ = {
        **os.environ,
        "PYTHONPATH": path,
        "FUZZ_TARGETS": name,
        "FUZZ_SECONDS": str(DRILL_SECONDS),
        "FUZZ_HOURS": str(DRILL_SECONDS / 3600),
        "FUZZ_SEED": "1",  # what changes the inputs is a change of the code
        "PYTHONHASHSEED": "1",
    }
    command = [sys.executable, "-m", "tests.fuzz"]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.drill
def test_engine_finds_nothing_in_seconds(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda target: run(target.name, tmp_path), TARGETS))

    for target, end in zip(TARGETS, ends, strict=True):
        assert end.returncode == 0, end.stdout + end.stderr
        assert f"{target.name}: " in end.stdout
    found = tmp_path / engine.CACHE / "found"
    assert [path.name for path in found.iterdir()] == []


PLANTED = """
import sys
from pathlib import Path
from tests.fuzz import engine, targets, test_fuzz
targets.BY_NAME["html"] = test_fuzz.BROKEN
engine.by_atheris("html", 60, Path(sys.argv[1]))
"""


@pytest.mark.drill
def test_atheris_finds_a_fault_and_its_input_is_kept(tmp_path: Path) -> None:
    if not engine.has_atheris():
        missing_tool("atheris")
    end = subprocess.run(
        [sys.executable, "-c", PLANTED, str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )

    assert end.returncode == engine.FOUND, end.stderr
    (said,) = (tmp_path / "found").glob("*.txt")
    assert b"ValueError: there is a fault" in said.read_bytes()
    assert said.with_suffix("").read_bytes().startswith(b"<!d")
