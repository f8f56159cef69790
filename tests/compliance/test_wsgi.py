"""The WSGI doors between two judges: wsgiref's validator and Werkzeug's linter, on both sides.

What a judge says of the site itself is the site's; with a door between it must say the same.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings
from werkzeug.middleware.lint import LintMiddleware

from pixelpair.wsgi import PixelPairMiddleware
from tests.doors.drive import Ask, Ledger, Wire, environ_of, names
from tests.doors.fronts import wsgi_site
from tests.doors.site import BODY, CASES, DOCUMENT, HEAD, ROUTES, TAIL, report
from tests.doors.test_forms import BODIES, RULE, posted

from .doors import SYNC_URLS, WSGI, flask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    App = Callable[..., Any]

JUDGES: dict[str, Callable[[App], App]] = {"wsgiref": validator, "werkzeug": LintMiddleware}
RULES = f"{ROUTES}\n{RULE.format(path='/read/{how}')}"
# What a judge says of our own answers, and why they are as they are.
DIFFERENT = {
    "204 responses must have an empty content length.": (
        {"report", "preflight"},
        "RFC 9110, section 8.6: a server must not send Content-Length with 204",
    ),
    "Content-Length and the number of bytes sent to the client do not match.": (
        {"script, head"},
        "RFC 9110, section 9.3.2: HEAD says what GET would; the linter does not look at the method",
    ),
}
every_judge = pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    made = Ledger(tmp_path_factory.mktemp("spool"), routes=RULES)
    yield made
    made.tracker.close()


def asked(app: App, what: Ask, parts: int | None = None) -> tuple[Wire, set[str]]:
    """What reaches the server, and what was said about it. After so many parts it has enough."""
    wire, environ = Wire(), environ_of(what) | {"wsgi.file_wrapper": FileWrapper}
    with catch_warnings(record=True) as said, override_settings(ROOT_URLCONF=SYNC_URLS):
        simplefilter("always")
        answer = app(environ, wire.start_response)
        try:
            for part in answer:
                wire.parts.append(part)
                if len(wire.parts) == parts:
                    break
        finally:
            getattr(answer, "close", int)()
        del answer  # a judge warns of what is not closed as it goes
    return wire, {str(warning.message) for warning in said}


# --- the whole site ------------------------------------------------------------------------------

FORMS = {how: posted(how, BODIES["urlencoded"][1]) for how in ("whole", "pieces", "lines", "never")}
ASKED = {name: case.ask for name, case in CASES.items()} | FORMS
OWN = {
    "report": report("a" * 32),
    "refused": report("b" * 32, "http://evil.example"),
    "preflight": Ask("OPTIONS", "/_pixelpair/events"),
    "read": Ask(path="/_pixelpair/events"),
    "script": Ask(path="/_pixelpair/pixel.js"),
    "script, head": Ask("HEAD", "/_pixelpair/pixel.js"),
}


@every_judge
@pytest.mark.parametrize("name", ASKED)
def test_the_plain_door_adds_no_fault(ledger: Ledger, judge: Callable[[App], App], name: str):
    _, before = asked(judge(wsgi_site), ASKED[name])
    door = judge(PixelPairMiddleware(judge(wsgi_site), tracker=ledger.tracker))
    wire, said = asked(door, ASKED[name])
    assert said == before
    assert len(wire.starts) == 1


@every_judge
def test_the_flask_door_adds_no_fault(ledger: Ledger, judge: Callable[[App], App]):
    shop = flask(ledger.tracker)
    door: Any = shop.wsgi_app  # type: ignore[attr-defined]
    inner, door.app = door.app, judge(door.app)
    for what in ASKED.values():
        _, before = asked(judge(inner), what)
        assert asked(judge(shop), what)[1] == before


@every_judge
def test_the_django_door_adds_no_fault(ledger: Ledger, judge: Callable[[App], App]):
    """It is inside of Django: against a Django without it."""
    with override_settings(MIDDLEWARE=[]):
        bare = judge(WSGIHandler())
    django = judge(WSGI["django"](ledger.tracker))
    for what in ASKED.values():
        assert asked(django, what)[1] == asked(bare, what)[1]


@every_judge
@pytest.mark.parametrize("door", WSGI)
def test_our_own_answers_are_as_wsgi_has_them(
    ledger: Ledger, judge: Callable[[App], App], door: str
):
    app, met = judge(WSGI[door](ledger.tracker)), Counter[tuple[str, str]]()
    for name, what in OWN.items():
        met.update((text, name) for text in asked(app, what)[1])
    declared = {(text, name) for text, (cases, _) in DIFFERENT.items() for name in cases}
    assert set(met) == (declared if judge is LintMiddleware else set())


# --- every way to answer -------------------------------------------------------------------------


class Body:
    """An iterable with a close(), which counts."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks, self.closed = iter(chunks), 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.chunks)

    def close(self) -> None:
        self.closed += 1


