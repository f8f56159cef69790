"""Shadow mode behind every door: each answer is the one that a shop without pixelpair gives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from pixelpair import Settings, Tracker, asgi, wsgi
from pixelpair.delivery.sightings import read
from pixelpair.django.responses import fed
from pixelpair.tracker import LIVING
from pixelpair.wsgi.requests import request_of

from .drive import PIXEL, Answer, Ask, Wire, ask_asgi, ask_wsgi, converse, environ_of, scope_of
from .fronts import FRONTS, Front, asgi_site, wsgi_site
from .site import CASES, DOCUMENT, NAMED, ROUTES, report
from .test_agree import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

ASKS = {name: case.ask for name, case in CASES.items()} | {"named": NAMED.ask}
ASKS |= {f"ours: {name}": ask for name, (ask, _) in OURS.items()} | {"report": report("0" * 32)}
Modes = dict[str, tuple[Front, Tracker]]


def tracker(spool: Path, mode: str, **options: object) -> Tracker:
    given = {"pixel_id": PIXEL, "access_token": "token", "secret": "secret", "routes": ROUTES}
    return Tracker(Settings(**given | options, spool=spool, mode=mode))


@pytest.fixture(scope="module", params=FRONTS)
def modes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Modes]:
    """A door in both modes."""
    folder = tmp_path_factory.mktemp("spools")
    made = {mode: tracker(folder / mode, mode) for mode in ("shadow", "off")}
    yield {mode: (FRONTS[request.param](one), one) for mode, one in made.items()}
    for one in made.values():
        one.close()


def answered(front: Front, ask: Ask) -> Answer | str:
    """The answer; of an address that the site has not, how it failed."""
    try:
        return front.ask(ask)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("case", ASKS)
def test_every_answer_is_the_shops(modes: Modes, case: str) -> None:
    (shadow, one), (off, _) = modes["shadow"], modes["off"]
    assert answered(shadow, ASKS[case]) == answered(off, ASKS[case])
    assert one.counts["failures"] == 0


def test_nothing_is_queued_and_all_is_seen(modes: Modes) -> None:
    front, one = modes["shadow"]
    for name in ("product", "purchase", "plain page"):
        front.ask(ASKS[name])
    assert not one.sends
    one.close()
    spool = one.settings.spool
    assert spool is not None
    assert [path.name for path in spool.iterdir()] == ["shadow.sqlite3"]
    seen = {(s.event, s.what) for s in read(spool)[1]}
    assert {("Purchase", "would send"), ("ViewContent", "missing there")} <= seen


# --- to the byte, in its order and its pieces ------------------------------------------------


@pytest.fixture(params=["shadow", "off"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tracker]:
    made = tracker(tmp_path, request.param)
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES)
def test_asgi_messages_are_the_apps(bare: Tracker, case: str) -> None:
    door, ask = asgi.PixelPairMiddleware(asgi_site, tracker=bare), CASES[case].ask

    def told(app: Callable[..., Any]) -> list[dict[str, Any]]:
        return asyncio.run(converse(app, scope_of(ask), *ask.pieces))

    assert told(door) == told(asgi_site)


def test_asgi_start_does_not_wait_for_the_body(bare: Tracker) -> None:
    sent: list[str] = []

    async def app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sent.append("between")
        await send({"type": "http.response.body", "body": DOCUMENT})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    door = asgi.PixelPairMiddleware(app, tracker=bare)
    asyncio.run(door(scope_of(Ask()), send, send))
    assert sent == ["http.response.start", "between", "http.response.body"]


@pytest.mark.parametrize("case", CASES)
def test_wsgi_parts_are_the_apps(bare: Tracker, case: str) -> None:
    door, ask = wsgi.PixelPairMiddleware(wsgi_site, tracker=bare), CASES[case].ask

    def told(app: Callable[..., Any]) -> tuple[type, Wire]:
        wire = Wire()
        body = app(environ_of(ask), wire.start_response)
        kind = type(body) if isinstance(body, list) else object
        wire.parts.extend(body)
        getattr(body, "close", int)()
        return kind, wire

    assert told(door) == told(wsgi_site)


def test_wsgi_list_is_handed_on_itself(bare: Tracker) -> None:
    """Servers take a length from a list of one, and send in chunks what is none."""
    body, before = [DOCUMENT], []

    def app(_environ: object, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        before.append(len(wire.starts))
        return body

    wire = Wire()
    door = wsgi.PixelPairMiddleware(app, tracker=bare)
    assert door(environ_of(Ask()), wire.start_response) is body
    assert (before, wire.starts) == ([1], [("200 OK", [("Content-Type", "text/html")])])


class Sized:
    """Parts that can be counted, and are no list."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = iter(parts)
        self.closed = 0

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[bytes]:
        return self.parts

    def close(self) -> None:
        self.closed += 1


