"""What shops test with: every client sees the same site, with warnings as errors."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from warnings import catch_warnings, simplefilter

import httpx
import pytest
from django.test import AsyncClient, Client
from django.test.utils import override_settings

from pixelpair import wsgi
from tests.doors import fronts
from tests.doors.django_shop import DOOR, AsyncUrls, Door, SyncUrls
from tests.doors.drive import Answer, Ask, Ledger, ids, names
from tests.doors.site import CASES, ROUTES, report

from .doors import flask, plain_asgi, starlette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair import Tracker

    Send = Callable[[Ask], Answer]
    Seen = tuple[str, Send, Ledger]

with catch_warnings():  # Starlette 1.10 wants a successor of httpx for it
    simplefilter("ignore")
    from starlette.testclient import TestClient

# Django's AsyncClient can be nobody else, and ask for no other host.
HOST, PEER = "testserver", "127.0.0.1"
URL = f"http://{HOST}"


def url_of(ask: Ask) -> str:
    query = f"?{ask.query}" if ask.query else ""
    return f"{URL}{quote(ask.path)}{query}"


def headers_of(ask: Ask) -> dict[str, str]:
    """The browser's; the client adds what it adds, but for what would change the answer."""
    return {**ask.lines, "accept-encoding": "identity", "connection": "close"}


# --- the clients ---------------------------------------------------------------------------------


def by_httpx_wsgi(tracker: Tracker) -> Send:
    app = wsgi.PixelPairMiddleware(fronts.wsgi_site, tracker=tracker)
    return partial(_by_httpx, httpx.Client(transport=httpx.WSGITransport(app, remote_addr=PEER)))


def _by_httpx(client: httpx.Client, ask: Ask) -> Answer:
    client.cookies.clear()
    given = {"headers": headers_of(ask), "content": ask.body, "follow_redirects": False}
    with client.stream(ask.method, url_of(ask), **given) as answer:
        raw = b"".join(answer.iter_raw())
        return Answer.of(answer.status_code, answer.headers.multi_items(), raw)


def by_httpx_asgi(tracker: Tracker, make: Callable[[Tracker], Any] = plain_asgi) -> Send:
    app = make(tracker)

    async def ask_it(ask: Ask) -> Answer:
        transport = httpx.ASGITransport(app, client=(PEER, 50123))
        async with httpx.AsyncClient(transport=transport) as client:
            given = {"headers": headers_of(ask), "content": ask.body}
            async with client.stream(ask.method, url_of(ask), **given) as answer:
                raw = b"".join([part async for part in answer.aiter_raw()])
                return Answer.of(answer.status_code, answer.headers.multi_items(), raw)

    return lambda ask: asyncio.run(ask_it(ask))


def by_test_client(tracker: Tracker, make: Callable[[Tracker], Any]) -> Send:
    return partial(_by_httpx, TestClient(make(tracker), URL, client=(PEER, 50123)))


def by_flask(tracker: Tracker) -> Send:
    app = flask(tracker)

    def send(ask: Ask) -> Answer:
        client = app.test_client(use_cookies=False)  # type: ignore[attr-defined]
        given = {"query_string": ask.query, "environ_base": {"REMOTE_ADDR": PEER}}
        with client.open(
            quote(ask.path), URL, method=ask.method, headers=ask.lines, data=ask.body, **given
        ) as answer:
            return Answer.of(answer.status_code, list(answer.headers), answer.data)

    return send


def by_django(tracker: Tracker, kind: Callable[..., Any], urls: type) -> Send:
    Door.TRACKERS.append(tracker)

    def send(ask: Ask) -> Answer:
        given = {"MIDDLEWARE": [DOOR], "PIXELPAIR": {"mode": "off"}, "ROOT_URLCONF": urls}
        with override_settings(**given):
            headers = {k: v for k, v in ask.lines.items() if k not in ("host", "content-length")}
            asked = {"data": ask.body, "content_type": "text/plain", "headers": headers}
            answer = kind().generic(ask.method, url_of(ask).removeprefix(URL), **asked)
            return asyncio.run(_whole(answer)) if kind is AsyncClient else of_django(answer)

    return send


