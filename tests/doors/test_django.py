"""The Django door: responses of every kind, sync and async, on both of Django's handlers."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib import admin
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.test.utils import override_settings
from django.urls import path
from django.utils.decorators import sync_only_middleware

import pixelpair
from pixelpair import asgi, wsgi
from pixelpair.core.exchange import CURRENT

from .django_shop import DOOR, Door
from .drive import (
    Answer,
    Ask,
    Ledger,
    Wire,
    ask_asgi,
    ask_wsgi,
    converse,
    environ_of,
    ids,
    names,
    scope_of,
)
from .site import BODY, DOCUMENT, HEAD, TAIL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"
DATE = "Wed, 01 Oct 2025 10:00:00 GMT"
GZIP = "django.middleware.gzip.GZipMiddleware"
LATE = "track('Contact') came after the answer was on its way: it left on neither channel"


@sync_only_middleware
def sync_only(get_response: Callable[..., Any]) -> Callable[..., Any]:
    return lambda request: get_response(request)


def tracking(get_response: Callable[..., Any]) -> Callable[..., Any]:
    def middleware(request: HttpRequest) -> Any:
        pixelpair.track("Lead")
        response = get_response(request)
        pixelpair.track("Contact")
        return response

    return middleware


@pytest.fixture
def shop(ledger: Ledger) -> Iterator[Callable[..., Any]]:
    """Builds a Django of one view, on either handler, with these middlewares."""
    Door.TRACKERS.append(ledger.tracker)
    with ExitStack() as stack:

        def build(view: Any, handler: type = WSGIHandler, middleware: Any = (DOOR,)) -> Any:
            patterns = [path("", view), path("control-room/", admin.site.urls)]
            urls = type("Urls", (), {"urlpatterns": patterns})
            given = {"MIDDLEWARE": middleware, "ROOT_URLCONF": urls}
            stack.enter_context(override_settings(**given, PIXELPAIR={"mode": "off"}))
            return handler()

        yield build


@pytest.fixture
def page(shop, ledger) -> bytes:
    """The page as this door gives it, in one piece; the next has the same ids."""
    body = ask_wsgi(shop(lambda _: HttpResponse(DOCUMENT)), Ask()).body
    assert names(ledger.twins()) == ["PageView"]
    return body


def tracks(_request: HttpRequest) -> HttpResponse:
    pixelpair.track("Contact")
    return HttpResponse(DOCUMENT)


async def tracks_async(_request: HttpRequest) -> HttpResponse:
    pixelpair.track("Lead")
    await sync_to_async(pixelpair.track)("Contact")
    return HttpResponse(DOCUMENT)


def stream(*chunks: bytes | Exception) -> Iterator[bytes]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


async def stream_async(*chunks: bytes | Exception) -> AsyncIterator[bytes]:
    for chunk in stream(*chunks):
        yield chunk


# --- views, sync and async --------------------------------------------------------------------


@pytest.mark.parametrize("view", [tracks, tracks_async], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("handler", "ask"), [(WSGIHandler, ask_wsgi), (ASGIHandler, ask_asgi)], ids=["wsgi", "asgi"]
)
@pytest.mark.parametrize(
    "inner", [(), (f"{__name__}.sync_only",)], ids=["alone", "around a sync middleware"]
)
def test_tracks_from_every_view_on_every_handler(shop, ledger, view, handler, ask, inner):
    answer = ask(shop(view, handler, (DOOR, *inner)), Ask())
    expected = ["PageView", "Contact"] if view is tracks else ["PageView", "Lead", "Contact"]
    assert names(answer.shown) == names(ledger.twins()) == expected


def test_tracks_from_a_middleware_further_in(shop, ledger):
    ask_wsgi(
        shop(lambda _: HttpResponse(DOCUMENT), middleware=(DOOR, f"{__name__}.tracking")), Ask()
    )
    assert names(ledger.twins()) == ["PageView", "Lead", "Contact"]


@pytest.mark.parametrize(("handler", "ask"), [(WSGIHandler, ask_wsgi), (ASGIHandler, ask_asgi)])
def test_an_error_page_is_no_page_view(shop, ledger, handler, ask):
    def view(_request: HttpRequest) -> HttpResponse:
        pixelpair.track("Contact")
        raise ZeroDivisionError

    app = shop(view, handler)
    assert (ask(app, Ask()).status, ask(app, Ask(path="/nowhere")).status) == (500, 404)
    assert (ledger.twins(), CURRENT.get()) == ([], None)


def test_requests_at_once_do_not_mix_their_events(shop, ledger):
    async def go() -> list[Answer]:
        meet = asyncio.Barrier(8)

        async def view(request: HttpRequest) -> HttpResponse:
            pixelpair.track("Contact", shelf=request.GET["n"])
            await meet.wait()
            return HttpResponse(DOCUMENT)

        app = shop(view, ASGIHandler)
        scopes = [scope_of(Ask(query=f"n={n}")) for n in range(8)]
        sent = await asyncio.gather(*(converse(app, scope) for scope in scopes))
        return [Answer.of(s[0]["status"], (), s[1]["body"]) for s in sent]

    answers = asyncio.run(go())
    assert [a.shown[1][1] for a in answers] == [{"shelf": str(n)} for n in range(8)]
    assert sorted(ids(ledger.twins())) == sorted(i for a in answers for i in ids(a.shown))


# --- streams ----------------------------------------------------------------------------------


def test_cuts_change_nothing(shop, page, ledger):
    cuts = iter(range(len(DOCUMENT) + 1))

    def view(_request: HttpRequest) -> StreamingHttpResponse:
        cut = next(cuts)
        return StreamingHttpResponse(stream(DOCUMENT[:cut], DOCUMENT[cut:]))

    app = shop(view)
    for _ in range(len(DOCUMENT) + 1):
        assert ask_wsgi(app, Ask()).body == page
        ledger.twins()


def test_an_async_stream_is_served_by_the_wsgi_handler(shop, page):
    """Seen: TypeError, 'async_generator' object is not iterable. Django reads it whole."""
    app = shop(lambda _: StreamingHttpResponse(stream_async(HEAD, BODY + TAIL)))
    with pytest.warns(Warning, match="must consume asynchronous iterators"):
        assert ask_wsgi(app, Ask()).body == page


def test_a_sync_stream_is_served_by_the_asgi_handler(shop, page):
    app = shop(lambda _: StreamingHttpResponse(stream(HEAD, BODY + TAIL)), ASGIHandler)
    with pytest.warns(Warning, match="must consume synchronous iterators"):
        assert ask_asgi(app, Ask()).body == page


@pytest.mark.parametrize(
    "middleware",
    [(DOOR,), (DOOR, f"{__name__}.sync_only"), (f"{__name__}.sync_only", DOOR)],
    ids=["alone", "around a sync middleware", "inside of one"],
)
def test_an_async_stream_goes_on_streaming(shop, page, middleware):
    """The second chunk is made only when the first has arrived."""

    async def go() -> bytes:
        arrived, parts = asyncio.Event(), []

        async def slow() -> AsyncIterator[bytes]:
            yield HEAD + BODY
            await asyncio.wait_for(arrived.wait(), 10)
            yield TAIL

        async def view(_request: HttpRequest) -> StreamingHttpResponse:
            return StreamingHttpResponse(slow())

        async def send(message: dict[str, Any]) -> None:
            parts.append(message.get("body", b""))
            if BODY[-10:] in parts[-1]:
                arrived.set()

        asked = [{"type": "http.request", "body": b""}]

        async def receive() -> dict[str, Any]:
            return asked.pop() if asked else await asyncio.Event().wait()

        await shop(view, ASGIHandler, middleware)(scope_of(Ask()), receive, send)
        return b"".join(parts)

    assert asyncio.run(go()) == page


@pytest.mark.parametrize("kind", ["text/html", "text/csv"])
def test_an_error_of_a_stream_is_its_servers(shop, kind):
    app = shop(
        lambda _: StreamingHttpResponse(stream(HEAD, BODY, KeyError("chair")), content_type=kind)
    )
    with pytest.raises(KeyError, match="chair"):
        ask_wsgi(app, Ask())
    assert CURRENT.get() is None


def test_a_stream_that_is_not_read_to_its_end_is_closed(shop):
    closed = []

    def chunks() -> Iterator[bytes]:
        try:
            yield from (HEAD, BODY, TAIL)
        finally:
            closed.append("closed")

    for kind in ("text/html", "text/csv"):
        app = shop(lambda _, kind=kind: StreamingHttpResponse(chunks(), content_type=kind))
        body = app(environ_of(Ask()), Wire().start_response)
        next(iter(body))
        body.close()
    assert closed == ["closed", "closed"]


@pytest.mark.parametrize(
    ("handler", "ask", "make"),
    [(WSGIHandler, ask_wsgi, iter), (ASGIHandler, ask_asgi, None)],
    ids=["wsgi", "asgi"],
)
def test_says_that_a_stream_that_passes_is_too_late(shop, ledger, said, handler, ask, make):
    def chunks() -> Iterator[bytes]:
        yield b"1;2"
        pixelpair.track("Contact")

    async def chunks_async() -> AsyncIterator[bytes]:
        for chunk in chunks():
            yield chunk

    made = chunks if make else chunks_async
    app = shop(lambda _: StreamingHttpResponse(made(), content_type="text/csv"), handler)
    assert ask(app, Ask()).body == b"1;2"
    assert (said(), ledger.twins()) == ([("WARNING", LATE)], [])


def test_the_server_may_send_a_file_in_its_own_way(shop, tmp_path):
    (tmp_path / "offer.pdf").write_bytes(b"%PDF")
    app = shop(lambda _: FileResponse((tmp_path / "offer.pdf").open("rb")))
    body = app(environ_of(Ask()) | {"wsgi.file_wrapper": FileWrapper}, Wire().start_response)
    assert isinstance(body, FileWrapper)
    body.close()


def test_a_file_of_html_is_a_page(shop, page, tmp_path):
    (tmp_path / "page.html").write_bytes(DOCUMENT)
    app = shop(lambda _: FileResponse((tmp_path / "page.html").open("rb")))
    wire = Wire()
    body = app(environ_of(Ask()) | {"wsgi.file_wrapper": FileWrapper}, wire.start_response)
    wire.parts.extend(body)
    body.close()
    assert wire.answer.body == page
    assert wire.answer.headers["content-length"] == str(len(page))


# --- its neighbours ---------------------------------------------------------------------------


def test_keeps_the_session_the_cookies_and_vary(shop):
    def view(request: HttpRequest) -> HttpResponse:
        request.session["cart"] = ["SKU-1"]
        response = HttpResponse(DOCUMENT)
        response.set_cookie("theme", "dark", max_age=60)
        return response

    middleware = (
        DOOR,
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.locale.LocaleMiddleware",
    )
    answer = ask_wsgi(shop(view, middleware=middleware), Ask())
    assert sorted(answer.cookies) == ["_fbp", "sessionid", "theme"]
    assert answer.headers["vary"] == "Accept-Language, Cookie"
    assert answer.headers["content-length"] == str(len(answer.body))


def lines_of_wsgi(app: Any, ask: Ask) -> list[str]:
    """The Set-Cookie lines, as the server gets them."""
    wire = Wire()
    list(app(environ_of(ask), wire.start_response))
    ((_, headers),) = wire.starts
    return [value.strip() for name, value in headers if name.lower() == "set-cookie"]


def lines_of_asgi(app: Any, ask: Ask) -> list[str]:
    headers = asyncio.run(converse(app, scope_of(ask)))[0]["headers"]
    return [value.decode() for name, value in headers if name.lower() == b"set-cookie"]


def refuses(_request: HttpRequest) -> HttpResponse:
    pixelpair.consent(False)
    return HttpResponse(DOCUMENT)


async def refuses_async(request: HttpRequest) -> HttpResponse:
    return refuses(request)


HELD = "_fbp=fb.1.1750000000000.1116446470; _pp_consent=1.1749990000"
ENDED = [
    "_pp_consent=0.1750000000; Domain=shop.example; Max-Age=15724800; Path=/; SameSite=Lax",
    "_fbp=; Max-Age=0; Path=/; SameSite=Lax",
    "_fbp=; Domain=shop.example; Max-Age=0; Path=/; SameSite=Lax",
]


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[None]:
    """A door that asks for consent."""
    ledger = Ledger(tmp_path / "asking", consent="required")
    Door.TRACKERS.append(ledger.tracker)
    yield
    ledger.tracker.close()


@pytest.mark.parametrize("view", [refuses, refuses_async])
@pytest.mark.parametrize(
    ("handler", "lines"),
    [(WSGIHandler, lines_of_wsgi), (ASGIHandler, lines_of_asgi)],
    ids=["wsgi", "asgi"],
)
def test_both_cookies_of_one_name_are_sent(shop, asking, view, handler, lines):
    """Seen: of `_fbp` on the host and on the domain only one was ended: Django keys by name."""
    assert lines(shop(view, handler), Ask(headers=(("cookie", HELD),))) == ENDED


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_cookies_of_one_name_are_in_the_clients_response_and_in_a_pickle(shop, asking, is_async):
    """Django's cache pickles responses with their cookies."""
    shop(refuses)
    client: Any = AsyncClient() if is_async else Client()
    client.cookies.load(HELD)
    if is_async:  # its get() has a host already, and adds another
        headers = [(b"host", b"www.shop.example"), (b"user-agent", b"Mozilla/5.0 (X11)")]
        answer = async_to_sync(client.request)(path="/", query_string="", headers=headers)
    else:
        answer = client.get("/", headers={"host": "www.shop.example", "user-agent": "Mozilla/5.0"})
    cookies = answer.cookies
    assert list(cookies) == ["_pp_consent", "_fbp", "_fbp (2)"]
    for found in (cookies, pickle.loads(pickle.dumps(cookies))):
        assert [morsel.OutputString() for morsel in found.values()] == ENDED


