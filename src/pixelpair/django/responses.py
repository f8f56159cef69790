"""What goes into Django's response: the page's bytes, whole or as they stream, and its headers."""

from __future__ import annotations

from http.cookies import SimpleCookie
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse

from pixelpair.core.current import CURRENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pixelpair.core.exchange import Exchange
    from pixelpair.core.http import Headers
    from pixelpair.core.served import Answer


def response_of(answer: Answer) -> HttpResponse:
    """An answer of ours."""
    response = HttpResponse(answer.body, status=answer.status)
    del response["Content-Type"]
    _set_headers(response, [], answer.headers)
    return response


def is_held_stream(exchange: Exchange, response: Any) -> bool:
    """Whether a stream must be begun before the headers are known; all else is done here."""
    headers = headers_of(response)
    fixed = exchange.respond(response.status_code, headers)
    if fixed is not None and fixed is not headers:
        _set_headers(response, headers, fixed)
    if not response.streaming:
        if fixed is None:
            _whole(exchange, response)
    elif fixed is not None or exchange.watches:
        _follow(exchange, response)
    return fixed is None and response.streaming and not exchange.watches


def _follow(exchange: Exchange, response: Any) -> None:
    """A stream that passes is still its request's: its view may call track()."""
    if response.is_async:
        response.streaming_content = _fed_async(exchange, aiter(response.streaming_content))
    elif getattr(response, "file_to_stream", None) is None:  # else the server may send the file
        response.streaming_content = fed(exchange, iter(response.streaming_content))


def _whole(exchange: Exchange, response: Any) -> None:
    body = exchange.feed(response.content) + exchange.finish()
    before = headers_of(response)
    if body != response.content:
        response.content = body
    _set_headers(response, before, exchange.headers or before)


def stream(exchange: Exchange, response: Any) -> None:
    """Begin a held stream; the rest of it follows as the server asks."""
    before = headers_of(response)
    chunks = fed(exchange, iter(response))  # under WSGI, Django reads async streams whole here
    first = [next(chunks, b"")]
    _set_headers(response, before, exchange.headers or before)
    response.streaming_content = chain(first, chunks)


async def stream_async(exchange: Exchange, response: Any) -> None:
    before = headers_of(response)
    chunks = _fed_async(exchange, aiter(response.streaming_content))
    first = await anext(chunks, b"")
    _set_headers(response, before, exchange.headers or before)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    response.streaming_content = whole()


def _is_begun(exchange: Exchange) -> bool:
    """Whether the headers are known: then an empty chunk may be there to send them."""
    return exchange.passing or exchange.headers is not None


def fed(exchange: Exchange, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks with what the exchange puts into them."""
    while True:
        token = CURRENT.set(exchange)  # a streaming view may still call track()
        try:
            chunk = next(chunks, None)
        finally:
            CURRENT.reset(token)
        if chunk is None:
            break
        out = exchange.feed(chunk)
        if out or (not chunk and _is_begun(exchange)):
            yield out
    last = exchange.finish()
    if last:
        yield last


async def _fed_async(exchange: Exchange, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        token = CURRENT.set(exchange)
        try:
            chunk = await anext(chunks, None)
        finally:
            CURRENT.reset(token)
        if chunk is None:
            break
        out = exchange.feed(chunk)
        if out or (not chunk and _is_begun(exchange)):
            yield out
    last = exchange.finish()
    if last:
        yield last


def headers_of(response: Any) -> Headers:
    """A response's headers as the core has them, without its cookies."""
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.items()
    ]


def _set_headers(response: Any, before: Headers, after: Headers) -> None:
    """What changed, in Django's own terms: its cookies are no headers."""
    kept = {name for name, _ in after}
    for name, _ in before:
        if name not in kept:
            del response.headers[name.decode()]
    for name, value in after:
        if (name, value) in before:
            continue
        if name == b"set-cookie":
            _add_cookie(response.cookies, value.decode("ascii"))
        else:
            response.headers[name.decode("latin-1").title()] = value.decode("latin-1")


def _add_cookie(cookies: SimpleCookie, text: str) -> None:
    """Django sends the dict's values: a second cookie of one name needs a key of its own."""
    for name, morsel in SimpleCookie(text).items():
        key, number = name, 1
        while key in cookies:
            number += 1
            key = f"{name} ({number})"
        cookies[key] = morsel
