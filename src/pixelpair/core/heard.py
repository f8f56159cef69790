"""A request's body as a file that tells a BodyReader what the app reads of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixelpair.core.forms import BodyReader

# Ways around it that would leave a hole in what is heard.
_UNHEARD = frozenset({"detach", "getbuffer", "getvalue"})


class Heard:
    """Stands before the server's file and hands on whatever is asked of it.

    What is read in a way that cannot be followed is heard no further: half a body tells nothing.
    """

    __slots__ = ("_began", "_file", "_reader")

    def __init__(self, file: Any, reader: BodyReader) -> None:
        self._file = file
        self._reader: BodyReader | None = reader
        self._began = False

    def read(self, *size: Any, **named: Any) -> Any:
        return self._told(self._file.read(*size, **named), *size, *named.values())

    def readline(self, *size: Any, **named: Any) -> Any:
        line = self._file.readline(*size, **named)
        return self._told(line, 0 if 0 in (*size, *named.values()) else 1)

    def readlines(self, *hint: Any, **named: Any) -> Any:
        lines = self._file.readlines(*hint, **named)
        for line in lines:
            self._told(line, 1)
        if not lines or not (hint or named):
            self._told(b"", 1)
        return lines

    def __iter__(self) -> Iterator[Any]:
        for line in self._file:
            yield self._told(line, 1)
        self._told(b"", 1)

    def __next__(self) -> Any:
        return self._told(next(self._file), 1)

    def __getattr__(self, name: str) -> Any:
        if name in Heard.__slots__:  # copy asks before they are there
            raise AttributeError(name)
        found = getattr(self._file, name)
        if name in ("readinto", "readinto1"):  # Werkzeug takes it where the server's file has it
            return partial(self._filled, found)
        if name == "read1":
            return partial(self._available, found)
        if name in _UNHEARD or (name == "seek" and self._began):  # what is read twice is said once
            self._reader = None
        return found

    def _filled(self, readinto: Callable[[Any], int | None], room: Any) -> int | None:
        number = readinto(room)
        if self._reader is not None and self._reader.listens:
            with memoryview(room).cast("B") as view:
                self._told(bytes(view[: number or 0]), len(view))
        return number

    def _available(self, read1: Callable[..., Any], *size: Any) -> Any:
        return self._told(read1(*size), 0 if 0 in size else 1)

    def _told(self, data: Any, size: int | None = -1, *_: Any) -> Any:
        """`data` as it is, told to the reader; the end too, where this read must have met it."""
        reader = self._reader
        if reader is None or not reader.listens:
            return data
        if not isinstance(data, bytes):
            self._reader = None
            return data
        self._began = True
        reader.feed(data)
        if size is None or size < 0 or (not data and size):
            reader.finish()
        return data
