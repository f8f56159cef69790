from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import pytest
from werkzeug.datastructures import MultiDict

import pixelpair
from pixelpair import consent, discard, flush, identify, track
from pixelpair.core.exchange import CURRENT, MUTED, Exchange
from pixelpair.core.shop import Tracked
from pixelpair.core.user_data import FIELDS
from pixelpair.errors import OutsideRequest
from pixelpair.settings import Settings
from pixelpair.start import NOTES
from pixelpair.tracker import Tracker
from tests.core.exchanges import MATCHING, digest, request, site
from tests.delivery.conftest import make_twin
from tests.delivery.sink import Answer, Sink, accepted, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tracker lives, and this process has logged nothing yet."""
    monkeypatch.setattr(NOTES, "_said", set())
    monkeypatch.delenv("PIXELPAIR_STRICT", raising=False)
    living: WeakSet[Tracker] = WeakSet()
    monkeypatch.setattr("pixelpair.tracker.LIVING", living)
    monkeypatch.setattr("pixelpair.verbs.LIVING", living)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """A request that is being served here."""
    serving = Exchange(site(policy=MATCHING).shop, "GET", request)
    token = CURRENT.set(serving)
    yield serving
    CURRENT.reset(token)


# --- in a request --------------------------------------------------------------------------------


def test_track_takes_metas_names_an_id_and_properties(exchange: Exchange) -> None:
    track("AddToCart", event_id="7", content_ids=["SKU-1"], value=19.9, currency="SEK", gift=True)
    data = {"content_ids": ["SKU-1"], "value": 19.9, "currency": "SEK", "gift": True}
    assert exchange.said.tracked == [Tracked("AddToCart", data, "7")]


def test_track_takes_a_property_called_like_its_own_parts(exchange: Exchange) -> None:
    track("Lead", name="a", data="b", exchange="c")
    expected = {"name": "a", "data": "b", "exchange": "c"}
    assert exchange.said.tracked == [Tracked("Lead", expected)]


@pytest.mark.parametrize("name", ["", "köp", "x" * 51, "a<b>", 7, None])
def test_bad_name_is_dropped_with_the_callers_line(
    exchange: Exchange, name: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        track(name)
    assert exchange._said is None
    (line,) = [r.message for r in caplog.records]
    assert line.startswith(f"{__file__}:")


def test_identify_knows_metas_fields() -> None:
    nobody, *fields = inspect.signature(identify).parameters
    assert (nobody, set(fields)) == ("nobody", set(FIELDS))


def test_identify_hands_on_what_is_given(exchange: Exchange) -> None:
    identify(email="a@b.example", phone=None)
    assert exchange.said.hashed == {"em": [digest("a@b.example")]}


def test_unknown_customer_information_is_a_type_error(exchange: Exchange) -> None:
    with pytest.raises(TypeError):
        identify(emial="a@b.example")  # type: ignore[call-arg]


def test_identify_of_nobody_forgets_what_was_said_before(exchange: Exchange) -> None:
    identify(email="a@b.example")
    identify(None)
    assert (exchange.said.hashed, exchange.said.forgets) == ({}, True)
    identify(email="c@d.example")
    assert (exchange.said.hashed, exchange.said.forgets) == ({"em": [digest("c@d.example")]}, True)


@pytest.mark.parametrize("nobody", ["a@b.example", {"email": "a@b.example"}, 7, False])
def test_identify_takes_no_other_place_than_none(nobody: Any, exchange: Exchange) -> None:
    """Seen: an address given without its name was dropped in silence."""
    with pytest.raises(TypeError):
        identify(nobody)


@pytest.mark.parametrize("given", [True, False, 1, None, "on", ""])
def test_consent_is_a_yes_or_a_no(given: Any, exchange: Exchange) -> None:
    assert exchange.said.consent is None
    consent(given)
    assert exchange.said.consent is bool(given)


def test_last_word_on_consent_counts(exchange: Exchange) -> None:
    consent(True)
    consent(False)
    assert exchange.said.consent is False


def test_discard_takes_names_or_all(exchange: Exchange) -> None:
    discard("AddToCart", "Lead")
    assert (exchange.said.discarded, exchange.said.discards_all) == ({"AddToCart", "Lead"}, False)
    discard()
    assert exchange.said.discards_all


def test_cart_that_is_emptied_after_the_act_stays_in_the_event(exchange: Exchange) -> None:
    line = MultiDict({"id": "SKU-1", "quantity": 2})
    cart, ids = [line], {"SKU-1"}
    track("Purchase", contents=cart, content_ids=ids)
    line.clear()
    cart.clear()
    ids.clear()
    data = {"contents": [{"id": "SKU-1", "quantity": 2}], "content_ids": ["SKU-1"]}
    assert exchange.said.tracked == [Tracked("Purchase", data)]


@pytest.mark.parametrize(("names", "kept"), [((["Lead"],), set()), (("Lead", None), {"Lead"})])
def test_discard_of_what_is_no_name_is_said_and_discards_nothing_else(
    names: tuple[Any, ...], kept: set[str], exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    discard(*names)
    assert (exchange.said.discarded, exchange.said.discards_all) == (kept, False)
    (line,) = [r.message for r in caplog.records]
    assert line.startswith(f"{__file__}:")


async def test_works_in_coroutines_and_their_threads(exchange: Exchange) -> None:
    async def view() -> None:
        track("Lead")

    CURRENT.set(exchange)  # pytest runs fixtures and async tests in contexts of their own
    await view()
    await asyncio.to_thread(track, "Contact")
    await asyncio.gather(asyncio.create_task(view()))
    assert [t.event_name for t in exchange.said.tracked] == ["Lead", "Contact", "Lead"]


def test_bare_executor_needs_the_context(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(track, "Lead").result()
        pool.submit(copy_context().run, track, "Contact").result()
    assert [t.event_name for t in exchange.said.tracked] == ["Contact"]
    assert "outside any request" in caplog.text


def test_requests_do_not_hear_each_other() -> None:
    shop = site().shop
    one, other = Exchange(shop, "GET", request), Exchange(shop, "GET", request)

    def serve(exchange: Exchange, name: str) -> None:
        CURRENT.set(exchange)
        track(name)

    copy_context().run(serve, one, "Lead")
    copy_context().run(serve, other, "Contact")
    assert [[t.event_name for t in e.said.tracked] for e in (one, other)] == [["Lead"], ["Contact"]]
    assert CURRENT.get() is None


def test_silent_where_the_middleware_is_inert(caplog: pytest.LogCaptureFixture) -> None:
    token = CURRENT.set(MUTED)
    track("Lead")
    identify(email="a@b.example")
    identify(None)
    consent(True)
    discard()
    CURRENT.reset(token)
    assert caplog.records == []


# --- outside any request -------------------------------------------------------------------------

VERBS = {
    "track": lambda: track("Lead", value=1),
    "identify": lambda: identify(email="a@b.example"),
    "consent": lambda: consent(True),
    "discard": lambda: discard("Lead"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_said_once_with_the_callers_line(verb: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        VERBS[verb]()
    place = f"{__file__}:{VERBS[verb].__code__.co_firstlineno}"
    text = f"pixelpair.{verb}() outside any request ({place}): nothing was reported"
    assert [(r.levelno, r.message) for r in caplog.records] == [(logging.WARNING, text)]


@pytest.mark.parametrize("verb", VERBS)
def test_raised_where_the_shop_is_strict(verb: str) -> None:
    tracker = Tracker(Settings(strict="1"))
    with pytest.raises(OutsideRequest, match=rf"pixelpair\.{verb}\(\).*test_verbs\.py"):
        VERBS[verb]()
    tracker.close()


def test_environment_says_strict_where_no_tracker_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELPAIR_STRICT", "True")
    with pytest.raises(OutsideRequest):
        track("Lead")
    tracker = Tracker(Settings(strict="0"))
    track("Lead")
    tracker.close()


def test_verbs_are_the_facades() -> None:
    assert (pixelpair.track, pixelpair.identify) == (track, identify)
    assert (pixelpair.consent, pixelpair.discard) == (consent, discard)


# --- flush ---------------------------------------------------------------------------------------


@pytest.fixture
def graph() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


def shop(graph: Sink, spool: Path, pixel_id: str = "111", **more: object) -> Tracker:
    given = {"pixel_id": pixel_id, "access_token": "t", "graph_url": graph.url, "spool": spool}
    tracker = Tracker(Settings(**given, sender="none", **more))
    pixelpair.tracker.LIVING.add(tracker)
    pixelpair.verbs.LIVING.add(tracker)
    return tracker


def put(tracker: Tracker, *numbers: int) -> None:
    now, pixel_id = int(time.time()), tracker.settings.pixel_id
    for number in numbers:
        tracker.journal.append(make_twin(number, pixel_id=pixel_id, at=now).pack())


def test_flush_sends_what_waits_in_the_spools_of_this_process(graph: Sink, tmp_path: Path) -> None:
    first, second = shop(graph, tmp_path / "a"), shop(graph, tmp_path / "b", "222")
    put(first, 1, 2)
    put(second, 3)
    assert flush(10) == 0
    assert sorted(graph.ids) == ["id-1", "id-2", "id-3"]
    put(first, 4)
    assert flush(10) == 0
    assert len(graph.events) == 4
    first.close(0)
    second.close(0)


def test_flush_of_nothing_makes_no_spool(graph: Sink, tmp_path: Path) -> None:
    assert flush() == 0
    tracker = shop(graph, tmp_path / "a")
    assert flush() == 0
    assert not (tmp_path / "a").exists()
    tracker.close(0)
    put(tracker, 1)
    assert (flush(), graph.calls) == (0, [])  # a closed shop's events are the next process's


def test_flush_counts_what_is_left(graph: Sink, tmp_path: Path) -> None:
    graph.answer = lambda events: refused(190, status=401)
    tracker = shop(graph, tmp_path / "a")
    put(tracker, 1, 2)
    assert flush(10) == 2
    graph.answer = accepted
    assert flush(10) == 0
    tracker.close(0)


def test_flush_takes_no_longer_than_it_was_given(graph: Sink, tmp_path: Path) -> None:
    release = threading.Event()

    def answer(events: list[dict[str, Any]]) -> Answer:
        release.wait(30)
        return accepted(events)

    graph.answer = answer
    tracker = shop(graph, tmp_path / "a")
    put(tracker, 1)
    began = time.monotonic()
    assert flush(0.3) == 1
    assert time.monotonic() - began < 3
    release.set()
    assert flush(10) == 0
    assert graph.ids == {"id-1": 1}
    tracker.close(0)


def test_flush_sends_what_no_disk_would_take(graph: Sink, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tracker = shop(graph, tmp_path / "file" / "a")
    put(tracker, 1)
    assert flush(10) == 0
    assert graph.ids == {"id-1": 1}
    tracker.close(0)


def test_flush_works_beside_the_thread(graph: Sink, tmp_path: Path) -> None:
    tracker = shop(graph, tmp_path / "a")
    tracker._worker.start()
    put(tracker, *range(50))
    assert flush(10) == 0
    assert len(graph.events) == 50
    tracker.close(5)
