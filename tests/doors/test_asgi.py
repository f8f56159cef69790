"""The ASGI door and the protocol: messages in every order that the specification allows."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import iscoroutinefunction
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Mount, Route

import pixelpair
from pixelpair.asgi import PixelPairMiddleware
from pixelpair.core.exchange import CURRENT

from .drive import Answer, Ask, Ledger, answer_of, converse, ids, names, scope_of
from .site import BODY, DOCUMENT, HEAD, TAIL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

HTML = [(b"content-type", b"text/html; charset=utf-8")]
START = {"type": "http.response.start", "status": 200, "headers": HTML}
JSON = {**START, "headers": [(b"content-type", b"application/json")]}


def body(chunk: bytes = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def sending(*messages: dict[str, Any]) -> Callable[..., Any]:
    async def app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
        for message in messages:
            await send(message)

    return app


async def ask(app: Callable[..., Any], what: Ask | None = None) -> Answer:
    return answer_of(await converse(app, scope_of(what or Ask())))


@pytest.fixture
def door(ledger: Ledger) -> Callable[..., PixelPairMiddleware]:
    return partial(PixelPairMiddleware, tracker=ledger.tracker)


@pytest.fixture
async def page(door, ledger: Ledger) -> bytes:
    """The page as this door gives it, in one piece; the next has the same ids."""
    answer = await ask(door(sending(START, body(DOCUMENT))))
    assert names(ledger.twins()) == ["PageView"]
    return answer.body


async def test_a_send_that_is_no_coroutine_function_is_marked_as_one(door):
    """asgiref's WsgiToAsgi warned of it at each request."""

    async def app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
        assert iscoroutinefunction(send)
        await send(START)
        await send(body(DOCUMENT))

    assert (await ask(door(app))).status == 200


async def test_hands_on_the_very_messages_of_what_is_no_page(door):
    last = body(b"{}")
    sent = await converse(door(sending(JSON, last)), scope_of(Ask()))
    assert sent[0] is JSON
    assert sent[1] is last


async def test_changes_no_message_that_others_may_hold(door):
    """A cached answer's messages may be sent to a hundred visitors."""
    messages = [{**START, "headers": list(HTML)}, body(DOCUMENT)]
    app = door(sending(*messages))
    first, second = [await converse(app, scope_of(Ask())) for _ in range(2)]
    assert messages == [START, body(DOCUMENT)]
    assert len(first[1]["body"]) == len(second[1]["body"]) > len(DOCUMENT)


async def test_changes_no_message_of_an_act(door):
    messages = [{**JSON, "headers": list(JSON["headers"])}, body(b"{}")]

    async def app(*given: Any) -> None:
        pixelpair.track("Contact")
        await sending(*messages)(*given)

    answer = await ask(door(app), Ask("POST"))
    assert names(answer.shown) == ["Contact"]
    assert messages == [JSON, body(b"{}")]


@pytest.mark.parametrize(
    "messages",
    [
        [body(b"", True), body(HEAD, True), body(BODY, True), body(TAIL, True), body()],
        [body(DOCUMENT, True), body(b"", True), body()],
        [body(HEAD, True), {"type": "http.response.body", "body": BODY + TAIL}],
        [body(HEAD, True), body(BODY + TAIL, True), {"type": "http.response.body"}],
        [body(memoryview(HEAD), True), body(bytearray(BODY), True), body(memoryview(TAIL))],
    ],
    ids=["empty first", "empty between", "no more_body", "no body", "no bytes"],
)
async def test_serves_every_sequence_of_bodies(door, page, messages):
    assert (await ask(door(sending(START, *messages)))).body == page


async def test_cuts_change_nothing(door, page, ledger):
    for cut in range(len(DOCUMENT) + 1):
        bodies = [body(DOCUMENT[:cut], True), body(DOCUMENT[cut:])]
        assert (await ask(door(sending(START, *bodies)))).body == page
        ledger.twins()


async def test_serves_a_memoryview_of_starlette(door, page):
    async def chunks() -> AsyncIterator[memoryview]:
        for start in range(0, len(DOCUMENT), 7):
            yield memoryview(DOCUMENT)[start : start + 7]

    assert (await ask(door(StreamingResponse(chunks(), media_type="text/html")))).body == page


