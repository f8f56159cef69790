"""What forms and JSON bodies say, behind every door: the app reads what it would have read."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import fastapi
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponseRedirect
from django.test.utils import override_settings

from pixelpair import asgi, wsgi

from .django_shop import DOOR, Door, SyncUrls
from .drive import Ask, ask_asgi, ask_wsgi, environ_of, names, scope_of
from .fronts import FRONTS
from .site import READ

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from .drive import Ledger

RULE = (
    "AddToCart POST {path} form:sku=content_id,qty=quantity,price=item_price"
    " form:item.sku=content_id,item.qty=quantity,item.price=item_price"
)
ROUTES = RULE.format(path="/read/{how}")
OPTIONS = {"routes": ROUTES, "currency": "SEK"}
LINE = {"id": "TEA-1", "quantity": 2, "item_price": 19.9}
ADDED = {
    "content_ids": ["TEA-1"],
    "content_type": "product",
    "contents": [LINE],
    "value": 39.8,
    "currency": "SEK",
}
FIELDS = {"csrf": "a b", "sku": "TEA-1", "qty": "2", "price": "19.90"}
PHOTO = bytes(range(256)) * 20


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'--xYz\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


FILE = '; filename="sku.bin"\r\nContent-Type: application/octet-stream'
PARTS = b"".join(part(name, value.encode()) for name, value in FIELDS.items())
# Content-Type and body of one line that is added, and what a framework's form makes of it.
BODIES: dict[str, tuple[str, bytes, dict[str, object] | None]] = {
    "urlencoded": (
        "application/x-www-form-urlencoded",
        b"csrf=a+b&sku=TEA-1&qty=2&price=19.90",
        FIELDS,
    ),
    "multipart": (
        "multipart/form-data; boundary=xYz",
        part("photo", PHOTO, FILE) + PARTS + b"--xYz--\r\n",
        {**FIELDS, "photo": PHOTO},
    ),
    "json": (
        "application/json",
        json.dumps({"note": "\n", "item": {"sku": "TEA-1", "qty": 2, "price": 19.9}}).encode(),
        None,
    ),
}
WSGI = ("wsgi", "flask", "django")
ASGI = ("asgi", "starlette", "fastapi", "django async")


def posted(how: str, body: bytes, kind: str = "", **more: Any) -> Ask:
    headers = (("content-type", kind or BODIES["urlencoded"][0]), *more.pop("headers", ()))
    return Ask("POST", f"/read/{how}", headers=headers, body=body, **more)


def added(twins: list[dict[str, Any]]) -> dict[str, Any]:
    """What the only server half says of the cart."""
    assert names(twins) == ["AddToCart"]
    return dict(twins[0].get("custom_data", {}))


# --- every door ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 10])
@pytest.mark.parametrize("how", ["whole", "pieces", "lines", "twice"])
@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("door", FRONTS)
def test_what_the_app_reads_fills_the_event(
    behind: Callable[..., Any], door: str, kind: str, how: str, cut: int
):
    media, body, _ = BODIES[kind]
    answer, twins = behind(door, **OPTIONS)(posted(how, body, media, cut=cut))
    assert answer.status == 302
    assert READ[-1] == body
    assert added(twins) == ADDED
    assert [shown[1] for shown in answer.shown] == [added(twins)]


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
@pytest.mark.parametrize("door", [door for door in FRONTS if door not in ("asgi", "wsgi")])
def test_the_form_of_a_framework_fills_the_event(behind: Callable[..., Any], door: str, kind: str):
    media, body, fields = BODIES[kind]
    _, twins = behind(door, **OPTIONS)(posted("form", body, media, root="/butik"))
    assert READ[-1] == fields
    assert added(twins) == ADDED


@pytest.mark.parametrize("how", ["half", "never"])
@pytest.mark.parametrize("door", FRONTS)
def test_a_body_that_was_not_read_to_its_end_tells_nothing(
    behind: Callable[..., Any], door: str, how: str
):
    _, twins = behind(door, **OPTIONS)(posted(how, BODIES["urlencoded"][1], cut=20))
    assert added(twins) == {}


@pytest.mark.parametrize("how", ["whole", "pieces", "form"])
@pytest.mark.parametrize("door", FRONTS)
def test_a_body_without_a_length_is_known_by_its_end(
    behind: Callable[..., Any], door: str, how: str
):
    """Under WSGI Django takes no such body: neither do we then."""
    _, twins = behind(door, **OPTIONS)(posted(how, BODIES["urlencoded"][1], sized=False, cut=7))
    assert added(twins) == ({} if door == "django" else ADDED)


LARGE = b"sku=TEA-1&qty=2&price=19.90&note="
UNREAD = {
    "large": (b"x" * (65_537 - len(LARGE)), {}, {}),
    "large, without a length": (b"x" * (65_537 - len(LARGE)), {"sized": False}, {}),
    "just not large": (b"x" * (65_536 - len(LARGE)), {}, ADDED),
    "text": (b"", {"kind": "text/plain"}, {}),
}


@pytest.mark.parametrize("case", UNREAD)
@pytest.mark.parametrize("door", FRONTS)
def test_what_is_large_or_no_form_passes_unheard(behind: Callable[..., Any], door: str, case: str):
    more, options, expected = UNREAD[case]
    _, twins = behind(door, **OPTIONS)(posted("whole", LARGE + more, cut=5000, **options))
    is_untaken = door == "django" and "sized" in options
    assert READ[-1] == (b"" if is_untaken else LARGE + more)
    assert added(twins) == expected


@pytest.mark.parametrize("door", FRONTS)
def test_a_length_that_promises_more_tells_nothing(behind: Callable[..., Any], door: str):
    """Werkzeug answers 400 to it, the others serve what there is."""
    longer = (("content-length", "60"),)
    ask = posted("pieces", BODIES["urlencoded"][1], headers=longer)
    answer, twins = behind(door, **OPTIONS)(ask)
    assert answer.status == (400 if door == "flask" else 302)
    assert [twin.get("custom_data", {}) for twin in twins] == [{}] * (door != "flask")


@pytest.mark.parametrize("door", FRONTS)
def test_of_a_body_longer_than_it_says_no_more_is_told_than_the_app_is_given(
    behind: Callable[..., Any], door: str
):
    shorter = (("content-length", "15"),)
    _, twins = behind(door, **OPTIONS)(posted("whole", b"sku=TEA-1&qty=2&qty=9", headers=shorter))
    within = {**ADDED, "contents": [{"id": "TEA-1", "quantity": 2}]}
    del within["value"], within["currency"]
    assert READ[-1] == (b"sku=TEA-1&qty=2" if door in WSGI else b"sku=TEA-1&qty=2&qty=9")
    assert added(twins) == (within if door in WSGI else {})


@pytest.mark.parametrize("door", FRONTS)
def test_each_request_has_a_body_of_its_own(behind: Callable[..., Any], door: str):
    ask = behind(door, **OPTIONS)
    found = [added(ask(posted("whole", b"sku=%d" % n))[1])["content_ids"] for n in range(3)]
    assert found == [["0"], ["1"], ["2"]]


@pytest.mark.parametrize("door", [name for name in FRONTS if name not in ("asgi", "wsgi")])
def test_a_rule_by_name_hears_the_body_too(behind: Callable[..., Any], door: str):
    """Which route it will be is not known yet; here it is another."""
    ask = behind(door, routes="Lead POST name:goods form:sku=content_id")
    assert ask(posted("whole", b"sku=TEA-1"))[1] == []
    assert READ[-1] == b"sku=TEA-1"


@pytest.mark.parametrize("door", FRONTS)
def test_the_address_goes_before_the_body(behind: Callable[..., Any], door: str):
    ask = behind(door, routes="AddToCart POST /read/{content_id} form:sku=content_id")
    assert added(ask(posted("whole", b"sku=TEA-1"))[1])["content_ids"] == ["whole"]


# --- ASGI ----------------------------------------------------------------------------------------

BODY = BODIES["urlencoded"][1]
REDIRECT = {"type": "http.response.start", "status": 302, "headers": [(b"location", b"/cart")]}


class Reader:
    """An app that reads as many messages as it is told to, and then redirects."""

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self.got: list[dict[str, Any]] = []
        self.receive: object = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.receive = receive
        for _ in range(self.messages):
            self.got.append(await receive())
        await send(REDIRECT)
        await send({"type": "http.response.body"})


def server_of(*messages: dict[str, Any]) -> Callable[[], Any]:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return receive


async def discard(_message: object) -> None: ...


def piece(body: Any, *, more: bool = False, **extras: object) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more, **extras}


GONE = {"type": "http.disconnect"}
CUT = {
    "views of memory": ([piece(memoryview(BODY)[:9], more=True), piece(memoryview(BODY)[9:])], 1),
    "without keys": ([piece(BODY, more=True), {"type": "http.request"}], 1),
    "with another's key": ([piece(BODY, shop="x")], 1),
    "none": ([piece(None, more=True), piece(BODY)], 1),
    "disconnected then": ([piece(BODY), GONE], 1),
    "disconnected before": ([piece(BODY[:9], more=True), GONE], 0),
    "disconnected at once": ([GONE], 0),
}


@pytest.mark.parametrize("case", CUT)
async def test_messages_reach_the_app_as_they_are(ledger_of: Callable[..., Ledger], case: str):
    messages, found = CUT[case]
    ledger, app = ledger_of(**OPTIONS), Reader(len(messages))
    door = asgi.PixelPairMiddleware(app, tracker=ledger.tracker)
    copies = [dict(message) for message in messages]
    sized = () if "keys" in case else (("content-length", str(len(BODY))),)
    scope = scope_of(posted("x", b"", headers=sized))
    await door(scope, server_of(*messages), discard)
    assert [got is message for got, message in zip(app.got, messages, strict=True)]
    assert messages == copies
    assert added(ledger.twins()) == (ADDED if found else {})


@pytest.mark.parametrize("ask", [Ask(path="/read/x"), Ask("PUT", "/read/x"), Ask("HEAD", "/")])
async def test_methods_that_no_rule_hears_cost_nothing(ledger_of: Callable[..., Ledger], ask: Ask):
    app, receive = Reader(0), server_of()
    door = asgi.PixelPairMiddleware(app, tracker=ledger_of(**OPTIONS).tracker)
    await door(scope_of(ask), receive, discard)
    assert app.receive is receive


async def test_no_rule_with_a_form_leaves_every_body(ledger_of: Callable[..., Ledger]):
    app, receive = Reader(0), server_of()
    door = asgi.PixelPairMiddleware(app, tracker=ledger_of().tracker)
    await door(scope_of(Ask("POST", "/cart/add")), receive, discard)
    assert app.receive is receive


def test_a_mount_that_only_the_app_knows_is_left_out(ledger_of: Callable[..., Ledger]):
    """FastAPI writes its root_path into the scope after this door."""
    ledger = ledger_of(routes=RULE.format(path="/cart/add"), currency="SEK")
    app = fastapi.FastAPI()
    app.root_path = "/butik"

    async def view(request: fastapi.Request) -> fastapi.Response:
        await request.body()
        return fastapi.Response(status_code=204)

    app.add_api_route("/cart/add", view, methods=["POST"])
    ask = posted("", BODY)
    whole = Ask("POST", "/butik/cart/add", headers=ask.headers, body=BODY)
    assert ask_asgi(asgi.PixelPairMiddleware(app, tracker=ledger.tracker), whole).status == 204
    assert added(ledger.twins()) == ADDED


# --- WSGI ----------------------------------------------------------------------------------------


def asked_input(ledger: Ledger, ask: Ask) -> tuple[object, object]:
    """The server's input, and the app's."""
    environ, met = environ_of(ask), []

    def app(given: dict[str, Any], start_response: Any) -> list[bytes]:
        met.append(given["wsgi.input"])
        start_response("204 No Content", [])
        return []

    own = environ["wsgi.input"]
    wsgi.PixelPairMiddleware(app, tracker=ledger.tracker)(environ, lambda *_: None)
    return own, met[0]


OTHERS = {
    "method": Ask("PUT", "/read/x", body=BODY),
    "path": Ask("POST", "/write/x", body=BODY),
    "kind": Ask("POST", "/read/x", body=BODY, headers=(("content-type", "image/png"),)),
    "upload": posted("x", b"", headers=(("content-length", "9999999"),)),
    "excluded": Ask("POST", "/read/x", body=BODY),
}


@pytest.mark.parametrize("case", OTHERS)
def test_the_input_of_other_requests_is_the_servers(ledger_of: Callable[..., Ledger], case: str):
    more = {"exclude": ("/read/*",)} if case == "excluded" else {}
    own, met = asked_input(ledger_of(**OPTIONS, **more), OTHERS[case])
    assert met is own


def test_an_app_without_an_input_is_served(ledger_of: Callable[..., Ledger]):
    environ, statuses = environ_of(posted("x", BODY)), []
    del environ["wsgi.input"]

    def app(_environ: object, start_response: Any) -> list[bytes]:
        start_response("302 Found", [("Location", "/cart")])
        return [b""]

    ledger = ledger_of(**OPTIONS)
    door = wsgi.PixelPairMiddleware(app, tracker=ledger.tracker)
    assert list(door(environ, lambda status, *_: statuses.append(status))) == [b""]
    assert (statuses, added(ledger.twins())) == (["302 Found"], {})


def test_a_read_that_fails_fails_in_the_app(ledger_of: Callable[..., Ledger]):
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError("the visitor has left")

    environ = environ_of(posted("x", BODY)) | {"wsgi.input": Broken()}

    def app(given: dict[str, Any], _start_response: Any) -> list[bytes]:
        return [given["wsgi.input"].read(5)]

    with pytest.raises(OSError, match="the visitor has left"):
        wsgi.PixelPairMiddleware(app, tracker=ledger_of(**OPTIONS).tracker)(environ, print)


# --- Django --------------------------------------------------------------------------------------


def reads_first(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """A middleware further out than ours."""

    def middleware(request: HttpRequest) -> Any:
        assert request.body
        return get_response(request)

    return middleware


def posts_first(get_response: Callable[..., Any]) -> Callable[..., Any]:
    def middleware(request: HttpRequest) -> Any:
        assert request.POST
        return get_response(request)

    return middleware


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
@pytest.mark.parametrize("first", ["reads_first", "posts_first"])
def test_a_body_that_was_read_before_us_is_known(
    ledger_of: Callable[..., Ledger], kind: str, first: str
):
    """But for parts that went straight into request.POST: nobody has their bytes any more."""
    media, body, fields = BODIES[kind]
    ledger = ledger_of(**OPTIONS)
    Door.TRACKERS.append(ledger.tracker)
    chain = [f"{__name__}.{first}", DOOR]
    with override_settings(MIDDLEWARE=chain, PIXELPAIR={"mode": "off"}, ROOT_URLCONF=SyncUrls):
        answer = ask_wsgi(WSGIHandler(), posted("form", body, media))
    is_gone = (first, kind) == ("posts_first", "multipart")
    assert answer.status == 302
    assert READ[-1] == fields
    assert added(ledger.twins()) == ({} if is_gone else ADDED)


def test_a_post_that_a_middleware_answers_tells_what_it_read(ledger_of: Callable[..., Ledger]):
    ledger = ledger_of(**OPTIONS)
    Door.TRACKERS.append(ledger.tracker)
    with override_settings(
        MIDDLEWARE=[DOOR, f"{__name__}.answers_itself"], PIXELPAIR={"mode": "off"}
    ):
        ask_wsgi(WSGIHandler(), posted("x", BODY))
    assert added(ledger.twins()) == ADDED


def answers_itself(_get_response: object) -> Callable[..., Any]:
    def middleware(request: HttpRequest) -> HttpResponseRedirect:
        return HttpResponseRedirect(f"/cart?{request.POST['sku']}")

    return middleware
