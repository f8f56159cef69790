"""The Flask door: an extension that knows the app's secret and its endpoints."""

from __future__ import annotations

import json
from functools import partial

import flask
import pytest

import pixelpair
from pixelpair import Settings, wsgi
from pixelpair.flask import PixelPair

from .drive import PIXEL, Ask, Ledger, ask_wsgi, names
from .site import DOCUMENT


@pytest.fixture
def app(ledger: Ledger) -> flask.Flask:
    """A Flask app behind the door, still without views."""
    made = flask.Flask(__name__, static_folder=None)
    PixelPair(made, ledger.tracker.settings)
    made.wsgi_app.tracker = ledger.tracker  # type: ignore[attr-defined]
    return made


def test_init_app_is_for_factories(tmp_path):
    extension = PixelPair(settings=Settings(pixel_id=PIXEL, spool=tmp_path))
    app = flask.Flask(__name__, static_folder=None)
    app.secret_key = b"of the app"
    extension.init_app(app)
    assert app.extensions["pixelpair"].settings.secret == ("of the app",)
    assert app.extensions["pixelpair"] is app.wsgi_app.tracker


def test_a_secret_of_the_settings_goes_before_the_apps(tmp_path):
    app = flask.Flask(__name__, static_folder=None)
    app.secret_key = "of the app"
    PixelPair(app, Settings(pixel_id=PIXEL, secret="ours", spool=tmp_path))
    assert app.extensions["pixelpair"].settings.secret == ("ours",)


def test_tracks_from_a_template_of_a_streamed_page(app, ledger):
    app.jinja_env.globals["track"] = pixelpair.track
    source = "<!doctype html><head>{% set _ = track('Contact') %}</head><body></body>"

    @app.get("/")
    def home() -> flask.Response:
        chunks = app.jinja_env.from_string(source).generate()
        return flask.Response(flask.stream_with_context(chunks))

    answer = ask_wsgi(app, Ask())
    assert names(answer.shown) == names(ledger.twins()) == ["PageView", "Contact"]


def test_tracks_from_an_async_view(app, ledger):
    """Flask runs it in a thread with an event loop of its own (asgiref)."""

    @app.get("/")
    async def home() -> bytes:
        pixelpair.track("Contact")
        return DOCUMENT

    ask_wsgi(app, Ask())
    assert names(ledger.twins()) == ["PageView", "Contact"]


def test_tracks_before_and_after_the_view(app, ledger):
    @app.before_request
    def before() -> None:
        pixelpair.track("Lead")

    @app.after_request
    def after(response: flask.Response) -> flask.Response:
        pixelpair.track("Contact")
        return response

    app.add_url_rule("/", "home", lambda: DOCUMENT)
    ask_wsgi(app, Ask())
    assert names(ledger.twins()) == ["PageView", "Lead", "Contact"]


def test_an_error_page_is_no_page_view(app, ledger):
    @app.get("/")
    def home() -> str:
        pixelpair.track("Contact")
        raise ZeroDivisionError

    assert ask_wsgi(app, Ask()).status == 500
    assert ask_wsgi(app, Ask(path="/nowhere")).status == 404
    assert ledger.twins() == []


def test_keeps_the_session_and_vary(app, ledger):
    app.secret_key = "of the app"

    @app.get("/")
    def home() -> bytes:
        flask.session["cart"] = ["SKU-1"]
        return DOCUMENT

    answer = ask_wsgi(app, Ask())
    assert sorted(answer.cookies) == ["_fbp", "session"]
    assert answer.headers["vary"] == "Cookie"
    assert answer.headers["content-length"] == str(len(answer.body))


def test_calls_what_waits_for_the_close(app, ledger):
    closed = []

    @app.get("/")
    def home() -> flask.Response:
        response = flask.Response(DOCUMENT)
        response.call_on_close(partial(closed.append, "closed"))
        return response

    ask_wsgi(app, Ask())
    assert closed == ["closed"]


def test_a_file_of_html_is_a_page_with_validators(app, ledger, tmp_path):
    """send_file names an ETag, so the page may be shown again: its events have no ids."""
    (tmp_path / "page.html").write_bytes(DOCUMENT)
    app.add_url_rule("/", "home", lambda: flask.send_file(tmp_path / "page.html"))
    answer = ask_wsgi(app, Ask())
    assert (names(answer.sealed), answer.shown, ledger.twins()) == (["PageView"], [], [])
    assert "-pp" in answer.headers["etag"]
    assert len(answer.body) > len(DOCUMENT)


def test_the_wsgi_door_around_the_extension_makes_one_snippet(app, ledger):
    app.add_url_rule("/", "home", lambda: DOCUMENT)
    ask_wsgi(wsgi.PixelPairMiddleware(app, tracker=ledger.tracker), Ask())
    assert names(ledger.twins()) == ["PageView"]


def test_a_known_endpoint_of_an_error_fires_no_rule(tmp_path):
    ledger = Ledger(tmp_path, routes="Lead name:home")
    app = flask.Flask(__name__, static_folder=None)
    PixelPair(app, ledger.tracker.settings)
    app.wsgi_app.tracker = ledger.tracker
    app.add_url_rule("/", "home", lambda: DOCUMENT)
    ask_wsgi(app, Ask())
    ask_wsgi(app, Ask(path="/nowhere"))
    assert names(ledger.twins()) == ["PageView", "Lead"]
    ledger.tracker.close()


def test_flask_pixelpair_is_the_command_with_the_apps_settings(tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("PIXELPAIR_SPOOL", raising=False)
    app = flask.Flask(__name__, static_folder=None)
    PixelPair(app, Settings(pixel_id=PIXEL, spool=tmp_path / "here"))
    runner = app.test_cli_runner()
    told = runner.invoke(args=["pixelpair", "status", "--json"])
    assert (told.exit_code, json.loads(told.output)["spool"]) == (0, str(tmp_path / "here"))
    assert runner.invoke(args=["pixelpair", "dead", "purge"]).exit_code == 2
    helped = runner.invoke(args=["pixelpair", "dead", "list", "--help"])
    assert helped.output.startswith("usage: flask pixelpair dead list [-h]")
    assert runner.invoke(args=["pixelpair", "drain"]).exit_code == 2  # no token
