"""HTTP/1.1 on a raw socket, read strictly: an answer too long or too short spoils the next one on
the same connection, and shows."""

from __future__ import annotations

import re
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.conftest import PLAIN_CHROME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

TIMEOUT = 15.0
LINGER = 0.5
# So long every server keeps a connection that nobody uses; gunicorn's threads do for 2 s.
KEPT = 1.0
STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?\Z")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*\Z")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?\Z")


class FramingError(Exception):
    """The bytes on the wire are no answer; `so_far` is the body's part that came."""

    def __init__(self, what: str, so_far: bytes = b"") -> None:
        super().__init__(what)
        self.what = what
        self.so_far = so_far


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it came. `framing` is none, length, chunked or close."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    framing: str
    keeps: bool
    pieces: tuple[tuple[float, bytes], ...] = field(default=(), repr=False, compare=False)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        found = self.all(name)
        return found[0] if found else None


class Wire:
    """A kept-alive connection. `ask` opens it anew after an answer that said it would close it;
    one that is closed without having said so is a FramingError, where it was in use."""

    def __init__(self, port: int, timeout: float = TIMEOUT) -> None:
        self.port, self.timeout = port, timeout
        self.opened = 0  # how many connections it took
        self._socket: socket.socket | None = None
        self._seen = bytearray()
        self._idle_since = 0.0
        self._watch: Callable[[bytes], object] | None = None

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._seen.clear()

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        watch: Callable[[bytes], object] | None = None,
    ) -> Reply:
        """One request, and its answer to the last byte. What the server sends beyond it is found
        here, or before the next request. `watch` is called with the body so far, piece by piece.
        """
        self._watch = watch
        self._open()
        self._send(method, path, headers or {}, body)
        try:
            reply = self._reply(method)
        except (OSError, FramingError):
            self.close()
            raise
        if not reply.keeps:
            self._await_end()
        if self._seen:
            surplus = bytes(self._seen)
            self.close()
            raise FramingError(f"{len(surplus)} bytes after the answer: {surplus[:60]!r}")
        if not reply.keeps:
            self.close()
        self._idle_since = time.monotonic()
        return reply

    def _await_end(self) -> None:
        """What a server sends after its last answer counts too, if it says so soon."""
        assert self._socket is not None
        self._socket.settimeout(LINGER)
        with suppress(OSError, FramingError):
            while self._more():
                pass

    def _open(self) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.opened += 1
        elif select.select([self._socket], [], [], 0)[0]:
            more = self._socket.recv(65536)
            self.close()
            if not more and time.monotonic() > self._idle_since + KEPT:
                self._open()
                return
            raise FramingError(f"unasked bytes: {more[:60]!r}" if more else "closed unannounced")

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        given = {"Host": f"127.0.0.1:{self.port}", "User-Agent": PLAIN_CHROME, **headers}
        if body or method == "POST":
            given["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        assert self._socket is not None
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body)

    def _reply(self, method: str) -> Reply:
        minor, status, headers = self._head()
        while status < 200:
            minor, status, headers = self._head()
        connection = ",".join(v for n, v in headers if n == "connection").lower()
        keeps = "close" not in connection and (minor == 1 or "keep-alive" in connection)
        framing = framing_of(method, status, headers)
        if framing == "close" and keeps:
            raise FramingError("neither a length nor chunks nor Connection: close")
        pieces: list[tuple[float, bytes]] = []
        self._body(framing, headers, pieces)
        body = b"".join(piece for _, piece in pieces)
        return Reply(status, tuple(headers), body, framing, keeps, tuple(pieces))

    def _head(self) -> tuple[int, int, list[tuple[str, str]]]:
        line = self._line()
        if not (status := STATUS.match(line)):
            raise FramingError(f"no status line: {line[:80]!r}")
        headers: list[tuple[str, str]] = []
        while line := self._line():
            if not (found := FIELD.match(line)):
                raise FramingError(f"no header: {line[:80]!r}")
            headers.append((found[1].decode().lower(), found[2].decode("latin-1")))
        return int(status[1]), int(status[2]), headers

    def _body(
        self, framing: str, headers: list[tuple[str, str]], pieces: list[tuple[float, bytes]]
    ) -> None:
        try:
            if framing == "length":
                self._take(int(dict(headers)["content-length"]), pieces)
            elif framing == "chunked":
                self._chunks(pieces)
            elif framing == "close":
                self._rest(pieces)
        except FramingError as error:
            error.so_far = b"".join(piece for _, piece in pieces)
            raise

    def _chunks(self, pieces: list[tuple[float, bytes]]) -> None:
        while True:
            line = self._line()
            if not (found := CHUNK.match(line)):
                raise FramingError(f"no chunk: {line[:60]!r}")
            if not (size := int(found[1], 16)):
                break
            self._take(size, pieces)
            if self._line():
                raise FramingError("a chunk is longer than it says")
        while self._line():  # trailers
            pass

    def _take(self, size: int, pieces: list[tuple[float, bytes]]) -> None:
        while size:
            if not self._seen and not self._more():
                raise FramingError(f"ends {size} bytes early")
            piece = bytes(self._seen[:size])
            del self._seen[: len(piece)]
            size -= len(piece)
            self._note(pieces, piece)

    def _rest(self, pieces: list[tuple[float, bytes]]) -> None:
        while self._seen or self._more():
            piece = bytes(self._seen)
            self._seen.clear()
            self._note(pieces, piece)

    def _note(self, pieces: list[tuple[float, bytes]], piece: bytes) -> None:
        pieces.append((time.monotonic(), piece))
        if self._watch is not None:
            self._watch(b"".join(bytes_ for _, bytes_ in pieces))

    def _line(self) -> bytes:
        while (end := self._seen.find(b"\r\n")) < 0:
            if len(self._seen) > 65536 or not self._more():
                raise FramingError(f"no end of line: {bytes(self._seen[:80])!r}")
        line = bytes(self._seen[:end])
        del self._seen[: end + 2]
        return line

    def _more(self) -> bool:
        assert self._socket is not None
        try:
            got = self._socket.recv(65536)
        except ConnectionResetError:
            got = b""
        except TimeoutError:
            raise FramingError("nothing more comes") from None
        self._seen += got
        return bool(got)


def framing_of(method: str, status: int, headers: list[tuple[str, str]]) -> str:
    """How the body's end is known (RFC 9112, 6.3), where the headers say it in one way only."""
    lengths = [value for name, value in headers if name == "content-length"]
    codings = [value.lower() for name, value in headers if name == "transfer-encoding"]
    if len(lengths) > 1 or any(not value.isdecimal() for value in lengths):
        raise FramingError(f"Content-Length {lengths}")
    if codings and (lengths or codings != ["chunked"]):
        raise FramingError(f"Transfer-Encoding {codings} with Content-Length {lengths}")
    if method == "HEAD" or status in (204, 304):
        return "none"
    return "chunked" if codings else "length" if lengths else "close"
