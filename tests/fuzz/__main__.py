"""`python -m tests.fuzz`: all targets in turn, until somebody stops it; with a target's name and
files, those files once more; with --keep and a name, what it kept goes into the corpus, as far as
it reaches code that no seed does. FUZZ_SECONDS is for each target, FUZZ_HOURS for all, FUZZ_TARGETS
names some of them, and FUZZ_SEED is a number with which atheris makes the same inputs again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from . import engine, scratch

# As many more as a replay in each run of the tests can bear.
MOST_KEPT = 20
_PULSE = re.compile(rb"#([0-9]+)\s+[A-Za-z]+ +cov: ([0-9]+) .*corp: ([0-9]+)")


def main(arguments: list[str]) -> int:
    """The exit code: 1 where an input was found that breaks a promise."""
    match arguments:
        case ["--atheris", name, seconds]:
            engine.by_atheris(name, int(seconds))
        case ["--keep", name]:
            return kept(name)
        case [name, *paths] if paths:
            return replay(name, paths)
    if not engine.has_atheris():
        print("atheris is not installed (it needs Linux on x86-64 and CPython 3.11 to 3.14):")
        print("Hypothesis makes the inputs, which sees not what code they reach")
    seconds, chosen = int(os.environ.get("FUZZ_SECONDS", "600")), names()
    end = time.monotonic() + 3600 * float(os.environ.get("FUZZ_HOURS", "inf"))
    try:
        return everything(chosen, seconds, end)
    except KeyboardInterrupt:
        return told(found())


def names() -> list[str]:
    from .targets import BY_NAME

    wanted = os.environ.get("FUZZ_TARGETS", "").split()
    if unknown := set(wanted) - set(BY_NAME):
        sys.exit(f"{min(unknown)} is no target: one of {', '.join(BY_NAME)}")
    return wanted or list(BY_NAME)


def replay(name: str, paths: list[str]) -> int:
    """Run these inputs; one that fails shows its traceback."""
    from .targets import BY_NAME

    for path in paths:
        BY_NAME[name].check(Path(path).read_bytes())
        print(f"{path}: all is kept that {name} promises")
    return 0


def kept(name: str) -> int:
    """Into the corpus with the inputs that reach more code."""
    from .keep import keep
    from .targets import BY_NAME

    for path in keep(BY_NAME[name], engine.CACHE / name, MOST_KEPT):
        print(path)
    return 0


def everything(names: list[str], seconds: int, end: float) -> int:
    """All targets in turn, again and again, until the time is up."""
    failing: set[str] = set()
    while time.monotonic() < end and failing < set(names):
        for name in [name for name in names if name not in failing]:
            for_it = int(min(seconds, max(1, end - time.monotonic())))
            before = set(found(name))
            fits = fuzzed(name, for_it)
            if told(sorted(set(found(name)) - before)) or not fits:
                failing.add(name)  # it would stop at the same place
            if time.monotonic() >= end:
                break
    return bool(failing)


def fuzzed(name: str, seconds: int) -> bool:
    """One target for so long; whether it came to its end."""
    if engine.has_atheris():
        return _child(name, seconds)
    from .targets import BY_NAME

    try:
        runs = engine.by_hypothesis(BY_NAME[name], seconds)
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}")
        return False
    print(f"{name}: {runs} inputs in {seconds} s")
    return True


def _child(name: str, seconds: int) -> bool:
    command = [sys.executable, "-m", "tests.fuzz", "--atheris", name, str(seconds)]
    start, pulse, last = time.monotonic(), "", deque[bytes](maxlen=30)
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        assert child.stderr is not None
        try:
            for line in child.stderr:
                last.append(line)
                if told := _PULSE.match(line):
                    runs, places, kept = (int(number) for number in told.groups())
                    pulse = f"{name}: {runs} inputs, {places} places, {kept} kept"
                    show(pulse)
        except KeyboardInterrupt:
            child.kill()
            raise
        finally:
            child.wait()
            scratch.tidy(child.pid)
    print(f"{end_of_line()}{pulse}, {time.monotonic() - start:.0f} s")
    if child.returncode:
        print(b"".join(last).decode("utf-8", "replace"))
    return child.returncode == 0


def show(pulse: str) -> None:
    if sys.stdout.isatty():
        print(f"\r{pulse:<78}", end="", flush=True)


def end_of_line() -> str:
    return "\r" if sys.stdout.isatty() else ""


def found(name: str = "*") -> list[Path]:
    """The inputs that broke a promise. libFuzzer writes some of them a second time."""
    folder = engine.CACHE / "found"
    files = [path for path in sorted(folder.glob(f"{name}-*")) if path.suffix != ".txt"]
    own = {path.read_bytes() for path in files if path.with_suffix(".txt").exists()}
    for path in files:
        if "-crash-" in path.name and path.read_bytes() in own:
            path.unlink()
    return [path for path in files if path.exists()]


def told(paths: list[Path]) -> int:
    for path in paths:
        print(f"found: {engine.again(path)}")
    return int(bool(paths))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
