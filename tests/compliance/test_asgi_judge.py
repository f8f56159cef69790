"""The judge of ASGI messages lets through what the specification allows, and nothing else."""

from __future__ import annotations

import sys

import pytest

from tests.doors.drive import Ask, scope_of

from .asgi_judge import EXTENSIONS, SCOPE, BreachError, Talk, check

START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
LAST = {"type": "http.response.body", "body": b"x"}
PART = {**LAST, "more_body": True}
HINT = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}
DEBUG = {"type": "http.response.debug", "info": {}}
TRAILED = {**START, "trailers": True}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"a", b"b")]}
PATH = {"type": "http.response.pathsend", "path": "/srv/a"}
FILE = {"type": "http.response.zerocopysend", "file": sys.stdin}
GOOD = {
    "whole": [START, LAST],
    "in parts": [START, PART, PART, LAST],
    "bare": [{"type": "http.response.start", "status": 204}, {"type": "http.response.body"}],
    "hints": [HINT, DEBUG, HINT, START, LAST],
    "trailers": [TRAILED, PART, LAST, {**TRAILERS, "more_trailers": True}, TRAILERS],
    "path": [START, PATH],
    "path and trailers": [TRAILED, PATH, TRAILERS],
    "files": [START, PART, {**FILE, "more_body": True}, FILE],
}
BAD = {
    "nothing": [],
    "no body": [START],
    "half a body": [START, PART],
    "no trailers": [TRAILED, LAST],
    "body first": [LAST],
    "two starts": [START, START, LAST],
    "after the end": [START, LAST, LAST],
    "hint too late": [START, HINT, LAST],
    "trailers unannounced": [START, LAST, TRAILERS],
    "body after trailers": [TRAILED, LAST, TRAILERS, LAST],
    "path in a body": [START, PART, PATH],
    "path that is relative": [START, {**PATH, "path": "a"}],
    "no file": [START, {**FILE, "file": 3}],
    "unknown": [{"type": "http.response.push"}, START, LAST],
    "status text": [{**START, "status": "200"}, LAST],
    "no status": [{"type": "http.response.start"}, LAST],
    "memoryview": [START, {**LAST, "body": memoryview(b"x")}],
    "more_body number": [START, {**LAST, "more_body": 0}],
    "header text": [{**START, "headers": [("a", "b")]}, LAST],
    "header capitals": [{**START, "headers": [(b"A", b"b")]}, LAST],
    "header of two lines": [{**START, "headers": [(b"a", b"b\r\nc: d")]}, LAST],
    "header of three": [{**START, "headers": [(b"a", b"b", b"c")]}, LAST],
    "headers that run dry": [{**START, "headers": iter([(b"a", b"b")])}, LAST],
    "hint text": [{**HINT, "links": ["</a>"]}, START, LAST],
}


def said(messages: list[dict], extensions: frozenset[str] = frozenset(EXTENSIONS)) -> Talk:
    talk = Talk(extensions)
    for message in messages:
        talk.said(message)
    talk.end()
    return talk


@pytest.mark.parametrize("name", GOOD)
def test_lets_every_right_answer_pass(name: str) -> None:
    assert said(GOOD[name]).sent == GOOD[name]


@pytest.mark.parametrize("name", BAD)
def test_stops_every_wrong_answer(name: str) -> None:
    with pytest.raises(BreachError):
        said(BAD[name])


@pytest.mark.parametrize("name", ["hints", "trailers", "path", "files"])
def test_stops_an_extension_that_was_not_offered(name: str) -> None:
    with pytest.raises(BreachError):
        said(GOOD[name], frozenset())


def test_an_answer_may_stay_away_from_who_has_left() -> None:
    talk = Talk(frozenset())
    talk.heard({"type": "http.disconnect"})
    talk.heard({"type": "http.disconnect"})
    talk.end()
    with pytest.raises(BreachError):
        talk.heard({"type": "http.request"})


@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.request", "body": "x"},
        {"type": "http.request", "more_body": 1},
        {"type": "websocket.receive"},
    ],
)
def test_stops_wrong_requests(message: dict) -> None:
    with pytest.raises(BreachError):
        Talk(frozenset()).heard(message)


def test_stops_a_request_that_goes_on_after_its_end() -> None:
    talk = Talk(frozenset())
    talk.heard({"type": "http.request", "more_body": True})
    talk.heard({"type": "http.request"})
    with pytest.raises(BreachError):
        talk.heard({"type": "http.request"})


@pytest.mark.parametrize(
    "wrong",
    [{"method": "get"}, {"path": b"/"}, {"query_string": ""}, {"headers": [("a", "b")]}],
    ids=str,
)
def test_stops_wrong_scopes(wrong: dict) -> None:
    check(scope_of(Ask()), SCOPE)
    with pytest.raises(BreachError):
        check({**scope_of(Ask()), **wrong}, SCOPE)
