"""The sandbox over HTTP: a fake Graph, a fake pixel host, and the page that shows the pairs."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from . import beacon, bodies, glance, notes, rules, verdicts
from .book import CAPACITY, Book
from .faults import Fault, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

MAX_BODY = 8 * 1024 * 1024
MAX_REJECTIONS = 200
VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,3}")
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
FRESH = {"Cache-Control": "no-store"}
# A page of any origin, isolated ones too, may load the pixel and its image.
ANY_ORIGIN = {
    **FRESH,
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PAGE_HEADERS = {
    **FRESH,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
FILES = {
    "/": ("page.html", "text/html", PAGE_HEADERS),
    "/sandbox.css": ("page.css", "text/css", FRESH),
    "/sandbox.js": ("page.js", "text/javascript", FRESH),
    "/en_US/fbevents.js": ("fbevents.js", "text/javascript", ANY_ORIGIN),
}


class TooLargeError(Exception):
    """The request body exceeds MAX_BODY."""


@dataclass(slots=True)
class Sandbox:
    """Everything one application has seen, and the faults it still owes."""

    book: Book
    rejections: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_REJECTIONS))
    faults: deque[Fault] = field(default_factory=deque)

    def next_fault(self) -> Fault | None:
        if not self.faults:
            return None
        fault = self.faults.popleft()
        if fault.count > 1:
            self.faults.appendleft(fault.less_one())
        return fault

    def clear(self) -> None:
        self.book.clear()
        self.rejections.clear()

    async def events(self, request: Request) -> Response:
        """`POST /v{N.N}/{pixel}/events`, a fault on order permitting."""
        fault = self.next_fault()
        if fault is None:
            return await self._accept(request)
        await asyncio.sleep(fault.hang)
        if not fault.answers or fault.accept:
            answer = await self._accept(request)
            if not fault.answers:
                return answer
        return _faulty(fault)

    async def _accept(self, request: Request) -> Response:
        trace, now = _trace(), time.time()
        given: dict[str, Any] = {}
        broken: verdicts.Fault | None = None
        try:
            given = bodies.parameters(_content_type(request), await _body(request))
        except TooLargeError:
            return _json({"error": {"message": "Request body too large"}}, status=413)
        except bodies.BadBodyError as error:
            broken = verdicts.Fault(("data",), str(error))
        rejection = _refuse(request, given, broken, now)
        if rejection is None:
            self._record(request.path_params["pixel_id"], given, now)
            return _json(verdicts.received(len(given["data"]), trace))
        body = rejection.body(trace)
        self._reject(request.path_params["pixel_id"], rejection.status, body, given, now)
        return _json(body, status=rejection.status)

    def _record(self, pixel_id: str, given: dict[str, Any], now: float) -> None:
        code = _plain(given.get("test_event_code"))
        for event in given["data"]:
            event_id = event.get("event_id")
            key = (pixel_id, event["event_name"], "" if event_id is None else str(event_id))
            extra = {"test_event_code": code, "notes": notes.remarks(event)}
            half = {**event, **glance.of_event(event), **extra}
            self.book.record("server", key, half, now)

    def _reject(
        self, pixel_id: str, status: int, body: dict[str, Any], given: dict[str, Any], now: float
    ) -> None:
        data = given.get("data")
        events = [_name_and_id(event) for event in data[:20]] if isinstance(data, list) else []
        row = {"received": now, "pixel_id": pixel_id, "status": status, "error": body["error"]}
        count = len(data) if isinstance(data, list) else 0
        self.rejections.append({**row, "count": count, "events": events})
        self.book.revision += 1

    async def tr(self, request: Request) -> Response:
        """The pixel's beacon: an image, whatever it was asked."""
        try:
            pairs = await _pairs(request)
        except (TooLargeError, bodies.BadBodyError):
            return _gif(400)
        found = beacon.read(
            pairs,
            user_agent=request.headers.get("user-agent", ""),
            referer=request.headers.get("referer", ""),
        )
        if found is None:
            return _gif(400)
        key = (found.pixel_id, found.name, found.event_id)
        self.book.record("browser", key, found.half, time.time())
        return _gif(200)

    async def api_events(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.clear()
            return Response(status_code=204)
        tag = f'"{id(self):x}-{self.book.revision}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return _json({"events": self.book.rows()}, headers=headers)

    async def api_rejections(self, _request: Request) -> Response:
        return _json({"rejections": list(self.rejections)})

    async def api_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
            return Response(status_code=204)
        try:
            self.faults.extend(parse(orjson.loads(await _body(request))))
        except TooLargeError:
            return _json({"problem": "too large"}, status=413)
        except ValueError as error:
            return _json({"problem": str(error)}, status=400)
        return Response(status_code=204)


def create_app(capacity: int = CAPACITY) -> Starlette:
    """A sandbox with a memory of its own, the newest `capacity` events long."""
    box = Sandbox(Book(capacity))
    app = Starlette(
        exception_handlers={ClientDisconnect: _gone},
        routes=[
            *[Route(path, _file(*what)) for path, what in FILES.items()],
            Route("/favicon.ico", _nothing),
            Route("/signals/config/{pixel_id}", _empty_script),
            Route("/tr", box.tr, methods=["GET", "POST"]),
            Route("/tr/", box.tr, methods=["GET", "POST"]),
            Route("/api/events", box.api_events, methods=["GET", "DELETE"]),
            Route("/api/rejections", box.api_rejections),
            Route("/api/faults", box.api_faults, methods=["POST", "DELETE"]),
            Route("/{version}/{pixel_id}/events", box.events, methods=["POST"]),
        ],
    )
    app.router.redirect_slashes = False
    return app


def _refuse(
    request: Request, given: dict[str, Any], broken: verdicts.Fault | None, now: float
) -> verdicts.Rejection | None:
    """The first reason not to process the call, in the order Graph meets them."""
    version, pixel_id = request.path_params["version"], request.path_params["pixel_id"]
    if not VERSION.fullmatch(version):
        return verdicts.unknown_path(f"/{version}/{pixel_id}/events")
    if not rules.is_token(_token(request, given)):
        return verdicts.bad_token()
    if not rules.is_pixel_id(pixel_id):
        return verdicts.no_such_pixel(pixel_id)
    fault = broken or rules.check(given.get("data"), now)
    return verdicts.invalid(fault) if fault else None


def _token(request: Request, given: dict[str, Any]) -> object:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    return request.query_params.get("access_token") or given.get("access_token")


async def _gone(_request: Request, _error: Exception) -> Response:
    """A sender that was killed amid its call: nobody reads this answer."""
    return Response(status_code=400)


async def _body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise TooLargeError
        chunks.append(chunk)
    return b"".join(chunks)


async def _pairs(request: Request) -> Iterable[tuple[str, str]]:
    in_url = bodies.query(request.scope["query_string"].decode("latin-1"))
    if request.method != "POST":
        return in_url
    return [*in_url, *bodies.pairs(_content_type(request), await _body(request))]


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "")


