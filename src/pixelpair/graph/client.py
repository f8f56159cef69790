"""One conversation with Meta's Graph API: a Call goes out, a Reply comes back, errors as values.

Knows HTTP and the shape of Graph's answers; what an answer means for an event is not said here.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.request import getproxies

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    import httpx

    Reader = Callable[[int, Mapping[str, str], bytes | None], "Reply"]

# Meta answers most calls within 0.6 s; an answer after 10 s is still worth more than a retry.
TIMEOUT: Final = 10.0
CONNECT_TIMEOUT: Final = 5.0
# A success is 100 bytes, the longest error seen 2 KB: what is longer is no answer of Graph's.
MAX_ANSWER: Final = 64 * 1024
# A query's answer has a row for each event name, or a page of a hundred objects.
MAX_DOCUMENT: Final = 4 * 1024 * 1024
# One pixel's backlog, or several pixels, are sent over so many connections at once.
CONNECTIONS: Final = 4
# A refusal may name fields of many events; what is beyond these is not looked at.
MAX_BLAMED, MAX_DEPTH, MAX_NAME = 50, 8, 60
# Headers may ask for patience, but not for ever.
MAX_WAIT: Final = 3600.0

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


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    `accepted`: Graph took events. `answered`: it answered a query, with this `document`.
    `refused`: Graph's error object. `garbage`: something answered, but not as Graph does.
    `silence`: nobody answered. `wait` is the least delay asked for, in seconds. `blamed` are paths
    into the call's body, such as (data, 0, user_data, fbc). `date` is Graph's clock when it
    answered, in whole Unix seconds. `detail` is our own words; `title` and `messages` are Meta's.
    """

    kind: Literal["accepted", "answered", "refused", "garbage", "silence"]
    status: int | None = None
    code: int | None = None
    subcode: int | None = None
    transient: bool | None = None
    received: int | None = None
    title: str = ""
    messages: tuple[str, ...] = ()
    trace: str = ""
    wait: float = 0.0
    detail: str = ""
    blamed: tuple[tuple[str, ...], ...] = ()
    date: float | None = None
    document: Mapping[str, Any] | None = None


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
        headers = {"Authorization": f"Bearer {query.token}"}
        request = {"params": dict(query.params), "headers": headers}
        return self._exchange("GET", query.url, request, read_document, MAX_DOCUMENT)

    def _exchange(
        self, method: str, url: str, request: dict[str, Any], read: Reader, most: int
    ) -> Reply:
        import httpx  # 110 ms and 20 MB that only a process which sends has to pay

        deadline = time.monotonic() + self.timeout
        try:
            with self._open().stream(method, url, **request) as response:
                body = _read(response, deadline, most)
                return read(response.status_code, response.headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            return Reply("silence", detail=type(error).__name__)
        except (UnicodeError, ValueError):
            # Such as a token with a line break in it; the message would show it.
            return Reply("silence", detail="the call cannot be put on the wire")

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


def _read(response: httpx.Response, deadline: float, most: int) -> bytes | None:
    """The body, or None if it is too long. An answer that drips is cut off like a silent one."""
    import httpx

    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            return None
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer dripped")
    return bytes(body)


def read_document(status: int, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """The Reply in the HTTP answer to a query, whatever it is made of."""
    answer = _answer(status, headers, body)
    if isinstance(answer, Reply):
        return answer
    if 200 <= status < 300:
        return Reply("answered", status, wait=_wait(headers), date=_date(headers), document=answer)
    return Reply("garbage", status, wait=_wait(headers), detail=f"HTTP {status} with unknown JSON")


def _answer(status: int, headers: Mapping[str, str], body: bytes | None) -> dict[str, Any] | Reply:
    """The JSON object of an answer that is no error, or what the answer is instead."""
    wait = _wait(headers)
    if body is None:
        return Reply("garbage", status, wait=wait, detail="an answer that is too long")
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        kind = "an HTML page" if body[:512].lstrip()[:1] == b"<" else "no JSON object"
        return Reply("garbage", status, wait=wait, detail=f"HTTP {status} with {kind}")
    if isinstance(answer.get("error"), dict):
        return _refusal(status, answer["error"], wait, _date(headers))
    return answer


def read_reply(status: int, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """The Reply in an HTTP answer, whatever it is made of."""
    wait = _wait(headers)
    answer = _answer(status, headers, body)
    if isinstance(answer, Reply):
        return answer
    received = _whole(answer.get("events_received"))
    if 200 <= status < 300 and received is not None and answer.get("success") is not False:
        return Reply(
            "accepted",
            status,
            received=received,
            messages=_texts(answer.get("messages")),
            trace=_text(answer.get("fbtrace_id")),
            date=_date(headers),
        )
    return Reply("garbage", status, wait=wait, detail=f"HTTP {status} with unknown JSON")


def _refusal(status: int, error: dict[str, Any], wait: float, date: float | None) -> Reply:
    transient = error.get("is_transient")
    return Reply(
        "refused",
        status,
        code=_whole(error.get("code")),
        subcode=_whole(error.get("error_subcode")),
        transient=transient if isinstance(transient, bool) else None,
        title=_text(error.get("error_user_title")),
        trace=_text(error.get("fbtrace_id")),
        wait=wait,
        blamed=_blamed(error.get("error_data")),
        date=date,
    )


def _blamed(data: object) -> tuple[tuple[str, ...], ...]:
    """The `blame_field_specs` in an error's data, which is an object or the JSON text of one."""
    if isinstance(data, str):
        try:
            data = orjson.loads(data)
        except ValueError:
            return ()
    specs = data.get("blame_field_specs") if isinstance(data, dict) else None
    paths = specs[:MAX_BLAMED] if isinstance(specs, list) else []
    return tuple(path for spec in paths if (path := _path(spec)))


def _path(spec: object) -> tuple[str, ...]:
    """The names and numbers that lead to a field; () where it is no path."""
    if not isinstance(spec, list) or len(spec) > MAX_DEPTH:
        return ()
    names = [str(name) for name in spec if isinstance(name, str) or type(name) is int]
    fitting = len(names) == len(spec) and all(len(name) <= MAX_NAME for name in names)
    return tuple(names) if fitting else ()


def _date(headers: Mapping[str, str]) -> float | None:
    """When Graph answered, by its own clock (RFC 9110: in whole seconds of GMT)."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).replace(tzinfo=UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _wait(headers: Mapping[str, str]) -> float:
    """The longest delay that `Retry-After` or the usage headers ask for, in seconds."""
    asked = [_retry_after(headers.get("retry-after", ""), time.time())]
    asked += _regain_times(headers.get("x-business-use-case-usage", ""))
    return min(max(asked), MAX_WAIT)


def _retry_after(value: str, now: float) -> float:
    """Seconds to wait by a `Retry-After` header, which is a number or a date (RFC 9110)."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return 0.0


def _regain_times(value: str) -> list[float]:
    """Meta's `estimated_time_to_regain_access` (minutes) per business and kind of call."""
    try:
        usage = json.loads(value) if value else {}
    except (ValueError, RecursionError):
        return []
    businesses = usage.values() if isinstance(usage, dict) else ()
    calls = [call for kinds in businesses if isinstance(kinds, list) for call in kinds]
    minutes = [
        call.get("estimated_time_to_regain_access") for call in calls if isinstance(call, dict)
    ]
    return [
        float(m) * 60 for m in minutes if isinstance(m, int | float) and m > 0 and math.isfinite(m)
    ]


def _whole(value: object) -> int | None:
    """Graph's numbers, which some proxies and versions send as strings of digits."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object, limit: int = 80) -> str:
    """One short printable line of what Meta wrote."""
    if not isinstance(value, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in value[: limit * 4]).split())
    return line[:limit]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(v, 200) for v in value[:10] if v) if isinstance(value, list) else ()
