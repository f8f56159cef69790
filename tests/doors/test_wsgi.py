"""The WSGI door and the protocol: PEP 3333 on both of its sides."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import pixelpair
from pixelpair.wsgi import PixelPairMiddleware

from .drive import Ask, Ledger, Wire, ask_wsgi, environ_of, ids, names
from .fronts import wsgi_site
from .site import BODY, DOCUMENT, HEAD, TAIL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HTML = [("Content-Type", "text/html; charset=utf-8")]
TEXT = [("Content-Type", "text/plain")]


class Body:
    """An iterable that says when it is read, and counts its closings."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = iter(chunks)
        self.read = 0
        self.closed = 0

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        chunk = next(self.chunks)
        self.read += 1
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        self.closed += 1


def answering(body: Any, headers: list[tuple[str, str]] = HTML) -> Callable[..., Any]:
    def app(_environ: object, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", headers)
        return body

    return app


@pytest.fixture
def door(ledger: Ledger) -> Callable[..., PixelPairMiddleware]:
    return partial(PixelPairMiddleware, tracker=ledger.tracker)


@pytest.fixture
def page(door, ledger: Ledger) -> bytes:
    """The page as this door gives it, in one piece; the next has the same ids."""
    body = ask_wsgi(door(answering([DOCUMENT])), Ask()).body
    assert names(ledger.twins()) == ["PageView"]
    return body


@pytest.mark.parametrize(
    ("wrapper", "body"),
    [
        (None, [b"{}"]),
        (FileWrapper, FileWrapper(io.BytesIO(b"{}"))),
        (lambda file: file, io.BytesIO(b"{}")),  # as uWSGI's
    ],
    ids=["list", "class", "function"],
)
def test_hands_on_the_very_body_of_what_is_no_page(door, wrapper, body):
    """A server knows a faster way for its own file wrapper, by identity or by type."""
    wire, environ = Wire(), environ_of(Ask()) | {"wsgi.file_wrapper": wrapper}
    assert door(answering(body, TEXT))(environ, wire.start_response) is body
    assert wire.starts == [("200 OK", TEXT)]


def test_hands_on_the_very_headers_of_what_is_no_page(door):
    wire, headers = Wire(), [*TEXT]
    door(answering([b""], headers))(environ_of(Ask()), wire.start_response)
    assert wire.starts[0][1] is headers


def test_names_no_length_that_the_app_did_not_name(door, page):
    """A server counts a body of one element itself: it must be the whole page."""
    wire = Wire()
    body = door(answering([DOCUMENT]))(environ_of(Ask()), wire.start_response)
    assert body == [page]
    assert [name for name, _ in wire.starts[0][1]] == [
        "Content-Type",
        "Cache-Control",
        "Set-Cookie",
    ]


def test_keeps_the_case_of_header_names(door):
    wire = Wire()
    given = [("CONTENT-type", "text/html"), ("Content-LENGTH", str(len(DOCUMENT)))]
    wire.parts.extend(door(answering([DOCUMENT], given))(environ_of(Ask()), wire.start_response))
    told = dict(wire.starts[0][1])
    assert told["CONTENT-type"] == "text/html"
    assert told["Content-LENGTH"] == str(len(b"".join(wire.parts)))


@pytest.mark.parametrize(
    ("status", "headers"), [("OK", HTML), ("200 OK", [*HTML, ("X-Shop", "tea \u2615")])]
)
def test_hands_on_what_is_not_as_pep_3333_has_it(door, status, headers):
    heard = []

    def app(environ, start_response):
        start_response(status, headers)
        return [DOCUMENT]

    def start_response(*said):
        heard.append(said)

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "x", "SERVER_PORT": "80"}
    assert b"".join(door(app)(environ, start_response)) == DOCUMENT
    assert heard == [(status, headers)]


