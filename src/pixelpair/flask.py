"""The Flask door: the WSGI door, which also knows the app's secret and its endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import has_request_context, request

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
        tracker = Tracker.for_door(self._settings, framework_secret=app.secret_key)
        app.extensions["pixelpair"] = tracker
        app.wsgi_app = PixelPairMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, tracker=tracker, route=_endpoint
        )


def _endpoint() -> RouteMatch | None:
    if not has_request_context() or request.endpoint is None:
        return None
    return request.endpoint, request.view_args or {}
