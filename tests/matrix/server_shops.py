"""The shop of the server matrix as WSGI and as ASGI: with the door, and bare below /bare.

Both live in one process, so that what a server does to either can be compared.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from starlette.responses import FileResponse

from pixelpair import asgi, wsgi
from tests.matrix.server_answers import (
    ANSWERS,
    BARE,
    FAILURE,
    LATE,
    Answer,
    Failure,
    Gate,
    answer_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GATES = Path(os.environ.get("MATRIX_GATES", "."))
PATIENCE = 10.0


class BrokenError(Exception):
    """What the shop's broken views raise."""


def gate_of(query: str) -> Path:
    """What the reader makes when the pieces before the gate have arrived."""
    return GATES / query.partition("gate=")[2].partition("&")[0]


def saved(answer: Answer) -> Path:
    """The answer as a file; several processes may write it at once."""
    path = GATES / answer.file
    if not path.exists():
        made = path.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}")
        made.write_bytes(answer.whole)
        made.replace(path)
    return path


def waited(query: str) -> Iterator[float]:
    """Naps until the gate is open; ends early when it is."""
    end, path = time.monotonic() + PATIENCE, gate_of(query)
    while not path.exists() and time.monotonic() < end:
        yield 0.01


# --- WSGI -----------------------------------------------------------------------------------------


def wsgi_shop(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    asked = (environ.get("HTTP_RANGE", ""), environ.get("HTTP_IF_NONE_MATCH", ""))
    if method == "POST":
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = answer_of(environ["PATH_INFO"], method, *asked)
    write = start_response(answer.status, answer.pairs)
    if answer.file:
        wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
        return wrapper(saved(answer).open("rb"))
    if answer.writes:
        for part in answer.parts:
            write(part)
        return []
    whole = answer.sized and FAILURE not in answer.parts and len(answer.parts) < 2
    return [answer.whole] if whole else list(answer.parts) and pieces(answer, query)


def pieces(answer: Answer, query: str) -> Iterator[bytes]:
    for part in answer.parts:
        if isinstance(part, Failure):
            raise BrokenError
        if isinstance(part, Gate):
            for nap in waited(query):
                time.sleep(nap)
            if not gate_of(query).exists():
                yield LATE
        else:
            yield part


# --- ASGI -----------------------------------------------------------------------------------------


async def asgi_shop(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    headers = dict(scope["headers"])
    asked = (headers.get(name, b"").decode() for name in (b"range", b"if-none-match"))
    answer = answer_of(scope["path"], scope["method"], *asked)
    if scope["method"] == "POST":
        while (await receive()).get("more_body", False):
            pass
    if answer.file or scope["path"] == "/file":
        answer = ANSWERS[scope["path"]]  # this one knows HEAD and ranges itself
        worker = {"X-Worker": str(os.getpid())}
        respond = FileResponse(saved(answer), headers=worker, media_type=answer.type)
        await respond(scope, receive, send)
        return
    pairs = [(name.lower().encode(), value.encode()) for name, value in answer.pairs]
    start = {"type": "http.response.start", "status": int(answer.status[:3]), "headers": pairs}
    await send(start)
    await send_parts(answer, scope["query_string"].decode(), send)


async def send_parts(answer: Answer, query: str, send: Any) -> None:
    async def body(part: bytes, *, more: bool) -> None:
        await send({"type": "http.response.body", "body": part, "more_body": more})

    if answer.sized and FAILURE not in answer.parts and len(answer.parts) < 2:
        await body(answer.whole, more=False)
        return
    for part in answer.parts:
        if isinstance(part, Failure):
            raise BrokenError
        if isinstance(part, Gate):
            for nap in waited(query):
                await asyncio.sleep(nap)
            if not gate_of(query).exists():
                await body(LATE, more=True)
        else:
            await body(part, more=True)
    await body(b"", more=False)


async def lifespan(receive: Any, send: Any) -> None:
    for what in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{what}.complete"})


# --- what the servers are told to run -------------------------------------------------------------


def listen() -> None:
    """What pixelpair has to say goes into the server's log, and can be found there."""
    told = logging.StreamHandler(sys.stderr)
    told.setFormatter(logging.Formatter("pixelpair|%(levelname)s|%(message)s"))
    logging.getLogger("pixelpair").addHandler(told)


listen()
_wsgi_door = wsgi.PixelPairMiddleware(wsgi_shop)
_asgi_door = asgi.PixelPairMiddleware(asgi_shop)


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    path = environ["PATH_INFO"]
    if path.startswith(BARE):
        environ["PATH_INFO"] = path.removeprefix(BARE)
        return wsgi_shop(environ, start_response)
    return _wsgi_door(environ, start_response)


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    path = scope.get("path", "")
    if path.startswith(BARE):
        bare = {"path": path.removeprefix(BARE)}
        await asgi_shop({**scope, **bare}, receive, send)
        return
    await _asgi_door(scope, receive, send)


application = wsgi_app  # the name that mod_wsgi looks for
