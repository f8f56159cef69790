"""A server process of the matrices: started, awaited and told to stop; a failure shows its log."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, _answers, free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START = 60.0  # seconds; two cores may have more to do
STOP = 30.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers on `port`; what it and its children say stands in `log`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    signal: signal.Signals = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, within: float = STOP) -> int:
        """Told to stop as its users do, and awaited: the exit code. Killed when time is up."""
        if self.process.poll() is None:
            self.process.send_signal(self.signal)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            pytest.fail(f"does not stop within {within:g} s:\n{self.text}")
        finally:
            self.kill()

    def kill(self) -> None:
        """The whole group, workers that outlived their parent too."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    *,
    stop: signal.Signals = signal.SIGTERM,
    port: int | None = None,
    cwd: Path = ROOT,
) -> Iterator[Running]:
    """`command`, whose words may say {port} and {folder}, once it answers; killed at the end."""
    port = port or free_port()
    words = [word.replace("{port}", str(port)).replace("{folder}", str(folder)) for word in command]
    path = os.pathsep.join([environ.get("PYTHONPATH", ""), str(ROOT / "src"), str(ROOT)])
    full = {**os.environ, **environ, "PYTHONPATH": path.strip(os.pathsep)}
    log = folder / f"server-{port}.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            words, env=full, cwd=cwd, stdout=told, stderr=told, start_new_session=True
        )
    server = Running(process, port, log, stop)
    try:
        until(lambda: process.poll() is not None or _answers(port), START)
        if process.poll() is not None or not _answers(port):
            pytest.fail(f"{words} does not answer on {port}:\n{server.text}")
        yield server
    finally:
        server.kill()
