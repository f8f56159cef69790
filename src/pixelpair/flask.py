"""The Flask door: the WSGI door, which also knows the app's secret and its endpoints."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click
from flask import current_app, g, has_request_context, request, session

from pixelpair.core.current import CURRENT
from pixelpair.wsgi import PixelPairMiddleware

if TYPE_CHECKING:
    from flask import Flask

    from pixelpair.core.routes import RouteMatch
    from pixelpair.settings import Settings


class PixelPair:
    """`PixelPair(app)`, or `PixelPair().init_app(app)` in a factory; after the secret_key is set.

    Rules by route name use Flask's endpoints: `ViewContent name:product slug=content_id`.
    """

    def __init__(self, app: Flask | None = None, settings: Settings | None = None) -> None:
        self._settings = settings
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Wrap the app's WSGI side, remember the tracker as an extension, add `flask pixelpair`."""
        from pixelpair.tracker import Tracker

        tracker = Tracker.for_door(
            self._settings, framework_secret=app.secret_key, debug=bool(app.debug)
        )
        app.extensions["pixelpair"] = tracker
        app.wsgi_app = PixelPairMiddleware(  # type: ignore[method-assign]
            app.wsgi_app,
            tracker=tracker,
            route=_endpoint,
            user=_user,
            first=lambda: tracker.say_debug() if app.debug else None,  # app.run(debug=True)
        )
        app.cli.add_command(_command(app, self._settings))
        if find_spec("flask_login") is not None:
            from flask_login import user_logged_out

            user_logged_out.connect(_forget, app)


def _command(app: Flask, given: Settings | None) -> click.Command:
    """`flask pixelpair …` is `pixelpair …` with this app's settings."""

    def read() -> Settings:
        from pixelpair.settings import Settings

        return (given or Settings.from_env()).with_default_secret(app.secret_key)

    def run(words: tuple[str, ...]) -> None:
        from pixelpair.cli import main  # with rich, which no web process needs

        sys.exit(main(words, settings=read, prog="flask pixelpair"))

    return click.Command(
        "pixelpair",
        callback=run,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
        help="Where the events of this shop are, and who sends them.",
    )


def _endpoint() -> RouteMatch | None:
    if not has_request_context() or request.endpoint is None:
        return None
    return request.endpoint, request.view_args or {}


def _user(load: bool) -> object:
    """Flask-Login's user of this request, if loaded; else, with `load`, the one of its session."""
    if "flask_login" not in sys.modules or not has_request_context():
        return None
    if "_login_user" in g or not load:
        return g.get("_login_user")
    manager = getattr(current_app, "login_manager", None)
    return None if manager is None else _stored_user(manager)


def _stored_user(manager: Any) -> object:
    """The user whom the session names, as Flask-Login would load them, without what it does then.

    The session has been saved: its _load_user() would change it, and tell the shop's listeners.
    """
    user_id, load = _user_id(manager), manager._user_callback
    return None if user_id is None or load is None else load(user_id)


def _user_id(manager: Any) -> Any:
    from flask_login import COOKIE_NAME, decode_cookie

    config = current_app.config
    mode = config.get("SESSION_PROTECTION", manager.session_protection)
    of_this = session.get("_id") == manager._session_identifier_generator()
    if mode == "strong" and session and not (of_this or session.permanent):
        return None
    cookie = request.cookies.get(config.get("REMEMBER_COOKIE_NAME", COOKIE_NAME))
    return session.get("_user_id") or (decode_cookie(cookie) if cookie else None)


def _forget(*_args: object, **_said: object) -> None:
    """Who logs out is nobody whom the next visitor of this browser should be taken for."""
    exchange = CURRENT.get()
    if exchange is not None:
        exchange.identify(None)
