"""The WSGI door: any WSGI app. Flask has its own, which also sees route names."""

from __future__ import annotations

from http import HTTPStatus
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pixelpair.asking import ask
from pixelpair.core.current import CURRENT
from pixelpair.core.heard import Heard
from pixelpair.core.http import (
    WANTED_AT_DESK,
    WANTED_OF_COPIES,
    WANTED_TO_JUDGE,
    Headers,
    Request,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pixelpair.core.exchange import Exchange
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
        self._route = asked or _no_route
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
            _admit(exchange, environ)
        if exchange.listens:
            _listen(exchange, environ)
        start = _Start(exchange, start_response, self._user)
        token = CURRENT.set(exchange)
        try:
            body = self.app(environ, start)
        finally:
            CURRENT.reset(token)
        if start.sent and (exchange.passing or exchange.watches) and _runs_nothing(body, environ):
            if not exchange.passing:
                _show(exchange, body)
            return body
        fed = _Body(exchange, start, body)
        if not start.sent:
            if type(body) in (list, tuple):  # it is all there: servers tell the length of a list
                whole = b"".join(fed)
                return [whole] if whole or body else body
            fed.begin()
        is_left = start.sent and (exchange.passing or exchange.watches)
        return _Sized(fed, body) if is_left and hasattr(body, "__len__") else fed

    def _begin(self, first: Callable[[], object]) -> None:
        self._first = None
        first()


def _served(
    tracker: Tracker, environ: Environ, start_response: StartResponse
) -> list[bytes] | None:
    """Answer what comes to an address of ours; None where the app answers."""
    desk, below = tracker.desk, environ.get("PATH_INFO", "")
    request = request_of(environ, _no_route, below, tracker.wanted | WANTED_AT_DESK)
    room = desk.room(request) if desk else None
    if desk is None or room is None:
        return None
    body, inquiry = _read(environ, room), desk.inquiry(request, environ)
    if inquiry is not None:
        ask(inquiry)
    answer = desk.answer(request, body, inquiry)
    headers = [(n.decode("latin-1").title(), v.decode("latin-1")) for n, v in answer.headers]
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return [answer.body]


def _read(environ: Environ, room: int) -> bytes:
    """The first bytes of the request's body; none where the visitor has left."""
    size = environ.get("CONTENT_LENGTH") or ""
    length = min(int(size), room) if size.isdecimal() and len(size) < 10 else 0
    try:
        return environ["wsgi.input"].read(length) if length else b""
    except (OSError, ValueError):  # gunicorn's, uWSGI's and mod_wsgi's are OSErrors
        return b""


def _admit(exchange: Exchange, environ: Environ) -> None:
    given = [(n, environ[k].encode("latin-1")) for k, n in WANTED_TO_JUDGE.items() if k in environ]
    admitted = exchange.admit(given)
    if admitted is not None:
        tell(environ, admitted)


def _listen(exchange: Exchange, environ: Environ) -> None:
    """Hear the body that the app reads, if a rule asks for a field of it."""
    said = (str(environ.get(key) or "") for key in ("CONTENT_TYPE", "CONTENT_LENGTH"))
    reader = exchange.listen(*(text.encode("latin-1", "replace") for text in said))
    if reader is not None and "wsgi.input" in environ:
        environ["wsgi.input"] = Heard(environ["wsgi.input"], reader)


class _Start:
    """start_response, held until the first bytes of a page are known."""

    __slots__ = ("_exchange", "_held", "_start_response", "_user", "_write", "sent")

    def __init__(
        self,
        exchange: Exchange,
        start_response: StartResponse,
        user: Callable[[bool], object] | None,
    ) -> None:
        self._exchange = exchange
        self._start_response = start_response
        self._user = user
        self._held: tuple[Any, ...] = ()
        self._write: Any = None
        self.sent = False

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Write:
        if self.sent:  # only with exc_info: the server decides whether it is too late
            return self._start_response(status, headers, exc_info)
        try:
            pairs = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers]
            code = int(status[:3])
        except ValueError:  # not as PEP 3333 has it: the server may take it all the same
            self._exchange.passing = self.sent = True
            return self._start_response(status, headers, *([exc_info] if exc_info else []))
        if self._exchange.curious:
            self._learn(code, pairs)
        fixed = self._exchange.respond(code, pairs)
        self._held = (status, headers, pairs, exc_info)
        if fixed is None:
            self.ready()
            return self._write_through
        return self.send(fixed)

    def _learn(self, status: int, pairs: Headers) -> None:
        inquiry, user = self._exchange.inquiry(status, pairs), self._user
        if inquiry is None:
            return
        ask(inquiry)
        if user is not None:
            inquiry.learn(lambda: user(inquiry.wants_user))

    def send(self, fixed: Headers | None) -> Write:
        """Call the server's start_response, once."""
        status, headers, pairs, exc_info = self._held
        self._held = ()
        self.sent = True
        if fixed is not None and fixed is not pairs:
            headers = _named(fixed, pairs, headers)
        args = (exc_info,) if exc_info else ()
        write = self._write = self._start_response(status, headers, *args)
        return write

    def ready(self) -> bool:
        """Send the held start as soon as its headers are known."""
        if not self.sent and self._held and self._exchange.headers is not None:
            self.send(self._exchange.headers)
        return self.sent

    def _write_through(self, data: bytes) -> None:
        out = self._exchange.feed(data)
        if self.ready() and (out or not data):
            self._write(out)  # granian has none: the app breaks here as it does without us


