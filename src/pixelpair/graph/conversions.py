"""Events joined into Conversions API calls. The bodies were serialised when the events happened:
here only bytes are joined, and what Graph says to them is put in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from pixelpair.graph.client import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pixelpair.core.events import Twin

# https://developers.facebook.com/documentation/ads-commerce/conversions-api/using-the-api
MAX_EVENTS: Final = 1000
# Meta names no limit for the bytes; 4 MB is 1000 events of 4 KB and posts in a second or two.
MAX_BYTES: Final = 4 * 1024 * 1024


def call(
    twins: Sequence[Twin],
    *,
    pixel_id: str,
    token: str,
    graph_url: str,
    version: str,
    test_event_code: str | None = None,
    partner_agent: str | None = None,
) -> Call:
    """The POST that delivers these twins, all of this pixel, at most what `portions` gives."""
    tail = b"]"
    for key, value in (("test_event_code", test_event_code), ("partner_agent", partner_agent)):
        if value:
            tail += b',"%s":%s' % (key.encode(), orjson.dumps(value))
    # One copy of a megabyte: each further one costs its pages anew, 0.3 µs an event.
    bodies = [twin.body for twin in twins] or [b""]
    bodies[0] = b'{"data":[' + bodies[0]
    bodies[-1] += tail + b"}"
    url = f"{graph_url.rstrip('/')}/{version}/{pixel_id}/events"
    return Call(url, b",".join(bodies), token, len(twins))


def portions(sizes: Iterable[int]) -> Iterator[slice]:
    """Cut a queue of bodies, given by their sizes, into slices that each fit one call."""
    sizes = list(sizes)
    if 0 < len(sizes) <= MAX_EVENTS and sum(sizes) + len(sizes) <= MAX_BYTES:
        yield slice(0, len(sizes))
        return
    start, end, total = 0, 0, 0
    for size in sizes:
        if end > start and (end - start == MAX_EVENTS or total + size + 1 > MAX_BYTES):
            yield slice(start, end)
            start, total = end, 0
        end += 1
        total += size + 1
    if end > start:
        yield slice(start, end)


def remarks(reply: Reply, sent: int) -> list[str]:
    """What a success has to say beyond that it is one, each worth a log line."""
    lines = [f"Meta says of a delivered batch: {message}" for message in reply.messages]
    if reply.received is not None and reply.received != sent:
        lines.insert(0, f"Meta counted {reply.received} of {sent} events sent")
    return lines
