"""What the shop of the server matrix answers, as a table; nothing runs here."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass, replace
from hashlib import sha256

BARE = "/bare"
HEAD = b'<!doctype html>\n<html lang="en"><head><title>Tea</title></head><body><h1>Tea</h1>'
FORM = b'<form method="post" action="/cart/add"><input name="sku" value="T"><button>Add</button>'
TAIL = FORM + b'</form><a href="/etag">More</a></body></html>\n'
PAGE = HEAD + TAIL
LINES = b"".join(b"%d tea\n" % number for number in range(20_000))
HTML, PLAIN = "text/html; charset=utf-8", "text/plain"
ETAG = f'"{sha256(PAGE).hexdigest()[:8]}"'


class Gate:
    """A piece that is made when the reader has said that what came before has arrived."""


class Failure:
    """The app breaks down at this point of its answer."""


LATE = b"<p>what came before did not arrive</p>"
GATE, FAILURE = Gate(), Failure()
Part = bytes | Gate | Failure


@dataclass(frozen=True, slots=True)
class Answer:
    """What a view answers. Unsized, it says no length; `length` is one that is not true."""

    parts: tuple[Part, ...] = (PAGE,)
    type: str | None = HTML
    status: str = "200 OK"
    sized: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    file: str = ""
    writes: bool = False  # by start_response's write()
    to_head: bool = False  # also to HEAD, which no app should

    @property
    def whole(self) -> bytes:
        return b"".join(part for part in self.parts if isinstance(part, bytes))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        size = len(self.whole) if self.length is None else self.length
        sized = [("Content-Length", str(size))] if self.sized else []
        kind = [("Content-Type", self.type)] if self.type else []
        return [*kind, *sized, *self.headers, ("X-Worker", str(os.getpid()))]


def streamed(*parts: Part, kind: str = HTML) -> Answer:
    return Answer(parts, kind, sized=False)


PIECES = (HEAD, GATE, b"<p>1</p>", b"", b"<p>2</p>", TAIL)
TICKS = (b"data: 1\n\n", GATE, b"data: 2\n\n")
SEE = (("Location", "/cart"),)
ANSWERS = {
    "/": Answer(),
    "/cart": Answer((PAGE.replace(b"Tea", b"Cart"),)),
    "/unsized": streamed(PAGE),
    "/stream": streamed(*PIECES),
    "/ticks": streamed(*TICKS, kind="text/event-stream"),
    "/file": Answer((LINES,), PLAIN, file="tea.txt", headers=(("Accept-Ranges", "bytes"),)),
    "/page.html": Answer(file="tea.html"),
    "/etag": Answer(headers=(("ETag", ETAG),)),
    "/same": Answer((), None, "304 Not Modified", sized=False, headers=(("ETag", ETAG),)),
    "/redirect": Answer((), HTML, "303 See Other", headers=SEE),
    "/nothing": Answer((), None, "204 No Content", sized=False),
    "/json": Answer((b'{"tea":1}',), "application/json"),
    "/gzip": Answer((gzip.compress(PAGE, mtime=0),), headers=(("Content-Encoding", "gzip"),)),
    "/empty": Answer((), HTML, sized=False),
    "/cart/add": Answer((), HTML, "303 See Other", headers=SEE),
    "/written": Answer((HEAD, TAIL), writes=True),
    "/raises": streamed(HEAD, LINES[:3000], FAILURE, TAIL),
    "/raises/sized": Answer((HEAD, LINES[:3000], FAILURE, TAIL)),
    "/raises/first": streamed(FAILURE, PAGE),
    "/raises/plain": streamed(LINES[:3000], FAILURE, kind=PLAIN),
    "/long": Answer(length=len(PAGE) - 9),
    "/long/plain": Answer((b"too long",), PLAIN, length=4),
    "/long/pieces": Answer((HEAD, TAIL, b"more"), length=len(PAGE)),
    "/short": Answer(length=len(PAGE) + 9),
    "/chatty": Answer(to_head=True),
}


def answer_of(path: str, method: str, range_: str, match: str) -> Answer:
    """The view: it knows HEAD, and what was asked with a range or a validator."""
    answer = ANSWERS.get(path) or Answer((b"no such page",), PLAIN, "404 Not Found")
    if path == "/etag" and match == ETAG:
        return ANSWERS["/same"]
    if path == "/file" and range_.startswith("bytes="):
        return part_of(answer, *map(int, range_.removeprefix("bytes=").split("-")))
    if method == "HEAD" and not answer.to_head:
        size = len(answer.whole) if answer.length is None else answer.length
        return replace(answer, parts=(), length=size, file="", writes=False)
    return answer


def part_of(answer: Answer, first: int, last: int) -> Answer:
    given = f"bytes {first}-{last}/{len(answer.whole)}"
    headers = (*answer.headers, ("Content-Range", given))
    part = answer.whole[first : last + 1]
    return Answer((part,), answer.type, "206 Partial Content", headers=headers)
