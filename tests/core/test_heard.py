from __future__ import annotations

import copy
import io
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpair.core.exchange import Exchange
from pixelpair.core.forms import BodyReader
from pixelpair.core.heard import Heard

from .exchanges import routes, site

if TYPE_CHECKING:
    from collections.abc import Callable

FORM = b"application/x-www-form-urlencoded"
BODY = b"sku=TEA-1\n&qty=2\n&note=\n"
LENGTH = b"%d" % len(BODY)


def heard(file: Any, length: bytes | None = None) -> tuple[Heard, BodyReader]:
    reader = BodyReader(FORM, length)
    return Heard(file, reader), reader


def into(file: Heard, name: str, size: int) -> bytes:
    room = bytearray(size)
    return bytes(room[: getattr(file, name)(room)])


# Every way to read a file, as often as `size` bytes at a time need.
WAYS: dict[str, Callable[[Any, int], bytes]] = {
    "read": lambda file, size: file.read(size),
    "readline": lambda file, _size: file.readline(),
    "readline of a size": lambda file, size: file.readline(size),
    "readlines of a hint": lambda file, size: b"".join(file.readlines(size)),
    "next": lambda file, _size: next(file, b""),
    "read1": lambda file, size: file.read1(size),
    "readinto": lambda file, size: into(file, "readinto", size),
    "readinto1": lambda file, size: into(file, "readinto1", size),
}
WHOLE: dict[str, Callable[[Any], bytes]] = {
    "read": lambda file: file.read(),
    "read of -1": lambda file: file.read(-1),
    "read of None": lambda file: file.read(None),
    "readlines": lambda file: b"".join(file.readlines()),
    "iteration": lambda file: b"".join(file),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.integers(1, 9)), max_size=60))
def test_whatever_is_read_in_whatever_way_is_heard_once(steps: list[tuple[str, int]]):
    (file, reader), plain = heard(io.BytesIO(BODY), LENGTH), io.BytesIO(BODY)
    got = b"".join(WAYS[way](file, size) for way, size in steps)
    assert got == b"".join(WAYS[way](plain, size) for way, size in steps)
    assert reader.value("qty") == ("2" if got == BODY else None)


@pytest.mark.parametrize("way", [*WAYS, *WHOLE])
def test_the_end_of_a_body_without_a_length_is_met(way: str):
    file, reader = heard(io.BytesIO(BODY))
    if way in WHOLE and way != "read":
        assert WHOLE[way](file) == BODY
    else:
        assert b"".join(iter(lambda: WAYS[way](file, 7), b"")) == BODY
    is_met = way != "next"  # it ends without a word for those who do not ask for one
    assert reader.value("sku") == ("TEA-1" if is_met else None)


@pytest.mark.parametrize("way", WHOLE)
def test_the_rest_is_the_end(way: str):
    file, reader = heard(io.BytesIO(BODY))
    assert file.read(4) + WHOLE[way](file) == BODY
    assert reader.value("sku") == "TEA-1"


@pytest.mark.parametrize("way", ["read", "readline of a size", "read1", "readinto"])
def test_reading_no_bytes_is_not_the_end(way: str):
    file, reader = heard(io.BytesIO(BODY))
    assert WAYS[way](file, 0) == b""
    assert (reader.listens, file.read()) == (True, BODY)
    assert reader.value("sku") == "TEA-1"


def test_a_body_that_is_read_again_is_heard_once():
    file, reader = heard(io.BytesIO(BODY), LENGTH)
    assert file.read() == BODY
    file.seek(0)
    assert file.read() == BODY
    assert reader.value("sku") == "TEA-1"


def test_what_was_read_in_part_and_again_tells_nothing():
    """Joined, its last value would be another's first."""
    file, reader = heard(io.BytesIO(BODY))
    file.read(9)
    file.seek(0)
    assert file.read() == BODY
    assert reader.value("sku") is None


def test_a_file_that_is_measured_before_it_is_read_is_heard():
    """So does Django under ASGI."""
    with SpooledTemporaryFile() as spooled:
        spooled.write(BODY)
        spooled.seek(0)
        file, reader = heard(spooled)
        assert file.seekable()
        file.seek(0, io.SEEK_END)
        file.seek(0)
        assert file.read() == BODY
    assert reader.value("sku") == "TEA-1"


@pytest.mark.parametrize("way", ["getvalue", "getbuffer", "detach"])
def test_a_way_around_tells_nothing(way: str):
    own: Any = io.BytesIO(BODY) if way != "detach" else io.BufferedReader(io.BytesIO(BODY))
    file, reader = heard(own)
    file.read(9)
    getattr(file, way)
    file.read()
    assert reader.value("sku") is None


def test_whatever_else_the_servers_file_has_is_there():
    class Input(io.BytesIO):
        _discarded = "for the server's own use"

    own = Input(BODY)
    file, _ = heard(own)
    assert (file._discarded, file.closed, hasattr(file, "fileno")) == (own._discarded, False, True)
    with pytest.raises(AttributeError, match="rfile"):
        _ = file.rfile
    file.close()
    assert own.closed


def test_a_copy_is_the_same_file():
    file, _ = heard(io.BytesIO(BODY))
    assert copy.copy(file).read() + file.read() == BODY


def test_wrappers_of_the_standard_library_read_through_it():
    file, reader = heard(io.BytesIO(BODY), LENGTH)
    assert io.TextIOWrapper(io.BufferedReader(file)).read() == BODY.decode()  # type: ignore[arg-type]
    assert reader.value("qty") == "2"


@pytest.mark.parametrize("said", [None, "sku=TEA-1"])
def test_a_file_that_gives_no_bytes_is_handed_on(said: object):
    class Odd:
        def read(self, *_: object) -> object:
            return said

        def readlines(self, *_: object) -> list[object]:
            return [said]

    file, reader = heard(Odd())
    assert (file.read(5), file.readlines(), file.read()) == (said, [said], said)
    assert reader.value("sku") is None


def test_what_is_too_large_is_handed_on_without_a_copy():
    file, reader = heard(io.BytesIO(b"x" * 200_000))
    assert sum(map(len, iter(lambda: file.read(1000), b""))) == 200_000
    assert not reader.listens


def test_a_request_that_cannot_be_read_costs_its_events_and_nothing_else():
    place = site(routes=routes("AddToCart POST /cart/add form:sku=content_id"))

    def broken() -> Any:
        raise LookupError

    exchange = Exchange(place.shop, "POST", broken)
    assert exchange.listens
    assert exchange.listen(FORM, LENGTH) is None
    assert place.counts == {"failures": 1}
    assert exchange.respond(302, []) == []
    assert (exchange.passing, place.sent) == (True, [])
