"""How a target reads its input. What the bytes do not say themselves is drawn from their checksum,
so that the same bytes are always the same case.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    T = TypeVar("T")


class Message(NamedTuple):
    """Bytes that are written like HTTP: a first line, headers, an empty line, a body."""

    first: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def index(self) -> dict[bytes, bytes]:
        return dict(reversed(self.headers))

    @property
    def text(self) -> str:
        return self.first.decode("latin-1")


def message(data: bytes) -> Message:
    """Any bytes as a message; what is no header is left out, as every server does."""
    top, _, body = data.partition(b"\n\n")
    first, *lines = top.split(b"\n")
    pairs = [line.partition(b":") for line in lines]
    headers = [(n.strip().lower(), v.strip()) for n, colon, v in pairs if colon and n.strip()]
    return Message(first, headers, body)


def drawn(data: bytes) -> Random:
    """The draws that belong to these bytes."""
    return Random(crc32(data))


def one_of(choices: Sequence[T], data: bytes) -> T:
    return choices[crc32(data) % len(choices)]


def cut(data: bytes, edges: Sequence[int]) -> list[bytes]:
    return [data[start:stop] for start, stop in pairwise([0, *edges, len(data)])]


def chunks(data: bytes) -> list[bytes]:
    """The bytes in a few pieces; long ones also in pieces of a kilobyte."""
    if len(data) > 16_384:
        return [data[at : at + 1024] for at in range(0, len(data), 1024)]
    draw = drawn(data)
    return cut(data, sorted(draw.randint(0, len(data)) for _ in range(draw.randint(1, 6))))


def bytewise(data: bytes) -> list[bytes]:
    return cut(data, range(1, len(data)))


def pumped(data: bytes, size: int = 128 * 1024) -> bytes:
    """The bytes with a piece of them repeated until they are long: what is slow shows then."""
    draw = drawn(data)
    start = draw.randint(0, len(data))
    stop = min(len(data), start + draw.choice([1, 2, 3, 5, 8, 13, 40, 400]))
    piece = data[start:stop] or b"<"
    return data[:start] + piece * (size // len(piece)) + data[stop:]
