"""Real Redis servers: processes of their own in a folder of their own, killed and started again."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import select
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import redis

from ..conftest import free_port, missing_tool, until

PROGRAM = shutil.which("redis-server")
# Every answer that a client got is on the disk.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
_numbers = itertools.count()


class RedisServer:
    """A redis-server on loopback. `kill` is a SIGKILL; `start` finds what its files hold."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, protocol=2)
        self._command = [
            str(PROGRAM),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--logfile", str(folder / "log"), *options),
        ]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)
        assert until(self._answers), "redis-server does not start"

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.client.close()
        self.kill()


@functools.cache
def shared_server() -> RedisServer | None:
    """One server for all tests that do not harm it; None where redis-server is missing."""
    if PROGRAM is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="pixelpair-redis-"))
    server = RedisServer(folder, "--appendonly", "yes", "--appendfsync", "no")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.close)
    return server


def fresh_url() -> str:
    """The address of an outbox that nobody has used, in the shared server."""
    server = shared_server()
    if server is None:
        missing_tool("redis-server")
        raise AssertionError
    return f"{server.url}?name=t{next(_numbers)}"


class Deaf:
    """A way to a Redis that passes commands on; the answers to `hangs_up_after` it withholds, and
    hangs up."""

    def __init__(self, port: int) -> None:
        self.hangs_up_after: bytes | None = None
        self._redis = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Deaf:
        return self

    def __exit__(self, *exc: object) -> None:
        for end in (self._door, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                redis = socket.create_connection(("127.0.0.1", self._redis))
                self._open += [client, redis]
                threading.Thread(target=self._pass_on, args=(client, redis), daemon=True).start()

    def _pass_on(self, client: socket.socket, redis: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed while it waits
            while True:
                ready, _, _ = select.select([client, redis], [], [])
                if client in ready:
                    asked = client.recv(1 << 20)
                    redis.sendall(asked)
                    if self.hangs_up_after and self.hangs_up_after in asked:
                        redis.recv(1 << 20)
                        client.shutdown(socket.SHUT_RDWR)
                        return
                if redis in ready:
                    client.sendall(redis.recv(1 << 20))
