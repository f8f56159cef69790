"""The sandbox's own API: what its page shows and does, for tests and scripts as well."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response, StreamingResponse

from . import compare, reasons
from .faults import parse
from .overview import tallies
from .presets import PRESETS
from .summary import delay, summary
from .web import FRESH, TooLargeError, body_of, json_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from .book import Entry
    from .box import Sandbox

# A browser opens six connections to a host, so eight browsers' worth; each costs 10 looks a second.
MAX_READERS = 48
# What arrives within this goes out as one message: nothing is queued for a reader.
PAUSE = 0.1
# Proxies close what is silent for a minute.
SILENCE = 15.0
STREAM_HEADERS = {**FRESH, "X-Accel-Buffering": "no"}


class Api:
    """The endpoints under `/api`."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    async def events(self, request: Request) -> Response:
        box = self._box
        if request.method == "DELETE":
            box.clear()
            return Response(status_code=204)
        tag = f'"{box.mark(box.book.revision)}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return json_answer({"events": box.book.rows()}, headers=headers)

    async def event(self, request: Request) -> Response:
        """One event with all that is known of it."""
        entry = self._box.book.entry(request.path_params["number"])
        if entry is None:
            return json_answer({"problem": "no such event, or no longer"}, status=404)
        return json_answer(opened(entry, self._box))

    async def overview(self, request: Request) -> Response:
        pixel = request.query_params.get("pixel", "")
        found = tallies(self._box.book.entries(), pixel)
        return json_answer({"names": [tally.shown() for tally in found]})

    async def rejections(self, _request: Request) -> Response:
        return json_answer({"rejections": list(self._box.rejections)})

    async def faults(self, request: Request) -> Response:
        rehearsals, now = self._box.rehearsals, time.time()
        if request.method == "DELETE":
            rehearsals.call_off()
            return Response(status_code=204)
        if request.method == "GET":
            presets = {name: asdict(preset) for name, preset in PRESETS.items()}
            return json_answer({"faults": rehearsals.rows(now), "presets": presets})
        try:
            ordered = parse(orjson.loads(await body_of(request)))
            rehearsals.order(ordered, now)
        except TooLargeError:
            return json_answer({"problem": "too large"}, status=413)
        except ValueError as error:
            return json_answer({"problem": str(error)}, status=400)
        if any(fault.budget for fault in ordered):
            self._box.catalogs.forget_calls()
        return Response(status_code=204)

    async def fault(self, request: Request) -> Response:
        found = self._box.rehearsals.call_off(request.path_params["number"])
        return Response(status_code=204 if found else 404)

    async def stream(self, request: Request) -> Response:
        """Server-sent events: what is there, then what comes, from `Last-Event-ID` on."""
        if self._box.readers >= MAX_READERS:
            return json_answer({"problem": "too many readers"}, status=503)
        mark = request.headers.get("last-event-id") or request.query_params.get("since", "")
        told = self._tell(request, self._box.revision_of(mark))
        return StreamingResponse(told, 200, STREAM_HEADERS, "text/event-stream")

    async def _tell(self, request: Request, seen: int) -> AsyncIterator[bytes]:
        box, faults, spoken = self._box, None, time.monotonic()
        box.readers += 1
        try:
            yield b"retry: 1000\n\n"
            while not (box.ending() or await request.is_disconnected()):
                rows = box.rehearsals.rows(time.time())
                if seen < box.book.cleared:
                    seen = -1
                more = False
                if seen != box.book.revision or rows != faults:
                    news, seen = box.news(seen)
                    faults, more, spoken = rows, news["more"], time.monotonic()
                    yield _message(box.mark(seen), {**news, "faults": rows, "now": time.time()})
                elif time.monotonic() - spoken > SILENCE:
                    spoken = time.monotonic()
                    yield b":\n\n"
                await asyncio.sleep(0 if more else PAUSE)
        finally:
            box.readers -= 1


def opened(entry: Entry, box: Sandbox) -> dict[str, Any]:
    """An event as its own page shows it."""
    browser, server = entry.halves.get("browser"), entry.halves.get("server")
    return {
        **summary(entry),
        "name": entry.name,
        "event_id": entry.event_id,
        "pixel_id": entry.pixel_id,
        "delay": delay(server),
        "why": reasons.why(entry, box.book.entries()),
        "faults": reasons.faults(entry),
        "remarks": reasons.remarks(entry),
        "lines": [line.shown() for line in compare.lines(browser, server)],
        "browser": browser,
        "server": server,
    }


def _message(mark: str, value: dict[str, Any]) -> bytes:
    """JSON has no bare line break, so one `data` line is enough."""
    return b"id: %s\ndata: %s\n\n" % (mark.encode(), orjson.dumps(value))
