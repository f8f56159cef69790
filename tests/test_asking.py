"""Callables of the shop: found by their path, asked in the way that the server allows."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pixelpair import asking_async
from pixelpair.asking import Named, ask, callable_of
from pixelpair.asking_async import ask_async
from pixelpair.core.consent import parse_consent
from pixelpair.core.exchange import Exchange
from pixelpair.core.policy import Policy, Question
from tests.core.exchanges import HTML, JSON, MATCHING, digest, request, site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixelpair.core.inquiry import Inquiry

KNOWN = {"em": [digest("a@b.example")]}
ADA = {"email": "a@b.example", "phone": None}


def whose(visitor: object) -> object:
    return ADA


async def whose_later(visitor: object) -> object:
    await asyncio.sleep(0)
    return ADA


class Whose:
    """An object that can be asked."""

    def __call__(self, visitor: object) -> object:
        return ADA


class WhoseLater:
    async def __call__(self, visitor: object) -> object:
        return ADA


def failing(visitor: object) -> object:
    raise KeyError(ADA["email"])


async def failing_later(visitor: object) -> object:
    raise KeyError(ADA["email"])


def whose_promise(visitor: object) -> object:
    """Says nothing of being async, as what wraps a coroutine function does."""
    return whose_later(visitor)


WHOSE = Whose()


AGREED = {"cookie": "_pp_consent=1.1760000000"}


def serving(method: str = "GET", path: str = "/search", **asked: Any) -> Exchange:
    """A request whose visitor is asked about, which has an event by default."""
    questions = tuple(Question(kind, callable_of(it)) for kind, it in asked.items())  # type: ignore[arg-type]
    policy = Policy(
        consent=parse_consent("required"), keepsake=MATCHING.keepsake, questions=questions
    )
    shop = site(policy=policy).shop
    return Exchange(
        shop, method, lambda source: request(method, path, query="q=tea", headers=AGREED), "source"
    )


def inquiry_of(exchange: Exchange, headers: Any) -> list[Inquiry]:
    """The door's inquiry, if it makes one."""
    inquiry = exchange.inquiry(200, headers)
    return [inquiry] if inquiry is not None else []


def asked_sync(exchange: Exchange, headers: Any = HTML) -> None:
    for inquiry in inquiry_of(exchange, headers):
        ask(inquiry)


async def asked_async(exchange: Exchange, headers: Any = HTML) -> None:
    for inquiry in inquiry_of(exchange, headers):
        await ask_async(inquiry)


def told(exchange: Exchange) -> object:
    return exchange._inquiry and exchange._inquiry.learned.told


# --- by its path ---------------------------------------------------------------------------------


def test_path_is_imported_when_it_is_first_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_of_these_tests.py").write_text("def who(visitor):\n    return visitor\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop_of_these_tests", raising=False)
    named = Named("shop_of_these_tests.who")
    assert "shop_of_these_tests" not in sys.modules
    assert (named("me"), named.found() is named.found()) == ("me", True)
    assert "shop_of_these_tests" in sys.modules


@pytest.mark.parametrize(
    ("path", "error"), [("no.such.module", ImportError), (f"{__name__}.nobody", AttributeError)]
)
def test_path_that_leads_nowhere_raises_each_time(path: str, error: type[Exception]) -> None:
    named = Named(path)
    for _ in range(2):
        with pytest.raises(error):
            named("me")


def test_object_is_itself() -> None:
    assert callable_of(WHOSE) is WHOSE
    assert isinstance(callable_of("a.b"), Named)


# --- what is asked -------------------------------------------------------------------------------

SYNC = [whose, WHOSE, f"{__name__}.whose", f"{__name__}.WHOSE", partial(whose), Whose().__call__]
ASYNC = [
    whose_later,
    f"{__name__}.whose_later",
    WhoseLater(),
    partial(whose_later),
    whose_promise,
    f"{__name__}.whose_promise",
]
BROKEN = [failing, f"{__name__}.failing", "no.such.module", f"{__name__}.nobody"]
FAILED = "PIXELPAIR_IDENTIFY: the callable of the shop failed; it counts as if it knew nothing"


@pytest.mark.parametrize("question", SYNC, ids=str)
async def test_sync_callable_is_asked_by_both(question: object) -> None:
    one, other = serving(identify=question), serving(identify=question)
    asked_sync(one, HTML)
    await asked_async(other, HTML)
    assert (told(one), told(other)) == (KNOWN, KNOWN)


