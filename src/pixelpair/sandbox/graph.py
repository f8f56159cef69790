"""The fake Graph: takes events, and tells of a data set's quality. In Meta's shapes."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from . import bodies, expansion, glance, notes, proofs, quality, rules, verdicts
from .web import FRESH, TooLargeError, body_of, content_type, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from .asks import Ask
    from .box import Sandbox
    from .faults import Fault

VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,3}")


class Graph:
    """The endpoints of graph.facebook.com that a shop uses."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    async def events(self, request: Request) -> Response:
        """`POST /v{N.N}/{pixel}/events`, a fault on order permitting."""
        fault = self._box.rehearsals.take(time.time(), "events")
        if fault is None:
            return await self._accept(request)
        await asyncio.sleep(fault.hang)
        if not fault.answers or fault.accept:
            answer = await self._accept(request)
            if not fault.answers:
                return answer
        return faulty(fault)

    async def dataset_quality(self, request: Request) -> Response:
        """`GET /v{N.N}/dataset_quality`: of one data set, by event name."""
        asked = request.query_params
        version = request.path_params["version"]
        path, token = f"/{version}/dataset_quality", token_of(request, {})
        refused = self._refuse(version, token, asked, path)
        if refused:
            return json_answer(refused.body(trace()), status=refused.status)
        return self.quality(asked)

    def quality(self, asked: Mapping[str, Any]) -> Response:
        """What `dataset_quality` answers to these parameters."""
        dataset, agent = str(asked.get("dataset_id", "")), str(asked.get("agent_name", ""))
        if not rules.is_pixel_id(dataset):
            rejection = verdicts.no_such_object(dataset, "GET")
            return json_answer(rejection.body(trace()), status=rejection.status)
        try:
            entries = self._box.book.entries()
            found = quality.answer(entries, dataset, str(asked.get("fields", "")), agent)
        except expansion.BadFieldsError as error:
            rejection = verdicts.bad_fields(str(error))
            return json_answer(rejection.body(trace()), status=rejection.status)
        return json_answer(found)

    def batched(self, ask: Ask) -> Response:
        """The events of one call of a batch: its body is a form, and `data` in it a text."""
        given, broken = dict(ask.given), None
        if isinstance(given.get("data"), str):
            try:
                given["data"] = bodies.events(given["data"])
            except bodies.BadBodyError as error:
                broken = verdicts.Fault(("data",), str(error))
        return self._judge(ask.node, given, _broken(ask.node, given, broken, ask.now), ask.now)

    async def _accept(self, request: Request) -> Response:
        now = time.time()
        given: dict[str, Any] = {}
        broken: verdicts.Fault | None = None
        try:
            given = bodies.parameters(content_type(request), await body_of(request))
        except TooLargeError:
            return json_answer({"error": {"message": "Request body too large"}}, status=413)
        except bodies.BadBodyError as error:
            broken = verdicts.Fault(("data",), str(error))
        version, pixel_id = request.path_params["version"], request.path_params["pixel_id"]
        path, token = f"/{version}/{pixel_id}/events", token_of(request, given)
        proof = {**given, **request.query_params}
        refused = self._refuse(version, token, proof, path)
        refused = refused or _broken(pixel_id, given, broken, now)
        return self._judge(pixel_id, given, refused, now)

    def _judge(
        self, pixel_id: str, given: dict[str, Any], refused: verdicts.Rejection | None, now: float
    ) -> Response:
        """Record the events, or the refusal; then answer so."""
        mark = trace()
        if refused is None:
            self._record(pixel_id, given, now)
            return json_answer(verdicts.received(len(given["data"]), mark))
        body = refused.body(mark)
        self._reject(pixel_id, refused.status, body, given, now)
        return json_answer(body, status=refused.status)

    def _refuse(
        self, version: str, token: object, given: Mapping[str, Any], path: str
    ) -> verdicts.Rejection | None:
        """The first reason not to process a call, in the order Graph meets them."""
        if not VERSION.fullmatch(version):
            return verdicts.unknown_path(path)
        if not rules.is_token(token):
            return verdicts.bad_token()
        if not proofs.fits(self._box.app_secret, str(token), given):
            return verdicts.bad_proof()
        return None

    def _record(self, pixel_id: str, given: dict[str, Any], now: float) -> None:
        batch = {"test_event_code": plain(given.get("test_event_code"))}
        if agent := plain(given.get("partner_agent")):
            batch["partner_agent"] = agent
        for event in given["data"]:
            event_id = event.get("event_id")
            key = (pixel_id, event["event_name"], "" if event_id is None else str(event_id))
            half = {**event, **glance.of_event(event), **batch, "notes": notes.remarks(event)}
            self._box.book.record("server", key, half, now)

    def _reject(
        self, pixel_id: str, status: int, body: dict[str, Any], given: dict[str, Any], now: float
    ) -> None:
        data = given.get("data")
        events = [_name_and_id(event) for event in data[:20]] if isinstance(data, list) else []
        row = {"received": now, "pixel_id": pixel_id, "status": status, "error": body["error"]}
        count = len(data) if isinstance(data, list) else 0
        self._box.reject({**row, "count": count, "events": events})


def _broken(
    pixel_id: str, given: dict[str, Any], broken: verdicts.Fault | None, now: float
) -> verdicts.Rejection | None:
    if not rules.is_pixel_id(pixel_id):
        return verdicts.no_such_object(pixel_id, "POST")
    fault = broken or rules.check(given.get("data"), now)
    return verdicts.invalid(fault) if fault else None


def token_of(request: Request, given: dict[str, Any]) -> object:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    return request.query_params.get("access_token") or given.get("access_token")


def _name_and_id(event: object) -> dict[str, Any]:
    known = event if isinstance(event, dict) else {}
    return {"name": plain(known.get("event_name")), "event_id": plain(known.get("event_id"))}


def plain(value: object) -> str | int | None:
    return value if isinstance(value, str | int) else None


def trace() -> str:
    return "A" + secrets.token_urlsafe(16)


def faulty(fault: Fault) -> Response:
    status = fault.answer_status()
    headers = {**FRESH, **fault.headers}
    if status in (204, 304):
        return Response(status_code=status, headers=headers)
    if fault.body is not None:
        kind = "application/json" if fault.body.startswith(("{", "[")) else "text/html"
        return Response(fault.body, status, headers, kind)
    error = {**fault.error_fields(), "fbtrace_id": trace()}
    return json_answer({"error": error}, status=status, headers=headers)
