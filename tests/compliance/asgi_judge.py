"""A strict server and a strict app at once: stands between the two and lets no message pass that
the ASGI HTTP specification (2.5, with its extensions) does not allow there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]
App = Callable[..., Any]
Check = Callable[[Any], bool]


class BreachError(AssertionError):
    """A message that is not as ASGI has it, or comes where none of its kind may."""


def _of(*kinds: type) -> Check:
    return lambda value: type(value) in kinds


def _is_status(value: object) -> bool:
    return type(value) is int and 200 <= value <= 599


def _are_links(value: object) -> bool:
    return isinstance(value, list) and all(type(link) is bytes for link in value)


def _is_address(value: object) -> bool:
    return value is None or (isinstance(value, list | tuple) and len(value) == 2)


def _is_file(value: object) -> bool:
    return hasattr(value, "fileno")


HEADERS, BOOL, TEXT, BYTES = "headers", _of(bool), _of(str), _of(bytes)
# What a message may hold beside its type; a key that ends in "!" must be there.
SENT: dict[str, dict[str, Any]] = {
    "http.response.start": {"status!": _is_status, "headers": HEADERS, "trailers": BOOL},
    "http.response.body": {"body": BYTES, "more_body": BOOL},
    "http.response.trailers": {"headers!": HEADERS, "more_trailers": BOOL},
    "http.response.pathsend": {"path!": lambda path: type(path) is str and path[:1] == "/"},
    "http.response.zerocopysend": {
        "file!": _is_file,
        "more_body": BOOL,
        "offset": _of(int),
        "count": _of(int),
    },
    "http.response.early_hint": {"links!": _are_links},
    "http.response.debug": {"info!": _of(dict)},
}
HEARD: dict[str, dict[str, Any]] = {
    "http.request": {"body": BYTES, "more_body": BOOL},
    "http.disconnect": {},
}
SCOPE: dict[str, Any] = {
    "type!": TEXT,
    "asgi!": lambda asgi: type(asgi) is dict and type(asgi.get("version")) is str,
    "http_version!": lambda version: version in ("1.0", "1.1", "2", "3"),
    "method!": lambda method: type(method) is str and method == method.upper(),
    "scheme": lambda scheme: scheme in ("http", "https"),
    "path!": TEXT,
    "raw_path": _of(bytes, type(None)),
    "query_string!": BYTES,
    "root_path": TEXT,
    "headers!": HEADERS,
    "client": _is_address,
    "server": _is_address,
    "state": _of(dict),
    "extensions": _of(dict, type(None)),
}
EXTENSIONS = {
    "http.response.trailers",
    "http.response.pathsend",
    "http.response.zerocopysend",
    "http.response.early_hint",
    "http.response.debug",
}
# Where a message may come, and where that leads; an end waits for trailers that were announced.
STEPS: dict[tuple[str, str], str] = {
    ("before", "http.response.early_hint"): "before",
    ("before", "http.response.debug"): "before",
    ("before", "http.response.start"): "begun",
    ("begun", "http.response.body"): "body",
    ("begun", "http.response.zerocopysend"): "body",
    ("begun", "http.response.pathsend"): "end",
    ("body", "http.response.body"): "body",
    ("body", "http.response.zerocopysend"): "body",
    ("trailers", "http.response.trailers"): "trailers",
}


def _need(is_right: object, what: str) -> None:
    if not is_right:
        raise BreachError(what)


def check(message: Message, keys: Mapping[str, Any], *, lower: bool = True) -> None:
    """Every key of a message, and none that is missing."""
    for key, expected in keys.items():
        name = key.removesuffix("!")
        if name not in message:
            _need(name == key, f"{name} is missing in {message}")
        elif expected is HEADERS:
            _check_headers(message[name], lower=lower)
        else:
            _need(expected(message[name]), f"{name} is {message[name]!r}")


def _check_headers(pairs: Iterable[Any], *, lower: bool) -> None:
    _need(isinstance(pairs, list | tuple), f"headers are {type(pairs)}")  # they are read twice
    for pair in pairs:
        _need(isinstance(pair, list | tuple) and len(pair) == 2, f"a header is {pair!r}")
        name, value = pair
        _need(type(name) is bytes and type(value) is bytes, f"{pair!r} is no bytes")
        _need(not lower or name == name.lower(), f"{name!r} has capitals")
        _need(name[:1] != b":" and name.strip() == name != b"", f"{name!r} is no header's name")
        _need(not {0, 10, 13} & set(value), f"{value!r} has more than one line")


@dataclass(slots=True)
class Talk:
    """Where one request and its answer are."""

    extensions: frozenset[str]
    lower: bool = True
    answer: str = "before"
    trailers: bool = False
    asked: str = "request"
    gone: bool = False
    sent: list[Message] = field(default_factory=list)

    def heard(self, message: Message) -> None:
        """A message of the server's."""
        kind = message.get("type", "")
        _need(kind in HEARD, f"{kind!r} is no message to an app")
        check(message, HEARD[kind])
        if kind == "http.disconnect":
            self.gone = True
            return
        _need(self.asked == "request" and not self.gone, "a body goes on after its end")
        self.asked = "request" if message.get("more_body", False) else "end"

    def said(self, message: Message) -> None:
        """A message of the app's."""
        kind = message.get("type", "")
        _need(kind in SENT, f"{kind!r} is no message of an app")
        _need(kind not in EXTENSIONS or kind in self.extensions, f"{kind} was not offered")
        check(message, SENT[kind], lower=self.lower)
        step = STEPS.get((self.answer, kind))
        _need(step, f"{kind} after {self.answer}")
        self.answer = self._after(str(step), message)
        self.sent.append(message)

    def _after(self, step: str, message: Message) -> str:
        if step == "begun":
            self.trailers = message.get("trailers", False)
            _need(not self.trailers or "http.response.trailers" in self.extensions, "trailers")
        if step == "trailers":
            return "trailers" if message.get("more_trailers", False) else "done"
        if step == "end" or (step == "body" and not message.get("more_body", False)):
            return "trailers" if self.trailers else "done"
        return step

    def end(self) -> None:
        """The app has returned."""
        _need(self.answer == "done" or self.gone, f"the app returned at {self.answer!r}")


def judged(app: App, talks: list[Talk] | None = None, *, lower: bool = True) -> App:
    """The app with a judge before it, for HTTP. `talks` are told of each request."""

    async def judge(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        check(scope, SCOPE)
        talk = Talk(frozenset(scope.get("extensions") or ()), lower)
        if talks is not None:
            talks.append(talk)

        async def hear() -> Message:
            message: Message = await receive()
            talk.heard(message)
            return message

        async def say(message: Message) -> None:
            talk.said(message)
            await send(message)

        await app(scope, hear, say)
        talk.end()

    return judge