@pytest.mark.parametrize("make", [tuple, iter], ids=["tuple", "iterator"])
async def test_serves_headers_of_every_kind(door, ledger, page, make):
    scope = scope_of(Ask())
    given = scope["headers"]
    scope["headers"] = make(scope["headers"])

    async def app(scope: dict[str, Any], _receive: object, send: Callable[..., Any]) -> None:
        assert list(scope["headers"]) == given
        await send({**START, "headers": make([list(pair) for pair in HTML])})
        await send(body(DOCUMENT))

    answer = answer_of(await converse(door(app), scope))
    assert answer.body == page
    assert ledger.twins()[0]["user_data"]["client_user_agent"] == "Mozilla/5.0 (X11; Linux x86_64)"


async def test_serves_a_start_without_headers(door):
    sent = await converse(
        door(sending({"type": "http.response.start", "status": 204}, body())), scope_of(Ask())
    )
    assert answer_of(sent) == Answer(204, {}, {}, b"")


async def test_serves_header_names_in_any_case(door, page):
    """Seen: Django's ASGI handler sends Content-Type, and its pages were left alone."""
    start = {**START, "headers": [(b"Content-Type", b"text/html"), (b"CONTENT-LENGTH", b"126")]}
    answer = await ask(door(sending(start, body(DOCUMENT))))
    assert (answer.body, answer.headers["content-length"]) == (page, str(len(page)))


async def test_a_page_that_the_server_would_read_is_read(door, page, tmp_path):
    """Seen: Starlette's FileResponse on granian, which sends files itself, had no pixel."""
    file = tmp_path / "page.html"
    file.write_bytes(DOCUMENT)
    path = {"type": "http.response.pathsend", "path": str(file)}
    assert (await ask(door(sending(START, path)))).body == page


async def test_lets_a_path_of_no_page_pass(door, tmp_path):
    start = {**START, "headers": [(b"content-type", b"text/plain")]}
    path = {"type": "http.response.pathsend", "path": str(tmp_path / "page.txt")}
    assert await converse(door(sending(start, path)), scope_of(Ask())) == [start, path]


async def test_lets_a_path_of_a_missing_file_pass(door):
    path = {"type": "http.response.pathsend", "path": "/srv/page.html"}
    assert await converse(door(sending(START, path)), scope_of(Ask())) == [START, path]


@pytest.mark.parametrize("path", [b"/srv/page.html", "/srv/\0"])
async def test_lets_a_path_that_is_none_pass(door, path):
    """Seen: what is wrong with it was raised into the app; the server may take it, or say so."""
    path = {"type": "http.response.pathsend", "path": path}
    assert await converse(door(sending(START, path)), scope_of(Ask())) == [START, path]


async def test_lets_a_path_of_a_file_pass_that_is_too_large_to_hold(door, tmp_path):
    file = tmp_path / "page.html"
    file.write_bytes(DOCUMENT + b" " * 4 * 1024 * 1024)
    path = {"type": "http.response.pathsend", "path": str(file)}
    assert await converse(door(sending(START, path)), scope_of(Ask())) == [START, path]


async def test_lets_trailers_pass(door, page):
    start = {**START, "trailers": True}
    trailers = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}
    sent = await converse(door(sending(start, body(DOCUMENT), trailers)), scope_of(Ask()))
    assert sent[0]["trailers"] is True
    assert sent[1:] == [body(page), trailers]


async def test_lets_early_hints_pass_before_the_start(door, page):
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
    sent = await converse(door(sending(hint, START, body(DOCUMENT))), scope_of(Ask()))
    assert sent[0] is hint
    assert answer_of(sent[1:]).body == page


async def test_touches_nothing_but_http(door):
    met = []

    async def app(*given: object) -> None:
        met.append(given)

    given = ({"type": "websocket"}, object(), object())
    await door(app)(*given)
    assert all(mine is theirs for mine, theirs in zip(met[0], given, strict=True))
    assert given[0] == {"type": "websocket"}


async def test_the_start_waits_for_the_first_bytes_and_for_no_more(door):
    sent: list[dict[str, Any]] = []
    counts: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
        for message in (START, body(b"", True), body(HEAD + BODY, True), body(TAIL)):
            await send(message)
            counts.append(len(sent))

    await door(app)(scope_of(Ask()), None, send)
    assert counts == [0, 0, 2, 3]