@pytest.mark.parametrize(
    ("handler", "lines"),
    [(WSGIHandler, lines_of_wsgi), (ASGIHandler, lines_of_asgi)],
    ids=["wsgi", "asgi"],
)
def test_cookies_of_the_shop_are_sent_once_and_as_they_are(shop, handler, lines):
    """Seen: one that a view had written as a header was sent twice."""

    def view(_request: HttpRequest) -> HttpResponse:
        response = HttpResponse(DOCUMENT, headers={"Set-Cookie": "theme=dark; Priority=High"})
        response.set_cookie("_fbp", "theirs")
        return response

    found = sorted(lines(shop(view, handler), Ask()))
    assert [line.partition(";")[0] for line in found] == [
        "_fbp=fb.1.1750000000000.4711",
        "_fbp=theirs",
        "theme=dark",
    ]
    assert found[2] == "theme=dark; Priority=High"


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_leaves_the_admin_alone_wherever_it_is(shop, ledger, said, mode):
    middleware = (
        DOOR,
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        f"{__name__}.tracking",
    )
    handler, ask = (WSGIHandler, ask_wsgi) if mode == "sync" else (ASGIHandler, ask_asgi)
    app = shop(tracks, handler, middleware)
    answer = ask(app, Ask(path="/control-room/login/"))
    assert (answer.status, b"<form" in answer.body, b"pixelpair" in answer.body) == (
        200,
        True,
        False,
    )
    assert (ledger.twins(), said(), "_fbp" in answer.cookies) == ([], [], False)


