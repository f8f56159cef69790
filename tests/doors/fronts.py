"""The same site behind every door: each front takes a tracker, and is asked like a server asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import fastapi
import flask
import starlette.responses as answers
from anyio import from_thread
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.routing import Route

from pixelpair import asgi, wsgi
from pixelpair.flask import PixelPair

from .django_shop import DOOR, AsyncUrls, Door, SyncUrls
from .drive import Answer, Ask, ask_asgi, ask_wsgi
from .site import READ, Reply, view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request as StarletteRequest

    from pixelpair import Settings, Tracker

METHODS = ["GET", "HEAD", "POST"]


def read_file(file: Any, how: str) -> None:
    """What a view reads that has the body as a file."""
    if how == "pieces":
        READ.append(b"".join(iter(partial(file.read, 7), b"")))
    elif how == "lines":
        READ.append(b"".join(file))
    elif how == "half":
        READ.append(file.read(7))


@dataclass(frozen=True, slots=True)
class Front:
    """A door with the site behind it."""

    ask: Callable[[Ask], Answer]
    sees_names: bool = True


# --- plain WSGI and ASGI ----------------------------------------------------------------------


def wsgi_site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    path = environ["PATH_INFO"].encode("latin-1").decode()
    reply = view(environ["REQUEST_METHOD"], path)
    file, how = environ["wsgi.input"], reply.reads
    if how in ("whole", "form", "twice"):
        size = -1 if "wsgi.input_terminated" in environ else int(environ.get("CONTENT_LENGTH", 0))
        READ.append(file.read(size))
    read_file(file, how)
    start_response(f"{reply.status} Said so", [*reply.pairs, *reply.cookie_pairs])
    if reply.file:
        return FileWrapper(reply.file.open("rb"))
    return reply.stream() if reply.streams else [reply.whole]


async def asgi_site(
    scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
) -> None:
    reply = view(scope["method"], scope["path"].removeprefix(scope["root_path"]))
    if reply.reads and reply.reads != "never":
        bodies, more = [], True
        while more:
            message = await receive()
            bodies.append(message["body"])
            more = message["more_body"] and reply.reads != "half"
        READ.append(b"".join(bodies))
    pairs = [(k.encode(), v.encode()) for k, v in (*reply.pairs, *reply.cookie_pairs)]
    await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
    if reply.streams:
        for chunk in reply.stream():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    body = b"" if reply.streams else reply.whole
    await send({"type": "http.response.body", "body": body})


def plain_wsgi(tracker: Tracker) -> Front:
    door = wsgi.PixelPairMiddleware(validator(wsgi_site), tracker=tracker)
    return Front(partial(ask_wsgi, door), sees_names=False)


def plain_asgi(tracker: Tracker) -> Front:
    door = asgi.PixelPairMiddleware(asgi_site, tracker=tracker)
    return Front(partial(ask_asgi, door), sees_names=False)


# --- Starlette and FastAPI --------------------------------------------------------------------


async def _later(reply: Reply) -> AsyncIterator[bytes]:
    for chunk in reply.stream():
        yield chunk


def starlette_response(reply: Reply, body: Any) -> answers.Response:
    headers = dict(reply.pairs)
    if reply.file:
        made: Any = answers.FileResponse(reply.file, 200, headers, stat_result=reply.file.stat())
        for name in set(made.headers) - set(headers):
            del made.headers[name]
        return made
    kind = answers.StreamingResponse if reply.streams else answers.Response
    made = kind(body, reply.status, headers)
    for name, value in reply.cookies:
        made.set_cookie(name, value, httponly=True)
    return made


async def read_starlette(request: StarletteRequest, how: str) -> None:
    if how == "form":
        async with request.form() as form:
            READ.append(await told(form.multi_items()))
    elif how == "half":
        READ.append(await anext(request.stream()))
    elif how in ("pieces", "lines"):
        READ.append(b"".join([piece async for piece in request.stream()]))
    elif how in ("whole", "twice"):
        READ.append(await request.body())
        assert how == "whole" or await request.body() == READ[-1]


async def told(fields: list[tuple[str, Any]]) -> dict[str, object]:
    """The fields of a form as all frameworks give them: texts, and the bytes of files."""
    return {name: v if isinstance(v, str) else await v.read() for name, v in fields}


async def starlette_view(request: StarletteRequest) -> answers.Response:
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    reply = view(request.method, path)
    await read_starlette(request, reply.reads)
    return starlette_response(reply, _later(reply) if reply.streams else reply.whole)


def starlette(tracker: Tracker) -> Front:
    app = Starlette(
        routes=[
            Route("/goods/{sku}", starlette_view, name="goods"),
            Route("/{path:path}", starlette_view, methods=METHODS),
        ]
    )
    app.add_middleware(asgi.PixelPairMiddleware, tracker=tracker)
    return Front(partial(ask_asgi, app))


def fastapi_view(request: fastapi.Request) -> answers.Response:
    """A sync view: FastAPI runs it, and the body that it streams, in threads."""
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    reply = view(request.method, path)
    if reply.reads:
        from_thread.run(read_starlette, request, reply.reads)
    body = iterate_in_threadpool(reply.stream()) if reply.streams else reply.whole
    return starlette_response(reply, body)


def fast_api(tracker: Tracker) -> Front:
    app = fastapi.FastAPI()
    app.add_api_route("/goods/{sku}", fastapi_view, name="goods", response_model=None)
    app.add_api_route("/{path:path}", fastapi_view, methods=METHODS, response_model=None)
    return Front(partial(ask_asgi, asgi.PixelPairMiddleware(app, tracker=tracker)))


# --- Flask ------------------------------------------------------------------------------------


def read_flask(how: str) -> None:
    request = flask.request
    if how == "form":
        files = {name: file.read() for name, file in request.files.items()}
        READ.append({**request.form.to_dict(), **files})
    elif how in ("whole", "twice"):
        READ.append(request.get_data())
        assert how == "whole" or request.get_data() == READ[-1]
    else:
        read_file(request.stream, how)


def flask_view(**_: object) -> flask.Response:
    reply = view(flask.request.method, flask.request.path)
    read_flask(reply.reads)
    if reply.file:
        made = flask.send_file(reply.file, conditional=False, etag=False)
        made.headers.clear()
    else:
        body: Any = reply.stream() if reply.streams else reply.whole
        made = flask.Response(body, reply.status)
    made.headers.pop("Content-Type", None)
    for name, value in reply.pairs:
        made.headers[name] = value
    for name, value in reply.cookies:
        made.set_cookie(name, value, httponly=True, samesite="Lax")
    return made


def flask_app(settings: Settings | None = None) -> flask.Flask:
    app = flask.Flask(__name__, static_folder=None)
    app.add_url_rule("/goods/<sku>", "goods", flask_view)
    app.add_url_rule("/", "home", flask_view, methods=METHODS)
    app.add_url_rule("/<path:path>", "any", flask_view, methods=METHODS)
    PixelPair(app, settings)
    return app


def flask_front(tracker: Tracker) -> Front:
    app = flask_app(tracker.settings)
    app.wsgi_app.tracker = tracker  # type: ignore[attr-defined]
    return Front(partial(ask_wsgi, app))


# --- Django -----------------------------------------------------------------------------------


def django_front(
    tracker: Tracker, handler: type, urls: type, ask: Callable[[Any, Ask], Answer]
) -> Front:
    Door.TRACKERS.append(tracker)
    with override_settings(MIDDLEWARE=[DOOR], PIXELPAIR={"mode": "off"}):
        app = handler()

    def ask_it(what: Ask) -> Answer:
        with override_settings(ROOT_URLCONF=urls), catch_warnings():
            filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")
            return ask(app, what)

    return Front(ask_it)


FRONTS: dict[str, Callable[[Tracker], Front]] = {
    "asgi": plain_asgi,
    "starlette": starlette,
    "fastapi": fast_api,
    "wsgi": plain_wsgi,
    "flask": flask_front,
    "django": partial(django_front, handler=WSGIHandler, urls=SyncUrls, ask=ask_wsgi),
    "django async": partial(django_front, handler=ASGIHandler, urls=AsyncUrls, ask=ask_asgi),
}
