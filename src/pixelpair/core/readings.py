"""The address where a shop's figures are read: who asks must know the word.

Decides who may read them and how an answer looks; the figures come in from outside.
"""

from __future__ import annotations

from dataclasses import replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from pixelpair.core.served import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixelpair.core.http import Request

_NO_STORE: Final = (b"cache-control", b"no-store")
_WHO: Final = (b"www-authenticate", b'Bearer realm="pixelpair"')
_METHODS: Final = (b"allow", b"GET, HEAD")
_NO_LIBRARY: Final = (
    "The Prometheus client is not installed where the shop runs: pip install"
    " 'pixelpair[prometheus]'."
)


class Reading(NamedTuple):
    """Figures as text, and what kind of text."""

    content_type: bytes
    body: bytes


class Served(Protocol):
    """What a door wants of whoever answers at the addresses of our own."""

    def room(self, request: Request) -> int | None:
        """How many bytes of the body to read at most; None where the app answers."""

    def inquiry(self, request: Request, source: object) -> Any:
        """What to ask, where it may block, before the answer; None: nothing."""

    def answer(self, request: Request, body: bytes, asked: Any = None) -> Answer:
        """The whole answer to a request that `room` claims; `asked` is its inquiry, if any."""


class Gathering:
    """The figures of one request, gathered where a door asks what may block."""

    __slots__ = ("_read", "failed", "found", "source")

    def __init__(self, read: Callable[[], Reading | None]) -> None:
        self._read = read
        self.source: object = None
        self.found: Reading | None = None
        self.failed = False

    @property
    def questions(self) -> tuple[tuple[str, Callable[[object], Reading | None]], ...]:
        return (("figures", lambda _source: self._read()),)

    def told(self, _kind: Any, found: Any) -> None:
        self.found = found

    def untold(self, _kind: Any) -> None:
        self.failed = True


class Window:
    """Answers at `{path}/metrics`, and lets the desk behind it answer everywhere else.

    `read` gives the figures as they are now; None where the library that writes them is missing.
    """

    def __init__(
        self,
        desk: Served,
        *,
        path: str,
        token: str,
        read: Callable[[], Reading | None],
    ) -> None:
        self._desk = desk
        self._path = f"{path}/metrics"
        self._expected = b"bearer " + token.encode()
        self._read = read

    @property
    def paths(self) -> frozenset[str]:
        """All addresses that are answered, below the mount."""
        return getattr(self._desk, "paths", frozenset()) | {self._path}

    def room(self, request: Request) -> int | None:
        return 0 if request.path == self._path else self._desk.room(request)

    def inquiry(self, request: Request, source: object) -> Any:
        if request.path != self._path:
            return self._desk.inquiry(request, source)
        may = self._knows(request) and request.method in ("GET", "HEAD")
        return Gathering(self._read) if may else None

    def answer(self, request: Request, body: bytes, asked: Any = None) -> Answer:
        if request.path != self._path:
            return self._desk.answer(request, body, asked)
        answer = self._answer(request, asked)
        return replace(answer, body=b"") if request.method == "HEAD" else answer

    def _answer(self, request: Request, asked: Any) -> Answer:
        if not self._knows(request):
            return _said(401, "The metrics token is missing or wrong.", _WHO)
        if request.method not in ("GET", "HEAD"):
            return _said(405, "This address does not know the method.", _METHODS)
        if not isinstance(asked, Gathering) or asked.failed:
            return _said(503, "The figures could not be read in time.", (b"retry-after", b"15"))
        if asked.found is None:
            return _said(501, _NO_LIBRARY)
        return _whole(200, asked.found.content_type, asked.found.body)

    def _knows(self, request: Request) -> bool:
        scheme, _, word = request.index.get(b"authorization", b"").partition(b" ")
        return compare_digest(scheme.lower() + b" " + word.strip(), self._expected)


def _said(status: int, sentence: str, *headers: tuple[bytes, bytes]) -> Answer:
    return _whole(status, b"text/plain; charset=utf-8", sentence.encode(), *headers)


def _whole(status: int, kind: bytes, body: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    size = b"%d" % len(body)
    length = (b"content-length", size)
    return Answer(status, [(b"content-type", kind), length, _NO_STORE, *headers], body)
