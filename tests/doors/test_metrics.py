"""Every door shows the figures of its host, the same, at an address of ours."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from pixelpair import Settings, Tracker, asgi
from pixelpair.core.readings import Reading
from tests.core.exchanges import request

from .drive import Ask, Ledger, converse, scope_of
from .fronts import FRONTS, asgi_site

TOKEN = "a-word-of-sixteen"
METRICS = "/_pixelpair/metrics"


def asked(word=TOKEN, method="GET"):
    return Ask(method, METRICS, headers=(("authorization", f"Bearer {word}"),))


@pytest.mark.parametrize("door", FRONTS)
def test_figures_are_shown_to_who_knows_the_word(door, behind):
    pytest.importorskip("prometheus_client")
    ask = behind(door, metrics_token=TOKEN)
    ask(Ask())
    answer, _ = ask(asked())
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert int(answer.headers["content-length"]) == len(answer.body)
    lines = answer.body.decode().splitlines()
    assert 'pixelpair_breaker_open{pixel="1234567890"} 0.0' in lines
    assert "pixelpair_events_queued 0.0" in lines
    head, _ = ask(asked(method="HEAD"))
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("door", FRONTS)
def test_nobody_else_is_shown_any(door, behind):
    ask = behind(door, metrics_token=TOKEN)
    for what in (Ask(path=METRICS), asked("another-word-here")):
        answer, _ = ask(what)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="pixelpair"'
        assert b"pixelpair_" not in answer.body


def test_without_a_token_the_address_is_the_shops(tmp_path):
    for options, room in (({}, None), ({"metrics_token": TOKEN}, 0)):
        made = Ledger(tmp_path / str(room), **options)
        assert made.tracker.desk.room(request("GET", METRICS)) == room
        made.tracker.close()


def test_of_many_shops_any_host_shows_them(tmp_path):
    shops = {"a.example": {"pixel_id": "1", "access_token": "t"}}
    made = Tracker(Settings(shops=shops, metrics_token=TOKEN, spool=tmp_path, sender="none"))
    rooms = [made.desk.room(request("GET", path, host="10.0.0.7")) for path in (METRICS, "/x")]
    made.close()
    assert rooms == [0, None]


@pytest.mark.parametrize("door", FRONTS)
def test_without_the_library_it_says_what_to_install(door, behind, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "pixelpair.metrics.prometheus", raising=False)
    monkeypatch.delattr("pixelpair.metrics.prometheus", raising=False)
    answer, _ = behind(door, metrics_token=TOKEN)(asked())
    assert (answer.status, b"pixelpair[prometheus]" in answer.body) == (501, True)


def test_an_event_loop_goes_on_while_figures_are_read(tmp_path):
    """An outbox may answer late: other visitors do not wait for that."""
    gate, loops = threading.Event(), []

    def slow():
        assert gate.wait(10)
        loops.append(threading.current_thread() is not threading.main_thread())
        return Reading(b"text/plain", b"up 1\n")

    made = Ledger(tmp_path / "other", metrics_token=TOKEN)
    made.tracker.desk._read = slow

    async def both():
        app = asgi.PixelPairMiddleware(asgi_site, tracker=made.tracker)
        figures = asyncio.create_task(converse(app, scope_of(asked())))
        page = await converse(app, scope_of(Ask()))
        gate.set()
        return page, await figures

    page, figures = asyncio.run(both())
    made.tracker.close()
    assert (page[0]["status"], figures[0]["status"], loops) == (200, 200, [True])
