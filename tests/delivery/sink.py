"""A Graph on loopback that keeps what it gets and answers as it is told: a real HTTP server."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """What goes back. `cut`: bytes of the body that are sent before the connection closes;
    `reset`: no answer at all, or no more of it than `cut`, and the connection is reset."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    reset: bool = False


def accepted(events: Events) -> Answer:
    body = {"events_received": len(events), "messages": [], "fbtrace_id": "A1"}
    return Answer(200, json.dumps(body).encode())


def refused(code: int, subcode: int | None = None, status: int = 400, **more: Any) -> Answer:
    error = {"message": "m", "type": "OAuthException", "code": code, **more}
    if subcode is not None:
        error["error_subcode"] = subcode
    return Answer(status, json.dumps({"error": error}).encode())


class Sink:
    """The server. `answer` decides; `events` are those of calls answered with 200, in order.

    One that does not keep leaves the counting to its `answer`: 5,000 events a second are many.
    """

    def __init__(
        self,
        answer: Callable[[Events], Answer] = accepted,
        *,
        keeps: bool = True,
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.keeps = keeps
        self.events: Events = []
        self.bodies: list[dict[str, Any]] = []
        self.calls: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def ids(self) -> Counter[str]:
        return Counter(event["event_id"] for event in self.events)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has hung up is what some tests are about."""


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            sink.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = orjson.loads(body)
            events = told["data"]
            if sink.keeps:
                sink.bodies.append(told)
                sink.calls.append(len(events))
                sink.headers.append(dict(self.headers))
                sink.paths.append(self.path)
            answer = sink.answer(events)
            if answer.reset:
                if answer.cut is not None:
                    self._send(answer)
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
                return
            if answer.status == 200 and sink.keeps:
                sink.events += events
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            head = f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(answer.body)}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            self.close_connection = answer.cut is not None
            # One write: two would meet Nagle's algorithm and a delayed ACK, 40 ms a call.
            self.wfile.write(head.encode() + b"\r\n" + answer.body[: answer.cut])

        def finish(self) -> None:
            if not self.wfile.closed and self.connection.fileno() >= 0:
                super().finish()

        def log_message(self, *args: object) -> None:
            pass

    return Handler
