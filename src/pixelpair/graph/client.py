"""One conversation with Meta's Graph API: a Call, Query or Action goes out, a Reply comes back.

Knows HTTP, tokens and connections; how an answer is read is said in `replies`.
"""

from __future__ import annotations

import hmac
import os
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import orjson

from pixelpair.graph.replies import MAX_BLAMED, MAX_WAIT, Reply, read_document, read_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    import httpx

    from pixelpair.graph.replies import Body

    Reader = Callable[[int, Mapping[str, str], Body], "Reply"]

__all__ = [
    "MAX_BLAMED",
    "MAX_WAIT",
    "Action",
    "Call",
    "Graph",
    "Query",
    "Reply",
    "appsecret_proof",
    "as_text",
    "read_reply",
]

# Meta answers most calls within 0.6 s; an answer after 10 s is still worth more than a retry.
TIMEOUT: Final = 10.0
CONNECT_TIMEOUT: Final = 5.0
# A success is 100 bytes, the longest error seen 2 KB: what is longer is no answer of Graph's.
MAX_ANSWER: Final = 64 * 1024
# A page of a hundred objects, or a batch of 3000 items with 1300 bytes of errors each: six messages
# of 200 characters, or one where JSON escapes them. Reading takes four times as much memory, so
# that what is longer is asked for in halves.
MAX_DOCUMENT: Final = 4 * 1024 * 1024
# One pixel's backlog, or several pixels, are sent over so many connections at once.
CONNECTIONS: Final = 4
_DIRECT = ("all://localhost", "all://127.0.0.1", "all://[::1]")


@dataclass(frozen=True, slots=True)
class Call:
    """A POST that is ready to leave. The token travels in a header and never shows."""

    url: str
    body: bytes = field(repr=False)
    token: str = field(repr=False)
    events: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """A GET that is ready to leave. `params` stand in the URL: nothing secret belongs there."""

    url: str
    params: Mapping[str, str]
    token: str = field(repr=False)
    # A GET has no other place for it than the URL: `discreet` keeps it out of what is shown.
    appsecret_proof: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Action:
    """Something to change: a POST of JSON, of a form where there are `files`, or a DELETE, whose
    `body` stands in the URL. A body of bytes is a JSON object already.
    """

    method: Literal["POST", "DELETE"]
    url: str
    body: Mapping[str, object] | bytes = field(repr=False)
    token: str = field(repr=False)
    files: Mapping[str, tuple[str, bytes | IO[bytes], str]] | None = field(default=None, repr=False)
    appsecret_proof: str = field(default="", repr=False)