async def _whole(awaited: Any) -> Answer:
    answer = await awaited
    if answer.streaming and answer.is_async:
        return of_django(answer, b"".join([part async for part in answer.streaming_content]))
    return of_django(answer)


def of_django(answer: Any, body: bytes | None = None) -> Answer:
    lines = [*answer.items(), *(("set-cookie", c.OutputString()) for c in answer.cookies.values())]
    if body is None:
        body = b"".join(answer) if answer.streaming else answer.content
    answer.close()
    return Answer.of(answer.status_code, lines, body)


CLIENTS: dict[str, Callable[[Tracker], Send]] = {
    "httpx.WSGITransport": by_httpx_wsgi,
    "httpx.ASGITransport": by_httpx_asgi,
    "httpx.ASGITransport, Starlette": partial(by_httpx_asgi, make=starlette),
    "TestClient": partial(by_test_client, make=plain_asgi),
    "TestClient, Starlette": partial(by_test_client, make=starlette),
    "FlaskClient": by_flask,
    "django.test.Client": partial(by_django, kind=Client, urls=SyncUrls),
    "django.test.AsyncClient": partial(by_django, kind=AsyncClient, urls=AsyncUrls),
}
# Of each kind of answer one: all are compared behind each door elsewhere.
SEEN = (
    *("product", "search", "signs in the path", "purchase", "own cookies", "latin-1"),
    *("streamed in odd chunks", "tracked in a stream, after the head", "public", "revalidated"),
    *("a known visitor with a new click", "post and redirect", "json", "fragment", "compressed"),
    *("custom event without content", "not modified", "file", "head", "empty stream", "not found"),
)
# What a client asks otherwise than a server would, whose view then does not know the path.
UNABLE: dict[tuple[str, str], tuple[type[Exception], str]] = {
    ("httpx.WSGITransport", "signs in the path"): (
        UnicodeDecodeError,
        "httpx decodes PATH_INFO as UTF-8; PEP 3333 wants each byte as a sign of latin-1",
    ),
    ("django.test.AsyncClient", "signs in the path"): (
        KeyError,
        "Django 5.2 gives the path of a scope as latin-1; ASGI wants it decoded as UTF-8",
    ),
}


@pytest.fixture(scope="module", params=CLIENTS)
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    ledger = Ledger(tmp_path_factory.mktemp("spool"), routes=ROUTES)
    yield request.param, CLIENTS[request.param](ledger.tracker), ledger
    ledger.tracker.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """The plain door as a server asks it."""
    ledger = Ledger(tmp_path_factory.mktemp("spool"), routes=ROUTES)
    yield "", fronts.plain_asgi(ledger.tracker).ask, ledger
    ledger.tracker.close()


def through(client: Seen, ask: Ask) -> tuple[Answer, list[dict]]:
    _, send, ledger = client
    ask = replace(ask, headers=(*ask.headers, ("host", HOST)), peer=PEER)
    ledger.twins()
    return send(ask), ledger.twins()


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous")
@pytest.mark.parametrize("name", SEEN)
def test_every_client_sees_the_same(client: Seen, expected: Seen, name: str):
    ask = CASES[name].ask
    if (client[0], name) in UNABLE:
        with pytest.raises(UNABLE[client[0], name][0]):
            through(client, ask)
        return
    assert through(client, ask) == through(expected, ask)


def test_every_client_reports(client: Seen):
    answer, [twin] = through(client, report("d" * 32, URL))
    assert (answer.status, answer.body, set(answer.cookies)) == (204, b"", {"_fbp"})
    assert twin["event_id"] == "d" * 32


def test_every_client_sees_pairs(client: Seen):
    answer, twins = through(client, CASES["product"].ask)
    assert names(twins) == names(answer.shown) == ["PageView", "ViewContent"]
    assert ids(twins) == ids(answer.shown)