@pytest.mark.parametrize("question", ASYNC, ids=str)
async def test_async_callable_is_asked_in_an_event_loop_only(
    question: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine that nobody awaits would be a warning of Python's, and that an error here."""
    exchange = serving(identify=question)
    await asked_async(exchange, HTML)
    assert (told(exchange), caplog.records) == (KNOWN, [])
    exchange = serving(identify=question)
    asked_sync(exchange, HTML)
    assert not told(exchange)
    assert [(r.levelno, r.message) for r in caplog.records] == [(logging.ERROR, FAILED)]


@pytest.mark.parametrize("question", [*BROKEN, failing_later], ids=str)
async def test_callable_that_fails_knows_nothing_and_is_said_once(
    question: object, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = serving(identify=question)
    for _ in range(2):
        await asked_async(exchange, HTML)
        asked_sync(exchange, HTML)
    assert not told(exchange)
    assert [(r.levelno, r.message) for r in caplog.records] == [(logging.ERROR, FAILED)]
    assert "a@b.example" not in caplog.text  # which the callable's own error quotes
    assert caplog.records[0].exc_info is not None


NONSENSE = [7, "a@b.example", [1, 2], object(), True, {1, 2}, b"x"]


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_nonsense_is_no_information(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    exchange = serving(identify=lambda visitor: answer)
    asked_sync(exchange, HTML)
    assert not told(exchange)
    assert [(r.levelno, r.message) for r in caplog.records] == [(logging.ERROR, FAILED)]


@pytest.mark.parametrize("answer", [None, {}, [], {"email": None}])
def test_nobody_is_no_mistake(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    exchange = serving(identify=lambda visitor: answer)
    exchange._shop = site(policy=exchange._shop.policy, hashed=dict).shop
    asked_sync(exchange, HTML)
    assert (told(exchange), caplog.records) == ({}, [])


@pytest.mark.parametrize("answer", [True, False, None, 1, "yes", "", 0.0, [True]], ids=repr)
def test_only_true_is_consent_and_none_is_not_decided_yet(answer: object) -> None:
    exchange = serving(consent=lambda visitor: answer)
    asked_sync(exchange, HTML)
    expected = "pending" if answer is None else "granted" if answer is True else "denied"
    assert exchange._inquiry.learned is not None
    assert exchange._inquiry.learned.consent == expected


@pytest.mark.parametrize("answer", [True, False, None, 1, "yes"], ids=repr)
def test_only_true_is_staff(answer: object) -> None:
    exchange = serving(staff=lambda visitor: answer)
    asked_sync(exchange, HTML)
    assert exchange._inquiry.learned is not None
    assert exchange._inquiry.learned.staff is (answer is True)


def test_callable_gets_the_frameworks_own_request() -> None:
    seen: list[object] = []
    asked_sync(
        serving(
            staff=seen.append,
            consent=lambda visitor: seen.append(visitor) or True,
            identify=seen.append,
        ),
        HTML,
    )
    assert seen == ["source"] * 3


# --- where it is asked ---------------------------------------------------------------------------

ALL = ["staff", "consent", "identify"]
WHERE: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "page with an event": ({}, HTML, ALL),
    "page": ({"path": "/about"}, HTML, ["staff", "consent"]),
    "page without a rule's query": ({"path": "/products"}, HTML, ["staff", "consent"]),
    "json": ({"path": "/api"}, JSON, []),
    "json with a rule": ({"method": "POST", "path": "/cart/add"}, JSON, ALL),
    "no type": ({"path": "/about"}, [], []),
    "excluded page": ({"path": "/admin/search"}, HTML, []),
}


@pytest.mark.parametrize("where", WHERE)
def test_asked_where_it_is_wanted(where: str) -> None:
    what, headers, expected = WHERE[where]
    asked: list[str] = []
    each = {
        kind: lambda visitor, kind=kind: asked.append(kind) or kind == "consent" for kind in ALL
    }
    asked_sync(serving(**what, **each), headers)
    assert asked == expected


def test_muted_exchange_asks_nobody() -> None:
    exchange = serving(identify=failing)
    exchange.passing = True
    assert exchange.inquiry(200, HTML) is None


# --- what blocks ---------------------------------------------------------------------------------


async def test_callable_that_blocks_does_not_block_the_event_loop() -> None:
    """It waits until the event loop has gone on; asked in the loop it would wait in vain."""
    loop, goes_on = asyncio.get_running_loop(), threading.Event()

    def blocking(visitor: object) -> object:
        loop.call_soon_threadsafe(goes_on.set)
        return ADA if goes_on.wait(10) else None

    exchange = serving(identify=blocking)
    await asked_async(exchange, HTML)
    assert told(exchange) == KNOWN


@pytest.mark.parametrize("asker", [whose_later, WhoseLater()], ids=["function", "object"])
async def test_async_callable_runs_in_the_loop_of_the_request(
    asker: Callable[..., Any],
) -> None:
    loops: list[object] = []

    async def where(visitor: object) -> object:
        loops.append(asyncio.get_running_loop())
        return await asker(visitor)

    await asked_async(serving(identify=where), HTML)
    assert loops == [asyncio.get_running_loop()]


# --- what cannot leave, and who is slow ----------------------------------------------------------


@pytest.mark.parametrize("status", [199, 304, 400, 404, 500])
def test_nobody_is_asked_for_an_answer_of_which_nothing_leaves(status: int) -> None:
    assert serving(identify=failing).inquiry(status, HTML) is None


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"staff": True, "consent": True}, ["staff", "consent"]),
        ({"staff": False, "consent": False}, ["staff", "consent"]),
        ({"staff": False, "consent": True}, ["staff", "consent", "identify"]),
    ],
)
def test_who_a_visitor_is_is_asked_only_of_those_of_whom_anything_leaves(
    answers: dict[str, bool], expected: list[str]
) -> None:
    asked: list[str] = []

    def asks(kind: str) -> Callable[[object], object]:
        return lambda visitor: asked.append(kind) or answers.get(kind)

    asked_sync(serving(**{kind: asks(kind) for kind in ("staff", "consent", "identify")}))
    assert asked == expected


def test_consent_that_cannot_be_asked_is_not_given(caplog: pytest.LogCaptureFixture) -> None:
    exchange = serving(consent=failing)
    asked_sync(exchange)
    assert exchange._inquiry.learned.consent == "pending"
    assert not exchange._inquiry.learned.answered  # so that an older word is kept for later


async def test_slow_callables_do_not_wait_for_each_other() -> None:
    def slow(visitor: object) -> dict[str, str]:
        time.sleep(0.2)
        return {"email": "ada@shop.example"}

    begun = time.monotonic()
    await asyncio.gather(*[asked_async(serving(identify=slow)) for _ in range(5)])
    assert time.monotonic() - begun < 0.8


async def test_nobody_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(asking_async, "PATIENCE", 0.05)

    async def hangs(visitor: object) -> None:
        await asyncio.sleep(30)

    exchange = serving(identify=hangs)
    await asked_async(exchange)
    assert not told(exchange)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
