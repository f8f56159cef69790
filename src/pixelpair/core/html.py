"""Finds, in a stream of bytes, where an HTML document's head ends and where its body starts.

Knows the grammar of HTML and nothing of what is inserted there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .html_tokens import (
    AFTER_OPENING,
    BEFORE_BODY,
    BEGINNINGS,
    CLOSE,
    EMPTY,
    HEAD,
    HEAD_TO_BODY,
    LONGEST_BEGINNING,
    MARKUP,
    OPENING,
    PLAIN_NOSCRIPT,
    PLAIN_START,
    PROLOG,
    REST_OF_TAG,
    STATES,
    TAG_NAME,
    TEMPLATE,
    Place,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD = 256 * 1024
"""A document whose head has not ended in this many bytes is left alone."""

BOM = b"\xef\xbb\xbf"
ESCAPE = b"\x1b"  # behind one, ISO-2022-JP writes its characters with "<", ">" and quotes


def usual_places(data: bytes) -> tuple[int, int] | None:
    """Where the head ends and the body starts in a document as nearly all are, or None.

    It begins with a doctype, and both places lie in this its first chunk. Agrees with HtmlStream,
    which knows all documents, in half its time.
    """
    start = PLAIN_START.match(data, 0, MAX_HEAD)
    head = HEAD.skip.match(data, start.end(), MAX_HEAD) if start else None
    body = HEAD_TO_BODY.match(data, head.end(), MAX_HEAD) if head else None
    if head is None or body is None or data.find(ESCAPE, 0, head.end()) >= 0:
        return None
    return head.end(), body.end()


class HtmlStream:
    """Bytes in, bytes out, with insertions where the head ends and where the body starts.

    `at_head_end` gets all bytes before the insertion point, once; what it returns is inserted
    there, and b"" leaves the document alone. `at_body_start` follows at most once, behind an
    explicit `<body>` tag. When one of them raises, `release` still has every byte that `feed`
    did not return, those of the current chunk included: call it, and feed nothing twice.

    `kind` is "page" once a doctype, `<html>` or `<head>` came before anything else; a "fragment"
    is left alone. Once `done`, `feed` returns its chunk itself.
    """

    __slots__ = (
        "_at_body_start",
        "_at_head_end",
        "_cuts",
        "_depth",
        "_noscripts",
        "_offset",
        "_past",
        "_place",
        "_sent",
        "_state",
        "_tail",
        "_then",
        "done",
        "kind",
    )

    def __init__(
        self,
        at_head_end: Callable[[memoryview], bytes],
        at_body_start: Callable[[], bytes],
    ) -> None:
        self._at_head_end = at_head_end
        self._at_body_start = at_body_start
        self.kind: Literal["undecided", "page", "fragment"] = "undecided"
        self.done = False
        self._place: Place = PROLOG
        self._state = MARKUP
        self._then = MARKUP  # the state behind the tag that is open
        self._depth = 0  # of templates
        self._tail = b""  # bytes to look at again with the next chunk
        self._sent = 0  # how many of them were returned already
        self._noscripts: list[int] = []  # where those are that were taken for raw text unread
        self._past: list[bytes] = []  # the document before the tail
        self._offset = 0  # of the tail in the document
        self._cuts: list[tuple[int, bytes]] = []  # insertions into the current chunk

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send now."""
        if self.done or not chunk:
            return chunk
        data = self._tail + chunk if self._tail else chunk
        self._tail = data
        end = min(len(data), MAX_HEAD - self._offset)
        kept = self._scan(data, end)
        if end < len(data):
            self.done = True
        return self._advance(data, chunk, kept)

    def finish(self) -> bytes:
        """What was held back; for a document that ends in its head, the insertion too."""
        data = self._tail
        in_head = self.kind == "page" and self._place is HEAD and self._state == MARKUP
        if in_head and not data and not self.done:
            self._end_head(data, 0)
        self.done = True
        return self._advance(data, b"", len(data))

    def release(self) -> bytes:
        """Everything not returned yet, as it came; nothing is inserted any more."""
        self.done = True
        self._cuts.clear()
        return self._advance(self._tail, b"", len(self._tail))

    def _scan(self, data: bytes, end: int) -> int:
        """Look through `data`; says from where it must be looked at again."""
        pos = 0 if self._offset else self._start(data, end)
        while not self.done:
            if self._state == MARKUP:
                if skipped := self._place.skip.match(data, pos, end):
                    pos = skipped.end()
                if end - pos <= LONGEST_BEGINNING and data[pos:end].lower() in BEGINNINGS:
                    return pos
                pos = self._token(data, pos, end)
                continue
            state = STATES[self._state]
            mark = state.mark.search(data, pos, end)
            if mark is None:
                return max(pos, end - state.reach)
            pos = mark.end()
            self._state = state.turns.get(mark.group().lower(), state.otherwise)
            if self._state in (CLOSE, EMPTY):
                self._close_tag(pos)
        return pos

    def _start(self, data: bytes, end: int) -> int:
        pos = len(BOM) if data.startswith(BOM) else 0
        plain = PLAIN_START.match(data, pos, end)
        if plain is None:
            return pos
        self._turn("page", data, pos)
        return plain.end()

    def _token(self, data: bytes, pos: int, end: int) -> int:
        """Take what begins at `pos`, where no insertion has to wait any more."""
        opening = OPENING.match(data, pos, end)
        if opening is None:
            return self._text(data, pos)
        if opening.lastgroup == "tag":
            return self._tag(data, pos, opening.end(), end)
        if opening.lastgroup == "doctype" and self._place is PROLOG:
            self._turn("page", data, pos)
        self._state = AFTER_OPENING[opening.lastgroup or ""]
        return opening.end()

    def _text(self, data: bytes, pos: int) -> int:
        verdict = self._place.text
        if verdict == "pass":
            return pos + 1
        # "&#32;" is whitespace, and Chromium drops NUL: neither need end the head.
        if self._place is HEAD and data[pos] in b"&\0":
            verdict = "doubt"
        self._turn(verdict, data, pos)
        return pos

    def _tag(self, data: bytes, pos: int, name_end: int, end: int) -> int:
        name, place = data[pos + 1 : name_end].lower(), self._place
        verdict = place.names.get(name) or (place.end if name.startswith(b"/") else place.start)
        self._turn(verdict, data, pos)
        if verdict == "head_ends" or self.done:
            return pos
        if verdict == "noscript":
            self._noscripts.append(self._offset + pos)
        self._then = verdict if verdict in STATES or verdict == "body" else MARKUP
        rest = REST_OF_TAG.match(data, name_end, end)
        if rest is None:
            self._state = TAG_NAME
            return name_end
        self._close_tag(rest.end())
        return rest.end()

    def _close_tag(self, pos: int) -> None:
        self._state = self._then
        self._then = MARKUP
        if self._state == "body":
            self._cuts.append((pos, self._at_body_start()))
            self.done = True

    def _turn(self, verdict: str, data: bytes, pos: int) -> None:
        match verdict:
            case "page":
                self.kind = "page"
                self._place = HEAD
            case "fragment":
                self.kind = "fragment"
                self.done = True
            case "doubt":
                self.done = True
            case "deeper" | "shallower":
                self._depth += 1 if verdict == "deeper" else -1
                self._place = TEMPLATE if self._depth else HEAD
            case "head_ends":
                self._end_head(data, pos)

    def _end_head(self, data: bytes, pos: int) -> None:
        head, stop = (b"".join((*self._past, data[:pos])), None) if self._past else (data, pos)
        doubtful = head.find(ESCAPE, 0, stop) >= 0 or not all(
            PLAIN_NOSCRIPT.match(head, start) for start in self._noscripts
        )
        insertion = b"" if doubtful else self._at_head_end(memoryview(head)[:stop])
        self._past.clear()
        if insertion:
            self._cuts.append((pos, insertion))
            self._place = BEFORE_BODY
        else:
            self.done = True

    def _advance(self, data: bytes, chunk: bytes, kept: int) -> bytes:
        """Let go of `data` up to `kept`, and of what may be sent although it is looked at again."""
        if self.done:
            kept = len(data)
            self._past.clear()
        elif self._place is not BEFORE_BODY:
            self._past.append(data if kept == len(data) else data[:kept])
        start, stop = self._sent, kept if self._state == MARKUP else len(data)
        self._tail, self._sent = data[kept:], stop - kept
        self._offset += kept
        cuts, self._cuts = self._cuts, []
        if not cuts and start == len(data) - len(chunk) and stop == len(data):
            return chunk
        return splice(data, start, stop, cuts)


def splice(data: bytes, start: int, stop: int, cuts: list[tuple[int, bytes]]) -> bytes:
    """`data` from `start` to `stop`, with the insertions at their places."""
    if not cuts:
        return data[start:stop]
    view = memoryview(data)
    pieces: list[bytes | memoryview] = []
    for pos, insertion in cuts:
        pieces += (view[start:pos], insertion)
        start = pos
    return b"".join((*pieces, view[start:stop]))