class _Body:
    """The app's iterable with the page's bytes in it; closes what the app opened."""

    __slots__ = ("_begun", "_body", "_exchange", "_parts", "_start")

    def __init__(self, exchange: Exchange, start: _Start, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._start = start
        self._body = body
        self._parts = self._run()
        self._begun: list[bytes] = []

    def begin(self) -> None:
        """Run until the start is known: granian reads status and headers before the first part."""
        try:
            self._begun = list(islice(self._parts, 1))
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return chain(self._begun, self._parts) if self._begun else self._parts

    def _run(self) -> Iterator[bytes]:
        exchange, start = self._exchange, self._start
        chunks = iter(self._body)
        while True:
            token = CURRENT.set(exchange)  # a streaming view may still call track()
            try:
                chunk = next(chunks, None)
            finally:
                CURRENT.reset(token)
            if chunk is None:
                break
            out = exchange.feed(chunk)
            if start.ready() and (out or not chunk):
                yield out
        last = exchange.finish()
        start.ready()
        if last:
            yield last

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


class _Sized:
    """A body whose parts stay as many: servers tell the length of an answer in one from it."""

    __slots__ = ("_fed", "_own")

    def __init__(self, fed: _Body, own: Any) -> None:
        self._fed = fed
        self._own = own

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._fed)

    def __len__(self) -> int:
        return len(self._own)

    def close(self) -> None:
        self._fed.close()


def _show(exchange: Exchange, body: Iterable[bytes]) -> None:
    """Let an exchange that changes nothing see a body that is there already.

    Servers tell a list's length from it: it goes to them itself.
    """
    if isinstance(body, list | tuple):
        for chunk in body:
            exchange.feed(chunk)
        exchange.finish()
    exchange.passing = True


def _runs_nothing(body: object, environ: Environ) -> bool:
    """Whether no view can go on in this body. The server may know a faster way for a file."""
    wrapper = environ.get("wsgi.file_wrapper")  # uWSGI's is a function and gives the file back
    of_server = isinstance(wrapper, type) and isinstance(body, wrapper)
    return of_server or isinstance(body, list | tuple) or hasattr(body, "read")


def _named(fixed: Headers, pairs: Headers, given: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers as native strings; the app's own, `given` for `pairs`, as the app wrote them."""
    own = dict(zip(pairs, given, strict=True))
    names = {lower: name for (lower, _), (name, _) in own.items()}
    return [own.get(pair) or _native(pair, names) for pair in fixed]


def _native(pair: tuple[bytes, bytes], names: dict[bytes, str]) -> tuple[str, str]:
    name, value = pair
    return names.get(name) or name.decode("latin-1").title(), value.decode("latin-1")


def _no_route() -> RouteMatch | None:
    return None


def request_of(
    environ: Environ,
    route: Callable[[], RouteMatch | None],
    below: str,
    wanted: Mapping[str, bytes],
) -> Request:
    """The neutral form of a WSGI environ (PEP 3333: text is latin-1 of the raw bytes).

    `below` is the PATH_INFO that the door met: dispatchers further in shorten it in place.
    """
    mount, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    # Bottle leaves "/" behind where nothing was, once an app that it mounts has answered.
    whole = ("" if mount == "/" and path else mount) + path
    below = below if whole.endswith(below) else path
    root, raw = whole.removesuffix(below), whole.encode("latin-1")
    if not whole.isascii():
        root, below = (t.encode("latin-1").decode("utf-8", "replace") for t in (root, below))
    return Request(
        environ["REQUEST_METHOD"],
        environ.get("wsgi.url_scheme", "http"),
        environ.get("HTTP_HOST") or _server(environ),
        root.rstrip("/"),
        below or "/",
        raw.replace(b"%", b"%25"),
        environ.get("QUERY_STRING", ""),
        {name: environ[key].encode("latin-1") for key, name in wanted.items() if key in environ},
        environ.get("REMOTE_ADDR") or "",
        route(),
    )


def _server(environ: Environ) -> str:
    name, port = environ.get("SERVER_NAME", ""), environ.get("SERVER_PORT", "")
    return name if port in ("80", "443", "") else f"{name}:{port}"