@pytest.mark.parametrize(
    ("before", "reached"),
    [([], 0), ([START], 0), ([START, body(HEAD, True)], 2)],
    ids=["nothing", "start", "bytes"],
)
async def test_an_error_of_the_app_is_its_servers(door, before, reached):
    """An error before the first bytes leaves the server free to answer 500."""
    error, sent = RuntimeError("out of chairs"), []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def app(*given: Any) -> None:
        await sending(*before)(*given)
        raise error

    with pytest.raises(RuntimeError) as caught:
        await door(app)(scope_of(Ask()), None, send)
    assert caught.value is error
    assert (len(sent), CURRENT.get()) == (reached, None)


async def test_an_error_of_the_server_is_the_apps(door):
    """A visitor who left: servers raise OSError from send, and Starlette listens for it."""
    met = []

    async def send(message: dict[str, Any]) -> None:
        raise OSError("gone")

    async def app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
        await send(START)
        try:
            await send(body(HEAD, True))
        except OSError as error:
            met.append(str(error))

    await door(app)(scope_of(Ask()), None, send)
    assert met == ["gone"]


async def test_a_cancelled_request_leaves_nothing_behind(door, ledger):
    """What was sent before stays sent: its twin is in the journal."""
    reached = asyncio.Event()

    async def app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
        await send(START)
        await send(body(HEAD + BODY, True))
        reached.set()
        await asyncio.Event().wait()

    async def send(_message: object) -> None: ...

    task = asyncio.create_task(door(app)(scope_of(Ask()), None, send))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(ledger.twins()) == ["PageView"]


async def test_two_doors_make_one_snippet(door, page, ledger):
    assert (await ask(door(door(sending(START, body(DOCUMENT)))))).body == page
    assert names(ledger.twins()) == ["PageView"]


# --- routers further in ----------------------------------------------------------------------


async def html(_request: object) -> HTMLResponse:
    return HTMLResponse(DOCUMENT)


async def test_a_mount_further_in_moves_no_path(door, ledger):
    """Starlette moves root_path in place; rules and EXCLUDE mean the door's own paths."""
    inner = [Route("/{rest:path}", html)]
    app = door(Starlette(routes=[Mount("/products", routes=inner), Mount("/admin", routes=inner)]))
    await ask(app, Ask(path="/products/SKU-1", root="/butik"))
    twins = ledger.twins()
    assert names(twins) == ["PageView", "ViewContent"]
    assert twins[0]["event_source_url"] == "http://www.shop.example/butik/products/SKU-1"
    assert (await ask(app, Ask(path="/admin/orders"))).body == DOCUMENT


async def test_a_door_inside_of_a_mount_knows_it(door, ledger):
    shop = door(Starlette(routes=[Route("/products/{sku}", html)]))
    await ask(Starlette(routes=[Mount("/butik", app=shop)]), Ask(path="/butik/products/SKU-1"))
    twins = ledger.twins()
    assert names(twins) == ["PageView", "ViewContent"]
    assert twins[0]["event_source_url"] == "http://www.shop.example/butik/products/SKU-1"


@pytest.mark.parametrize("path", ["/butik/products/SKU-1", "/products/SKU-1"])
async def test_a_root_that_the_app_sets_is_in_the_address(door, ledger, path):
    """FastAPI(root_path=...) does: behind proxies that cut the prefix off, and others."""
    shop = Starlette(routes=[Route("/products/{sku}", html)])

    async def app(scope: dict[str, Any], receive: object, send: Callable[..., Any]) -> None:
        scope["root_path"] = "/butik"
        await shop(scope, receive, send)

    assert (await ask(door(app), Ask(path=path))).status == 200
    twins = ledger.twins()
    assert names(twins) == ["PageView", "ViewContent"]
    assert twins[0]["event_source_url"] == "http://www.shop.example/butik/products/SKU-1"


async def test_a_server_without_raw_paths_serves(door, ledger):
    scope = scope_of(Ask(path="/100% bomull"), raw_path=None)
    await converse(door(sending(START, body(DOCUMENT))), scope)
    assert ledger.twins()[0]["event_source_url"] == "http://www.shop.example/100%25%20bomull"


async def test_a_root_ends_where_a_segment_ends(door, ledger):
    scope = scope_of(Ask(path="/shoptalk"), root_path="/shop")
    await converse(door(sending(START, body(DOCUMENT))), scope)
    assert ledger.twins()[0]["event_source_url"] == "http://www.shop.example/shop/shoptalk"


