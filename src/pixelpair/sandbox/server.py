"""Runs the sandbox with uvicorn, an optional dependency: in the foreground or in a thread."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pixelpair.errors import SandboxError

from .app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uvicorn import Server

HOST = "127.0.0.1"
PORT = 8765


def serve(host: str = HOST, port: int = PORT, app_secret: str = "") -> None:
    """Serve until interrupted; prints the address once it can be opened. Port 0 picks a free one.

    Raises SandboxError when uvicorn is missing or the port is taken.
    """
    server = _server(create_app(app_secret=app_secret))
    with _listen(host, port) as listener:
        sys.stdout.write(f"pixelpair sandbox: {_address(listener)}\n")
        sys.stdout.flush()
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return


@contextmanager
def running(app: Any = None, host: str = HOST, port: int = 0) -> Iterator[str]:
    """A sandbox (or another ASGI app) in a thread, for tests: gives its address, ends it after."""
    server = _server(create_app() if app is None else app)
    with _listen(host, port) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(app: Any) -> Server:
    try:
        from uvicorn import Config, Server
    except ImportError as error:
        raise SandboxError("the sandbox needs uvicorn: pip install 'pixelpair[sandbox]'") from error
    server = Server(Config(app, access_log=False, log_level="warning", lifespan="off"))
    box = getattr(getattr(app, "state", None), "box", None)
    if box is not None:  # an open stream would keep the server from ending
        box.ending = lambda: server.should_exit
    return server


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. asyncio sets TCP_NODELAY only where the protocol is named: without it
    each answer on a kept connection took 44 ms instead of 1 (Nagle and delayed ACK)."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise _refused(host, port, error) from error
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from error
    return listener


def _refused(host: str, port: int, error: OSError) -> SandboxError:
    reason = error.strerror or os.strerror(error.errno or 0)
    return SandboxError(f"the sandbox cannot listen on {host}:{port}: {reason}")


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
