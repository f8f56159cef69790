"""How every door starts, with settings that are missing, wrong or meant for others."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings

import pixelpair
from pixelpair import OutsideRequest, Settings, Tracker, asgi, wsgi
from pixelpair.tracker import LIVING

from .django_shop import AsyncUrls, SyncUrls
from .drive import PIXEL, Answer, Ask, ask_asgi, ask_wsgi, names
from .fronts import FRONTS, asgi_site, flask_app, wsgi_site
from .site import CASES, DOCUMENT, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIDDLEWARE = ["pixelpair.django.PixelPairMiddleware"]


def through_django(
    handler: type, urls: type, ask: Callable[[Any, Ask], Answer]
) -> Callable[..., Callable[[Ask], Answer]]:
    def start(**given: object) -> Callable[[Ask], Answer]:
        with override_settings(MIDDLEWARE=MIDDLEWARE, **given):
            app = handler()

        def ask_it(what: Ask) -> Answer:
            with override_settings(ROOT_URLCONF=urls):
                return ask(app, what)

        return ask_it

    return start


in_django = through_django(WSGIHandler, SyncUrls, ask_wsgi)
in_async_django = through_django(ASGIHandler, AsyncUrls, ask_asgi)

# Each as its documentation shows it, with nothing but the environment.
STARTS: dict[str, Callable[[], Callable[[Ask], Answer]]] = {
    "asgi": lambda: lambda ask: ask_asgi(asgi.PixelPairMiddleware(asgi_site), ask),
    "wsgi": lambda: lambda ask: ask_wsgi(wsgi.PixelPairMiddleware(wsgi_site), ask),
    "flask": lambda: lambda ask: ask_wsgi(flask_app(), ask),
    "django": in_django,
    "django async": in_async_django,
}
every_door = pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("PIXELPAIR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIXELPAIR_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("PIXELPAIR_SENDER", "none")
    before = set(LIVING)
    yield
    for tracker in set(LIVING) - before:
        tracker.close(0)


@every_door
def test_without_settings_is_inert_and_says_so_once(start, said):
    for _ in range(2):
        assert start()(Ask(path="/products/SKU-1")).body == DOCUMENT
    assert said() == [("WARNING", "no PIXELPAIR_PIXEL_ID: pixelpair is inert")]


@pytest.mark.parametrize("door", FRONTS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_inert_door_changes_nothing(door: str, case: Case, said):
    front = FRONTS[door](Tracker(Settings(pixel_id=PIXEL, mode="off")))
    assert front.ask(case.ask) == case.reply.answer()
    assert said() == []


@every_door
def test_without_a_token_only_the_pixel_runs(start, said, monkeypatch, tmp_path):
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", PIXEL)
    for _ in range(2):
        answer = start()(Ask(path="/products/SKU-1"))
        assert names(answer.shown) == ["PageView", "ViewContent"]
    text = "no PIXELPAIR_ACCESS_TOKEN: only the browser halves of events leave"
    assert said() == [("WARNING", text)]
    assert not (tmp_path / "spool").exists()


@every_door
def test_mistakes_are_said_once_and_the_shop_works(start, said, monkeypatch):
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", "12-34")
    monkeypatch.setenv("PIXELPAIR_SENDER", "pigeon")
    for _ in range(2):
        assert start()(Ask(path="/products/SKU-1")).body == DOCUMENT
    [(level, text)] = said()
    assert level == "ERROR"
    assert ("PIXELPAIR_PIXEL_ID" in text, "PIXELPAIR_SENDER" in text) == (True, True)


@every_door
def test_a_spool_that_cannot_be_made_stops_no_shop(start, monkeypatch, tmp_path, said):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PIXELPAIR_SPOOL", str(tmp_path / "file" / "spool"))
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", PIXEL)
    monkeypatch.setenv("PIXELPAIR_ACCESS_TOKEN", "token")
    monkeypatch.setenv("PIXELPAIR_SECRET", "secret")
    assert names(start()(Ask()).shown) == ["PageView"]
    assert [text for _, text in said() if "cannot be written" in text]


def test_a_rule_by_name_is_a_mistake_where_no_names_are_seen(said, monkeypatch):
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", PIXEL)
    monkeypatch.setenv("PIXELPAIR_ROUTES", "Lead name:home")
    assert STARTS["wsgi"]()(Ask()).body == DOCUMENT
    assert [(level, "name: rules need" in text) for level, text in said()] == [("ERROR", True)]


@pytest.mark.parametrize("start", [STARTS["flask"], in_django], ids=["flask", "django"])
def test_a_rule_by_name_is_none_where_names_are_seen(start, said, monkeypatch):
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", PIXEL)
    monkeypatch.setenv("PIXELPAIR_ROUTES", "Lead name:goods")
    assert names(start()(Ask(path="/goods/SKU-7")).shown) == ["PageView", "Lead"]
    assert [level for level, _ in said()] == ["WARNING"]


# --- Django's own settings --------------------------------------------------------------------


def test_djangos_dict_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", "1")
    monkeypatch.setenv("PIXELPAIR_PAGE_VIEW", "off")
    answer = in_django(PIXELPAIR={"pixel_id": PIXEL})(Ask(path="/products/SKU-1"))
    assert f'"pixel":"{PIXEL}"'.encode() in answer.body
    assert names(answer.shown) == ["ViewContent"]


@pytest.mark.parametrize(
    "given", [{"pixel": "1"}, {"PIXEL_ID": PIXEL, "secret": 7}, "12", ["pixel_id"], {1: 2}]
)
def test_mistakes_in_djangos_dict_stop_no_shop(given, said):
    assert in_django(PIXELPAIR=given)(Ask()).body == DOCUMENT
    assert [level for level, _ in said()] == ["ERROR"]


def test_a_django_without_a_secret_key_starts(monkeypatch):
    monkeypatch.setenv("PIXELPAIR_PIXEL_ID", PIXEL)
    assert names(in_django(SECRET_KEY="")(Ask()).shown) == ["PageView"]


def test_djangos_secret_key_is_the_default_secret(tmp_path):
    """A Purchase's id derives from it: another key, another id."""
    found = set()
    for key in ("one", "one", "two"):
        options = {"pixel_id": PIXEL, "access_token": "token", "spool": tmp_path}
        answer = in_django(PIXELPAIR=options, SECRET_KEY=key)(CASES["purchase"].ask)
        found.add(answer.shown[1][2])
    assert len(found) == 2


