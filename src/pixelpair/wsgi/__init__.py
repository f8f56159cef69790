"""The WSGI door: any WSGI app. Flask has its own, which also sees route names."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pixelpair.asking import ask
from pixelpair.core.current import CURRENT
from pixelpair.core.http import WANTED_AT_DESK, WANTED_OF_COPIES
from pixelpair.wsgi.answers import Body, Sized, Start, runs_nothing, show
from pixelpair.wsgi.requests import admit, listen, no_route, read, request_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixelpair.core.routes import RouteMatch
    from pixelpair.settings import Settings
    from pixelpair.tracker import Tracker

    Environ = dict[str, Any]
    Write = Callable[[bytes], object]
    StartResponse = Callable[..., Write]
    App = Callable[[Environ, StartResponse], Iterable[bytes]]

_KEY = "pixelpair.served"  # in the environ: a door further out serves this request already


class PixelPairMiddleware:
    """`app.wsgi_app = PixelPairMiddleware(app.wsgi_app)`.

    `route` tells the name and parameters of the route that is being served, where a framework
    knows them; without it, rules by route name are reported as a mistake. `user` gives the user
    object that the request has loaded, or finds it if it is called with True. `first` is called at
    the first request.
    """

    def __init__(
        self,
        app: App,
        settings: Settings | None = None,
        *,
        tracker: Tracker | None = None,
        route: Callable[[], RouteMatch | None] | None = None,
        user: Callable[[bool], object] | None = None,
        first: Callable[[], object] | None = None,
    ) -> None:
        from pixelpair.tracker import Tracker  # with all that serves: not for a door's name alone

        self.app = app
        self.tracker = tracker or Tracker.for_door(settings, sees_names=route is not None)
        # Flask's proxies take 5 µs to say it.
        asked = route if self.tracker.settings.routes.uses_names else None
        self._route = asked or no_route
        self._user = user
        self._first = first

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if _KEY in environ:
            return self.app(environ, start_response)
        environ[_KEY] = True
        if self._first is not None:
            self._begin(self._first)
        tracker, below = self.tracker, environ.get("PATH_INFO", "")
        if tracker.mark in below:
            answered = _served(tracker, environ, start_response)
            if answered is not None:
                return answered
        source = (environ, self._route, below, tracker.wanted)
        exchange = tracker.begin(environ["REQUEST_METHOD"], request_of, *source)
        if not environ.keys().isdisjoint(WANTED_OF_COPIES):
            admit(exchange, environ)
        if exchange.listens:
            listen(exchange, environ)
        start = Start(exchange, start_response, self._user)
        token = CURRENT.set(exchange)
        try:
            body = self.app(environ, start)
        finally:
            CURRENT.reset(token)
        if start.sent and (exchange.passing or exchange.watches) and runs_nothing(body, environ):
            if not exchange.passing:
                show(exchange, body)
            return body
        fed = Body(exchange, start, body)
        if not start.sent:
            if type(body) in (list, tuple):  # it is all there: servers tell the length of a list
                whole = b"".join(fed)
                return [whole] if whole or body else body
            fed.begin()
        is_left = start.sent and (exchange.passing or exchange.watches)
        return Sized(fed, body) if is_left and hasattr(body, "__len__") else fed

    def _begin(self, first: Callable[[], object]) -> None:
        self._first = None
        first()


def _served(
    tracker: Tracker, environ: Environ, start_response: StartResponse
) -> list[bytes] | None:
    """Answer what comes to an address of ours; None where the app answers."""
    desk, below = tracker.desk, environ.get("PATH_INFO", "")
    request = request_of(environ, no_route, below, tracker.wanted | WANTED_AT_DESK)
    room = desk.room(request) if desk else None
    if desk is None or room is None:
        return None
    body, inquiry = read(environ, room), desk.inquiry(request, environ)
    if inquiry is not None:
        ask(inquiry)
    answer = desk.answer(request, body, inquiry)
    headers = [(n.decode("latin-1").title(), v.decode("latin-1")) for n, v in answer.headers]
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return [answer.body]
