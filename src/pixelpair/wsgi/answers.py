"""A WSGI answer on its way out: its start, held until it is known, and the parts of its body."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pixelpair.asking import ask
from pixelpair.core.current import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pixelpair.core.exchange import Exchange
    from pixelpair.core.http import Headers

    Environ = dict[str, Any]
    Write = Callable[[bytes], object]
    StartResponse = Callable[..., Write]


class Start:
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
            self._exchange.release()  # of an answer that this one replaces
            self.sent = True
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


class Body:
    """The app's iterable with the page's bytes in it; closes what the app opened."""

    __slots__ = ("_begun", "_body", "_exchange", "_parts", "_start")

    def __init__(self, exchange: Exchange, start: Start, body: Iterable[bytes]) -> None:
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


class Sized:
    """A body whose parts stay as many: servers tell the length of an answer in one from it."""

    __slots__ = ("_fed", "_own")

    def __init__(self, fed: Body, own: Any) -> None:
        self._fed = fed
        self._own = own

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._fed)

    def __len__(self) -> int:
        return len(self._own)

    def close(self) -> None:
        self._fed.close()


def show(exchange: Exchange, body: Iterable[bytes]) -> None:
    """Let an exchange that changes nothing see a body that is there already.

    Servers tell a list's length from it: it goes to them itself.
    """
    if isinstance(body, list | tuple):
        for chunk in body:
            exchange.feed(chunk)
        exchange.finish()
    exchange.passing = True


def runs_nothing(body: object, environ: Environ) -> bool:
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
