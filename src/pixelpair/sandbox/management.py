"""Graph's management calls over HTTP, alone or fifty in one: catalogs, products, tags, media."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from starlette.exceptions import HTTPException

from . import bodies, params, proofs, verdicts
from .asks import Ask
from .call_budgets import CODES, spend
from .catalog_edges import answer
from .graph import VERSION, faulty, token_of, trace
from .items_batch import MAX_BYTES
from .refusals import RefusedError, bad_parameter, throttled, too_much
from .rules import is_token
from .web import FRESH, TooLargeError, body_of, content_type, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from .box import Sandbox
    from .faults import Fault
    from .graph import Graph

MAX_CALLS = 50
# Only shown in the `next` of a page, for calls of a batch that named no version.
DEFAULT = "v26.0"
METHODS = ("GET", "POST", "DELETE")
_VERSION_LIKE = re.compile(r"v[0-9].*")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request brought. `root` is the address of this version of Graph."""

    given: Mapping[str, Any]
    token: object
    root: str


class Management:
    """Every path under a version that is no endpoint of its own."""

    def __init__(self, box: Sandbox, graph: Graph) -> None:
        self._box = box
        self._graph = graph

    async def call(self, request: Request) -> Response:
        """`/v{N.N}/{object}` or `/v{N.N}/{object}/{edge}`; a batch where there is no object."""
        number = request.path_params.get("version", "")
        version = f"v{number}" if number else ""
        parts = _parts(request.path_params.get("rest", ""))
        if (version and not VERSION.fullmatch(version)) or len(parts) > 2:
            return _unknown(version, request.url.path)
        try:
            sent = await _read(request, version)
        except RefusedError as error:
            return _refused(error.rejection)
        if not is_token(sent.token):
            return _refused(verdicts.bad_token())
        if not proofs.fits(self._box.app_secret, str(sent.token), sent.given):
            return _refused(verdicts.bad_proof())
        if parts:
            return await self._one(request.method, parts, sent)
        return await self._batch(request.method, sent)

    async def _one(self, method: str, parts: list[str], sent: Sent) -> Response:
        """One call, a fault on order permitting."""
        node, edge = (*parts, "")[:2]
        address = "/".join((sent.root, *parts))
        given = _without_keys(dict(sent.given))
        ask = Ask(method, node, edge, given, time.time(), str(sent.token), address)
        fault = self._box.rehearsals.take(ask.now, edge or "node")
        if fault is None:
            return self._answer(ask)
        await asyncio.sleep(fault.hang)
        if not fault.answers or fault.accept:
            told = self._answer(ask, fault)
            if not fault.answers:
                return told
        return faulty(fault)

    def _answer(self, ask: Ask, fault: Fault | None = None) -> Response:
        """By whom the edge belongs to: those of events are the events' Graph's."""
        if (ask.method, ask.edge) == ("POST", "events"):
            return self._graph.batched(ask)
        if (ask.method, ask.node, ask.edge) == ("GET", "dataset_quality", ""):
            return self._graph.quality(ask.given)
        return self._manage(ask, fault)

    def _manage(self, ask: Ask, fault: Fault | None) -> Response:
        box = self._box
        limit, end = (fault.budget, fault.ends) if fault else (None, None)
        spent = spend(box.catalogs, ask, limit, box.rehearsals.until(ask.edge or "node"))
        headers = {**FRESH, **(spent.header() if spent else {})}
        try:
            if spent and spent.minutes:
                raise throttled(CODES[spent.kind], spent.kind)
            told = answer(box.catalogs, ask, end or "finished")
        except RefusedError as error:
            return _refused(error.rejection, headers)
        if ask.method != "GET":
            box.book.revision += 1  # the page hears of it
        return json_answer(told, headers=headers)

    async def _batch(self, method: str, sent: Sent) -> Response:
        """Each call is answered for itself, in order; a body is JSON in a string."""
        try:
            calls = params.items(sent.given, "batch") if method == "POST" else []
            if not 0 < len(calls) <= MAX_CALLS:
                raise bad_parameter(f"batch must hold 1 to {MAX_CALLS} calls")
            with_headers = params.flag(sent.given, "include_headers", True)
        except RefusedError as error:
            return _refused(error.rejection)
        answers = [await self._part(call, sent) for call in calls]
        return json_answer([_shown(one, with_headers) for one in answers])

    async def _part(self, call: object, sent: Sent) -> Response:
        try:
            method, parts, given = _call(call)
        except RefusedError as error:
            return _refused(error.rejection)
        if not 0 < len(parts) <= 2 or method not in METHODS:
            return _refused(verdicts.unknown_path("/".join(parts)))
        root = sent.root if VERSION.search(sent.root) else f"{sent.root}/{DEFAULT}"
        return await self._one(method, parts, Sent(given, sent.token, root))


def _call(call: object) -> tuple[str, list[str], dict[str, Any]]:
    """Method, path and parameters of one call of a batch."""
    given = call if isinstance(call, dict) else {}
    try:
        url = urlsplit(params.text(given, "relative_url"))
    except ValueError as error:
        raise bad_parameter("relative_url is no address") from error
    parts = [unquote(part) for part in _parts(url.path)]
    if parts and VERSION.fullmatch(parts[0]):
        del parts[0]
    try:
        pairs = [*bodies.query(url.query), *bodies.query(str(given.get("body") or ""))]
    except bodies.BadBodyError as error:
        raise bad_parameter(str(error)) from error
    return str(given.get("method", "")).upper(), parts, dict(pairs)


def _without_keys(given: dict[str, Any]) -> dict[str, Any]:
    """Who calls was settled; a `next` of a page shall not carry it twice."""
    return {
        name: value for name, value in given.items() if name not in ("access_token", proofs.KEY)
    }


async def _read(request: Request, version: str) -> Sent:
    """The parameters, of the address first and then of the body."""
    given: dict[str, Any] = dict(request.query_params)
    try:
        body = await body_of(request, MAX_BYTES)
        if body:
            given |= bodies.fields(content_type(request), body)
    except TooLargeError:
        raise too_much() from None
    except bodies.BadBodyError as error:
        raise bad_parameter(str(error)) from error
    token = token_of(request, given)
    root = str(request.base_url).rstrip("/")
    return Sent(given, token, f"{root}/{version}" if version else root)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _shown(response: Response, with_headers: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"code": response.status_code, "body": bytes(response.body).decode()}
    if with_headers:
        told["headers"] = [{"name": k, "value": v} for k, v in response.headers.items()]
    return told


def _unknown(version: str, path: str) -> Response:
    """What does not even begin as a version does is no call of Graph's."""
    if not _VERSION_LIKE.fullmatch(version):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _refused(verdicts.unknown_path(path))


def _refused(rejection: verdicts.Rejection, headers: dict[str, str] | None = None) -> Response:
    return json_answer(rejection.body(trace()), status=rejection.status, headers=headers)
