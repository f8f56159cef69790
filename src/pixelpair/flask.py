"""The Flask door: the WSGI door, which also knows the app's secret and its endpoints."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from flask import current_app, g, has_request_context, request

from pixelpair.core.exchange import CURRENT
from pixelpair.tracker import Tracker
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
        """Wrap the app's WSGI side and remember the tracker as an extension."""
        tracker = Tracker.for_door(
            self._settings, framework_secret=app.secret_key, debug=bool(app.debug)
        )
        app.extensions["pixelpair"] = tracker
        app.wsgi_app = PixelPairMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, tracker=tracker, route=_endpoint, user=_user
        )
        if find_spec("flask_login") is not None:
            from flask_login import user_logged_out

            user_logged_out.connect(_forget, app)


def _endpoint() -> RouteMatch | None:
    if not has_request_context() or request.endpoint is None:
        return None
    return request.endpoint, request.view_args or {}


def _user(load: bool) -> object:
    """Flask-Login's user of this request: the one that it has loaded, unless `load` says more."""
    login = sys.modules.get("flask_login")
    if login is None or not has_request_context():
        return None
    if load and hasattr(current_app, "login_manager"):
        return login.utils._get_user()
    return g.get("_login_user")


def _forget(*_args: object, **_said: object) -> None:
    """Who logs out is nobody whom the next visitor of this browser should be taken for."""
    exchange = CURRENT.get()
    if exchange is not None:
        exchange.identify(None)