def test_serves_what_is_written(door, page, ledger):
    def app(_environ: object, start_response: Callable[..., Any]) -> list[bytes]:
        write = start_response("200 OK", HTML)
        for chunk in (b"", HEAD[:7], HEAD[7:], BODY):
            write(chunk)
        return [TAIL]

    answer = ask_wsgi(door(app), Ask())
    assert answer.body == page
    assert ids(answer.shown) == ids(ledger.twins())


def test_serves_what_is_only_written(door, page):
    def app(_environ: object, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", HTML)(DOCUMENT)
        return []

    assert ask_wsgi(door(app), Ask()).body == page


def test_writes_through_what_is_no_page(door):
    def app(_environ: object, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", TEXT)(b"a")
        return [b"b"]

    assert ask_wsgi(door(app), Ask()).body == b"ab"


@pytest.mark.parametrize("headers", [HTML, TEXT])
def test_serves_an_app_that_starts_late(door, page, headers):
    """A generator app calls start_response when its first chunk is asked for."""

    def app(_environ: object, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", headers)
        yield b""
        yield HEAD
        yield BODY + TAIL

    body = ask_wsgi(door(validator(app)), Ask()).body
    assert body == (page if headers is HTML else DOCUMENT)


def test_an_error_replaces_the_page_that_was_not_begun(door, ledger):
    """Flask's and Django's servers start anew where the first chunk already fails."""

    def app(_environ: object, start_response: Callable[..., Any]) -> list[bytes]:
        pixelpair.track("Contact")
        start_response("200 OK", HTML)
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response("500 Sorry", HTML, sys.exc_info())
        return [DOCUMENT]

    answer = ask_wsgi(door(app), Ask())
    assert (answer.status, answer.body, ledger.twins()) == (500, DOCUMENT, [])


@pytest.mark.parametrize("status", ["500 Sorry", "Sorry"])
def test_an_error_page_that_streams_replaces_the_page_that_was_not_begun(door, ledger, status):
    """Seen: it got the first page's script, and kept the length that the app told."""

    def app(_environ: object, start_response: Callable[..., Any]) -> Iterator[bytes]:
        pixelpair.track("Contact")
        start_response("200 OK", HTML)
        error = (ZeroDivisionError, ZeroDivisionError(), None)
        start_response(status, [*HTML, ("Content-Length", str(len(DOCUMENT)))], error)
        return iter([HEAD, BODY, TAIL])

    wire = Wire()
    wire.parts.extend(door(app)(environ_of(Ask()), wire.start_response))
    assert (wire.starts[-1][0], b"".join(wire.parts)) == (status, HEAD + BODY + TAIL)
    assert ("Content-Length", str(len(DOCUMENT))) in wire.starts[-1][1]
    assert ledger.twins() == []


@pytest.mark.parametrize("headers", [HTML, TEXT])
def test_the_server_hears_of_the_error(door, headers):
    wire, error = Wire(), (ValueError, ValueError("chair"), None)

    def app(_environ: object, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", headers)
        start_response("500 Sorry", headers, error)
        return [DOCUMENT]

    wire.parts.extend(door(app)(environ_of(Ask()), wire.start_response))
    assert wire.errors[-1] is error
    assert wire.answer.status == 500


@pytest.mark.parametrize("status", ["500 Sorry", "200 OK"])
def test_an_error_after_the_first_bytes_is_the_servers_to_judge(door, status):
    def app(_environ: object, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", HTML)
        yield HEAD + BODY
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response(status, HTML, sys.exc_info())
        yield TAIL

    with pytest.raises(ZeroDivisionError):
        ask_wsgi(door(app), Ask())


@pytest.mark.parametrize("headers", [HTML, TEXT])
def test_closes_a_body_that_was_not_read_to_its_end(door, headers):
    given = Body(HEAD, BODY, TAIL)
    body = door(answering(given, headers))(environ_of(Ask()), Wire().start_response)
    next(iter(body))
    body.close()
    assert (given.read, given.closed) == (1, 1)


def test_closes_a_body_that_was_not_read_at_all(door):
    given = Body(HEAD)
    door(answering(given))(environ_of(Ask()), Wire().start_response).close()
    assert (given.read, given.closed) == (1, 1)


def test_status_and_headers_are_told_before_a_part_is_asked_for(door):
    """Seen: granian reads them when the app returns, and its pages had none."""
    for body in ([DOCUMENT], Body(HEAD, BODY, TAIL), Body(b"", DOCUMENT), Body()):
        wire = Wire()
        door(answering(body))(environ_of(Ask()), wire.start_response)
        assert [status for status, _ in wire.starts] == ["200 OK"]


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_stays_a_list_of_one(door, page, kind):
    """Seen: granian, which tells the length of a list alone, sent pages in chunks."""
    answer = door(answering(kind([HEAD, BODY, TAIL])))(environ_of(Ask()), Wire().start_response)
    assert answer == [page]
    assert door(answering(kind()))(environ_of(Ask()), Wire().start_response) == kind()


def test_a_list_that_can_be_closed_is_closed(door, page):
    """Seen: what the app handed on was a plain list, and the server had nothing to close."""

    class Closing(list):  # type: ignore[type-arg]
        closed = 0

        def close(self) -> None:
            self.closed += 1

    given = Closing([HEAD, BODY, TAIL])
    assert ask_wsgi(door(answering(given)), Ask()).body == page
    assert given.closed == 1


def test_a_server_without_write_fails_as_it_does_without_us(door):
    """Seen: granian's start_response gives None, and what was written was gone."""

    def app(_environ: object, start_response: Any) -> list[bytes]:
        start_response("200 OK", HTML)(DOCUMENT)
        return []

    with pytest.raises(TypeError):
        door(app)(environ_of(Ask()), lambda *_: None)


def test_a_body_without_close_needs_none(door, page):
    assert ask_wsgi(door(answering(c for c in [DOCUMENT])), Ask()).body == page


def test_an_error_of_the_app_is_its_servers(door):
    error = RuntimeError("out of chairs")

    def app(*_: object) -> list[bytes]:
        raise error

    with pytest.raises(RuntimeError) as caught:
        ask_wsgi(door(app), Ask())
    assert caught.value is error
    assert pixelpair.core.exchange.CURRENT.get() is None


@pytest.mark.parametrize("before", [(), (HEAD,), (HEAD, BODY)])
def test_an_error_of_the_body_is_its_servers(door, before):
    error = RuntimeError("out of chairs")
    given, wire = Body(*before, error), Wire()
    answer = partial(door(answering(given)), environ_of(Ask()), wire.start_response)
    with pytest.raises(RuntimeError) as caught, closing(answer()) as body:
        wire.parts.extend(body)
    assert caught.value is error
    assert (len(wire.starts), given.closed) == (len(before) > 0, 1)
    assert pixelpair.core.exchange.CURRENT.get() is None


def test_the_first_bytes_do_not_wait_for_later_ones(door):
    given = Body(HEAD + BODY, TAIL)
    body = iter(door(answering(given))(environ_of(Ask()), Wire().start_response))
    assert next(body).endswith(b"<h1>Stolar</h1>")
    assert given.read == 1


def test_cuts_change_nothing(door, page, ledger):
    for cut in range(len(DOCUMENT) + 1):
        chunks = [DOCUMENT[:cut], DOCUMENT[cut:]]
        assert ask_wsgi(door(answering(chunks)), Ask()).body == page
        ledger.twins()


def test_two_doors_make_one_snippet(door, page, ledger):
    assert ask_wsgi(door(door(answering([DOCUMENT]))), Ask()).body == page
    assert names(ledger.twins()) == ["PageView"]


def test_a_dispatcher_further_in_moves_no_path(door, ledger):
    """Werkzeug's shortens PATH_INFO in place; rules and EXCLUDE mean the door's own paths."""
    shop = answering([DOCUMENT])
    app = door(DispatcherMiddleware(shop, {"/products": shop, "/admin": shop}))
    ask_wsgi(app, Ask(path="/products/SKU-1", root="/butik"))
    twins = ledger.twins()
    assert names(twins) == ["PageView", "ViewContent"]
    assert twins[0]["event_source_url"] == "http://www.shop.example/butik/products/SKU-1"
    assert ask_wsgi(app, Ask(path="/admin/orders")).body == DOCUMENT


def test_a_mount_that_leaves_a_slash_behind_moves_no_path(door, ledger):
    """Bottle's, as the answer of what it mounts went out: //products/SKU-1 was Meta's address."""

    def shop(environ, start_response):
        environ["SCRIPT_NAME"] = "/"
        return answering([DOCUMENT])(environ, start_response)

    ask_wsgi(door(shop), Ask(path="/products/SKU-1"))
    twins = ledger.twins()
    assert names(twins) == ["PageView", "ViewContent"]
    assert twins[0]["event_source_url"] == "http://www.shop.example/products/SKU-1"


def test_a_prefix_that_a_proxy_cut_off_is_in_the_address(door, ledger):
    app = door(ProxyFix(answering([DOCUMENT]), x_prefix=1))
    ask_wsgi(app, Ask(path="/products/SKU-1", headers=(("x-forwarded-prefix", "/butik"),)))
    twins = ledger.twins()
    assert names(twins) == ["PageView", "ViewContent"]
    assert twins[0]["event_source_url"] == "http://www.shop.example/butik/products/SKU-1"


def test_without_a_host_the_servers_name_serves(door, ledger):
    environ = environ_of(Ask())
    del environ["HTTP_HOST"]
    list(door(answering([DOCUMENT]))(environ, Wire().start_response))
    assert ledger.twins()[0]["event_source_url"] == "http://127.0.0.1:8080/"


def test_a_path_that_is_no_utf8_arrives_as_it_came(door, ledger):
    environ = environ_of(Ask()) | {"PATH_INFO": "/st\xf6l"}
    list(door(answering([DOCUMENT]))(environ, Wire().start_response))
    assert ledger.twins()[0]["event_source_url"] == "http://www.shop.example/st%F6l"


def test_threads_do_not_mix_their_events(door, ledger):
    """Eight requests at once, each between its track() and its answer while all others are."""
    meet = Barrier(8, timeout=10)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        pixelpair.track("Contact", shelf=environ["PATH_INFO"])
        meet.wait()
        start_response("200 OK", HTML)
        yield HEAD
        meet.wait()
        yield BODY
        pixelpair.track("Lead", shelf=environ["PATH_INFO"])
        meet.wait()
        yield TAIL

    shop = door(app)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask_wsgi(shop, Ask(path=f"/{n}")), range(8)))
    found = [[(e[0], e[1].get("shelf")) for e in answer.shown] for answer in answers]
    assert found == [
        [("PageView", None), ("Contact", f"/{n}"), ("Lead", f"/{n}")] for n in range(8)
    ]
    assert len(ledger.twins()) == 24


class Gone:
    """What a server gives whose visitor has left."""

    def read(self, _size=-1):
        raise OSError("client disconnected")


@pytest.mark.parametrize("length", ["12", "9" * 5000, "x", ""])
def test_report_of_a_visitor_who_left_harms_nobody(door, ledger, length):
    ask = Ask("POST", "/_pixelpair/events", headers=(("origin", "http://www.shop.example"),))
    environ = environ_of(ask) | {"wsgi.input": Gone(), "CONTENT_LENGTH": length}
    wire = Wire()
    wire.parts.extend(door(None)(environ, wire.start_response))
    assert (wire.answer.status, ledger.twins()) == (400, [])


def test_says_that_a_stream_that_passes_is_too_late(door, ledger, said):
    def app(_environ: object, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"1;2"
        pixelpair.track("Contact")

    ask_wsgi(door(app), Ask())
    text = "track('Contact') came after the answer was on its way: it left on neither channel"
    assert (said(), ledger.twins()) == ([("WARNING", text)], [])


def test_is_silent_about_events_of_an_excluded_path(door, said):
    assert ask_wsgi(door(wsgi_site), Ask(path="/admin/orders")).body == DOCUMENT
    assert said() == []
