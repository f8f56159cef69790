"""What a content coding is to those who undo it: coded bytes in, plain bytes out, and back.

Knows no coding.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

# Plain bytes at a time, about: 1 MB of gzip can be 1 GB of zeros.
PIECE: Final = 64 * 1024

Fault = Literal["data", "check"]


class Packer(Protocol):
    """Plain bytes in, coded bytes out."""

    def compress(self, plain: bytes, /) -> bytes:
        """What can be sent of it now; more may be kept."""

    def flush(self) -> bytes:
        """The rest, so that all that went in can be read."""

    def finish(self) -> bytes:
        """The rest, and the end."""


class Unpacker(Protocol):
    """Coded bytes in, plain bytes out, a piece at a time.

    `complete` says that what came is whole: more is another member, or nothing of the body.
    At a fault all plain bytes before it were taken. `flushed` says, once all is taken, that what
    came up to here was meant to be read at once. `broken` is an error to every reader, where a
    Packer has flushed.
    """

    complete: bool
    fault: Fault | None
    broken: bytes

    @property
    def flushed(self) -> bool: ...

    def push(self, chunk: bytes) -> None:
        """Give it more."""

    def take(self) -> bytes:
        """The next plain bytes, b"" where there are none without more input."""

    def packer(self) -> Packer:
        """What codes as this one was coded, once something was taken."""