def test_wsgi_body_that_is_counted_stays_so(bare: Tracker) -> None:
    """Seen: wsgiref's Content-Length was gone."""
    own = Sized([DOCUMENT])

    def app(_environ: object, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Type", "text/html")])
        return own

    body: Any = wsgi.PixelPairMiddleware(app, tracker=bare)(
        environ_of(Ask()), Wire().start_response
    )
    assert (len(body), list(body)) == (1, [DOCUMENT])
    body.close()
    assert own.closed == 1


def test_wsgi_empty_write_sends_the_headers(bare: Tracker) -> None:
    def app(_environ: object, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])(b"")
        return []

    wire = Wire()
    wsgi.PixelPairMiddleware(app, tracker=bare)(environ_of(Ask()), wire.start_response)
    assert wire.parts == [b""]


def test_asgi_headers_may_come_as_an_iterator(bare: Tracker) -> None:
    pairs = [(b"content-type", b"text/html"), (b"set-cookie", b"a=1")]
    sent: list[dict[str, Any]] = []

    async def app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": iter(pairs)})
        await send({"type": "http.response.body", "body": DOCUMENT})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(asgi.PixelPairMiddleware(app, tracker=bare)(scope_of(Ask()), send, send))
    assert list(sent[0]["headers"]) == pairs


def test_django_stream_keeps_its_empty_parts(bare: Tracker) -> None:
    """They send the headers while the first bytes are made."""
    exchange = bare.begin("GET", lambda: request_of(environ_of(Ask()), lambda: None, "/", {}))
    response = StreamingHttpResponse([b"", DOCUMENT])
    exchange.respond(200, [(b"content-type", b"text/html")])
    assert list(fed(exchange, iter(response.streaming_content))) == [b"", DOCUMENT]


def staff(request: Any) -> bool:
    """The shop's own question, which looks into the session."""
    return bool(request.session.get("staff"))


def home(_request: object) -> HttpResponse:
    """A page that looks into no session."""
    return HttpResponse(DOCUMENT)


@pytest.mark.parametrize(("handler", "ask"), [(WSGIHandler, ask_wsgi), (ASGIHandler, ask_asgi)])
def test_django_page_varies_by_nothing_that_only_we_looked_at(
    tmp_path: Path, handler: Any, ask: Any
) -> None:
    """Seen: `Vary: Cookie` where the door stands below SessionMiddleware."""
    session = "django.contrib.sessions.middleware.SessionMiddleware"
    given = {"mode": "shadow", "pixel_id": PIXEL, "spool": tmp_path, "staff": f"{__name__}.staff"}
    urls = type("Urls", (), {"urlpatterns": [path("", home)]})
    middleware = [session, "pixelpair.django.PixelPairMiddleware"]
    with override_settings(MIDDLEWARE=middleware, ROOT_URLCONF=urls, PIXELPAIR=given):
        answer = ask(handler(), Ask())
    (made,) = [one for one in LIVING if one.settings.spool == tmp_path]
    made.close()
    assert (answer.status, answer.headers.get("vary")) == (200, None)
    assert [seen.what for seen in read(tmp_path)[1] if not seen.event] == ["pages"]


def test_wsgi_write_is_heard(bare: Tracker) -> None:
    def app(_environ: object, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])(DOCUMENT)
        return []

    wire = Wire()
    body = wsgi.PixelPairMiddleware(app, tracker=bare)(environ_of(Ask()), wire.start_response)
    assert [*wire.parts, *body] == [DOCUMENT]


def test_a_copy_of_live_mode_is_asked_for_as_it_came(bare: Tracker) -> None:
    asked: list[str] = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked.append(environ["HTTP_IF_NONE_MATCH"])
        start_response("304 Not Modified", [("ETag", '"a"')])
        return []

    wire, ask = Wire(), Ask(headers=(("if-none-match", '"a-pp12345678"'),))
    wsgi.PixelPairMiddleware(app, tracker=bare)(environ_of(ask), wire.start_response)
    assert (asked, wire.starts) == (['"a-pp12345678"'], [("304 Not Modified", [("ETag", '"a"')])])
