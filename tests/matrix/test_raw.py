"""The matrices' reader takes answers that are right, and says what is wrong with others."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from . import raw
from .raw import FramingError, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntea"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@contextmanager
def saying(*answers: bytes) -> Iterator[Wire]:
    """A wire to a server that says this, one answer a request, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=_serve, args=(listening, answers))
        serving.start()
        with Wire(listening.getsockname()[1], timeout=5) as wire:
            yield wire
        serving.join()


def _serve(listening: socket.socket, answers: tuple[bytes, ...]) -> None:
    connection, _ = listening.accept()
    with connection:
        for answer in answers:
            if not connection.recv(65536):
                return
            connection.sendall(answer)


@pytest.mark.parametrize(
    ("answer", "framing", "keeps"),
    [
        (WELL, "length", True),
        (CHUNKED + b"1\r\nt\r\n2;x=y\r\nea\r\n0\r\n\r\n", "chunked", True),
        (CHUNKED + b"3\r\ntea\r\n0\r\nSum: 1\r\n\r\n", "chunked", True),
        (CLOSING + b"tea", "close", False),
        (b"HTTP/1.0 200 OK\r\n\r\ntea", "close", False),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WELL, "length", True),
    ],
)
def test_reads_what_is_right(answer: bytes, framing: str, keeps: bool) -> None:
    with saying(answer) as wire:
        reply = wire.ask("/")
    assert (reply.status, reply.body, reply.framing, reply.keeps) == (200, b"tea", framing, keeps)


@pytest.mark.parametrize(
    ("answer", "what", "so_far"),
    [
        (WELL[:-1], "ends 1 bytes early", b"te"),
        (WELL + b"!", "1 bytes after the answer: b'!'", b""),
        (CHUNKED + b"3\r\ntea\r\n", "no end of line: b''", b"tea"),
        (CHUNKED + b"2\r\ntea\r\n0\r\n\r\n", "a chunk is longer than it says", b"te"),
        (CHUNKED + b"x\r\ntea\r\n0\r\n\r\n", "no chunk: b'x'", b""),
        (b"HTTP/1.1 200 OK\r\n\r\ntea", "neither a length nor chunks nor Connection: close", b""),
        (WELL.replace(b": 3", b": +3"), "Content-Length ['+3']", b""),
        (WELL.replace(b"\r\n\r\n", b"\r\n folded\r\n\r\n"), "no header: b' folded'", b""),
        (b"tea\r\n", "no status line: b'tea'", b""),
        (b"", "no end of line: b''", b""),
    ],
)
def test_says_what_is_wrong(answer: bytes, what: str, so_far: bytes) -> None:
    with saying(answer) as wire, pytest.raises(FramingError) as caught:
        wire.ask("/")
    assert (caught.value.what, caught.value.so_far) == (what, so_far)


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n\r\n", WELL[:-3]])
def test_an_answer_without_a_body_is_followed_by_the_next(head: bytes) -> None:
    method = "HEAD" if b"200" in head else "GET"
    with saying(head, WELL) as wire:
        first, second = wire.ask("/", method), wire.ask("/")
    assert (first.framing, first.body, second.body) == ("none", b"", b"tea")


def test_a_body_for_head_spoils_the_next_answer() -> None:
    with saying(WELL, WELL) as wire, pytest.raises(FramingError):
        list(map(wire.ask, "//", ("HEAD", "GET")))


def test_a_connection_closed_without_a_word_is_told() -> None:
    with saying(WELL) as wire:
        wire.ask("/")
        with pytest.raises(FramingError, match=r"closed unannounced|no end of line"):
            wire.ask("/")


def test_one_that_nobody_has_used_for_long_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "KEPT", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=lambda: [_serve(listening, (WELL,)) for _ in range(2)])
        serving.start()
        with Wire(listening.getsockname()[1], timeout=5) as wire:
            first = wire.ask("/")
            assert wire._socket is not None
            select.select([wire._socket], [], [], 5)
            assert (wire.ask("/"), wire.opened) == (first, 2)
        serving.join()


def test_tells_of_each_piece_as_it_comes() -> None:
    seen: list[bytes] = []
    with saying(CHUNKED + b"1\r\nt\r\n2\r\nea\r\n0\r\n\r\n") as wire:
        wire.ask("/", watch=seen.append)
    assert seen == [b"t", b"tea"]
