"""The site of the doors' tests behind each door, as a plain ASGI or WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings

from pixelpair import asgi, wsgi
from tests.doors import fronts
from tests.doors.django_shop import DOOR, AsyncUrls, Door, SyncUrls

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair import Tracker

    App = Callable[..., Any]


def plain_asgi(tracker: Tracker) -> App:
    return asgi.PixelPairMiddleware(fronts.asgi_site, tracker=tracker)


def starlette(tracker: Tracker) -> App:
    app: App = fronts.starlette(tracker).ask.args[0]  # type: ignore[attr-defined]
    return app


def handler_of(kind: type, tracker: Tracker) -> App:
    """Django's own; whoever asks it overrides ROOT_URLCONF."""
    Door.TRACKERS.append(tracker)
    with override_settings(MIDDLEWARE=[DOOR], PIXELPAIR={"mode": "off"}):
        made: App = kind()
    return made


def django_asgi(tracker: Tracker) -> App:
    handler = handler_of(ASGIHandler, tracker)

    async def app(*given: Any) -> None:
        with override_settings(ROOT_URLCONF=AsyncUrls):
            await handler(*given)

    return app


def plain_wsgi(tracker: Tracker) -> App:
    return wsgi.PixelPairMiddleware(fronts.wsgi_site, tracker=tracker)


def flask(tracker: Tracker) -> App:
    app = fronts.flask_app(tracker.settings)
    app.wsgi_app.tracker = tracker  # type: ignore[attr-defined]
    return app


def django_wsgi(tracker: Tracker) -> App:
    return handler_of(WSGIHandler, tracker)  # SyncUrls must be its urls while it is asked


ASGI: dict[str, Callable[[Tracker], App]] = {
    "asgi": plain_asgi,
    "starlette": starlette,
    "django async": django_asgi,
}
WSGI: dict[str, Callable[[Tracker], App]] = {
    "wsgi": plain_wsgi,
    "flask": flask,
    "django": django_wsgi,
}
SYNC_URLS = SyncUrls
