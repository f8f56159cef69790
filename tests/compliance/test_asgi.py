"""The ASGI door between a strict server and a strict app: every sequence that ASGI allows."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.compatibility import guarantee_single_callable
from asgiref.testing import ApplicationCommunicator
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from pixelpair.asgi import PixelPairMiddleware
from tests.doors.drive import Ask, Ledger, answer_of, converse, scope_of
from tests.doors.fronts import asgi_site
from tests.doors.site import BODY, CASES, DOCUMENT, HEAD, ROUTES, TAIL, report
from tests.doors.test_forms import BODIES, RULE, posted

from .asgi_judge import EXTENSIONS, Talk, judged
from .doors import ASGI, starlette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.websockets import WebSocket

    from .asgi_judge import Message

    App = Callable[..., Any]

RULES = f"{ROUTES}\n{RULE.format(path='/read/{how}')}"
# Where an app is not as ASGI has it, and we hand it on: no business of ours.
CAPITALS = {"django async": "Django's own handler names its headers as its views do: Content-Type"}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    made = Ledger(tmp_path_factory.mktemp("spool"), routes=RULES)
    yield made
    made.tracker.close()


def between(app: App, ledger: Ledger, talks: list[Talk] | None = None) -> App:
    """The door with a judge on both sides."""
    ledger._ids = 0  # so that each request has the ids of the first
    return judged(PixelPairMiddleware(judged(app), tracker=ledger.tracker), talks)


# --- the whole site ------------------------------------------------------------------------------

FORMS = {f"form {how}": posted(how, BODIES["urlencoded"][1]) for how in ("whole", "half", "never")}
ASKED: dict[str, Ask] = {
    **{name: case.ask for name, case in CASES.items()},
    **FORMS,
    "form in pieces": posted("whole", BODIES["multipart"][1], BODIES["multipart"][0], cut=10),
    "report": report("a" * 32),
    "report in pieces": Ask("POST", "/_pixelpair/events", body=b"x" * 9000, cut=100),
    "script": Ask(path="/_pixelpair/pixel.js", headers=(("accept-encoding", "gzip"),)),
    "preflight": Ask("OPTIONS", "/_pixelpair/events"),
}


@pytest.mark.parametrize("name", ASKED)
async def test_the_plain_door_keeps_the_rules_on_both_sides(ledger: Ledger, name: str):
    what, talks = ASKED[name], []
    await converse(between(asgi_site, ledger, talks), scope_of(what), *what.pieces)
    assert [talk.answer for talk in talks] == ["done"]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous")
@pytest.mark.parametrize("door", ASGI)
async def test_no_door_breaks_a_rule_towards_its_server(ledger: Ledger, door: str):
    talks: list[Talk] = []
    app = judged(ASGI[door](ledger.tracker), talks, lower=door not in CAPITALS)
    for what in ASKED.values():
        await converse(app, scope_of(what), *what.pieces)
    assert [talk.answer for talk in talks] == ["done"] * len(ASKED)


async def test_the_door_outside_of_a_framework_keeps_the_rules(ledger: Ledger):
    app = between(starlette(ledger.tracker), ledger)
    for what in ASKED.values():
        answer_of(await converse(app, scope_of(what), *what.pieces))


# --- any sequence --------------------------------------------------------------------------------

HTML, JSON = (b"content-type", b"text/html; charset=utf-8"), (b"content-type", b"application/json")
MORE = [
    (b"cache-control", b"public, max-age=60"),
    (b"cache-control", b"no-store"),
    (b"etag", b'"1"'),
    (b"set-cookie", b"a=b; Path=/"),
    (b"content-disposition", b"attachment"),
    (b"content-language", b"sv"),
]
FILE = SimpleNamespace(fileno=lambda: 0)


def body(chunk: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def cut(text: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(c % (len(text) + 1) for c in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(places)]


def spoken(chunks: list[bytes], end: str) -> list[dict[str, Any]]:
    """The messages of a body, whose last one is worded in one of the ways there are."""
    *parts, last = chunks
    worded = {
        "said": [body(last)],
        "silent": [{"type": "http.response.body", "body": last}],
        "empty": [body(last, True), {"type": "http.response.body"}],
        "file": [body(last, True), {"type": "http.response.zerocopysend", "file": FILE}],
    }
    return [*(body(part, True) for part in parts), *worded[end]]


CUTS = st.lists(st.integers(0, 400), max_size=6)
ENDS = ["said", "silent", "empty", "file"]
TEXTS = [DOCUMENT, HEAD + BODY, HEAD, HEAD[:9], b"<!doctype html><p>Te", b"{}", b"", DOCUMENT * 3]
HINT = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
DEBUG = {"type": "http.response.debug", "info": {"template": "shop.html"}}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}


@st.composite
def answers(draw: Any) -> list[dict[str, Any]]:
    """All that an app may say to one request."""
    kind, status = draw(st.sampled_from([HTML, JSON])), draw(st.sampled_from([200, 200, 404, 302]))
    headers = [kind, *draw(st.lists(st.sampled_from(MORE), max_size=2, unique_by=lambda p: p[0]))]
    end, text = draw(st.sampled_from(ENDS)), draw(st.sampled_from(TEXTS))
    by_path = draw(st.integers(0, 9)) == 0
    if end != "file" and not by_path and draw(st.booleans()):
        headers.append((b"content-length", b"%d" % len(text)))
    start: dict[str, Any] = {"type": "http.response.start", "status": status}
    start |= {"headers": headers if draw(st.booleans()) else tuple(headers)}
    trailed = draw(st.booleans())
    before = draw(st.lists(st.sampled_from([HINT, DEBUG]), max_size=2))
    path = {"type": "http.response.pathsend", "path": "/srv/page.html"}
    said = [path] if by_path else spoken(cut(text, draw(CUTS)), end)
    start |= {"trailers": True} if trailed else {}
    return [*before, start, *said, *([TRAILERS] if trailed else [])]


REQUESTS = st.builds(
    lambda method, path, cuts, agent: Ask(
        method, path, body=b"sku=TEA-1&qty=2" * 3, cut=cuts, headers=agent
    ),
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.sampled_from(["/", "/products/SKU-1", "/read/whole", "/cart/add"]),
    st.integers(1, 50),
    st.sampled_from(
        [
            (("content-type", "application/x-www-form-urlencoded"),),
            (("user-agent", "curl/8"),),
            (("sec-fetch-dest", "empty"), ("if-none-match", '"1"')),
        ]
    ),
)


def run(app: App, what: Ask, heard: int) -> list[Message]:
    """What the app sends, without a loop: nothing here waits. After so many of the request's
    messages the visitor is gone."""
    pieces = what.pieces
    said = [
        {"type": "http.request", "body": piece, "more_body": i + 1 < len(pieces)}
        for i, piece in enumerate(pieces)
    ][:heard]
    sent: list[Message] = []

    async def receive() -> dict[str, Any]:
        return said.pop(0) if said else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = scope_of(what, extensions={name: {} for name in EXTENSIONS})
    with pytest.raises(StopIteration):
        app(scope, receive, send).send(None)
    return sent


def saying(messages: list[dict[str, Any]], hears: int) -> App:
    async def app(_scope: object, receive: App, send: App) -> None:
        for _ in range(hears):
            if (await receive())["type"] == "http.disconnect":
                break
        for message in messages:
            await send(message)

    return app


def told(messages: Sequence[Message]) -> bytes:
    return b"".join(m.get("body", b"") for m in messages if m["type"] == "http.response.body")


def others(messages: Sequence[Message]) -> list[Message]:
    kinds = ("http.response.start", "http.response.body")
    return [message for message in messages if message["type"] not in kinds]


def is_within(part: bytes, whole: bytes) -> bool:
    """Whether all bytes are there in their order; more may stand between."""
    rest = iter(whole)
    return all(byte in rest for byte in part)


@given(answers(), REQUESTS, st.integers(0, 5), st.integers(0, 5))
def test_every_sequence_arrives_and_keeps_the_rules(
    ledger: Ledger, messages: list[dict[str, Any]], what: Ask, heard: int, hears: int
):
    """Seen: what was held of a page was lost where the rest of it was sent as a file."""
    sent = run(between(saying(messages, hears), ledger), what, heard)
    assert others(sent) == others(messages)
    assert is_within(told(messages), told(sent))
    start = next(m for m in sent if m["type"] == "http.response.start")
    length = dict(start["headers"]).get(b"content-length")
    assert length in (None, b"%d" % len(told(sent)))


@given(st.sampled_from([DOCUMENT, HEAD + BODY + TAIL * 2]), CUTS, st.sampled_from(ENDS[:3]))
def test_neither_cuts_nor_words_change_what_arrives(
    ledger: Ledger, text: bytes, cuts: list[int], end: str
):
    start = {"type": "http.response.start", "status": 200, "headers": [HTML]}
    in_pieces = [start, *spoken(cut(text, cuts), end)]
    pages = [
        told(run(between(saying(said, 0), ledger), Ask(), 1))
        for said in ([start, body(text)], in_pieces)
    ]
    assert pages[0] == pages[1] != text


@given(answers(), st.lists(st.sampled_from([body(b"more"), TRAILERS, HINT]), min_size=1))
def test_what_an_app_says_after_its_end_is_its_servers_to_judge(
    ledger: Ledger, messages: list[dict[str, Any]], later: list[dict[str, Any]]
):
    app = PixelPairMiddleware(saying([*messages, *later], 0), tracker=ledger.tracker)
    sent = run(app, Ask(), 1)
    assert sent[-len(later) :] == later


@pytest.mark.parametrize("first", [HEAD[:9], HEAD, HEAD + BODY[:3], HEAD + BODY, HEAD + BODY[:-2]])
@pytest.mark.parametrize("mode", ["live", "shadow"])
def test_a_page_whose_rest_is_a_file_loses_no_byte(ledger_of: Any, mode: str, first: bytes):
    """Seen: what was held of the page until its head had ended was never sent."""
    ledger = ledger_of(mode=mode)
    start = {"type": "http.response.start", "status": 200, "headers": [HTML]}
    rest = {"type": "http.response.zerocopysend", "file": FILE}
    sent = run(between(saying([start, body(first, True), rest], 0), ledger), Ask(), 1)
    assert is_within(first, told(sent))
    assert sent[-1] is rest


# --- asgiref's communicators ---------------------------------------------------------------------


def talking(app: App, what: Ask | None = None, **more: object) -> ApplicationCommunicator:
    return ApplicationCommunicator(app, scope_of(what or Ask(), **more))


@pytest.mark.parametrize("door", ASGI)
def test_every_door_is_called_once_with_all_three(ledger: Ledger, door: str):
    """An app that asgiref took for one of ASGI 2 would be called with the scope alone."""
    app = ASGI[door](ledger.tracker)
    assert guarantee_single_callable(app) is app


async def test_a_page_comes_through_a_communicator(ledger: Ledger):
    talk = talking(between(asgi_site, ledger))
    await talk.send_input({"type": "http.request"})
    start, page = await talk.receive_output(), await talk.receive_output()
    assert (start["status"], page.get("more_body", False)) == (200, False)
    assert b"pixelpair" in page["body"]
    await talk.wait()
    assert await talk.receive_nothing(timeout=0.01)


async def waiting(_scope: object, receive: App, send: App) -> None:
    """Reads to the end or until the visitor leaves, and says which."""
    while (message := await receive()).get("more_body"):
        pass
    kind = message["type"].encode()
    await send({"type": "http.response.start", "status": 200, "headers": [JSON]})
    await send({"type": "http.response.body", "body": kind})


@pytest.mark.parametrize("ends", ["http.request", "http.disconnect"])
@pytest.mark.parametrize("path", ["/", "/read/whole"])
async def test_the_app_hears_that_its_visitor_left_in_mid_body(
    ledger: Ledger, ends: str, path: str
):
    headers = (("content-type", "application/x-www-form-urlencoded"),)
    talk = talking(between(waiting, ledger), Ask("POST", path, headers=headers, body=b"a=1"))
    await talk.send_input({"type": "http.request", "body": b"a", "more_body": True})
    await talk.send_input({"type": ends})
    assert (await talk.receive_output())["status"] == 200
    assert (await talk.receive_output())["body"] == ends.encode()
    await talk.wait()


async def test_nobody_answers_a_reporter_who_left(ledger: Ledger):
    talk = talking(between(asgi_site, ledger), Ask("POST", "/_pixelpair/events"))
    await talk.send_input({"type": "http.request", "body": b"{", "more_body": True})
    await talk.send_input({"type": "http.disconnect"})
    await talk.wait()
    assert talk.output_queue.empty()


async def test_a_page_goes_on_when_its_visitor_left_in_mid_answer(ledger: Ledger):
    """The app is told by its server, which is silent or raises: here, that nobody listens."""

    async def app(_scope: object, receive: App, send: App) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [HTML]})
        await send(body(HEAD + BODY, True))
        assert (await receive())["type"] == "http.disconnect"
        await send(body(TAIL))

    talk = talking(between(app, ledger))
    await talk.send_input({"type": "http.request"})
    assert (await talk.receive_output())["type"] == "http.response.start"
    assert (await talk.receive_output())["more_body"] is True
    await talk.send_input({"type": "http.disconnect"})
    assert (await talk.receive_output())["body"].endswith(TAIL)
    await talk.wait()


async def test_a_cancelled_request_ends_at_once(ledger: Ledger):
    talk = talking(between(waiting, ledger), Ask("POST", "/read/whole"))
    await talk.send_input({"type": "http.request", "body": b"a", "more_body": True})
    assert await talk.receive_nothing(timeout=0.01, interval=0.001)
    talk.stop()
    await talk.wait()
    assert talk.future.cancelled()


# --- lifespan and websockets ---------------------------------------------------------------------


async def alive(scope: dict[str, Any], receive: App, send: App) -> None:
    for stage in ("startup", "shutdown"):
        assert await receive() == {"type": f"lifespan.{stage}"}
        await send({"type": f"lifespan.{stage}.complete"})


async def stillborn(_scope: object, receive: App, send: App) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def without(_scope: object, _receive: App, _send: App) -> None:
    raise NotImplementedError("lifespan")


def life(app: App, ledger: Ledger) -> ApplicationCommunicator:
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    return ApplicationCommunicator(PixelPairMiddleware(app, tracker=ledger.tracker), scope)


async def test_an_app_starts_and_ends(ledger: Ledger):
    talk = life(alive, ledger)
    for stage in ("startup", "shutdown"):
        await talk.send_input({"type": f"lifespan.{stage}"})
        assert await talk.receive_output() == {"type": f"lifespan.{stage}.complete"}
    await talk.wait()


async def test_a_start_that_fails_is_told_as_it_is(ledger: Ledger):
    talk = life(stillborn, ledger)
    await talk.send_input({"type": "lifespan.startup"})
    failed = {"type": "lifespan.startup.failed", "message": "no database"}
    assert await talk.receive_output() == failed
    await talk.wait()


async def test_an_app_without_lifespan_says_so(ledger: Ledger):
    """Servers take the exception for that."""
    talk = life(without, ledger)
    await talk.send_input({"type": "lifespan.startup"})
    with pytest.raises(NotImplementedError, match="lifespan"):
        await talk.wait()


async def echo(socket: WebSocket) -> None:
    await socket.accept(subprotocol="tea", headers=[(b"x-shop", b"1")])
    await socket.send_bytes(await socket.receive_bytes())
    await socket.close(4000, "enough")


async def test_a_websocket_passes_untouched(ledger: Ledger):
    app = Starlette(routes=[WebSocketRoute("/socket", echo)])
    app.add_middleware(PixelPairMiddleware, tracker=ledger.tracker)
    scope = {**scope_of(Ask(path="/socket")), "type": "websocket", "subprotocols": ["tea"]}
    talk = ApplicationCommunicator(app, scope)
    await talk.send_input({"type": "websocket.connect"})
    accepted = await talk.receive_output()
    assert (accepted["subprotocol"], accepted["headers"]) == ("tea", [(b"x-shop", b"1")])
    await talk.send_input({"type": "websocket.receive", "bytes": b"\x00html"})
    assert await talk.receive_output() == {"type": "websocket.send", "bytes": b"\x00html"}
    closed = {"type": "websocket.close", "code": 4000, "reason": "enough"}
    assert await talk.receive_output() == closed
    await talk.wait()


async def test_an_http_answer_to_a_websocket_passes_untouched(ledger: Ledger):
    """The extension `websocket.http.response` refuses with a page, which has no visitor."""
    start = {"type": "websocket.http.response.start", "status": 403, "headers": [HTML]}
    page = {"type": "websocket.http.response.body", "body": DOCUMENT}
    app = PixelPairMiddleware(saying([start, page], 1), tracker=ledger.tracker)
    talk = talking(app, type="websocket", extensions={"websocket.http.response": {}})
    await talk.send_input({"type": "websocket.connect"})
    assert [await talk.receive_output(), await talk.receive_output()] == [start, page]
    await talk.wait()
