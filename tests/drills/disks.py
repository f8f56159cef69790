"""Small disks to fill and folders that nobody may write, by whatever means this machine allows."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 3 * 1024 * 1024
LEFT = 128 * 1024
# Each new file takes so much: the log's first line, and a few events of each new journal.
LITTLE = 4096
# Without these capabilities root is as bound by modes as anybody.
_CAPS = "-dac_override,-dac_read_search"
NO_ROOT = ("setpriv", "--bounding-set", _CAPS, "--inh-caps", _CAPS)


class Disk(Protocol):
    """A spool's place. `fill` leaves a little room for processes `pids`, `free` gives it back."""

    words: str
    folder: Path

    def fill(self, pids: list[int]) -> None: ...

    def free(self, pids: list[int]) -> None: ...


class Tmpfs:
    """A real small file system: ENOSPC."""

    words = "ENOSPC on a tmpfs"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, pids: list[int]) -> None:
        left = shutil.disk_usage(self.folder).free - LEFT
        self._filler.write_bytes(bytes(max(0, left)))

    def free(self, pids: list[int]) -> None:
        self._filler.unlink()


class Limited:
    """No file of these processes may grow any more: EFBIG."""

    words = "EFBIG by RLIMIT_FSIZE"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pids: list[int]) -> None:
        self._limit(pids, LITTLE)

    def free(self, pids: list[int]) -> None:
        self._limit(pids, resource.RLIM_INFINITY)

    def _limit(self, pids: list[int], size: int) -> None:
        for pid in pids:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A tmpfs; where mounting is not allowed, limits on the processes."""
    if not _mount(folder):
        yield Limited(folder)
        return
    try:
        yield Tmpfs(folder)
    finally:
        _unmount(folder)


def _mount(folder: Path) -> bool:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "none", str(folder)]
    with suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def _unmount(folder: Path) -> None:
    # Lazily: a process that was killed may not be gone yet.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A spool that may be made read-only; a shop's command needs `prefix` before it."""

    folder: Path
    words: str
    prefix: tuple[str, ...] = ()
    mounted: bool = False

    def writable(self, may: bool) -> None:
        if self.mounted:
            command = ["mount", "-o", f"remount,{'rw' if may else 'ro'}", str(self.folder)]
            # Busy until those who were killed are gone.
            assert until(lambda: not subprocess.run(command, check=False).returncode)
        else:
            self.folder.chmod(0o700 if may else 0o500)


@contextmanager
def guarded_folder(folder: Path) -> Iterator[Guarded]:
    """A tmpfs to remount; else a folder whose mode counts, for root too."""
    if not _mount(folder):
        yield Guarded(folder, "EACCES by its mode", () if os.geteuid() else NO_ROOT)
        return
    try:
        yield Guarded(folder, "EROFS on a tmpfs", mounted=True)
    finally:
        _unmount(folder)
