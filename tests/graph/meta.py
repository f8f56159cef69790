"""A Graph on loopback that answers what it is told to, call by call, and keeps what it heard."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from pixelpair.graph.access import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "EAAB-very-secret"


@dataclass(frozen=True)
class Heard:
    """A call: its address without the query, what stood in the query, and the body."""

    method: str
    path: str
    params: dict[str, str]
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict, compare=False)


@dataclass
class Meta:
    """`says` holds what is answered to a method and path, the last of them for ever."""

    url: str
    says: dict[tuple[str, str], list[tuple[int, bytes, dict[str, str]]]] = field(
        default_factory=dict
    )
    heard: list[Heard] = field(default_factory=list)
    judge: Callable[[Heard], Any] | None = None

    def say(self, call: str, *answers: Any, status: int = 200, **headers: str) -> None:
        """`"GET /v26.0/1"` is answered so, then so."""
        method, path = call.split(" ")
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        rows = [(status, _bytes(answer), told) for answer in answers]
        self.says.setdefault((method, path), []).extend(rows)

    def refuse(self, call: str, code: int, subcode: int | None = None, **more: Any) -> None:
        headers = more.pop("headers", {})
        error = {"message": f"(#{code}) no", "type": "OAuthException", "code": code, **more}
        if subcode is not None:
            error["error_subcode"] = subcode
        self.says.pop(tuple(call.split(" ")), None)
        self.say(call, {"error": error}, status=400, **headers)

    def calls(self, method: str) -> list[tuple[str, Any]]:
        """The paths and bodies (of a DELETE: its query) of this method's calls."""
        return [
            (heard.path, heard.params if method == "DELETE" else heard.body)
            for heard in self.heard
            if heard.method == method
        ]

    @property
    def access(self) -> Access:
        return Access(self.url, "v26.0", TOKEN)

    def answer(self, heard: Heard) -> tuple[int, bytes, dict[str, str]]:
        self.heard.append(heard)
        if self.judge is not None and (told := self.judge(heard)) is not None:
            return 200, _bytes(told), {}
        answers = self.says.get((heard.method, heard.path))
        if not answers:
            return 404, _bytes({"error": {"message": "unknown path", "code": 2500}}), {}
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _bytes(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@contextmanager
def running() -> Iterator[Meta]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _call(self) -> None:
            at = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            of_json = self.headers.get("Content-Type", "") == "application/json"
            body = json.loads(raw) if of_json else raw or None
            params = dict(parse_qsl(at.query, keep_blank_values=True))
            heard = Heard(self.command, at.path, params, body, dict(self.headers))
            status, answer, headers = meta.answer(heard)
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self.wfile.write(head.encode() + b"\r\n" + answer)

        do_GET = do_POST = do_DELETE = _call  # noqa: N815

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    meta = Meta(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield meta
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
