"""Speaks WSGI and ASGI to an app in this process, and reads what its tracker wrote down."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from wsgiref.validate import validator

from pixelpair import Settings, Tracker
from pixelpair.core.events import Twin, Withdrawal, unpacked
from pixelpair.delivery.frames import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

NOON = 1_750_000_000.0
PIXEL = "1234567890"
BROWSER = (
    ("host", "www.shop.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
    ("referer", "https://search.example/?q=chairs"),
)
_BLOCK = re.compile(rb'<script type="application/json" id="pixelpair">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ask:
    """A browser's request, held by `peer`. `path` is decoded and below the mount `root`."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    root: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    peer: str = "203.0.113.9"
    cut: int = 0  # how many bytes of the body come at once; 0: all
    sized: bool = True  # else the body comes in chunks whose sum nobody knows

    @property
    def lines(self) -> dict[str, str]:
        sized = {"content-length": str(len(self.body))} if self.body and self.sized else {}
        return {**dict(BROWSER), **sized, **dict(self.headers)}

    @property
    def pieces(self) -> list[bytes]:
        """The body as it arrives."""
        cut = self.cut or len(self.body) or 1
        return [self.body[at : at + cut] for at in range(0, len(self.body), cut)] or [b""]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser gets: headers without their order, cookies without theirs."""

    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, tuple[str, frozenset[tuple[str, str]]]]
    body: bytes

    @classmethod
    def of(cls, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
        pairs = [(name.lower(), value) for name, value in headers]
        names = [name for name, _ in pairs if name != "set-cookie"]
        assert len(names) == len(set(names)), f"a header is there twice: {names}"
        cookies = dict(_cookie(value) for name, value in pairs if name == "set-cookie")
        return cls(status, {k: v for k, v in pairs if k != "set-cookie"}, cookies, body)

    @property
    def plain(self) -> bytes:
        """The body as the browser reads it."""
        coded = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.body) if coded else self.body

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return [json.loads(found) for found in _BLOCK.findall(self.plain)]

    @property
    def sealed(self) -> list[list[Any]]:
        """The calls of the page's sealed text: the same for all, without ids."""
        sealed = {block["signed"] for block in self.blocks if "signed" in block}
        return [call for text in sealed for call in json.loads(text.rpartition(".")[0])[1]]

    @property
    def shown(self) -> list[list[Any]]:
        """The browser halves: those of the page's blocks, then those that ride in cookies."""
        riding = [v for k, (v, _) in self.cookies.items() if k.startswith("_pixelpair_")]
        padded = (value + "=" * (-len(value) % 4) for value in riding)
        carried = [json.loads(base64.urlsafe_b64decode(value))["e"] for value in padded]
        shown = [event for block in self.blocks for event in block.get("events", ())]
        return shown + carried


def _cookie(header: str) -> tuple[str, tuple[str, frozenset[tuple[str, str]]]]:
    [(name, morsel)] = SimpleCookie(header).items()
    told = {key: str(value).lower() for key, value in morsel.items() if value not in ("", False)}
    return name, (morsel.value, frozenset(told.items()))


# --- WSGI ------------------------------------------------------------------------------------


def environ_of(ask: Ask) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": ask.method,
        "SCRIPT_NAME": ask.root.encode().decode("latin-1"),
        "PATH_INFO": ask.path.encode().decode("latin-1"),
        "QUERY_STRING": ask.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": ask.peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(ask.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    named = {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in ask.lines.items()}
    for key in {"CONTENT_LENGTH", "CONTENT_TYPE"} & {name[5:] for name in named}:
        environ[key] = named.pop(f"HTTP_{key}")
    environ |= {} if ask.sized else {"wsgi.input_terminated": True}
    return environ | {k: v.encode().decode("latin-1") for k, v in named.items()}


@dataclass(slots=True)
class Wire:
    """The server's end of one WSGI request: what reached it, in order."""

    starts: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if exc_info and any(self.parts):
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info or not self.starts, "start_response was called twice"
        self.starts.append((status, headers))
        self.errors.append(exc_info)
        return self.parts.append

    @property
    def answer(self) -> Answer:
        status, headers = self.starts[-1]
        return Answer.of(int(status[:3]), headers, b"".join(self.parts))


def ask_wsgi(app: Callable[..., Any], ask: Ask) -> Answer:
    """The whole answer, with the standard library's validator as the server.

    It forbids read() without a size, which Werkzeug asks of a body whose end the server knows.
    """
    wire, environ = Wire(), environ_of(ask)
    errors = environ["wsgi.errors"]
    body = (validator(app) if ask.sized else app)(environ, wire.start_response)
    try:
        wire.parts.extend(body)
    finally:
        getattr(body, "close", int)()
    assert errors.getvalue() == ""
    return wire.answer


# --- ASGI ------------------------------------------------------------------------------------


def scope_of(ask: Ask, **more: object) -> dict[str, Any]:
    path = ask.root + ask.path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": ask.root,
        "query_string": ask.query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in ask.lines.items()],
        "client": (ask.peer, 50123),
        "server": ("127.0.0.1", 8080),
        **more,
    }


async def converse(
    app: Callable[..., Any], scope: dict[str, Any], *pieces: bytes
) -> list[dict[str, Any]]:
    """The messages an app sends to a visitor who stays until the end."""
    said = [
        {"type": "http.request", "body": body, "more_body": True} for body in (pieces or (b"",))
    ]
    said[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if said:
            return said.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def answer_of(sent: list[dict[str, Any]]) -> Answer:
    start, *bodies = sent
    kinds = [start["type"], *{message["type"] for message in bodies}]
    assert kinds == ["http.response.start", "http.response.body"]
    more = [message.get("more_body", False) for message in bodies]
    assert more == [True] * (len(bodies) - 1) + [False]
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in start.get("headers", ())
    ]
    body = b"".join(message.get("body", b"") for message in bodies)
    return Answer.of(start["status"], headers, body)


def ask_asgi(app: Callable[..., Any], ask: Ask) -> Answer:
    return answer_of(asyncio.run(converse(app, scope_of(ask), *ask.pieces)))


# --- the tracker's side -----------------------------------------------------------------------


class Ledger:
    """A tracker whose time, ids and randomness are known, and the twins it accepted."""

    def __init__(self, spool: Path, **options: object) -> None:
        given = {"pixel_id": PIXEL, "access_token": "token", "secret": "secret"} | options
        settings = Settings(**given, spool=spool, sender="none")
        self.tracker = Tracker(
            settings, clock=lambda: NOON, new_id=self._new_id, new_random=lambda: 4711
        )
        self.withdrawals: list[Withdrawal] = []  # met by twins() so far
        self._ids = 0
        self._read = 0

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:032x}"

    def twins(self) -> list[dict[str, Any]]:
        """The server halves since the last call, in their order; ids begin anew."""
        path = self.tracker.journal.path
        records = read_frames(path.read_bytes(), final=False).payloads if path else []
        fresh, self._read, self._ids = records[self._read :], len(records), 0
        found = [unpacked(record) for record in fresh]
        self.withdrawals += [one for one in found if isinstance(one, Withdrawal)]
        return [json.loads(one.body) for one in found if isinstance(one, Twin)]


def names(events: Iterable[Any]) -> list[str]:
    """The events' names, of browser halves and of server halves."""
    return [e["event_name"] if isinstance(e, dict) else e[0] for e in events]


def ids(events: Iterable[Any]) -> list[str]:
    return [e["event_id"] if isinstance(e, dict) else e[2] for e in events]
