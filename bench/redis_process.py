"""A redis-server of a bench: an append-only file, synced each second, and noeviction."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def redis_server() -> Iterator[int]:
    """Its port; it ends with the `with`."""
    if shutil.which("redis-server") is None:
        sys.exit("redis-server is missing: this bench needs it (apt install redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="pixelpair-bench-") as folder:
        where = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        keeps = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        command = ["redis-server", *where, *keeps, "--logfile", f"{folder}/log"]
        process = subprocess.Popen(command)
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