def _name_and_id(event: object) -> dict[str, Any]:
    known = event if isinstance(event, dict) else {}
    return {"name": _plain(known.get("event_name")), "event_id": _plain(known.get("event_id"))}


def _plain(value: object) -> str | int | None:
    return value if isinstance(value, str | int) else None


def _trace() -> str:
    return "A" + secrets.token_urlsafe(16)


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers or FRESH, "application/json")


def _gif(status: int) -> Response:
    return Response(GIF, status, ANY_ORIGIN, "image/gif")


def _faulty(fault: Fault) -> Response:
    status = fault.answer_status()
    headers = {**FRESH, **fault.headers}
    if status in (204, 304):
        return Response(status_code=status, headers=headers)
    if fault.body is not None:
        return Response(fault.body, status, headers, "text/html")
    error = {**fault.error_fields(), "fbtrace_id": _trace()}
    return _json({"error": error}, status=status, headers=headers)


def _file(name: str, media_type: str, headers: dict[str, str]) -> Any:
    content = Path(__file__).with_name(name).read_bytes()

    async def serve_file(_request: Request) -> Response:
        return Response(content, 200, headers, media_type)

    return serve_file


async def _empty_script(_request: Request) -> Response:
    return Response(b"", 200, ANY_ORIGIN, "text/javascript")


async def _nothing(_request: Request) -> Response:
    return Response(status_code=204)
