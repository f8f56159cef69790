"""Runs a target on ever new inputs: by atheris, which follows the code that they reach, or by
Hypothesis where atheris is not installed. What is found is a file, and the line that shows it.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from .targets import Target

CACHE = Path(".cache/fuzz")
# An input that hangs: ended by the engine from outside, where one that is slow ends itself.
HANGS = 30
MEMORY = 1024  # MB; the libraries alone take 100
FOUND = 77  # as libFuzzer's own exit code where an input fails


def has_atheris() -> bool:
    return find_spec("atheris") is not None


def by_atheris(name: str, seconds: int, cache: Path | None = None) -> NoReturn:
    """In a process of its own: libFuzzer ends it."""
    import atheris

    # It tells the fuzzer what a comparison of texts was looking for.
    atheris.enabled_hooks.add("str")
    with atheris.instrument_imports(include=["pixelpair"]):
        targets = import_module("tests.fuzz.targets")
    target: Target = targets.BY_NAME[name]
    kept = _folder((cache or CACHE) / name)
    words = kept.with_suffix(".dict")
    words.write_bytes(b"# of their language\n" + b"\n".join(map(_quoted, target.words)))
    found = _folder((cache or CACHE) / "found")
    arguments: dict[str, object] = {
        "max_total_time": seconds,
        "max_len": target.longest,
        "timeout": HANGS,
        "report_slow_units": HANGS,  # on a busy machine they are none
        "rss_limit_mb": MEMORY,
        "dict": words,
        "artifact_prefix": f"{found}/{name}-",
        "print_final_stats": 1,
    }
    if seed := os.environ.get("FUZZ_SEED"):
        # Entropic weighs inputs by their time: 1,470 of 3,000 came alike with it, all without.
        arguments |= {"seed": seed, "entropic": 0}
    options = [f"-{key}={value}" for key, value in arguments.items()]
    atheris.Setup([name, *options, str(kept), str(target.corpus)], _kept(target, found))
    atheris.Fuzz()
    sys.exit(0)


def by_hypothesis(target: Target, seconds: float, cache: Path | None = None) -> int:
    """The number of inputs that were tried until the time was up."""
    from .strategies import tried

    failing: list[bytes] = []

    def check(data: bytes) -> None:
        failing.append(data)
        target.check(data)
        failing.pop()

    found, runs, end = _folder((cache or CACHE) / "found"), 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            runs += tried(target, check, 200)
    except Exception:
        write(target.name, failing[-1], found, traceback.format_exc())  # made small by then
        raise
    return runs


def _kept(target: Target, found: Path) -> Callable[[bytes], None]:
    """The target; an input that fails is written down before it is reported."""

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except Exception:
            write(target.name, data, found, traceback.format_exc())
            raise

    return check


def write(name: str, data: bytes, found: Path, why: str) -> Path:
    """An input that fails, and beside it why, with the line that shows it again."""
    path = found / f"{name}-{sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(f"{again(path)}\n\n{why}", "utf-8")
    return path


def again(path: Path, name: str = "") -> str:
    """The line that runs an input once more; a file that was found has its target's name."""
    return f"python -m tests.fuzz {name or path.name.partition('-')[0]} {path}"


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _quoted(word: str) -> bytes:
    """A word as libFuzzer's dictionaries have it."""
    return b'"%b"' % b"".join(b"\\x%02x" % byte for byte in word.encode())