async def test_a_route_name_is_seen_without_a_route_in_the_scope(tmp_path):
    """Starlette before 1.1 leaves only the endpoint there (seen: 0.46.2, 0.52.1, 1.0.0)."""
    ledger = Ledger(tmp_path, routes="Lead name:goods")

    async def forget(scope: dict[str, Any], receive: object, send: Callable[..., Any]) -> None:
        async def forgetful(message: dict[str, Any]) -> None:
            scope.pop("route", None)
            await send(message)

        await app(scope, receive, forgetful)

    app = Starlette(routes=[Route("/", html, name="home"), Route("/g/{sku}", goods, name="goods")])
    await ask(PixelPairMiddleware(forget, tracker=ledger.tracker), Ask(path="/g/1"))
    assert names(ledger.twins()) == ["PageView", "Lead"]
    ledger.tracker.close()


async def goods(_request: object) -> HTMLResponse:
    return HTMLResponse(DOCUMENT)


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (("127.0.0.1", 8080), "http://127.0.0.1:8080/"),
        (("shop.test", 80), "http://shop.test/"),
        (("/run/shop.sock", None), "http:///run/shop.sock/"),
        (None, "http:///"),
    ],
)
async def test_without_a_host_the_servers_name_serves(door, ledger, server, url):
    agent = [(b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64)")]
    scope = scope_of(Ask(), headers=agent, server=server, client=None)
    await converse(door(sending(START, body(DOCUMENT))), scope)
    assert ledger.twins()[0]["event_source_url"] == url


# --- track() from everywhere ------------------------------------------------------------------


async def test_tracks_from_a_sync_view_in_the_thread_pool(door, ledger):
    def view(_request: object) -> HTMLResponse:
        pixelpair.track("Contact")
        return HTMLResponse(DOCUMENT)

    await ask(door(Starlette(routes=[Route("/", view)])))
    assert names(ledger.twins()) == ["PageView", "Contact"]


async def test_tracks_from_a_thread_of_asyncio(door, ledger):
    async def view(_request: object) -> HTMLResponse:
        await asyncio.to_thread(pixelpair.track, "Contact")
        return HTMLResponse(DOCUMENT)

    await ask(door(Starlette(routes=[Route("/", view)])))
    assert names(ledger.twins()) == ["PageView", "Contact"]


async def test_tracks_from_a_task_of_the_view(door, ledger):
    async def tell() -> None:
        pixelpair.track("Contact")

    async def view(_request: object) -> HTMLResponse:
        await asyncio.gather(tell(), tell())
        return HTMLResponse(DOCUMENT)

    await ask(door(Starlette(routes=[Route("/", view)])))
    assert names(ledger.twins()) == ["PageView", "Contact", "Contact"]


async def test_says_that_a_background_task_is_too_late(door, ledger, said):
    async def view(_request: object) -> HTMLResponse:
        return HTMLResponse(DOCUMENT, background=BackgroundTask(pixelpair.track, "Contact"))

    await ask(door(Starlette(routes=[Route("/", view)])))
    assert names(ledger.twins()) == ["PageView"]
    assert said() == [
        (
            "WARNING",
            "track('Contact') came after the answer was on its way: it left on neither channel",
        )
    ]


async def test_tasks_do_not_mix_their_events(door, ledger):
    """Eight requests at once, each between its track() and its answer while all others are."""
    meet = asyncio.Barrier(8)

    async def app(scope: dict[str, Any], _receive: object, send: Callable[..., Any]) -> None:
        pixelpair.track("Contact", shelf=scope["path"])
        await meet.wait()
        await send(START)
        await send(body(HEAD, True))
        await meet.wait()
        await asyncio.to_thread(pixelpair.track, "Lead", shelf=scope["path"])
        await send(body(BODY + TAIL))

    shop = door(app)
    answers = await asyncio.gather(*(ask(shop, Ask(path=f"/{n}")) for n in range(8)))
    found = [[(e[0], e[1].get("shelf")) for e in answer.shown] for answer in answers]
    expected = [("PageView", None), ("Contact", "/{}"), ("Lead", "/{}")]
    assert found == [[(e, s and s.format(n)) for e, s in expected] for n in range(8)]
    twins = ledger.twins()
    assert sorted(ids(twins)) == sorted(i for answer in answers for i in ids(answer.shown))