CUT = (b"", DOCUMENT[:7], HEAD[7:], BODY, TAIL)
HTML, TEXT = "text/html; charset=utf-8", "text/plain"


def starting(make: Callable[..., Any]) -> Callable[[str], App]:
    """An app of either kind of text; `make(write, environ)` gives its body."""

    def of(kind: str) -> App:
        def app(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
            return make(start("200 OK", [("Content-Type", kind)]), environ)

        return app

    return of


def written(*chunks: bytes, then: list[bytes]) -> Callable[..., Any]:
    def make(write: Callable[[bytes], object], _environ: object) -> list[bytes]:
        for chunk in chunks:
            write(chunk)
        return then

    return make


def late(kind: str) -> App:
    def app(_environ: object, start: Callable[..., Any]) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", kind)])
        yield from CUT

    return app


def restarting(kind: str) -> App:
    def app(_environ: object, start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [("Content-Type", kind)])
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start("500 Sorry", [("Content-Type", kind)], sys.exc_info())
        return [DOCUMENT]

    return app


WAYS: dict[str, Callable[[str], App]] = {
    "list": starting(lambda _w, _e: [DOCUMENT]),
    "tuple": starting(lambda _w, _e: (HEAD, BODY + TAIL)),
    "iterator": starting(lambda _w, _e: iter(CUT)),
    "generator": starting(lambda _w, _e: (part for part in CUT)),
    "with close": starting(lambda _w, _e: Body(*CUT)),
    "written": starting(written(HEAD, BODY, TAIL, then=[])),
    "written in part": starting(written(b"", HEAD[:9], HEAD[9:], then=[BODY, TAIL])),
    "file": starting(lambda _w, environ: environ["wsgi.file_wrapper"](io.BytesIO(DOCUMENT))),
    "no parts": starting(lambda _w, _e: []),
    "no part of an iterator": starting(lambda _w, _e: iter(())),
    "an empty part": starting(lambda _w, _e: [b""]),
    "started late": late,
    "started again": restarting,
}


@every_judge
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", [HTML, TEXT])
@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_answer_becomes_a_fault(
    ledger: Ledger, judge: Callable[[App], App], way: str, kind: str, method: str
):
    app, what = WAYS[way](kind), Ask(method)
    ledger.twins()
    bare, before = asked(judge(app), what)
    wire, said = asked(judge(PixelPairMiddleware(judge(app), tracker=ledger.tracker)), what)
    assert said == before
    assert wire.answer.status == bare.answer.status
    is_page = kind == HTML and method == "GET" and way != "started again"
    changed = is_page and bare.answer.body.startswith(HEAD)
    assert (wire.answer.body != bare.answer.body) == changed
    assert names(ledger.twins()) == ["PageView"] * changed


@every_judge
@pytest.mark.parametrize("kind", [HTML, TEXT])
@pytest.mark.parametrize("way", ["iterator", "with close", "started late"])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_body_that_is_left_is_closed(
    ledger: Ledger, judge: Callable[[App], App], way: str, kind: str, parts: int
):
    """Each judge warns of a body that is thrown away unclosed, and of one that is read after."""
    app = judge(PixelPairMiddleware(judge(WAYS[way](kind)), tracker=ledger.tracker))
    wire, said = asked(app, Ask(), parts)
    assert (said, len(wire.parts)) == (set(), parts)


@every_judge
def test_an_error_in_mid_answer_closes_once(ledger: Ledger, judge: Callable[[App], App]):
    class Broken(Body):
        def __next__(self) -> bytes:
            if chunk := next(self.chunks, b""):
                return chunk
            raise ValueError("out of chairs")

    body = Broken(HEAD, BODY)
    app = judge(starting(lambda _w, _e: body)(HTML))
    with pytest.raises(ValueError, match="out of chairs"):
        asked(judge(PixelPairMiddleware(app, tracker=ledger.tracker)), Ask())
    assert body.closed == 1
