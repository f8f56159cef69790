"""The figures of a shop are shown to whoever knows the word, and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.asking import ask
from pixelpair.core.readings import Gathering, Reading, Window
from pixelpair.core.served import Answer
from tests.core.exchanges import request
from tests.core.test_desk import EVENTS, desk, site

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.http import Request

TOKEN = "a-word-of-sixteen"
METRICS = "/_pixelpair/metrics"
FIGURES = Reading(b"text/plain; version=1.0.0", b"up 1\n")
NO_STORE = (b"cache-control", b"no-store")


def window(read: Callable[[], Reading | None] = lambda: FIGURES) -> Window:
    return Window(desk(site()), path="/_pixelpair", token=TOKEN, read=read)


def asked(word: str | None = f"Bearer {TOKEN}", method: str = "GET") -> Request:
    headers = {} if word is None else {"authorization": word}
    return request(method, METRICS, headers=headers)


def answered(one: Window, met: Request) -> Answer:
    """As a door does it."""
    inquiry = one.inquiry(met, None)
    if inquiry is not None:
        ask(inquiry)
    return one.answer(met, b"", inquiry)


def plain(status: int, sentence: str, *headers: tuple[bytes, bytes]) -> Answer:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    length = (b"content-length", b"%d" % len(sentence))
    return Answer(status, [kind, length, NO_STORE, *headers], sentence.encode())


@pytest.mark.parametrize("word", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_figures_are_shown_to_who_knows_the_word(word: str) -> None:
    length = (b"content-length", b"5")
    expected = Answer(200, [(b"content-type", FIGURES[0]), length, NO_STORE], b"up 1\n")
    assert answered(window(), asked(word)) == expected


WRONG = [None, "", "Bearer", TOKEN, f"Basic {TOKEN}", "Bearer x", f"Bearer {TOKEN}x", "Bearer ä"]


@pytest.mark.parametrize("word", WRONG)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_gathered_for_anybody_else(word: str | None, method: str) -> None:
    def never() -> Reading:
        raise AssertionError

    got = answered(window(never), asked(word, method))
    who = (b"www-authenticate", b'Bearer realm="pixelpair"')
    assert got == plain(401, "The metrics token is missing or wrong.", who)


@given(st.binary(max_size=40))
def test_only_the_word_is_the_word(given_bytes: bytes) -> None:
    met = asked(None)
    met.index = {b"authorization": given_bytes}
    right = given_bytes.lower().startswith(b"bearer ") and given_bytes[7:].strip() == TOKEN.encode()
    assert (answered(window(), met).status == 200) is right


def test_head_has_the_headers_and_no_body() -> None:
    whole, head = answered(window(), asked()), answered(window(), asked(method="HEAD"))
    assert head == Answer(200, whole.headers, b"")
    assert answered(window(), asked("", "HEAD")).body == b""


def test_other_methods_are_refused() -> None:
    got = answered(window(), asked(method="POST"))
    sentence = "This address does not know the method."
    assert got == plain(405, sentence, (b"allow", b"GET, HEAD"))


def test_without_the_library_it_says_what_to_install() -> None:
    got = answered(window(lambda: None), asked())
    assert got.status == 501
    assert b"pip install 'pixelpair[prometheus]'" in got.body


def test_figures_that_cannot_be_read_or_take_too_long_are_asked_for_again() -> None:
    sentence = "The figures could not be read in time."
    expected = plain(503, sentence, (b"retry-after", b"15"))
    assert answered(window(lambda: 1 / 0), asked()) == expected  # type: ignore[arg-type,return-value]
    assert window().answer(asked(), b"", Gathering(lambda: None)).status == 501
    assert window().answer(asked(), b"", None) == expected


@pytest.mark.parametrize("path", [EVENTS, "/_pixelpair/pixel.js", "/_pixelpair/other", "/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_everything_else_is_the_desks(path: str, method: str) -> None:
    one, other, met = window(), desk(site()), request(method, path)
    assert one.room(met) == other.room(met)
    assert (one.inquiry(met, None) is None) is (other.inquiry(met, None) is None)
    if other.room(met) is not None:
        assert one.answer(met, b"") == other.answer(met, b"")
    assert one.paths == other.paths | {METRICS}


def test_reads_no_body() -> None:
    assert window().room(asked(method="POST")) == 0


def test_a_gathering_is_asked_one_thing() -> None:
    found: list[Any] = [question(None) for _, question in Gathering(lambda: FIGURES).questions]
    assert found == [FIGURES]
