"""An ASGI answer on its way out: its start, held until it is known, and what follows."""

from __future__ import annotations

from asyncio import to_thread
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from pixelpair.core.exchange import Exchange

    Message = MutableMapping[str, Any]
    Send = Callable[[Message], Awaitable[None]]

_FILES = frozenset({"http.response.pathsend", "http.response.zerocopysend"})
_LARGEST_FILE = 4 * 1024 * 1024  # bytes of a page that are held at once; a larger one is left alone


async def nothing() -> None:
    """What there is to send where the start is held."""


class Page:
    """The answer's start, held until the first bytes of the page are known, and what follows."""

    __slots__ = ("_exchange", "_held", "_send")

    def __init__(self, exchange: Exchange, send: Send, start: Message) -> None:
        self._exchange = exchange
        self._send = send
        self._held: Message | None = start

    def begin(self) -> Awaitable[None]:
        """Send the start that need not be held."""
        start, self._held = self._held, None
        return nothing() if start is None else self._send(start)

    async def send(self, message: Message) -> None:
        exchange, start, headers, held = self._exchange, self._held, None, b""
        if message["type"] == "http.response.pathsend" and start is not None:
            message = await _read(message)
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if type(body) is not bytes:  # Starlette has memoryviews too
                body = bytes(body)
            body = exchange.feed(body)
            if not message.get("more_body", False):
                body += exchange.finish()
            message = {**message, "body": body}
            headers = exchange.headers
        elif start is not None or message["type"] in _FILES:
            headers = None if start is None else exchange.abandon()
            held = exchange.release()
        if start is not None:
            if headers is None:
                return
            self._held = None
            await self._send({**start, "headers": headers})
        if held:
            await self._send({"type": "http.response.body", "body": held, "more_body": True})
        await self._send(message)


async def _read(message: Message) -> Message:
    """A page that the server would read from its file, as granian can; if it is there."""
    # Without asyncio's loop, as under trio; and what is no path is the server's to judge.
    with suppress(Exception):
        body = await to_thread(_page_of, Path(message["path"]))
        if len(body) <= _LARGEST_FILE:
            return {"type": "http.response.body", "body": body}
    return message


def _page_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST_FILE + 1)