def test_a_compressor_further_out_changes_nothing(shop, ledger):
    answer = ask_wsgi(
        shop(lambda _: HttpResponse(DOCUMENT * 9), middleware=(GZIP, DOOR)),
        Ask(headers=(("accept-encoding", "gzip"),)),
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert names(ledger.twins()) == ["PageView"]


def test_a_compressor_further_in_is_undone(shop, ledger):
    app = shop(lambda _: HttpResponse(DOCUMENT * 9), middleware=(DOOR, GZIP))
    answer = ask_wsgi(app, Ask(headers=(("accept-encoding", "gzip"),)))
    assert answer.headers["content-encoding"] == "gzip"
    assert names(answer.shown) == names(ledger.twins()) == ["PageView"]


@pytest.mark.parametrize(("given", "used"), [("n1", True), (None, False)])
def test_nonce_that_django_gave_its_scripts_is_used(shop, given, used):
    """Django's own middleware (6.0) and django-csp keep it there once a template asked for it."""

    def view(request):
        request._csp_nonce = given
        return HttpResponse(DOCUMENT)

    assert (b'<script nonce="n1">' in ask_wsgi(shop(view), Ask()).body) is used


def test_a_dated_page_from_before_the_install_is_not_kept(shop):
    """Seen: ConditionalGetMiddleware outside of us compared the date, which has no suffix."""

    def view(_request):
        return HttpResponse(DOCUMENT, headers={"Last-Modified": DATE})

    app = shop(view, middleware=(CONDITIONAL, DOOR))
    held = (("if-modified-since", DATE), ("sec-fetch-dest", "document"))
    first = ask_wsgi(app, Ask(headers=held))
    assert (first.status, names(first.sealed)) == (200, ["PageView"])
    ours = (*held, ("if-none-match", first.headers["etag"]))
    assert ask_wsgi(app, Ask(headers=ours)).status == 304


def test_a_report_of_a_visitor_who_left_harms_nobody(shop, ledger):
    class Gone:
        def read(self, _size=-1):
            raise OSError("client disconnected")

        readline = read

    ask = Ask("POST", "/_pixelpair/events", headers=(("origin", "http://www.shop.example"),))
    wire = Wire()
    app = shop(lambda _: HttpResponse(DOCUMENT))
    environ = environ_of(ask) | {"wsgi.input": Gone(), "CONTENT_LENGTH": "12"}
    wire.parts.extend(app(environ, wire.start_response))
    assert (wire.answer.status, ledger.twins()) == (400, [])


def test_two_doors_make_one_snippet(shop, page, ledger):
    view = lambda _: HttpResponse(DOCUMENT)  # noqa: E731
    assert ask_wsgi(shop(view, middleware=(DOOR, DOOR)), Ask()).body == page
    around = wsgi.PixelPairMiddleware(shop(view), tracker=ledger.tracker)
    assert ids(ask_wsgi(around, Ask()).shown) == ids(ledger.twins())[1:]
    around = asgi.PixelPairMiddleware(shop(view, ASGIHandler), tracker=ledger.tracker)
    assert ask_asgi(around, Ask()).body == page
    assert names(ledger.twins()) == ["PageView"]