class Graph:
    """Meta's end of the wire: one HTTP client of a few connections, kept alive between calls,
    opened by the first, for any number of threads.

    Addresses of this machine are reached directly; others by the proxy of the environment, if
    there is one. `transport` replaces the network in tests.
    """

    def __init__(
        self, *, timeout: float = TIMEOUT, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.timeout = timeout
        self._transport = transport
        self._client: httpx.Client | None = None
        self._pid = 0
        self._locks: dict[int, threading.Lock] = {}

    def send(self, call: Call) -> Reply:
        """Post the call and read the answer. Never raises an httpx error."""
        headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "application/json"}
        request = {"content": call.body, "headers": headers}
        return self._exchange("POST", call.url, request, read_reply, MAX_ANSWER)

    def ask(self, query: Query) -> Reply:
        """Get what is asked for. Never raises an httpx error."""
        request = {"params": dict(query.params) | _proof(query), "headers": _bearer(query)}
        read = partial(read_document, hidden=query.token)
        return self._exchange("GET", query.url, request, read, MAX_DOCUMENT)

    def act(self, action: Action) -> Reply:
        """Change what is named. Never raises an httpx error, and never tries twice."""
        read = partial(read_document, hidden=action.token)
        sent = _request(action)
        return self._exchange(action.method, action.url, sent, read, MAX_DOCUMENT, anew=True)

    def _exchange(
        self,
        method: str,
        url: str,
        request: dict[str, Any],
        read: Reader,
        most: int,
        *,
        anew: bool = False,
    ) -> Reply:
        """One call. `anew`: what goes out may be 28 MB and take minutes on a slow line, so the
        answer's time begins with the answer."""
        import httpx  # 110 ms and 20 MB that only a process which sends has to pay

        from pixelpair.graph.discreet import discreet

        deadline = time.monotonic() + self.timeout
        try:
            client = self._open()
            sent = discreet(client.build_request(method, url, **request))
            with closing(client.send(sent, stream=True)) as response:
                if anew:
                    deadline = time.monotonic() + self.timeout
                body = _read(response, deadline, most)
                return read(response.status_code, response.headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            return Reply("silence", detail=type(error).__name__)
        except (UnicodeError, ValueError):
            # Such as a token with a line break in it; the message would show it.
            return Reply("silence", detail="the call cannot be put on the wire")

    def load(self) -> None:
        """Import all that a call needs, if nobody has yet; what is wrong then, the call tells."""
        import encodings.idna  # noqa: F401 - what looks a host up asks for it

        from pixelpair.graph import discreet  # noqa: F401

        with suppress(Exception):
            self._open()

    def close(self) -> None:
        with self._lock():
            if self._client is not None and self._pid == os.getpid():
                self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _lock(self) -> threading.Lock:
        # A process each: what another thread held during a fork is held in the child for ever.
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def _open(self) -> httpx.Client:
        with self._lock():
            # After a fork the connections are the parent's; bytes of ours would mix with its.
            if self._client is None or self._pid != os.getpid():
                self._client, self._pid = self._connect(), os.getpid()
            return self._client

    def _connect(self) -> httpx.Client:
        from urllib.request import getproxies

        import httpx

        return httpx.Client(
            timeout=httpx.Timeout(self.timeout, connect=min(self.timeout, CONNECT_TIMEOUT)),
            follow_redirects=False,
            transport=self._transport,
            limits=_limits(),
            mounts=_direct() if self._transport is None and getproxies() else {},
            headers={"Accept-Encoding": "identity", "User-Agent": "pixelpair"},
        )


def _limits() -> httpx.Limits:
    import httpx

    return httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)


def _direct() -> dict[str, httpx.HTTPTransport]:
    """A sandbox on this machine is not looked for behind the company's proxy."""
    import httpx

    return dict.fromkeys(_DIRECT, httpx.HTTPTransport(limits=_limits()))


def _read(response: httpx.Response, deadline: float, most: int) -> bytearray | None:
    """The body, or None if it is too long. An answer that drips is cut off like a silent one."""
    import httpx

    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            return None
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer dripped")
    return body


def appsecret_proof(app_secret: str, token: str) -> str:
    """What shows that a call with this token comes from the app that it was made for; "" without
    a secret.

    https://developers.facebook.com/docs/graph-api/guides/secure-requests
    """
    return hmac.digest(app_secret.encode(), token.encode(), "sha256").hex() if app_secret else ""


def _bearer(of: Query | Action) -> dict[str, str]:
    return {"Authorization": f"Bearer {of.token}"}


def _proof(of: Query | Action) -> dict[str, str]:
    return {"appsecret_proof": of.appsecret_proof} if of.appsecret_proof else {}


def _request(action: Action) -> dict[str, Any]:
    """An action as httpx takes it."""
    headers, proof, body = _bearer(action), _proof(action), action.body
    if isinstance(body, bytes) or (action.method == "POST" and not action.files):
        content = (
            _joined(proof, body) if isinstance(body, bytes) else orjson.dumps({**body, **proof})
        )
        headers["Content-Type"] = "application/json"
        return {"content": content, "headers": headers}
    form = {key: as_text(value) for key, value in body.items()} | proof
    if action.method == "DELETE":
        return {"headers": headers, "params": form}
    return {"data": form, "files": dict(action.files or {}), "headers": headers}


def _joined(more: Mapping[str, str], body: bytes) -> bytes:
    """A JSON object with more in it: what has megabytes is not read for that."""
    if not more:
        return body
    head = orjson.dumps(more)
    return head if body == b"{}" else b"".join((head[:-1], b",", memoryview(body)[1:]))


def as_text(value: object) -> str:
    """A value as it stands in a query or a form: what is no text, as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