# --- track() where no request is --------------------------------------------------------------


def test_outside_any_request_names_the_callers_line_once(said):
    for _ in range(2):
        pixelpair.track("Contact")
    [(level, text)] = said()
    line = test_outside_any_request_names_the_callers_line_once.__code__.co_firstlineno + 2
    assert level == "WARNING"
    assert text == (
        f"pixelpair.track() outside any request ({__file__}:{line}): nothing was reported"
    )


@pytest.mark.parametrize(
    "call", [lambda: pixelpair.track("Contact"), pixelpair.identify, pixelpair.discard]
)
def test_outside_any_request_raises_where_the_shop_is_strict(call, monkeypatch):
    strict = Tracker(Settings(strict=True))
    monkeypatch.setattr("pixelpair.verbs.LIVING", weakref.WeakSet([strict]))
    with pytest.raises(OutsideRequest, match=r"outside any request \(.*test_starts.py:\d+\)"):
        call()


def test_a_door_after_the_request_is_outside_of_it(said, ledger):
    ask_wsgi(wsgi.PixelPairMiddleware(wsgi_site, tracker=ledger.tracker), Ask())
    ask_asgi(asgi.PixelPairMiddleware(asgi_site, tracker=ledger.tracker), Ask())
    pixelpair.track("Contact")
    assert len(said()) == 1
    assert names(ledger.twins()) == ["PageView", "PageView"]


# --- debug mode ----------------------------------------------------------------------------------

LOUD = "the framework runs in debug mode, and events go to Meta itself WITHOUT a test event code"
DEBUGS: dict[str, tuple[str, Callable[[], object]]] = {
    "flask": ("FLASK_DEBUG", flask_app),
    "django": ("", lambda: in_django(DEBUG=True)),
    "django async": ("", lambda: in_async_django(DEBUG=True)),
}
HARMLESS = {
    "a test code": {"PIXELPAIR_TEST_EVENT_CODE": "TEST1"},
    "the sandbox": {"PIXELPAIR_GRAPH_URL": "http://127.0.0.1:8765"},
}


def in_debug_mode(door: str, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    variable, start = DEBUGS[door]
    real = {"PIXELPAIR_PIXEL_ID": PIXEL, "PIXELPAIR_ACCESS_TOKEN": "EAAtoken", **environ}
    for name, value in (*real.items(), ("PIXELPAIR_SECRET", "ours"), (variable or "X", "1")):
        monkeypatch.setenv(name, value)
    for _ in range(2):
        start()


@pytest.mark.parametrize("door", DEBUGS)
def test_debug_mode_that_reaches_meta_is_said_once(door, monkeypatch, said):
    in_debug_mode(door, monkeypatch)
    ((level, text),) = said()
    assert (level, text.startswith(LOUD)) == ("WARNING", True)


@pytest.mark.parametrize("door", DEBUGS)
@pytest.mark.parametrize("why", HARMLESS)
def test_debug_mode_that_harms_nobody_is_quiet(door, why, monkeypatch, said):
    in_debug_mode(door, monkeypatch, **HARMLESS[why])
    assert said() == []


@pytest.mark.parametrize("code", ["", "TEST1"])
@pytest.mark.parametrize("debug", [True, False])
def test_debug_mode_that_flask_is_run_in_is_said_at_the_first_request(
    debug, code, monkeypatch, said
):
    """Seen: `app.run(debug=True)` comes after PixelPair(app), and nothing was said."""
    for name, value in (("PIXEL_ID", PIXEL), ("ACCESS_TOKEN", "EAAtoken"), ("SECRET", "ours")):
        monkeypatch.setenv(f"PIXELPAIR_{name}", value)
    monkeypatch.setenv("PIXELPAIR_TEST_EVENT_CODE", code)
    app = flask_app()
    app.debug = debug
    assert said() == []
    for _ in range(2):
        ask_wsgi(app, Ask())
    loud = [("WARNING", LOUD)] if debug and not code else []
    assert [(level, text[: len(LOUD)]) for level, text in said()] == loud


@every_door
def test_shop_that_is_no_developers_is_quiet(start, monkeypatch, said):
    for name, value in (("PIXEL_ID", PIXEL), ("ACCESS_TOKEN", "EAAtoken"), ("SECRET", "ours")):
        monkeypatch.setenv(f"PIXELPAIR_{name}", value)
    start()
    assert said() == []
